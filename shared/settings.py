"""What a process is told from outside, by environment variables named ZM_*.

What has a closed list of values is held to it, so that nothing mistyped becomes something else unnoticed.
A production start is refused over everything that is for development, plain, or missing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from shared.suites import INTERNATIONAL, Suite, suite_named

AUDIT = "audit"
PUBLISHERS = ("intake", "verification", "clarification", "followup")
"""The services whose events audit takes in and whose stores it watches."""
OUTGOING = "ZM_OUTGOING_"
DATABASES = tuple(f"ZM_{of}DATABASE_URL" for of in ("", "OWNER_", "VAULT_", "VAULT_OWNER_"))
STORE = "ZM_STORE_URL_"
BY_FILE = tuple(
    f"{name}_FILE" for name in (*DATABASES, *(f"{STORE}{service.upper()}" for service in PUBLISHERS))
)
"""Names of files that hold a setting in its place (`ZM_DATABASE_URL_FILE`): such a setting holds a password,
and an environment is seen by all who may look at its process."""
PRODUCTION, DEVELOPMENT = "production", "development"
ROLES = ("api", "worker")
LEAST_DIFFICULTY = 12
"""Less work before a report holds up no flood."""
BESIDE = frozenset({"ZM_FAILPOINT", "ZM_VAULT_OWNER_DATABASE_URL", *BY_FILE})
"""Variables that other places read."""
CHECKPOINT = "checkpoint-"
"""With this begin the kinds of message that are places for audit's checkpoints."""


class UnsafeForProduction(SystemExit):
    """A production start met a development part; the process ends before it serves anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one service process."""

    service: str
    profile: str
    host: str
    port: int
    database_url: str
    owner_database_url: str
    vault_database_url: str
    nats_url: str
    nats_seed_file: str
    vault_nats_seed_file: str
    jwks_url: str
    issuer: str
    keys_dir: Path
    transit_url: str
    """The Transit engine that keeps the vault's key-encryption keys; empty where a file does."""
    transit_token_file: str
    transit_mount: str
    transit_ca_file: str
    outgoing: dict[str, str]
    """Where messages of a kind go: a URL, or `files`; from ZM_OUTGOING_<KIND>."""
    outgoing_dir: Path
    """Where `files` are written."""
    stores: dict[str, str]
    """The services' stores, which audit holds against its evidence; from ZM_STORE_URL_<SERVICE>."""
    log_origin: str
    """How this installation names its logs (C2SP tlog-checkpoint: no other has the same)."""
    vault_dir: Path
    """The vault's own folder: what lies here is encrypted under its keys, and in no dump of the service."""
    vault_backups_kept: timedelta
    """How old a backup of the vault may be that must still open who was not forgotten (ADR 0027)."""
    suite: Suite
    contacts_file: str
    """Where and when organs can be reached (A4); the packaged example if empty."""
    calendar_file: str
    """Years of the civil-service calendar beyond the packaged ones (§8.7); none if empty."""
    clock_file: str
    clock_jump_seconds: int
    """How far the computer's clock may be ahead of where it should be; beyond it nothing is written."""
    api: bool
    worker: bool
    pool_size: int
    max_body_bytes: int
    max_in_flight: int
    stream_max_bytes: int
    """How much the service's stream holds; what does not fit is dropped, the oldest first."""
    report_difficulty: int
    """Zero bits that a proof of work before an anonymous submission must show (SEC-6)."""

    @property
    def production(self) -> bool:
        return self.profile == PRODUCTION

    @classmethod
    def from_env(cls, service: str, env: dict[str, str] | None = None) -> Settings:
        told = Told(with_files(os.environ if env is None else env))
        roles = told.list_of("ZM_ROLES", ",".join(ROLES), ROLES)
        settings = cls(
            service=service,
            profile=told.one_of("ZM_PROFILE", PRODUCTION, (PRODUCTION, DEVELOPMENT)),
            host=told("ZM_HOST", "127.0.0.1"),
            port=told.number("ZM_PORT", 8000),
            database_url=told("ZM_DATABASE_URL"),
            owner_database_url=told("ZM_OWNER_DATABASE_URL"),
            vault_database_url=told("ZM_VAULT_DATABASE_URL"),
            nats_url=told("ZM_NATS_URL"),
            nats_seed_file=told("ZM_NATS_SEED_FILE"),
            vault_nats_seed_file=told("ZM_VAULT_NATS_SEED_FILE"),
            jwks_url=told("ZM_JWKS_URL"),
            issuer=told("ZM_ISSUER"),
            keys_dir=Path(told("ZM_KEYS_DIR", "keys")),
            transit_url=told("ZM_TRANSIT_URL"),
            transit_token_file=told("ZM_TRANSIT_TOKEN_FILE"),
            transit_mount=told("ZM_TRANSIT_MOUNT", "transit"),
            transit_ca_file=told("ZM_TRANSIT_CA_FILE"),
            outgoing={
                name.removeprefix(OUTGOING).lower().replace("_", "-"): told(name)
                for name in told.env
                if name.startswith(OUTGOING) and name != "ZM_OUTGOING_DIR"
            },
            outgoing_dir=Path(told("ZM_OUTGOING_DIR", "outgoing")),
            stores={
                name.removeprefix(STORE).lower(): told(name) for name in told.env if name.startswith(STORE)
            },
            log_origin=told("ZM_LOG_ORIGIN"),
            vault_dir=Path(told("ZM_VAULT_DIR", "vault")),
            vault_backups_kept=timedelta(days=told.number("ZM_VAULT_BACKUP_DAYS", 7)),
            suite=_suite(told("ZM_SUITE", INTERNATIONAL.name)),
            contacts_file=told("ZM_CONTACTS_FILE"),
            calendar_file=told("ZM_CALENDAR_FILE"),
            clock_file=told("ZM_CLOCK_FILE"),
            clock_jump_seconds=told.number("ZM_CLOCK_JUMP_SECONDS", 300),
            api="api" in roles,
            worker="worker" in roles,
            pool_size=told.number("ZM_POOL_SIZE", 10, 1),
            max_body_bytes=told.number("ZM_MAX_BODY_BYTES", 1 << 20, 1),
            max_in_flight=told.number("ZM_MAX_IN_FLIGHT", 512, 2),
            stream_max_bytes=told.number("ZM_STREAM_MAX_BYTES", 1 << 30, 1 << 16),
            report_difficulty=told.number("ZM_REPORT_DIFFICULTY", 16),
        )
        if settings.production:
            _refuse(settings._unsafe(told))
        return settings

    def check_complete(self) -> None:
        """A production process that serves is told everything that it needs, before it serves anything."""
        if self.production:
            missing = [f"{name}: not set" for name, value in self._needed() if not value]
            _refuse(iter([*missing, *(self._guards_missing() if self.service == AUDIT else ())]))

    def _needed(self) -> Iterator[tuple[str, str]]:
        yield "ZM_ISSUER", self.issuer
        yield "ZM_JWKS_URL", self.jwks_url
        yield "ZM_DATABASE_URL", self.database_url
        yield "ZM_NATS_URL", self.nats_url
        yield "ZM_NATS_SEED_FILE", self.nats_seed_file
        if self.service == "intake":
            yield "ZM_VAULT_DATABASE_URL", self.vault_database_url
            yield "ZM_VAULT_NATS_SEED_FILE", self.vault_nats_seed_file
            yield "ZM_TRANSIT_URL", self.transit_url
            yield "ZM_TRANSIT_TOKEN_FILE", self.transit_token_file
            yield "ZM_CONTACTS_FILE", self.contacts_file

    def _unsafe(self, told: Told) -> Iterator[str]:
        """What a production start refuses of what it was told (ADR 0024)."""
        for name in told.unknown():
            yield f"{name}: there is no such setting"
        if self.clock_file:
            yield "ZM_CLOCK_FILE: the simulated clock is for development"
        if told.env.get("ZM_FAILPOINT"):
            yield "ZM_FAILPOINT: failpoints are for tests"
        if "/issuer" in self.issuer:
            yield "ZM_ISSUER: the development issuer"
        if (self.keys_dir / "DEVELOPMENT").exists():
            yield "ZM_KEYS_DIR: these keys were generated for development"
        if self.report_difficulty < LEAST_DIFFICULTY:
            yield f"ZM_REPORT_DIFFICULTY: at least {LEAST_DIFFICULTY}"
        named = (
            ("ZM_ISSUER", self.issuer),
            ("ZM_JWKS_URL", self.jwks_url),
            ("ZM_TRANSIT_URL", self.transit_url),
        )
        ways = ((OUTGOING + kind.upper().replace("-", "_"), way) for kind, way in self.outgoing.items())
        for name, url in (*((name, url) for name, url in named if url), *ways):
            if not url.startswith("https://"):
                yield f"{name}: needs TLS (https)"
        if any(url.strip() and not url.strip().startswith("tls://") for url in self.nats_url.split(",")):
            yield "ZM_NATS_URL: needs TLS (tls)"
        for name, url in (
            ("ZM_DATABASE_URL", self.database_url),
            ("ZM_OWNER_DATABASE_URL", self.owner_database_url),
            ("ZM_VAULT_DATABASE_URL", self.vault_database_url),
            ("ZM_VAULT_OWNER_DATABASE_URL", told.env.get("ZM_VAULT_OWNER_DATABASE_URL", "")),
            *((STORE + name.upper(), url) for name, url in self.stores.items()),
        ):
            if url and not _private(url):
                yield f"{name}: needs TLS with a verified server (?ssl=verify-full), or a Unix socket"
        for file in self._secret_files():
            if stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXO:
                yield f"{file}: a secret that everybody on the machine may read"

    def _secret_files(self) -> Iterator[Path]:
        named = (self.nats_seed_file, self.vault_nats_seed_file, self.transit_token_file)
        in_folder = self.keys_dir.iterdir() if self.keys_dir.is_dir() else ()
        yield from (file for file in (*map(Path, filter(None, named)), *in_folder) if file.is_file())

    def _guards_missing(self) -> list[str]:
        """What an audit lacks without which its evidence would have nobody to guard it."""
        problems = []
        if not self.log_origin:
            problems.append("ZM_LOG_ORIGIN: every installation names its logs after itself")
        if len({urlsplit(self.outgoing[kind]).hostname for kind in self.checkpoint_places}) < 2:
            problems.append("ZM_OUTGOING_CHECKPOINT_…: checkpoints are kept at two places outside at least")
        missing = sorted(set(PUBLISHERS) - self.stores.keys())
        if missing:
            problems.append(
                f"ZM_STORE_URL_… of {', '.join(missing)}: nobody holds these stores against evidence"
            )
        return problems

    @property
    def checkpoint_places(self) -> list[str]:
        """The kinds of message by which audit's checkpoints leave the machine; two files in development."""
        named = sorted(kind for kind in self.outgoing if kind.startswith(CHECKPOINT))
        return named if named or self.production else [f"{CHECKPOINT}superior", f"{CHECKPOINT}timestamp"]

    def way_out(self, kind: str) -> str:
        """Where messages of a kind go. "": nobody has said so in production, and they wait until he does."""
        return self.outgoing.get(kind, "" if self.production else "files")

    def key(self, name: str) -> bytes:
        """32 bytes of a key file in the keys folder."""
        data = (self.keys_dir / name).read_bytes()
        if len(data) != 32:
            raise ValueError(f"{name} must hold 32 bytes")
        if self.production and len(set(data)) < 8:
            raise UnsafeForProduction(f"{name} is not a random key")
        return data


def with_files(env: Mapping[str, str]) -> dict[str, str]:
    """The environment with what its files say; what stands in it itself holds."""
    told = {
        name: Path(env[by]).read_text().strip()
        for by in BY_FILE
        if by in env and (name := by.removesuffix("_FILE")) not in env
    }
    return {**{name: value for name, value in env.items() if name not in BY_FILE}, **told}


class Told:
    """The environment, read by name: it notes what was asked for, and so knows what nobody asks for."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self._asked = set(BESIDE)

    def __call__(self, name: str, default: str = "") -> str:
        self._asked.add(name)
        return self.env.get(name, default)

    def number(self, name: str, default: int, least: int = 0) -> int:
        value = self(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 12 and int(value) >= least):
            raise SystemExit(f"{name}: a whole number from {least}")
        return int(value)

    def one_of(self, name: str, default: str, known: tuple[str, ...]) -> str:
        value = self(name, default)
        if value not in known:
            raise SystemExit(f"{name}: one of {', '.join(known)}")
        return value

    def list_of(self, name: str, default: str, known: tuple[str, ...]) -> list[str]:
        values = [value.strip() for value in self(name, default).split(",")]
        if not all(value in known for value in values):
            raise SystemExit(f"{name}: of {', '.join(known)}")
        return values

    def unknown(self) -> list[str]:
        """Settings that nothing reads: a name that was mistyped."""
        return sorted(name for name in self.env if name.startswith("ZM_") and name not in self._asked)


def _refuse(problems: Iterator[str]) -> None:
    if found := list(problems):
        raise UnsafeForProduction("refusing to start in production:\n  " + "\n  ".join(found))


def _private(url: str) -> bool:
    """Whether nobody on the way to a database can listen or stand in for it."""
    place = urlsplit(url)
    said = parse_qs(place.query)
    hosts = said.get("host", [place.hostname or ""])
    return said.get("ssl") == ["verify-full"] or all(host.startswith("/") for host in hosts)


def _suite(name: str) -> Suite:
    """A mistyped suite must not quietly become the default."""
    try:
        return suite_named(name)
    except ValueError as error:
        raise SystemExit(f"ZM_SUITE: {error}") from None
