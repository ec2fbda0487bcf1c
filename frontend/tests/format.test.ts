import { describe, expect, it } from "vitest";
import * as format from "../src/format";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");
const table = <T>(name: string, fn: (value: T) => string, cases: readonly (readonly [T, string])[]): void => {
  describe(name, () => {
    it.each(cases.map(([value, text]) => [JSON.stringify(value) ?? "undefined", value, text] as const))(
      "%s", (_, value, text) => expect(plain(fn(value))).toBe(text));
  });
};

table("duration", format.duration, [
  [undefined, "—"], [Number.NaN, "—"], [-5, "0 ms"], [0, "0 ms"], [0.04, "0.1 ms"], [0.4, "0.4 ms"], [6, "6 ms"],
  [840, "840 ms"], [999.4, "999 ms"], [999.6, "1.00 s"], [8440, "8.44 s"], [9994, "9.99 s"], [9996, "10.0 s"],
  [31_800, "31.8 s"], [59_940, "59.9 s"], [59_960, "1 m 00 s"], [192_000, "3 m 12 s"], [183_000, "3 m 03 s"],
  [3_599_600, "1 h 00 m"], [7_440_000, "2 h 04 m"], [284_400_000, "3 d 7 h"],
]);

table("atLeast", format.atLeast, [[6130, "≥ 6.1 s"], [860, "≥ 860 ms"], [220_000, "≥ 3 m 40 s"], [undefined, "—"]]);

table("ticking", format.ticking, [
  [-1, "0.0 s"], [0, "0.0 s"], [340, "0.3 s"], [5999, "5.9 s"], [10_000, "10 s"], [59_999, "59 s"], [61_900, "1 m 01 s"],
]);

table("nominal", format.nominal, [
  [2000, "2 s"], [2500, "2.5 s"], [2550, "2.55 s"], [30_000, "30 s"], [900_000, "15 m"], [905_000, "15 m 05 s"],
  [7_200_000, "2 h"], [120, "120 ms"],
]);

table("countdown", format.countdown, [
  [717_000, "11:57"], [37_100, "0:38"], [-5, "0:00"], [3_599_000, "59:59"], [14_520_000, "4 h 02 m"],
]);

table("backoff", format.backoff, [[1400, "in 1.4 s"], [-3, "in 0.0 s"], [12_000, "in 0:12"]]);

table("ago", format.ago, [
  [0, "now"], [4999, "now"], [6100, "6 s ago"], [840_000, "14 m ago"], [7_200_000, "2 h ago"], [200_000_000, "2 d ago"],
]);

table("rate", format.rate, [
  [undefined, "—"], [0, "—"], [38.2, "38.2"], [99.96, "100"], [2431.6, "2,432"], [Number.POSITIVE_INFINITY, "—"],
]);

table("count", format.count, [[0, "0"], [1284, "1,284"], [9999, "9,999"], [12_400, "12.4 k"], [2_500_000, "2.5 M"]]);

table("bytes", format.bytes, [[12, "12 B"], [1900, "1.9 KB"], [4_200_000, "4.2 MB"], [7_300_000_000, "7.3 GB"]]);

table("cost", format.cost, [[0.0042, "$0.0042"], [1.37, "$1.37"], [0.00123456, "$0.001235"], [0, "$0.00"]]);

table("shortId", format.shortId, [
  ["01KAJ8Q4V7N2M5X9ZT3VBED1WR", "…BED1WR"], ["5b0c41d2-9a3e-4f6b-8c17-0242ac120002", "5b0c…"], ["short", "short"],
  ["a-very-long-name-without-any-form", "a-very-long-…ny-form"],
]);

table("channelName", format.channelName, [
  ["ai:01KAJ8Q4V7N2M5X9ZT3VBED1WR", "ai:01KAJ8…BED1WR"], ["agent-chat:t1", "agent-chat:t1"],
]);

table("unmarked", format.unmarked, [
  ["Publish this **answer**?", "Publish this answer?"], ["## Title\n\nSome `code` and [a link](https://x.y)", "Title Some code and a link"],
  ["snake_case * 2", "snake_case * 2"], ["A *run* that _waits_, 2*3*4 and a_b_c", "A run that waits, 2*3*4 and a_b_c"],
]);

describe("middle", () => {
  it("keeps both ends and the length", () => {
    const text = format.middle("abcdefghijklmnopqrstuvwxyz", 11);
    expect(text).toHaveLength(11);
    expect(text).toBe("abcdef…wxyz");
  });
  it("leaves short text alone", () => expect(format.middle("abc", 11)).toBe("abc"));
});

describe("clock", () => {
  const now = new Date(2026, 10, 21, 15, 0, 0).getTime();
  it("shows the time of today", () => expect(format.clock(new Date(2026, 10, 21, 14, 2, 31).getTime(), now)).toBe("14:02:31"));
  it("shows milliseconds when asked", () =>
    expect(format.clock(new Date(2026, 10, 21, 14, 2, 31, 7).getTime(), now, true)).toBe("14:02:31.007"));
  it("shows the day when it is not today", () =>
    expect(format.clock(new Date(2026, 10, 20, 14, 2).getTime(), now)).toBe("20 Nov 14:02"));
  it("shows nothing for no time", () => expect(format.clock(undefined, now)).toBe("—"));
  it("shortens for the saved word", () => expect(format.hourMinute(new Date(2026, 10, 21, 14, 6, 9).getTime(), now)).toBe("14:06"));
});

describe("iso", () => {
  it("is the same moment, with an offset", () => {
    const at = Date.UTC(2026, 10, 21, 14, 2, 31, 250);
    expect(format.iso(at)).toMatch(/[+-]\d\d:\d\d$/);
    expect(Date.parse(format.iso(at))).toBe(at);
  });
});

describe("percent", () => {
  it.each([[5, 9, ""], [48, 50, "96 %"]])("%d of %d", (done, of, text) => expect(plain(format.percent(done, of))).toBe(text));
});
