/** Drives a whole case with the SDKs that hey-api made; tests/clients runs it.
 *
 * It is scenario 2 in its thin form: an anonymous letter, its verification to UNFOUNDED, the clarification, a
 * visit, and the history with its proof. */

import * as audit from "./sdk/audit";
import { createClient as createAuditClient } from "./sdk/audit/client";
import * as clarification from "./sdk/clarification";
import { createClient as createClarificationClient } from "./sdk/clarification/client";
import * as followup from "./sdk/followup";
import { createClient as createFollowupClient } from "./sdk/followup/client";
import * as intake from "./sdk/intake";
import { createClient as createIntakeClient } from "./sdk/intake/client";
import * as verification from "./sdk/verification";
import { createClient as createVerificationClient } from "./sdk/verification/client";
import { assert, bodies, deciding, expect, minutesBefore, patiently, play, tell, type Told } from "./story";

function at(told: Told, service: string, role: string) {
  return { baseUrl: `${told.front}/${service}`, auth: told.tokens[role] };
}

/** A letter that came ten minutes ago is registered, listed, accepted and handed on. */
async function receive(told: Told) {
  const say = bodies(told);
  const clerk = createIntakeClient(at(told, "intake", "petition_clerk"));
  const head = createIntakeClient(at(told, "intake", "petition_head"));
  const earlier = { "Occurred-At": minutesBefore(told.now, 10) };
  const received = expect(
    await intake.receiveComplaint({
      client: clerk,
      headers: { ...earlier, "Idempotency-Key": `letter-of-${told.now}` },
      body: say.letter,
    }),
  );
  assert(received.state === "RECEIVED", received);
  const path = { id: received.id };
  expect(await intake.registerComplaint({ client: clerk, path, headers: earlier, body: {} }));
  expect(await intake.listAllegations({ client: clerk, path, body: say.listing }));
  const person = { person: told.people.petition_head, role: "petition_head" } as const;
  expect(await intake.assignToCaseComplaint({ client: head, path, body: person }));

  const body = say.acceptance;
  const late = await intake.acceptComplaint({ client: head, path, body, headers: { "If-Match": '"1"' } });
  const problem: intake.Problem | undefined = late.error;
  assert(problem?.code === "E_STALE_VERSION", problem);
  const version = late.response?.headers.get("etag");
  assert(typeof version === "string", "no version is named");
  const headers = { "If-Match": version, "Legal-Basis": JSON.stringify(told.cited) };
  const accepted = expect(await intake.acceptComplaint({ client: head, path, body, headers }));
  assert(accepted.state === "ACCEPTED", accepted);
  expect(await intake.transferToHandler({ client: head, path, body: {} }));
  const complaint = expect(await intake.readComplaint({ client: head, path }));
  assert(complaint.facts.accused?.[0]?.name === told.accused, complaint.facts);
  return { complaint, refused: problem.code };
}

/** What was reported is verified, and found not to be so. `close` may follow when the accused's own case is
 * assessed. */
async function verify(told: Told, complaint: string) {
  const say = bodies(told);
  const chief = createVerificationClient(at(told, "verification", "handling_dept_head"));
  const handler = createVerificationClient(at(told, "verification", "handler"));
  const leader = createVerificationClient(at(told, "verification", "organ_head"));

  const assign = async (id: string, role: verification.CaseRole) =>
    expect(
      await verification.assignToCase({
        client: chief,
        path: { id },
        body: { person: told.people[role], role },
      }),
    );
  const id = await patiently(told, async () => {
    const page = await verification.listVerificationCases({ client: chief, query: { state: "OPENED" } });
    for (const { id, opened_at } of expect(page).items) {
      if (Date.parse(opened_at) < Date.parse(told.now)) continue;
      await assign(id, "handling_dept_head");
      const { facts } = expect(await verification.readVerificationCase({ client: chief, path: { id } }));
      if (facts.complaint_ids?.includes(complaint)) return id;
    }
    return undefined;
  });
  const path = { id };
  const read = async (client: typeof chief) =>
    expect(await verification.readVerificationCase({ client, path }));
  const deciders = async (client: typeof chief) => ({
    client,
    path,
    headers: deciding(told, await read(client)),
  });

  await assign(id, "handler");
  await assign(id, "organ_head");
  const given = { client: handler, path };
  expect(await verification.proposeDisposition({ ...given, body: say.disposition }));
  expect(await verification.approveDisposition({ ...(await deciders(leader)), body: say.agreed }));
  expect(await verification.startVerification({ ...given, body: say.start }));
  expect(await verification.recordEvidence({ ...given, body: say.evidence }));
  const [allegation] = (await read(handler)).facts.allegations ?? [];
  assert(allegation !== undefined, "no allegation");
  const finding = { ...say.finding, allegation_id: allegation.id };
  expect(await verification.findAllegation({ ...given, body: finding }));
  expect(await verification.submitReport({ ...given, body: say.report }));
  expect(await verification.countersignReport({ ...(await deciders(chief)), body: say.agreed }));
  const concluded = expect(
    await verification.concludeVerification({ ...(await deciders(leader)), body: say.conclusion }),
  );
  assert(concluded.state === "CONCLUDED", concluded);

  /** Both assessments are made: whether to clear the accused, and whether the report was false (R17). */
  const close = async () => {
    expect(await verification.assessFalseAccusation({ ...given, body: say.screening }));
    await patiently(told, async () =>
      (await read(chief)).history.find((event) => event.type === "ClarificationAssessmentNoted"),
    );
    const closed = expect(await verification.closeCase({ ...(await deciders(chief)), body: {} }));
    assert(closed.state === "CLOSED", closed);
  };
  return { id, close };
}

/** The clarification: assessed, drafted, consented to, approved twice, carried out and filed. */
async function clear(told: Told, verified: { id: string; close: () => Promise<void> }) {
  const say = bodies(told);
  const as = (role: string) => createClarificationClient(at(told, "clarification", role));
  const [chief, handler, leader] = [as("handling_dept_head"), as("handler"), as("organ_head")];
  const [superior, approver, subject] = [as("superior_head"), as("clarification_approver"), as("subject")];

  const assign = async (id: string, role: clarification.CaseRole, client = chief) =>
    expect(
      await clarification.assignToCase({ client, path: { id }, body: { person: told.people[role], role } }),
    );
  const id = await patiently(told, async () => {
    const page = await clarification.listClarifications({ client: chief, query: { state: "ASSESSING" } });
    for (const { id, opened_at } of expect(page).items) {
      if (Date.parse(opened_at) < Date.parse(told.now)) continue;
      await assign(id, "handling_dept_head");
      const { facts } = expect(await clarification.readClarification({ client: chief, path: { id } }));
      if (facts.case_ids?.includes(verified.id)) return id;
    }
    return undefined;
  });
  const path = { id };
  const given = { client: handler, path };
  const read = async (client: typeof chief) =>
    expect(await clarification.readClarification({ client, path }));
  const deciders = async (client: typeof chief) => ({
    client,
    path,
    headers: deciding(told, await read(client)),
  });

  await assign(id, "handler");
  await assign(id, "organ_head");
  expect(await clarification.assessClarification({ ...given, body: say.assessment }));
  await verified.close();
  const items = (await read(handler)).facts.unfounded_ids ?? [];
  expect(await clarification.proposeClarification({ ...given, body: { items } }));
  expect(await clarification.planClarification({ ...given, body: say.clearing }));
  expect(await clarification.renderText({ ...given, body: {} }));

  expect(await clarification.inviteSubject({ client: chief, path, body: say.invitation }));
  expect(await clarification.recordSubjectVoice({ client: subject, path, body: say.voice }));
  const text_hash = (await read(handler)).facts.text_hash;
  assert(text_hash !== undefined, "no text");
  const asked = expect(
    await clarification.requestConsent({ ...given, body: { ...say.asking, text_hash } }),
  );
  assert(asked.state === "CONSENT_PENDING", asked);
  await patiently(told, async () =>
    (await read(handler)).history.find((event) => event.type === "ConsentNoticeDelivered"),
  );
  const draft = expect(await clarification.readOwnDraft({ client: subject, path }));
  expect(
    await clarification.recordConsent({
      client: subject,
      path,
      body: { decision: "AGREED", text_hash: draft.text_hash },
    }),
  );

  expect(await clarification.submitForReview({ ...given, body: {} }));
  expect(await clarification.reviewClarification({ ...(await deciders(leader)), body: say.review }));
  await assign(id, "clarification_approver", superior);
  const approved = expect(
    await clarification.approveClarification({ ...(await deciders(approver)), body: say.approval }),
  );
  assert(approved.state === "APPROVED", approved);

  for (const body of say.forms) expect(await clarification.implementForm({ ...given, body }));
  expect(await clarification.recordPlatformEntry({ ...given, body: say.entry }));
  const completed = expect(
    await clarification.recordIntegrityFileEntry({ ...given, body: say.filing }),
  );
  assert(completed.state === "COMPLETED", completed);
  return id;
}

/** The follow-up: the wish of the cleared person, a plan, and a visit. */
async function followUp(told: Told, cleared: string) {
  const say = bodies(told);
  const chief = createFollowupClient(at(told, "followup", "handling_dept_head"));
  const officer = createFollowupClient(at(told, "followup", "revisit_officer"));
  const subject = createFollowupClient(at(told, "followup", "subject"));

  const assign = async (id: string, role: followup.CaseRole) =>
    expect(
      await followup.assignToCase({ client: chief, path: { id }, body: { person: told.people[role], role } }),
    );
  const id = await patiently(told, async () => {
    const page = await followup.listRevisitPlans({ client: chief, query: { state: "DRAFTING" } });
    for (const { id, opened_at } of expect(page).items) {
      if (Date.parse(opened_at) < Date.parse(told.now)) continue;
      await assign(id, "handling_dept_head");
      const { facts } = expect(await followup.readRevisitPlan({ client: chief, path: { id } }));
      if (facts.clarification_id === cleared) return id;
    }
    return undefined;
  });
  const path = { id };

  await assign(id, "revisit_officer");
  expect(await followup.recordSubjectWish({ client: subject, path, body: say.wish }));
  expect(await followup.draftRevisitPlan({ client: officer, path, body: say.plan }));
  const drafted = expect(await followup.readRevisitPlan({ client: chief, path }));
  const headers = deciding(told, drafted);
  const active = expect(await followup.approveRevisitPlan({ client: chief, path, headers, body: {} }));
  assert(active.state === "ACTIVE", active);
  expect(await followup.completeRevisit({ client: officer, path, body: say.visit }));
}

/** The whole history from one number, and its proof. */
async function replay(told: Told, number: string) {
  const client = createAuditClient(at(told, "audit", "auditor"));
  const path = { number };
  const events = await patiently(told, async () => {
    const { data } = await audit.timeline({ client, path, query: { limit: 1000 } });
    return data?.events.some((event) => event.type === "RevisitCompleted") ? data.events : undefined;
  });
  const bundle = expect(await audit.bundle({ client, path }));
  const keys = expect(await audit.logKeys({ client }));
  return { ...tell(events), bundle: JSON.stringify(bundle), keys };
}

async function drive(told: Told): Promise<object> {
  const { complaint, refused } = await receive(told);
  const cleared = await clear(told, await verify(told, complaint.id));
  await followUp(told, cleared);
  return { complaint: complaint.id, refused, ...(await replay(told, complaint.number)) };
}

void play(drive);
