"""The API documents in docs/api are what the code generates today."""

from __future__ import annotations

from deploy.documents import TARGET, documents


def test_the_generated_documents_are_current() -> None:
    """`make docs` was run after the last change of a command or an event."""
    for name, text in documents().items():
        assert (TARGET / name).read_text("utf-8") == text, f"run `make docs`: {name}"
