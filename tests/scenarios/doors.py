"""Every door through which a reporter's identity can come in, gone through once (SEC-1 to SEC-16).

By letter and by name, online without an account, from the petition platform, sealed upward, passed down,
asked to be disclosed, protected and rewarded, in accounts of retaliation and of misconduct, pasted into
texts and searches, and in requests that are refused. Everything that anybody was answered is kept.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx
from joserfc import jwe
from joserfc.jwk import ECKey
from PIL import Image
from pypdf import PdfWriter

from deploy.local.stack import Stack
from services.intake.reporters.flood import solve
from tests.harness import COUNTY, OTHER_COUNTY, OTHER_TOWN, TOWN, Case, World, done, person, sub

Identity = dict[str, Any]
PLATFORM = "petition-platform"
V1, VAULT = "/intake/v1", "/intake/vault/v1"
CLERK, HEAD, HANDLER, LEADER = TOWN.petition_clerk, TOWN.petition_head, TOWN.handler, TOWN.organ_head
BEGINS, QUARTER_OVER, QUARTER = date(2022, 12, 28), date(2023, 1, 3), "2022-Q4"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(first: str) -> str:
    """Seventeen digits and what GB 11643 has after them."""
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, WEIGHTS, strict=True)) % 11]


CANARY: Identity = {
    "name": "詹虚霁",
    "unit": "虚构雾岭养蜂合作社",
    "address": "虚构县鹿鸣巷四百零七号",
    "phone": "19273640518",
    "email": "zhan-xuji-7291@example.invalid",
    "resident_id": resident_id("99010219000203073"),
    "co_signers": [
        {"name": "尉虚沅", "phone": "19281746035", "resident_id": resident_id("99010219000417052")},
    ],
    "may_be_contacted": True,
}


def values_of(identity: Mapping[str, Any]) -> list[str]:
    """Every word of an identity."""
    found = []
    for value in identity.values():
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            found += [word for signer in value for word in values_of(signer)]
    return found


def the_same() -> Iterator[Identity]:
    """One person at every door."""
    while True:
        yield CANARY


def always_others() -> Iterator[Identity]:
    """Another person at every door, and each field of another length."""
    numerals = "甲乙丙丁戊己庚辛壬癸"
    for n in range(1, 1000):
        name = "宓虚" + "".join(numerals[int(d)] for d in str(n)) * (1 + n % 2)
        signer = {
            "name": f"{name}之友",
            "phone": f"198{n:03d}{n:05d}",
            "resident_id": resident_id(f"99010119000101{n:03d}"),
        }
        yield {
            "name": name,
            "unit": "虚构单位" * (1 + n % 3) + name,
            "address": f"虚构乡{name}路" + "长" * (5 * n),
            "phone": f"195{n:04d}{n:04d}",
            "email": f"x{n}@example.invalid",
            "resident_id": resident_id(f"99010219000101{n:03d}"),
            "co_signers": [
                signer,
                {**signer, "name": f"{name}之邻", "resident_id": resident_id(f"99010119000201{n:03d}")},
            ],
            "may_be_contacted": True,
        }


def says(who: Identity) -> str:
    """The reporter's own words, with everything in them that gives them away."""
    return f"我是{who['name']}，住{who['address']}，电话{who['phone']}，证号{who['resident_id']}，亲眼所见。"


@dataclass(frozen=True)
class Answer:
    """An answer that somebody was given."""

    who: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: str


class Recorded(World):
    """A world that keeps all its answers."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self.answers: list[Answer] = []

    def client(self, who: str | None) -> httpx.Client:
        client = super().client(who)
        if not client.event_hooks["response"]:
            client.event_hooks = {"response": [lambda answer: self._keep(who, answer)]}
        return client

    def _keep(self, who: str | None, answer: httpx.Response) -> None:
        answer.read()
        asked = answer.request
        place = asked.url.raw_path.decode()
        self.answers.append(
            Answer(
                who or "nobody", asked.method, place, answer.status_code, dict(answer.headers), answer.text
            )
        )


@dataclass
class Doors:
    """One walk through all of them; afterwards `found` names what is there, by its kind."""

    world: Recorded
    reporters: Iterator[Identity]
    found: dict[str, dict[str, str]] = field(default_factory=dict)
    """Ids by kind and name."""
    codes: list[str] = field(default_factory=list)
    """Query codes: for the reporter alone."""

    def walk(self) -> Doors:
        self.world.morning_of(BEGINS)
        self.by_letter()
        self.online()
        self.anonymous()
        self.from_the_platform()
        self.sealed_upward()
        self.passed_down()
        self.disputed()
        self.refused()
        self.quarter_ends()
        self.settle()
        return self

    # --- the doors ---

    def by_letter(self) -> None:
        """Reports by name: verified, told, met, disclosed, protected, rewarded, and pasted where it must not
        be."""
        world, who = self.world, next(self.reporters)
        story = world.story(
            accused=[person(name="冯虚门")], outcomes={"a1": "SUBSTANTIATED"}, reporter=who
        ).listed()
        case = story.complaint
        self._note("complaint", "letter", case.id)
        self._note("accused", "letter", story.ref())
        world.do(case, "VerifyReporterIdentity", CLERK, {"verified_by": "PHONE", "result": "CONFIRMED"})
        story.accepted()
        world.do(case, "NotifyAcceptance", CLERK, {"means": "SMS"})
        world.assign(case, HANDLER, by=HEAD)
        self._disclosures(case, who)
        story.concluded()
        world.patiently(lambda: world.entries("intake", case.id, "ResultBecameAvailable"), "the result")
        for stage, staff in (("ACCEPTANCE", CLERK), ("INVESTIGATION", HANDLER), ("REPLY", HANDLER)):
            meeting = {"stage": stage, "mode": "IN_PERSON", "staff": [sub(staff)], "place_type": "DISCREET"}
            heard = {"heard": "听取了反映的情况。", "demands": "希望查清。"}
            world.do(case, "RecordStageMeeting", staff, meeting | heard)
            told = {"stage": stage, "content_code": "TOLD", "means": "PHONE"}
            world.do(case, "RecordStageFeedback", staff, told)
        result = {
            "outcomes": [{"allegation_id": story.allegation_ids[0], "outcome": "SUBSTANTIATED"}],
            "means": "SMS",
            "policy_explained": ["HANDLING_POLICY", "CONFIDENTIALITY", "TRUTHFUL_REPORTING"],
            "secrecy_duty_told": True,
            "reaction": "OBJECTS",
        }
        world.do(case, "RecordResultFeedback", HANDLER, result)
        objection = {"objection": "对处理有不同意见。", "explanation": "已作说明。"}
        world.do(case, "RecordObjection", CLERK, objection)
        self._protection(case, who)
        reward = {
            "complaint": case.id,
            "amount_fen": 500000,
            "decision_ref": "meeting-7",
            "payee": f"{who['name']}，{who['phone']}，当面发放。",
        }
        answer = done(world.client(HEAD).post(f"{VAULT}/rewards", json=reward))
        self._note("reward", "reward", str(answer["id"]))
        harm = {"complaint": case.id, "subject": story.ref(), "account": says(who)}
        answer = done(world.client(CLERK).post(f"{V1}/retaliation-reports", json=harm))
        self._note("retaliation", "by-clerk", str(answer["id"]))
        self._to_county_leader("retaliation-reports", str(answer["id"]))
        away = {"role": "handler", "ground": "OTHER", "reason": "应当回避。", "on_behalf_of": "REPORTER"}
        world.do(case, "RequestRecusal", CLERK, away)
        order = {"target": TOWN.code, "complaint": case.id, "cause": "OVERDUE", "methods": ["LETTER"]}
        answer = done(
            world.client(COUNTY.petition_clerk).post(
                f"{V1}/supervision-orders", json={**order, "text": "请抓紧办理。"}
            )
        )
        self._note("order", "order", str(answer["id"]))
        # A second letter of the same story, filed with the first.
        again = world.story(accused=[{"match": story.ref()}], reporter=who).listed()
        world.do(again.complaint, "MarkDuplicate", CLERK, {"of": case.id})
        self._note("complaint", "second-letter", again.complaint.id)

    def _disclosures(self, case: Case, who: Identity) -> None:
        """One approved and read, one denied, and one whose purpose names the reporter."""
        world, until = self.world, str(self.world.today + timedelta(days=10))
        ask = {"complaint": case.id, "fields": ["NAME", "PHONE"], "until": until}
        for name, decision in (("approved", "APPROVE"), ("denied", "DENY")):
            body = {**ask, "purpose": "当面核实账页来历。"}
            id = str(done(world.client(HANDLER).post(f"{V1}/disclosures", json=body))["id"])
            self._note("disclosure", name, id)
            base = f"{V1}/disclosures/{id}"
            whom = {"person": sub(LEADER), "role": "organ_head"}
            done(world.client(LEADER).post(f"{base}/assign-to-case", json=whom))
            etag = world.get(LEADER, base).headers["etag"]
            decided = {"decision": decision, "opinion": "已审。"}
            answer = world.client(LEADER).post(
                f"{base}/decide-identity-disclosure", json=decided, headers={"if-match": etag}
            )
            done(answer)
        leak = {**ask, "purpose": f"联系{who['name']}核实。"}
        self._expect(world.client(HANDLER).post(f"{V1}/disclosures", json=leak), "E_TEXT_IDENTITY_LEAK")

    def _protection(self, case: Case, who: Identity) -> None:
        world = self.world
        threat = {"complaint": case.id, "threat": says(who)}
        id = str(done(world.client(CLERK).post(f"{VAULT}/protection-requests", json=threat))["id"])
        self._note("protection", "by-clerk", id)
        base, whom = f"{VAULT}/protection-requests/{id}", {"person": sub(HEAD), "role": "petition_head"}
        done(world.client(HEAD).post(f"{base}/assign-to-case", json=whom))
        for command, body in (
            ("ask-other-authority", {"authority": "POLICE", "request": f"请巡护{who['address']}。"}),
            ("provide-protection", {"measures": f"专人联系{who['name']}。"}),
        ):
            etag = world.get(HEAD, base).headers["etag"]
            done(world.client(HEAD).post(f"{base}/{command}", json=body, headers={"if-match": etag}))

    def online(self) -> None:
        """Reports without an account, but by name: letters, files, protection, recusal behind a code."""
        world, who = self.world, next(self.reporters)
        code, case = self._report(reporter=who, text=says(who))
        self._note("complaint", "online", case.id)
        world.assign(case, CLERK, HEAD, LEADER, by=HEAD)
        for content in (picture(who), document(who), says(who).encode().ljust(3000)):
            headers = {"report-code": code, "proof-of-work": self._proof()}
            done(world.client(None).post(f"{V1}/reports/attachments", content=content, headers=headers))
        for item in world.get(CLERK, f"{case.path}/attachments").json()["items"]:
            self._note("blob", item["media_type"].rpartition("/")[2], item["id"])
        done(self._behind(code, "messages", text=says(who)))
        done(self._behind(code, "contact", contacts={"email": who["email"], "address": who["address"]}))
        world.do(case, "ChangeContact", CLERK, {"contacts": {"phone": who["phone"]}})
        world.do(case, "WriteToReporter", CLERK, {"text": f"{who['name']}：请补充时间。"})
        done(self._behind(code, "mailbox", proof=False))
        self._behind(code, "status", proof=False)
        start = world.position("vault")
        done(self._behind(code, "protection", text=says(who)))
        [asked] = world.log("vault", start, "ProtectionRequested")
        self._note("protection", "online", asked.stream)
        recusal: dict[str, Any] = {"role": "petition_clerk", "ground": "INTEREST", "text": says(who)}
        done(self._behind(code, "recusal", **recusal))
        start = world.position("intake")
        done(self._behind(code, "staff-misconduct", text=says(who)))
        [entry] = world.log("intake", start, "StaffMisconductReported")
        self._note("misconduct", "online", entry.stream)
        world.do(case, "RegisterComplaint", CLERK)

    def anonymous(self) -> None:
        """Reports without a name; the words and a file give the reporter away."""
        world, who = self.world, next(self.reporters)
        code, case = self._report(text=says(who))
        self._note("complaint", "anonymous", case.id)
        headers = {"report-code": code, "proof-of-work": self._proof()}
        done(world.client(None).post(f"{V1}/reports/attachments", content=picture(who), headers=headers))
        done(self._behind(code, "messages", text=says(who)))
        done(self._behind(code, "identity", reporter=who))
        account = {"staff_organ": TOWN.code, "staff": sub(HANDLER), "account": says(who)}
        answer = done(world.client(CLERK).post(f"{V1}/staff-misconduct-reports", json=account))
        self._note("misconduct", "by-clerk", str(answer["id"]))
        self._to_county_leader("staff-misconduct-reports", str(answer["id"]))

    def from_the_platform(self) -> None:
        """Transferred with its reporter, encrypted; one goes back to where it came from."""
        for n, name in enumerate(("platform", "platform-returned")):
            world, who = self.world, next(self.reporters)
            start = world.position("intake")
            item = {
                "platform_no": f"PT-{n}",
                "received_on": str(world.today),
                "transferred_on": str(world.today),
                "channel": "ONLINE_SITE",
                "category": "ACCUSATION",
                "target_organ": TOWN.code,
                "content_blob": self._encrypted(says(who)),
                "reporter_blob": self._encrypted(json.dumps(who)),
            }
            body: dict[str, Any] = item
            path = f"{V1}/integration/petition-platform/complaints"
            if n:
                path, body = f"{path}/batch", {"items": [item]}
            assert world.client(PLATFORM).post(path, json=body).status_code in (200, 201, 207)
            [entry] = world.log("intake", start, "PlatformTransferReceived")
            case = Case("intake", entry.stream)
            self._note("complaint", name, case.id)
            world.assign(case, CLERK, by=HEAD)
        world.do(
            case, "ObjectToTransfer", CLERK, {"competent_organ": OTHER_TOWN.code, "reason": "属彼处管辖。"}
        )

    def sealed_upward(self) -> None:
        """A superior's complaint goes up shut, with its reporter, and is taken in there."""
        world, who, clerk = self.world, next(self.reporters), OTHER_TOWN.petition_clerk
        case = Case(
            "intake", done(world.receive(clerk, {"competent_level": "COUNTY", "reporter": who}))["id"]
        )
        self._note("complaint", "sealed", case.id)
        body = {"to": OTHER_COUNTY.code, "content": says(who)}
        world.do(case, "SealAndEscalate", clerk, body)
        [event] = world.entries("intake", case.id, "ComplaintSealedUpward")
        parcel = str(event.event["parcel"])
        self._note("parcel", "parcel", parcel)
        self._note("complaint", "taken-in", world.taken_in(case, OTHER_COUNTY).id)

    def passed_down(self) -> None:
        """Received above, transferred down: the reporter goes along."""
        world = self.world
        head = COUNTY.petition_head
        story = world.story(
            COUNTY, accused=[person(TOWN, name="蒋虚阶")], reporter=next(self.reporters)
        ).listed()
        world.assign(story.complaint, head, by=head)
        world.do(story.complaint, "HandDown", head, {"to_organ": TOWN.code, "reason": "属其管辖。"})
        self._note("complaint", "sent-down", story.complaint.id)
        [*_, entry] = world.entries("intake", story.complaint.id)
        born = Case("intake", entry.event["born"])
        self._note("complaint", "born-below", born.id)
        world.assign(born, CLERK, by=HEAD)

    def disputed(self) -> None:
        """Two counties refuse it: of it the other one reads what competence needs, and not who reported."""
        world, head = self.world, COUNTY.petition_head
        story = world.story(
            COUNTY, accused=[person(COUNTY, name="蒋虚争")], reporter=next(self.reporters)
        ).listed()
        world.assign(story.complaint, head, by=head)
        dispute = {"with_organ": OTHER_COUNTY.code, "reason": "该员已调任。"}
        world.do(story.complaint, "DisputeJurisdiction", head, dispute)
        self._note("complaint", "disputed", story.complaint.id)
        opinion = {"opinion": "该员未到我县任职。"}
        world.do(story.complaint, "AnswerDispute", OTHER_COUNTY.petition_head, opinion)

    def refused(self) -> None:
        """Pasted, mistyped, searched for: whatever is refused must not tell it on."""
        world, who = self.world, next(self.reporters)
        story = world.story(accused=[person(name="吕虚窗")], reporter=who).registered()
        case = story.complaint
        self._note("complaint", "pasted", case.id)
        named = [{**a, "text": f"{who['name']}反映其收礼。"} for a in story.allegations]
        leak = {**story.listing(), "allegations": named}
        self._expect(world.give(case, "ListAllegations", CLERK, leak), "E_TEXT_IDENTITY_LEAK")
        story.listed()
        words = {"handling_dept": "dept", "opinion": f"据{who['phone']}来电，拟受理。"}
        self._expect(world.give(case, "ProposeAcceptance", CLERK, words), "E_TEXT_IDENTITY_LEAK")
        wrong = {**who, "resident_id": who["resident_id"][:-1] + "?"}
        self._expect(world.receive(CLERK, {"reporter": wrong}), "E_SCHEMA")
        self._expect(world.receive(CLERK, {"reporter": {**who, who["phone"]: who["name"]}}), "E_SCHEMA")
        self._expect(world.receive(CLERK, {"reporter": who, "channel": who["name"]}), "E_SCHEMA")
        broken = json.dumps({"reporter": who}, ensure_ascii=False)[:-3].encode()
        self._expect(world.client(CLERK).post(f"{V1}/complaints", content=broken), "E_SCHEMA")
        headers = {"idempotency-key": f"key-{who['phone']}", "user-agent": f"agent-{who['phone']}"}
        again = [world.receive(CLERK, {"reporter": who}, **headers) for _ in range(2)]
        self._note("complaint", "keyed", str(done(again[0])["id"]))
        other = world.receive(CLERK, {"reporter": who, "pages": 9}, **headers)
        self._expect(other, "E_IDEMPOTENCY_MISMATCH")
        blob = self._encrypted(json.dumps({**who, "resident_id": who["resident_id"][:-1] + "?"}))
        item = {"platform_no": "PT-9", "received_on": str(world.today), "transferred_on": str(world.today)}
        item |= {"channel": "ONLINE_SITE", "category": "ACCUSATION", "target_organ": TOWN.code}
        item |= {"content_blob": self._encrypted("原文"), "reporter_blob": blob}
        path = f"{V1}/integration/petition-platform/complaints"
        taken = done(world.client(PLATFORM).post(path, json=item))  # without its reporter (B19)
        assert taken["unread"] == ["reporter_blob.resident_id"]
        self._expect(self._behind("0000-0000-0000-0000", "messages", text=says(who)), "E_NOT_FOUND")
        bad = {"report": "?", **who}
        posted = world.client(None).post(f"{V1}/reports", json=bad, headers={"proof-of-work": self._proof()})
        self._expect(posted, "E_SCHEMA")
        for value in values_of(CANARY):
            world.get(CLERK, f"{V1}/complaints/{value}")
            world.get(CLERK, f"{V1}/search/complaints", reporter=value)
            world.get(CLERK, f"{V1}/search/complaints", **{value: "1"})
            world.get(CLERK, f"{V1}/queue", state=value, organ=value)

    def quarter_ends(self) -> None:
        """The handling department tells the petition department what it finished; reminders have come."""
        world = self.world
        world.morning_of(QUARTER_OVER)
        path, told = "/verification/v1/quarterly-feedback", {"quarter": QUARTER}
        done(world.client(TOWN.handling_dept_head).post(path, json=told))

        def heard() -> bool:
            return world.get(HEAD, f"{V1}/quarterly-feedback", quarter=QUARTER).status_code == 200

        world.patiently(heard, "the quarter's feedback")

    # --- afterwards ---

    def settle(self) -> None:
        """Waits until nothing moves any more: reactions, reminders and messages have come about."""
        world, still = self.world, 0
        before: dict[str, int] = {}
        for _ in range(600):
            now = {s: world.position(s) for s in ("intake", "vault", "verification", "clarification")}
            still = still + 1 if now == before else 0
            if still == 30:
                return
            before = now
            time.sleep(0.05)
        raise AssertionError(f"it never came to rest: {before}")

    # --- how ---

    def _note(self, kind: str, name: str, id: str) -> None:
        self.found.setdefault(kind, {})[name] = id

    def _to_county_leader(self, plural: str, id: str) -> None:
        whom = {"person": sub(COUNTY.organ_head), "role": "organ_head"}
        path = f"{V1}/{plural}/{id}/assign-to-case"
        done(self.world.client(COUNTY.petition_head).post(path, json=whom))

    def _report(self, **more: Any) -> tuple[str, Case]:
        world, before = self.world, self.world.position("intake")
        body = {
            "channel": "ONLINE_APP",
            "acknowledged_notice_version": "1",
            "unit_division": "990102100001",
            "managed_by_level": "TOWNSHIP",
            **more,
        }
        answer = world.client(None).post(f"{V1}/reports", json=body, headers={"proof-of-work": self._proof()})
        code = str(done(answer)["query_code"])
        self.codes.append(code)
        [event] = world.log("intake", before, "ComplaintReceived")
        return code, Case("intake", event.stream)

    def _behind(self, code: str, what: str, *, proof: bool = True, **more: Any) -> httpx.Response:
        headers = {"proof-of-work": self._proof()} if proof else {}
        return self.world.client(None).post(
            f"{V1}/reports/{what}", json={"code": code, **more}, headers=headers
        )

    def _proof(self) -> str:
        asked = self.world.get(None, f"{V1}/reports/challenge").json()
        return f"{asked['challenge']}.{solve(asked['challenge'], asked['difficulty'])}"

    def _encrypted(self, plain: str) -> str:
        [public] = self.world.get(None, f"{V1}/integration/keys").json()["keys"]
        key = ECKey.import_key({k: v for k, v in public.items() if k not in ("use", "alg")})
        header: dict[str, Any] = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": key.kid}
        return jwe.encrypt_compact(header, plain.encode(), key, algorithms=[header["alg"], header["enc"]])

    @staticmethod
    def _expect(answer: httpx.Response, code: str) -> None:
        assert answer.status_code >= 400, answer.text
        assert answer.json()["code"] == code, answer.text


def picture(who: Identity) -> bytes:
    """A photograph whose metadata tell who took it; as large for everybody."""
    exif = Image.Exif()
    exif[0x013B] = says(who)
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "JPEG", exif=exif)
    return out.getvalue().ljust(8000, b"\0")


def document(who: Identity) -> bytes:
    """A document whose metadata tell who wrote it; as large for everybody."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_metadata({"/Author": says(who)})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue().ljust(8000, b"\n")
