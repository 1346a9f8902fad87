"""Ids and digests that confirm no guess."""

from __future__ import annotations

import hmac
import os
from typing import Any, cast
from uuid import uuid4

from services.intake.commands.receiving import RegisterComplaint
from shared.casework.command import Token
from shared.casework.gate import CommandGate, Submission
from shared.kernel.store.sealing import Keyring, secret_for
from shared.kernel.suites import SM
from shared.language.ids import keyed_digest, keyed_id


def gate(secret: bytes) -> CommandGate:
    away = cast(Any, None)
    return CommandGate("intake", away, away, away, away, away, secret, staff=away)


def test_the_same_request_under_another_secret_is_another_id_and_digest() -> None:
    command = RegisterComplaint()
    one, other = gate(bytes(32)), gate(bytes(31) + b"1")
    request = Submission(command, None, None, idempotency_key=str(uuid4()))
    assert one._command_id(request) == one._command_id(request) != other._command_id(request)
    assert one._request_hash(request) == one._request_hash(request) != other._request_hash(request)


def test_without_an_account_a_key_is_bound_to_what_is_acted_on() -> None:
    one, command = gate(bytes(32)), cast(Any, None)
    first, second = (Submission(command, None, uuid4(), idempotency_key="the-same-key") for _ in range(2))
    assert one._command_id(first) != one._command_id(second)
    mine, yours = (Submission(command, cast(Token, Somebody(p)), None, idempotency_key="k" * 8) for p in "ab")
    assert one._command_id(mine) != one._command_id(yours)


class Somebody:
    def __init__(self, person: str) -> None:
        self.person = person


def test_a_secret_that_was_taken_in_gives_the_digests_that_it_would_give_anew() -> None:
    """Each secret its own, also when others were used between, and whatever length it has."""
    secrets = [os.urandom(length) for length in (1, 31, 32, 64, 65, 200)]
    messages = [os.urandom(length) for length in (0, 1, 55, 64, 5_000)]
    for message in messages * 2:
        for secret in secrets:
            assert keyed_digest(secret, message) == hmac.digest(secret, message, "sha256")


def test_parts_do_not_run_into_one_another() -> None:
    assert keyed_id(bytes(32), "a", "b:c") != keyed_id(bytes(32), "a:b", "c")


def test_the_secret_of_a_store_outlives_rotations_and_changes_of_suite() -> None:
    first = Keyring("intake", {"1": bytes(32)}, "1")
    rotated = Keyring("intake", {"1": bytes(32), "2": bytes(31) + b"2"}, "2")
    sm = Keyring("intake", {"1": bytes(16)}, "1", SM)
    kept = secret_for("ids", [first])
    assert kept == secret_for("ids", [rotated]) == secret_for("ids", [sm, rotated])
    assert (
        len(
            {
                kept,
                secret_for("places", [first]),
                secret_for("ids", [Keyring("audit", {"1": bytes(32)}, "1")]),
            }
        )
        == 3
    )
