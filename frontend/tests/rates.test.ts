import { describe, expect, it } from "vitest";
import { finalRate, liveRate, NO_RATES, rateCurve, withPieces, type Rates } from "../src/state/rates";
import { T } from "./build";

const every = (ms: number, count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => T + from + i * ms);
const at = (times: readonly number[]): Rates => withPieces(NO_RATES, times);

describe("final rate", () => {
  it.each([
    [[], undefined], [[0], undefined], [[0, 100], 10], [[0, 25, 50, 75, 100], 40], [[5, 5, 5], undefined],
  ])("of %j", (times, rate) => expect(finalRate(at(times.map((t) => T + t)))).toBe(rate));
});

describe("live rate", () => {
  it("is the pieces of the last second", () => expect(liveRate(at(every(20, 200)), T + 3999)).toBeCloseTo(50, 0));
  it("is unknown when none came", () => expect(liveRate(at(every(20, 50)), T + 5000)).toBeUndefined());
  it("is unknown before the second piece", () => expect(liveRate(at(every(20, 1)), T + 10)).toBeUndefined());
  it("does not dilute the first second", () => expect(liveRate(at(every(20, 11)), T + 210)).toBeCloseTo(52, 0));
});

describe("longest gap", () => {
  it("is the longest time between two pieces", () => expect(at([0, 10, 196, 200].map((t) => T + t)).longestGap).toBe(186));
  it("is the same over several batches", () => {
    const parts = withPieces(withPieces(NO_RATES, [T, T + 10]), [T + 200, T + 210]);
    expect(parts).toEqual(at([T, T + 10, T + 200, T + 210]));
  });
});

describe("space", () => {
  it("stays bounded over hours", () => expect(at(every(1000, 20_000)).slots.length).toBeLessThanOrEqual(160));
  it("survives a jump of a day", () => expect(at([T, T + 86_400_000]).slots.length).toBeLessThanOrEqual(161));
  it("survives times that go back", () => expect(at([T + 5000, T]).count).toBe(2));
});

describe("curve", () => {
  it("is in pieces per second, oldest first", () => {
    const curve = rateCurve(at([...every(50, 40), ...every(10, 200, 2000)]), 32);
    expect(curve[1]).toBeCloseTo(20, 0);
    expect(curve.at(-1)).toBeGreaterThan(80);
  });
});
