/** Drives a whole case with openapi-fetch, by the types that openapi-typescript made; tests/clients runs it.
 *
 * It is scenario 2 in its thin form: an anonymous letter, its verification to UNFOUNDED, the clarification, a
 * visit, and the history with its proof. */

import createClient from "openapi-fetch";
import { assert, bodies, deciding, expect, minutesBefore, patiently, play, tell, type Told } from "./story";
import type { components, paths as Audit } from "./types/audit";
import type { components as ofClarification, paths as Clarification } from "./types/clarification";
import type { components as ofFollowup, paths as Followup } from "./types/followup";
import type { paths as Intake } from "./types/intake";
import type { components as ofVerification, paths as Verification } from "./types/verification";

type Problem = components["schemas"]["Problem"];

function at(told: Told, service: string, role: string) {
  const headers = { Authorization: `Bearer ${told.tokens[role]}` };
  return { baseUrl: `${told.front}/${service}`, headers };
}

/** A letter that came ten minutes ago is registered, listed, accepted and handed on. */
async function receive(told: Told) {
  const say = bodies(told);
  const clerk = createClient<Intake>(at(told, "intake", "petition_clerk"));
  const head = createClient<Intake>(at(told, "intake", "petition_head"));
  const earlier = { "Occurred-At": minutesBefore(told.now, 10) };
  const received = expect(
    await clerk.POST("/v1/complaints", {
      params: { header: { ...earlier, "Idempotency-Key": `letter-of-${told.now}` } },
      body: say.letter,
    }),
  );
  assert(received.state === "RECEIVED", received);
  const path = { id: received.id };
  expect(
    await clerk.POST("/v1/complaints/{id}/register-complaint", { params: { path, header: earlier }, body: {} }),
  );
  expect(await clerk.POST("/v1/complaints/{id}/list-allegations", { params: { path }, body: say.listing }));
  expect(
    await head.POST("/v1/complaints/{id}/assign-to-case", {
      params: { path },
      body: { person: told.people.petition_head, role: "petition_head" },
    }),
  );

  const accept = (header: { "If-Match": string; "Legal-Basis"?: string }) =>
    head.POST("/v1/complaints/{id}/accept-complaint", { params: { path, header }, body: say.acceptance });
  const late = await accept({ "If-Match": '"1"' });
  const problem: Problem | undefined = late.error;
  assert(problem?.code === "E_STALE_VERSION", late);
  const version = late.response.headers.get("etag");
  assert(version !== null, "no version is named");
  const accepted = expect(await accept({ "If-Match": version, "Legal-Basis": JSON.stringify(told.cited) }));
  assert(accepted.state === "ACCEPTED", accepted);
  expect(await head.POST("/v1/complaints/{id}/transfer-to-handler", { params: { path }, body: {} }));
  const complaint = expect(await head.GET("/v1/complaints/{id}", { params: { path } }));
  assert(complaint.facts.accused?.[0]?.name === told.accused, complaint.facts);
  return { complaint, refused: problem.code };
}

/** What was reported is verified, and found not to be so. `close` may follow when the accused's own case is
 * assessed. */
async function verify(told: Told, complaint: string) {
  const say = bodies(told);
  const chief = createClient<Verification>(at(told, "verification", "handling_dept_head"));
  const handler = createClient<Verification>(at(told, "verification", "handler"));
  const leader = createClient<Verification>(at(told, "verification", "organ_head"));

  const assign = async (id: string, role: ofVerification["schemas"]["CaseRole"]) =>
    expect(
      await chief.POST("/v1/cases/{id}/assign-to-case", {
        params: { path: { id } },
        body: { person: told.people[role], role },
      }),
    );
  const id = await patiently(told, async () => {
    const page = expect(await chief.GET("/v1/cases", { params: { query: { state: "OPENED" } } }));
    for (const { id, opened_at } of page.items) {
      if (Date.parse(opened_at) < Date.parse(told.now)) continue;
      await assign(id, "handling_dept_head");
      const { facts } = expect(await chief.GET("/v1/cases/{id}", { params: { path: { id } } }));
      if (facts.complaint_ids?.includes(complaint)) return id;
    }
    return undefined;
  });
  const path = { id };
  const read = async (who: typeof chief) => expect(await who.GET("/v1/cases/{id}", { params: { path } }));
  const decided = async (who: typeof chief) => ({ params: { path, header: deciding(told, await read(who)) } });

  await assign(id, "handler");
  await assign(id, "organ_head");
  const given = { params: { path } };
  expect(await handler.POST("/v1/cases/{id}/propose-disposition", { ...given, body: say.disposition }));
  expect(
    await leader.POST("/v1/cases/{id}/approve-disposition", { ...(await decided(leader)), body: say.agreed }),
  );
  expect(await handler.POST("/v1/cases/{id}/start-verification", { ...given, body: say.start }));
  expect(await handler.POST("/v1/cases/{id}/record-evidence", { ...given, body: say.evidence }));
  const [allegation] = (await read(handler)).facts.allegations ?? [];
  assert(allegation !== undefined, "no allegation");
  const finding = { ...say.finding, allegation_id: allegation.id };
  expect(await handler.POST("/v1/cases/{id}/find-allegation", { ...given, body: finding }));
  expect(await handler.POST("/v1/cases/{id}/submit-report", { ...given, body: say.report }));
  expect(
    await chief.POST("/v1/cases/{id}/countersign-report", { ...(await decided(chief)), body: say.agreed }),
  );
  const concluded = expect(
    await leader.POST("/v1/cases/{id}/conclude-verification", {
      ...(await decided(leader)),
      body: say.conclusion,
    }),
  );
  assert(concluded.state === "CONCLUDED", concluded);

  /** Both assessments are made: whether to clear the accused, and whether the report was false (R17). */
  const close = async () => {
    expect(await handler.POST("/v1/cases/{id}/assess-false-accusation", { ...given, body: say.screening }));
    await patiently(told, async () =>
      (await read(chief)).history.find((event) => event.type === "ClarificationAssessmentNoted"),
    );
    const closed = expect(
      await chief.POST("/v1/cases/{id}/close-case", { ...(await decided(chief)), body: {} }),
    );
    assert(closed.state === "CLOSED", closed);
  };
  return { id, close };
}

/** The clarification: assessed, drafted, consented to, approved twice, carried out and filed. */
async function clear(told: Told, verified: { id: string; close: () => Promise<void> }) {
  const say = bodies(told);
  const as = (role: string) => createClient<Clarification>(at(told, "clarification", role));
  const [chief, handler, leader] = [as("handling_dept_head"), as("handler"), as("organ_head")];
  const [superior, approver, subject] = [as("superior_head"), as("clarification_approver"), as("subject")];

  const assign = async (id: string, role: ofClarification["schemas"]["CaseRole"], by = chief) =>
    expect(
      await by.POST("/v1/clarifications/{id}/assign-to-case", {
        params: { path: { id } },
        body: { person: told.people[role], role },
      }),
    );
  const id = await patiently(told, async () => {
    const page = expect(await chief.GET("/v1/clarifications", { params: { query: { state: "ASSESSING" } } }));
    for (const { id, opened_at } of page.items) {
      if (Date.parse(opened_at) < Date.parse(told.now)) continue;
      await assign(id, "handling_dept_head");
      const { facts } = expect(await chief.GET("/v1/clarifications/{id}", { params: { path: { id } } }));
      if (facts.case_ids?.includes(verified.id)) return id;
    }
    return undefined;
  });
  const path = { id };
  const given = { params: { path } };
  const read = async (who: typeof chief) => expect(await who.GET("/v1/clarifications/{id}", given));
  const decided = async (who: typeof chief) => ({ params: { path, header: deciding(told, await read(who)) } });

  await assign(id, "handler");
  await assign(id, "organ_head");
  expect(
    await handler.POST("/v1/clarifications/{id}/assess-clarification", { ...given, body: say.assessment }),
  );
  await verified.close();
  const items = (await read(handler)).facts.unfounded_ids ?? [];
  expect(await handler.POST("/v1/clarifications/{id}/propose-clarification", { ...given, body: { items } }));
  expect(await handler.POST("/v1/clarifications/{id}/plan-clarification", { ...given, body: say.clearing }));
  expect(await handler.POST("/v1/clarifications/{id}/render-text", { ...given, body: {} }));

  expect(await chief.POST("/v1/clarifications/{id}/invite-subject", { ...given, body: say.invitation }));
  expect(await subject.POST("/v1/clarifications/{id}/record-subject-voice", { ...given, body: say.voice }));
  const text_hash = (await read(handler)).facts.text_hash;
  assert(text_hash !== undefined, "no text");
  const asked = expect(
    await handler.POST("/v1/clarifications/{id}/request-consent", {
      ...given,
      body: { ...say.asking, text_hash },
    }),
  );
  assert(asked.state === "CONSENT_PENDING", asked);
  await patiently(told, async () =>
    (await read(handler)).history.find((event) => event.type === "ConsentNoticeDelivered"),
  );
  const draft = expect(await subject.GET("/v1/clarifications/{id}/draft", given));
  expect(
    await subject.POST("/v1/clarifications/{id}/record-consent", {
      ...given,
      body: { decision: "AGREED", text_hash: draft.text_hash },
    }),
  );

  expect(await handler.POST("/v1/clarifications/{id}/submit-for-review", { ...given, body: {} }));
  expect(
    await leader.POST("/v1/clarifications/{id}/review-clarification", {
      ...(await decided(leader)),
      body: say.review,
    }),
  );
  await assign(id, "clarification_approver", superior);
  const approved = expect(
    await approver.POST("/v1/clarifications/{id}/approve-clarification", {
      ...(await decided(approver)),
      body: say.approval,
    }),
  );
  assert(approved.state === "APPROVED", approved);

  for (const body of say.forms) {
    expect(await handler.POST("/v1/clarifications/{id}/implement-form", { ...given, body }));
  }
  expect(await handler.POST("/v1/clarifications/{id}/record-platform-entry", { ...given, body: say.entry }));
  const completed = expect(
    await handler.POST("/v1/clarifications/{id}/record-integrity-file-entry", { ...given, body: say.filing }),
  );
  assert(completed.state === "COMPLETED", completed);
  return id;
}

/** The follow-up: the wish of the cleared person, a plan, and a visit. */
async function followUp(told: Told, clarification: string) {
  const say = bodies(told);
  const chief = createClient<Followup>(at(told, "followup", "handling_dept_head"));
  const officer = createClient<Followup>(at(told, "followup", "revisit_officer"));
  const subject = createClient<Followup>(at(told, "followup", "subject"));

  const assign = async (id: string, role: ofFollowup["schemas"]["CaseRole"]) =>
    expect(
      await chief.POST("/v1/plans/{id}/assign-to-case", {
        params: { path: { id } },
        body: { person: told.people[role], role },
      }),
    );
  const id = await patiently(told, async () => {
    const page = expect(await chief.GET("/v1/plans", { params: { query: { state: "DRAFTING" } } }));
    for (const { id, opened_at } of page.items) {
      if (Date.parse(opened_at) < Date.parse(told.now)) continue;
      await assign(id, "handling_dept_head");
      const { facts } = expect(await chief.GET("/v1/plans/{id}", { params: { path: { id } } }));
      if (facts.clarification_id === clarification) return id;
    }
    return undefined;
  });
  const given = { params: { path: { id } } };

  await assign(id, "revisit_officer");
  expect(await subject.POST("/v1/plans/{id}/record-subject-wish", { ...given, body: say.wish }));
  expect(await officer.POST("/v1/plans/{id}/draft-revisit-plan", { ...given, body: say.plan }));
  const drafted = expect(await chief.GET("/v1/plans/{id}", given));
  const active = expect(
    await chief.POST("/v1/plans/{id}/approve-revisit-plan", {
      params: { path: { id }, header: deciding(told, drafted) },
      body: {},
    }),
  );
  assert(active.state === "ACTIVE", active);
  expect(await officer.POST("/v1/plans/{id}/complete-revisit", { ...given, body: say.visit }));
}

/** The whole history from one number, and its proof. */
async function replay(told: Told, number: string) {
  const auditor = createClient<Audit>(at(told, "audit", "auditor"));
  const params = { path: { number } };
  const events = await patiently(told, async () => {
    const { data } = await auditor.GET("/v1/cases/{number}/timeline", {
      params: { ...params, query: { limit: 1000 } },
    });
    return data?.events.some((event) => event.type === "RevisitCompleted") ? data.events : undefined;
  });
  const bundle = expect(await auditor.GET("/v1/cases/{number}/bundle", { params }));
  const keys = expect(await auditor.GET("/v1/logs/key", { parseAs: "text" }));
  return { ...tell(events), bundle: JSON.stringify(bundle), keys };
}

async function drive(told: Told): Promise<object> {
  const { complaint, refused } = await receive(told);
  const clarification = await clear(told, await verify(told, complaint.id));
  await followUp(told, clarification);
  return { complaint: complaint.id, refused, ...(await replay(told, complaint.number)) };
}

void play(drive);
