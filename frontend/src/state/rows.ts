/** The rows and bars of a timeline, from the state of a run: what kind of time was spent when. */
import * as format from "../format";
import { runStatus, stepStatus, STATUS, type Role, type Status } from "../status";
import { isTerminal, type StepState } from "../wire";
import type { TokenFacts } from "../realtime/facts";
import { currentSteps, isOver, openSteps, type RunModel } from "./run";

/** Texture says the kind of time, the role (a colour) says the outcome. */
export type BarKind = "queue" | "ran" | "wait" | "ask" | "backoff" | "reused" | "root";

export interface Bar {
  readonly kind: BarKind;
  readonly role: Role;
  readonly from: number;
  /** Undefined while it grows. */
  readonly to: number | undefined;
  readonly faint?: boolean;
  readonly firstToken?: number;
  readonly tokens?: TokenFacts;
}

export interface Row {
  readonly key: string;
  readonly depth: 0 | 1 | 2;
  readonly hash: string;
  readonly label: string;
  readonly note: string;
  readonly status: Status;
  readonly bars: readonly Bar[];
  /** Start and end of what the row's figure measures; no end while it runs. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly mark: Mark;
  readonly attempts: number;
  readonly children: "none" | "open" | "closed";
}

/** The few words beside a row's last bar; those that count down are filled in when drawn. */
export interface Mark {
  readonly text: string;
  readonly deadline?: number;
  readonly retryAt?: number;
}

export interface RowOptions {
  readonly now: number;
  readonly name: string;
  readonly toggled: ReadonlySet<string>;
  isPerson(step: StepState): boolean;
  tokensOf(step: StepState): TokenFacts | undefined;
}

const NO_MARK: Mark = { text: "" };
/** Queueing shorter than this is drawn but not written. */
const WORTH_SAYING_MS = 500;

export function timelineRows(model: RunModel, options: RowOptions): Row[] {
  const rows = currentSteps(model).flatMap((step) => stepRows(model, step, options));
  return [rootRow(model, rows.filter((row) => row.depth === 1), options), ...rows];
}

function rootRow(model: RunModel, steps: readonly Row[], options: RowOptions): Row {
  const run = model.run;
  const status = run ? runStatus(run.status, openSteps(model), options.isPerson, options.now) : STATUS.loading;
  const from = run?.started_at ?? run?.queued_at;
  const queue = run ? runQueue(run.queued_at, run.started_at, run.status === "queued") : [];
  return {
    key: "run", depth: 0, hash: "", label: options.name || run?.name || "run", note: "", status,
    bars: [...queue, ...summary(model, steps, status, options.now)],
    from: run?.status === "queued" ? run.queued_at : from, to: run?.ended_at,
    mark: run?.status === "queued" && run.reason ? { text: run.reason } : NO_MARK,
    attempts: run?.attempt ?? 0, children: "none",
  };
}

function runQueue(queued: number | undefined, started: number | undefined, waiting: boolean): Bar[] {
  if (queued === undefined || (started === undefined && !waiting)) return [];
  return started === undefined || started - queued > 1 ? [{ kind: "queue", role: "idle", from: queued, to: started }] : [];
}

/** The run in one line: at each moment the kind of time that mattered most. */
function summary(model: RunModel, steps: readonly Row[], status: Status, now: number): Bar[] {
  const run = model.run;
  if (run?.started_at === undefined) return [];
  const end = run.ended_at ?? now;
  const bars = steps.flatMap((row) => row.bars).filter((bar) => bar.kind !== "queue");
  const cuts = [run.started_at, ...bars.flatMap((bar) => [bar.from, bar.to ?? end]), end]
    .filter((at) => at >= run.started_at! && at <= end).sort((a, b) => a - b);
  const parts: Bar[] = [];
  for (let i = 1; i < cuts.length; i++) addPart(parts, bars, cuts[i - 1]!, cuts[i]!, status, end);
  const last = parts.at(-1);
  if (last && run.ended_at === undefined) parts[parts.length - 1] = { ...last, to: undefined };
  return parts;
}

function addPart(parts: Bar[], bars: readonly Bar[], from: number, to: number, status: Status, end: number): void {
  if (to <= from) return;
  const middle = (from + to) / 2;
  const there = bars.filter((bar) => bar.from <= middle && (bar.to ?? end) >= middle);
  const part = partOf(there, status);
  const before = parts.at(-1);
  if (before && before.kind === part.kind && before.role === part.role) parts[parts.length - 1] = { ...before, to };
  else parts.push({ ...part, from, to });
}

function partOf(there: readonly Bar[], status: Status): Pick<Bar, "kind" | "role"> {
  const has = (test: (bar: Bar) => boolean): boolean => there.some(test);
  const outcome: Role = status.role === "run" || status.role === "idle" ? status.role : "ok";
  if (has((bar) => bar.kind === "ran" && bar.role !== "bad")) return { kind: "root", role: outcome };
  if (has((bar) => bar.kind === "ran" || bar.kind === "backoff")) {
    return { kind: "root", role: status.role === "bad" ? "bad" : outcome };
  }
  if (has((bar) => bar.kind === "ask")) return { kind: "ask", role: "ask" };
  if (has((bar) => bar.kind === "wait")) return { kind: "wait", role: "idle" };
  return { kind: "root", role: outcome };
}

function stepRows(model: RunModel, step: StepState, options: RowOptions): Row[] {
  const attempts = model.steps.get(step.hash) ?? [step];
  const end = isOver(model) ? model.run?.ended_at : undefined;
  const status = stepStatus(settled(step, end), options.isPerson(step), options.now);
  const several = attempts.length > 1 || step.status === "retrying";
  const openByItself = several && !isTerminal(step.status) && end === undefined;
  const open = several && openByItself !== options.toggled.has(step.hash);
  const row: Row = {
    key: step.hash, depth: 1, hash: step.hash, label: stepLabel(step), note: stepNote(step, attempts, options), status,
    bars: attempts.flatMap((attempt, i) => attemptBars(attempt, attempts[i + 1], end, options)),
    from: attempts[0]?.started_at, to: step.status === "retrying" ? end : step.ended_at ?? end,
    mark: stepMark(model, step, end, open, options), attempts: attempts.length,
    children: several ? (open ? "open" : "closed") : "none",
  };
  return open ? [row, ...attemptRows(attempts, end, options)] : [row];
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

function attemptRows(attempts: readonly StepState[], end: number | undefined, options: RowOptions): Row[] {
  const rows = attempts.map((attempt) => attemptRow(attempt, end, options));
  const last = attempts.at(-1);
  if (last?.status === "retrying" && end === undefined) rows.push(nextAttemptRow(last));
  return rows;
}

function attemptRow(step: StepState, end: number | undefined, options: RowOptions): Row {
  const failed = step.status === "retrying";
  const tokens = options.tokensOf(step);
  const status = failed ? STATUS.rolledBack : stepStatus(settled(step, end), options.isPerson(step), options.now);
  return {
    key: `${step.hash}:${step.attempt}`, depth: 2, hash: step.hash, label: `attempt ${step.attempt + 1}`,
    note: failed && tokens ? `−${format.count(tokens.count)} ${format.plural(tokens.count, "token")}` : "", status,
    bars: attemptBars(step, undefined, end, options).filter((bar) => bar.kind !== "backoff"),
    from: step.started_at, to: step.ended_at ?? end, mark: step.error ? { text: step.error.name } : NO_MARK,
    attempts: 1, children: "none",
  };
}

function nextAttemptRow(last: StepState): Row {
  const from = last.ended_at ?? last.started_at;
  const length = last.retry_at === undefined ? "" : ` ${format.nominal(last.retry_at - from)}`;
  return {
    key: `${last.hash}:${last.attempt + 1}`, depth: 2, hash: last.hash, label: `attempt ${last.attempt + 2}`, note: "",
    status: { ...STATUS.queued, glyph: "clock" }, bars: [{ kind: "backoff", role: "bad", from, to: undefined }],
    from: undefined, to: undefined,
    mark: { text: `backoff${length}`, ...(last.retry_at === undefined ? {} : { retryAt: last.retry_at }) },
    attempts: 1, children: "none",
  };
}

function stepMark(model: RunModel, step: StepState, end: number | undefined, open: boolean, options: RowOptions): Mark {
  if (end !== undefined && !isTerminal(step.status)) return { text: cancelledBy(model) };
  if (step.status === "waiting") return waitMark(step, options);
  const tokens = options.tokensOf(step);
  if (step.status === "running" && tokens) return { text: tokenWords(tokens) };
  if (step.status === "failed" || (step.status === "retrying" && !open)) return { text: step.error?.name ?? "" };
  const queued = step.queued_at === undefined ? 0 : step.started_at - step.queued_at;
  return queued >= WORTH_SAYING_MS ? { text: `queued ${format.duration(queued)}` } : NO_MARK;
}

function cancelledBy(model: RunModel): string {
  if (model.run?.status !== "cancelled") return "";
  return model.run.cancelled_by ? `cancelled by ${model.run.cancelled_by}` : "cancelled";
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
