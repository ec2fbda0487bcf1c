/** The rows and bars of a timeline, from the state of a run: what kind of time was spent when. */
import * as format from "../format";
import { runStatus, STATUS, type Role, type Status } from "../status";
import type { StepState } from "../wire";
import type { TokenFacts } from "../realtime/facts";
import { currentSteps, openSteps, type RunModel } from "./run";
import { stepRows, type Place } from "./step-rows";
import { summary } from "./summary";

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
  readonly kind: "run" | "step" | "attempt" | "group";
  /** 0 for the run; what is nested in a row is one deeper than it. */
  readonly depth: number;
  readonly run_id: string;
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
  /** The run that this step invoked. */
  readonly child?: string;
  /** The same step in the run that this one is compared with, moved to the start of this one. */
  readonly other?: Compared;
}

export interface Compared {
  readonly bars: readonly Bar[];
  readonly status: Status;
  readonly took: number | undefined;
  /** The run that is compared has no such step. */
  readonly only?: boolean;
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
  /** What is known of a run that a step invoked, once somebody has opened it. */
  modelOf?(run_id: string): RunModel | undefined;
  isPerson(step: StepState): boolean;
  tokensOf(step: StepState): TokenFacts | undefined;
}

export const NO_MARK: Mark = { text: "" };
/** So many siblings of one name are told apart; more are one row. */
const MOST_SIBLINGS = 30;

export function timelineRows(model: RunModel, options: RowOptions): Row[] {
  const rows = runRows(model, options, 1, "");
  return [rootRow(model, rows.filter((row) => row.depth === 1), options), ...rows];
}

/** The steps of a run, one below the other; `within` makes the keys of an invoked run's rows its own. */
function runRows(model: RunModel, options: RowOptions, depth: number, within: string): Row[] {
  const steps = currentSteps(model);
  const families = familiesOf(steps);
  const place: Place = { model, depth, within };
  return steps.flatMap((step) => {
    const family = families.get(familyName(step.step_id)) ?? [];
    if (family.length <= MOST_SIBLINGS) return withChildren(place, step, options);
    return family[0] === step ? groupRows(place, family, options) : [];
  });
}

/** `embed-17` and `embed-18` are siblings, as two steps of one id are. */
const familyName = (step_id: string): string => step_id.replace(/[-_:.# /]?\d+$/, "");

function familiesOf(steps: readonly StepState[]): ReadonlyMap<string, readonly StepState[]> {
  const families = new Map<string, StepState[]>();
  for (const step of steps) {
    const name = familyName(step.step_id);
    const family = families.get(name);
    if (family) family.push(step);
    else families.set(name, [step]);
  }
  return families;
}

/** A step, its attempts, and the steps of the run that it invoked. */
function withChildren(place: Place, step: StepState, options: RowOptions): Row[] {
  const rows = stepRows(place, step, options);
  const [first] = rows;
  const child = step.child;
  if (!first || child === undefined) return rows;
  const open = options.toggled.has(first.key);
  const model = open ? options.modelOf?.(child) : undefined;
  const inner = model ? runRows(model, options, place.depth + 1, `${place.within}${child}/`) : [];
  return [{ ...first, child, children: open ? "open" : "closed", note: first.note || (open && !model?.run ? "asking…" : "") }, ...inner];
}

/** What is told of siblings first. */
const WORST = ["failed", "retrying", "running", "waiting", "timed_out", "cancelled", "completed", "reused"];
const rank = (row: Row | undefined): number => WORST.indexOf(row?.status.value ?? "");

/** Many siblings as one row, with how many are in which state. */
function groupRows(place: Place, family: readonly StepState[], options: RowOptions): Row[] {
  const key = `${place.within}*${familyName(family[0]?.step_id ?? "")}`;
  const open = options.toggled.has(key);
  const all = family.map((step) => stepRows(place, step, { ...options, toggled: new Set() })[0]).filter((row) => row !== undefined);
  const counts = new Map<string, Row[]>();
  for (const row of all) {
    const same = counts.get(row.status.value);
    if (same) same.push(row);
    else counts.set(row.status.value, [row]);
  }
  const told = [...counts.values()].sort((a, b) => rank(a[0]) - rank(b[0]));
  const ends = all.map((row) => row.to);
  const row: Row = {
    key, kind: "group", depth: place.depth, run_id: place.model.run?.run_id ?? "", hash: "", label: `${familyName(family[0]?.step_id ?? "")} × ${format.count(family.length)}`,
    note: told.map((rows) => `${format.count(rows.length)} ${rows[0]?.status.word.split(",")[0]?.toLowerCase() ?? ""}`).join(", "),
    status: told[0]?.[0]?.status ?? STATUS.completed, bars: all.flatMap((one) => one.bars.filter((bar) => bar.kind !== "queue")).sort((a, b) => a.from - b.from),
    from: least(all.map((one) => one.from)), to: ends.includes(undefined) ? undefined : ends.reduce((a = 0, b = 0) => Math.max(a, b), 0),
    mark: NO_MARK, attempts: family.length, children: open ? "open" : "closed",
  };
  return [row, ...(open ? family.flatMap((step) => withChildren({ ...place, depth: place.depth + 1 }, step, options)) : [])];
}

function least(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((a, b) => (a === undefined ? b : b === undefined ? a : Math.min(a, b)), undefined);
}

function rootRow(model: RunModel, steps: readonly Row[], options: RowOptions): Row {
  const run = model.run;
  const status = run ? runStatus(run.status, openSteps(model), options.isPerson, options.now) : STATUS.loading;
  const from = run?.started_at ?? run?.queued_at;
  const queue = run ? runQueue(run.queued_at, run.started_at, run.status === "queued") : [];
  return {
    key: "run", kind: "run", depth: 0, run_id: run?.run_id ?? "", hash: "", label: options.name || run?.name || "run", note: "", status,
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
