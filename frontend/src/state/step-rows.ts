/** The rows and bars of one step: itself, and its attempts where there are several. */
import * as format from "../format";
import { stepStatus, STATUS, type Role } from "../status";
import { isTerminal, type StepState } from "../wire";
import type { TokenFacts } from "../realtime/facts";
import { NO_MARK, type Bar, type Mark, type Row, type RowOptions } from "./rows";
import { isOver, type RunModel } from "./run";

/** Queueing shorter than this is drawn but not written. */
const WORTH_SAYING_MS = 500;

/** Where a row stands: in which run, how deep, and what its key begins with. */
export interface Place {
  readonly model: RunModel;
  readonly depth: number;
  readonly within: string;
}

export function stepRows(place: Place, step: StepState, options: RowOptions): Row[] {
  const { model, depth, within } = place;
  const key = within + step.hash;
  const run_id = model.run?.run_id ?? step.run_id;
  const attempts = model.steps.get(step.hash) ?? [step];
  const end = isOver(model) ? model.run?.ended_at : undefined;
  const status = stepStatus(settled(step, end), options.isPerson(step), options.now);
  const several = attempts.length > 1 || step.status === "retrying";
  const openByItself = several && !isTerminal(step.status) && end === undefined;
  const open = several && openByItself !== options.toggled.has(key);
  const row: Row = {
    key, kind: "step", depth, run_id, hash: step.hash, label: stepLabel(step), note: stepNote(step, attempts, options), status,
    bars: attempts.flatMap((attempt, i) => attemptBars(attempt, attempts[i + 1], end, options)),
    from: attempts[0]?.started_at, to: step.status === "retrying" ? end : step.ended_at ?? end,
    mark: stepMark(model, step, end, open, options), attempts: attempts.length,
    children: several ? (open ? "open" : "closed") : "none",
  };
  return open ? [row, ...attemptRows({ ...row, depth: depth + 1 }, attempts, end, options)] : [row];
}

/** A step that was still open when its run ended went down with it. */
function settled(step: StepState, runEnd: number | undefined): StepState {
  return runEnd !== undefined && !isTerminal(step.status) ? { ...step, status: "cancelled", ended_at: runEnd } : step;
}

function stepLabel(step: StepState): string {
  return step.op === "invoke" ? `invoke ${step.step_id}` : step.step_id;
}

function stepNote(step: StepState, attempts: readonly StepState[], options: RowOptions): string {
  if (step.status === "running" && step.attempt > 0) return `attempt ${step.attempt + 1} of ${step.max_attempts}`;
  if (step.status === "retrying") return `attempt ${step.attempt + 2} of ${step.max_attempts}`;
  const tokens = options.tokensOf(step);
  if (tokens && step.status === "completed") return `${format.count(tokens.count)} ${format.plural(tokens.count, "token")}`;
  return attempts.length > 1 ? `${attempts.length} attempts` : "";
}

function attemptRows(under: Row, attempts: readonly StepState[], end: number | undefined, options: RowOptions): Row[] {
  const rows = attempts.map((attempt) => attemptRow(under, attempt, end, options));
  const last = attempts.at(-1);
  if (last?.status === "retrying" && end === undefined) rows.push(nextAttemptRow(under, last));
  return rows;
}

function attemptRow(under: Row, step: StepState, end: number | undefined, options: RowOptions): Row {
  const failed = step.status === "retrying";
  const tokens = options.tokensOf(step);
  const status = failed ? STATUS.rolledBack : stepStatus(settled(step, end), options.isPerson(step), options.now);
  return {
    key: `${under.key}:${step.attempt}`, kind: "attempt", depth: under.depth, run_id: under.run_id, hash: step.hash, label: `attempt ${step.attempt + 1}`,
    note: failed && tokens ? `−${format.count(tokens.count)} ${format.plural(tokens.count, "token")}` : "", status,
    bars: attemptBars(step, undefined, end, options).filter((bar) => bar.kind !== "backoff"),
    from: step.started_at, to: step.ended_at ?? end, mark: step.error ? { text: step.error.name } : NO_MARK,
    attempts: 1, children: "none",
  };
}

function nextAttemptRow(under: Row, last: StepState): Row {
  const from = last.ended_at ?? last.started_at;
  const length = last.retry_at === undefined ? "" : ` ${format.nominal(last.retry_at - from)}`;
  return {
    key: `${under.key}:${last.attempt + 1}`, kind: "attempt", depth: under.depth, run_id: under.run_id, hash: last.hash, label: `attempt ${last.attempt + 2}`, note: "",
    status: { ...STATUS.queued, glyph: "clock" }, bars: [{ kind: "backoff", role: "bad", from, to: undefined }],
    from: undefined, to: undefined,
    mark: { text: `backoff${length}`, ...(last.retry_at === undefined ? {} : { retryAt: last.retry_at }) },
    attempts: 1, children: "none",
  };
}

function stepMark(model: RunModel, step: StepState, end: number | undefined, open: boolean, options: RowOptions): Mark {
  const tokens = options.tokensOf(step);
  if (step.status === "cancelled" || (end !== undefined && !isTerminal(step.status))) return { text: lostWords(model, tokens) };
  if (step.status === "waiting") return waitMark(step, options);
  if (step.status === "running" && tokens) return { text: tokenWords(tokens) };
  if (step.status === "failed" || (step.status === "retrying" && !open)) return { text: step.error?.name ?? "" };
  const queued = step.queued_at === undefined ? 0 : step.started_at - step.queued_at;
  return queued >= WORTH_SAYING_MS ? { text: `queued ${format.duration(queued)}` } : NO_MARK;
}

/** What became of a step that went down with its run, and of its text. */
function lostWords({ run }: RunModel, tokens: TokenFacts | undefined): string {
  const by = run?.status !== "cancelled" ? "" : run.cancelled_by ? `cancelled by ${run.cancelled_by}` : "cancelled";
  return [by, tokens ? `${format.count(tokens.count)} ${format.plural(tokens.count, "token")} kept` : ""].filter(Boolean).join(" · ");
}

function waitMark(step: StepState, options: RowOptions): Mark {
  if (step.op === "sleep") return step.wake_at ? { text: `until ${format.clock(step.wake_at, options.now)}` } : NO_MARK;
  const deadline = step.wait?.expires_at;
  if (options.isPerson(step) && deadline !== undefined) return { text: "", deadline };
  return { text: step.wait?.event ?? "" };
}

function tokenWords(tokens: TokenFacts): string {
  const span = tokens.last - tokens.first;
  const speed = tokens.count > 1 && span > 0 ? ` · ${format.rate(((tokens.count - 1) * 1000) / span)} tok/s` : "";
  return `${format.count(tokens.count)} ${format.plural(tokens.count, "token")}${speed}`;
}

function attemptBars(step: StepState, next: StepState | undefined, runEnd: number | undefined, options: RowOptions): Bar[] {
  const bars: Bar[] = [];
  if (step.queued_at !== undefined && step.started_at - step.queued_at > 1 && step.attempt === 0) {
    bars.push({ kind: "queue", role: "idle", from: step.queued_at, to: step.started_at });
  }
  bars.push(mainBar(step, runEnd, options));
  if (step.status === "retrying" && step.ended_at !== undefined) {
    bars.push({ kind: "backoff", role: "bad", from: step.ended_at, to: next?.started_at ?? runEnd });
  }
  return bars;
}

function mainBar(step: StepState, runEnd: number | undefined, options: RowOptions): Bar {
  const to = step.ended_at ?? runEnd;
  const lost = runEnd !== undefined && step.ended_at === undefined;
  const span = { from: step.started_at, to };
  if (step.op === "sleep" || step.op === "wait_for_event") return { ...span, ...waitLook(step, options) };
  if (step.reused) return { ...span, kind: "reused", role: "ok" };
  const tokens = options.tokensOf(step);
  const head = tokens ? { firstToken: tokens.first, tokens } : {};
  return { ...span, ...head, kind: "ran", role: lost ? "idle" : ranRole(step), faint: step.status === "retrying" };
}

function waitLook(step: StepState, options: RowOptions): Pick<Bar, "kind" | "role"> {
  return options.isPerson(step) ? { kind: "ask", role: "ask" } : { kind: "wait", role: "idle" };
}

function ranRole(step: StepState): Role {
  if (step.status === "running") return "run";
  if (step.status === "completed") return "ok";
  return step.status === "cancelled" ? "idle" : step.status === "waiting" ? "run" : "bad";
}
