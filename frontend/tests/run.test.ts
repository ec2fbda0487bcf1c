import { describe, expect, it } from "vitest";
import { currentSteps, isOver, NO_RUN, openSteps, withMessages, withSnapshot, type RunModel } from "../src/state/run";
import { parseSnapshot } from "../src/wire";
import { log, rollback, run, step, T, type Raw } from "./build";

const fold = (...raws: Raw[]): RunModel => withMessages(NO_RUN, log(...raws));
const states = (model: RunModel): string[] => currentSteps(model).map((s) => `${s.step_id}:${s.attempt}:${s.status}`);

describe("messages", () => {
  it("make the run and its steps", () => {
    const model = fold(run("running"), step("a", "completed"), step("b", "running", { index: 1 }));
    expect(model.run?.status).toBe("running");
    expect(states(model)).toEqual(["a:0:completed", "b:0:running"]);
  });
  it("replace earlier ones of the same attempt", () =>
    expect(states(fold(step("a", "running"), step("a", "completed")))).toEqual(["a:0:completed"]));
  it("keep attempts apart, whatever the order", () => {
    const model = fold(step("a", "running", { attempt: 1 }), step("a", "retrying", { attempt: 0 }));
    expect(model.steps.get("a")?.map((s) => s.attempt)).toEqual([0, 1]);
    expect(states(model)).toEqual(["a:1:running"]);
  });
  it("need not repeat what a wait is for", () => {
    const wait = { event: "e", if: "x == 'y'" };
    const model = fold(step("a", "waiting", { op: "wait_for_event", wait, queued_at: T - 1 }), step("a", "completed", { op: "wait_for_event" }));
    expect(model.steps.get("a")?.[0]).toMatchObject({ status: "completed", wait: { event: "e" }, queued_at: T - 1 });
  });
  it("are taken once", () => {
    const model = fold(step("a", "running"), step("a", "completed"));
    expect(withMessages(model, log(step("a", "running")))).toEqual({ ...model });
  });
  it("that are odd change nothing", () =>
    expect(states(fold({ kind: "step", data: 7 }, { kind: "run", data: null }, { kind: "rollback", data: "x" }))).toEqual([]));
  it("order steps by index, then by start", () => {
    const model = fold(step("c", "running", { index: 2 }), step("b", "running", { index: 1, started_at: T + 5 }), step("a", "running", { index: 1 }));
    expect(states(model).map((s) => s[0])).toEqual(["a", "b", "c"]);
  });
  it("say when the newest was heard", () => expect(fold(run("running", {}, { at: 70 }), step("a", "running", {}, { at: 90 })).heardAt).toBe(T + 90));
  it("keep rollbacks", () => expect(fold(rollback(0)).rollbacks).toHaveLength(1));
});

describe("a snapshot", () => {
  const ended = parseSnapshot({ run: run("completed", { ended_at: T + 50 }).data, steps: [step("a", "completed", { ended_at: T + 40 }).data] });
  it("is not undone by replayed messages", () => {
    const model = withMessages(withSnapshot(NO_RUN, ended), log(run("running"), step("a", "running")));
    expect(model.run?.status).toBe("completed");
    expect(states(model)).toEqual(["a:0:completed"]);
  });
  it("completes what messages did not say", () => expect(states(withSnapshot(fold(step("a", "running")), ended))).toEqual(["a:0:completed"]));
  it("may be empty or odd", () => {
    expect(withSnapshot(NO_RUN, parseSnapshot(null)).run).toBeNull();
    expect(withSnapshot(NO_RUN, parseSnapshot({ steps: [1, null, {}] })).steps.size).toBe(0);
  });
});

describe("open steps", () => {
  it("are those not over", () =>
    expect(openSteps(fold(run("running"), step("a", "completed"), step("b", "waiting"), step("c", "retrying"))).map((s) => s.hash)).toEqual(["b", "c"]));
  it("are none once the run is over", () => {
    const model = fold(run("cancelled"), step("b", "waiting"));
    expect(isOver(model)).toBe(true);
    expect(openSteps(model)).toEqual([]);
  });
});
