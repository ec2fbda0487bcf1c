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
  const perMs = (input.width - band * folds.length) / shown;
  const x = (at: number): number => place(at, input.start, folds, band, perMs);
  return {
    x,
    start: input.start,
    ticks: ticksOf(input, folds, step, x),
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

function idleSpans(input: ScaleInput): Span[] {
  const bars = input.rows.filter((row) => row.depth === 1).flatMap((row) => row.bars);
  const waits = bars.filter((bar) => bar.kind === "wait" || bar.kind === "ask");
  const work = merge(bars.filter((bar) => bar.kind !== "wait" && bar.kind !== "ask")
    .map((bar) => ({ from: bar.from, to: bar.to ?? input.end })));
  return merge(waits.map((bar) => ({ from: bar.from, to: bar.to ?? input.end }))).flatMap((span) => without(span, work));
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

function without(span: Span, work: readonly Span[]): Span[] {
  const rest: Span[] = [];
  let from = span.from;
  for (const busy of work) {
    if (busy.to <= from || busy.from >= span.to) continue;
    if (busy.from > from) rest.push({ from, to: busy.from });
    from = Math.max(from, busy.to);
  }
  if (from < span.to) rest.push({ from, to: span.to });
  return rest;
}

function ticksOf(input: ScaleInput, folds: readonly Span[], step: number, x: (at: number) => number): Tick[] {
  const ticks: Tick[] = [];
  const stop = folds[0]?.from ?? Infinity;
  for (let n = 0; n < 1000; n++) {
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
  if (ms < 1000) return `${Number(ms.toPrecision(3))}\u00a0ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))}\u00a0s`;
  return format.nominal(ms);
}
