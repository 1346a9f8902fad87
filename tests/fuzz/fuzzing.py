"""The fuzzer's requests, their callers and cases, and the rules of every answer.

Requests are generated from the published documents; half of them are on real cases in many states, given by
people who may do so, so that more than the doors of the services is tried.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from schemathesis import GenerationMode, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks

from deploy.local.people import people
from services.intake.vault.protection.commands import PROTECTION
from services.intake.vault.rewards import REWARDS
from shared.casework.http.openapi import operation_ids, posted
from tests.harness import (
    COUNTY,
    OTHER_COUNTY,
    PROBLEM,
    SHANGHAI,
    SUBJECT,
    TOWN,
    Case,
    Organ,
    Story,
    World,
    place_of,
    sub,
)
from tools.documents import AUDIT, TARGET, WRITING, service_of

Operation = APIOperation[Any, Any, Any, Any]
Asked = schemathesis.Case[Operation]
"""A request that was generated."""
EXAMPLES = int(os.environ.get("ZM_FUZZ_EXAMPLES", "6"))
"""Examples of every operation. Unless told otherwise the same ones every time."""
VAULT = "vault"
SERVICES = (*WRITING, AUDIT, VAULT)
REJECTED = ("401", "403", "404", "409", "412", "413", "422", "428", "429", "503")
"""Statuses of a request that is not accepted: the caller, and the object, are often checked before the
form."""
OF_THE_MESSAGE = frozenset({"connection", "content-length", "expect", "host", "te", "trailer"}) | {
    "transfer-encoding",
    "upgrade",
}
"""Headers that an HTTP server answers for, before any service is asked (RFC 9110): the documents do not speak
of them. The answers of the front door to them are tried in tests/law/test_input.py."""
ALLOWED_503 = ("E_NOT_YET", "E_CALENDAR_UNAVAILABLE")
"""The only 503 of a healthy service: a read that asks for a position which has not come about, and a day of a
year before there was a calendar (§8.7)."""
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


def bounded(examples: int = EXAMPLES, **more: Any) -> settings:
    """The same few examples every time; with ZM_FUZZ_EXAMPLES other ones every time."""
    return settings(
        max_examples=examples,
        derandomize="ZM_FUZZ_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        **more,
    )


HELD = {"Occurred-At": "date-time", "Legal-Basis": "legal-basis"}
"""The formats of headers that are plain strings to generators of clients (ADR 30)."""


@cache
def schema_of(service: str) -> BaseSchema:
    """The published document of a service, with days and instants of which something comes: most of the
    calendar lies before the law or after today, and is tried in tests/law/test_input.py."""
    document = json.loads((TARGET / f"{service}.openapi.json").read_text("utf-8"))
    for parameter in document["components"].get("parameters", {}).values():
        if parameter["name"] in HELD:
            parameter["schema"] = {"type": "string", "format": HELD[parameter["name"]]}
    schema = schemathesis.openapi.from_dict(document)
    # Our links say which call follows which. Guessed from names, nothing would be left to begin with.
    schema.config.phases.stateful.inference.algorithms = []
    schema.config.checks.negative_data_rejection.expected_statuses = [*REJECTED]
    schema.config.generation.update(
        modes=[GenerationMode.POSITIVE], allow_x00=False, with_security_parameters=False
    )
    return schema


schemathesis.openapi.format("date", st.dates(date(2022, 6, 1), date(2023, 1, 2)).map(str))
CITED = st.fixed_dictionaries(
    {
        "instrument": st.from_regex(r"[A-Za-z0-9._()/-]{1,60}", fullmatch=True),
        "version_date": st.dates(date(2003, 1, 1), date(2022, 1, 1)).map(str),
        "article": st.from_regex(r"[A-Za-z0-9._()/-]{1,60}", fullmatch=True),
    }
)
schemathesis.openapi.format("legal-basis", st.lists(CITED, max_size=3).map(json.dumps))
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime(2022, 6, 1), datetime(2023, 1, 2), timezones=st.just(SHANGHAI)).map(
        datetime.isoformat
    ),
)


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """Every operation by service and operation id; last those that take people away from their cases."""
    found = {}
    for service in SERVICES:
        for result in schema_of(service).get_all_operations():
            assert isinstance(result, Ok), f"{service} has an operation that cannot be read"
            operation = result.ok()
            found[service, operation.definition.raw["operationId"]] = operation
    return dict(
        sorted(found.items(), key=lambda item: item[0][1].startswith(("EndAssignment", "DeclareRecusal")))
    )


def operation_id(case: Asked) -> str:
    return str(case.operation.definition.raw["operationId"])


@cache
def roles_of(service: str, operation: str) -> frozenset[str]:
    """The roles that may give a command; none for a read."""
    if service == AUDIT:
        return frozenset({"auditor", "internal_supervisor"})
    given = [*PROTECTION, *REWARDS] if service == VAULT else service_of(service).commands
    ids = operation_ids(posted(given))
    commands = {id: command.gate.by for command, id in ids.items()}
    return frozenset(commands.get(operation, ()))


def askers(service: str, operation: str) -> list[str | None]:
    """Mostly people of the township and its county who may, and some who may not, and nobody."""
    may = roles_of(service, operation)
    home, above = (
        [w for w, i in people().items() if i.organ == o.code and may & set(i.role)] for o in (TOWN, COUNTY)
    )
    near = [*([SUBJECT] if "subject_mobile" in may else []), *home[:4], *above[:1]] or [TOWN.handler]
    return [*(near * 8)[:16], TOWN.handler, COUNTY.auditor, SUBJECT, OTHER_COUNTY.petition_head, None]


KNOWN: dict[str, Any] = {
    "allegation_id": "a1",
    "person": sub(TOWN.handler_second),
    "role": "handler",
    "team": [sub(TOWN.handler), sub(TOWN.handler_second)],
    "staff": [sub(TOWN.handler), sub(TOWN.handler_second)],
    "items": ["a1"],
}
"""Values that there are in every story, put in for what could hardly be guessed."""
REPORTER = {"name": "郑虚测", "phone": "13972064819", "may_be_contacted": True}


@dataclass(frozen=True)
class Opening:
    """The command that opens a case for certain: its giver, its values, and the people who act on the
    case."""

    who: str
    body: Callable[[Fuzz], dict[str, Any]]
    acting: Organ = TOWN


OPENINGS = {
    "ReceiveComplaint": Opening(
        TOWN.petition_clerk,
        lambda _: {
            **{"channel": "LETTER", "received_on": "2023-01-02", "competent_level": "TOWNSHIP"},
            **{"pages": 1, "reporter": None},
        },
    ),
    "RequestIdentityDisclosure": Opening(
        TOWN.handler,
        lambda fuzz: {
            **{"complaint": fuzz.named.complaint.id, "purpose": "核实来历。"},
            **{"fields": ["PHONE"], "until": str(fuzz.world.today + timedelta(days=10))},
        },
    ),
    "RecordRetaliationReport": Opening(
        TOWN.petition_clerk,
        lambda fuzz: {"complaint": fuzz.named.complaint.id, "subject": fuzz.named.ref()},
        COUNTY,
    ),
    "ReportStaffMisconduct": Opening(
        TOWN.handler, lambda _: {"staff_organ": TOWN.code, "staff": sub(TOWN.handler_second)}, COUNTY
    ),
    "DraftSupervisionOrder": Opening(
        COUNTY.petition_clerk,
        lambda fuzz: {"target": TOWN.code, "complaint": fuzz.named.complaint.id, "case_number": ""},
        COUNTY,
    ),
    "RequestProtection": Opening(TOWN.petition_clerk, lambda fuzz: {"complaint": fuzz.named.complaint.id}),
    "RecordReward": Opening(
        TOWN.petition_head,
        lambda fuzz: {"complaint": fuzz.proved.complaint.id, "amount_fen": 100_000},
    ),
}
STORIES: tuple[Callable[[Story], Story], ...] = (
    lambda story: story.received(),
    lambda story: story.registered(),
    lambda story: story.listed(),
    lambda story: story.opened(),
    lambda story: story.with_evidence(),
    lambda story: story.reported(),
    lambda story: story.assessed(),
    lambda story: story.asked(),
    lambda story: story.submitted(),
    lambda story: story.approved(),
    lambda story: story.plan_opened(),
    lambda story: story.active(),
)


@dataclass(frozen=True)
class Opened(Case):
    """A case that a fuzzed request opened."""

    under: str

    @property
    def path(self) -> str:
        return f"{self.under}/{self.id}"


@dataclass
class Fuzz:
    """A running stack with cases in many states, two of them of a reporter who gave a name."""

    world: World
    named: Story = field(init=False)
    proved: Story = field(init=False)
    cases: dict[str, list[Case]] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    _assigned: set[tuple[str, str]] = field(default_factory=set)

    def prepare(self) -> Fuzz:
        """Cases that have come as far as their stories tell."""
        for tell in STORIES:
            for case in tell(self.world.story()).cases.values():
                self.cases.setdefault(case.service, []).append(case)
        self.named = self._verified(self.world.story(reporter=REPORTER).listed())
        self.proved = self._verified(
            self.world.story(reporter=REPORTER, outcomes={"a1": "SUBSTANTIATED"}).listed()
        )
        self.proved.concluded()
        result = self.proved.complaint
        told = lambda: self.world.read(result, TOWN.petition_head)["state"] == "RESULT_AVAILABLE"  # noqa: E731
        self.world.patiently(told, "the result")
        return self

    def _verified(self, story: Story) -> Story:
        told = {"verified_by": "PHONE", "result": "CONFIRMED"}
        self.world.do(story.complaint, "VerifyReporterIdentity", TOWN.petition_clerk, told)
        self.world.assign(story.complaint, TOWN.handler, by=TOWN.organ_head)
        return story

    def base(self, service: str) -> str:
        return f"{self.world.stack.front_url}{schema_of(service).raw_schema['servers'][0]['url']}"

    def opened(self, opening: str, service: str, id: str) -> Opened:
        """The case that an operation opened."""
        server = schema_of(service).raw_schema["servers"][0]["url"]
        return Opened(server.split("/")[1], id, server + operations()[service, opening].path)

    def headers(self, who: str | None) -> dict[str, str]:
        return {} if who is None else {"authorization": self.world.client(who).headers["authorization"]}

    def aim(self, asked: Asked, case: Case, who: str | None) -> None:
        """Aims the request at a case that there is, in its present version, by somebody who works on it."""
        assert asked.meta is not None
        if asked.meta.components[ParameterLocation.PATH].mode.is_negative:
            return  # what is wrong about it must stay wrong
        asked.path_parameters = {**asked.path_parameters, "id": case.id}
        if not asked.meta.generation.mode.is_negative:
            self.of_this_version(asked, case)
        if isinstance(asked.body, dict) and not asked.meta.generation.mode.is_negative:
            asked.body = {
                **asked.body,
                **{name: value for name, value in KNOWN.items() if name in asked.body},
            }
        if who is not None and people()[who].organ is not None:
            self.let_in(case, who)

    def of_this_version(self, asked: Asked, case: Case) -> None:
        """Sets the present version where one is asked for: a made-up one is refused before all else."""
        if "If-Match" in asked.headers:
            asked.headers = CaseInsensitiveDict(
                {**asked.headers, "If-Match": f'"{self.world.version(case)}"'}
            )

    def let_in(self, case: Case, who: str, organ: Organ = TOWN) -> None:
        """Assigns somebody to a case, in each role that may be."""
        if (case.id, who) not in self._assigned:
            self._assigned.add((case.id, who))
            for role in people()[who].role:
                body = {"person": sub(who), "role": role}
                self.world.give(case, "AssignToCase", organ.organ_head, body)
                self.world.give(case, "AssignToCase", organ.petition_head, body)

    def clerk(self, service: str, operation: str, organ: Organ) -> str:
        """Somebody of the organ who may give this command, or read."""
        may = roles_of(service, operation)
        home = (w for w, i in people().items() if i.organ == organ.code and may & set(i.role))
        return next(home, organ.handler)

    def ask(self, asked: Asked, service: str, who: str | None) -> Response:
        """Sends a request and looks at the answer."""
        assume(not OF_THE_MESSAGE & {name.lower() for name in asked.headers})
        assert asked.meta is not None
        if asked.query.get("min_position", "") != "" and not asked.meta.generation.mode.is_negative:
            place = place_of(self.world.stack, who, f"/{service}/", 1)  # a later one is waited for
            asked.query = {**asked.query, "min_position": place}
        answer = asked.call(self.base(service), session=self.session, headers=self.headers(who))
        self.judge(asked, answer)
        return answer

    def judge(self, asked: Asked, answer: Response) -> None:
        """Looks at an answer with every check."""
        told = answer.json() if answer.headers.get("content-type") == [PROBLEM] else {}
        assert answer.status_code < 500 or told.get("code") in ALLOWED_503, (answer.status_code, told)
        asked.validate_response(answer, checks=CHECKS)
        service = asked.operation.schema.raw_schema["servers"][0]["url"].strip("/")
        self.answers[f"{service}.{operation_id(asked)}", answer.status_code] += 1
