"""Every GET of intake and of its vault, asked by everybody about everything: and the answers they get.

The questions follow from the declarations of the reads themselves (`casework.http.read`): a new one is asked
by everybody about everything that the walk has met, and nobody is to be told anything of a reporter by it.
`EXCEPTIONS` holds those who are told because the law says so, and the questions that no form tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl

import httpx

from shared.casework.http.read import Read as Declared
from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    PLACE,
    PROVINCE,
    SUBJECT,
    TOWN,
    World,
    declared,
)
from tests.scenarios.doors import CANARY, PLATFORM, QUARTER, Doors, values_of

READERS: Mapping[str, str | None] = {
    "clerk": TOWN.petition_clerk,
    "head": TOWN.petition_head,
    "handler": TOWN.handler,
    "dept": TOWN.handling_dept_head,
    "leader": TOWN.organ_head,
    "deputy": TOWN.deputy_leader,
    "officer": TOWN.revisit_officer,
    "county-clerk": COUNTY.petition_clerk,
    "county-head": COUNTY.petition_head,
    "county-leader": COUNTY.organ_head,
    "county-handler": COUNTY.handler,
    "manager": COUNTY.case_manager,
    "auditor": COUNTY.auditor,
    "supervisor": COUNTY.internal_supervisor,
    "custodian": COUNTY.identity_custodian,
    "approver": COUNTY.clarification_approver,
    "other-clerk": OTHER_TOWN.petition_clerk,
    "other-leader": OTHER_TOWN.organ_head,
    "other-county-clerk": OTHER_COUNTY.petition_clerk,
    "province-head": PROVINCE.petition_head,
    "city-head": CITY.petition_head,
    "city-supervisor": CITY.internal_supervisor,
    "subject": SUBJECT,
    "platform": PLATFORM,
    "nobody": None,
}
NOWHERE = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""
RANDOM = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|\b[0-9a-f]{8}(?=-[ab]\d\b)"
)


@dataclass(frozen=True)
class Read:
    """The requests to one route, and the people who are told something of a reporter there, because the law
    says so."""

    of: str = ""
    """The kind of object that its id names, among those that the walk has met."""
    asked: tuple[str, ...] = ("",)
    """Queries."""
    only: tuple[str, ...] = ()
    """The objects that matter here, among those; all of them where nothing is said."""
    told: Mapping[str, str] = field(default_factory=dict)
    """The objects, by reader and name, of which something of the reporter is told to them."""
    rule: str = ""
    """The rule that says so."""
    random: tuple[str, ...] = ()
    """Members that are made at random."""


_SEARCHED = tuple(
    f"{by}={word}" for word in ("冯虚门", "礼金", *values_of(CANARY)) for by in ("accused", "text")
)
KINDS = {
    "Complaint": "complaint",
    "IdentityDisclosure": "disclosure",
    "RetaliationReport": "retaliation",
    "StaffMisconductReport": "misconduct",
    "SupervisionOrder": "order",
    "RegisterEntry": "accused",
    "ProtectionRequest": "protection",
    "Reward": "reward",
}
"""The walk's names for the kinds that reads are of."""
EXCEPTIONS: Mapping[str, Read] = {
    "intake FindAccused": Read(asked=tuple(f"name={w}" for w in ("冯虚门", "蒋虚阶", *values_of(CANARY)))),
    "intake ReadAttachment": Read(
        "complaint blob",
        only=("online", "letter", "jpeg", "pdf", "plain", "nowhere"),
        told={"clerk": "online/plain", "head": "online/plain"},
        rule="SEC-2: his own words, for assigned petition staff; the metadata of files for nobody (SEC-6)",
    ),
    "intake ReadLetters": Read(
        "complaint", told={"clerk": "online", "head": "online"}, rule="SEC-2: for assigned petition staff"
    ),
    "intake ReadRecusalLetters": Read(
        "complaint", told={"leader": "online"}, rule="A48: for the leader who decides on it"
    ),
    "intake ReadReporter": Read(
        "complaint",
        ("fields=NAME,PHONE,ADDRESS,RESIDENT_ID,CO_SIGNERS",),
        told={
            "clerk": "letter second-letter online platform platform-returned born-below pasted keyed",
            "head": "letter online",
            "county-clerk": "sent-down disputed",
            "county-head": "sent-down disputed",
            "other-county-clerk": "taken-in",
        },
        rule="§6.1: for the clerk who serves the reporter; not any more once it is sealed upward (A14)",
    ),
    "intake SameReporter": Read(
        "complaint",
        ("as={letter}", "as={second-letter}", "as={sealed}"),
        told={
            "clerk": "letter second-letter online platform platform-returned born-below pasted keyed",
            "head": "letter online",
        },
        rule="SEC-4: for a clerk who serves both",
    ),
    "intake ReadTracingArtefacts": Read("complaint"),
    "intake ReadTransferredContent": Read(
        "complaint",
        told={"clerk": "platform platform-returned"},
        rule="A8: the original, for the owning clerk",
    ),
    "intake ReadDisclosedIdentity": Read(
        "disclosure",
        told={"handler": "approved", "custodian": "approved"},
        rule="SEC-5: the approved fields, for requester and custodian",
    ),
    "intake IntegrationKeys": Read(random=("kid", "x", "y")),
    "intake OrganContact": Read("organ"),
    "intake Vocabulary": Read(),
    "intake Refusals": Read(),
    "intake Organs": Read(asked=("", "parent=DI-99")),
    "intake Divisions": Read(asked=("", "parent=99")),
    "intake ReadQuarterlyFeedback": Read(asked=(f"quarter={QUARTER}",)),
    "intake WorkQueue": Read(asked=("limit=200", "priority=REAL_NAME&limit=200")),
    "intake ReportChallenge": Read(random=("challenge",)),
    "intake ReadRetaliationReportAccount": Read(
        "retaliation",
        told={"county-leader": "by-clerk", "supervisor": "by-clerk"},
        rule="A44: for the superior's leader and internal supervision",
    ),
    "intake ReadSealedParcel": Read(
        "parcel", told={"other-county-clerk": "parcel"}, rule="A14: for the addressee"
    ),
    "intake SearchComplaints": Read(asked=_SEARCHED),
    "intake ReadStaffMisconductReportAccount": Read(
        "misconduct",
        told={"county-leader": "by-clerk", "supervisor": "by-clerk online"},
        rule="A33: for the superior's leader and internal supervision",
    ),
    "vault ReadProtectionRequestContents": Read(
        "protection",
        told={"clerk": "by-clerk", "head": "by-clerk"},
        rule="A49: for the petition staff assigned",
    ),
    "vault ReadReward": Read("reward", random=("code",)),
    "vault ReadRewardContents": Read(
        "reward", told={"head": "reward"}, rule="A32, SEC-14: for who recorded it"
    ),
    "vault ReadPaymentOrder": Read("reward", random=("code",)),
}


def by_form(read: Declared) -> Read:
    """The questions to a read, by its own declaration: of its kind everything that the walk has met, of a
    list as much as it shows, of the past too, and of a text that it needs every word of an identity."""
    of = "" if read.of is None or "{" not in read.path else KINDS[read.of.kind]
    texts = [p["name"] for p in read.parameters if p["in"] == "query" and p["required"]]
    asked = [f"{name}={word}" for name in texts for word in values_of(CANARY)] or [""]
    if "limit" in read.queries:
        most = next(p["schema"]["maximum"] for p in read.parameters if p["name"] == "limit")
        asked = [f"{each}&limit={min(200, most)}".lstrip("&") for each in asked]
    if "as_of" in read.queries:
        asked.append("as_of=2999-01-01T00:00:00%2B08:00")
    return Read(of, tuple(asked))


@dataclass(frozen=True)
class Route:
    """One read as it is declared."""

    name: str
    path: str
    parameters: frozenset[str]


def _all() -> Iterator[tuple[Route, Read]]:
    for service, prefix in (("intake", "/intake"), ("vault", "/intake/vault")):
        for read in declared(service):
            name = f"{service} {read.name}"
            route = Route(name, prefix + read.path, frozenset(p["name"] for p in read.parameters))
            yield route, EXCEPTIONS[name] if name in EXCEPTIONS else by_form(read)


READS: Mapping[str, Read] = {route.name: read for route, read in _all()}


def routes() -> list[Route]:
    """Every read of intake and of its vault."""
    return [route for route, _ in _all()]


def told() -> set[tuple[str, str, str]]:
    """Route, reader and object, where the law has somebody told."""
    return {
        (route, reader, object)
        for route, read in READS.items()
        for reader, objects in read.told.items()
        for object in objects.split()
    }


Asked = tuple[str, str, str]
"""Route, reader, and what was asked with names in the place of ids."""


def survey(doors: Doors) -> dict[Asked, str]:
    """Every answer that everybody was given everywhere: status, version and body, ids replaced by their
    names.

    Several ask for the same at once: each refusal is made durable before it is answered, and those that wait
    together are made so together.
    """
    world, found = doors.world, {}
    clients = [world.client(who) for who in READERS.values()]  # made here, not by several threads at once
    ends = {service: world.position(service) for service in ("intake", "vault")}
    names = {id: f"<{kind} {name}>" for kind, ids in doors.found.items() for name, id in ids.items()}
    with ThreadPoolExecutor(len(clients)) as pool:
        for route in routes():
            read = READS[route.name]
            end = ends[route.name.partition(" ")[0]]
            headers = {"purpose": "survey"} if "Purpose" in route.parameters else {}
            for place, url in _places(route, read, doors):
                fresh = {"min_position": end} if "min_position" in route.parameters else {}
                ask = partial(_asked, world, url, fresh, headers)
                for reader, answer in zip(READERS, pool.map(ask, READERS.values()), strict=True):
                    told = _neutral(answer.text, names, read.random)
                    found[route.name, reader, place] = (
                        f"{answer.status_code} {answer.headers.get('etag', '')} {told}"
                    )
    return found


def _asked(
    world: World, url: str, params: Mapping[str, int], headers: Mapping[str, str], who: str | None
) -> httpx.Response:
    path, _, query = url.partition("?")
    return world.ask_again(who, path, {**dict(parse_qsl(query, keep_blank_values=True)), **params}, headers)


def _places(route: Route, read: Read, doors: Doors) -> Iterator[tuple[str, str]]:
    """The requests to a route: for people, and as a URL."""
    kinds = read.of.split()
    objects: list[dict[str, str]] = [{}]
    holes = re.findall(r"{(\w+)}", route.path)
    assert len(holes) == len(kinds), route
    for hole, kind in zip(holes, kinds, strict=True):
        known = {"county": COUNTY.code, "town": TOWN.code} if kind == "organ" else doors.found[kind]
        ids = {**known, "nowhere": NOWHERE}
        ids = {name: id for name, id in ids.items() if not read.only or name in read.only}
        objects = [{**o, hole: id, f"{hole} name": name} for o in objects for name, id in ids.items()]
    for chosen in objects:
        path = re.sub(r"{(\w+)}", lambda hole: chosen[hole.group(1)], route.path)  # noqa: B023
        place = "/".join(chosen[f"{hole} name"] for hole in holes)
        for query in read.asked:
            filled = re.sub(r"{([\w-]+)}", lambda m: doors.found["complaint"][m.group(1)], query)
            yield f"{place}?{query}", f"{path}?{filled}"


def _neutral(text: str, names: Mapping[str, str], random: tuple[str, ...]) -> str:
    """An answer with ids by their names, and the rest as `_in_order` has it."""
    text = PLACE.sub("<place>", RANDOM.sub(lambda m: names.get(m.group(0), "<id>"), text))
    return _in_order(text, random)


@cache
def _in_order(text: str, random: tuple[str, ...]) -> str:
    """An answer without what is random, its lists in the order of what they hold. Most are the same few
    refusals."""
    try:
        value = json.loads(text)
    except ValueError:
        return text

    def member(name: str, value: Any) -> Any:
        """A member of an answer; of a sealed one only the length is left."""
        return len(value) if name == "sealed" else plain(value)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: "random" if k in random else member(k, v) for k, v in value.items()}
        if isinstance(value, list):
            return sorted((plain(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
        return value

    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True)
