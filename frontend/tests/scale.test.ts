import { describe, expect, it } from "vitest";
import type { Bar, Row } from "../src/state/rows";
import { buildScale, roundStep, tickLabel, type ScaleInput } from "../src/state/scale";
import { STATUS } from "../src/status";

const bar = (kind: Bar["kind"], from: number, to: number | undefined): Bar => ({ kind, role: "ok", from, to });
const row = (...bars: Bar[]): Row => ({
  key: "k", kind: "step", run_id: "r", depth: 1, hash: "h", label: "", note: "", status: STATUS.running, bars, from: 0, to: 0, mark: { text: "" }, attempts: 1, children: "none",
});
const input = (more: Partial<ScaleInput>): ScaleInput => ({ rows: [], start: 0, end: 10_000, live: false, width: 500, fold: true, ...more });
const LONG = [row(bar("ran", 0, 9000)), row(bar("ask", 9000, 201_000)), row(bar("ran", 201_000, 202_000))];

describe("roundStep", () => {
  it.each([[0.3, 0.5], [1, 1], [1.3, 2], [140, 200], [2100, 2000], [3000, 5000], [7000, 10_000], [45_000, 60_000], [200_000, 300_000], [5_000_000, 7_200_000]])(
    "%d ms to %d ms", (ms, step) => expect(roundStep(ms)).toBeCloseTo(step, 6));
});

describe("tickLabel", () => {
  it.each([[0, "0"], [500, "500 ms"], [2000, "2 s"], [2500, "2.5 s"], [60_000, "1 m"], [90_000, "1 m 30 s"], [7_200_000, "2 h"]])(
    "%d is %s", (ms, text) => expect(tickLabel(ms).replaceAll("\u00a0", " ")).toBe(text));
});

describe("a plain scale", () => {
  const scale = buildScale(input({}));
  it("starts at the left and ends inside", () => {
    expect(scale.x(0)).toBe(0);
    expect(scale.x(10_000)).toBeGreaterThan(450);
    expect(scale.x(10_000)).toBeLessThanOrEqual(500);
  });
  it("has ticks at round times", () => expect(scale.ticks.map((tick) => tick.label.replace("\u00a0", " "))).toEqual(["0", "2 s", "4 s", "6 s", "8 s", "10 s"]));
  it("leaves room to grow when live", () => expect(buildScale(input({ live: true })).x(10_000)).toBeLessThan(450));
  it("does not move while it grows between ticks", () => {
    const x = (end: number): number => buildScale(input({ live: true, end })).x(5000);
    expect(x(8100)).toBe(x(9900));
  });
  it("survives a run of no length", () => expect(buildScale(input({ end: 0 })).x(0)).toBe(0));
});

describe("folding", () => {
  const end = 202_000;
  it("makes a wait that dwarfs the rest narrow", () => {
    const { folds, x } = buildScale(input({ rows: LONG, end }));
    expect(folds.map((fold) => fold.label.replaceAll("\u00a0", " "))).toEqual(["( 3 m 12 s )"]);
    expect(x(201_000) - x(9000)).toBeLessThan(0.25 * 500);
    expect(x(9000)).toBeGreaterThan(0.6 * 500);
  });
  it("keeps time in order", () => {
    const { x } = buildScale(input({ rows: LONG, end }));
    const places = [0, 5000, 9000, 9500, 100_000, 200_900, 201_000, 202_000].map(x);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
  it("can be switched off", () => expect(buildScale(input({ rows: LONG, end, fold: false })).folds).toEqual([]));
  it("leaves short waits alone", () => expect(buildScale(input({ rows: [row(bar("ran", 0, 9000)), row(bar("ask", 9000, 30_000))], end: 30_000 })).folds).toEqual([]));
  it("does not fold time in which something else ran", () =>
    expect(buildScale(input({ rows: [row(bar("ask", 0, 100_000)), row(bar("ran", 0, 100_000))], end: 100_000 })).folds).toEqual([]));
  it("leaves a run alone that only waits", () => expect(buildScale(input({ rows: [row(bar("wait", 0, 60_000))], end: 60_000 })).folds).toEqual([]));
  it("stands still while an open wait grows", () => {
    const open = [row(bar("ran", 0, 9000)), row(bar("ask", 9000, undefined))];
    const x = (now: number): number => buildScale(input({ rows: open, end: now, live: true })).x(8000);
    expect(x(100_000)).toBeCloseTo(x(900_000), 6);
  });
});
