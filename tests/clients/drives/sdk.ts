/** Drives one case with the SDKs that hey-api made; tests/clients runs it. */

import * as audit from "./sdk/audit";
import { createClient as createAuditClient } from "./sdk/audit/client";
import * as intake from "./sdk/intake";
import { createClient as createIntakeClient } from "./sdk/intake/client";
import * as verification from "./sdk/verification";
import { createClient as createVerificationClient } from "./sdk/verification/client";
import { minutesBefore, patiently, play, type Told } from "./story";

function expect<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function drive(told: Told): Promise<object> {
  const as = (service: string, role: string) => ({
    baseUrl: `${told.front}/${service}`,
    auth: told.tokens[role],
  });
  const clerk = createIntakeClient(as("intake", "petition_clerk"));
  const head = createIntakeClient(as("intake", "petition_head"));
  const received = expect(
    await intake.receiveComplaint({
      client: clerk,
      headers: {
        "Occurred-At": minutesBefore(told.now, 10),
        "Idempotency-Key": "generated-sdk-receive",
      },
      body: {
        channel: "LETTER",
        received_on: told.now.slice(0, 10),
        competent_level: "TOWNSHIP",
      },
    }),
  );
  const path = { id: received.id };
  expect(await intake.registerComplaint({ client: clerk, path, body: {} }));
  expect(
    await intake.listAllegations({
      client: clerk,
      path,
      body: {
        accused: [
          {
            name: "虚三",
            unit: "向阳社区",
            unit_division: told.division,
            position: "社区干部",
            managed_by_level: "TOWNSHIP",
          },
        ],
        allegations: [{ id: "a1", accused: 0, kind: "INTEGRITY_DISCIPLINE", text: "反映其收受礼金。" }],
        approved_by: told.people.petition_head,
      },
    }),
  );
  const person = { person: told.people.petition_head, role: "petition_head" } as const;
  expect(await intake.assignToCaseComplaint({ client: head, path, body: person }));

  const body = { handling_dept: "supervision_dept" };
  const late = await intake.acceptComplaint({ client: head, path, body, headers: { "If-Match": '"1"' } });
  const problem: intake.Problem | undefined = late.error;
  if (problem?.code !== "E_STALE_VERSION") throw new Error(JSON.stringify(problem));
  const version = late.response?.headers.get("etag");
  if (!version) throw new Error("no version is named");
  const headers = { "If-Match": version, "Legal-Basis": JSON.stringify(told.cited) };
  const accepted = expect(await intake.acceptComplaint({ client: head, path, body, headers }));
  if (accepted.state !== "ACCEPTED") throw new Error(accepted.state);
  expect(await intake.transferToHandler({ client: head, path, body: {} }));
  const view = expect(await intake.readComplaint({ client: head, path }));
  if (view.facts.accused?.[0]?.name !== "虚三") throw new Error(JSON.stringify(view.facts));

  const chief = createVerificationClient(as("verification", "handling_dept_head"));
  const opened = await patiently(told, async () => {
    const page = await verification.listVerificationCases({ client: chief, query: { state: "OPENED" } });
    for (const row of page.data?.items ?? []) {
      const at = { client: chief, path: { id: row.id } };
      let found = await verification.readVerificationCase(at);
      if (found.data === undefined) {
        const person = {
          person: told.people.handling_dept_head,
          role: "handling_dept_head",
        } as const;
        expect(await verification.assignToCase({ ...at, body: person }));
        found = await verification.readVerificationCase(at);
      }
      if (expect(found).facts.complaint_ids?.includes(received.id)) return row.id;
    }
    return undefined;
  });

  const auditor = createAuditClient(as("audit", "auditor"));
  const events = await patiently(told, async () => {
    const { data } = await audit.timeline({ client: auditor, path: { number: view.number } });
    const own = (data?.events ?? []).filter((event) => event.id === received.id);
    const types = own.map((event) => event.type);
    return types.includes("ComplaintTransferredToHandler") ? types : undefined;
  });
  return { complaint: received.id, case: opened, refused: problem.code, events };
}

void play(drive);
