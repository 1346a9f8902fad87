/** What both TypeScript programs are told, and what each of them tells when its case has been driven. */

export interface Told {
  front: string;
  tokens: Record<string, string>;
  people: Record<string, string>;
  division: string;
  now: string;
  cited: { instrument: string; version_date: string; article: string }[];
  patience: number;
}

export function minutesBefore(instant: string, minutes: number): string {
  return new Date(Date.parse(instant) - minutes * 60_000).toISOString();
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
