"""C2SP signed-note (c2sp.org/signed-note) with Ed25519 keys (signature type 0x01).

A note is a text, an empty line, and signature lines "— <key name> <base64 of key id and signature>". A
verifier key is written "<name>+<key id in hex>+<base64 of 0x01 and the public key>".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.kernel.evidence.encoding import from_base64, from_hex, to_base64

MAX_SIGNATURES = 100
_ED25519 = b"\x01"
_KEY_SIZE = 32
_KEY_ID_SIZE = 4
_DASH = "\N{EM DASH}"


class MalformedNote(ValueError):
    """A text that is no signed note, or not of the kind expected."""


class UnverifiedNote(ValueError):
    """A signed note that no trusted key vouches for."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key (C2SP signed-note)."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _is_key_name(self.name):
            raise ValueError(f"not a key name: {self.name!a}")
        if len(self.public) != _KEY_SIZE:
            raise ValueError(f"an Ed25519 public key has {_KEY_SIZE} bytes")

    @classmethod
    def of(cls, name: str, private_key: Ed25519PrivateKey) -> "VerifierKey":
        """The verifier key that belongs to a signing key."""
        return cls(name, private_key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read "name+hexid+base64"; ValueError if it is anything else."""
        name, _, rest = text.partition("+")
        key_id_text, _, encoded_text = rest.partition("+")
        try:
            key_id, encoded = from_hex(key_id_text), from_base64(encoded_text)
        except ValueError as error:
            raise ValueError(f"not a verifier key: {text!a}") from error
        if encoded[:1] != _ED25519:
            raise ValueError(f"not an Ed25519 verifier key: {text!a}")
        key = cls(name, encoded[1:])
        if key.key_id != key_id:
            raise ValueError(f"the key id does not belong to the key: {text!a}")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{to_base64(_ED25519 + self.public)}"

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_KEY_ID_SIZE]

    def verifies(self, signature: bytes, text: str) -> bool:
        """True if this is the key's signature over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


def sign_note(text: str, name: str, private_key: Ed25519PrivateKey) -> str:
    """The text as a C2SP signed note with one signature."""
    if not _is_note_text(text):
        raise ValueError("a note's text ends in a newline and has no other control character")
    key_id = VerifierKey.of(name, private_key).key_id
    return f"{text}\n{_DASH} {name} {to_base64(key_id + private_key.sign(text.encode()))}\n"


def open_note(note: str, keys: Iterable[VerifierKey]) -> tuple[str, list[VerifierKey]]:
    """The text of a C2SP signed note and the keys that signed it, at least one.

    Signatures by unknown keys are ignored; one wrong signature by a known key refuses the note.
    """
    text, signatures = _take_apart(note)
    known = {(key.name, key.key_id): key for key in keys}
    signers: list[VerifierKey] = []
    for name, blob in signatures:
        key = known.get((name, blob[:_KEY_ID_SIZE]))
        if key is None:
            continue
        if not key.verifies(blob[_KEY_ID_SIZE:], text):
            raise UnverifiedNote(f"the signature by {name!a} is not over this text")
        signers.append(key)
    if not signers:
        raise UnverifiedNote("no signature by a trusted key")
    return text, signers


def _take_apart(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    head, separator, tail = note.rpartition("\n\n")
    text = head + "\n"
    if not separator or not _is_note_text(text) or not tail.endswith("\n"):
        raise MalformedNote("not a signed note")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote(f"more than {MAX_SIGNATURES} signatures")
    return text, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        blob = from_base64(encoded)
    except ValueError:
        blob = b""
    if dash != _DASH or not _is_key_name(name) or len(blob) <= _KEY_ID_SIZE:
        raise MalformedNote(f"not a signature line: {line!a}")
    return name, blob


def _is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name) and _is_utf8(name)


def _is_note_text(text: str) -> bool:
    return text.endswith("\n") and not any(c < " " and c != "\n" for c in text) and _is_utf8(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
