"""Plays a scenario's data file through the public API, step by step, and holds every answer against it.

A step is a command (`do`), a submission without account (`report`), a wait for what another service's
reaction brings about (`await`, `wait_state`, `wait_event`), or a look (`deadline`, `history`, `unseen_by`,
`alerted`).
`${name.facts.x.0}` is read from the case as the acting person sees it; `#name` is the SHA-256 of a made-up
document.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from deploy.local.door import PATIENCE_SECONDS, door
from deploy.local.stack import Stack
from services.intake.reporters.flood import solve

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
EXPRESSION = re.compile(r"\$\{([^}]+)\}")


class Onlooker(Protocol):
    """Looks at what people do, and may have something to say against it."""

    def before(self, player: Player, who: str, case: Case, command: str) -> None:
        """Somebody is about to give a command on a case."""

    def after(self, step: dict[str, Any], answer: httpx.Response) -> None:
        """Notes the answer that they were given."""


class Departure(Exception):
    """The system did something else than the table says."""


@dataclass
class Case:
    """A case that a step named: where it lives and what identifies it."""

    service: str
    plural: str
    id: str
    number: str = ""


@dataclass
class Happened:
    """The result of a step, for the telling."""

    step: dict[str, Any]
    at: datetime
    outcome: str
    ok: bool = True
    number: str = ""
    rule: str = ""
    words: str = ""


@dataclass
class Expected:
    """An event type that the table promises, with its service and day, in the order of the steps."""

    service: str
    type: str
    day: str
    case: str = ""
    """The name that a step gave the case, where it stands apart from the story that is replayed."""


LISTS = ("my-work", "deadlines", "recusal-requests")
"""Lists that every service has, besides its cases."""
OF_INTAKE = ("/intake/v1/queue", "/intake/v1/sealed-parcels", "/intake/v1/handovers")
PLURALS = {
    "intake": "complaints",
    "verification": "cases",
    "clarification": "clarifications",
    "followup": "plans",
}


def load(name: str) -> dict[str, Any]:
    """The data file of a scenario or drill."""
    data: dict[str, Any] = json.loads((SCENARIOS / f"scenario-{name}.json").read_text("utf-8"))
    return data


def there_are() -> list[str]:
    """The scenarios, by number, and the drills, by letter, that can be played."""
    return sorted(path.stem.removeprefix("scenario-") for path in SCENARIOS.glob("scenario-*.json"))


def expand(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of every row: macros are filled in."""
    for step in scenario["steps"]:
        if "use" not in step:
            yield step
            continue
        macro = scenario["macros"][step["use"]]
        values = {p: step[p] for p in macro["params"]}
        for inner in macro["steps"]:
            yield _fill(inner, values)


def _fill(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {k: _fill(v, values) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, values) for v in value]
    if isinstance(value, str):
        whole = value[1:] if value.startswith("$") and not value.startswith("${") else None
        if whole in values:
            return values[whole]
        for name in sorted(values, key=len, reverse=True):
            if not isinstance(values[name], dict):
                value = re.sub(rf"\${name}\b", str(values[name]), value)
    return value


@dataclass
class Player:
    """One run of one scenario against a running stack."""

    stack: Stack
    tell: Callable[[Happened], None] = lambda happened: None
    onlooker: Onlooker | None = None
    cases: dict[str, Case] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)
    answers: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    _now: datetime | None = None
    _clients: dict[str, httpx.Client] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _count: int = 0

    def play(self, scenario: dict[str, Any]) -> None:
        """Plays all steps; raises Departure at the first answer that differs from the table."""
        for step in expand(scenario):
            self._go_to(step.get("on"))
            self._step(step)

    def close(self) -> None:
        """Ends the connections; people who act again sign in again."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _step(self, step: dict[str, Any]) -> None:
        if "do" in step:
            self._command(step)
        elif "report" in step:
            self._report(step)
        elif "await" in step:
            self._await_case(step)
        elif "wait_state" in step:
            self._await_state(step)
        elif "wait_event" in step:
            self._await_event(step)
        elif "deadline" in step:
            self._check_deadline(step)
        elif "history" in step:
            self._check_history(step)
        elif "unseen_by" in step:
            self._check_unseen(step)
        elif "alerted" in step:
            self._check_alert(step)
        else:
            raise Departure(f"unknown step {step}")

    # --- time and people ---------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        assert self._now is not None
        return self._now

    def _go_to(self, day: str | None) -> None:
        """Every step is a minute later; a new day begins at nine."""
        if day is not None and (self._now is None or day != self._now.date().isoformat()):
            self._now = datetime.fromisoformat(f"{day}T09:00:00").replace(tzinfo=SHANGHAI)
        else:
            self._now = self.now + timedelta(minutes=1)
        self.stack.move_clock(self._now)

    def client(self, who: str) -> httpx.Client:
        """The front door, as one person."""
        if who not in self._clients:
            self._clients[who] = door(self.stack.front_url, self.stack.token(who))
        return self._clients[who]

    def get(self, who: str, path: str, **params: Any) -> httpx.Response:
        """One person's reading. As every client that is told `E_NOT_YET`, it asks again; raises Departure at
        any other answer than the one that was asked for."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.client(who).get(path, params=params or None)).status_code != 200:
            if answer.json()["code"] != "E_NOT_YET" or time.monotonic() > until:
                raise Departure(f"{who} reads {path}: {answer.status_code} {answer.text}")
        return answer

    # --- commands ----------------------------------------------------------------------------------

    def _command(self, step: dict[str, Any]) -> None:
        place, command = step["do"].split(":")
        service, _, plural = place.partition("/")
        client = self.client(step["who"])
        case = self.cases.get(step.get("at", ""))
        body = self._resolve(step["body"], step["who"])
        path = f"/{service}/v1/{plural or PLURALS[service]}"
        headers = {"idempotency-key": f"scenario-step-{self._count:05d}"}
        self._count += 1
        if case is not None:
            path += f"/{case.id}/{_kebab(command)}"
        if case is not None and self.onlooker is not None:
            self.onlooker.before(self, step["who"], case, command)
        answer = self._post(client, path, body, headers, case)
        if answer.status_code == 412:
            # Another service's event came in between: a person reads again, and then decides.
            answer = self._post(client, path, body, headers, case)
        if case is not None and self.onlooker is not None:
            self.onlooker.after(step, answer)
        expect = step["expect"]
        if "refused" in expect:
            self._check_refusal(step, answer, expect["refused"])
            return
        if answer.status_code not in (200, 201):
            raise Departure(f"{step['do']} by {step['who']}: {answer.status_code} {answer.text}")
        told = answer.json()
        if "state" in expect and told["state"] != expect["state"]:
            raise Departure(f"{step['do']}: state {told['state']}, expected {expect['state']}")
        if "save" in step:
            case = self.cases[step["save"]] = Case(service, PLURALS[service], told["id"])
            self._seen.add(told["id"])
        if case is None:
            self.tell(Happened(step, self.now, "accepted", words=", ".join(expect["events"])))
            return
        case.number = told["number"] or case.number
        self._promise(service, expect.get("events", ()), step.get("save") or step["at"])
        for name, value in expect.get("facts", {}).items():
            found = self.read(case, step["who"])["facts"].get(name)
            if found != value:
                raise Departure(f"{step['do']}: {name} is {found}, expected {value}")
        words = ", ".join(expect.get("events", ()))
        self.tell(Happened(step, self.now, "accepted", number=case.number, words=words))

    def _report(self, step: dict[str, Any]) -> None:
        """Reports without an account; the clerk finds the envelope in their list."""
        with door(self.stack.front_url) as nobody:
            asked = nobody.get("/intake/v1/reports/challenge").json()
            proof = f"{asked['challenge']}.{solve(asked['challenge'], asked['difficulty'])}"
            headers = {"idempotency-key": str(uuid4()), "proof-of-work": proof}
            answer = nobody.post("/intake/v1/reports", json=step["report"], headers=headers)
        if answer.status_code != 201:
            raise Departure(f"report: {answer.status_code} {answer.text}")
        [case] = self.patiently(step, lambda: self._fresh("intake", "complaints", step))
        self.cases[step["save"]] = case
        self._promise("intake", step["events"])
        self.tell(Happened(step, self.now, "accepted", words=", ".join(step["events"])))

    def _post(
        self, client: httpx.Client, path: str, body: Any, headers: dict[str, str], case: Case | None
    ) -> httpx.Response:
        on_version = self._if_match(client, case) if case is not None else {}
        return client.post(path, json=body, headers=headers | on_version)

    def _check_refusal(self, step: dict[str, Any], answer: httpx.Response, code: str) -> None:
        told = answer.json()
        if answer.status_code < 400 or told["code"] != code:
            raise Departure(f"{step['do']}: {answer.status_code} {answer.text}, expected refusal {code}")
        service = step["do"].split(":")[0]
        self._promise(service, ["CommandRefused"], step.get("at", ""))
        number = self.cases[step["at"]].number if "at" in step else ""
        words = f"{code}: {told['message_zh']}"
        self.tell(Happened(step, self.now, "refused", number=number, rule=told["rule"], words=words))

    def _if_match(self, client: httpx.Client, case: Case) -> dict[str, str]:
        """Reads the case first, as a person would, and decides on the version that was read."""
        read = client.get(f"/{case.service}/v1/{case.plural}/{case.id}")
        return {"if-match": read.headers["etag"]} if read.status_code == 200 else {}

    def read(self, case: Case, who: str) -> dict[str, Any]:
        """The case as a member of staff reads it now."""
        answer = self.get(who, f"/{case.service}/v1/{case.plural}/{case.id}")
        view: dict[str, Any] = answer.json()
        del view["may"]  # what is this reader's alone, and of this moment
        self.answers.append((self.now, case.service, view))
        return view

    def _promise(self, service: str, types: Any, case: str = "") -> None:
        day = self.now.date().isoformat()
        self.expected += [Expected(service, t, day, case) for t in types]

    # --- waiting and looking -----------------------------------------------------------------------

    def _await_case(self, step: dict[str, Any]) -> None:
        """Waits until the list shows as many more cases as are named: another service opens them on its
        own."""
        service, plural = step["await"].split(":")
        found = self.patiently(step, lambda: self._fresh(service, plural, step))
        for name, case in zip(step["save"].split(","), found, strict=True):
            self.cases[name] = case
        self._promise(service, step.get("events", ()))
        words = ", ".join(step.get("events", ()))
        self.tell(Happened(step, self.now, "followed", number=found[0].number, words=words))

    def _fresh(self, service: str, plural: str, step: dict[str, Any]) -> list[Case] | None:
        """The cases that no step has met so far, in the order of their numbers, once all are there."""
        rows = self.get(step["as"], f"/{service}/v1/{plural}", state=step["state"]).json()
        fresh = sorted((r["number"], r["id"]) for r in rows["items"] if r["id"] not in self._seen)
        if len(fresh) != len(step["save"].split(",")):
            return None
        self._seen.update(stream for _, stream in fresh)
        return [Case(service, plural, stream, number) for number, stream in fresh]

    def _await_state(self, step: dict[str, Any]) -> None:
        service, name = step["wait_state"].split(":")
        case = self.cases[name]

        def reached() -> bool:
            rows = self.get(step["as"], f"/{service}/v1/{case.plural}", state=step["state"]).json()
            return any(r["id"] == case.id for r in rows["items"])

        self.patiently(step, reached)
        self._promise(service, step.get("events", ()))
        words = ", ".join(step.get("events", ()))
        self.tell(Happened(step, self.now, "followed", number=case.number, words=words))

    def _await_event(self, step: dict[str, Any]) -> None:
        _, name, event = step["wait_event"].split(":")
        case = self.cases[name]
        self.patiently(step, lambda: any(h["type"] == event for h in self.read(case, step["as"])["history"]))

    def _check_deadline(self, step: dict[str, Any]) -> None:
        case = self.cases[step["at"]]

        def due() -> str | None:
            rows = self.get(step["as"], f"/{case.service}/v1/deadlines", limit=200).json()
            return next(
                (r["due"] for r in rows["items"] if r["id"] == case.id and r["deadline"] == step["deadline"]),
                None,
            )

        try:
            self.patiently(step, lambda: due() == step["due"])
        except Departure as departure:
            raise Departure(f"{step['deadline']} is due {due()}, expected {step['due']}") from departure
        found = step["due"]
        self.tell(Happened(step, self.now, "due", number=case.number, words=f"{step['deadline']} {found}"))

    def _check_history(self, step: dict[str, Any]) -> None:
        who, case = step["as"], self.cases[step["at"]]
        ref = self.read(case, who)["facts"]["accused"][0]["ref"]

        expected = [step["initial"], step["duplicates"], step["re_reports"]]
        counts: dict[str, int] = {}

        def as_expected() -> bool:
            rows = self.get(who, f"/intake/v1/accused/{ref}/history").json()["complaints"]
            kinds = [row["repeat_kind"] for row in rows]
            counts.update((k, kinds.count(k)) for k in ("INITIAL", "DUPLICATE", "RE_REPORT_AFTER_CONCLUSION"))
            return len(rows) == step["history"] and list(counts.values()) == expected

        try:
            self.patiently(step, as_expected)
        except Departure as departure:
            raise Departure(f"history of the accused: {counts}") from departure
        words = "AccusedHistory " + ", ".join(f"{v} {k}" for k, v in counts.items())
        self.tell(Happened(step, self.now, "looked", words=words))

    def _check_unseen(self, step: dict[str, Any]) -> None:
        """Nothing of what is played is shown to somebody: no case, and in no list so much as a number."""
        who = step["unseen_by"]
        words = {word for case in self.cases.values() for word in (case.id, case.number) if word}
        paths = [f"/{service}/v1/{name}" for service, plural in PLURALS.items() for name in (plural, *LISTS)]
        paths += [f"/{case.service}/v1/{case.plural}/{case.id}" for case in self.cases.values()]
        for path in (*paths, *OF_INTAKE):
            answer = self.client(who).get(path)
            if answer.status_code not in (200, 403, 404) or any(word in answer.text for word in words):
                raise Departure(f"{who} reads {path}: {answer.status_code} {answer.text}")
        told = f"{len(paths) + len(OF_INTAKE)} places asked, not a number shown"
        self.tell(Happened(step, self.now, "looked", words=told))

    def _check_alert(self, step: dict[str, Any]) -> None:
        """Internal supervision is told of an attempt on a case."""
        who, case = step["alerted"], self.cases[step["at"]]

        def told() -> bool:
            items = self.get(who, "/audit/v1/alerts").json()["items"]
            return any(item["object"] == case.id and item["person"] == step["of"] for item in items)

        self.patiently(step, told)
        self.tell(Happened(step, self.now, "looked", words=f"alert about {step['of']}"))

    def patiently(self, step: dict[str, Any], look: Callable[[], Any]) -> Any:
        """Services follow one another's events in their own time; a look is repeated, not forced."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise Departure(f"waited in vain: {step}")

    # --- expressions -------------------------------------------------------------------------------

    def _resolve(self, value: Any, who: str) -> Any:
        if isinstance(value, dict):
            return {k: self._resolve(v, who) for k, v in value.items()}
        if isinstance(value, list):
            return [self._resolve(v, who) for v in value]
        if isinstance(value, str):
            if value.startswith("#"):
                return document_hash(value)
            return EXPRESSION.sub(lambda m: self._value(m.group(1), who), value)
        return value

    def _value(self, expression: str, who: str) -> str:
        if expression.startswith("at:"):
            return instant_on(expression[3:])
        if expression.startswith("draft:"):
            name, *path = expression[6:].split(".")
            case = self.cases[name]
            answer = self.get(who, f"/{case.service}/v1/{case.plural}/{case.id}/draft")
            found: Any = answer.json()
        else:
            name, *path = expression.split(".")
            case = self.cases[name]
            if not path:
                return case.id
            found = self.read(case, who)
        for key in path:
            found = found[int(key)] if isinstance(found, list) else found[key]
        return str(found)


def document_hash(name: str) -> str:
    """The digest of a made-up document."""
    return hashlib.sha256(name.encode()).hexdigest()


def instant_on(day: str) -> str:
    """An instant on a day, before the steps of that day."""
    return datetime.fromisoformat(f"{day}T08:30:00").replace(tzinfo=SHANGHAI).isoformat()


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
