import { describe, expect, it } from "vitest";
import { NO_RUN, openSteps, withMessages, type RunModel } from "../src/state/run";
import { isWriting, overallRate, runElapsed, streamStatus, textElapsed, timeToFirst } from "../src/state/stream-status";
import { NO_TOKENS, withTokens, type Segment } from "../src/state/tokens";
import { packageOf, parseTraceback, placeOf } from "../src/state/traceback";
import { asksPerson, past, runStatus, STATUS } from "../src/status";
import { themeOfColour } from "../src/theme";
import type { RunStatus } from "../src/wire";
import { TRACEBACK } from "../gallery/story";
import { log, run, step, T, token, type Raw } from "./build";

const model = (...raws: Raw[]): RunModel => withMessages(NO_RUN, log(...raws));
const wait = (event: string): Raw => step("w", "waiting", { op: "wait_for_event", wait: { event, if: "" } });

describe("the status of a run", () => {
  it.each<[string, RunModel, string]>([
    ["Queued", model(run("queued")), "queued"],
    ["Running", model(run("running")), "running"],
    ["Running", model(run("waiting"), step("a", "running"), wait("app/approval")), "waiting"],
    ["Waiting for you", model(run("waiting"), wait("app/approval")), "waiting"],
    ["Waiting for event", model(run("waiting"), wait("app/file")), "waiting"],
    ["Waiting for event", model(run("waiting")), "waiting"],
    ["Sleeping", model(run("waiting"), step("s", "waiting", { op: "sleep" })), "waiting"],
    ["Waiting for function", model(run("waiting"), step("i", "waiting", { op: "invoke" })), "waiting"],
    ["Waiting for app-child", model(run("waiting"), step("i", "waiting", { op: "invoke", function: "app-child" })), "waiting"],
    ["Retrying", model(run("running"), step("a", "retrying")), "running"],
    ["Completed", model(run("completed")), "completed"],
    ["Failed", model(run("failed")), "failed"],
    ["Cancelled", model(run("cancelled"), wait("app/approval")), "cancelled"],
  ])("reads %s", (word, of, status) =>
    expect(runStatus(status as RunStatus, openSteps(of), asksPerson, T).word).toBe(word));
  it.each([
    [STATUS.running, "Was running"], [STATUS.waitingYou, "Was waiting"], [STATUS.retrying, "Was retrying"], [STATUS.completed, "Completed"],
    [STATUS.textComplete, "Was running"], [{ ...STATUS.sleeping, word: "Sleeping until 16:00:00" }, "Was sleeping"],
  ])("of %j in the past", (status, word) => expect(past(status).word).toBe(word));
});

describe("a stream", () => {
  const segments = (...raws: Raw[]): readonly Segment[] => withTokens(NO_TOKENS, log(...raws), { topics: null, field: null, run_id: null }).segments;
  const text = segments(token("a", { at: 400 }), token("b", { at: 500 }), token("c", { at: 600 }));
  const committed = segments(token("a"), { kind: "commit", data: { run_id: "r1", step_id: "generate" } });
  const generating = step("generate", "running", {});
  it.each<[string, readonly Segment[], RunModel | undefined, number]>([
    ["Listening", [], undefined, T], ["Running", text, undefined, T + 700], ["Listening", text, undefined, T + 60_000],
    ["Running", text, model(run("running"), generating), T], ["Text complete", committed, model(run("running")), T],
    ["Waiting for you", committed, model(run("waiting"), wait("app/approval")), T], ["Completed", committed, model(run("completed")), T],
  ])("is %s", (word, of, run, now) => expect(streamStatus(of, run, asksPerson, now).word).toBe(word));
  it("is being written while its step runs", () => {
    expect(isWriting(text[0]!, model(run("running"), generating), T)).toBe(true);
    expect(isWriting(text[0]!, model(run("running"), step("generate", "completed")), T)).toBe(false);
    expect(isWriting(text[0]!, model(run("cancelled"), generating), T)).toBe(false);
    expect(isWriting(committed[0]!, model(run("running"), generating), T)).toBe(false);
  });
  it("has its figures", () => {
    const of = model(run("running"), step("generate", "completed", { ended_at: T + 650 }));
    expect(timeToFirst(text[0]!, of)).toBe(400);
    expect(overallRate(text)).toBe(10);
    expect(textElapsed(text, of)).toBe(650);
    expect(textElapsed(text, undefined)).toBe(200);
    expect(runElapsed(of, T + 900)).toBe(900);
    expect(runElapsed(undefined, T)).toBeUndefined();
  });
});

describe("a traceback", () => {
  const { frames } = parseTraceback(TRACEBACK);
  it("knows the reader's own frames", () => expect(frames.map((frame) => frame.own)).toEqual([false, true, false, false, false]));
  it("says where in the reader's words", () => expect(placeOf(frames[1]!)).toBe("In a cell, line 14, in call_model"));
  it("drops marks under code", () => expect(frames[1]?.code).toHaveLength(1));
  it("names the package", () => expect(frames.map(packageOf)).toEqual(["inngest_nb", "ipykernel_4711", "openai", "openai", "openai"]));
  it.each(["", "Oops", "File \"x\"", "Traceback (most recent call last):"])("survives %j", (text) => expect(parseTraceback(text).frames).toEqual([]));
});

describe("the ground behind a card", () => {
  it.each([
    ["rgb(255, 255, 255)", "light"], ["rgb(17, 17, 17)", "dark"], ["rgba(0, 0, 0, 0)", undefined], ["transparent", undefined],
    ["color(srgb 0.1 0.1 0.1)", "dark"], ["color(srgb 1 1 1 / 0.9)", "light"], ["", undefined],
  ])("%s is %s", (colour, theme) => expect(themeOfColour(colour)).toBe(theme));
});
