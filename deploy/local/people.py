"""The seeded people of the synthetic province 99, and the service accounts (`people.json`).

Every staff role of the law in every organ where it exists; all names contain 虚 and belong to nobody.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

_FILE = Path(__file__).with_name("people.json")


@dataclass(frozen=True)
class Identity:
    """The person or account that a token speaks for."""

    sub: str
    name: str
    role: tuple[str, ...]
    organ: str | None
    dept: str | None

    def claims(self) -> dict[str, Any]:
        """The token's claims; an organ or department that a person has not is left out."""
        claims: dict[str, Any] = {"sub": self.sub, "name": self.name, "role": list(self.role)}
        if self.organ is not None:
            claims["organ"] = self.organ
        if self.dept is not None:
            claims["dept"] = self.dept
        return claims


@cache
def people() -> dict[str, Identity]:
    """People by username: `handler@DI-990102100`, a second of the role `handler@DI-990102100#2`."""
    return {entry["username"]: _identity(entry) for entry in _seeds()["people"]}


@cache
def clients() -> dict[str, Identity]:
    """Service accounts by client id."""
    return {entry["client_id"]: _identity(entry) for entry in _seeds()["clients"]}


def _seeds() -> Any:
    return orjson.loads(_FILE.read_bytes())


def _identity(entry: dict[str, Any]) -> Identity:
    return Identity(entry["sub"], entry["name"], tuple(entry["role"]), entry["organ"], entry["dept"])
