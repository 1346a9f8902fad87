/** Drives one case with openapi-fetch, by the types that openapi-typescript made; tests/clients runs it. */

import createClient from "openapi-fetch";
import { minutesBefore, patiently, play, type Told } from "./story";
import type { components, paths as Audit } from "./types/audit";
import type { paths as Intake } from "./types/intake";
import type { paths as Verification } from "./types/verification";

type Problem = components["schemas"]["Problem"];

function expect<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function drive(told: Told): Promise<object> {
  const as = (service: string, role: string) => ({
    baseUrl: `${told.front}/${service}`,
    headers: { Authorization: `Bearer ${told.tokens[role]}` },
  });
  const clerk = createClient<Intake>(as("intake", "petition_clerk"));
  const head = createClient<Intake>(as("intake", "petition_head"));
  const received = expect(
    await clerk.POST("/v1/complaints", {
      params: {
        header: {
          "Occurred-At": minutesBefore(told.now, 10),
          "Idempotency-Key": "generated-fetch-receive",
        },
      },
      body: {
        channel: "LETTER",
        received_on: told.now.slice(0, 10),
        competent_level: "TOWNSHIP",
      },
    }),
  );
  const path = { id: received.id };
  expect(await clerk.POST("/v1/complaints/{id}/register-complaint", { params: { path }, body: {} }));
  expect(
    await clerk.POST("/v1/complaints/{id}/list-allegations", {
      params: { path },
      body: {
        accused: [
          {
            name: "虚二",
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
  expect(
    await head.POST("/v1/complaints/{id}/assign-to-case", {
      params: { path },
      body: { person: told.people.petition_head, role: "petition_head" },
    }),
  );

  const accept = (header: { "If-Match": string; "Legal-Basis"?: string }) =>
    head.POST("/v1/complaints/{id}/accept-complaint", {
      params: { path, header },
      body: { handling_dept: "supervision_dept" },
    });
  const late = await accept({ "If-Match": '"1"' });
  const problem: Problem | undefined = late.error;
  if (problem?.code !== "E_STALE_VERSION") throw new Error(JSON.stringify(late));
  const version = late.response.headers.get("etag");
  if (version === null) throw new Error("no version is named");
  const accepted = expect(
    await accept({ "If-Match": version, "Legal-Basis": JSON.stringify(told.cited) }),
  );
  if (accepted.state !== "ACCEPTED") throw new Error(accepted.state);
  expect(await head.POST("/v1/complaints/{id}/transfer-to-handler", { params: { path }, body: {} }));
  const view = expect(await head.GET("/v1/complaints/{id}", { params: { path } }));
  if (view.facts.accused?.[0]?.name !== "虚二") throw new Error(JSON.stringify(view.facts));

  const chief = createClient<Verification>(as("verification", "handling_dept_head"));
  const opened = await patiently(told, async () => {
    const page = await chief.GET("/v1/cases", { params: { query: { state: "OPENED" } } });
    for (const row of page.data?.items ?? []) {
      const at = { params: { path: { id: row.id } } };
      let found = await chief.GET("/v1/cases/{id}", at);
      if (found.data === undefined) {
        const body = {
          person: told.people.handling_dept_head,
          role: "handling_dept_head",
        } as const;
        expect(await chief.POST("/v1/cases/{id}/assign-to-case", { ...at, body }));
        found = await chief.GET("/v1/cases/{id}", at);
      }
      if (expect(found).facts.complaint_ids?.includes(received.id)) return row.id;
    }
    return undefined;
  });

  const auditor = createClient<Audit>(as("audit", "auditor"));
  const events = await patiently(told, async () => {
    const { data } = await auditor.GET("/v1/cases/{number}/timeline", {
      params: { path: { number: view.number } },
    });
    const own = (data?.events ?? []).filter((event) => event.id === received.id);
    const types = own.map((event) => event.type);
    return types.includes("ComplaintTransferredToHandler") ? types : undefined;
  });
  return { complaint: received.id, case: opened, refused: problem.code, events };
}

void play(drive);
