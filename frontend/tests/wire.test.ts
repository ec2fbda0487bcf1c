import { describe, expect, it } from "vitest";
import { parseMessage, parseMessages, parseRollback, parseRun, parseStep, parseTime, personName } from "../src/wire";

describe("parseTime", () => {
  it("keeps microseconds", () => expect(parseTime("2026-11-21T10:02:27.001243Z")).toBeCloseTo(Date.UTC(2026, 10, 21, 10, 2, 27, 1) + 0.243, 3));
  it("takes times without a fraction", () => expect(parseTime("2026-11-21T10:02:27Z")).toBe(Date.UTC(2026, 10, 21, 10, 2, 27)));
  it("takes an offset", () => expect(parseTime("2026-11-21T11:02:27.5+01:00")).toBe(Date.UTC(2026, 10, 21, 10, 2, 27, 500)));
  it("is not a number for anything else", () => expect(parseTime("yesterday")).toBeNaN());
});

const ODD = [null, undefined, 3, "x", [], {}, { offset: "1" }, { offset: 1 }, { channel: "c" }, { hash: 1 }, { run_id: "r", status: "odd" }];

describe("odd data", () => {
  it.each(ODD.map((value) => [JSON.stringify(value), value]))("%s is nothing", (_, value) => {
    expect(parseMessage(value)).toBeNull();
    expect(parseRun(value)).toBeNull();
    expect(parseStep(value)).toBeNull();
    expect(parseRollback(value)).toBeNull();
  });
  it("skips what is no message among messages", () => {
    const good = { channel: "c", offset: 0, topic: "t", kind: "data", data: 1, created_at: "2026-11-21T10:02:27Z" };
    expect(parseMessages([null, good, "x"]).map((message) => message.offset)).toEqual([0]);
    expect(parseMessages("x")).toEqual([]);
  });
  it("leaves out a kind that it does not know", () => expect(parseMessage({ channel: "c", offset: 0, kind: "odd" })).toBeNull());
});

describe("values", () => {
  it("leaves absent keys absent", () => expect(parseRun({ run_id: "r", status: "running" })).not.toHaveProperty("ended_at"));
  it.each([["ada", "ada"], [{ name: "ada" }, "ada"], [{ display_name: "Ada", name: "a" }, "Ada"], [7, undefined],
    [{ name: "bed3d627107e4e6c94ea2ca4cc50d6a6" }, undefined], [{ name: "bed3d627107e4e6c94ea2ca4cc50d6a6", display_name: "Anonymous Io" }, "Anonymous Io"]])(
    "finds the person in %j", (value, name) => expect(personName(value)).toBe(name));
  it("reads a wait and its answer", () => {
    const step = parseStep({
      hash: "h", status: "completed", started_at: 1, op: "wait_for_event", wait: { event: "e", if: "x == 'y'", expires_at: 9 },
      answered: { user: { name: "ada" }, ts: 5, data: { approved: false } },
    });
    expect(step?.wait).toEqual({ event: "e", expression: "x == 'y'", expires_at: 9 });
    expect(step?.answered).toEqual({ user: "ada", ts: 5, data: { approved: false } });
  });
});
