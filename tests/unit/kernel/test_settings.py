"""A production start refuses what is for development, plain or missing (architecture §7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.service import run_server
from shared.settings import Settings, UnsafeForProduction
from shared.suites import INTERNATIONAL, SM
from shared.web.app import Application

SAFE = {
    "ZM_ISSUER": "https://id.example",
    "ZM_JWKS_URL": "https://id.example/jwks",
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


PLAIN = ("", "?ssl=require", "?ssl=prefer", "?ssl=disable", "?sslmode=verify-full", "?host=db.example")


def test_w10_a_password_stands_in_a_file(tmp_path: Path) -> None:
    """And what stands in the environment itself holds."""
    file = tmp_path / "url"
    file.write_text("postgresql://zm:secret@db/zm\n")
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "VAULT_DATABASE_URL"):
        env = {"ZM_PROFILE": "development", f"ZM_{name}_FILE": str(file)}
        assert getattr(Settings.from_env("intake", env), name.lower()) == "postgresql://zm:secret@db/zm"
        told = Settings.from_env("intake", {**env, f"ZM_{name}": "here"})
        assert getattr(told, name.lower()) == "here"


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
        {"ZM_ISSUER": "id.example"},
        {"ZM_JWKS_URL": "http://id.example/jwks"},
        {"ZM_JWKS_URL": "ftp://id.example/jwks"},
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
    told = Settings.from_env("intake", env)
    with pytest.raises(UnsafeForProduction, match=missing):
        run_server(Application(), told)
    if missing in OF_INTAKE:
        Settings.from_env("verification", env).check_complete()
    Settings.from_env("intake", {**env, "ZM_PROFILE": "development"}).check_complete()


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
