"""The policy document: every parameter that the law leaves open or may change (§0.4).

One versioned file. Each event cites the `label` of the document under which it was decided, so a replay can
say which numbers applied then. The packaged document is also the schema: a document that replaces it must
have the same keys with values of the same kind, so a typing error stops the start and not a case.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

Value = bool | int | str | tuple[int, ...] | Mapping[str, int]

_Count = Annotated[StrictInt, Field(ge=0)]
_NAMES = {
    bool: "a boolean",
    int: "an integer",
    str: "a text",
    tuple: "a list of integers",
    MappingProxyType: "a table of integers",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document in force. Unknown keys raise `KeyError`, wrong kinds `TypeError`."""

    version: str
    effective_from: date
    digest: str
    """SHA-256, in hex, of the document in RFC 8785 canonical form."""
    parameters: Mapping[str, Value] = field(hash=False)

    @property
    def label(self) -> str:
        """The label that events cite: the version a person knows, and the digest that proves it."""
        return f"{self.version}+{self.digest[:12]}"

    def get(self, key: str) -> Value:
        """The value of a parameter, whatever its kind."""
        try:
            return self.parameters[key]
        except KeyError:
            raise KeyError(f"unknown policy parameter: {key}") from None

    def int_of(self, key: str) -> int:
        """A number, such as a length in the unit that its key names."""
        value = self.get(key)
        if type(value) is not int:  # a bool is an int to isinstance
            raise _wrong_kind(key, "an integer")
        return value

    def ints_of(self, key: str) -> tuple[int, ...]:
        """A list of numbers, such as `revisit.schedule.days`."""
        value = self.get(key)
        if not isinstance(value, tuple):
            raise _wrong_kind(key, "a list of integers")
        return value

    def int_table_of(self, key: str) -> Mapping[str, int]:
        """Numbers by name, such as `revisit.min_staff` by revisit mode."""
        value = self.get(key)
        if not isinstance(value, Mapping):
            raise _wrong_kind(key, "a table of integers")
        return value

    def bool_of(self, key: str) -> bool:
        """A switch."""
        value = self.get(key)
        if not isinstance(value, bool):
            raise _wrong_kind(key, "a boolean")
        return value

    def str_of(self, key: str) -> str:
        """A named choice, such as `handler.quarterly_feedback`."""
        value = self.get(key)
        if not isinstance(value, str):
            raise _wrong_kind(key, "a text")
        return value


def load_policy(path: Path | None = None) -> Policy:
    """The packaged policy, or the document at `path`, which must have the same keys and kinds."""
    if path is None:
        return _packaged()
    policy = _parse(path.read_bytes())
    _same_shape(policy, _packaged())
    return policy


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[StrictStr, Field(min_length=1)]
    effective_from: date
    parameters: dict[str, StrictBool | _Count | StrictStr | list[_Count] | dict[str, _Count]]


@cache
def _packaged() -> Policy:
    return _parse(files(__package__).joinpath("policy.json").read_bytes())


def _parse(raw: bytes) -> Policy:
    document = _Document.model_validate_json(raw)
    canonical = rfc8785.dumps(document.model_dump(mode="json"))
    return Policy(
        version=document.version,
        effective_from=document.effective_from,
        digest=hashlib.sha256(canonical).hexdigest(),
        parameters=MappingProxyType({key: _frozen(value) for key, value in document.parameters.items()}),
    )


def _frozen(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return MappingProxyType(value)
    return value  # type: ignore[no-any-return]


def _same_shape(policy: Policy, schema: Policy) -> None:
    if missing := schema.parameters.keys() - policy.parameters.keys():
        raise ValueError(f"policy {policy.version} lacks {', '.join(sorted(missing))}")
    if unknown := policy.parameters.keys() - schema.parameters.keys():
        raise ValueError(f"policy {policy.version} has unknown keys: {', '.join(sorted(unknown))}")
    for key, value in schema.parameters.items():
        if type(policy.parameters[key]) is not type(value):
            raise _wrong_kind(key, _NAMES[type(value)])
        if isinstance(value, Mapping) and value.keys() != policy.int_table_of(key).keys():
            raise ValueError(f"policy parameter {key} needs exactly {', '.join(sorted(value))}")


def _wrong_kind(key: str, kind: str) -> TypeError:
    return TypeError(f"policy parameter {key} is not {kind}")
