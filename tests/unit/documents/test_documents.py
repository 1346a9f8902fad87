"""The API documents in docs/api are what the code generates today."""

from __future__ import annotations

import json

from deploy.documents import TARGET, documents, examples
from shared.web.openapi import EXAMPLES


def test_the_generated_documents_are_current() -> None:
    """`make docs` was run after the last change of a command or an event."""
    for name, text in documents().items():
        assert (TARGET / name).read_text("utf-8") == text, f"run `make docs`: {name}"


def test_the_examples_are_what_the_scenarios_send() -> None:
    """Each is a body that its command takes, or making them fails."""
    assert json.loads(EXAMPLES.read_text("utf-8")) == examples()
