"""Reporting without an account: one code, no trace (SEC-1, SEC-6, SEC-7, R29, R30, A1)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

import httpx
import pytest
from PIL import Image
from pypdf import PdfWriter

from shared.language.law.working_days import is_working_day
from tests.harness import (
    ANONYMOUS,
    CITY,
    COUNTY,
    TOWN,
    Case,
    Story,
    World,
    allegation,
    done,
    files_of,
    hidden,
    person,
    refused,
    sub,
)

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
WORDS = "本村书记去年截留了安置补偿款，我亲眼所见。"
CANARY = "拍摄者虚某摄4711"
REPORT = {**ANONYMOUS, "text": WORDS}


def report(world: World, key: str = "", **more: Any) -> httpx.Response:
    return world.anonymously(headers={"idempotency-key": key} if key else {}, **{**REPORT, **more})


def reported(world: World, **more: Any) -> tuple[str, Case]:
    """A report's code, and the complaint as the clerk finds it."""
    before = world.position("intake")
    code = done(report(world, **more))["query_code"]
    [event] = world.log("intake", before, "ComplaintReceived")
    return code, Case("intake", event.stream)


def behind(world: World, code: str, what: str = "status", **more: Any) -> httpx.Response:
    """The answer of the public routes behind a code: `messages` gives WriteToOrgan."""
    headers = {"proof-of-work": world.proof()} if what == "messages" else {}
    return world.client(None).post(f"/intake/v1/reports/{what}", json={"code": code, **more}, headers=headers)


def test_r29_what_was_refused_leaves_nothing_in_what_is_sent_instead(world: World) -> None:
    """A draft with a name and a place that does not exist is refused; mended under the same key, without the
    name and in other words, it is what the clerk reads."""
    named, draft = {"name": "郑虚退", "phone": "13972064823"}, str(uuid4())
    first = {"unit_division": "880000", "text": "先写的话。", "reporter": named}
    refused(report(world, draft, **first), "E_SCHEMA", "§5.4")
    before = world.position("intake")
    code = done(report(world, draft, text="后写的话。"))["query_code"]
    [event] = world.log("intake", before, "ComplaintReceived")
    assert (event.event["reporter_ref"], event.event["identity_status"]) == ("", "UNCLAIMED")
    complaint = Case("intake", event.stream)
    world.assign(complaint, CLERK, by=HEAD)
    told = world.get(CLERK, f"{complaint.path}/letters").json()["letters"]
    assert [letter["text"] for letter in told] == ["后写的话。"]
    params, purpose = {"fields": "NAME"}, {"purpose": "serve"}
    hidden(world.client(CLERK).get(f"{complaint.path}/reporter", params=params, headers=purpose))
    assert done(report(world, draft, text="后写的话。"))["query_code"] == code
    refused(report(world, draft, text="又一句话。"), "E_IDEMPOTENCY_MISMATCH")


def test_sec6_the_work_comes_before_the_body(world: World) -> None:
    """A body that is sent slowly holds a place: nobody gets one for nothing."""
    for path in (
        "",
        "/messages",
        "/protection",
        "/staff-misconduct",
        "/recusal",
        "/waivers",
        "/identity",
        "/contact",
    ):
        refused(
            world.client(None).post(f"/intake/v1/reports{path}", content=b"{"), "E_PROOF_OF_WORK", "SEC-6"
        )


def test_r30_a34_a81_the_notice_is_read_before(world: World) -> None:
    notice = world.get(None, "/intake/v1/reporting-notice").json()
    assert notice["version"] == "2"
    words = "".join(notice["zh"])
    for duty in ("实事求是", "真实性负责", "不得捏造、歪曲", "诬告", "秩序", "正确处理意见", "保密"):
        assert duty in words
    for right in ("申请有关人员回避", "检举工作人员", "申请保护", "奖励", "径送其上一级机关"):
        assert right in words
    assert len(notice["zh"]) == len(notice["en"])
    for unread in ("", "3"):
        refused(report(world, acknowledged_notice_version=unread), "E_SCHEMA")


def test_a4_where_and_when_an_organ_is_reached_is_public(world: World) -> None:
    """Organs of county level and above: address, telephone, site and the next days on which the head
    receives."""
    told = world.get(None, f"/intake/v1/organs/{COUNTY.code}/contact").json()
    assert (told["organ"], told["telephone"]) == (COUNTY.code, "12388")
    assert told["address"]
    days = [date.fromisoformat(day["date"]) for day in told["reception"]]
    assert days == sorted(set(days))
    assert len(days) == 3
    assert all(day >= world.today and is_working_day(day)[0] for day in days)
    assert {day["held_by"] for day in told["reception"]} == {"organ_head"}
    other = world.get(None, "/intake/v1/organs/DI-330102/contact").json()
    assert (other["telephone"], other["address"], other["reception"]) == ("12388", "", [])
    for code in (TOWN.code, "DI-12", "x"):
        hidden(world.get(None, f"/intake/v1/organs/{code}/contact"))


def test_a1_anyone_reports_and_the_competent_organ_has_it(world: World) -> None:
    for level, division, organ in (
        ("TOWNSHIP", "990102100001", TOWN),
        ("COUNTY", "990102100001", COUNTY),
        ("CITY", "9901", CITY),
    ):
        _, case = reported(world, managed_by_level=level, unit_division=division)
        [event] = world.entries("intake", case.id, "ComplaintReceived")
        assert event.event["organ"] == organ.code
        assert event.event["identity_status"] == "UNCLAIMED"


def test_a1_a_place_that_there_is_not(world: World) -> None:
    refused(report(world, unit_division="1234567"), "E_SCHEMA", "§5.4")


def test_r29_a_name_may_be_given(world: World) -> None:
    _, case = reported(world, reporter={"name": "虚某匿", "phone": "13900009001"})
    [event] = world.entries("intake", case.id, "ComplaintReceived")
    assert event.event["identity_status"] == "CLAIMED"


def test_sec6_no_cookie_no_token_and_no_word_in_an_event(world: World) -> None:
    before = world.position("intake")
    answer = report(world)
    assert "set-cookie" not in answer.headers
    assert set(answer.json()) == {"query_code", "status"}
    told = " ".join(str(e.event) + str(e.meta) for e in world.log("intake", before))
    assert WORDS not in told
    assert "补偿款" not in told


def test_sec7_the_code_is_repeated_for_the_same_request_only(world: World) -> None:
    key = str(uuid4())
    first = done(report(world, key=key))
    again = done(report(world, key=key))
    other = done(report(world, key=str(uuid4())))
    assert first["query_code"] == again["query_code"] != other["query_code"]
    refused(report(world, key=key, text="另外的内容。"), "E_IDEMPOTENCY_MISMATCH")


@pytest.mark.parametrize(
    "key",
    [
        "report-20261129",
        "1" * 36,
        str(uuid5(NAMESPACE_DNS, "report")),
        "0f8fad5b-d9cb-469f-a165-70867728950e0",
        "0" * 128,
    ],
)
def test_sec7_a_key_that_another_may_choose_too_is_refused(world: World, key: str) -> None:
    """Two people with one template and one key: the second would be shown the first one's query code."""
    refused(report(world, key=key), "E_IDEMPOTENCY_KEY", "SEC-7")


def test_sec7_behind_two_codes_one_key_is_two_keys(world: World) -> None:
    codes = [reported(world)[0] for _ in range(2)]
    key = {"idempotency-key": "the-same-key-for-both"}
    starts = world.position("vault"), world.position("intake")
    for path in ("/protection", "/staff-misconduct"):
        told = [done(world.anonymously(path, headers=key, code=c, text="有人威胁。")) for c in codes]
        again = [done(world.anonymously(path, headers=key, code=c, text="有人威胁。")) for c in codes]
        assert told == again == [{"status": "RECEIVED"}] * 2
    asked, reported_staff = (
        world.log("vault", starts[0], "ProtectionRequested"),
        world.log("intake", starts[1], "StaffMisconductReported"),
    )
    assert len({e.stream for e in asked}) == len({e.stream for e in reported_staff}) == 2
    for code in codes:
        done(world.anonymously("/messages", headers=key, code=code, text="补充。"))


@pytest.mark.parametrize("what", ["status", "mailbox"])
def test_sec6_a_proof_of_work_goes_before_who_tries_codes(world: World, what: str) -> None:
    """Taken once, as everywhere; without one a code is read as well."""
    code, _ = reported(world)
    proof = {"proof-of-work": world.proof()}

    def ask(**headers: str) -> httpx.Response:
        path = f"/intake/v1/reports/{what}"
        return world.client(None).post(path, json={"code": code}, headers=headers)

    assert ask().status_code == ask(**proof).status_code == 200
    refused(ask(**proof), "E_PROOF_OF_WORK", "SEC-6")


def test_sec7_a_code_tells_the_coarse_status_and_nothing_else(world: World) -> None:
    code, case = reported(world)
    assert behind(world, code).json() == {"status": "RECEIVED"}
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    assert behind(world, code.lower().replace("-", " ")).json() == {"status": "RECEIVED"}
    full = "".join(chr(ord(c) + 0xFEE0) for c in code)
    for typed in (code.replace("-", "–"), code.replace("-", "\u200b"), full, f"“{code}”。"):
        assert behind(world, typed).json() == {"status": "RECEIVED"}
    world.do(case, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    assert behind(world, code).json() == {"status": "NOT_ACCEPTED"}


def test_sec7_wrong_and_foreign_codes_are_the_same(world: World) -> None:
    code, _ = reported(world)
    letters = code.replace("-", "")
    wrong_end = letters[:-1] + ("2" if letters[-1] != "2" else "3")
    wrong_begin = ("2" if letters[0] != "2" else "3") + letters[1:]
    answers = [behind(world, typed) for typed in (wrong_end, wrong_begin, "2" * 20, "not a code")]
    for answer in answers:
        hidden(answer)
    assert len({a.content for a in answers}) == 1


def test_b21_a_letter_asks_the_reporter_nothing_of_themselves(world: World) -> None:
    _, case = reported(world)
    world.assign(case, CLERK, by=HEAD)
    asked = world.give(case, "WriteToReporter", CLERK, {"text": "不要担心，请留个电话。"})
    refused(asked, "E_TRACE_FORBIDDEN", "B21")
    world.do(case, "WriteToReporter", CLERK, {"text": "您的身份将严格保密。"})


def test_sec7_letters_go_to_and_fro_behind_the_code(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, by=HEAD)
    world.do(case, "WriteToReporter", CLERK, {"text": "请补充事情发生的时间。"})
    done(behind(world, code, "messages", text="是去年三月。"))
    told = behind(world, code, "mailbox").json()["letters"]
    assert [(x["direction"], x["text"]) for x in told] == [
        ("TO_REPORTER", "请补充事情发生的时间。"),
        ("FROM_REPORTER", "是去年三月。"),
    ]
    position = world.position("intake")
    read = world.get(CLERK, f"{case.path}/letters").json()["letters"]
    assert [x["direction"] for x in read] == ["REPORT", "TO_REPORTER", "FROM_REPORTER"]
    assert read[0]["text"] == WORDS
    [looked] = world.log("intake", position, "CaseRead")
    assert looked.event["fields"] == "letters"


def test_sec2_a46_the_reporters_own_words_are_for_petition_staff_alone(world: World) -> None:
    _, case = reported(world)
    hidden(world.get(CLERK, f"{case.path}/letters"))
    world.assign(case, HEAD, by=HEAD)
    world.assign(case, TOWN.handler, by=HEAD)
    refused(world.get(TOWN.handler, f"{case.path}/letters"), "E_FORBIDDEN_ROLE", "SEC-2")
    hidden(world.get("subject-feng", f"{case.path}/letters"))
    refused(world.client(None).get(f"{case.path}/letters"), "E_UNAUTHENTICATED")


def test_sec6_every_submission_costs_a_little_work(world: World) -> None:
    post = world.client(None).post
    refused(post("/intake/v1/reports", json=REPORT), "E_PROOF_OF_WORK", "SEC-6")
    spent = world.proof()
    done(post("/intake/v1/reports", json=REPORT, headers={"proof-of-work": spent}))
    again = post("/intake/v1/reports", json=REPORT, headers={"proof-of-work": spent})
    assert refused(again, "E_PROOF_OF_WORK")["reason"] == "used"
    forged = post("/intake/v1/reports", json=REPORT, headers={"proof-of-work": "9999999999.0.00.x.1"})
    refused(forged, "E_PROOF_OF_WORK")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"text": "\\u0000"}',
        b'{"text": "\\ud800"}',
        b"{" * 5000,
        b'{"code": 1}',
        b'{"code": "' + b"A" * 5000 + b'"}',
    ],
)
def test_sec6_bad_input_gets_a_problem_document(world: World, body: bytes) -> None:
    for path in ("", "/status", "/messages", "/mailbox"):
        headers = {"content-type": "application/json", "proof-of-work": world.proof()}
        answer = world.client(None).post(f"/intake/v1/reports{path}", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_sec7_a_letter_only_where_somebody_can_read_it(world: World) -> None:
    story = world.story().registered()
    refused(world.give(story.complaint, "WriteToReporter", CLERK, {"text": "您好。"}), "E_STATE", "SEC-7")


def test_sec3_the_code_lies_nowhere_in_clear(world: World) -> None:
    code, _ = reported(world)
    letters = code.replace("-", "")
    for path, content in files_of(world.stack.data.root):
        assert code.encode() not in content, path
        assert letters.encode() not in content, path
        assert WORDS.encode() not in content, path


# --- attachments ---


def picture(kind: str = "JPEG") -> bytes:
    """A picture that tells in its metadata who took it."""
    exif = Image.Exif()
    exif[0x013B] = CANARY
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, kind, exif=exif)
    return out.getvalue()


def document() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_metadata({"/Author": CANARY})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def upload(world: World, code: str, content: Any, **headers: str) -> httpx.Response:
    sent = {"report-code": code, "proof-of-work": world.proof(), **headers}
    return world.client(None).post("/intake/v1/reports/attachments", content=content, headers=sent)


def files(world: World, case: Case) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.get(CLERK, f"{case.path}/attachments").json()["items"]
    return items


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (document(), "application/pdf"),
        ("时间地点见附。".encode() * 40_000, "text/plain"),
    ],
    ids=["jpeg", "png", "pdf", "text"],
)
def test_sec6_staff_see_a_copy_without_metadata(world: World, content: bytes, kind: str) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, by=HEAD)
    assert done(upload(world, code, content))["media_type"] == kind
    [item] = files(world, case)
    assert (item["media_type"], item["size"], item["copy"]) == (kind, len(content), True)
    position = world.position("intake")
    copy = world.get(CLERK, f"{case.path}/attachments/{item['id']}")
    assert copy.headers["content-type"].startswith(kind)
    assert CANARY.encode() not in copy.content
    assert world.log("intake", position, "CaseRead")
    hidden(world.get(CLERK, f"{case.path}/attachments/{case.id}"))


def test_sec6_a_type_is_told_by_its_bytes(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, by=HEAD)
    for content in (b"MZ\x90\x00" * 300, b"", b"GIF89a\x00\x01", b"\x00" * 2000):
        answer = upload(world, code, content, **{"content-type": "image/jpeg"})
        refused(answer, "E_MEDIA_TYPE", "SEC-6")
    assert files(world, case) == []


def test_b26_sec6_a_file_that_is_sent_again_is_kept_once(world: World) -> None:
    """Under one key; other content under it is another request, and so is the same content without one. A
    request that is not kept leaves nothing in the vault."""
    (code, case), (other, elsewhere) = reported(world), reported(world)
    for one in (case, elsewhere):
        world.assign(one, CLERK, by=HEAD)
    mine, before = {"idempotency-key": "my-photo-1"}, blobs(world)
    first = done(upload(world, code, picture(), **mine))
    kept = blobs(world)
    assert done(upload(world, code, picture(), **mine)) == first
    refused(upload(world, code, picture("PNG"), **mine), "E_IDEMPOTENCY_MISMATCH")
    assert (len(files(world, case)), blobs(world)) == (1, kept)
    done(upload(world, other, picture("PNG"), **mine))
    assert len(files(world, elsewhere)) == 1, "nobody else's key is in the way"
    for _ in range(2):
        done(upload(world, code, picture()))
    assert len(files(world, case)) == 3
    assert kept > before


def blobs(world: World) -> int:
    """Files and copies in the vault."""
    row = world._database("vault").execute("SELECT count(*) FROM blobs").fetchone()
    assert row is not None
    return int(row[0])


def test_sec6_text_of_chinese_windows_is_taken(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, by=HEAD)
    for content in ("时间地点见附。".encode("gbk"), "时间地点见附。".encode("utf-16")):
        assert done(upload(world, code, content))["media_type"] == "text/plain"
    for item in files(world, case):
        copy = world.get(CLERK, f"{case.path}/attachments/{item['id']}")
        assert copy.headers["content-type"] == "text/plain; charset=utf-8"
        assert copy.content.decode() == "时间地点见附。"


def test_sec6_a_picture_that_is_none_has_no_copy(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, by=HEAD)
    done(upload(world, code, b"\xff\xd8\xff" + b"not a picture" * 100))
    [item] = files(world, case)
    assert item["copy"] is False
    hidden(world.get(CLERK, f"{case.path}/attachments/{item['id']}"))


def test_sec6_too_large_leaves_nothing(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, by=HEAD)

    def much() -> Iterator[bytes]:
        for _ in range(330):
            yield b"a" * 65536

    refused(upload(world, code, much()), "E_BODY_TOO_LARGE")
    assert files(world, case) == []


def test_sec6_a_file_needs_the_code(world: World) -> None:
    hidden(upload(world, "2" * 20, picture()))
    hidden(upload(world, "", picture()))


def test_sec6_a35_no_log_knows_who_asked(world: World) -> None:
    """Neither agent nor address nor the author of a file lies anywhere in clear."""
    agent, address = "Distinctive-Agent-7711", "203.0.113.77"
    headers = {"user-agent": agent, "x-forwarded-for": address, "cookie": f"who={agent}"}
    sent = {**headers, "proof-of-work": world.proof()}
    answer = world.client(None).post("/intake/v1/reports", json=REPORT, headers=sent)
    code = done(answer)["query_code"]
    done(upload(world, code, picture(), **headers))
    behind(world, code)
    looked = 0
    for path, content in files_of(world.stack.data.root):
        looked += 1
        for canary in (agent, address, CANARY):
            assert canary.encode() not in content, path
    assert looked > 100


def handed_on(world: World, case: Case, command: str = "HandDown", **more: Any) -> Case:
    """The county's complaint handed down to the township; as it is there, with its people."""
    head, clerk = COUNTY.petition_head, COUNTY.petition_clerk
    by = head if command == "HandDown" else COUNTY.deputy_leader
    world.assign(case, *{head, clerk, by}, by=head)
    world.do(case, "RegisterComplaint", clerk)
    world.do(case, "ListAllegations", clerk, world.story(COUNTY, accused=[person(TOWN)]).listing())
    told = {"reason": "属其管辖。"} if command == "HandDown" else {}
    world.do(case, command, by, {"to_organ": TOWN.code, **told, **more})
    born = Case("intake", world.entries("intake", case.id)[-1].event["born"])
    world.assign(born, HEAD, CLERK, by=HEAD)
    return born


def test_a16_the_reporters_words_and_files_go_along(world: World) -> None:
    """The organ that goes on with it reads what was written here before; the code tells no more than that."""
    code, case = reported(world, managed_by_level="COUNTY")
    attached = picture("PNG")
    done(upload(world, code, attached))
    born = handed_on(world, case)
    [letter] = world.get(CLERK, f"{born.path}/letters").json()["letters"]
    assert letter["text"] == WORDS
    [item] = files(world, born)
    copy = world.get(CLERK, f"{born.path}/attachments/{item['id']}")
    assert copy.headers["content-type"] == "image/png"
    assert CANARY.encode() not in copy.content
    hidden(world.get(CLERK, f"{case.path}/letters"))
    assert behind(world, code).json() == {"status": "SENT_TO_COMPETENT_BODY"}


def protected(world: World, who: str) -> set[str]:
    """The numbers of the requests for protection that this person finds."""
    listed = world.get(who, "/intake/vault/v1/protection-requests", limit=200).json()["items"]
    return {item["number"] for item in listed}


def test_a16_the_code_leads_to_the_organ_that_goes_on_with_it(world: World) -> None:
    """A letter, file or request behind the code after the hand-over is read there, and answered."""
    code, case = reported(world, managed_by_level="COUNTY")
    done(behind(world, code, "messages", text="补充一。"))
    born = handed_on(world, case)
    before = len(world.entries("intake", case.id))
    world.do(born, "WriteToReporter", CLERK, {"text": "请补充时间。"})
    done(behind(world, code, "messages", text="是去年三月。"))
    done(upload(world, code, picture("PNG")))
    asked: dict[str, Any] = {"role": "petition_clerk", "ground": "INTEREST", "text": "他与被举报人合伙。"}
    done(world.anonymously("/recusal", code=code, **asked))
    start = world.position("vault")
    done(world.anonymously("/protection", code=code, text="有人威胁。"))
    [request] = world.log("vault", start, "ProtectionRequested")
    number = request.event["number"]
    told = behind(world, code, "mailbox").json()
    assert told["status"] == "SENT_TO_COMPETENT_BODY"
    assert [x["text"] for x in told["letters"]] == ["补充一。", "请补充时间。", "是去年三月。"]
    read = world.get(CLERK, f"{born.path}/letters").json()["letters"]
    assert [x["text"] for x in read] == [WORDS, "补充一。", "请补充时间。", "是去年三月。"]
    assert len(files(world, born)) == 1
    assert world.read(born, CLERK)["recusals"]
    world.patiently(lambda: number in protected(world, HEAD), "the request is listed")
    assert number not in protected(world, COUNTY.petition_head)
    assert len(world.entries("intake", case.id)) == before


def test_a33_staff_are_reported_past_every_organ_that_had_the_matter(world: World) -> None:
    """Only the words tell whose staff is meant: so neither the township nor the county reads them."""
    code, case = reported(world, managed_by_level="COUNTY")
    handed_on(world, case)
    before = world.position("intake")
    done(world.anonymously("/staff-misconduct", code=code, text="他泄露了我的信。"))
    [event] = world.log("intake", before, "StaffMisconductReported")
    assert event.event["organ"] == CITY.code


def test_a26_what_was_assigned_is_followed_down_and_up_again(world: World) -> None:
    """While the lower organ has it, letters go there; with its result they come here again."""
    code, case = reported(world, managed_by_level="COUNTY")
    letter = {"ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    born = handed_on(world, case, "AssignDown", **letter)
    done(behind(world, code, "messages", text="补充一。"))
    world.do(born, "RegisterComplaint", CLERK)
    world.do(born, "AcceptComplaint", HEAD, {"handling_dept": "supervision_dept"})
    lower = Story.of(world, born, TOWN, "received", "registered", "listed", "accepted")
    lower.concluded()
    world.do(lower.case, "SubmitAssignedResult", TOWN.organ_head, {"collective_study_ref": "study-26"})
    noted = lambda: world.entries("intake", case.id, "AssignedResultNoted")  # noqa: E731
    world.patiently(noted, "the superior hears of the result")
    world.do(case, "AcceptResult", COUNTY.petition_head, {"opinion": "同意。"})
    done(behind(world, code, "messages", text="补充二。"))
    above, below = (
        world.get(*at).json()["letters"]
        for at in ((COUNTY.petition_clerk, f"{case.path}/letters"), (CLERK, f"{born.path}/letters"))
    )
    assert [x["text"] for x in above] == [WORDS, "补充二。"]
    assert [x["text"] for x in below] == [WORDS, "补充一。"]
    assert [x["text"] for x in behind(world, code, "mailbox").json()["letters"]] == ["补充一。", "补充二。"]


def sealed_report(world: World) -> tuple[str, Case]:
    """A report with a file that the county has sealed for the city."""
    code, case = reported(world, managed_by_level="COUNTY")
    done(upload(world, code, picture("PNG")))
    head, clerk = COUNTY.petition_head, COUNTY.petition_clerk
    world.assign(case, clerk, by=head)
    up = {"competent_level": "CITY", "to": CITY.code, "content": "虚述。"}
    world.do(case, "SealAndEscalate", clerk, up)
    return code, case


def files_held(world: World, case: Case) -> int:
    """Number of files of a complaint in the vault, originals and copies."""
    query = "SELECT count(*) FROM blobs WHERE complaint = %s"
    [row] = world._database("vault").execute(query, [case.id]).fetchall()
    return int(row[0])


def test_a14_with_a_parcel_go_the_reporters_words_and_files(world: World) -> None:
    """The organ above reads them, and is asked for protection; here nobody can, and nobody knows."""
    code, case = sealed_report(world)
    refused(behind(world, code, "protection", text="有人威胁。"), "E_PROOF_OF_WORK")
    start = world.position("vault")
    done(world.anonymously("/protection", code=code, text="有人威胁。"))
    [request] = world.log("vault", start, "ProtectionRequested")
    number = request.event["number"]
    assert number.startswith(f"BH-{CITY.code.removeprefix('DI-')}-")

    def numbers(who: str) -> list[str]:
        answer = world.get(who, "/intake/vault/v1/protection-requests", limit=200)
        return [row["number"] for row in answer.json()["items"]]

    world.patiently(lambda: number in numbers(CITY.petition_clerk), "the organ above knows")
    assert number not in numbers(CLERK)
    clerk, taken = CITY.petition_clerk, world.taken_in(case, CITY)
    assert files_held(world, case) == files_held(world, taken) == 2
    [letter] = world.get(clerk, f"{taken.path}/letters").json()["letters"]
    assert letter["text"] == WORDS
    [item] = world.get(clerk, f"{taken.path}/attachments").json()["items"]
    assert item["copy"] is True


@pytest.mark.parametrize("path", ["intake", "intake/vault", "verification", "audit", "INTAKE"])
def test_sec1_metrics_are_not_told_outside(world: World, path: str) -> None:
    """The steps of metrics tell the second in which somebody reports."""
    assert world.get(None, "/intake/readyz").status_code == 200
    for end in ("metrics", "metrics/", "./metrics", "%6detrics"):
        assert world.get(None, f"/{path}/{end}").status_code in (404, 405), end


def test_a11_who_wrote_online_reads_which_body_decides(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    advice = {"body": "虚构区人民法院"}
    refused(world.give(case, "AdviseReporter", CLERK, advice), "E_STATE")
    assert behind(world, code, "mailbox").json()["letters"] == [], "what was refused was not written to him"
    letters = world.get(CLERK, f"{case.path}/letters").json()["letters"]
    assert [x["direction"] for x in letters] == ["REPORT"]
    world.do(case, "RejectComplaint", HEAD, {"reason": "LEGAL_REMEDY"})
    world.do(case, "AdviseReporter", CLERK, advice)
    [letter] = behind(world, code, "mailbox").json()["letters"]
    assert letter["direction"] == "TO_REPORTER"
    assert advice["body"] in letter["text"]


def test_a18_the_mailbox_shows_what_the_organ_of_a_part_wrote(world: World) -> None:
    """The reporter reads it behind one code; their own words stay with the organ that they wrote to."""
    clerk, head = COUNTY.petition_clerk, COUNTY.petition_head
    code, case = reported(world, unit_division="990102", managed_by_level="COUNTY")
    world.assign(case, clerk, head, by=head)
    world.do(case, "RegisterComplaint", clerk)
    claims = [allegation("a1"), allegation("b1", 1)]
    listing = {"accused": [person(COUNTY), person()], "allegations": claims, "approved_by": sub(head)}
    world.do(case, "ListAllegations", clerk, listing)
    part = {"to_organ": TOWN.code, "allegation_ids": [f"{case.id[:8]}-b1"]}
    world.do(case, "SplitComplaint", head, part)
    [event] = world.entries("intake", case.id, "ComplaintSplit")
    born = Case("intake", event.event["born"])
    world.assign(born, CLERK, by=HEAD)
    world.do(born, "WriteToReporter", CLERK, {"text": "请补充时间。"})
    world.do(case, "WriteToReporter", clerk, {"text": "已收到。"})
    done(behind(world, code, "messages", text="补充一。"))
    told = [x["text"] for x in behind(world, code, "mailbox").json()["letters"]]
    assert told == ["请补充时间。", "已收到。", "补充一。"]
    letters = world.get(CLERK, f"{born.path}/letters").json()["letters"]
    assert [x["text"] for x in letters] == ["请补充时间。"]


def test_r46_the_reporter_waives_a_meeting_in_person(world: World) -> None:
    """A reporter may do so behind the code, once their name was confirmed; one without a name is owed no
    meeting."""
    code, case = reported(world, reporter={"name": "郑虚免", "phone": "13900004329"})
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    waiver: dict[str, Any] = {"code": code, "stage": "ACCEPTANCE"}
    refused(world.anonymously("/waivers", **waiver), "E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "R46")
    world.do(case, "VerifyReporterIdentity", CLERK, {"verified_by": "PHONE", "result": "CONFIRMED"})
    refused(world.anonymously("/waivers", **{**waiver, "stage": "REPLY"}), "E_MEETING_SKIPPED", "R46")
    refused(world.anonymously("/waivers", **{**waiver, "stage": "NEVER"}), "E_SCHEMA")
    done(world.anonymously("/waivers", **waiver))
    [event] = world.entries("intake", case.id, "ReporterWaivedMeeting")
    assert event.event["stage"] == "ACCEPTANCE"
    assert "DL-01" not in world.read(case, CLERK)["deadlines"]


def test_a31_what_comes_behind_a_code_lies_on_the_desk_again(world: World) -> None:
    """Also where the complaint was filed: until somebody has done something about it."""
    code, case = reported(world)
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    world.do(case, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    world.do(case, "FileNotAccepted", CLERK)

    def on_the_desk() -> bool:
        return case.id in {row["id"] for row in world.queue(CLERK)}

    assert not on_the_desk()
    done(behind(world, code, "messages", text="补充：去年三月，三千元。"))
    assert on_the_desk()
    world.do(case, "WriteToReporter", CLERK, {"text": "已收到。"})
    assert not on_the_desk()
    done(upload(world, code, picture("PNG")))
    assert on_the_desk()


def test_sec6_work_is_done_before_a_code_is_looked_at(world: World) -> None:
    """Behind every route that takes a proof; what has not the form of a code costs nothing."""
    code, _ = reported(world)
    for what, more in (
        ("messages", {"text": "补充。"}),
        ("protection", {"text": "有人威胁。"}),
        ("recusal", {"role": "handler", "ground": "OTHER", "text": "请其回避。"}),
        ("staff-misconduct", {"text": "虚述。"}),
    ):
        for given in (code, "0000-0000-0000-0000"):
            answer = world.client(None).post(f"/intake/v1/reports/{what}", json={"code": given, **more})
            refused(answer, "E_PROOF_OF_WORK", "SEC-6")
    hidden(behind(world, "no code"))


def test_a14_the_code_of_what_was_sealed_leads_to_the_organ_above(world: World) -> None:
    """From the moment of the sealing (B15): letters, files, protection. The code goes on telling the same,
    and the organ below sees nothing of it."""
    code, case = sealed_report(world)
    below = world.version(case)
    assert done(behind(world, code, "messages", text="补充一。")) == {"status": "SENT_TO_COMPETENT_BODY"}
    assert world.version(case) == below
    clerk, taken = CITY.petition_clerk, world.taken_in(case, CITY)
    refused(world.give(taken, "TakeIn", clerk), "E_STATE", "B15")
    below = world.version(case)

    done(upload(world, code, picture("JPEG")))
    done(world.anonymously("/protection", code=code, text="有人威胁。"))
    asked: dict[str, Any] = {"role": "handler", "ground": "OTHER", "text": "请其回避。"}
    done(world.anonymously("/recusal", code=code, **asked))
    world.do(taken, "WriteToReporter", clerk, {"text": "已收到。"})
    letters = world.get(clerk, f"{taken.path}/letters").json()["letters"]
    assert [x["text"] for x in letters] == [WORDS, "补充一。", "已收到。"]
    assert len(world.get(clerk, f"{taken.path}/attachments").json()["items"]) == 2
    mailbox = behind(world, code, "mailbox").json()
    assert [x["text"] for x in mailbox["letters"]] == ["补充一。", "已收到。"]
    assert mailbox["status"] == behind(world, code).json()["status"] == "SENT_TO_COMPETENT_BODY"
    assert world.version(case) == below, "nothing more is written of it below"
    refused(world.get(COUNTY.petition_clerk, f"{case.path}/letters"), "E_SEALED_UPWARD", "A14")


def test_a15_a_report_on_discipline_staff_passes_their_own_organ_by(world: World) -> None:
    """On the head of the county's organ too: it is received by the city, and nobody below finds it."""
    staff = {"unit_division": "990102", "managed_by_level": "COUNTY", "is_discipline_staff": True}
    code, case = reported(world, **staff)
    assert behind(world, code).json() == {"status": "RECEIVED"}
    known = {"min_position": world.position("intake"), "limit": 200}
    for who in (COUNTY.petition_head, COUNTY.petition_clerk, COUNTY.organ_head, COUNTY.internal_supervisor):
        rows = world.get(who, "/intake/v1/complaints", **known).json()["items"]
        assert case.id not in {row["id"] for row in rows}
        hidden(world.get(who, case.path))
    rows = world.get(CITY.petition_clerk, "/intake/v1/complaints", **known).json()["items"]
    assert case.id in {row["id"] for row in rows}


def test_41_what_was_revived_is_no_longer_not_accepted(world: World) -> None:
    code, case = reported(world)
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    world.do(case, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    world.do(case, "FileNotAccepted", CLERK)
    assert behind(world, code).json() == {"status": "NOT_ACCEPTED"}
    added = {"from_reporter": True, "description": "新账页。", "document_ref": "DOC-1"}
    world.do(case, "SubmitNewEvidence", CLERK, added)
    assert behind(world, code).json() == {"status": "RECEIVED"}


@pytest.mark.parametrize(("kind", "where"), [("PNG", 60), ("JPEG", 200)])
def test_sec6_a_damaged_file_has_no_copy_and_no_defect(world: World, kind: str, where: int) -> None:
    code, _ = reported(world)
    whole = picture(kind)
    for cut in (whole[:where], whole[:where] + bytes(40) + whole[where + 40 :]):
        done(upload(world, code, cut))
