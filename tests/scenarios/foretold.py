"""A case tells its reader that they may give exactly the commands that the gate then lets them give.

While a scenario is played, the giver of each command reads the case before, and the answer is held against
`may`: a command that was carried out stood under `now`; one that was refused did not, unless it was refused
for its content.
"""

from __future__ import annotations

from typing import Any

import httpx

from deploy.local.player import Case, Player, expand

FOR_THEIR_WORDS = {
    "E_SPLIT_REQUIRED",
    "E_CLARIFICATION_DUE",
    "E_DISCIPLINE_LOOSENING",
    "E_ALLEGATION_INCONCLUSIVE",
    "E_TEXT_OVERALL_EVALUATION",
    "E_TEXT_IDENTITY_LEAK",
}
"""Refusals of the scenarios that hang on the body; with another body the same command is carried out."""


class Foretold:
    """Holds what each reader was told against what came of it."""

    def __init__(self) -> None:
        self.may: dict[str, Any] | None = None
        self.command = ""
        self.held = 0
        """Commands whose giver had read the case."""
        self.wrong: list[Any] = []

    def before(self, player: Player, who: str, case: Case, command: str) -> None:
        path = f"/{case.service}/v1/{case.plural}/{case.id}"
        answer = player.client(who).get(path)
        if answer.status_code == 404 and case.service == "clarification":
            answer = player.client(who).get(f"{path}/draft")
        self.command = command
        self.may = answer.json()["may"] if answer.status_code == 200 else None

    def after(self, step: dict[str, Any], answer: httpx.Response) -> None:
        if self.may is None:
            return  # who opens or assigns, and has not been let in yet
        self.held += 1
        not_now = {told["command"]: told["code"] for told in self.may["not_now"]}
        now = self.command in self.may["now"]
        assert not (now and self.command in not_now)
        if answer.status_code < 400:
            right = now
        else:
            code = answer.json()["code"]
            # The state comes last: what the command said may have been refused before it.
            right = not_now.get(self.command, code) in (code, "E_STATE")
            right = right and (not now or code in FOR_THEIR_WORDS)
        if not right:
            self.wrong.append((step["do"], step["who"], answer.status_code, answer.text, self.may))

    def account(self, scenario: dict[str, Any]) -> None:
        """Everything was as foretold, and that of most commands on a case."""
        given = [step for step in expand(scenario) if "do" in step and "at" in step]
        assert self.wrong == []
        assert self.held > len(given) / 2
