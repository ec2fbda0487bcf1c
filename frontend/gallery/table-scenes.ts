/** The states of the table of runs, as recordings. */
import type { Recording } from "./replay";
import type { Scene } from "./scenes";
import { T0 } from "./story";

const S = 1000;
const M = 60 * S;
const NOW = T0;
const LOST = { link: { phase: "reconnecting", via: "server", lostAt: NOW - 6 * S, nextTryAt: NOW + 2 * S } } as const;

type Part = readonly [step: string, status: string, from: number, to: number | null, more?: object];

interface Told {
  readonly end: string;
  readonly name: string;
  readonly status: string;
  readonly ago: number;
  readonly took?: number;
  readonly event?: string;
  readonly parts: readonly Part[];
  readonly more?: object;
}

const person = { op: "wait_for_event", wait: { event: "app/confirmation", if: "", expires_at: NOW + 12 * M } };
const fault = { error: { name: "RateLimitError", message: "429" } };

const RUNS: readonly Told[] = [
  { end: "3VBED1", name: "generate-response", status: "running", ago: 6.12 * S, parts: [["fetch-context", "completed", 0, 840], ["generate", "running", 860, null]] },
  { end: "81QX0F", name: "generate-response", status: "waiting", ago: 192 * S, parts: [["fetch-context", "completed", 0, 840], ["generate", "completed", 860, 9.3 * S], ["confirm", "waiting", 9.31 * S, null, person]] },
  { end: "Z8GQ4C", name: "research-agent", status: "running", ago: 26.4 * S, event: "agent/research",
    parts: [["plan", "completed", 0, 2.5 * S], ["search", "retrying", 2.6 * S, 8 * S, { attempt: 0, ...fault, retry_at: NOW }], ["search", "retrying", 11 * S, 15 * S, { attempt: 1, ...fault, retry_at: NOW + 4 * S }]] },
  { end: "9QK2MM", name: "generate-response", status: "queued", ago: 3 * S, parts: [], more: { reason: "2 runs ahead under its concurrency limit" } },
  { end: "4T6YWA", name: "daily-digest", status: "waiting", ago: 124 * M, event: "inngest/scheduled.timer", parts: [["collect", "completed", 0, 3.1 * S], ["until-evening", "waiting", 3.2 * S, null, { op: "sleep", wake_at: NOW + 118 * M }]] },
  { end: "7HXZ0A", name: "generate-response", status: "completed", ago: 14 * M, took: 9.61 * S, parts: [["fetch-context", "completed", 0, 840], ["generate", "completed", 860, 8.9 * S], ["send-result", "completed", 9 * S, 9.6 * S]] },
  { end: "B41RTN", name: "summarise", status: "completed", ago: 14.4 * M, took: 7.9 * S, event: "inngest/function.invoked", parts: [["draft", "retrying", 0, 2.2 * S, { attempt: 0, ...fault, retry_at: NOW }], ["draft", "completed", 3.6 * S, 7.88 * S, { attempt: 1 }]] },
  { end: "M2D5KE", name: "generate-response", status: "failed", ago: 31 * M, took: 31.8 * S, parts: [["fetch-context", "completed", 0, 840], ...[0.9, 2.4, 5.1, 9.9].map((from, i): Part => ["generate", "retrying", from * S, (from + 0.8) * S, { attempt: i, ...fault, retry_at: NOW }]), ["generate", "failed", 31 * S, 31.8 * S, { attempt: 4, ...fault }]], more: fault },
  { end: "QW07C3", name: "generate-response", status: "cancelled", ago: 64 * M, took: 2.94 * S, parts: [["fetch-context", "completed", 0, 840]] },
];

const idOf = (end: string): string => `01KAJ8Q4V7N2M5X9ZT00${end}`.slice(0, 26);

function row({ end, name, status, ago, took, event = "app/prompt.submitted", parts, more }: Told): object {
  const run_id = idOf(end);
  const at = NOW - ago;
  const order = [...new Set(parts.map(([step]) => step))];
  return {
    run: {
      run_id, fn_id: `ai-lab-${name}`, name, app_id: "ai-lab", status, attempt: 0, max_attempts: 5, queued_at: at - 2,
      ...(status === "queued" ? {} : { started_at: at }), ...(took === undefined ? {} : { ended_at: at + took }), event: { id: "e", name: event }, ...more,
    },
    steps: parts.map(([step, state, from, to, extra]) => ({
      run_id, hash: `h-${step}`, step_id: step, index: order.indexOf(step), op: "run", status: state, attempt: 0, max_attempts: 5,
      started_at: at + from, ...(to === null ? {} : { ended_at: at + to }), ...extra,
    })),
  };
}

const MINUTES = Array.from({ length: 60 }, (_, i) => [Math.round(3 + 2.5 * Math.sin(i / 4) + (i % 7) / 2), i % 17 === 3 ? 1 : 0]);
const COUNTS = { all: 1284, running: 3, waiting: 3, asking: 2, failed: 17, recent: 46, recent_completed: 44, recent_failed: 2, minutes: MINUTES };

function page(rows: readonly Told[], total: number, counts: object = COUNTS): object {
  return { rows: rows.map(row), total, counts, upto: idOf("3VBED1"), next: 0, epoch: 1, now: NOW };
}

const PLAN = {
  steps: [
    { step_id: "fetch-context", hash: "h-fetch-context", index: 0, action: "reused", code_changed: true },
    { step_id: "generate", hash: "h-generate", index: 1, action: "runs again", code_changed: false },
  ],
};

const FUNCTIONS = { functions: [["generate-response", 1012], ["research-agent", 58], ["summarise", 183], ["daily-digest", 31]].map(([name, runs]) => ({ id: `ai-lab-${name}`, name, runs })) };

function record(answer: object | null, more: Partial<Recording> = {}): Recording {
  const failed = idOf("M2D5KE");
  const attempts = [{ run_id: failed, hash: "h-fetch-context", step_id: "fetch-context", index: 0, op: "run", status: "completed", attempt: 0, started_at: NOW, ended_at: NOW, output: { docs: 12, index: "kb" } }];
  return {
    channels: {}, now: NOW, runs: Object.fromEntries(RUNS.map((told) => [idOf(told.end), row(told)])),
    answers: { "GET overview/runs": answer, "GET overview/functions": FUNCTIONS, [`POST runs/${failed}/plan`]: PLAN, [`GET runs/${failed}/steps/h-fetch-context`]: { attempts } }, ...more,
  };
}

/** The table of runs for a page that holds one. */
export const tableRecording = (): Recording => record(page(RUNS, 9));
export const NO_RUNS = page([], 0, { ...COUNTS, all: 0, running: 0, waiting: 0, asking: 0, failed: 0, recent: 0, minutes: [] });

const all = page(RUNS, 9, { ...COUNTS });
const scene = (id: string, title: string, recording: Recording, more: Partial<Scene> = {}): Scene =>
  ({ id: `r-${id}`, view: "run-table", title, params: {}, recording, ...more });
const rowOf = (end: string): string => `[data-run="${idOf(end)}"]`;

export const TABLE_SCENES: readonly Scene[] = [
  scene("live", "Live", record(all), { width: 1100 }),
  scene("compact", "760 px", record(all)),
  scene("narrow", "Narrow", record(all), { width: 400 }),
  scene("open", "A run opened in place", record(all), { width: 1100, press: [rowOf("M2D5KE"), "Enter"] }),
  scene("rerun", "Rerun from step", record(all), { press: [rowOf("M2D5KE"), "R"], click: "Edit output" }),
  scene("cancel", "Cancelling while a step runs", record(all), { click: "Cancel run" }),
  scene("menu", "Menu", record(all), { click: "More actions" }),
  scene("selected", "Selected", record(all), { press: [rowOf("7HXZ0A"), "x"] }),
  scene("lost", "Reconnecting", record(page(RUNS.slice(0, 3), 3), LOST)),
  scene("saved", "Saved", record(all, { link: { phase: "saved", via: "kernel" } }), { initial: { saved_at: NOW, page: all } }),
  scene("filtered", "Between two times", record(page(RUNS.slice(5, 6), 1, { ...COUNTS, all: 214, running: 0, asking: 0, failed: 1, recent: 3 })), { width: 1100, choose: ["Time", "between"] }),
  scene("none", "No match", record(page([], 0)), { click: "Failed" }),
  scene("empty", "Empty", record(page([], 0, { ...COUNTS, all: 0, running: 0, waiting: 0, asking: 0, failed: 0, recent: 0 }))),
  scene("loading", "Asking", record(null)),
];
