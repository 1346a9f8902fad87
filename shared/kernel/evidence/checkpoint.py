"""C2SP tlog-checkpoint (c2sp.org/tlog-checkpoint): a log's size and root, signed by the log.

The origin is "<installation>/<service>", such as `zm.example.org/intake`: no two installations have the same
(`ZM_LOG_ORIGIN`). The key that signs a log's checkpoints
bears the log's origin as its name, as the standard advises, and here that is required: trust in the key of
one log is no trust in its word about another. One Ed25519 key may serve all logs of an operator, under one
name for each.

When it was signed stands in an extension line, "Timestamp: " and the nanoseconds since 1970, as other logs
write it: the standard's checkpoint has no time, and without one nobody could tell how old it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.kernel.evidence.encoding import from_base64, from_decimal, to_base64
from shared.kernel.evidence.merkle import HASH_SIZE
from shared.kernel.evidence.note import MalformedNote, UnverifiedNote, VerifierKey, open_note, sign_note

_TIMESTAMP = "Timestamp: "
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: its origin, number of leaves, and RFC 9162 §2.1 root."""

    origin: str
    size: int
    root: bytes
    signed_at: datetime | None = None

    @property
    def body(self) -> str:
        """The note text of C2SP tlog-checkpoint."""
        text = f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"
        if self.signed_at is None:
            return text
        return f"{text}{_TIMESTAMP}{(self.signed_at - _EPOCH) // timedelta(microseconds=1) * 1000}\n"

    @classmethod
    def parse(cls, body: str) -> "Checkpoint":
        """Read a note text; other extension lines than ours are ignored, as the standard says."""
        lines = body.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise MalformedNote("a checkpoint has at least three non-empty lines")
        try:
            checkpoint = cls(lines[0], from_decimal(lines[1]), from_base64(lines[2]), _signed_at(lines[3:]))
        except ValueError as error:
            raise MalformedNote(f"not a checkpoint: {error}") from error
        if len(checkpoint.root) != HASH_SIZE:
            raise MalformedNote(f"a root has {HASH_SIZE} bytes")
        return checkpoint


def _signed_at(extensions: list[str]) -> datetime | None:
    for line in extensions:
        if line.startswith(_TIMESTAMP):
            try:
                return _EPOCH + timedelta(microseconds=from_decimal(line.removeprefix(_TIMESTAMP)) // 1000)
            except (ValueError, OverflowError):
                return None  # another log's line of that name: no time of ours
    return None


def sign(checkpoint: Checkpoint, private_key: Ed25519PrivateKey) -> str:
    """The checkpoint as a C2SP signed note, by the key named after its origin."""
    return sign_note(checkpoint.body, checkpoint.origin, private_key)


def parse_and_verify(note: str, *verifier_keys: VerifierKey) -> Checkpoint:
    """Read a signed C2SP tlog-checkpoint.

    Raises MalformedNote if it is none, UnverifiedNote if no given key of that very log signed it.
    """
    body, signers = open_note(note, verifier_keys)
    checkpoint = Checkpoint.parse(body)
    if all(signer.name != checkpoint.origin for signer in signers):
        raise UnverifiedNote(f"{checkpoint.origin!a} is signed by the key of another log")
    return checkpoint


def of_service(service: str, note: str, *verifier_keys: VerifierKey) -> Checkpoint:
    """The same of the log of one service of whatever installation the keys belong to."""
    checkpoint = parse_and_verify(note, *verifier_keys)
    if service_of(checkpoint) != service:
        raise UnverifiedNote(f"it is of another log, {checkpoint.origin!a}")
    return checkpoint


def service_of(checkpoint: Checkpoint) -> str:
    """The service whose log a checkpoint is of."""
    return checkpoint.origin.rpartition("/")[2]
