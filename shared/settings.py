"""What a process is told from outside, by environment variables named ZM_*."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from shared.suites import INTERNATIONAL, Suite, suite_named

OUTGOING = "ZM_OUTGOING_"


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
    vault_dir: Path
    """The vault's own folder: what lies here is encrypted under its keys, and in no dump of the service."""
    suite: Suite
    contacts_file: str
    """Where and when organs can be reached (A4); the packaged example if empty."""
    calendar_file: str
    """Years of the civil-service calendar beyond the packaged ones (§8.7); none if empty."""
    clock_file: str
    api: bool
    worker: bool
    pool_size: int
    max_body_bytes: int
    max_in_flight: int
    fsync_wait_seconds: float
    stream_max_bytes: int
    """How much the service's stream holds; what does not fit is dropped, the oldest first."""
    report_difficulty: int
    """Zero bits that a proof of work before an anonymous submission must show (SEC-6)."""

    @property
    def production(self) -> bool:
        return self.profile == "production"

    @classmethod
    def from_env(cls, service: str, env: dict[str, str] | None = None) -> Settings:
        e = dict(os.environ) if env is None else env
        settings = cls(
            service=service,
            profile=e.get("ZM_PROFILE", "production"),
            host=e.get("ZM_HOST", "127.0.0.1"),
            port=int(e.get("ZM_PORT", "8000")),
            database_url=e.get("ZM_DATABASE_URL", ""),
            owner_database_url=e.get("ZM_OWNER_DATABASE_URL", ""),
            vault_database_url=e.get("ZM_VAULT_DATABASE_URL", ""),
            nats_url=e.get("ZM_NATS_URL", ""),
            nats_seed_file=e.get("ZM_NATS_SEED_FILE", ""),
            jwks_url=e.get("ZM_JWKS_URL", ""),
            issuer=e.get("ZM_ISSUER", ""),
            keys_dir=Path(e.get("ZM_KEYS_DIR", "keys")),
            transit_url=e.get("ZM_TRANSIT_URL", ""),
            transit_token_file=e.get("ZM_TRANSIT_TOKEN_FILE", ""),
            transit_mount=e.get("ZM_TRANSIT_MOUNT", "transit"),
            transit_ca_file=e.get("ZM_TRANSIT_CA_FILE", ""),
            outgoing={
                name.removeprefix(OUTGOING).lower().replace("_", "-"): value
                for name, value in e.items()
                if name.startswith(OUTGOING) and name != "ZM_OUTGOING_DIR"
            },
            outgoing_dir=Path(e.get("ZM_OUTGOING_DIR", "outgoing")),
            vault_dir=Path(e.get("ZM_VAULT_DIR", "vault")),
            suite=_suite(e.get("ZM_SUITE", INTERNATIONAL.name)),
            contacts_file=e.get("ZM_CONTACTS_FILE", ""),
            calendar_file=e.get("ZM_CALENDAR_FILE", ""),
            clock_file=e.get("ZM_CLOCK_FILE", ""),
            api="api" in e.get("ZM_ROLES", "api,worker"),
            worker="worker" in e.get("ZM_ROLES", "api,worker"),
            pool_size=int(e.get("ZM_POOL_SIZE", "10")),
            max_body_bytes=int(e.get("ZM_MAX_BODY_BYTES", str(1 << 20))),
            max_in_flight=int(e.get("ZM_MAX_IN_FLIGHT", "512")),
            fsync_wait_seconds=float(e.get("ZM_STORE_WAIT_SECONDS", "10")),
            stream_max_bytes=int(e.get("ZM_STREAM_MAX_BYTES", str(1 << 30))),
            report_difficulty=int(e.get("ZM_REPORT_DIFFICULTY", "16")),
        )
        settings.check(e)
        return settings

    def check(self, env: dict[str, str]) -> None:
        """A production start refuses the development issuer, the simulated clock, default keys and
        failpoints (architecture §7)."""
        if not self.production:
            return
        problems = []
        if self.clock_file:
            problems.append("ZM_CLOCK_FILE: the simulated clock is for development")
        if "/issuer" in self.issuer or self.issuer.startswith("http://"):
            problems.append("ZM_ISSUER: the development issuer, or one without TLS")
        if (self.keys_dir / "DEVELOPMENT").exists():
            problems.append("ZM_KEYS_DIR: these keys were generated for development")
        if self.transit_url and not self.transit_url.startswith("https://"):
            problems.append("ZM_TRANSIT_URL: data keys travel there, so it needs TLS")
        for kind, way in self.outgoing.items():
            if not way.startswith("https://"):
                problems.append(f"ZM_OUTGOING for {kind}: files are for development, and a URL needs TLS")
        if env.get("ZM_FAILPOINT"):
            problems.append("ZM_FAILPOINT: failpoints are for tests")
        if problems:
            raise UnsafeForProduction("refusing to start in production:\n  " + "\n  ".join(problems))

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


def _suite(name: str) -> Suite:
    """A mistyped suite must not quietly become the default."""
    try:
        return suite_named(name)
    except ValueError as error:
        raise SystemExit(f"ZM_SUITE: {error}") from None
