"""A small world of two logs and a bundle from them."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.kernel.evidence.bundle import Bundle, Entry, Shown
from shared.kernel.evidence.checkpoint import Checkpoint, sign
from shared.kernel.evidence.leaf import content_digest, leaf_data
from shared.kernel.evidence.merkle import DictStore, MerkleLog, leaf_hash
from shared.kernel.evidence.note import VerifierKey
from shared.kernel.suites import Digest

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
SIZES = {"intake": 11, "audit-of-正名": 6}
VERIFIERS = [VerifierKey.of(f"zhengming/{service}", KEY) for service in SIZES]
START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def published(service: str, position: int) -> dict[str, Any]:
    return {
        "case": f"{service}-7",
        "note": "查无此事，予以澄清",
        "number": position,
        "tags": ["a", None, True],
    }


def salt(position: int) -> bytes:
    return sha256(b"salt %d" % position).digest()[:16]


def fields(service: str, position: int) -> dict[str, Any]:
    """Every third event was recorded with SM3."""
    algorithm = Digest.SM3 if position % 3 == 2 else Digest.SHA_256
    return {
        "service": service,
        "position": position,
        "stream": f"{service}-{position % 3}",
        "version": 1 + position // 3,
        "topic": "Opened",
        "recorded_at": START + timedelta(seconds=position),
        "state_digest": algorithm.of(b"state %d" % position),
        "content_digest": content_digest(published(service, position), salt(position), algorithm),
        "algorithm": algorithm,
    }


def log_of(service: str) -> MerkleLog:
    log = MerkleLog(DictStore())
    log.extend([leaf_hash(leaf_data(**fields(service, n + 1))) for n in range(SIZES[service])])
    return log


LOGS = {service: log_of(service) for service in SIZES}


def checkpoint(service: str, origin: str | None = None) -> str:
    log = LOGS[service]
    return sign(Checkpoint(origin or f"zhengming/{service}", log.size, log.root()), KEY)


def entry(service: str, position: int, *, show: bool = True) -> Entry:
    return Entry(
        **fields(service, position),
        leaf_index=position - 1,
        inclusion=LOGS[service].inclusion_proof(position - 1),
        shown=Shown(published(service, position), salt(position)) if show else None,
    )


def bundle() -> Bundle:
    """Three events shown and two withheld, of two services."""
    return Bundle(
        checkpoints={service: checkpoint(service) for service in SIZES},
        entries=[
            entry("intake", 1),
            entry("intake", 11, show=False),
            entry("intake", 6),
            entry("audit-of-正名", 2, show=False),
            entry("audit-of-正名", 5),
        ],
    )
