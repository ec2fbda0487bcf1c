import { describe, expect, it } from "vitest";
import { NO_RUN, withMessages } from "../src/state/run";
import { timelineRows, type Bar, type Row, type RowOptions } from "../src/state/rows";
import { asksPerson } from "../src/status";
import { log, run, step, T, type Raw } from "./build";

const NOW = T + 10_000;
const OPTIONS: RowOptions = { now: NOW, name: "fn", toggled: new Set(), isPerson: asksPerson, tokensOf: () => undefined };

function rows(raws: readonly Raw[], more: Partial<RowOptions> = {}): Row[] {
  return timelineRows(withMessages(NO_RUN, log(...raws)), { ...OPTIONS, ...more });
}

const shape = (bar: Bar): string => `${bar.kind}/${bar.role} ${bar.from - T}-${bar.to === undefined ? "" : bar.to - T}`;
const bars = (row: Row | undefined): string[] => (row?.bars ?? []).map(shape);
const WAIT = { op: "wait_for_event", wait: { event: "app/approval", if: "x", expires_at: T + 60_000 } };
const EVENT = { op: "wait_for_event", wait: { event: "app/file.ready", if: "x" } };

describe("one step", () => {
  const at = (ms: number): number => T + ms;
  it.each<[string, Raw, string[], string]>([
    ["running", step("a", "running", { started_at: at(5) }), ["ran/run 5-"], "Running"],
    ["completed", step("a", "completed", { ended_at: at(9) }), ["ran/ok 0-9"], "Completed"],
    ["queued first", step("a", "running", { queued_at: at(0), started_at: at(700) }), ["queue/idle 0-700", "ran/run 700-"], "Running"],
    ["failed", step("a", "failed", { ended_at: at(9) }), ["ran/bad 0-9"], "Failed"],
    ["cancelled", step("a", "cancelled", { ended_at: at(9) }), ["ran/idle 0-9"], "Cancelled"],
    ["retrying", step("a", "retrying", { ended_at: at(9), retry_at: at(20) }), ["ran/bad 0-9", "backoff/bad 9-"], "Retrying, attempt 2 of 5"],
    ["waiting for a person", step("a", "waiting", WAIT), ["ask/ask 0-"], "Waiting for you"],
    ["waiting for an event", step("a", "waiting", EVENT), ["wait/idle 0-"], "Waiting for event"],
    ["sleeping", step("a", "waiting", { op: "sleep" }), ["wait/idle 0-"], "Sleeping"],
    ["slept", step("a", "completed", { op: "sleep", ended_at: at(9) }), ["wait/idle 0-9"], "Completed"],
    ["timed out", step("a", "timed_out", { ...WAIT, ended_at: at(9) }), ["ask/ask 0-9"], "Timed out"],
    ["invoking", step("a", "waiting", { op: "invoke" }), ["ran/run 0-"], "Waiting for function"],
    ["reused", step("a", "completed", { reused: true, ended_at: at(1) }), ["reused/ok 0-1"], "Reused"],
  ])("%s", (_, raw, expected, word) => {
    const row = rows([run("running"), raw])[1];
    expect(bars(row)).toEqual(expected);
    expect(row?.status.word).toBe(word);
  });
});

describe("attempts", () => {
  const tries = [
    run("running"), step("a", "retrying", { ended_at: T + 10, retry_at: T + 30, error: { name: "Oops" } }),
    step("a", "retrying", { attempt: 1, started_at: T + 30, ended_at: T + 40, retry_at: T + 60, error: { name: "Oops" } }),
  ];
  it("are rows of their own while the step is retried, the next one among them", () => {
    const all = rows(tries);
    expect(all.map((row) => [row.depth, row.label, row.status.value])).toEqual([
      [0, "fn", "retrying"], [1, "a", "retrying"], [2, "attempt 1", "rolled_back"], [2, "attempt 2", "rolled_back"], [2, "attempt 3", "queued"],
    ]);
    expect(bars(all[1])).toEqual(["ran/bad 0-10", "backoff/bad 10-30", "ran/bad 30-40", "backoff/bad 40-"]);
    expect(all[1]?.note).toBe("attempt 3 of 5");
    expect(all[4]?.mark).toMatchObject({ text: "backoff 20\u00a0ms", retryAt: T + 60 });
  });
  it("fold when the step is over, and open when asked", () => {
    const done = [...tries, step("a", "completed", { attempt: 2, started_at: T + 60, ended_at: T + 90 })];
    expect(rows(done).map((row) => row.children)).toEqual(["none", "closed"]);
    expect(rows(done, { toggled: new Set(["a"]) }).map((row) => row.depth)).toEqual([0, 1, 2, 2, 2]);
    expect(rows(done)[1]?.note).toBe("3 attempts");
  });
});

describe("the run in one line", () => {
  it("tells working, waiting and failing apart", () => {
    const root = rows([
      run("waiting"), step("a", "completed", { ended_at: T + 100 }), step("b", "waiting", { ...WAIT, index: 1, started_at: T + 100 }),
    ])[0];
    expect(bars(root)).toEqual(["root/ok 0-100", "ask/ask 100-"]);
    expect(root?.status.word).toBe("Waiting for you");
  });
  it("stops with the run, and takes open steps with it", () => {
    const all = rows([run("cancelled", { ended_at: T + 300, cancelled_by: "ada" }), step("a", "running")]);
    expect(bars(all[0])).toEqual(["root/idle 0-300"]);
    expect(bars(all[1])).toEqual(["ran/idle 0-300"]);
    expect(all[1]?.status.word).toBe("Cancelled");
    expect(all[1]?.mark.text).toBe("cancelled by ada");
  });
  it("is a hairline while queued", () => {
    const root = rows([run("queued", { started_at: undefined, reason: "2 ahead" })])[0];
    expect(bars(root)).toEqual(["queue/idle 0-"]);
    expect(root?.mark.text).toBe("2 ahead");
  });
});

describe("words beside bars", () => {
  it("name a long queue", () => expect(rows([run("running"), step("a", "completed", { queued_at: T, started_at: T + 2000, ended_at: T + 2100 })])[1]?.mark.text).toBe("queued 2.00\u00a0s"));
  it("count tokens and their rate", () => {
    const row = rows([run("running"), step("a", "running")], { tokensOf: () => ({ first: T + 100, last: T + 1100, count: 41 }) })[1];
    expect(row?.mark.text).toBe("41 tokens · 40.0 tok/s");
    expect(row?.bars[0]?.firstToken).toBe(T + 100);
  });
  it("carry the deadline of a question", () => expect(rows([run("waiting"), step("a", "waiting", WAIT)])[1]?.mark.deadline).toBe(T + 60_000));
});
