"""Nothing outside the vault learns who reported, whichever way their name came in.

Two worlds go through the same doors (`doors`). In one the same person stands behind every report, in the
other always another, with names, addresses and words of other lengths. Then everybody asks every GET of
intake and its vault about everything (`reads`): whoever is not told by the law is answered the same in
both, so that neither the identity nor who reported twice can be seen. And in the first world, the person's
words are looked for in everything that the stack has written or said outside the vault (`everywhere`).

Where the rules of §6.2 that touch intake have their tests; docs/conformance.md has all:

    SEC-1   test_sec1_neither_accused_nor_platform_is_told_anything
    SEC-2   test_sec2_his_own_words_are_read_by_petition_staff_alone
    SEC-3   test_sec3_a_canary_is_found_nowhere_outside_the_vault, test_sec3_who_reported_makes_no_difference
    SEC-4   test_sec4_that_somebody_reported_twice_is_answered_to_who_serves_both
    SEC-5   test_sec5_a_name_is_read_by_who_serves_him_or_was_approved
    SEC-6   test_sec6_the_copies_of_files_are_the_same_whoever_took_them
    SEC-7   tests/law/test_intake_anonymous.py: test_sec7_*; here: test_sec7_no_code_lies_anywhere
    SEC-8   tests/law/test_vault_identity.py: test_r28_sec8_no_tracing_artefact_without_an_order
    SEC-9   test_sec9_every_look_at_an_identity_is_on_record
    SEC-10  test_sec10_what_leaves_for_a_reporter_lies_sealed
    SEC-11  test_sec11_deadlines_and_boards_hold_numbers_only
    SEC-12  test_sec12_sec16_what_was_pasted_was_refused_and_left_nothing
    SEC-13  nothing of intake is published; with clarification's publicity
    SEC-14  test_sec14_the_payment_order_names_nobody
    SEC-15  suspicion is verification's; intake keeps none
    SEC-16  tests/law/test_intake.py: test_sec16_guesses_about_who_reported_are_not_stored
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import struct
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import nats
import psycopg
import pytest

from deploy.local.stack import Stack
from shared.kernel.store.sealing import Sealer
from tests.harness import COUNTY, SUBJECT, TOWN, sub
from tests.receiver import receiving
from tests.scenarios import everywhere
from tests.scenarios.doors import (
    CANARY,
    PLATFORM,
    Answer,
    Doors,
    Recorded,
    always_others,
    the_same,
    values_of,
)
from tests.scenarios.everywhere import Found, Search, spellings
from tests.scenarios.reads import EXCEPTIONS, READERS, READS, Asked, routes, survey, told

pytestmark = pytest.mark.external

ACCUSED = "冯虚门"
"""Confidential, and so sealed wherever it lies; but no reporter: a search that finds it would find a
reporter."""
SOURCES: dict[str, tuple[Callable[[Stack], Iterator[Found]], int]] = {
    "dumps": (everywhere.dumps, 6),
    "rows": (everywhere.rows, 500),
    "opened records": (everywhere.opened, 200),
    "messages": (everywhere.messages, 200),
    "files": (everywhere.files, 1000),
    "logs": (everywhere.logs, 9),
    "metrics": (everywhere.metrics, 9),
    "spans": (everywhere.spans, 20),
}
"""The places that are looked at, and how many of each there are at least."""
ANSWERED = re.compile(
    r"/reports/mailbox|/reporter\?|/letters|/recusal-letters|/attachments/|/transferred-content|/identity"
    r"|/account|/contents|/sealed-parcels/"
)
"""The answers by which the law has somebody told."""


@dataclass
class Worlds:
    """Both, after the walk and the survey; the first one's stack still runs."""

    first: Doors
    one: dict[Asked, str]
    other: dict[Asked, str]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    def surveyed(stack: Stack, *, same: bool) -> tuple[Doors, dict[Asked, str]]:
        doors = Doors(Recorded(stack), the_same() if same else always_others()).walk()
        return doors, survey(doors)

    with Stack(tmp_path_factory.mktemp("others")) as stack:
        doors, other = surveyed(stack, same=False)
        doors.world.close()
    with (
        receiving() as collector,
        Stack(tmp_path_factory.mktemp("same"), env={"ZM_OTLP_URL": collector.url}) as stack,
    ):
        first, one = surveyed(stack, same=True)
        everywhere.keep_spans(stack, (got.body for got in collector.got))
        yield Worlds(first, one, other)
        first.world.close()


@pytest.fixture(scope="module")
def stack(worlds: Worlds) -> Stack:
    return worlds.first.world.stack


@pytest.fixture(scope="module")
def search() -> Search:
    return Search(values_of(CANARY))


# --- who is answered what ---


def test_every_exception_is_of_a_read_that_there_is() -> None:
    """The questions follow from the declarations; a read that is gone leaves nothing behind here."""
    assert set(EXCEPTIONS) <= {route.name for route in routes()}


def test_every_get_answers_somebody(worlds: Worlds) -> None:
    """A survey of refusals alone would prove nothing. Nothing can be read of tracing yet (SEC-8)."""
    answering = {route for (route, _, _), answer in worlds.one.items() if answer.startswith("200 ")}
    assert set(READS) - answering == {"intake ReadTracingArtefacts"}


def test_sec3_who_reported_makes_no_difference(worlds: Worlds) -> None:
    """The same status, version and body for everybody, but for those whom the law has told: and those see
    the difference, so that it would be seen elsewhere too."""
    assert worlds.one.keys() == worlds.other.keys()
    differing = {
        (route, reader, place.partition("?")[0])
        for route, reader, place in worlds.one
        if worlds.one[route, reader, place] != worlds.other[route, reader, place]
    }
    assert differing == told()


def test_every_exception_has_its_rule() -> None:
    assert {name for name, read in READS.items() if read.told} == {
        n for n, read in READS.items() if read.rule
    }


def answers_of(worlds: Worlds, route: str, status: str = "200") -> set[tuple[str, str]]:
    """Reader and object, where the route answered so."""
    return {
        (reader, place.partition("?")[0])
        for (name, reader, place), answer in worlds.one.items()
        if name == route and answer.startswith(f"{status} ")
    }


def test_sec1_neither_accused_nor_platform_is_told_anything(worlds: Worlds) -> None:
    """No case, no list and no search of intake is open to the accused; to the platform only its own feed."""
    public = {
        "intake ReportingNotice",
        "intake ReportChallenge",
        "intake IntegrationKeys",
        "intake OrganContact",
        "intake Vocabulary",
        "intake Refusals",
        "intake Organs",
        "intake Divisions",
    }
    for reader, more in (("subject", set()), ("platform", {"intake StatusFeed"}), ("nobody", set())):
        read = {route for (route, who, _), a in worlds.one.items() if who == reader and a.startswith("200 ")}
        own_work = {"intake MyWork", "vault MyWork"} if reader != "nobody" else set()
        assert read <= public | more | own_work, reader
        for service in own_work:
            [work] = [a for (route, who, _), a in worlds.one.items() if (route, who) == (service, reader)]
            assert '"items": []' in work


def test_sec2_his_own_words_are_read_by_petition_staff_alone(worlds: Worlds) -> None:
    readers = {reader for reader, _ in answers_of(worlds, "intake ReadLetters")}
    assert {"clerk", "head"} <= readers
    petition = {
        r for r, who in READERS.items() if who and who.startswith(("petition_clerk", "petition_head"))
    }
    assert readers <= petition


def test_sec4_that_somebody_reported_twice_is_answered_to_who_serves_both(worlds: Worlds) -> None:
    same = {k: a for k, a in worlds.one.items() if k[0] == "intake SameReporter" and a.startswith("200 ")}
    one = same["intake SameReporter", "clerk", "online?as={letter}"].partition("  ")[2]
    assert set(json.loads(one)["same"]) == {"SAME"}
    other = worlds.other["intake SameReporter", "clerk", "online?as={letter}"]
    assert set(json.loads(other.partition("  ")[2])["same"]) == {"OTHER"}
    assert {reader for _, reader, _ in same} == {"clerk", "head"}


def test_sec5_a_name_is_read_by_who_serves_him_or_was_approved(worlds: Worlds) -> None:
    """Not by the handler, and not by the clerk whose complaint went up sealed (A14)."""
    readers = answers_of(worlds, "intake ReadReporter")
    assert not {reader for reader, _ in readers} & {"handler", "leader", "auditor", "custodian", "supervisor"}
    assert ("clerk", "letter") in readers
    assert ("other-clerk", "sealed") not in readers
    assert ("other-clerk", "sealed") in answers_of(worlds, "intake ReadReporter", "409")
    assert answers_of(worlds, "intake ReadDisclosedIdentity") == {
        ("handler", "approved"),
        ("custodian", "approved"),
    }


def test_sec6_the_copies_of_files_are_the_same_whoever_took_them(worlds: Worlds) -> None:
    """The copies of picture and document are equal to the letter, though the metadata were not."""
    for kind in ("jpeg", "pdf"):
        asked = ("intake ReadAttachment", "clerk", f"online/{kind}?")
        assert worlds.one[asked].startswith("200 ")
        assert worlds.one[asked] == worlds.other[asked]


def test_sec11_deadlines_and_boards_hold_numbers_only(worlds: Worlds) -> None:
    """Reminders came before the quarter was over; no board names the accused, let alone a reporter."""
    boards = (
        "intake RunningDeadlines",
        "intake WorkQueue",
        "intake DuplicateDigests",
        "intake ListHandovers",
        "vault RunningDeadlines",
    )
    shown = [a for (route, _, _), a in worlds.one.items() if route in boards and a.startswith("200 ")]
    assert any("XF-" in answer for answer in shown)
    assert any("DL-20" in answer for answer in shown)
    for answer in shown:
        assert ACCUSED not in answer
        assert "礼金" not in answer


def test_sec14_the_payment_order_names_nobody(worlds: Worlds) -> None:
    assert answers_of(worlds, "vault ReadPaymentOrder") == {("head", "reward")}
    order = worlds.one["vault ReadPaymentOrder", "head", "reward?"]
    assert set(json.loads(order.partition("  ")[2])) == {"code", "amount_fen", "decision_ref", "paid"}


# --- what was written ---


@pytest.mark.parametrize("source", SOURCES)
def test_sec3_a_canary_is_found_nowhere_outside_the_vault(stack: Stack, search: Search, source: str) -> None:
    """No word of the identity, in any spelling, nor its digest."""
    everything, at_least = SOURCES[source]
    hits, looked = search.through(everything(stack))
    assert hits == []
    assert looked >= at_least


def test_sec3_no_answer_tells_it_but_those_that_the_law_has(worlds: Worlds, search: Search) -> None:
    """No answer that anybody was ever given, body or headers, tells it; nor does any refusal."""
    kept = worlds.first.world.answers
    hits, _ = search.through(_as_sources(kept))
    telling = {int(where) for where, _, _ in hits}
    assert telling, "the clerk has read the name"
    assert all(kept[n].status == 200 and ANSWERED.search(kept[n].path) for n in telling)
    assert len([answer for answer in kept if answer.status >= 400]) > 1000


def _as_sources(answers: list[Answer]) -> Iterator[Found]:
    for n, answer in enumerate(answers):
        yield str(n), (answer.body + json.dumps(answer.headers, ensure_ascii=False)).encode()


ADDRESS = "127.0.0.77"
"""The address of a reporter's telephone."""


def break_off(stack: Stack, path: str, phase: str) -> None:
    """One connection from an address of its own that is reset in the middle, as when a telephone loses its
    network."""
    head = f"POST /intake{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    sent = {
        "header": head,
        "body": f"{head}Content-Length: 4000\r\n\r\n" + '{"text": "' + "字" * 300,
        "chunk": f"{head}Transfer-Encoding: chunked\r\n\r\n400\r\n" + '{"text": "',
        "answer": f"{head}Content-Length: 2\r\n\r\n{{}}",
    }[phase]
    port = int(stack.front_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), source_address=(ADDRESS, 0)) as phone:
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        phone.sendall(sent.encode())
        if phase != "answer":
            time.sleep(0.05)  # so that it has reached the service; nothing is read from it, nor waited for


def test_sec6_who_breaks_off_leaves_no_address(stack: Stack) -> None:
    """Every public route, in every phase of a request. The front door is ended before the search, so that
    all it will ever write is written; the log of a service tells no instant of it either."""
    paths = httpx.get(f"{stack.direct_url('intake')}/openapi.json", timeout=60, trust_env=False).json()[
        "paths"
    ]
    public = [path for path, of in paths.items() if path.startswith("/v1/reports") and "post" in of]
    assert len(public) >= 5
    before = len((stack.data.log("intake")).read_bytes())
    for path in public:
        for phase in ("header", "body", "chunk", "answer") * 5:
            break_off(stack, path.replace("{", "").replace("}", ""), phase)
    stack.kill("caddy", signal.SIGTERM)
    stack.start_service("caddy")
    sources = [*everywhere.files(stack), *everywhere.logs(stack), *everywhere.metrics(stack)]
    assert len(sources) > 1000
    assert [where for where, content in sources if ADDRESS.encode() in content] == []
    assert len((stack.data.log("intake")).read_bytes()) == before


def test_sec7_no_code_lies_anywhere(worlds: Worlds, stack: Stack) -> None:
    codes = [spelt for code in worlds.first.codes for spelt in (code, code.replace("-", ""))]
    assert len(codes) >= 4
    for name, (everything, _) in SOURCES.items():
        assert Search(codes).through(everything(stack))[0] == [], name


def test_sec9_every_look_at_an_identity_is_on_record(worlds: Worlds) -> None:
    """As often as a name was read, as often it stands in the log who read it, and what for."""
    world = worlds.first.world
    reading = re.compile(r"/complaints/[^/]+/(reporter|same-reporter)\?|/disclosures/[^/]+/identity")
    answered = [a for a in world.answers if a.status == 200 and reading.search(a.path)]
    accesses = [e.event for e in world.log("intake", 0, "IdentityAccessed")]
    assert len(answered) == len(accesses) > 10
    assert {a["who"] for a in accesses} >= {sub(TOWN.petition_clerk), sub(TOWN.handler)}
    assert {a["purpose"] for a in accesses} == {"survey", "approved-disclosure"}


def test_sec10_what_leaves_for_a_reporter_lies_sealed(worlds: Worlds, stack: Stack, search: Search) -> None:
    """The messages went out; the files in which they lie hold neither contact nor words in clear."""
    rows = worlds.first.world._database("intake").execute(
        "SELECT payload FROM effects WHERE kind = 'reporter-message'"
    )
    templates = {row.payload["template"] for row in rows}
    assert "ACCEPTED" in templates
    lying = [path for path in (stack.data.root / "vault").rglob("*") if path.is_file()]
    assert len(lying) >= len(templates)
    for path in lying:
        content = path.read_bytes()
        assert search.through([(path.name, content)])[0] == []
        assert "您反映的事项".encode() not in content


def test_sec12_sec16_what_was_pasted_was_refused_and_left_nothing(worlds: Worlds) -> None:
    """The refusals are on record by code, rule and command; not what had been typed."""
    refused = [e.event for e in worlds.first.world.log("intake", 0, "CommandRefused")]
    leaks = [e for e in refused if e["code"] == "E_TEXT_IDENTITY_LEAK"]
    assert {e["command"] for e in leaks} >= {
        *("ListAllegations", "ProposeAcceptance", "RequestIdentityDisclosure"),
    }


# --- that the search would find it ---


PLANTED = "荀虚植"
"""Somebody else, since PostgreSQL's journal remembers a row that was taken back."""
SPOTS = {
    "dumps": "dump of zm_audit",
    "rows": "zm_audit public.planted",
    "messages": "stream PLANTED, planted",
    "files": "outgoing/planted.log",
    "logs": "planted.log",
}


@contextmanager
def planted(stack: Stack, source: str) -> Iterator[None]:
    """The name in clear, at one spot of a source, for a while."""
    name = PLANTED
    if source in ("dumps", "rows"):
        url = stack.database_url("zm_audit_owner", "zm_audit", "postgresql")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE planted (word text)")
            try:
                connection.execute("INSERT INTO planted VALUES (%s)", [f"据{name}反映"])
                yield
            finally:
                connection.execute("DROP TABLE planted")
    elif source == "messages":
        asyncio.run(_stream(stack, name))
        try:
            yield
        finally:
            asyncio.run(_stream(stack, None))
    else:
        place = stack.data.root / "outgoing" if source == "files" else stack.data.logs
        place.mkdir(exist_ok=True)
        spot = place / "planted.log"
        spot.write_text(json.dumps({"event": name}), "utf-8")
        try:
            yield
        finally:
            spot.unlink()


async def _stream(stack: Stack, word: str | None) -> None:
    client = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
    try:
        js = client.jetstream()
        if word is None:
            await js.delete_stream("PLANTED")
            return
        await js.add_stream(name="PLANTED", subjects=["planted"])
        await js.publish("planted", b"{}", headers={"Said-By": spellings(word)["url"].decode()})
    finally:
        await client.close()


@pytest.mark.parametrize("source", SPOTS)
def test_a_planted_name_is_found(stack: Stack, source: str) -> None:
    """In a table, a message's header, a file, a log: so the search reaches there."""
    everything, _ = SOURCES[source]
    with planted(stack, source):
        hits, _ = Search([PLANTED]).through(everything(stack))
    assert SPOTS[source] in {where for where, _, _ in hits}
    assert SPOTS[source] not in {where for where, _, _ in Search([PLANTED]).through(everything(stack))[0]}


def test_a_name_planted_in_a_sealed_event_is_found(stack: Stack) -> None:
    """Sealed as the service seals, it is found once opened; it is taken back with the transaction."""
    stream, topic = uuid4(), "intake.ComplaintAccepted"
    sealer = Sealer.from_files(stack.data.keys / "store-intake.key", "intake")
    state = sealer.seal(json.dumps({"event": {"dept": PLANTED}}).encode(), stream, 1, topic)
    with psycopg.connect(stack.database_url("zm_intake_owner", "zm_intake", "postgresql")) as connection:
        connection.execute(
            "INSERT INTO intake_events (originator_id, originator_version, topic, state, notification_id,"
            " recorded_at, content_digest, correlation_id, event_id)"
            " SELECT %s, 1, %s, %s, max(notification_id) + 1, max(recorded_at), '\\x00', %s, %s"
            " FROM intake_events",
            [stream, topic, state, stream, uuid4()],
        )
        hits, _ = Search([PLANTED]).through(everywhere.opened_log(stack, "intake", connection))
        connection.rollback()
    assert {where for where, _, _ in hits} == {f"log of intake, {topic}"}


def test_what_is_confidential_is_found_where_it_is_opened_and_only_there(stack: Stack) -> None:
    """The accused's name went the same ways as the reporter's would have: it is in opened records and
    messages of several services, and in no log, metric or message as it travels."""
    accused = Search([ACCUSED])
    for source in ("opened records", "messages"):
        places = {where for where, _, _ in accused.through(SOURCES[source][0](stack))[0]}
        assert {p for p in places if "verification" in p.lower()}, source
        assert source != "messages" or all(p.endswith(", opened") for p in places)
    for source in ("logs", "metrics", "spans"):
        assert accused.through(SOURCES[source][0](stack))[0] == []


@pytest.mark.parametrize("how", spellings(CANARY["address"]))
@pytest.mark.parametrize("before", ["", "a", "ab", "据"])
def test_every_spelling_is_found(search: Search, how: str, before: str) -> None:
    """The word is found however it was encoded, and whatever stood before and behind it."""
    spelt = b"{%s}" % spellings(CANARY["address"])[how]
    if how.startswith("base64"):
        whole = before.encode() + CANARY["address"].encode() + "，等".encode()
        encode = b64encode if how.startswith("base64 ") else urlsafe_b64encode
        spelt = encode(whole)
    hits, _ = search.through([("here", before.encode() + spelt)])
    assert {word for _, word, _ in hits} == {CANARY["address"]}


def test_what_is_an_identitys_is_searched_for(search: Search) -> None:
    """Name, unit, address, phone, e-mail and number of the person and of the co-signer."""
    assert len(values_of(CANARY)) == 9
    assert sum(len(spellings(value)) for value in values_of(CANARY)) > 200
    assert search.through([("one", "虚构的别人，13900000000".encode())]) == ([], 1)
    assert {SUBJECT, PLATFORM, COUNTY.auditor} <= set(READERS.values())
