"""A production start refuses what is for development, plain or missing (ADR 0024)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.intake.reporters.contacts import load
from shared.kernel.settings import BadSettings, Settings, UnsafeForProduction
from shared.kernel.suites import INTERNATIONAL, SM
from tests.processes import run

SAFE = {
    "ZM_ISSUER": "https://id.example",
    "ZM_DATABASE_URL": "postgresql+asyncpg://zm@db.example/zm?ssl=verify-full",
    "ZM_NATS_URL": "tls://a.example,tls://b.example",
    "ZM_NATS_SEED_FILE": "seed",
}
OF_INTAKE = {
    "ZM_VAULT_DATABASE_URL": "postgresql+asyncpg://zm@/vault?host=/run/postgresql",
    "ZM_VAULT_NATS_SEED_FILE": "seed",
    "ZM_TRANSIT_URL": "https://keys.example",
    "ZM_TRANSIT_TOKEN_FILE": "token",
    "ZM_CONTACTS_FILE": "contacts.json",
}


def settings(folder: Path, **env: str) -> Settings:
    return Settings.from_env("intake", {**SAFE, "ZM_KEYS_DIR": str(folder), **env})


def test_production_is_the_default(tmp_path: Path) -> None:
    """Nobody becomes a development system by forgetting a variable."""
    assert settings(tmp_path).production


PLAIN = ("", "?ssl=require", "?ssl=prefer", "?ssl=disable", "?host=db.example")


def test_a_password_stands_in_a_file(tmp_path: Path) -> None:
    """And what stands in the environment itself holds."""
    file = tmp_path / "url"
    file.write_text("postgresql+asyncpg://zm:secret@db/zm\n")
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "VAULT_DATABASE_URL"):
        env = {"ZM_PROFILE": "development", f"ZM_{name}_FILE": str(file)}
        assert (
            getattr(Settings.from_env("intake", env), name.lower()) == "postgresql+asyncpg://zm:secret@db/zm"
        )
        here = "postgresql+asyncpg://zm@here/zm"
        told = Settings.from_env("intake", {**env, f"ZM_{name}": here})
        assert getattr(told, name.lower()) == here


@pytest.mark.parametrize(
    "env",
    [
        {"ZM_CLOCK_FILE": "clock"},
        {"ZM_ISSUER": "http://127.0.0.1:8080/issuer"},
        {"ZM_ISSUER": "https://zm.example/issuer"},
        {"ZM_TRANSIT_URL": "http://127.0.0.1:8200"},
        {"ZM_FAILPOINT": "store.after_commit:1"},
        {"ZM_OUTGOING_REPORTER_MESSAGE": "files"},
        {"ZM_OUTGOING_REPORTER_MESSAGE": "http://sms.example/send"},
        {"ZM_OUTGOING_REPORTER_MESSAGE": ""},
        {"ZM_ISSUER": "http://id.example"},
        {"ZM_JWKS_URL": "http://id.example/jwks"},
        {"ZM_OTLP_URL": "http://collector.example:4318/v1/traces"},
        {"ZM_NATS_URL": "nats://a.example"},
        {"ZM_NATS_URL": "tls://a.example,nats://b.example"},
        {"ZM_NATS_URL": "a.example:4222"},
        *({"ZM_DATABASE_URL": f"postgresql+asyncpg://zm@db.example/zm{ssl}"} for ssl in PLAIN),
        *({"ZM_OWNER_DATABASE_URL": f"postgresql+asyncpg://zm@db.example/zm{ssl}"} for ssl in PLAIN),
        *({"ZM_VAULT_DATABASE_URL": f"postgresql+asyncpg://zm@db.example/zm{ssl}"} for ssl in PLAIN),
        *({"ZM_VAULT_OWNER_DATABASE_URL": f"postgresql+asyncpg://zm@db.example/zm{ssl}"} for ssl in PLAIN),
        {"ZM_REPORT_DIFFICULTY": "0"},
        {"ZM_REPORT_DIFFICULTY": "11"},
        {"ZM_REPORT_DIFFICULTLY": "16"},
    ],
    ids=repr,
)
def test_production_refuses_development_parts(tmp_path: Path, env: dict[str, str]) -> None:
    """Simulated clock, development issuer, failpoints."""
    with pytest.raises(UnsafeForProduction):
        settings(tmp_path, **env)
    assert not settings(tmp_path, **env, ZM_PROFILE="development").production


def test_the_suite_is_chosen_by_name(tmp_path: Path) -> None:
    """A mistyped name does not quietly become the default."""
    assert settings(tmp_path).suite is INTERNATIONAL
    assert settings(tmp_path, ZM_SUITE="sm").suite is SM
    with pytest.raises(SystemExit, match="ZM_SUITE"):
        settings(tmp_path, ZM_SUITE="SM4")


def test_production_refuses_development_keys(tmp_path: Path) -> None:
    """Keys that the embedded stack generated carry a mark."""
    (tmp_path / "DEVELOPMENT").touch()
    with pytest.raises(UnsafeForProduction):
        settings(tmp_path)


@pytest.mark.parametrize("profile", ["Production", "prod", " production", "dev", ""])
def test_a_mistyped_profile_is_none(tmp_path: Path, profile: str) -> None:
    """A mistyped profile became development, with all that development may do."""
    with pytest.raises(SystemExit, match="ZM_PROFILE"):
        settings(tmp_path, ZM_PROFILE=profile)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZM_ROLES", "wroker"),
        ("ZM_ROLES", ""),
        ("ZM_ROLES", "api,"),
        ("ZM_ROLES", "api-worker"),
        ("ZM_PORT", "80a"),
        ("ZM_POOL_SIZE", "0"),
        ("ZM_POOL_SIZE", "-1"),
        ("ZM_MAX_IN_FLIGHT", "1e3"),
        ("ZM_MAX_BODY_BYTES", "１"),
        ("ZM_REPORT_DIFFICULTY", ""),
        ("ZM_ISSUER", "id.example"),
        ("ZM_JWKS_URL", "ftp://id.example/jwks"),
        ("ZM_DATABASE_URL", "postgresql+asyncpg://zm@db.example/zm?sslmode=verify-full"),
        ("ZM_VAULT_OWNER_DATABASE_URL", "postgresql+asyncpg://zm@db.example/zm?sslmode=verify-full"),
    ],
)
@pytest.mark.parametrize("profile", ["production", "development"])
def test_a_mistyped_value_is_refused_by_its_name(tmp_path: Path, profile: str, name: str, value: str) -> None:
    with pytest.raises(SystemExit, match=name):
        settings(tmp_path, ZM_PROFILE=profile, **{name: value})


def test_a_process_takes_one_role_or_both(tmp_path: Path) -> None:
    for roles, (api, worker) in {
        "api": (True, False),
        "worker": (False, True),
        "worker, api": (True, True),
    }.items():
        told = settings(tmp_path, ZM_ROLES=roles)
        assert (told.api, told.worker) == (api, worker)


@pytest.mark.parametrize("where", ["keys", "seed", "vault seed", "token"])
def test_production_refuses_secrets_that_everybody_may_read(tmp_path: Path, where: str) -> None:
    """The keys folder, the seeds of the broker, the token of the key service."""
    keys, beside = tmp_path / "keys", tmp_path / "secret"
    keys.mkdir()
    secret = keys / "bus.key" if where == "keys" else beside
    secret.write_bytes(b"x")
    named = {
        "seed": "ZM_NATS_SEED_FILE",
        "vault seed": "ZM_VAULT_NATS_SEED_FILE",
        "token": "ZM_TRANSIT_TOKEN_FILE",
    }
    env = {named[where]: str(secret)} if where in named else {}
    secret.chmod(0o640)
    assert settings(keys, **env).production
    for mode in (0o644, 0o602, 0o601):
        secret.chmod(mode)
        with pytest.raises(UnsafeForProduction, match=secret.name):
            settings(keys, **env)
    assert not settings(keys, **env, ZM_PROFILE="development").production


@pytest.mark.parametrize("missing", [*SAFE, *OF_INTAKE])
def test_production_serves_nothing_before_it_is_told_everything(tmp_path: Path, missing: str) -> None:
    """An empty issuer is the `iss` of a token that names none; without a broker nothing is ever heard."""
    env = {**SAFE, **OF_INTAKE, "ZM_KEYS_DIR": str(tmp_path)}
    Settings.from_env("intake", env).check_complete()
    del env[missing]
    with pytest.raises(UnsafeForProduction, match=f"{missing}: not set"):
        Settings.from_env("intake", env).check_complete()
    if missing in OF_INTAKE:
        Settings.from_env("verification", env).check_complete()
    env["ZM_PROFILE"] = "development"
    if missing.endswith("DATABASE_URL"):
        with pytest.raises(BadSettings, match=f"{missing}: not set"):
            Settings.from_env("intake", env).check_complete()
    else:
        Settings.from_env("intake", env).check_complete()


def test_production_refuses_default_keys(tmp_path: Path) -> None:
    """A key of equal bytes is nobody's secret."""
    (tmp_path / "bus.key").write_bytes(bytes(32))
    (tmp_path / "bus.key").chmod(0o600)
    with pytest.raises(UnsafeForProduction, match="random"):
        settings(tmp_path).key("bus.key")
    (tmp_path / "bus.key").write_bytes(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        settings(tmp_path).key("bus.key")


def test_messages_wait_in_production_until_somebody_says_where_they_go(tmp_path: Path) -> None:
    """In development they are files."""
    way = "https://sms.example/send"
    told = settings(tmp_path, ZM_OUTGOING_REPORTER_MESSAGE=way, ZM_OUTGOING_DIR="out")
    assert (told.way_out("reporter-message"), told.way_out("other")) == (way, "")
    assert settings(tmp_path, ZM_PROFILE="development").way_out("other") == "files"


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """A whole environment of a production intake, with all its files."""
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("store-intake.key", "store-vault.key", "bus.key", "vault.key"):
        (folder / name).write_bytes(os.urandom(32))
    for name in ("seed", "token", "root.pem"):
        (tmp_path / name).write_text("x")
    for file in (*folder.iterdir(), *tmp_path.glob("*")):
        file.chmod(0o700 if file.is_dir() else 0o600)
    return {
        **SAFE,
        **OF_INTAKE,
        "ZM_KEYS_DIR": str(folder),
        "ZM_NATS_SEED_FILE": str(tmp_path / "seed"),
        "ZM_VAULT_NATS_SEED_FILE": str(tmp_path / "seed"),
        "ZM_TRANSIT_TOKEN_FILE": str(tmp_path / "token"),
        "ZM_CONTACTS_FILE": "shared/language/organs/data/contacts.json",
        "PGSSLROOTCERT": str(tmp_path / "root.pem"),
    }


BAD: list[tuple[dict[str, str | None], list[str]]] = [
    (
        {"ZM_POOL_SIZE": "ten", "ZM_ROLES": "apiserver", "ZM_POOLSIZE": "10", "ZM_PORT": "80000"},
        [
            "ZM_ROLES: of api, worker",
            "ZM_PORT: a whole number from 0 to 65535",
            "ZM_POOL_SIZE: a whole number from 1",
            "ZM_POOLSIZE: there is no such setting",
        ],
    ),
    (
        {"ZM_ISSUER": None, "ZM_NATS_URL": None, "ZM_DATABASE_URL": None},
        [
            "ZM_ISSUER: not set",
            "ZM_DATABASE_URL: not set",
            "ZM_NATS_URL: not set",
        ],
    ),
    (
        {"ZM_JWKS_URL": "http://id.example/jwks", "ZM_TRANSIT_URL": "keys.example"},
        [
            "ZM_TRANSIT_URL: no URL",
            "ZM_JWKS_URL: needs TLS (https)",
        ],
    ),
    (
        {"ZM_DATABASE_URL": "postgres://zm:secret@db/zm?ssl=verify-full", "ZM_VAULT_DATABASE_URL": "secret"},
        [
            "ZM_DATABASE_URL: a URL like postgresql+asyncpg://user@host/database",
            "ZM_VAULT_DATABASE_URL: a URL like postgresql+asyncpg://user@host/database",
        ],
    ),
    (
        {"ZM_DATABASE_URL": "postgresql+asyncpg://zm@db/zm?ssl=verify-full&sslrootcert=x"},
        ["ZM_DATABASE_URL: no such option: sslrootcert"],
    ),
    (
        {"ZM_DATABASE_URL": "postgresql+asyncpg://zm@db:port/zm?ssl=verify-full"},
        ["ZM_DATABASE_URL: a URL like"],
    ),
    (
        {"ZM_DATABASE_URL": None, "ZM_DATABASE_URL_FILE": "nowhere"},
        ["ZM_DATABASE_URL_FILE: cannot be used (No such file or directory)", "ZM_DATABASE_URL: not set"],
    ),
    ({"PGSSLROOTCERT": "nowhere"}, ["PGSSLROOTCERT: cannot be used (No such file or directory)"]),
    (
        {"PGSSLROOTCERT": None, "HOME": "nowhere"},
        ["PGSSLROOTCERT: not set; nobody vouches for the databases"],
    ),
    (
        {"ZM_NATS_SEED_FILE": "nowhere", "ZM_TRANSIT_TOKEN_FILE": "shared", "ZM_CLOCK_JUMP_SECONDS": "0"},
        [
            "ZM_CLOCK_JUMP_SECONDS: a whole number from 1 to 3600",
            "ZM_NATS_SEED_FILE: cannot be used (No such file or directory)",
            "ZM_TRANSIT_TOKEN_FILE: cannot be used (Is a directory)",
        ],
    ),
    (
        {
            "ZM_TOKEN_CA_FILE": "nowhere",
            "ZM_NATS_CERT_FILE": "pyproject.toml",
            "ZM_OUTGOING_KEY_FILE": "nowhere",
        },
        [
            "ZM_NATS_CERT_FILE: cannot be used",
            "ZM_TOKEN_CA_FILE: cannot be used (No such file or directory)",
            "ZM_OUTGOING_KEY_FILE: there is no ZM_OUTGOING_CERT_FILE that it belongs to",
        ],
    ),
    (
        {"ZM_CONTACTS_FILE": "README.md", "ZM_CALENDAR_FILE": "pyproject.toml"},
        ["ZM_CALENDAR_FILE: cannot be used (", "ZM_CONTACTS_FILE: cannot be used ("],
    ),
    (
        {"ZM_KEYS_DIR": "nowhere"},
        [
            "ZM_KEYS_DIR: store-intake.key: cannot be used (No such file or directory)",
            "ZM_KEYS_DIR: bus.key: cannot be used (No such file or directory)",
            "ZM_KEYS_DIR: store-vault.key: cannot be used (No such file or directory)",
            "ZM_KEYS_DIR: vault.key: cannot be used (No such file or directory)",
        ],
    ),
    (
        {"ZM_TOKEN_AUDIENCE": "", "ZM_TOKEN_TRUSTED_SECONDS": "30", "ZM_NATS_REPLICAS": "6"},
        [
            "ZM_NATS_REPLICAS: a whole number from 1 to 5",
            "ZM_TOKEN_TRUSTED_SECONDS: not less than ZM_TOKEN_REFRESH_SECONDS",
            "ZM_TOKEN_AUDIENCE: empty",
        ],
    ),
    (
        {
            "ZM_STORE_URL_INTAK": "postgresql+asyncpg://zm@db/zm?ssl=verify-full",
            "ZM_OUTGOING_REPORTER_MESAGE": "https://sms.example/send",
        },
        [
            "ZM_STORE_URL_INTAK: there is no such service",
            "ZM_OUTGOING_REPORTER_MESAGE: there is no such kind of message",
        ],
    ),
]


@pytest.mark.parametrize(("env", "lines"), BAD, ids=lambda value: " ".join(value))
def test_a_wrong_environment_is_told_a_line_for_each_fault(
    place: dict[str, str], monkeypatch: pytest.MonkeyPatch, env: dict[str, str | None], lines: list[str]
) -> None:
    """All of them at once, by the name of the setting and never with its value, which may be a password."""
    if home := env.get("HOME"):
        monkeypatch.setenv("HOME", home)
    readers = {"ZM_CONTACTS_FILE": load}
    assert Settings.from_env("intake", place, serving=True, readers=readers).production
    whole = {name: value for name, value in {**place, **env}.items() if value is not None}
    with pytest.raises(UnsafeForProduction) as refused:
        Settings.from_env("intake", whole, serving=True, readers=readers)
    head, *told = str(refused.value).splitlines()
    assert head == "refusing to start in production:"
    assert len(told) == len(lines)
    for said, line in zip(told, lines, strict=True):
        assert said.startswith(f"  {line}")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("service", ["intake", "audit"])
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_process_that_was_told_nothing_says_what_it_needs(
    tmp_path: Path, service: str, command: str
) -> None:
    """And ends, without a traceback."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ZM_POOL_SIZE": "ten"}
    ended = run(f"services.{service}.main", command, folder=tmp_path, env=env)
    assert (ended.returncode, ended.stdout) == (1, "")
    head, *lines = ended.stderr.splitlines()
    assert head == "refusing to start in production:"
    assert "  ZM_POOL_SIZE: a whole number from 1" in lines
    needed = "ZM_DATABASE_URL" if command == "serve" else "ZM_OWNER_DATABASE_URL"
    assert f"  {needed}: not set" in lines
    assert all(line.startswith("  ZM_") for line in lines)
