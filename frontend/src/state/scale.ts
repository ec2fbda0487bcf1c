/** Time to pixels for a timeline: linear, with long waits folded to narrow bands, and round ticks. */
import * as format from "../format";
import type { Row } from "./rows";

export interface Tick {
  readonly x: number;
  readonly label: string;
}

export interface Fold {
  readonly x: number;
  readonly width: number;
  readonly label: string;
}

export interface Scale {
  x(at: number): number;
  readonly ticks: readonly Tick[];
  readonly folds: readonly Fold[];
  readonly start: number;
  /** How much time one pixel is, outside of folds. */
  readonly msPerPx: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

export interface ScaleInput {
  readonly rows: readonly Row[];
  readonly start: number;
  readonly end: number;
  readonly live: boolean;
  readonly width: number;
  readonly fold: boolean;
  /** How much of the width is left free at the end, for what is written beside the last bars. */
  readonly room?: number;
  /** Which part of the width is looked at; ticks outside of it are not made. */
  readonly view?: { readonly left: number; readonly width: number };
}

/** A wait is folded when it is this many times longer than everything else together. */
const FOLD_RATIO = 4;
const LEAST_BUSY_MS = 20;
const TICK_PX = 110;

export function buildScale(input: ScaleInput): Scale {
  const span = Math.max(1, input.end - input.start);
  const folds = input.fold ? foldable(input) : [];
  const folded = folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
  const step = roundStep((span - folded) / Math.max(2, input.width / TICK_PX));
  const shown = input.live ? liveDomain(input, span - folded, step, folds) : (span - folded) * 1.035;
  const band = folds.length ? bandWidth(input.width, folds.length) : 0;
  const perMs = (input.width - (input.room ?? 0) - band * folds.length) / shown;
  const x = (at: number): number => place(at, input.start, folds, band, perMs);
  return {
    x,
    start: input.start,
    msPerPx: 1 / perMs,
    ticks: ticksOf(input, folds, step, perMs, x),
    folds: folds.map((fold) => ({ x: x(fold.from), width: band, label: `( ${format.duration(longWait(input, fold))} )` })),
  };
}

/** Room to grow, in whole ticks, so that the picture stands still between them; none is needed while all wait. */
function liveDomain(input: ScaleInput, length: number, step: number, folds: readonly Span[]): number {
  const waiting = folds.some((fold) => input.end - fold.to < length * 0.05);
  return waiting ? length * 1.01 : (Math.floor(length / step) + 1.8) * step;
}

/** Wide enough for its label where there is room, and never most of the picture. */
function bandWidth(width: number, folds: number): number {
  return Math.max(width * 0.05, Math.min(width * 0.2, Math.max(width * (0.15 - 0.03 * folds), 84)));
}

/** The next step of the 1-2-5 series (in seconds, minutes and hours) that is not smaller than half of `ms`. */
export function roundStep(ms: number): number {
  const units = [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000];
  if (ms > 40_000) return units.find((unit) => unit >= ms * 0.75) ?? Math.ceil(ms / 86_400_000) * 86_400_000;
  const power = 10 ** Math.floor(Math.log10(Math.max(ms, 1e-3)));
  const factor = ms / power;
  return power * (factor < 1.2 ? 1 : factor < 2.8 ? 2 : factor < 6.5 ? 5 : 10);
}

function place(at: number, start: number, folds: readonly Span[], band: number, perMs: number): number {
  let x = 0;
  let from = start;
  for (const fold of folds) {
    if (at <= fold.from) break;
    x += (fold.from - from) * perMs;
    if (at < fold.to) return x + (band * (at - fold.from)) / (fold.to - fold.from);
    x += band;
    from = fold.to;
  }
  return x + (at - from) * perMs;
}

/** Stretches in which the run did nothing but wait, and which dwarf the rest. A margin of each stays unfolded. */
function foldable(input: ScaleInput): Span[] {
  const idle = idleSpans(input);
  if (idle.length === 0) return [];
  const idleTime = idle.reduce((sum, span) => sum + span.to - span.from, 0);
  const busy = input.end - input.start - idleTime;
  if (busy < LEAST_BUSY_MS) return [];
  const margin = busy * 0.02;
  return idle.filter((span) => span.to - span.from > FOLD_RATIO * busy)
    .map((span) => ({ from: span.from + margin, to: span.to - margin }));
}

/** The whole wait that a fold stands for, for its label. */
function longWait(input: ScaleInput, fold: Span): number {
  const whole = idleSpans(input).find((span) => span.from <= fold.from && span.to >= fold.to) ?? fold;
  return whole.to - whole.from;
}

interface Spans {
  readonly work: readonly Span[];
  readonly waits: readonly Span[];
  readonly openWork: number;
  readonly openWaits: number;
}

const known = new WeakMap<readonly Row[], Spans>();

/** What does not change while the end does: looked for once per rows, not once per picture. */
function spansOf(rows: readonly Row[]): Spans {
  const found = known.get(rows) ?? findSpans(rows);
  known.set(rows, found);
  return found;
}

function findSpans(rows: readonly Row[]): Spans {
  const work: Span[] = [];
  const waits: Span[] = [];
  let [openWork, openWaits] = [Infinity, Infinity];
  for (const row of rows) {
    if (row.depth !== 1) continue;
    for (const { kind, from, to } of row.bars) {
      const waiting = kind === "wait" || kind === "ask";
      if (to !== undefined) (waiting ? waits : work).push({ from, to });
      else if (waiting) openWaits = Math.min(openWaits, from);
      else openWork = Math.min(openWork, from);
    }
  }
  return { work: merge(work), waits: merge(waits), openWork, openWaits };
}

/** All that is open ends at the same moment, so the earliest of it stands for all. */
function idleSpans({ rows, end }: ScaleInput): Span[] {
  const { work, waits, openWork, openWaits } = spansOf(rows);
  const busy = openWork < end ? merge([...work, { from: openWork, to: end }]) : work;
  const waiting = openWaits < end ? merge([...waits, { from: openWaits, to: end }]) : waits;
  return without(waiting, busy);
}

function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && span.from <= last.to) merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
    else merged.push(span);
  }
  return merged;
}

/** Spans less those of another list, both in order. */
function without(spans: readonly Span[], work: readonly Span[]): Span[] {
  const rest: Span[] = [];
  let next = 0;
  for (const span of spans) {
    let from = span.from;
    while (next < work.length && (work[next]?.to ?? 0) <= from) next += 1;
    for (let i = next; i < work.length; i++) {
      const busy = work[i];
      if (!busy || busy.from >= span.to) break;
      if (busy.from > from) rest.push({ from, to: busy.from });
      from = Math.max(from, busy.to);
    }
    if (from < span.to) rest.push({ from, to: span.to });
  }
  return rest;
}

function ticksOf(input: ScaleInput, folds: readonly Span[], step: number, perMs: number, x: (at: number) => number): Tick[] {
  const ticks: Tick[] = [];
  const view = input.view ?? { left: 0, width: input.width };
  const stop = Math.min(folds[0]?.from ?? Infinity, input.start + (view.left + view.width + TICK_PX) / perMs);
  for (let n = Math.max(0, Math.floor((view.left - TICK_PX) / perMs / step)); ; n++) {
    const at = input.start + n * step;
    if (at > stop || x(at) > input.width) break;
    ticks.push({ x: x(at), label: tickLabel(n * step) });
  }
  const last = x(input.end);
  const end = folds.at(-1);
  if (!input.live && end && input.end - end.to > step / 4) ticks.push({ x: last, label: tickLabel(input.end - input.start) });
  return ticks;
}

/** Whole units without decimals: 0, 2 s, 500 ms, 1 m 30 s. */
export function tickLabel(ms: number): string {
  if (ms === 0) return "0";
  if (ms < 1000) return `${Number(ms.toPrecision(6))}\u00a0ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(ms % 100 ? 3 : 1))}\u00a0s`;
  if (ms % 1000) return `${format.nominal(Math.floor(ms / 1000) * 1000)} ${Number((ms % 1000).toPrecision(6))}\u00a0ms`;
  return format.nominal(ms);
}
