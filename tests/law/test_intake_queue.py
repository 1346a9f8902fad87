"""The clerks' desk: the queue, the running deadlines, search by accused and content."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.harness import (
    ALLEGATION,
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    SUBJECT,
    TOWN,
    Story,
    World,
    hidden,
    person,
    refused,
    sub,
    working_days_after,
)

CLERK = TOWN.petition_clerk
HEAD = TOWN.petition_head
REPORTER = {"name": "虚寻举", "phone": "19944445678", "unit": "虚构运输队", "address": "虚构村八组三号"}


def row_of(rows: list[dict[str, Any]], story: Story) -> dict[str, Any] | None:
    found = [r for r in rows if r["id"] == story.complaint.id]
    assert len(found) <= 1
    return found[0] if found else None


# --- the queue ---


def test_a29_by_priority_and_then_by_age(world: World) -> None:
    """Among all that waits: nobody's place in line depends on who looks, or on when it was entered."""
    for days in (2, 9, 5):
        world.story().received(received_on=str(world.today - timedelta(days=days)))
    rows = world.queue(CLERK)
    ranks = ["URGENT", "REAL_NAME", "NORMAL"]
    places = [(ranks.index(r["priority"]), r["received_on"], r["id"]) for r in rows]
    assert len(places) >= 3
    assert all(earlier < later for earlier, later in pairwise(places))


def test_a29_a_confirmed_name_goes_before_what_is_older(world: World) -> None:
    older = world.story().received(received_on=str(world.today - timedelta(days=30)))
    named = world.story(reporter=REPORTER).registered()
    before = [r["id"] for r in world.queue(CLERK)]
    assert before.index(older.complaint.id) < before.index(named.complaint.id)
    confirmed = {"verified_by": "PHONE", "result": "CONFIRMED"}
    world.do(named.complaint, "VerifyReporterIdentity", CLERK, confirmed)
    after = [r["id"] for r in world.queue(CLERK)]
    assert after.index(named.complaint.id) < after.index(older.complaint.id)
    assert row_of(world.queue(CLERK, priority="REAL_NAME"), named)


def test_841_what_was_handed_down_waits_in_the_queue_of_the_organ_below(world: World) -> None:
    story = world.story(COUNTY, accused=[person(TOWN)]).listed()
    world.assign(story.complaint, COUNTY.petition_head, by=COUNTY.petition_head)
    world.do(
        story.complaint, "HandDown", COUNTY.petition_head, {"to_organ": TOWN.code, "reason": "属其管辖。"}
    )
    assert row_of(world.queue(COUNTY.petition_clerk), story) is None
    [entry] = world.entries("intake", story.complaint.id, "ComplaintHandedDown")
    assert entry.event["born"] in {r["id"] for r in world.queue(CLERK, state="RECEIVED")}


def test_841_each_row_tells_its_most_urgent_deadline(world: World) -> None:
    """Only of what is owed: nothing runs for an anonymous letter."""
    received = world.today - timedelta(days=1)
    story = world.story(reporter=REPORTER).received(received_on=str(received))
    row = row_of(world.queue(CLERK), story)
    assert row is not None
    assert row["age_days"] == 1
    due = working_days_after(received, 15)
    told = row["deadline"]
    left = next(n for n in range(40) if working_days_after(world.today, n) == due)
    assert (told["id"], told["due"], told["working_days_left"]) == ("DL-01", str(due), left)
    assert (told["colour"], told["provisional"]) == ("GREEN", False)
    letter = world.story().received()
    anonymous = row_of(world.queue(CLERK), letter)
    assert anonymous is not None
    assert anonymous["deadline"] is None


def test_841_colours_change_by_working_days_alone(world: World) -> None:
    story = world.story(reporter=REPORTER).received()
    due = working_days_after(world.today, 15)
    seen = []
    for before in (4, 3, 1, 0):
        day = max(d for d in (due - timedelta(days=n) for n in range(30)) if days_between(d, due) == before)
        world.morning_of(day)
        row = row_of(world.queue(CLERK), story)
        assert row is not None
        seen.append((row["deadline"]["working_days_left"], row["deadline"]["colour"]))
    assert seen == [(4, "GREEN"), (3, "YELLOW"), (1, "RED"), (0, "RED")]
    assert row_of(world.queue(CLERK, colour="RED"), story)
    assert row_of(world.queue(CLERK, colour="YELLOW"), story) is None
    world.morning_of(due + timedelta(days=1))
    assert row_of(world.queue(CLERK, colour="RED"), story) is None
    row = row_of(world.queue(CLERK, colour="BLACK"), story)
    assert row is not None
    assert row["deadline"]["colour"] == "BLACK"
    [entry] = [
        r
        for r in world.paged(CLERK, "/intake/v1/deadlines", colour="BLACK", organ=TOWN.code)
        if r["id"] == story.complaint.id
    ]
    assert (entry["deadline"], entry["colour"]) == ("DL-01", "BLACK")


def days_between(start: date, end: date) -> int:
    """Working days from one day to another, counted by the calendar itself."""
    return next(n for n in range(60) if working_days_after(start, n + 1) > end)


def test_841_what_is_done_is_not_in_the_queue(world: World) -> None:
    original = world.story().listed()
    story = world.story(accused=[{"match": original.ref()}]).listed()
    assert row_of(world.queue(CLERK), story)
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": original.complaint.id})
    assert row_of(world.queue(CLERK), story) is None
    assert row_of(world.queue(CLERK, state="DUPLICATE_FILED"), story)


def test_841_filters(world: World) -> None:
    old = world.story().received(received_on=str(world.today - timedelta(days=20)), channel="OTHER")
    accepted = world.story().accepted()
    for filters, ours in (
        ({"channel": "OTHER"}, (True, False)),
        ({"older_than": 19}, (True, False)),
        ({"older_than": 20}, (False, False)),
        ({"state": "ACCEPTED"}, (False, True)),
        ({"handling_dept": "supervision_dept"}, (False, True)),
        ({"handling_dept": "another_dept"}, (False, False)),
        ({"organ": TOWN.code}, (True, True)),
        ({"organ": OTHER_TOWN.code}, (False, False)),
        ({"priority": "NORMAL"}, (True, True)),
        ({"priority": "URGENT"}, (False, False)),
    ):
        rows = world.queue(CLERK, **filters)
        assert (row_of(rows, old) is not None, row_of(rows, accepted) is not None) == ours, filters


def test_54_the_queue_within_jurisdiction(world: World) -> None:
    story = world.story().registered()
    for above in (COUNTY.petition_clerk, CITY.case_manager):
        assert row_of(world.queue(above, organ=TOWN.code), story)
    for beside in (OTHER_TOWN.petition_clerk, OTHER_COUNTY.petition_head):
        assert row_of(world.queue(beside), story) is None
        assert world.queue(beside, organ=TOWN.code) == []
    for other in (SUBJECT, TOWN.handler, TOWN.organ_head, COUNTY.auditor):
        # How a report came, by name or without, is for those who work on it before it is a case (B53).
        refused(world.get(other, "/intake/v1/queue"), "E_FORBIDDEN_ROLE")
    refused(world.get(None, "/intake/v1/queue"), "E_UNAUTHENTICATED")


def test_sec11_the_queue_holds_numbers_only(world: World) -> None:
    story = world.story(reporter=REPORTER).accepted()
    row = row_of(world.queue(CLERK), story)
    assert row is not None
    assert set(row) == {
        "id", "number", "state", "organ", "version", "received_on", "channel", "priority",
        "handling_dept", "age_days", "deadline", "questions",
    }  # fmt: skip
    told = str(row)
    for word in (story.accused[0]["name"], story.allegations[0]["text"], *REPORTER.values()):
        assert word not in told


def test_a_page_follows_the_other_while_items_change(world: World) -> None:
    """An item that stays in its place is shown once, though others leave the queue between two pages."""
    stories = [world.story().registered() for _ in range(5)]
    wanted = {s.complaint.id for s in stories[1:]}
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2, "state": "REGISTERED"}
    while True:
        page = world.get(CLERK, "/intake/v1/queue", min_position=world.position("intake"), **params).json()
        seen += [r["id"] for r in page["items"]]
        if "cursor" not in params:
            stories[0].listed()  # changed, and in its place
            world.story().registered()
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "x"),
        ("cursor", "x"),
        ("cursor", "虚"),
        ("cursor", "WzAsIjIwMjYtMDEtMDEiXQ=="),
        ("cursor", "WzAsIjIwMjYtMDEtMDEiLCJcdTAwMDAiXQ=="),
        ("colour", "red"),
        ("priority", "HIGH"),
        ("organ", "DI-99' OR"),
        ("state", "\x00"),
        ("state", "DRAFTING"),
        ("channel", "虚"),
        ("channel", "TELEX"),
        ("older_than", "-1"),
        ("older_than", "999999"),
        ("sort", "reporter"),
    ],
)
def test_pages_and_filters_of_the_queue_that_are_none(world: World, name: str, value: str) -> None:
    refused(world.get(CLERK, "/intake/v1/queue", **{name: value}), "E_SCHEMA")


# --- running deadlines ---


def test_dl_the_list_of_deadlines_page_by_page(world: World) -> None:
    """Every running deadline once, the most urgent first, whatever the size of a page."""
    stories = [world.story(reporter=REPORTER).received() for _ in range(3)]
    whole = world.paged(CLERK, "/intake/v1/deadlines")
    assert world.paged(CLERK, "/intake/v1/deadlines", limit=3) == whole
    keys = [(r["due"], r["id"], r["deadline"]) for r in whole]
    assert keys == sorted(set(keys))
    mine = [r for r in whole if r["id"] in {s.complaint.id for s in stories}]
    assert [(r["deadline"], r["colour"]) for r in mine] == [("DL-01", "GREEN")] * 3
    assert all(r["working_days_left"] == 15 for r in mine)


def test_54_the_list_of_deadlines_narrowed_to_an_organ(world: World) -> None:
    story = world.story(reporter=REPORTER).registered()

    def seen(who: str, **filters: str) -> bool:
        rows = world.paged(who, "/intake/v1/deadlines", **filters)
        return story.complaint.id in {r["id"] for r in rows}

    assert seen(COUNTY.case_manager, organ=TOWN.code)
    assert not seen(COUNTY.case_manager, organ="DI-990102999")
    assert not seen(OTHER_COUNTY.case_manager, organ=TOWN.code)


# --- search (A12, R55) ---


def search(world: World, who: str = CLERK, **params: Any) -> list[dict[str, Any]]:
    return world.paged(who, "/intake/v1/search/complaints", **{"limit": 50, **params})


def readings(world: World, after: int, story: Story) -> list[tuple[str, str]]:
    """The readings of a complaint, with their readers, as the records tell them."""
    entries = [*world.log("intake", after, "CaseRead"), *world.log("intake", after, "CasesRead")]
    return [
        (e.event["who"], e.event["fields"])
        for e in entries
        if story.complaint.id in (e.event.get("object"), *e.event.get("objects", ()))
    ]


@pytest.fixture(scope="module")
def sought(world: World) -> Story:
    """A complaint with words of its own."""
    accused = person(name="虚檀溪", unit="翠屏岭林场（筹）", position="场长助理")
    claim = {**ALLEGATION, "text": "反映其将防火专项经费，挪作办公楼装修使用。"}
    return world.story(accused=[accused], allegations=[claim], reporter=REPORTER).listed()


@pytest.mark.parametrize(
    "asked",
    [
        {"accused": "虚檀溪"},
        {"accused": "檀溪"},
        {"accused": "翠屏岭林场"},
        {"accused": "场 长 助理"},
        {"accused": "林场筹"},
        {"text": "防火专项经费"},
        {"text": "经费挪作"},
        {"text": "防火", "accused": "翠屏"},
        {"accused": "虛檀溪"},
        {"accused": "翠屏嶺林場", "text": "專項經費"},
    ],
    ids=str,
)
def test_a12_the_register_is_found_by_accused_and_content(
    world: World, sought: Story, asked: dict[str, str]
) -> None:
    """Any two neighbouring characters, whatever stands between them in width, space and punctuation."""
    row = row_of(search(world, **asked), sought)
    assert row is not None
    assert row["accused"][0]["name"] == "虚檀溪"
    assert row["allegations"] == [
        {"kind": "INTEGRITY_DISCIPLINE", "text": "反映其将防火专项经费，挪作办公楼装修使用。"}
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"accused": "溪翠"},  # the end of one field and the beginning of another
        {"accused": "防火"},
        {"text": "檀溪"},
        {"text": "火防"},
        {"text": "防火", "accused": "乌有"},
        {"text": "%火"},
        {"text": "防_"},
    ],
    ids=str,
)
def test_a12_and_by_nothing_else(world: World, sought: Story, asked: dict[str, str]) -> None:
    answer = world.get(CLERK, "/intake/v1/search/complaints", **asked)
    if answer.status_code == 200:
        assert row_of(answer.json()["items"], sought) is None
    else:
        refused(answer, "E_SCHEMA", "A12")


def test_a12_by_number_and_by_day_of_receipt(world: World, sought: Story) -> None:
    view = world.read(sought.complaint, CLERK)
    received = view["facts"]["received_on"]
    later = str(date.fromisoformat(received) + timedelta(days=1))
    assert len(search(world, number=view["number"])) == 1
    assert row_of(search(world, accused="檀溪", **{"from": received, "to": received}), sought)
    assert row_of(search(world, accused="檀溪", **{"from": later}), sought) is None
    assert row_of(search(world, accused="檀溪", to="2000-01-01"), sought) is None


def test_a12_hits_come_page_by_page(world: World) -> None:
    unit = "虚构云台水库管理处"
    stories = [world.story(accused=[person(unit=unit)]).listed() for _ in range(5)]
    found = [r["id"] for r in search(world, accused=unit, limit=2)]
    assert sorted(found) == sorted(s.complaint.id for s in stories)


def test_sec9_every_hit_leaves_a_record(world: World, sought: Story) -> None:
    after = world.position("intake")
    search(world, accused="虚檀溪")
    assert readings(world, after, sought) == [(sub(CLERK), "search")]


def test_63_content_is_for_who_needs_to_know(world: World, sought: Story) -> None:
    """Above: number, state and organ, and a record; content after an assignment. Beside: nothing."""
    after, above = world.position("intake"), COUNTY.petition_clerk
    row = row_of(search(world, above, accused="虚檀溪"), sought)
    assert row is not None
    assert set(row) == {"id", "number", "received_on", "state", "organ"}
    assert readings(world, after, sought) == [(sub(above), "search-hit")]
    assert row_of(search(world, OTHER_TOWN.petition_clerk, accused="虚檀溪"), sought) is None
    assert row_of(search(world, OTHER_COUNTY.petition_head, accused="虚檀溪"), sought) is None
    after = world.position("intake")
    number = world.read(sought.complaint, CLERK)["number"]
    row = row_of(search(world, above, number=number), sought)
    assert row is not None
    assert "accused" not in row


def test_a48_who_stepped_aside_finds_no_content(world: World) -> None:
    story = world.story(accused=[person(name="虚避雨")]).listed()
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "DeclareRecusal", HEAD, {"ground": "近亲属关系。"})
    assert row_of(search(world, HEAD, accused="虚避雨"), story) is None


@pytest.mark.parametrize("who", ["handler", "organ_head", "revisit_officer", "identity_custodian"])
def test_a12_the_register_is_not_for_everybody(world: World, who: str) -> None:
    organ = COUNTY if who == "identity_custodian" else TOWN
    answer = world.get(getattr(organ, who), "/intake/v1/search/complaints", accused="虚檀溪")
    refused(answer, "E_FORBIDDEN_ROLE")
    refused(world.get(SUBJECT, "/intake/v1/search/complaints", accused="虚檀溪"), "E_FORBIDDEN_ROLE")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"from": "2026-01-01"},
        {"accused": ""},
        {"accused": "虚"},
        {"accused": "。，！？"},
        {"accused": "长" * 101},
        {"text": "x"},
        {"accused": "檀溪", "from": "2026-02-30"},
        {"accused": "檀溪", "from": "20260101"},
        {"accused": "檀溪", "to": "yesterday"},
        {"accused": "檀溪", "limit": "51"},
        {"accused": "檀溪", "cursor": "x"},
        {"number": "虚"},
        {"number": "\x00"},
        {"accused": "檀溪", "sort": "x"},
    ],
    ids=repr,
)
def test_searches_that_are_none(world: World, asked: dict[str, str]) -> None:
    refused(world.get(CLERK, "/intake/v1/search/complaints", **asked), "E_SCHEMA")


def test_pages_are_as_long_as_the_document_says(world: World, sought: Story) -> None:
    document = world.client(None).get("/intake/openapi.json").json()
    for path, asked in (
        ("/v1/search/complaints", {"accused": "虚檀溪"}),
        ("/v1/complaints/{id}/likely-duplicates", {}),
        ("/v1/complaints", {}),
        ("/v1/queue", {}),
        ("/v1/deadlines", {}),
        ("/v1/my-work", {}),
    ):
        told = {p["name"]: p["schema"] for p in document["paths"][path]["get"]["parameters"]}["limit"]
        where = f"/intake{path}".replace("{id}", sought.complaint.id)
        for limit in (told["minimum"], told["maximum"]):
            assert world.get(CLERK, where, limit=limit, **asked).status_code == 200
        for limit in (told["minimum"] - 1, told["maximum"] + 1):
            refused(world.get(CLERK, where, limit=limit, **asked), "E_SCHEMA")


# --- never by reporter (SEC-4, R27) ---


def test_sec4_words_of_the_reporter_find_nothing(world: World, sought: Story) -> None:
    reference = world.read(sought.complaint, CLERK)["facts"]["reporter_ref"]
    assert reference
    for word in (*REPORTER.values(), reference):
        for name in ("accused", "text"):
            assert row_of(search(world, **{name: word}), sought) is None
        answer = world.get(CLERK, "/intake/v1/search/complaints", number=word)
        if answer.status_code == 200:
            assert answer.json()["items"] == []
        else:
            refused(answer, "E_SCHEMA")
    with_everything = world.get(CLERK, "/intake/v1/search/complaints", accused="虚檀溪").text
    for word in (*REPORTER.values(), reference):
        assert word not in with_everything


@pytest.mark.parametrize("name", ["reporter", "reporter_name", "reporter_ref", "phone", "id_number", "Email"])
def test_sec4_r27_who_searches_for_a_reporter_is_told_of(world: World, sought: Story, name: str) -> None:
    for path in (
        "/intake/v1/search/complaints",
        f"{sought.complaint.path}/likely-duplicates",
        "/intake/v1/queue",
        "/intake/v1/complaints",
        "/intake/v1/deadlines",
        "/intake/v1/accused",
        "/intake/v1/duplicate-digests",
        "/intake/v1/handovers",
    ):
        after = world.position("intake")
        answer = world.get(CLERK, path, accused="虚檀溪", **{name: REPORTER["name"]})
        refused(answer, "E_TRACE_FORBIDDEN", "R27")
        assert "虚檀溪" not in answer.text
        [told] = world.log("intake", after, "SecurityAlertRaised")
        assert (told.event["actor"], told.event["code"]) == (sub(CLERK), "E_TRACE_FORBIDDEN")
        [refusal] = world.refusals("intake", after)
        assert refusal["rule"] == "R27"
        assert REPORTER["name"] not in str([e.event for e in world.log("intake", after)])


def test_sec4_no_read_takes_anything_of_a_reporter(world: World) -> None:
    """Every parameter of every read, as the service's own document names them."""
    document = world.client(None).get("/intake/openapi.json").json()
    names = {
        parameter["name"]
        for path in document["paths"].values()
        for parameter in path.get("get", {}).get("parameters", ())
    }
    assert {"accused", "text", "colour"} <= names
    assert not [n for n in names if any(w in n.lower() for w in ("reporter", "phone", "address", "email"))]


# --- what may repeat an earlier complaint (A12) ---


def likely(world: World, story: Story, who: str = CLERK) -> dict[str, dict[str, Any]]:
    path = f"{story.complaint.path}/likely-duplicates"
    answer = world.get(who, path, limit=50, min_position=world.position("intake"))
    assert answer.status_code == 200, answer.text
    return {row["id"]: row for row in answer.json()["items"]}


def test_a12_likely_duplicates_by_accused_and_content(world: World) -> None:
    unit = "虚构白鹭洲渔业社"
    claim = {**ALLEGATION, "text": "反映其在鱼塘承包中收受好处费两万元。"}
    repeated = {**ALLEGATION, "text": "其在鱼塘承包过程中，收受好处费二万元。"}
    other = {**ALLEGATION, "text": "反映其违规操办婚宴。"}
    accused = person(unit=unit, name="虚鹭一")
    first = world.story(accused=[accused], allegations=[claim]).listed()
    same = world.story(accused=[{"match": first.ref()}], allegations=[repeated]).listed()
    renamed = world.story(accused=[person(unit=unit, name="虚鹭乙")], allegations=[repeated]).listed()
    namesake = world.story(accused=[person(name="虛鷺一")], allegations=[other]).listed()
    colleague = world.story(accused=[person(unit=unit, name="虚鹭丙")], allegations=[other]).listed()
    found = likely(world, first)
    assert first.complaint.id not in found
    assert found[same.complaint.id]["same"] == ["NAME", "REF", "UNIT"]
    assert found[same.complaint.id]["similarity"] > 0.6
    assert found[renamed.complaint.id]["same"] == ["UNIT"]
    assert found[namesake.complaint.id]["same"] == ["NAME"]
    assert found[namesake.complaint.id]["similarity"] < 0.3
    assert colleague.complaint.id not in found
    assert list(found)[-1] == namesake.complaint.id
    row = found[same.complaint.id]
    assert set(row) == {"id", "number", "received_on", "state", "organ", "same", "similarity"}


def test_a12_a_suggestion_for_the_petition_department_of_the_case(world: World) -> None:
    story = world.story().listed()
    path = f"{story.complaint.path}/likely-duplicates"
    after = world.position("intake")
    assert likely(world, story) is not None
    assert readings(world, after, story) == [(sub(CLERK), "likely-duplicates")]
    for who in (HEAD, COUNTY.petition_clerk, OTHER_TOWN.petition_clerk, SUBJECT):
        hidden(world.get(who, path))
    world.assign(story.complaint, TOWN.handler, by=HEAD)
    refused(world.get(TOWN.handler, path), "E_FORBIDDEN_ROLE", "A12")
    refused(world.get(CLERK, path, limit="0"), "E_SCHEMA")
    hidden(world.get(CLERK, "/intake/v1/complaints/nobody/likely-duplicates"))


def test_sec3_likely_duplicates_do_not_depend_on_the_reporter(world: World) -> None:
    """The same reporter about somebody else is no hit; SEC-4: accused and content only."""
    one = world.story(reporter=REPORTER, accused=[person(unit="虚构甲厂")]).listed()
    two = world.story(reporter=REPORTER, accused=[person(unit="虚构乙厂")]).listed()
    assert two.complaint.id not in likely(world, one)


# --- the monthly digest of duplicates (A12) ---


def repeated(world: World, original: Story) -> str:
    """A complaint that repeats another one, filed; gives its number."""
    story = world.story(original.organ, accused=[{"match": original.ref()}]).listed()
    world.do(story.complaint, "MarkDuplicate", original.organ.petition_clerk, {"of": original.complaint.id})
    return str(world.read(story.complaint, original.organ.petition_clerk)["number"])


def next_month(world: World) -> str:
    """Goes to the first day of the next month; gives the month that is over."""
    over = f"{world.today:%Y-%m}"
    first = world.today.replace(day=1) + timedelta(days=32)
    world.morning_of(first.replace(day=1))
    return over


def digests(world: World, who: str = TOWN.handling_dept_head, **filters: Any) -> list[dict[str, Any]]:
    return world.paged(who, "/intake/v1/duplicate-digests", **filters)


def told_in(world: World, number: str, **filters: Any) -> list[dict[str, Any]]:
    return [d for d in digests(world, **filters) if number in d["duplicates"]]


def test_a12_a_department_learns_monthly_what_was_repeated(world: World) -> None:
    original = world.story().accepted()
    numbers = [repeated(world, original), repeated(world, original)]
    assert told_in(world, numbers[0]) == []
    month = next_month(world)
    [digest] = world.patiently(lambda: told_in(world, numbers[0]), "the digest")
    assert (digest["month"], digest["handling_dept"], digest["organ"]) == (
        month,
        "supervision_dept",
        TOWN.code,
    )
    assert digest["count"] == len(digest["duplicates"]) == len(digest["originals"])
    assert set(numbers) <= set(digest["duplicates"])
    of = world.read(original.complaint, CLERK)["number"]
    assert digest["originals"][digest["duplicates"].index(numbers[0])] == of
    assert original.accused[0]["name"] not in str(digest)


def test_a12_each_duplicate_is_told_once_and_the_late_one_too(world: World) -> None:
    original = world.story().accepted()
    first = repeated(world, original)
    late = world.story(accused=[{"match": original.ref()}]).listed()
    month = next_month(world)
    world.patiently(lambda: told_in(world, first), "the digest")
    # Entered today, of a day of the month before.
    happened = (world.now - timedelta(days=1)).isoformat()
    world.do(
        late.complaint,
        "MarkDuplicate",
        CLERK,
        {"of": original.complaint.id},
        headers={"occurred-at": happened},
    )
    number = str(world.read(late.complaint, CLERK)["number"])
    world.pass_days(1)
    [digest] = world.patiently(lambda: told_in(world, number), "the digest of the late one")
    assert (digest["month"], first in digest["duplicates"]) == (month, False)
    assert len(told_in(world, first)) == 1


def test_a12_without_a_department_nobody_is_told_yet(world: World) -> None:
    """The original is not handed on: its duplicate waits, and is told when there is somebody to tell."""
    original, handed = world.story().listed(), world.story().accepted()
    waiting, other = repeated(world, original), repeated(world, handed)
    month = next_month(world)
    world.patiently(lambda: told_in(world, other), "the digest")
    assert told_in(world, waiting) == []
    original.accepted()
    world.pass_days(1)
    [digest] = world.patiently(lambda: told_in(world, waiting), "the digest")
    assert digest["month"] == month


def test_a12_digests_within_jurisdiction_and_by_filter(world: World) -> None:
    original = world.story().accepted()
    number = repeated(world, original)
    month = next_month(world)
    world.patiently(lambda: told_in(world, number), "the digest")
    for filters, seen in (
        ({"who": COUNTY.case_manager, "month": month, "organ": TOWN.code}, True),
        ({"handling_dept": "supervision_dept"}, True),
        ({"handling_dept": "another_dept"}, False),
        ({"month": "1999-01"}, False),
        ({"who": OTHER_TOWN.petition_head}, False),
        ({"limit": 1}, True),
    ):
        assert bool(told_in(world, number, **filters)) is seen, filters
    path = "/intake/v1/duplicate-digests"
    refused(world.get(SUBJECT, path), "E_FORBIDDEN_ROLE")
    for wrong in ({"month": "虚"}, {"cursor": "x"}, {"limit": "0"}, {"sort": "x"}):
        refused(world.get(HEAD, path, **wrong), "E_SCHEMA")


# --- what case management is told (A12) ---


def handed(
    world: World, story: Story, who: str = COUNTY.case_manager, **filters: Any
) -> list[dict[str, Any]]:
    rows = world.paged(who, "/intake/v1/handovers", **filters)
    return [row for row in rows if row["id"] == story.complaint.id]


def test_a12_case_management_is_told_what_was_handed_over(world: World) -> None:
    """移送监督检查部门并通报案管: with the handover itself, by number alone."""
    story = world.story().accepted()
    assert handed(world, story) == []
    story.opened()
    [row] = handed(world, story)
    number = world.read(story.complaint, CLERK)["number"]
    assert {k: row[k] for k in ("number", "handling_dept", "handed_on", "round", "organ")} == {
        "number": number,
        "handling_dept": "supervision_dept",
        "handed_on": str(world.today),
        "round": 1,
        "organ": TOWN.code,
    }
    assert story.accused[0]["name"] not in str(row)


def test_a19_what_was_returned_is_told_again_with_its_round(world: World) -> None:
    story = world.story().opened()
    ask = {"reason": "NO_SUBSTANCE", "consulted": "已与信访举报部门沟通。"}
    world.do(story.case, "RequestReturn", TOWN.handler, ask)
    world.do(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, {"opinion": "同意退回。"})
    world.patiently(lambda: story.state("complaint") == "REGISTERED", "it is back")
    world.do(story.complaint, "AcceptComplaint", HEAD, {"handling_dept": "investigation_dept"})
    world.do(story.complaint, "TransferToHandler", HEAD)
    rows = handed(world, story)
    assert [(row["round"], row["handling_dept"]) for row in rows] == [
        (2, "investigation_dept"),
        (1, "supervision_dept"),
    ]


def test_a12_handovers_within_jurisdiction_and_by_filter(world: World) -> None:
    story = world.story().opened()
    for filters, seen in (
        ({"who": COUNTY.case_manager, "organ": TOWN.code}, True),
        ({"who": HEAD, "handling_dept": "supervision_dept"}, True),
        ({"who": HEAD, "handling_dept": "another_dept"}, False),
        ({"who": OTHER_TOWN.petition_head}, False),
        ({"who": HEAD, "limit": 1}, True),
    ):
        assert bool(handed(world, story, **filters)) is seen, filters
    path = "/intake/v1/handovers"
    for who in (SUBJECT, TOWN.handler, COUNTY.auditor, TOWN.organ_head):
        refused(world.get(who, path), "E_FORBIDDEN_ROLE")
    for wrong in ({"cursor": "x"}, {"limit": "0"}, {"sort": "x"}):
        refused(world.get(HEAD, path, **wrong), "E_SCHEMA")
