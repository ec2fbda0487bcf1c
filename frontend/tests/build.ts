/** Builders of messages for tests. */
import { parseMessages, type Message } from "../src/wire";

export const T = Date.UTC(2026, 10, 21, 10, 0, 0);

export interface Raw {
  readonly kind?: string;
  readonly topic?: string;
  readonly data?: unknown;
  readonly at?: number;
  readonly run?: string;
  readonly step?: string;
  readonly attempt?: number;
  readonly offset?: number;
}

/** A log of one channel: offsets count up unless given, times are milliseconds after T. */
export function log(...raws: readonly Raw[]): Message[] {
  return parseMessages(raws.map((raw, i) => ({
    channel: "c", topic: raw.topic ?? "tokens", kind: raw.kind ?? "data", data: raw.data, offset: raw.offset ?? i,
    created_at: new Date(T + (raw.at ?? i * 10)).toISOString(), run_id: raw.run ?? "r1",
    ...(raw.step === undefined ? {} : { step_id: raw.step }), ...(raw.attempt === undefined ? {} : { attempt: raw.attempt }),
  })));
}

export const token = (text: string, more: Raw = {}): Raw => ({ step: "generate", attempt: 0, ...more, data: { token: text } });

export const rollback = (attempt: number, more: Raw = {}): Raw => ({
  kind: "rollback", topic: "$step", ...more,
  data: { run_id: more.run ?? "r1", step_id: more.step ?? "generate", hash: "h", attempt, reason: "failed" },
});

export const run = (status: string, data: object = {}, more: Raw = {}): Raw => ({
  kind: "run", topic: "$run", ...more,
  data: { run_id: "r1", fn_id: "f", name: "f", status, attempt: 0, max_attempts: 5, queued_at: T, started_at: T, ...data },
});

export const step = (hash: string, status: string, data: object = {}, more: Raw = {}): Raw => ({
  kind: "step", topic: "$step", ...more,
  data: { run_id: "r1", hash, step_id: hash, index: 0, op: "run", status, attempt: 0, max_attempts: 5, started_at: T, ...data },
});
