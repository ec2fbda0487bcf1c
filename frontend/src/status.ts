/** One word, one shape and one colour role per state, for every view. */
import type { RunStatus, StepState } from "./wire";
import * as format from "./format";

export type Role = "run" | "ok" | "ask" | "bad" | "idle";
export type Glyph =
  | "queued" | "running" | "person" | "wait" | "sleep" | "retry" | "done" | "failed" | "cancelled"
  | "reused" | "clock" | "undo" | "message" | "function";

export interface Status {
  readonly value: string;
  readonly word: string;
  readonly glyph: Glyph;
  readonly role: Role;
}

const of = (value: string, word: string, glyph: Glyph, role: Role): Status => ({ value, word, glyph, role });

export const STATUS = {
  queued: of("queued", "Queued", "queued", "idle"),
  running: of("running", "Running", "running", "run"),
  waitingEvent: of("waiting", "Waiting for event", "wait", "idle"),
  waitingYou: of("waiting", "Waiting for you", "person", "ask"),
  waitingFunction: of("waiting", "Waiting for function", "running", "run"),
  sleeping: of("waiting", "Sleeping", "sleep", "idle"),
  retrying: of("retrying", "Retrying", "retry", "bad"),
  completed: of("completed", "Completed", "done", "ok"),
  reused: of("reused", "Reused", "reused", "ok"),
  failed: of("failed", "Failed", "failed", "bad"),
  rolledBack: of("rolled_back", "Rolled back", "undo", "bad"),
  cancelled: of("cancelled", "Cancelled", "cancelled", "idle"),
  timedOut: of("timed_out", "Timed out", "clock", "idle"),
  approved: of("approved", "Approved", "done", "ok"),
  rejected: of("rejected", "Rejected", "failed", "bad"),
  withdrawn: of("withdrawn", "Withdrawn", "cancelled", "idle"),
  listening: of("listening", "Listening", "message", "idle"),
  textComplete: of("running", "Text complete", "done", "ok"),
  unknown: of("unknown", "Not found", "function", "idle"),
  loading: of("loading", "Loading", "queued", "idle"),
} as const satisfies Record<string, Status>;

const PERSON = /approv|confirm|review|decision|decid|answer|human|consent|permission/i;

/** Whether this wait is for a person, as far as its event can tell. */
export function asksPerson(step: StepState): boolean {
  return step.op === "wait_for_event" && PERSON.test(step.wait?.event ?? "");
}

export function stepStatus(step: StepState, person: boolean, now: number): Status {
  if (step.reused && step.status === "completed") return STATUS.reused;
  switch (step.status) {
    case "waiting":
      return waitingStatus(step, person, now);
    case "timed_out":
      return STATUS.timedOut;
    case "retrying":
      return { ...STATUS.retrying, word: attemptWord(step) };
    default:
      return STATUS[step.status];
  }
}

function waitingStatus(step: StepState, person: boolean, now: number): Status {
  if (step.op === "sleep") return sleepStatus(step, now);
  if (step.op === "invoke") return step.function ? { ...STATUS.waitingFunction, word: `Waiting for ${step.function}` } : STATUS.waitingFunction;
  return person ? STATUS.waitingYou : STATUS.waitingEvent;
}

function sleepStatus(step: StepState, now: number): Status {
  if (step.wake_at === undefined) return STATUS.sleeping;
  return { ...STATUS.sleeping, word: `Sleeping until ${format.clock(step.wake_at, now)}` };
}

function attemptWord(step: StepState): string {
  return `Retrying, attempt ${step.attempt + 2} of ${step.max_attempts}`;
}

/** The status of a run, told apart by the steps that are open in it. */
export function runStatus(status: RunStatus, open: readonly StepState[], isPerson: (s: StepState) => boolean,
  now: number): Status {
  if (status !== "waiting" && status !== "running") return STATUS[status];
  if (open.some((step) => step.status === "running")) return STATUS.running;
  const asked = open.find((step) => step.status === "waiting" && isPerson(step));
  if (asked) return STATUS.waitingYou;
  if (open.some((step) => step.status === "retrying")) return STATUS.retrying;
  const waiting = open.find((step) => step.status === "waiting");
  if (waiting) return waitingStatus(waiting, false, now);
  return status === "running" ? STATUS.running : STATUS.waitingEvent;
}

/** What is said when nothing newer is known: the state in the past. */
export function past(status: Status): Status {
  if (!["running", "waiting", "retrying", "queued", "listening", "receiving"].includes(status.value)) return status;
  const word = status === STATUS.textComplete ? "Was running" : `Was ${firstWord(status)}`;
  return { ...status, word, role: "idle" };
}

function firstWord(status: Status): string {
  return (status.word.split(/[\s,]/)[0] ?? status.value).toLowerCase();
}
