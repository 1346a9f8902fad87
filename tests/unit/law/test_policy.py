"""The policy document (§0.4)."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from pydantic import ValidationError

from shared.language.law.policy import load_policy


def packaged_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("shared.language.law").joinpath("policy.json").read_bytes())
    return document


def written(tmp_path: Path, document: dict[str, Any]) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document, indent=3), encoding="utf-8")
    return path


def test_typed_values() -> None:
    """Each kind of parameter has its own reader."""
    policy = load_policy()
    assert policy.int_of("clarification.consent.window.working_days") == 5
    assert policy.ints_of("revisit.schedule.days") == (30, 90, 180)
    assert policy.int_table_of("revisit.min_staff")["PHONE_CALL"] == 1
    assert policy.bool_of("revisit.dual.default") is True
    assert policy.str_of("handler.quarterly_feedback") == "LAST_DAY_OF_CALENDAR_QUARTER"


def test_unknown_key_is_named() -> None:
    """A key that does not exist is a KeyError that says which."""
    with pytest.raises(KeyError, match=r"no\.such\.key"):
        load_policy().int_of("no.such.key")


@pytest.mark.parametrize("reader", ["int_of", "ints_of", "int_table_of", "str_of"])
def test_wrong_kind_is_named(reader: str) -> None:
    """A switch is not read as a number, although Python would allow it."""
    with pytest.raises(TypeError, match=r"adverse_effect\.required"):
        getattr(load_policy(), reader)("adverse_effect.required")


def test_label_cites_version_and_digest() -> None:
    """The label is the version and the start of the digest of the canonical document."""
    policy = load_policy()
    digest = hashlib.sha256(rfc8785.dumps(packaged_document())).hexdigest()
    assert policy.digest == digest
    assert policy.label == f"2026.1+{digest[:12]}"


def test_layout_does_not_change_the_digest(tmp_path: Path) -> None:
    """Order and white space mean nothing; one changed number does."""
    document = packaged_document()
    reordered = dict(reversed(document.items()))
    assert load_policy(written(tmp_path, reordered)) == load_policy()
    document["parameters"]["reminder.before.days"] = 4
    changed = load_policy(written(tmp_path, document))
    assert changed.int_of("reminder.before.days") == 4
    assert changed.digest != load_policy().digest


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"reminder.before.days": -1}, ValidationError),
        ({"reminder.before.days": 3.5}, ValidationError),
        ({"reminder.before.days": "3"}, TypeError),
        ({"reminder.before.days": True}, TypeError),
        ({"reminder.befor.days": 3}, ValueError),
        ({"revisit.min_staff": {"PHONE_CALL": 1}}, ValueError),
    ],
)
def test_a_bad_document_stops_the_start(
    tmp_path: Path, change: dict[str, Any], error: type[Exception]
) -> None:
    """Wrong kinds, negative numbers and unknown keys are refused at load."""
    document = packaged_document()
    document["parameters"] |= change
    with pytest.raises(error):
        load_policy(written(tmp_path, document))


def test_a_missing_parameter_stops_the_start(tmp_path: Path) -> None:
    """A document that lacks a parameter is refused, and the message names it."""
    document = packaged_document()
    del document["parameters"]["escalate.up.working_days"]
    with pytest.raises(ValueError, match=r"escalate\.up\.working_days"):
        load_policy(written(tmp_path, document))


def test_policy_is_frozen_and_hashable() -> None:
    """Nobody changes a policy in force, and it can key a cache."""
    policy = load_policy()
    with pytest.raises(TypeError):
        policy.parameters["reminder.before.days"] = 9  # type: ignore[index] # that is the point
    assert hash(policy) == hash(load_policy())
