"""Query codes (查询码): a hundred bits that nobody can guess, shown in the answer to the report and nowhere
else, easy to copy by hand (SEC-7)."""

from __future__ import annotations

import re
import unicodedata

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""The code's letters: no 0 and O, no 1 and I."""
LENGTH = 20
FORM = re.compile(rf"^[{ALPHABET}]{{{LENGTH}}}$")


def make(secret: bytes, idempotency_key: str) -> str:
    """The code of a submission. It follows from a secret of the server and the caller's own key, so a
    repeated request is answered with the same code, and neither of the two is stored."""
    stream = HKDF(SHA256(), LENGTH, secret, b"zhengming query code").derive(idempotency_key.encode())
    return "".join(ALPHABET[b % 32] for b in stream)


def shown(code: str) -> str:
    """The code in groups of four, for a person to copy."""
    return "-".join(code[i : i + 4] for i in range(0, LENGTH, 4))


def halves(typed: str) -> tuple[str, str] | None:
    """The two halves of a typed code, in any width and with anything between the letters; None if it cannot
    be one."""
    code = "".join(c for c in unicodedata.normalize("NFKC", typed) if c.isalnum()).upper()
    if not FORM.match(code):
        return None
    return code[: LENGTH // 2], code[LENGTH // 2 :]
