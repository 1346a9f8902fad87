"""The settings of a process, from environment variables named ZM_*.

A setting with a closed list of values is held to it, so that nothing mistyped becomes something else
unnoticed. A production start is refused over everything that is for development, plain, or missing. All that
is wrong is said at once, a line for each, and never with a value: it may be a password (ADR 33).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import ValidationError

from shared.kernel.effect import SUBJECT_MESSAGE
from shared.kernel.store.sealing import keyrings
from shared.kernel.suites import INTERNATIONAL, SUITES, Suite, suite_named
from shared.kernel.trust import AUDIENCE, Issuer, Trust
from shared.language.law.working_days import load_years

AUDIT, INTAKE, VAULT = "audit", "intake", "vault"
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
REFUSE, IGNORE = "refuse", "ignore"
ROLES = ("api", "worker")
LEAST_DIFFICULTY = 12
"""The least difficulty: less work before a report holds up no flood."""
BESIDE = frozenset({"ZM_FAILPOINT", "ZM_VAULT_OWNER_DATABASE_URL", *BY_FILE})
"""Variables that other places read."""
DRIVER = "postgresql+asyncpg"
DATABASE_OPTIONS = frozenset({"ssl", "host", "port", "target_session_attrs"})
"""The words that may stand behind the `?` of a database's URL; the driver would not know any other."""
DATABASE_TRUST = ("PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY")
"""The driver's own variables for the authority of databases and our certificate."""
MOST_REPLICAS = 5
"""The greatest number of copies that JetStream keeps of a stream."""
CHECKPOINT = "checkpoint-"
"""Prefix of the kinds of message that are places for audit's checkpoints."""


KINDS = frozenset({"reporter-message", SUBJECT_MESSAGE})
"""The other kinds of message that have a place of their own."""


class BadSettings(SystemExit):
    """The environment cannot be used; the process ends before it serves anything."""


class UnsafeForProduction(BadSettings):
    """A production start met a development part, or lacks something."""


Reader = Callable[[Any], object]
"""Reads a file of the settings; raises OSError or ValueError where it cannot be used."""


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
    nats_trust: Trust
    issuer: Issuer
    keys_dir: Path
    transit_url: str
    """The Transit engine that keeps the vault's key-encryption keys; empty where a file does."""
    transit_token_file: str
    transit_mount: str
    transit_ca_file: str
    outgoing: dict[str, str]
    """The destination of each kind of message: a URL, or `files`; from ZM_OUTGOING_<KIND>."""
    outgoing_dir: Path
    """The directory into which `files` are written."""
    outgoing_trust: Trust
    otlp_url: str
    """The address at which a collector takes spans (OTLP over HTTP); empty where there is none."""
    otlp_trust: Trust
    stores: dict[str, str]
    """The services' stores, which audit holds against its evidence; from ZM_STORE_URL_<SERVICE>."""
    log_origin: str
    """The name of this installation in its logs (C2SP tlog-checkpoint: no other has the same)."""
    vault_dir: Path
    """The vault's own folder: what lies here is encrypted under its keys, and in no dump of the service."""
    vault_backups_kept: timedelta
    """The greatest age of a backup of the vault that must still open the identities that were not forgotten
    (ADR 0027)."""
    suite: Suite
    contacts_file: str
    """The file that says where and when organs can be reached (A4); the packaged example if empty."""
    calendar_file: str
    """Years of the civil-service calendar beyond the packaged ones (§8.7); none if empty."""
    clock_file: str
    clock_jump_seconds: int
    """Seconds by which the computer's clock may be ahead of the time it should show; beyond it nothing is
    written."""
    api: bool
    worker: bool
    pool_size: int
    max_body_bytes: int
    max_in_flight: int
    stream_max_bytes: int
    """Bytes that the service's stream holds; beyond them events are dropped, the oldest first."""
    stream_replicas: int
    """Number of servers of the broker's cluster on which the service's stream lies."""
    report_difficulty: int
    """Zero bits that a proof of work before an anonymous submission must show (SEC-6)."""

    @property
    def production(self) -> bool:
        return self.profile == PRODUCTION

    @classmethod
    def from_env(
        cls,
        service: str,
        env: Mapping[str, str] | None = None,
        *,
        serving: bool = False,
        readers: Mapping[str, Reader] | None = None,
        owners: Iterable[str] = (),
    ) -> Settings:
        """Raises BadSettings with all that is wrong. `serving`: also with what is missing to serve, and what
        of its files cannot be used; `readers` reads those that are one service's matter, by setting.
        `owners`: the settings of the databases that are to be migrated."""
        told = Told(os.environ if env is None else env)
        told.database("ZM_VAULT_OWNER_DATABASE_URL")
        roles = told.list_of("ZM_ROLES", ",".join(ROLES), ROLES)
        suites = tuple(suite.name for suite in SUITES)
        settings = cls(
            service=service,
            profile=told.one_of("ZM_PROFILE", PRODUCTION, (PRODUCTION, DEVELOPMENT)),
            host=told("ZM_HOST", "127.0.0.1"),
            port=told.number("ZM_PORT", 8000, 0, 65535),
            database_url=told.database("ZM_DATABASE_URL"),
            owner_database_url=told.database("ZM_OWNER_DATABASE_URL"),
            vault_database_url=told.database("ZM_VAULT_DATABASE_URL"),
            nats_url=told("ZM_NATS_URL"),
            nats_seed_file=told("ZM_NATS_SEED_FILE"),
            vault_nats_seed_file=told("ZM_VAULT_NATS_SEED_FILE"),
            nats_trust=told.trust("ZM_NATS"),
            issuer=Issuer(
                name=told("ZM_ISSUER"),
                jwks_url=told("ZM_JWKS_URL"),
                audience=told("ZM_TOKEN_AUDIENCE", AUDIENCE),
                person=told("ZM_TOKEN_PERSON", "sub"),
                roles=told("ZM_TOKEN_ROLES", "role"),
                organ=told("ZM_TOKEN_ORGAN", "organ"),
                ignores_other_roles=told.one_of("ZM_TOKEN_OTHER_ROLES", REFUSE, (REFUSE, IGNORE)) == IGNORE,
                refresh_seconds=told.number("ZM_TOKEN_REFRESH_SECONDS", 60, 5, 3600),
                trusted_seconds=told.number("ZM_TOKEN_TRUSTED_SECONDS", 900, 5, 86400),
                trust=told.trust("ZM_TOKEN"),
            ),
            keys_dir=Path(told("ZM_KEYS_DIR", "keys")),
            transit_url=told("ZM_TRANSIT_URL"),
            transit_token_file=told("ZM_TRANSIT_TOKEN_FILE"),
            transit_mount=told("ZM_TRANSIT_MOUNT", "transit"),
            transit_ca_file=told("ZM_TRANSIT_CA_FILE"),
            outgoing_trust=told.trust("ZM_OUTGOING"),
            outgoing_dir=Path(told("ZM_OUTGOING_DIR", "outgoing")),
            otlp_url=told("ZM_OTLP_URL"),
            otlp_trust=told.trust("ZM_OTLP"),
            outgoing=told.by_name(OUTGOING),
            stores=told.by_name(STORE),
            log_origin=told("ZM_LOG_ORIGIN"),
            vault_dir=Path(told("ZM_VAULT_DIR", "vault")),
            vault_backups_kept=timedelta(days=told.number("ZM_VAULT_BACKUP_DAYS", 7)),
            suite=suite_named(told.one_of("ZM_SUITE", INTERNATIONAL.name, suites)),
            contacts_file=told("ZM_CONTACTS_FILE"),
            calendar_file=told("ZM_CALENDAR_FILE"),
            clock_file=told("ZM_CLOCK_FILE"),
            clock_jump_seconds=told.number("ZM_CLOCK_JUMP_SECONDS", 300, 1, 3600),
            api="api" in roles,
            worker="worker" in roles,
            pool_size=told.number("ZM_POOL_SIZE", 10, 1),
            max_body_bytes=told.number("ZM_MAX_BODY_BYTES", 1 << 20, 1),
            max_in_flight=told.number("ZM_MAX_IN_FLIGHT", 512, 2),
            stream_max_bytes=told.number("ZM_STREAM_MAX_BYTES", 1 << 30, 1 << 16),
            stream_replicas=told.number("ZM_NATS_REPLICAS", 1, 1, MOST_REPLICAS),
            report_difficulty=told.number("ZM_REPORT_DIFFICULTY", 16),
        )
        faults = [*settings._contradictions()]
        if settings.production:
            faults += settings._unsafe(told)
        faults += [f"{name}: not set" for name in owners if not told.database(name)]
        if serving:
            faults += [*settings._missing(), *settings._unusable(told, readers or {})]
        settings._refuse([*told.faults, *faults])
        return settings

    def check_complete(self) -> None:
        """Refuses to serve before everything that this needs was told."""
        self._refuse(self._missing())

    def _refuse(self, faults: Iterable[str]) -> None:
        if found := list(dict.fromkeys(faults)):
            start, kind = (
                ("refusing to start in production", UnsafeForProduction)
                if self.production
                else ("refusing to start", BadSettings)
            )
            raise kind(f"{start}:\n  " + "\n  ".join(found))

    def _contradictions(self) -> Iterator[str]:
        issuer = self.issuer
        if issuer.trusted_seconds < issuer.refresh_seconds:
            yield "ZM_TOKEN_TRUSTED_SECONDS: not less than ZM_TOKEN_REFRESH_SECONDS"
        for name, value in (
            ("AUDIENCE", issuer.audience),
            ("PERSON", issuer.person),
            ("ROLES", issuer.roles),
            ("ORGAN", issuer.organ),
        ):
            if not value:
                yield f"ZM_TOKEN_{name}: empty"
        for name, url in self._urls():
            if url and not _is_url(url):
                yield f"{name}: no URL"
        for service, url in self.stores.items():
            name = STORE + service.upper()
            fault = _database_fault(url) if service in PUBLISHERS else "there is no such service"
            if fault:
                yield f"{name}: {fault}"

    def _urls(self) -> Iterator[tuple[str, str]]:
        """The addresses of others that are reached by HTTP."""
        yield "ZM_JWKS_URL", self.issuer.jwks_url
        yield "ZM_TRANSIT_URL", self.transit_url
        yield "ZM_OTLP_URL", self.otlp_url
        for kind, way in self.outgoing.items():
            if way != "files":
                yield OUTGOING + kind.upper().replace("-", "_"), way
        if not self.issuer.jwks_url:
            yield "ZM_ISSUER", self.issuer.name

    def _missing(self) -> Iterator[str]:
        """The settings that a serving process lacks. It needs a database in development too."""
        for name, value in self._needed():
            if not value and (self.production or name.endswith("DATABASE_URL")):
                yield f"{name}: not set"
        if self.production and self.service == AUDIT:
            yield from self._guards_missing()

    def _unusable(self, told: Told, readers: Mapping[str, Reader]) -> Iterator[str]:
        """The faults of the files that were named and cannot be used."""
        yield from self.nats_trust.faults("ZM_NATS")
        yield from self.issuer.trust.faults("ZM_TOKEN")
        yield from self.outgoing_trust.faults("ZM_OUTGOING")
        yield from self.otlp_trust.faults("ZM_OTLP")
        if self.transit_ca_file:
            yield from Trust(self.transit_ca_file).faults("ZM_TRANSIT")
        files: list[tuple[str, str, Reader]] = [
            ("ZM_NATS_SEED_FILE", self.nats_seed_file, _readable),
            ("ZM_VAULT_NATS_SEED_FILE", self.vault_nats_seed_file, _readable),
            ("ZM_TRANSIT_TOKEN_FILE", self.transit_token_file, _readable),
            ("ZM_CALENDAR_FILE", self.calendar_file, load_years),
            ("ZM_CLOCK_FILE", self.clock_file, _readable),
            *((name, told.env.get(name, ""), _readable) for name in DATABASE_TRUST),
            *((name, told(name), reader) for name, reader in readers.items()),
        ]
        urls = (self.database_url, self.vault_database_url, *self.stores.values())
        if any(_verified(url) for url in urls) and not (
            told.env.get("PGSSLROOTCERT") or (Path.home() / ".postgresql/root.crt").exists()
        ):
            yield "PGSSLROOTCERT: not set; nobody vouches for the databases"
        for name, file, reader in files:
            if file and (fault := _fault_of(reader, file)):
                yield f"{name}: {fault}"
        yield from self._keys_unusable()

    def _keys_unusable(self) -> Iterator[str]:
        rings = [(f"store-{self.service}.key", self.service), ("bus.key", "bus")]
        single = {INTAKE: ["vault.key"], AUDIT: ["checkpoint-ed25519.key"]}.get(self.service, [])
        if self.service == INTAKE:
            rings.append((f"store-{VAULT}.key", VAULT))
        for name, of in rings:
            if fault := _fault_of(partial(keyrings, service=of, suite=self.suite), self.keys_dir / name):
                yield f"ZM_KEYS_DIR: {name}: {fault}"
        for name in single:
            try:
                if fault := _fault_of(self.key, name):
                    yield f"ZM_KEYS_DIR: {name}: {fault}"
            except UnsafeForProduction as error:
                yield f"ZM_KEYS_DIR: {error}"

    def _needed(self) -> Iterator[tuple[str, str]]:
        yield "ZM_ISSUER", self.issuer.name
        yield "ZM_DATABASE_URL", self.database_url
        yield "ZM_NATS_URL", self.nats_url
        yield "ZM_NATS_SEED_FILE", self.nats_seed_file
        if self.service == INTAKE:
            yield "ZM_VAULT_DATABASE_URL", self.vault_database_url
            yield "ZM_VAULT_NATS_SEED_FILE", self.vault_nats_seed_file
            yield "ZM_TRANSIT_URL", self.transit_url
            yield "ZM_TRANSIT_TOKEN_FILE", self.transit_token_file
            yield "ZM_CONTACTS_FILE", self.contacts_file

    def _unsafe(self, told: Told) -> Iterator[str]:
        """The settings that a production start refuses (ADR 0024)."""
        for name in told.unknown():
            yield f"{name}: there is no such setting"
        for kind in sorted(kind for kind in self.outgoing.keys() - KINDS if not kind.startswith(CHECKPOINT)):
            yield f"{OUTGOING}{kind.upper().replace('-', '_')}: there is no such kind of message"
        if self.clock_file:
            yield "ZM_CLOCK_FILE: the simulated clock is for development"
        if told.env.get("ZM_FAILPOINT"):
            yield "ZM_FAILPOINT: failpoints are for tests"
        if "/issuer" in self.issuer.name:
            yield "ZM_ISSUER: the development issuer"
        if (self.keys_dir / "DEVELOPMENT").exists():
            yield "ZM_KEYS_DIR: these keys were generated for development"
        if self.report_difficulty < LEAST_DIFFICULTY:
            yield f"ZM_REPORT_DIFFICULTY: at least {LEAST_DIFFICULTY}"
        named = (
            ("ZM_ISSUER", self.issuer.name),
            ("ZM_JWKS_URL", self.issuer.jwks_url),
            ("ZM_TRANSIT_URL", self.transit_url),
            ("ZM_OTLP_URL", self.otlp_url),
        )
        ways = ((OUTGOING + kind.upper().replace("-", "_"), way) for kind, way in self.outgoing.items())
        for name, url in (*((name, url) for name, url in named if url), *ways):
            if not url.startswith("https://") and (url in ("", "files") or _is_url(url)):
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
            if url and not _database_fault(url) and not _private(url):
                yield f"{name}: needs TLS with a verified server (?ssl=verify-full), or a Unix socket"
        for file in self._secret_files():
            if stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXO:
                yield f"{file}: a secret that everybody on the machine may read"

    def _secret_files(self) -> Iterator[Path]:
        named = (
            self.nats_seed_file,
            self.vault_nats_seed_file,
            self.transit_token_file,
            *(
                trust.key_file
                for trust in (self.nats_trust, self.issuer.trust, self.outgoing_trust, self.otlp_trust)
            ),
        )
        in_folder = self.keys_dir.iterdir() if self.keys_dir.is_dir() else ()
        yield from (file for file in (*map(Path, filter(None, named)), *in_folder) if file.is_file())

    def _guards_missing(self) -> list[str]:
        """The settings of an audit without which nobody would guard its evidence."""
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
        """The destination of a kind of message. "" if production names none: such messages wait until it
        does."""
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
    """The environment, read by name: it notes what was asked for, and so knows what nobody asks for; and what
    is wrong, where it answers with what would have been without."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        unreadable = {
            by: fault
            for by in BY_FILE
            if by in env and by.removesuffix("_FILE") not in env and (fault := _fault_of(_readable, env[by]))
        }
        self.faults += [f"{by}: {fault}" for by, fault in unreadable.items()]
        self.env = with_files({name: value for name, value in env.items() if name not in unreadable})
        self._asked = set(BESIDE)

    def __call__(self, name: str, default: str = "") -> str:
        self._asked.add(name)
        return self.env.get(name, default)

    def number(self, name: str, default: int, least: int = 0, most: int = 10**11) -> int:
        value = self(name, str(default))
        if value.isascii() and value.isdigit() and len(value) <= 11 and least <= int(value) <= most:
            return int(value)
        self.faults.append(f"{name}: a whole number from {least}" + (f" to {most}" if most < 10**11 else ""))
        return default

    def one_of(self, name: str, default: str, known: tuple[str, ...]) -> str:
        value = self(name, default)
        if value in known:
            return value
        self.faults.append(f"{name}: one of {', '.join(known)}")
        return default

    def list_of(self, name: str, default: str, known: tuple[str, ...]) -> list[str]:
        values = [value.strip() for value in self(name, default).split(",")]
        if all(value in known for value in values):
            return values
        self.faults.append(f"{name}: of {', '.join(known)}")
        return default.split(",")

    def database(self, name: str) -> str:
        """A database's URL, as the driver takes it."""
        url = self(name)
        if url and (fault := _database_fault(url)):
            self.faults.append(f"{name}: {fault}")
        return url

    def by_name(self, prefix: str) -> dict[str, str]:
        """The settings with a prefix, by the rest of their names, but for those that have a meaning of their
        own."""
        return {
            name.removeprefix(prefix).lower().replace("_", "-"): self(name)
            for name in sorted(self.env)
            if name.startswith(prefix) and name not in self._asked
        }

    def trust(self, prefix: str) -> Trust:
        return Trust(self(f"{prefix}_CA_FILE"), self(f"{prefix}_CERT_FILE"), self(f"{prefix}_KEY_FILE"))

    def unknown(self) -> list[str]:
        """Settings that nothing reads: a name that was mistyped."""
        return sorted(name for name in self.env if name.startswith("ZM_") and name not in self._asked)


def _readable(file: str) -> None:
    if not Path(file).read_bytes():
        raise ValueError("empty")


def _fault_of(reader: Reader, file: str | Path) -> str:
    try:
        reader(file)
    except (OSError, ValueError) as error:
        return f"cannot be used ({_said(error)})"
    return ""


def _said(error: OSError | ValueError) -> str:
    """Tells the error in one line, without the words that it quotes."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    return "no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _split(url: str) -> SplitResult | None:
    try:
        place = urlsplit(url)
        _ = place.port
    except ValueError:
        return None
    return place


def _is_url(url: str) -> bool:
    place = _split(url)
    return place is not None and place.scheme in ("http", "https") and bool(place.hostname)


def _database_fault(url: str) -> str:
    place = _split(url)
    if place is None or place.scheme != DRIVER or not place.path.strip("/"):
        return f"a URL like {DRIVER}://user@host/database"
    unknown = sorted(parse_qs(place.query, keep_blank_values=True).keys() - DATABASE_OPTIONS)
    return f"no such option: {', '.join(unknown)}" if unknown else ""


def _private(url: str) -> bool:
    """True if nobody on the way to a database can listen or stand in for it."""
    place = _split(url)
    if place is None:
        return False
    hosts = parse_qs(place.query).get("host", [place.hostname or ""])
    return _verified(url) or all(host.startswith("/") for host in hosts)


def _verified(url: str) -> bool:
    place = _split(url)
    return place is not None and parse_qs(place.query).get("ssl") == ["verify-full"]
