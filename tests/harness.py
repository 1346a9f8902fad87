"""A driver over the front door: people, commands, and cases brought to a wanted state by name.

    story = world.story()                         # one accused of the township, whom nobody has named before
    story.planned(forms=("WRITTEN", "MEETING"))   # everything before it is done in order
    answer = world.give(story.clarification, "SubmitForReview", TOWN.handler)
    refused(answer, "E_CONSENT_REQUIRED", rule="R7")

Where only the clarification matters and not the case before it, `world.concluded()` begins such a story
behind the conclusion, for a part of the requests.

All tests share one running stack, and its clock only moves forward: days are counted from now, every
story has an accused of its own, and nothing here lists or counts what other tests made.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import chinese_calendar
import httpx
import psycopg
from psycopg.rows import namedtuple_row

from deploy.local.door import PATIENCE_SECONDS, door
from deploy.local.people import clients, people
from deploy.local.stack import Stack
from services.intake.domain.complaint.state import received_as
from services.intake.reporters.flood import solve
from shared.casework.http.places import Places
from shared.casework.http.read import Read
from shared.casework.http.readgate import reads_of
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.sealing import Sealer
from shared.language.catalogue import CATALOGUE
from tools.documents import built

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLURALS = {
    "intake": "complaints",
    "verification": "cases",
    "clarification": "clarifications",
    "followup": "plans",
}
SERVICES = tuple(PLURALS)
OPENINGS = {
    "verification": "VerificationCaseOpened",
    "clarification": "ClarificationOpened",
    "followup": "RevisitPlanOpened",
}
"""The events with which services open cases by themselves."""
PROBLEM = "application/problem+json"
EXPLAINED = ("PURPOSE", "SCOPE", "AUDIENCE", "CONSEQUENCES", "RIGHT_TO_REFUSE_OR_WITHDRAW")
LARGE = frozenset({"MEETING", "CIRCULAR"})
SUBJECTS = 8
"""The accused of a case whose clarifications are shared out among tests."""
_serial = itertools.count(1)


@dataclass(frozen=True)
class Organ:
    """An organ's people by role: `TOWN.handler`, `COUNTY.clarification_approver`."""

    code: str

    def __getattr__(self, role: str) -> str:
        name, _, nth = role.partition("_second")
        username = f"{name}@{self.code}" + ("#2" if nth or role.endswith("_second") else "")
        if username not in people():
            raise AttributeError(username)
        return username


@dataclass(frozen=True)
class SmallOrgan(Organ):
    """An organ whose few people hold several roles each."""

    def __getattr__(self, role: str) -> str:
        name, second, _ = role.partition("_second")
        holders = [u for u, p in people().items() if p.organ == self.code and name in p.role]
        if len(holders) <= bool(second):
            raise AttributeError(role)
        return holders[bool(second)]


TOWN = Organ("DI-990102100")
THREE = SmallOrgan("DI-990102101")
"""A township of three people."""
OTHER_TOWN = Organ("DI-990101001")
COUNTY = Organ("DI-990102")
OTHER_COUNTY = Organ("DI-990101")
CITY = Organ("DI-9901")
PROVINCE = Organ("DI-99")
SUBJECT = "subject-wu"
OTHER_SUBJECT = "subject-qian"
DIRECTORY = "staff-directory"
"""The account that imports the staff directory."""
PARENTS = {TOWN: COUNTY, THREE: COUNTY, OTHER_TOWN: OTHER_COUNTY}
DIVISIONS = {
    TOWN: "990102100001",
    THREE: "990102101001",
    OTHER_TOWN: "990101001001",
    COUNTY: "990102",
    OTHER_COUNTY: "990101",
    CITY: "9901",
    PROVINCE: "99",
}
LEVELS = {
    TOWN: "TOWNSHIP",
    THREE: "TOWNSHIP",
    OTHER_TOWN: "TOWNSHIP",
    COUNTY: "COUNTY",
    OTHER_COUNTY: "COUNTY",
    CITY: "CITY",
    PROVINCE: "PROVINCE",
}


def sub(who: str) -> str:
    """The person behind a username, as tokens and events name them."""
    return people()[who].sub


def place_of(stack: Stack, who: str | None, path: str, position: int) -> str:
    """A position of the service that a path leads to, as `who` may name it."""
    service = "vault" if path.startswith("/intake/vault/") else path.split("/")[1]
    everyone = people() | clients()
    person = everyone[who].sub if who in everyone else ""
    key = stack.data.keys / f"store-{service}.key"
    return Places(_sealer(key, key.stat().st_mtime_ns, service)).seal(person, position)


@cache
def _sealer(key: Path, written: int, service: str) -> Sealer:
    """A service's own sealer, made anew for a key that was written anew."""
    return Sealer.from_files(key, service)


def end_of(stack: Stack, service: str) -> int:
    """The end of a service's log."""
    with psycopg.connect(stack.database_url(f"zm_{service}", scheme="postgresql")) as connection:
        found = connection.execute(f"SELECT max(notification_id) FROM {service}_events".encode()).fetchone()
    return int(found[0]) if found else 0


PLACE = re.compile(r"AQEBM[A-Za-z0-9_-]{49}==")
"""A sealed place, which is another text each time."""


def sha(words: str) -> str:
    """The digest of a made-up document."""
    return hashlib.sha256(words.encode()).hexdigest()


def files_of(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file of a living folder; what goes while one looks was never there."""
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()


@cache
def declared(service: str) -> tuple[Read, ...]:
    """Every read that a service (or the vault) declares, as its own code has it."""
    with built("intake" if service == "vault" else service) as app:
        return tuple(reads_of(app.state.vault if service == "vault" else app))


def asked_of(read: Read, id: str, prefix: str = "/intake", **asked: str) -> str:
    """The address of a read about one object; what else it needs is filled in by its form."""
    needed = {p["name"]: p["schema"] for p in read.parameters if p["in"] == "query" and p["required"]}
    examples = {"uuid": id, "date-time": "2020-01-01T00:00:00Z", None: "NAME"}
    values = {n: f.get("examples", [examples[f.get("format")]])[0] for n, f in needed.items()}
    path = re.sub(r"{\w+}", id, read.path)
    return f"{prefix}{path}?{urlencode(values | asked)}".rstrip("?")


def working_days_after(day: date, n: int) -> date:
    """The n-th working day after `day`; from the calendar itself, not through our own code."""
    while n:
        day += timedelta(days=1)
        n -= chinese_calendar.is_workday(day)
    return day


ANONYMOUS: dict[str, Any] = {
    "channel": "ONLINE_APP",
    "acknowledged_notice_version": "1",
    "unit_division": "990102100001",
    "managed_by_level": "TOWNSHIP",
    "text": "虚述一件。",
}
"""A report without account about somebody of TOWN."""


@dataclass(frozen=True)
class Case:
    """One object of a service."""

    service: str
    id: str

    @property
    def path(self) -> str:
        return f"/{self.service}/v1/{PLURALS[self.service]}/{self.id}"


@dataclass(frozen=True)
class Entry:
    """One stored event, opened with the service's key."""

    position: int
    stream: str
    version: int
    topic: str
    event: dict[str, Any]
    meta: dict[str, Any]
    recorded_at: datetime
    organ: str = ""
    """The organ of the stream."""

    @property
    def type(self) -> str:
        return self.topic.rpartition(".")[2]


def refused(answer: httpx.Response, code: str, rule: str | None = None) -> dict[str, Any]:
    """The answer is the problem document (RFC 9457) of this code; returns its details."""
    assert answer.status_code >= 400, f"expected {code}, but it was done: {answer.text}"
    told: dict[str, Any] = answer.json()
    assert told["code"] == code, answer.text
    entry = CATALOGUE[code]
    assert answer.status_code == told["status"] == entry.status
    assert answer.headers["content-type"] == PROBLEM
    assert told["type"] == f"urn:zhengming:refusal:{code}"
    assert (told["message_zh"], told["message_en"]) == (entry.zh, entry.en)
    assert told["title"] in (entry.zh, entry.en)
    if rule is not None:
        assert told["rule"] == rule, answer.text
    details: dict[str, Any] = told["details"]
    return details


def excluded_there(world: World, case: Case, who: str) -> None:
    """Waits until a service's register says that somebody is excluded from the matters of a case (B2)."""
    asked = "SELECT EXISTS (SELECT FROM exclusions WHERE person = %s AND excluded AND matter = ANY(%s))"

    def told() -> bool:
        matters = [UUID(matter) for matter in world.entries(case.service, case.id)[-1].meta["matters"]]
        found = world._database(case.service).execute(asked, (sub(who), matters)).fetchone()
        return found is not None and bool(found[0])

    world.patiently(told, f"the exclusion in {case.service}")


def hidden(answer: httpx.Response) -> None:
    """The answer tells nothing, not even that there is something to know (§5.4)."""
    assert refused(answer, "E_NOT_FOUND", "") == {}


def done(answer: httpx.Response) -> dict[str, Any]:
    """The command was carried out; returns its answer."""
    assert answer.status_code in (200, 201), answer.text
    told: dict[str, Any] = answer.json()
    return told


class World:
    """A running stack as its users meet it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.now = datetime.fromtimestamp(0, SHANGHAI)
        self._clients: dict[str, tuple[float, httpx.Client]] = {}
        self._decides: dict[str, set[str]] = {}
        self._arrived: dict[tuple[str, str], list[tuple[str, Case]]] = {}
        self._subjects: tuple[date, list[Story]] = (date.min, [])
        self._looked: dict[str, int] = {}
        self._mappers: dict[str, EventMapper] = {}
        self._connections: dict[str, psycopg.Connection[Any]] = {}

    # --- time ---

    def go_to(self, instant: datetime) -> datetime:
        """Moves the simulated clock of the whole stack forward."""
        assert instant >= self.now, "the clock only moves forward"
        self.stack.move_clock(instant)
        self.now = instant
        return instant

    def pass_days(self, days: int) -> date:
        """Some days later, at nine in the morning."""
        return self.morning_of(self.today + timedelta(days=days))

    def morning_of(self, day: date) -> date:
        self.go_to(datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI))
        return day

    def pass_minutes(self, minutes: int = 1) -> datetime:
        return self.go_to(self.now + timedelta(minutes=minutes))

    @property
    def today(self) -> date:
        return self.now.date()

    # --- asking ---

    def client(self, who: str | None) -> httpx.Client:
        """The front door, as one person (or as nobody)."""
        made, client = self._clients.get(who or "", (0.0, None))
        if client is None or time.monotonic() - made > 1800:
            client = door(self.stack.front_url, "" if who is None else self._token(who))
            self._clients[who or ""] = (time.monotonic(), client)
        return client

    def _token(self, who: str) -> str:
        return self.stack.token(who) if who in people() else self.stack.client_token(who)

    def close(self) -> None:
        for _, client in self._clients.values():
            client.close()
        for connection in self._connections.values():
            connection.close()

    def get(self, who: str | None, path: str, **params: Any) -> httpx.Response:
        """Reads, and asks again as every client does that is told `E_NOT_YET`."""
        return self.ask_again(who, path, params)

    def ask_again(
        self,
        who: str | None,
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Reads with headers, or with parameters that stand in the path already. A position is sealed for the
        caller, as if they had been given it themselves."""
        for name in ("min_position", "after"):
            if params and isinstance(position := params.get(name), int):
                params = {**params, name: place_of(self.stack, who, path, position)}
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.client(who).get(path, params=params or None, headers=headers)  # {} would empty it
            if answer.status_code != 503 or time.monotonic() > until or answer.json()["code"] != "E_NOT_YET":
                return answer

    def paged(self, who: str, path: str, **params: Any) -> list[dict[str, Any]]:
        """All rows of one of intake's lists, page by page: other tests fill it too."""
        params = {"limit": 200, "min_position": self.position("intake"), **params}
        found: list[dict[str, Any]] = []
        while True:
            answer = self.get(who, path, **params)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["items"]
            if page["next"] is None:
                return found
            params["cursor"] = page["next"]

    def queue(self, who: str, **params: Any) -> list[dict[str, Any]]:
        """The queue on somebody's desk."""
        return self.paged(who, "/intake/v1/queue", **params)

    def give(
        self,
        case: Case,
        command: str,
        who: str | None,
        body: Mapping[str, Any] | None = None,
        *,
        if_match: int | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Gives a command on a case. A decision is based on the present version unless `if_match` says
        other."""
        if if_match is None and command in self._deciding(case.service):
            if_match = self.version(case)
        sent = dict(headers or {})
        if if_match is not None:
            sent["if-match"] = if_match if isinstance(if_match, str) else f'"{if_match}"'
        return self.client(who).post(f"{case.path}/{kebab(command)}", json=body or {}, headers=sent)

    def do(
        self, case: Case, command: str, who: str, body: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Gives a command that is carried out; returns its answer."""
        return done(self.give(case, command, who, body, **more))

    def receive(
        self, who: str | None, body: Mapping[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """Receives a letter at the person's own level (`ReceiveComplaint`)."""
        organ = people()[who].organ if who and who in people() else TOWN.code
        level = next((LEVELS[o] for o in LEVELS if o.code == organ), "TOWNSHIP")
        envelope = {"channel": "LETTER", "received_on": str(self.today), "competent_level": level}
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client(who).post("/intake/v1/complaints", json={**envelope, **(body or {})}, headers=sent)

    def confirm_steps(self, case: Case, who: str) -> None:
        """Confirms what people excluded since have done in a case (B3)."""
        for act in self.read(case, who)["may"]["in_question"]:
            body = {"event": act["event"], "decision": "CONFIRM", "opinion": "经复核无误。"}
            self.do(case, "ReviewEarlierStep", who, body, if_match=self.version(case))

    def delivered(self, sealed: Case) -> Case:
        """The complaint that a sealed one became at its addressee (B15)."""
        [event] = self.entries("intake", sealed.id, "ComplaintSealedUpward")
        return Case("intake", str(received_as(event.event["parcel"], event.event["to_organ"])))

    def taken_in(self, sealed: Case, organ: Organ) -> Case:
        """The same, once the clerk of the addressee was assigned and has taken it in."""
        born = self.delivered(sealed)
        self.assign(born, organ.petition_clerk, by=organ.petition_head)
        self.do(born, "TakeIn", organ.petition_clerk)
        return born

    def read(self, case: Case, who: str, **params: Any) -> dict[str, Any]:
        """The case as this person reads it."""
        answer = self.get(who, case.path, **params)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def assign(self, case: Case, *whom: str, by: str, role: str = "") -> None:
        """Gives people the need to know, each in their first role unless another is named."""
        for who in whom:
            self.do(case, "AssignToCase", by, {"person": sub(who), "role": role or people()[who].role[0]})

    @contextmanager
    def standing_in(self, organ: Organ, role: str, who: str) -> Iterator[None]:
        """Lets somebody stand in for the holders of a role in an organ while the block lasts (B5)."""
        days = {"since": str(self.today), "until": str(self.today)}
        body = {"role": role, "person": sub(who), "reason": "AWAY", "organ": organ.code, **days}
        past = {"until": str(self.today - timedelta(days=1)), "since": str(self.today - timedelta(days=1))}
        self._designated(organ, body)
        try:
            yield
        finally:
            self._designated(organ, body | past)

    def _designated(self, organ: Organ, body: dict[str, Any]) -> None:
        """Names a substitute, or the end of it, and waits until every service knows."""
        decides = PARENTS[organ] if body["role"] == "organ_head" else organ
        done(self.client(decides.organ_head).post("/intake/v1/substitutes", json=body))
        ends = body["until"] < str(self.today)

        def known(service: str) -> bool:
            items = self.get(organ.organ_head, f"/{service}/v1/staff", limit=200).json()["items"]
            [roles] = [i["substitute_for"] for i in items if i["person"] == body["person"]]
            return bool((body["role"] in {r["role"] for r in roles}) != ends)

        for service in SERVICES:
            self.patiently(partial(known, service), f"the substitute in {service}")

    def _deciding(self, service: str) -> set[str]:
        """The commands that demand `If-Match`, as the service's own OpenAPI document says."""
        if service not in self._decides:
            document = self.client(None).get(f"/{service}/openapi.json").json()
            self._decides[service] = {
                operation["operationId"]
                for path in document["paths"].values()
                for operation in path.values()
                if "428" in operation["responses"]
            }
        return self._decides[service]

    # --- waiting ---

    def patiently(self, look: Callable[[], Any], what: str = "") -> Any:
        """Looks until there is something to see: services follow one another in their own time."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            assert time.monotonic() < until, f"waited in vain: {what or look}"
            time.sleep(0.02)
        return found

    def arrived(self, service: str, key: str, leader: str) -> Case:
        """The case that a service opened by itself for a complaint, a subject or a clarification, found in
        its log; the leader of the organ sees it from now on."""
        organ = people()[leader].organ

        def found() -> Case | None:
            return next((case for of, case in self._opened(service, key) if of == organ), None)

        case: Case = self.patiently(found, f"{service} for {key}")
        if self.get(leader, case.path).status_code == 404:
            self.assign(case, leader, by=leader)
        return case

    def _opened(self, service: str, key: str) -> list[tuple[str, Case]]:
        """Organ and case of every opening for a key, the newest first."""
        looked = self._looked.get(service, 0)
        for entry in self.log(service, looked, OPENINGS[service]):
            self._looked[service] = entry.position
            for known in _keys(service, entry.event):
                case = Case(service, entry.stream)
                self._arrived.setdefault((service, known), []).insert(0, (entry.organ, case))
        return self._arrived.get((service, key), [])

    # --- the stores, for what no route tells ---

    def position(self, service: str) -> int:
        """The end of the service's log."""
        query = f"SELECT max(notification_id) FROM {service}_events"
        found = self._database(service).execute(query).fetchone()
        return int(found[0]) if found and found[0] is not None else 0

    def log(self, service: str, after: int = 0, *types: str, stream: str | None = None) -> list[Entry]:
        """The service's stored events behind a position, or those of one stream, opened with its own key."""
        wanted = [f"{service}.{t}" for t in types]
        query = f"""SELECT * FROM {service}_events WHERE notification_id > %s
            AND (%s::text[] = '{{}}' OR topic = ANY(%s))
            {"" if stream is None else "AND originator_id = %s"} ORDER BY notification_id"""
        given = [after, wanted, wanted, *([] if stream is None else [stream])]
        rows = self._database(service).execute(query, given).fetchall()
        mapper = self._mapper(service)
        entries = []
        for row in rows:
            id, version, topic = row.originator_id, row.originator_version, row.topic
            data = mapper.open(id, version, topic, bytes(row.state))
            place = (row.notification_id, str(id), version, topic)
            entries.append(Entry(*place, data["event"], data["meta"], row.recorded_at, data["organ"]))
        return entries

    def entries(self, service: str, stream: str, *types: str) -> list[Entry]:
        """One stream's stored events."""
        return self.log(service, 0, *types, stream=stream)

    def version(self, case: Case) -> int:
        """The present version of a case."""
        query = f"SELECT max(originator_version) AS v FROM {case.service}_events WHERE originator_id = %s"
        found = self._database(case.service).execute(query, [case.id]).fetchone()
        return int(found.v or 0) if found else 0

    def forget_questions(self) -> None:
        """Takes back the screen's counts of everybody."""
        self._database("vault").execute("DELETE FROM questions")

    def refusals(self, service: str, after: int) -> list[dict[str, Any]]:
        """The audit records of refusals behind a position."""
        return [e.event for e in self.log(service, after, "CommandRefused")]

    def _mapper(self, service: str) -> EventMapper:
        if service not in self._mappers:
            sealer = Sealer.from_files(self.stack.data.keys / f"store-{service}.key", service)
            self._mappers[service] = EventMapper(sealer)
        return self._mappers[service]

    def _database(self, service: str) -> psycopg.Connection[Any]:
        if service not in self._connections:
            url = self.stack.database_url(f"zm_{service}", scheme="postgresql")
            self._connections[service] = psycopg.connect(url, row_factory=namedtuple_row, autocommit=True)
        return self._connections[service]

    # --- stories ---

    def proof(self) -> str:
        """A fresh proof of work (SEC-6)."""
        asked = self.get(None, "/intake/v1/reports/challenge").json()
        return f"{asked['challenge']}.{solve(asked['challenge'], asked['difficulty'])}"

    def anonymously(
        self, path: str = "", headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """Sends something without an account: a report (`ANONYMOUS`), or something behind its code."""
        sent = {"proof-of-work": self.proof(), **(headers or {})}
        return self.client(None).post(f"/intake/v1/reports{path}", json=body, headers=sent)

    def story(self, organ: Organ = TOWN, **more: Any) -> Story:
        """A new story: nobody has heard of its accused before."""
        return Story(self, organ, **more)

    def concluded(self) -> Story:
        """A story that was concluded today, and whose clarification nobody has touched: the next accused of a
        case of many. A case for each would take half the time of what is asked of its clarification."""
        day, waiting = self._subjects
        if day != self.today or not waiting:
            waiting = self.story(
                accused=[person() for _ in range(SUBJECTS)],
                allegations=[allegation(f"a{n}", n) for n in range(SUBJECTS)],
            ).each()
            self._subjects = self.today, waiting
        return waiting.pop()


def _keys(service: str, opening: Mapping[str, Any]) -> list[str]:
    """The keys by which an opened case can be found."""
    match service:
        case "verification":
            return list(opening["complaint_ids"])
        case "clarification":
            return [opening["subject"]["ref"]]
        case _:
            return [opening["clarification_id"], f"{opening['clarification_id']}#{opening['round']}"]


def kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def person(organ: Organ = TOWN, **more: Any) -> dict[str, Any]:
    """A synthetic cadre of an organ's place, managed at its level."""
    serial = next(_serial)
    return {
        "name": f"虚{_numeral(serial)}",
        "unit": "向阳社区",
        "unit_division": DIVISIONS[organ],
        "position": "社区干部",
        "managed_by_level": LEVELS[organ],
        "political_status": "PARTY_MEMBER",
        "official_category": "基层群众性自治组织管理人员",
        **more,
    }


def party_org(organ: Organ = TOWN, **more: Any) -> dict[str, Any]:
    """A synthetic party organisation with its principal head; managed one level above itself (§5.4)."""
    serial = next(_serial)
    own = {
        "subject_type": "PARTY_ORG",
        "name": f"虚{_numeral(serial)}社区党支部",
        "position": "",
        "principal_head": f"虚首{_numeral(serial)}",
        "organisation_code": f"ORG-{serial}",
        "superior_org": "虚构镇党委",
        "archive": "虚构镇党建办",
    }
    return person(organ, **{**own, **more})


def _numeral(n: int) -> str:
    return "".join("零甲乙丙丁戊己庚辛壬"[int(d)] for d in str(n))


ALLEGATION = {"id": "a1", "accused": 0, "kind": "INTEGRITY_DISCIPLINE", "text": "反映其收受礼金。"}


def allegation(id: str, accused: int = 0, kind: str = "INTEGRITY_DISCIPLINE") -> dict[str, Any]:
    return {"id": id, "accused": accused, "kind": kind, "text": f"反映其有关问题（{id}）。"}


@dataclass
class Story:
    """One complaint and all that follows from it, brought forward step by step by the people of one organ.

    Each method does what must come before it, once; a second call with other words does its own step again.
    """

    world: World
    organ: Organ = TOWN
    accused: list[dict[str, Any]] = field(default_factory=list)
    allegations: list[dict[str, Any]] = field(default_factory=lambda: [dict(ALLEGATION)])
    outcomes: dict[str, str] = field(default_factory=dict)
    """Findings by the clerk's own numbering; UNFOUNDED unless said otherwise."""
    subject: int = 0
    """The subject whose clarification and plan this story follows."""
    account: str = SUBJECT
    reporter: dict[str, str] | None = None
    _done: list[str] = field(default_factory=list)
    _cases: dict[str, Case] = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accused = self.accused or [person(self.organ)]

    @classmethod
    def of(cls, world: World, complaint: Case, organ: Organ, *done: str) -> Story:
        """The story of a complaint that came by itself, from another organ or the platform; its named steps
        are done, or are not this organ's to do."""
        return cls(world, organ, _done=list(done), _cases={"complaint": complaint})

    # --- who and what ---

    @property
    def complaint(self) -> Case:
        return self._cases["complaint"]

    @property
    def case(self) -> Case:
        return self._cases["case"]

    @property
    def clarification(self) -> Case:
        return self._cases["clarification"]

    @property
    def plan(self) -> Case:
        return self._cases["plan"]

    @property
    def cases(self) -> dict[str, Case]:
        """Every object that the story has come to, by its kind."""
        return self._cases

    @property
    def approving(self) -> Organ:
        """The organ whose petition department approves (C2)."""
        return PARENTS.get(self.organ, self.organ)

    @property
    def team(self) -> list[str]:
        return [sub(self.organ.handler), sub(self.organ.handler_second)]

    def ref(self, n: int | None = None) -> str:
        """The reference in the register of the n-th accused, or of the subject that this story follows."""
        return str(self.accused_listed[self.subject if n is None else n]["ref"])

    @property
    def name(self) -> str:
        """The name of the subject."""
        return str(self.accused[self.subject]["name"])

    @property
    def accused_listed(self) -> list[dict[str, Any]]:
        if "listed" not in self._known:
            view = self.world.read(self.complaint, self.organ.petition_clerk)
            self._known["listed"] = view["facts"]["accused"]
            self._known["allegations"] = [a["id"] for a in view["facts"]["allegations"]]
        found: list[dict[str, Any]] = self._known["listed"]
        return found

    @property
    def allegation_ids(self) -> list[str]:
        assert self.accused_listed
        found: list[str] = self._known["allegations"]
        return found

    def text_hash(self) -> str:
        view = self.world.read(self.clarification, self.organ.handler)
        return str(view["facts"]["text_hash"])

    def state(self, of: str = "clarification") -> str:
        leader = self.organ.petition_clerk if of == "complaint" else self.organ.handling_dept_head
        return str(self.world.read(self._cases[of], leader)["state"])

    def forget(self, *steps: str) -> Story:
        """Takes steps back: their results no longer stand."""
        self._done = [step for step in self._done if step not in steps]
        return self

    def _once(self, step: str) -> bool:
        if step in self._done:
            return False
        self._done.append(step)
        return True

    # --- intake ---

    def received(self, **envelope: Any) -> Story:
        if self._once("received"):
            self.world.pass_minutes()
            body = {**({"reporter": self.reporter} if self.reporter else {}), **envelope}
            answer = done(self.world.receive(self.organ.petition_clerk, body))
            self._cases["complaint"] = Case("intake", answer["id"])
        return self

    def registered(self) -> Story:
        self.received()
        if self._once("registered"):
            self.world.do(self.complaint, "RegisterComplaint", self.organ.petition_clerk)
        return self

    def listed(self) -> Story:
        """Registered, with its accused and allegations listed."""
        self.registered()
        if self._once("listed"):
            self.world.do(self.complaint, "ListAllegations", self.organ.petition_clerk, self.listing())
        return self

    def listing(self) -> dict[str, Any]:
        return {
            "accused": self.accused,
            "allegations": self.allegations,
            "approved_by": sub(self.organ.petition_head),
        }

    def accepted(self) -> Story:
        self.listed()
        if self._once("accepted"):
            head = self.organ.petition_head
            self.world.assign(self.complaint, head, by=head)
            self.world.do(self.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
        return self

    # --- verification ---

    def opened(self) -> Story:
        """Handed to the handling department: a verification case is open and its people are assigned."""
        self.accepted()
        if self._once("opened"):
            world, organ = self.world, self.organ
            world.do(self.complaint, "TransferToHandler", organ.petition_head)
            chief = organ.handling_dept_head
            self._cases["case"] = case = world.arrived("verification", self.complaint.id, chief)
            self._join(case, organ.handler, organ.organ_head, organ.deputy_leader)
        return self

    def _join(self, case: Case, *whom: str) -> None:
        """Assigns people to a case, beside the head of the department, each once."""
        chief = self.organ.handling_dept_head
        self.world.assign(case, *(who for who in dict.fromkeys(whom) if who != chief), by=chief)

    def proposed_disposition(
        self, way: str = "PRELIMINARY_VERIFICATION", reason: str = "PLAUSIBLE_AND_VERIFIABLE"
    ) -> Story:
        self.opened()
        if self._once("proposed_disposition"):
            body = {"way": way, "reason": reason, "collective_study_ref": "study-1"}
            self.world.do(self.case, "ProposeDisposition", self.organ.handler, body)
        return self

    def disposed(self) -> Story:
        """The preliminary verification is approved; the team is still to be formed."""
        self.proposed_disposition()
        if self._once("disposed"):
            self.world.do(self.case, "ApproveDisposition", self.organ.organ_head, {"opinion": "同意。"})
        return self

    def verifying(self) -> Story:
        """The team is at work."""
        self.disposed()
        if self._once("verifying"):
            body = {"team": self.team, "plan_hash": sha("plan")}
            self.world.do(self.case, "StartVerification", self.organ.handler, body)
        return self

    def with_evidence(self) -> Story:
        self.verifying()
        if self._once("with_evidence"):
            self.world.do(self.case, "RecordEvidence", self.organ.handler, self.evidence())
        return self

    def evidence(self, id: str = "E1", **more: Any) -> dict[str, Any]:
        return {
            "evidence_id": id,
            "kind": "DOCUMENTARY",
            "hash": sha(id),
            "collectors": self.team,
            "collected_at": (self.world.now - timedelta(minutes=1)).isoformat(),
            "place": "镇档案室",
            "signature": "SIGNED",
            **more,
        }

    def talk(self, **more: Any) -> dict[str, Any]:
        return {
            "talked_with": "ACCUSED",
            "accused_ref": self.ref(),
            "staff": self.team,
            "held_at": (self.world.now - timedelta(minutes=1)).isoformat(),
            "place": "镇政府谈话室",
            "note": "本人逐项说明了情况。",
            "record_hash": sha("talk"),
            "signature": "SIGNED",
            "duties_acknowledged": True,
            **more,
        }

    def finding(self, n: int = 0, outcome: str = "UNFOUNDED", **more: Any) -> dict[str, Any]:
        return {
            "allegation_id": self.allegation_ids[n],
            "outcome": outcome,
            "reasoning": "证据一致。",
            "evidence_refs": ["E1"],
            **more,
        }

    def found(self) -> Story:
        """Every allegation has its finding."""
        self.with_evidence()
        if self._once("found"):
            for n, entry in enumerate(self.allegations):
                body = self.finding(n, self.outcomes.get(entry["id"], "UNFOUNDED"))
                self.world.do(self.case, "FindAllegation", self.organ.handler, body)
        return self

    def reported(self) -> Story:
        self.found()
        if self._once("reported"):
            self.world.do(self.case, "SubmitReport", self.organ.handler, REPORT)
        return self

    def countersigned(self) -> Story:
        """The head of the handling department stands by the report (R1)."""
        self.reported()
        if self._once("countersigned"):
            chief = self.organ.handling_dept_head
            self.world.do(self.case, "CountersignReport", chief, {"opinion": "同意。"})
        return self

    def concluded(self) -> Story:
        self.countersigned()
        if self._once("concluded"):
            self.world.do(self.case, "ConcludeVerification", self.organ.organ_head, CONCLUSION)
        return self

    def screened_out(self) -> Story:
        """Concluded, and no false accusation is suspected."""
        self.concluded()
        if self._once("screened_out"):
            body = {"result": "SCREEN_OUT", "reason": "没有证据表明捏造事实。"}
            self.world.do(self.case, "AssessFalseAccusation", self.organ.handler, body)
        return self

    def each(self) -> list[Story]:
        """Concluded, and from here on a story of each subject, who share what has been."""
        self.concluded()
        return [
            replace(self, subject=n, _done=[*self._done], _cases={**self._cases}, _known={**self._known})
            for n in range(len(self.accused))
        ]

    # --- clarification ---

    def assessing(self) -> Story:
        """Clarification has taken the unfounded finding up; its people are assigned."""
        self.concluded()
        if self._once("assessing"):
            world, organ = self.world, self.organ
            chief = organ.handling_dept_head
            clarification = world.arrived("clarification", self.ref(self.subject), chief)
            self._cases["clarification"] = clarification
            self._join(clarification, organ.handler, organ.organ_head, organ.deputy_leader)
        return self

    def assessed(self, **more: Any) -> Story:
        """Assessed: harm was found, unless said otherwise."""
        self.assessing()
        if self._once("assessed"):
            body = {**ASSESSMENT, **more}
            self.world.do(self.clarification, "AssessClarification", self.organ.handler, body)
        return self

    def proposed(self) -> Story:
        self.assessed()
        if self._once("proposed"):
            view = self.world.read(self.clarification, self.organ.handler)
            body = {"items": view["facts"]["unfounded_ids"]}
            self.world.do(self.clarification, "ProposeClarification", self.organ.handler, body)
        return self

    def planned(self, **plan: Any) -> Story:
        """Planned and its text rendered; the written form alone unless said otherwise."""
        self.proposed()
        if self._once("planned") or plan:
            handler = self.organ.handler
            self.world.do(self.clarification, "PlanClarification", handler, a_plan(**plan))
            self.world.do(self.clarification, "RenderText", handler)
            self._known["forms"] = plan.get("forms", ("WRITTEN",))
            self._known["scope"] = a_plan(**plan)["scope"]
        return self

    def invited(self) -> Story:
        """The subject's own account is invited, by somebody who neither drafts nor asks."""
        self.planned()
        if self._once("invited"):
            chief = self.organ.handling_dept_head
            self.world.do(self.clarification, "InviteSubject", chief, self._invitation())
        return self

    def _invitation(self) -> dict[str, Any]:
        holder = self.accused[self.subject].get("principal_head")
        return {"account": sub(self.account), **({"holder": holder} if holder else {})}

    def heard(self) -> Story:
        """The subject has told their concerns (R49)."""
        self.invited()
        if self._once("heard"):
            self.world.do(self.clarification, "RecordSubjectVoice", self.account, {"voice": "希望说明情况。"})
        return self

    def asking(self, **more: Any) -> dict[str, Any]:
        return {
            "forms": self._known["forms"],
            "scope": self._known["scope"],
            "text_hash": self.text_hash(),
            "explained": EXPLAINED,
            **more,
        }

    def asked(self, **plan: Any) -> Story:
        """A plan that needs consent, and the subject is asked for it."""
        if plan or "planned" not in self._done:
            self.planned(**(plan or MEETING))
        self.invited()
        if self._once("asked"):
            self.world.do(self.clarification, "RequestConsent", self.organ.handler, self.asking())
            self.notified()
        return self

    def notified(self) -> Story:
        """The message that asks for consent has arrived: the window runs."""

        def told() -> bool:
            types = ("ClarificationConsentRequested", "ConsentNoticeDelivered")
            entries = self.world.entries("clarification", self.clarification.id, *types)
            return entries[-1].type == types[-1]

        self.world.patiently(told, "delivery")
        return self

    def answered(self, decision: str = "AGREED", **more: Any) -> Story:
        """The subject has answered from their own account."""
        self.asked()
        body = {"decision": decision, "text_hash": self.text_hash(), **more}
        self.world.do(self.clarification, "RecordConsent", self.account, body)
        return self

    def submitted(self, **plan: Any) -> Story:
        """Leads to the review, with the consent that the plan needs."""
        if self._once("submitted"):
            self.planned(**plan)
            self.heard()
            if LARGE & set(self._known["forms"]) or self._known["scope"] != "SUBJECT_AND_UNIT_HEAD":
                self.asked()
                self.answered()
            self.world.do(self.clarification, "SubmitForReview", self.organ.handler)
        return self

    def reviewed(self, **plan: Any) -> Story:
        self.submitted(**plan)
        if self._once("reviewed"):
            self.world.do(self.clarification, "ReviewClarification", self.organ.organ_head, ENDORSE)
            approving = self.approving
            self.world.assign(
                self.clarification, approving.clarification_approver, by=approving.petition_head
            )
        return self

    def approved(self, **plan: Any) -> Story:
        self.reviewed(**plan)
        if self._once("approved"):
            approver = self.approving.clarification_approver
            self.world.do(self.clarification, "ApproveClarification", approver, APPROVE)
        return self

    def implement(self, form: str, **more: Any) -> httpx.Response:
        body = {"evidence": self.proof(form, **more)}
        return self.world.give(self.clarification, "ImplementForm", self.organ.handler, body)

    def proof(self, form: str, **more: Any) -> dict[str, Any]:
        """The evidence that one form was carried out today."""
        today, now = str(self.world.today), self.world.now.isoformat()
        letter = {"document_hash": sha("letter"), "sent_on": today, "received_on": today}
        proofs: dict[str, dict[str, Any]] = {
            "WRITTEN": {"to_subject": letter, "to_unit_head": letter},
            "FACE_TO_FACE": {
                "place": "镇政府",
                "held_at": now,
                "staff": self.team,
                "signature_hash": sha("signature"),
            },
            "MEETING": {
                "place": "社区会议室",
                "held_at": now,
                "attendee_groups": ["居民代表"],
                "attendee_count": 20,
                "chair": "镇党委副书记",
                "reader": "镇纪委委员",
                "minutes_hash": sha("minutes"),
            },
            "CIRCULAR": {
                "range": "UNIT_PARTY_COMMITTEE",
                "channels": ["单位内网"],
                "from_on": today,
                "to_on": today,
                "copy_hash": sha("circular"),
            },
        }
        return {"form": form, **proofs[form], **more}

    def implemented(self, **plan: Any) -> Story:
        self.approved(**plan)
        if self._once("implemented"):
            for form in self._known["forms"]:
                done(self.implement(form))
        return self

    def completed(self, **plan: Any) -> Story:
        """Carried out, entered in the platform and filed."""
        self.implemented(**plan)
        if self._once("completed"):
            handler = self.organ.handler
            self.world.do(self.clarification, "RecordPlatformEntry", handler, PLATFORM_ENTRY)
            self.world.do(self.clarification, "RecordIntegrityFileEntry", handler, FILE_ENTRY)
        return self

    # --- followup ---

    def plan_opened(self) -> Story:
        """Followup has opened plan and ledger; the officer is assigned."""
        self.completed()
        if self._once("plan_opened"):
            chief = self.organ.handling_dept_head
            self._cases["plan"] = plan = self.world.arrived("followup", self.clarification.id, chief)
            self.world.assign(plan, self.organ.revisit_officer, by=chief)
        return self

    def wished(self, wish: str = "WELCOME", **more: Any) -> Story:
        self.plan_opened()
        if self._once("wished"):
            self.world.do(self.plan, "RecordSubjectWish", self.account, {"wish": wish, **more})
        return self

    def needed(self, needed: bool = True) -> Story:
        self.plan_opened()
        if self._once("needed"):
            body = {"needed": needed, "reason": "了解澄清效果。"}
            self.world.do(self.plan, "RecordWorkNeed", self.organ.revisit_officer, body)
        return self

    @property
    def visitors(self) -> list[str]:
        officer, clerk = self.organ.revisit_officer, self.organ.petition_clerk
        return [sub(officer), sub(clerk if clerk != officer else self.organ.handler)]

    def task(self, target: str = "SUBJECT", mode: str = "HOME_VISIT", **more: Any) -> dict[str, Any]:
        due = str(self.world.today + timedelta(days=10))
        return {"target": target, "mode": mode, "due": due, "staff": self.visitors, **more}

    def draft(self, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A plan of these visits, for nobody else."""
        lines = list(tasks or (self.task(), self.task("UNIT")))
        situation = f"{self.name}，情绪低落，现已澄清。"
        return {
            "targets": sorted({line["target"] for line in lines}),
            "situation": situation,
            "main_worry": "担心议论未消。",
            "goals": "放下包袱。",
            "measures": "上门谈心。",
            "package": [{"mode": lines[0]["mode"], "count": 1, "interval_days": 0}],
            "tasks": lines,
            **more,
        }

    def drafted(self, *tasks: dict[str, Any], **more: Any) -> Story:
        self.plan_opened()
        if self._once("drafted"):
            body = self.draft(*tasks, **more)
            self.world.do(self.plan, "DraftRevisitPlan", self.organ.revisit_officer, body)
        return self

    def active(self, *tasks: dict[str, Any], **more: Any) -> Story:
        self.drafted(*tasks, **more)
        if self._once("active"):
            self.world.do(self.plan, "ApproveRevisitPlan", self.organ.handling_dept_head)
        return self

    def visit(self, task_id: str | None = "T1", target: str = "SUBJECT", **more: Any) -> dict[str, Any]:
        body = {
            "task_id": task_id,
            "target": target,
            "mode": "HOME_VISIT",
            "staff": self.visitors,
            "work_performance": "工作有序。",
            "thinking": "思想稳定。",
            "difficulties": "暂无。",
            "attitude_to_supervision": "愿意接受监督。",
            "effect": "议论减少。",
            "record_hash": sha("visit"),
        }
        if target == "SUBJECT":
            body |= {"ideological_work": "鼓励放下包袱。", "subject_voice": "心里踏实。"}
        return {k: v for k, v in {**body, **more}.items() if v is not None}

    def visited(self) -> Story:
        """Visits both targets; the unit has given its opinion."""
        self.active()
        if self._once("visited"):
            officer = self.organ.revisit_officer
            self.world.do(self.plan, "CompleteRevisit", officer, self.visit("T1"))
            self.world.do(self.plan, "CompleteRevisit", officer, self.visit("T2", "UNIT"))
            body = {"feedback": "积极性恢复。", "evidence": "unit-1"}
            self.world.do(self.plan, "RecordUnitFeedback", officer, body)
        return self


MEETING: dict[str, Any] = {"forms": ("WRITTEN", "MEETING"), "scope": "VILLAGE_OR_COMMUNITY"}


def a_plan(**more: Any) -> dict[str, Any]:
    """The written form alone, to the subject and the head of their unit, unless said otherwise."""
    plan: dict[str, Any] = {
        "forms": ("WRITTEN",),
        "scope": "SUBJECT_AND_UNIT_HEAD",
        "recipients": ["本人", "镇党委主要负责人"],
        "rationale": "与影响范围相当。",
    }
    return {**plan, **more}


REPORT = {
    "basics": "基本情况已查明。",
    "main_problems": "反映问题一项。",
    "process": "查阅账目。",
    "result": "已逐项查明。",
    "doubtful_points": "无。",
    "suggestion": "建议予以了结。",
}
CONCLUSION = {
    "three_distinctions": [
        {
            "distinction": "DEVELOPMENT_VS_PRIVATE_GAIN",
            "applies": False,
            "reasoning": "事实不存在，无需适用。",
        }
    ],
    "opinion": "同意。",
    "collective_study_ref": "study-2",
}
ASSESSMENT = {
    "adverse_effect": ["WORK"],
    "reputation": "群众口碑良好。",
    "integrity_file_checked": True,
    "social_effect": "社区内有议论。",
    "recommendation": "CLARIFY",
}
NO_HARM = {"adverse_effect": [], "recommendation": "NOT"}
ENDORSE = {"decision": "ENDORSE", "opinion": "同意。", "no_prejudice_confirmed": True}
APPROVE = {"decision": "APPROVE", "opinion": "同意。", "no_prejudice_confirmed": True}
PLATFORM_ENTRY = {"platform_receipt_no": "PT-1", "material_hashes": [sha("letter")]}
FILE_ENTRY = {"file_no": "LZ-1", "document_hashes": [sha("letter")]}
EFFECT = {"work_state": "主动。", "mood": "稳定。", "grade": "CONSOLIDATED"}


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
