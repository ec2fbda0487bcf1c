/** A run's whole waterfall in one line: where its time went, as parts of its length. */
import type { StepState } from "../wire";
import type { Role } from "../status";
import { isOver, type RunModel } from "./run";
import { timelineRows, type Bar, type BarKind } from "./rows";
import { buildScale } from "./scale";

export interface Strip {
  readonly kind: BarKind;
  readonly role: Role;
  /** Percent of the line. */
  readonly from: number;
  readonly width: number;
}

const LEAST = 1.2;
const MOST = 60;
const NOBODY = new Set<string>();
/** What is drawn over what, where steps went side by side. */
const ABOVE: Record<BarKind, number> = { root: 0, queue: 0, wait: 1, backoff: 2, ask: 3, reused: 4, ran: 5 };

export function stripOf(model: RunModel, now: number, isPerson: (step: StepState) => boolean): Strip[] {
  const run = model.run;
  const start = run?.started_at ?? run?.queued_at;
  if (!run || start === undefined) return [];
  const rows = timelineRows(model, { now, name: "", toggled: NOBODY, isPerson, tokensOf: () => undefined });
  const bars = rows.slice(1).filter((row) => row.depth === 1).flatMap((row) => row.bars);
  const end = Math.max(run.ended_at ?? now, start + 1);
  const scale = buildScale({ rows, start, end, live: false, width: 100, fold: true });
  const whole = scale.x(end) || 1;
  const place = (at: number): number => Math.min(100, Math.max(0, (scale.x(at) * 100) / whole));
  const strips = [...rest(model, bars, start, end), ...bars].map((bar) => strip(bar, place, end));
  return thinned(strips.sort((a, b) => ABOVE[a.kind] - ABOVE[b.kind] || a.from - b.from));
}

function strip(bar: Bar, place: (at: number) => number, end: number): Strip {
  const from = Math.min(place(bar.from), 100 - LEAST);
  const width = Math.max(LEAST, place(bar.to ?? end) - from);
  return { kind: bar.kind, role: bar.role, from, width: Math.min(width, 100 - from) };
}

/** What is not covered by steps: waiting to start, the end of a cancelled run, or a step that has not been told yet. */
function rest(model: RunModel, bars: readonly Bar[], start: number, end: number): Bar[] {
  const { run } = model;
  const last = Math.max(start, ...bars.map((bar) => bar.to ?? end));
  if (!run || run.status === "queued") return [{ kind: "queue", role: "idle", from: start, to: end }];
  if (last >= end || (bars.length > 0 && isOver(model) && run.status !== "cancelled")) return [];
  if (run.status === "running") return [{ kind: "ran", role: "run", from: last, to: end }];
  if (run.status === "waiting") return [{ kind: "wait", role: "idle", from: last, to: end }];
  const role: Role = run.status === "cancelled" ? "idle" : run.status === "failed" ? "bad" : "ok";
  return [{ kind: "ran", role, from: last, to: end }];
}

/** Nobody can tell hundreds of bars apart in a line this short: neighbours of one look become one. */
function thinned(strips: readonly Strip[]): Strip[] {
  if (strips.length <= MOST) return [...strips];
  const merged: Strip[] = [];
  for (const next of strips) {
    const last = merged.at(-1);
    if (last && last.kind === next.kind && last.role === next.role && next.from <= last.from + last.width + LEAST) {
      const to = Math.max(last.from + last.width, next.from + next.width);
      merged[merged.length - 1] = { ...last, width: to - last.from };
    } else merged.push(next);
  }
  return merged.slice(0, 4 * MOST);
}
