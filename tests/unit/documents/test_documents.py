"""The generated documents are what the code generates today."""

from __future__ import annotations

import json

from shared.casework.http.openapi import EXAMPLES
from shared.language.catalogue import CATALOGUE
from tools.documents import ROOT, examples, generated, refusals


def test_the_generated_documents_are_current() -> None:
    """`make docs` was run after the last change of a command, an event or a refusal."""
    for path, text in generated().items():
        assert path.read_text("utf-8") == text, f"run `make docs`: {path.relative_to(ROOT)}"


def test_s88_every_refusal_code_stands_in_the_table() -> None:
    """A row for each, with status and both sentences, and none for anything else."""
    rows = [line for line in refusals().splitlines() if line.startswith("| <a ")]
    assert len(rows) == len(CATALOGUE)
    for code, (status, zh, en) in CATALOGUE.items():
        assert f'| <a id="{code}"></a>`{code}` | {status} | {zh} | {en} |' in rows


def test_the_examples_are_what_the_scenarios_send() -> None:
    """Each is a body that its command takes, or making them fails."""
    assert json.loads(EXAMPLES.read_text("utf-8")) == examples()
