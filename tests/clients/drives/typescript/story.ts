/** What both TypeScript programs are told, what they say, and what each tells when its case has been driven. */

import type { components as clarification } from "./types/clarification";
import type { components as followup } from "./types/followup";
import type { components as intake } from "./types/intake";
import type { components as verification } from "./types/verification";

type Intake = intake["schemas"];
type Verification = verification["schemas"];
type Clarification = clarification["schemas"];
type Followup = followup["schemas"];

export interface Told {
  front: string;
  tokens: Record<string, string>;
  people: Record<string, string>;
  accused: string;
  division: string;
  now: string;
  cited: { instrument: string; version_date: string; article: string }[];
  document: string;
  words: Record<string, string>;
  patience: number;
}

/** What the case is told of itself: the bodies of its commands, by the types of openapi-typescript. hey-api
 * holds them against its own where it sends them. */
export function bodies({ accused, division, document, now, people, words }: Told) {
  const today = now.slice(0, 10);
  const team = [people.handler, people.second_handler];
  const visitors = [people.revisit_officer, people.petition_clerk];
  const letter = { document_hash: document, sent_on: today, received_on: today };
  return {
    letter: {
      channel: "LETTER",
      received_on: today,
      competent_level: "TOWNSHIP",
    } satisfies Intake["ReceiveComplaint"],
    listing: {
      accused: [
        {
          name: accused,
          unit: words.unit,
          unit_division: division,
          position: words.position,
          managed_by_level: "TOWNSHIP",
          political_status: "PARTY_MEMBER",
          official_category: "公务员",
        },
      ],
      allegations: [{ id: "a1", accused: 0, kind: "INTEGRITY_DISCIPLINE", text: words.allegation }],
      approved_by: people.petition_head,
    } satisfies Intake["ListAllegations"],
    acceptance: { handling_dept: "supervision_dept" } satisfies Intake["AcceptComplaint"],

    disposition: {
      way: "PRELIMINARY_VERIFICATION",
      reason: "PLAUSIBLE_AND_VERIFIABLE",
      collective_study_ref: "study-1",
    } satisfies Verification["ProposeDisposition"],
    agreed: { opinion: words.agreed },
    start: { team, plan_hash: document } satisfies Verification["StartVerification"],
    evidence: {
      evidence_id: "E1",
      kind: "DOCUMENTARY",
      hash: document,
      collectors: team,
      collected_at: minutesBefore(now, 1),
      place: words.archive,
      signature: "SIGNED",
    } satisfies Verification["RecordEvidence"],
    finding: {
      outcome: "UNFOUNDED",
      reasoning: words.found,
      evidence_refs: ["E1"],
    } satisfies Omit<Verification["FindAllegation"], "allegation_id">,
    report: {
      basics: words.basics,
      main_problems: words.problems,
      process: words.process,
      result: words.result,
      doubtful_points: words.none,
      suggestion: words.suggestion,
    } satisfies Verification["SubmitReport"],
    conclusion: {
      three_distinctions: [
        { distinction: "DEVELOPMENT_VS_PRIVATE_GAIN", applies: false, reasoning: words.inapplicable },
      ],
      opinion: words.agreed,
      collective_study_ref: "study-2",
    } satisfies Verification["ConcludeVerification"],
    screening: {
      result: "SCREEN_OUT",
      reason: words.screened_out,
    } satisfies Verification["AssessFalseAccusation"],

    assessment: {
      adverse_effect: ["WORK"],
      reputation: words.reputation,
      integrity_file_checked: true,
      social_effect: words.talk,
      recommendation: "CLARIFY",
    } satisfies Clarification["AssessClarification"],
    clearing: {
      forms: ["WRITTEN", "MEETING"],
      scope: "VILLAGE_OR_COMMUNITY",
      venue: "VILLAGE_MEETING",
      recipients: [words.subject, words.unit_head],
      rationale: words.scope,
      public_attendance: true,
      invited_groups: [words.residents],
    } satisfies Clarification["PlanClarification"],
    invitation: { account: people.subject } satisfies Clarification["InviteSubject"],
    voice: { voice: words.voice } satisfies Clarification["RecordSubjectVoice"],
    asking: {
      forms: ["WRITTEN", "MEETING"],
      scope: "VILLAGE_OR_COMMUNITY",
      explained: ["PURPOSE", "SCOPE", "AUDIENCE", "CONSEQUENCES", "RIGHT_TO_REFUSE_OR_WITHDRAW"],
    } satisfies Omit<Clarification["RequestConsent"], "text_hash">,
    review: {
      decision: "ENDORSE",
      opinion: words.agreed,
      no_prejudice_confirmed: true,
    } satisfies Clarification["ReviewClarification"],
    approval: {
      decision: "APPROVE",
      opinion: words.agreed,
      no_prejudice_confirmed: true,
    } satisfies Clarification["ApproveClarification"],
    forms: [
      { evidence: { form: "WRITTEN", to_subject: letter, to_unit_head: letter } },
      {
        evidence: {
          form: "MEETING",
          place: words.meeting_room,
          held_at: now,
          attendee_groups: [words.residents],
          attendee_count: 20,
          chair: words.chair,
          reader: words.reader,
          minutes_hash: document,
        },
      },
    ] satisfies Clarification["ImplementForm"][],
    entry: {
      platform_receipt_no: "PT-1",
      material_hashes: [document],
    } satisfies Clarification["RecordPlatformEntry"],
    filing: {
      file_no: "LZ-1",
      document_hashes: [document],
    } satisfies Clarification["RecordIntegrityFileEntry"],

    wish: { wish: "WELCOME" } satisfies Followup["RecordSubjectWish"],
    plan: {
      targets: ["SUBJECT", "UNIT"],
      situation: `${accused}，${words.situation}`,
      main_worry: words.worry,
      goals: words.goals,
      measures: words.measures,
      package: [{ mode: "HOME_VISIT", count: 1, interval_days: 0 }],
      tasks: [
        { target: "SUBJECT", mode: "HOME_VISIT", staff: visitors },
        { target: "UNIT", mode: "HOME_VISIT", staff: visitors },
      ],
    } satisfies Followup["DraftRevisitPlan"],
    visit: {
      task_id: "T1",
      target: "SUBJECT",
      mode: "HOME_VISIT",
      staff: visitors,
      work_performance: words.work,
      thinking: words.thinking,
      difficulties: words.none,
      attitude_to_supervision: words.thinking,
      effect: words.effect,
      record_hash: document,
      ideological_work: words.encouraged,
      subject_voice: words.voice,
    } satisfies Followup["CompleteRevisit"],
  };
}

export function minutesBefore(instant: string, minutes: number): string {
  return new Date(Date.parse(instant) - minutes * 60_000).toISOString();
}

/** `Legal-Basis`, and `If-Match`: a decision names what it rests on, and the case as it was read. */
export function deciding(told: Told, read: { version: number }) {
  return { "If-Match": `"${read.version}"`, "Legal-Basis": JSON.stringify(told.cited) };
}

/** The answer, which is no refusal. */
export function expect<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

/** Fails unless it is so. */
export function assert(holds: boolean, found: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(found));
}

/** Looks again until there is something to see. */
export async function patiently<T>(told: Told, look: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + told.patience * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`waited in vain: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the program tells of an event of the history. */
export function tell(events: { service: string; type: string; legal_basis?: unknown[] }[]) {
  return {
    events: events.map((event) => `${event.service}.${event.type}`),
    cited: events.filter((event) => event.legal_basis?.length).map((event) => event.type),
  };
}

declare const process: {
  stdin: AsyncIterable<Uint8Array>;
  stdout: { write(text: string): void };
};

export async function play(drive: (told: Told) => Promise<object>): Promise<void> {
  const decoder = new TextDecoder();
  let said = "";
  for await (const part of process.stdin) said += decoder.decode(part, { stream: true });
  process.stdout.write(JSON.stringify(await drive(JSON.parse(said))) + "\n");
}
