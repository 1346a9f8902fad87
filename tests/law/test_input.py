"""Bad input at every door: always a problem document of the right status, never a 500, nothing stored."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.harness import (
    COUNTY,
    PLURALS,
    PROBLEM,
    SERVICES,
    SUBJECT,
    TOWN,
    Story,
    World,
    person,
    refused,
)

CLERK = TOWN.petition_clerk
HANDLER = TOWN.handler
RECEIVE = "/intake/v1/complaints"
ENVELOPE = {"channel": "LETTER", "received_on": "2023-01-01", "competent_level": "TOWNSHIP"}
JSON = {"content-type": "application/json"}


_stories: dict[str, Story] = {}


@pytest.fixture(autouse=True, scope="module")
def stories(world: World) -> Iterator[None]:
    """Made before anything is watched."""
    _stories["registered"] = world.story().registered()
    _stories["verifying"] = world.story().with_evidence()
    _stories["planned"] = world.story().invited()
    _stories["active"] = world.story().active()
    yield
    _stories.clear()


@pytest.fixture(autouse=True)
def nothing_happens(world: World) -> Iterator[None]:
    """Checks that a request has no domain event, and no defect in any log."""
    before = {s: world.position(s) for s in SERVICES}
    logs = {s: world.stack.data.log(s).read_text() for s in (*SERVICES, "audit")}
    yield
    readings = ("CaseRead", "CasesRead")
    silent = (*readings, "CommandRefused", "SecurityAlertRaised", "DeadlineApproaching", "DeadlineBreached")
    for service, position in before.items():
        assert [e.type for e in world.log(service, position) if e.type not in silent] == []
    for service, text in logs.items():
        grown = world.stack.data.log(service).read_text()[len(text) :]
        assert "request_failed" not in grown, grown
        assert "died" not in grown, grown


def bad(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """A problem document with one of these statuses."""
    assert answer.status_code in (statuses or (422,)), (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == PROBLEM
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


def post(world: World, content: bytes, path: str = RECEIVE, who: str = CLERK) -> httpx.Response:
    return world.client(who).post(path, content=content, headers=JSON)


# --- bodies ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"42",
        b"true",
        b"{",
        b"{}}",
        b'{"channel":}',
        b"{'channel':'LETTER'}",
        b'{"channel":"LETTER",}',
        b"\xff\xfe\x00",
        b'{"channel":"\xff"}',
        b'{"channel":"\xed\xa0\x80"}',
        b'{"channel":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps({**ENVELOPE, "pages": 1}).encode("utf-16"),
        b"channel=LETTER",
        b"\x00",
    ],
    ids=lambda b: repr(b[:24]),
)
def test_bodies_that_are_no_such_object(world: World, body: bytes) -> None:
    bad(post(world, body))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pages", "one"),
        ("pages", 0),
        ("pages", -1),
        ("pages", 10**30),
        ("pages", 1.5),
        ("pages", True),
        ("pages", "3"),
        ("pages", None),
        ("pages", []),
        ("channel", 1),
        ("channel", None),
        ("channel", "letter"),
        ("channel", ""),
        ("channel", "L" * 100_000),
        ("received_on", "yesterday"),
        ("received_on", "2023-02-30"),
        ("received_on", "0001-01-01"),
        ("received_on", "9999-12-31"),
        ("received_on", "-2023-01-01"),
        ("received_on", 1e308),
        ("received_on", {"$date": 1}),
        ("competent_level", "VILLAGE"),
        ("blob_id", "a\u0000b"),
        ("blob_id", "../../etc/passwd"),
        ("blob_id", "x" * 121),
        ("platform_no", "p\u0000"),
        ("platform_no", "编号"),
        ("acknowledged_notice_version", "\u0000"),
        ("source", "HEARSAY"),
        ("reporter", "a name"),
        ("reporter", {"name": 1}),
        ("reporter", {"name": "x" * 121}),
        ("reporter", {"phone": "call me"}),
        ("reporter", {"resident_id": "990101190001070070"}),
        ("reporter", {"nickname": "unknown field"}),
        ("organ", "DI-99"),
        ("state", "ACCEPTED"),
        ("__proto__", {}),
        ("", ""),
        ("\u0000", 1),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_fields_of_the_wrong_kind_and_unknown_fields(world: World, field: str, value: Any) -> None:
    bad(post(world, json.dumps({**ENVELOPE, field: value}).encode()))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"0x10", b"01", b"9" * 5000])
def test_numbers_that_are_none(world: World, number: bytes) -> None:
    body = json.dumps(ENVELOPE).encode()[:-1] + b', "pages": ' + number + b"}"
    bad(post(world, body))


@pytest.mark.parametrize("value", ["yes", "true", 1, "1", "on", None, [True], 0.0])
def test_r9_a_confirmation_is_given_in_so_many_words(world: World, value: Any) -> None:
    """Nobody confirms by a word that could be taken for it."""
    story = _stories["planned"]
    body = {"decision": "ENDORSE", "opinion": "同意。", "no_prejudice_confirmed": value}
    bad(world.give(story.clarification, "ReviewClarification", TOWN.organ_head, body, if_match=1))


def test_the_same_field_twice_is_read_once(world: World) -> None:
    body = b'{"channel":"LETTER","channel":"PIGEON","received_on":"2023-01-01","competent_level":"TOWNSHIP"}'
    bad(post(world, body))


def test_huge_bodies(world: World) -> None:
    answer = post(world, b'{"channel":"' + b"x" * (2 << 20) + b'"}')
    refused(answer, "E_BODY_TOO_LARGE")


def test_huge_bodies_without_a_declared_length(world: World) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    answer = world.client(CLERK).post(RECEIVE, content=chunks(), headers=JSON)
    refused(answer, "E_BODY_TOO_LARGE")


def test_the_problem_never_echoes_what_was_sent(world: World) -> None:
    canary = "虚回声一二三"
    for body in (
        {**ENVELOPE, "channel": canary},
        {**ENVELOPE, "reporter": {"phone": canary}},
        {**ENVELOPE, canary: "x"},
    ):
        told = bad(post(world, json.dumps(body).encode()))
        assert canary not in json.dumps(told, ensure_ascii=False)
    found = world.client(CLERK).get("/intake/v1/queue", params={canary: "1"})
    assert refused(found, "E_SCHEMA")["field"] == "query"
    assert canary not in found.text


# --- NUL and other characters that PostgreSQL or JSON cannot hold ---

NUL = "虚\u0000名"


@pytest.mark.parametrize("field", ["name", "unit", "position", "political_status", "official_category"])
def test_nul_in_the_accused(world: World, field: str) -> None:
    registered = _stories["registered"]
    accused = person() | {field: NUL}
    body = {**registered.listing(), "accused": [accused]}
    bad(world.give(registered.complaint, "ListAllegations", CLERK, body))


@pytest.mark.parametrize(
    ("story", "of", "command", "who", "body"),
    [
        ("registered", "complaint", "ListAllegations", CLERK, {"approved_by": NUL}),
        ("registered", "complaint", "AssignToCase", TOWN.petition_head, {"person": NUL, "role": "handler"}),
        ("registered", "complaint", "DeclareRecusal", CLERK, {"ground": NUL}),
        ("verifying", "case", "RecordEvidence", HANDLER, {"place": NUL}),
        ("verifying", "case", "HoldTalk", HANDLER, {"note": NUL}),
        ("verifying", "case", "HoldTalk", HANDLER, {"accused_ref": "a\u0000"}),
        ("verifying", "case", "FindAllegation", HANDLER, {"reasoning": NUL}),
        ("verifying", "case", "FindAllegation", HANDLER, {"evidence_refs": ["E1\u0000"]}),
        ("planned", "clarification", "RenderText", HANDLER, {"procedural_note": NUL}),
        ("planned", "clarification", "RecordSubjectVoice", SUBJECT, {"voice": NUL}),
        ("planned", "clarification", "InviteSubject", TOWN.handling_dept_head, {"account": NUL}),
        ("planned", "clarification", "PlanClarification", HANDLER, {"recipients": [NUL]}),
        ("planned", "clarification", "PlanClarification", HANDLER, {"rationale": NUL}),
        ("active", "plan", "CompleteRevisit", TOWN.revisit_officer, {"thinking": NUL}),
        ("active", "plan", "CompleteRevisit", TOWN.revisit_officer, {"mode": NUL}),
        ("active", "plan", "RecordUnitFeedback", TOWN.revisit_officer, {"feedback": NUL}),
        ("active", "plan", "RecordSubjectRecognition", TOWN.revisit_officer, {"title": NUL}),
    ],
)
def test_nul_in_the_words_of_every_service(
    world: World, story: str, of: str, command: str, who: str, body: dict[str, Any]
) -> None:
    told = _stories[story]
    whole: dict[str, dict[str, Any]] = {
        "ListAllegations": told.listing(),
        "RecordEvidence": told.evidence("E66") if story == "verifying" else {},
        "HoldTalk": told.talk() if story == "verifying" else {},
        "FindAllegation": told.finding() if story == "verifying" else {},
        "PlanClarification": {
            "forms": ["WRITTEN"],
            "scope": "SUBJECT_AND_UNIT_HEAD",
            "recipients": ["本人"],
            "rationale": "相当。",
        },
        "CompleteRevisit": told.visit() if story == "active" else {},
        "RecordSubjectRecognition": {"title": "称号", "conferred_by": "县委", "conferred_on": "2023-01-01"},
        "AssignToCase": {},
    }
    sent = {**whole.get(command, {}), **body}
    bad(world.give(told._cases[of], command, who, sent))


# --- ids in paths ---


@pytest.mark.parametrize(
    "id",
    [
        "nonsense",
        "%00",
        "00000000-0000-0000-0000-00000000000g",
        "{01890a5d-ac96-774b-bcce-b302099a8057}x",
        "..%2f..%2fetc",
        "%ff%fe",
        "虚",
        "x" * 5000,
        "00000000-0000-0000-0000-000000000000",
        "' OR 1=1 --",
    ],
    ids=lambda v: v[:20],
)
def test_ids_that_are_none(world: World, id: str) -> None:
    segment = id if "%" in id else quote(id, safe="")
    for service, plural in PLURALS.items():
        for path in (
            f"/{service}/v1/{plural}/{segment}",
            f"/clarification/v1/clarifications/{segment}/draft",
        ):
            who = SUBJECT if path.endswith("draft") else HANDLER
            bad(world.client(who).get(path), 404)
        bad(world.client(HANDLER).post(f"/{service}/v1/{plural}/{segment}/assign-to-case", json={}), 404, 422)
    bad(world.client(CLERK).get(f"/intake/v1/accused/{segment}/history"), 404)
    bad(world.client(COUNTY.auditor).get(f"/audit/v1/cases/{segment}/timeline"), 404)


@pytest.mark.parametrize("code", ["%0a", "%0d", "%00", "%1f", "%7f", "%c2%85", "%e2%80%a8"])
def test_sec1_metrics_do_not_stand_behind_a_control_character(world: World, code: str) -> None:
    """The steps of metrics tell when somebody reports: a filter that keeps the path inside must have kept all
    of it."""
    for service in (*SERVICES, "audit"):
        for base in (f"{world.stack.front_url}/{service}", world.stack.direct_url(service)):
            for path in (f"/metrics{code}", f"/{code}metrics", f"/livez{code}"):
                bad(httpx.get(base + path, timeout=60, trust_env=False), 404)


# --- headers ---

CITED = b'{"instrument":"A","version_date":"2023-01-01","article":"1"}'


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"idempotency-key", b"\xe8\x99\x9a" * 4),
        (b"idempotency-key", b"x" * 8000),
        (b"idempotency-key", b"short"),
        (b"occurred-at", b"yesterday"),
        (b"occurred-at", b"2023-01-01"),
        (b"occurred-at", b"2023-01-01T10:00:00"),
        (b"occurred-at", b"0001-01-01T00:00:00+14:00"),
        (b"occurred-at", b"9999-12-31T23:59:59-14:00"),
        (b"occurred-at", b"0001-01-01T00:00:00Z"),
        (b"occurred-at", b"2023-13-01T00:00:00Z"),
        (b"occurred-at", b"\xe8\x99\x9a"),
        (b"occurred-at", b""),
        (b"occurred-at", b"1e400"),
        (b"occurred-at", b"2023-W01-3T00:00:00Z"),
        (b"occurred-at", b"20230101T000000Z"),
        (b"legal-basis", b"nonsense"),
        (b"legal-basis", b"{}"),
        (b"legal-basis", b"7"),
        (b"legal-basis", b'[{"instrument":"x"}]'),
        (b"legal-basis", b'[{"instrument":"A\\u0000","version_date":"2023-01-01","article":"1"}]'),
        (b"legal-basis", b'[{"instrument":"A","version_date":"2023-99-01","article":"1"}]'),
        (b"legal-basis", b'[{"instrument":"A","version_date":"2023-01-01","article":"\xe8\x99\x9a"}]'),
        (b"legal-basis", b"[" * 5000),
        (b"legal-basis", b"[" + b",".join([CITED] * 21) + b"]"),
    ],
)
def test_headers_that_are_malformed(world: World, header: bytes, value: bytes) -> None:
    answer = world.client(CLERK).post(RECEIVE, json=ENVELOPE, headers={header: value})
    bad(answer, 422, 431)


@pytest.mark.parametrize(
    "value", [b"\xe8\x99\x9a", b"9" * 400, b'"99999999999999999999"', b"W/W/1", b"-1", b'"1', b"1.0"]
)
def test_if_match_that_is_malformed(world: World, value: bytes) -> None:
    story = _stories["verifying"]
    path = story.case.path + "/record-evidence"
    body = story.evidence("E67")
    answer = world.client(HANDLER).post(path, json=body, headers={b"if-match": value})
    bad(answer, 400, 412)


@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"q=" * 4000, b"zh;q=1e400", b"en;q=nan", b";;,,;q", b"\xe8\x99\x9a"]
)
def test_languages_that_are_none(world: World, value: bytes) -> None:
    client = world.client(None)
    bad(client.get(RECEIVE, headers={b"accept-language": value}), 401)


@pytest.mark.parametrize(
    "value", [b"\xff" * 20, b"00-" + b"g" * 32 + b"-" + b"0" * 16 + b"-01", b"00--", b"x" * 4000]
)
def test_traces_that_are_none(world: World, value: bytes) -> None:
    client = world.client(None)
    answer = client.get(RECEIVE, headers={b"traceparent": value})
    bad(answer, 401)
    assert answer.headers["traceparent"].encode() != value


def test_purposes_that_are_none_are_not_kept(world: World) -> None:
    """A purpose is written down with the reading: whatever is in the header, the record stays readable."""
    story = _stories["verifying"]
    for value in (b"\xff\xfe\xff", b"x" * 4000, "虚\u0085".encode()):
        before = world.position("verification")
        answer = world.client(HANDLER).get(story.case.path, headers={b"purpose": value})
        assert answer.status_code in (200, 422), answer.text
        for entry in world.log("verification", before, "CaseRead"):
            assert len(entry.event["purpose"]) <= 120


@pytest.mark.parametrize(
    "content_length", ["nonsense", "-5", "99999999999999999999", "1e3", "٣", "+4", "0x10"], ids=repr
)
def test_content_lengths_that_are_none(world: World, content_length: str) -> None:
    """Past the front door as well: the service itself must not fall over them."""
    for url in (world.stack.front_url, world.stack.direct_url("intake")):
        place = urlsplit(url)
        prefix = "/intake" if url == world.stack.front_url else ""
        with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
            connection.sendall(
                f"POST {prefix}/v1/complaints HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                f"content-length: {content_length}\r\n\r\n{{}}".encode()
            )
            answer = connection.recv(4096)
        assert answer.split(b" ")[1:2] != [b"500"], answer
        assert answer.split(b" ")[1:2] != [b"502"], answer


def test_expectations_that_nobody_meets(world: World) -> None:
    """RFC 9110 §10.1.1: the front door answers them itself, and the service hears nothing of it."""
    before = world.position("intake")
    body, headers = {"channel": "LETTER"}, {"expect": "0", "idempotency-key": "expectation"}
    assert world.client(CLERK).post(RECEIVE, json=body, headers=headers).status_code == 417
    assert world.position("intake") == before


@pytest.mark.parametrize("path", ["/nowhere", "/v1/complaints", "/intake/metrics", "/intake/nowhere"])
def test_paths_that_lead_nowhere(world: World, path: str) -> None:
    """The front door and the services answer in the same words (RFC 9457), whichever of them notices it."""
    answer = world.client(None).get(path)
    bad(answer, 404)
    assert answer.content == world.client(None).get("/intake/v1/none").content


@pytest.mark.parametrize(
    "id", ["{id}", "%7Bid%7D", "nobody", "00000000-0000-4000-8000-000000000000", "a%23b"]
)
def test_ids_of_nothing(world: World, id: str) -> None:
    """Nothing is found under such an id, whichever way the command comes in."""
    at = f"{RECEIVE}/{id}/register-complaint"
    bad(post(world, b'{"category": "ACCUSATION"}', at), 404)


# --- queries ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "-1"),
        ("limit", "201"),
        ("limit", "1e3"),
        ("limit", "9" * 400),
        ("limit", ""),
        ("limit", "٣"),
        ("limit", "1\u0000"),
    ],
)
def test_numbers_of_a_query_that_are_none(world: World, name: str, value: str) -> None:
    for service, plural in PLURALS.items():
        bad(world.get(HANDLER, f"/{service}/v1/{plural}", **{name: value}))


@pytest.mark.parametrize("name", ["cursor", "min_position"])
@pytest.mark.parametrize("value", ["1", "-1", "", "x", "虚", "AQEBMQ==", "x" * 5000])
def test_places_that_nobody_was_given(world: World, name: str, value: str) -> None:
    for service, plural in PLURALS.items():
        bad(world.get(HANDLER, f"/{service}/v1/{plural}", **{name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cursor", "-1"),
        ("cursor", ""),
        ("cursor", "虚"),
        ("cursor", "W10="),  # []
        ("cursor", "x" * 5000),
        ("organ", "DI-"),
        ("organ", "%"),
        ("colour", "PINK"),
        ("limit", "0"),
        ("after", "0"),
    ],
)
def test_pages_and_filters_of_the_deadlines_that_are_none(world: World, name: str, value: str) -> None:
    bad(world.get(HANDLER, "/verification/v1/deadlines", **{name: value}))


def test_a_limit_of_nothing_shows_nothing_or_is_refused(world: World) -> None:
    for path in ("/intake/v1/complaints", "/verification/v1/deadlines", "/verification/v1/my-work"):
        answer = world.get(HANDLER, path, limit=0)
        assert answer.status_code == 200 or bad(answer)
        if answer.status_code == 200:
            assert answer.json()["items"] == []


@pytest.mark.parametrize(
    "state", ["\u0000", "OPENED\u0000", "' OR 1=1", "x" * 4000, "虚", "", "open"], ids=repr
)
def test_a_state_that_is_none(world: World, state: str) -> None:
    """Each kind has a closed list of states; a word that is none of them finds nothing, and says so."""
    for service, plural in PLURALS.items():
        bad(world.get(HANDLER, f"/{service}/v1/{plural}", state=state))


@pytest.mark.parametrize("name", ["\u0000", "虚\u0000", "%", "_", "x" * 61, " ", "\ud7ff"], ids=repr)
def test_a_name_that_is_none(world: World, name: str) -> None:
    answer = world.get(CLERK, "/intake/v1/accused", name=name)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert answer.json()["items"] == []


@pytest.mark.parametrize(
    "as_of", ["now", "2023-01-01", "", "2023-01-01T00:00:00", "\u0000", "0001-01-01T00:00:00+14:00", "1e9"]
)
def test_days_that_are_none(world: World, as_of: str) -> None:
    story = _stories["verifying"]
    answer = world.get(HANDLER, story.case.path, as_of=as_of)
    bad(answer, 422, 404)
    number = world.read(story.case, HANDLER)["number"]
    bad(world.get(COUNTY.auditor, f"/audit/v1/cases/{number}/state", as_of=as_of), 422, 404)


def test_a_query_that_is_no_utf8(world: World) -> None:
    url = httpx.URL(world.stack.front_url).copy_with(raw_path=b"/intake/v1/accused?name=%ff%fe")
    answer = world.client(CLERK).get(url)
    assert answer.status_code in (200, 422), answer.text


def test_the_read_models_still_follow(world: World) -> None:
    """After all of this every projection is as far as its log."""
    for service, plural in PLURALS.items():
        position = world.position(service)
        answer = world.get(HANDLER, f"/{service}/v1/{plural}", min_position=position, limit=1)
        assert answer.status_code == 200, answer.text
