import { describe, expect, it } from "vitest";
import { isShown, NO_QUESTIONS, questionId, viewQuestion, withQuestions, type Pending, type Question } from "../src/state/questions";
import { NO_RUN, withMessages, type RunModel } from "../src/state/run";
import { log, rollback, run, step, T, type Raw } from "./build";

const ID = "5b0c41d2-9a3e-4f6b-8c17-0242ac120002";
const ask = (data: object = {}, more: Raw = {}): Raw => ({ topic: "approvals", step: "ask", ...more, data: { message: "Proceed?", confirmation_uuid: ID, ...data } });
const questions = (raws: readonly Raw[], topic: string | null = null): readonly Question[] => withQuestions(NO_QUESTIONS, log(...raws), topic).questions;
const wait = (status: string, data: object = {}): Raw => step("confirm", status, {
  op: "wait_for_event", wait: { event: "app/confirmation", if: `async.data.confirmation_uuid == '${ID}'`, expires_at: T + 60_000 }, ...data,
});
const model = (...raws: Raw[]): RunModel => withMessages(NO_RUN, log(...raws));

describe("questions of a channel", () => {
  it.each([
    ["message", { message: "A?" }, "A?"], ["question", { message: undefined, question: "B?" }, "B?"], ["prompt", { message: undefined, prompt: "C?" }, "C?"],
  ])("have their text in %s", (_, data, text) => expect(questions([ask(data)])[0]?.text).toBe(text));
  it("are not messages without an id, where any topic may ask", () => {
    expect(questions([{ data: { message: "hello" } }])).toEqual([]);
    expect(questions([{ topic: "approvals", data: { message: "hello" } }], "approvals")).toHaveLength(1);
  });
  it("are only of the topic asked for", () => expect(questions([ask({}, { topic: "other" })], "approvals")).toEqual([]));
  it("are replaced when they are published again", () =>
    expect(questions([ask(), ask({ message: "Really?" })]).map((q) => q.text)).toEqual(["Really?"]));
  it("go with the step that is rolled back", () => expect(questions([ask(), rollback(0, { step: "ask" })])).toEqual([]));
  it("stay when another attempt, step or run is rolled back", () => {
    for (const other of [rollback(0, { step: "ask", run: "r2" }), rollback(0, { step: "other" }), rollback(1, { step: "ask" })]) {
      expect(questions([ask(), other])).toHaveLength(1);
    }
    expect(questions([ask(), rollback(0, { step: "ask" }), ask({}, { attempt: 1 }), rollback(0, { step: "ask" })])).toHaveLength(1);
  });
  it("are nothing in odd data", () => expect(questions([{ data: null }, { data: [1] }, { data: "x" }, { kind: "rollback", data: 3 }])).toEqual([]));
});

describe("questionId", () => {
  it.each([
    [{ confirmation_uuid: ID }, ID], [{ id: "abcdef" }, "abcdef"], [{ id: "abc" }, undefined], [{ text: "some words" }, undefined],
    [{ note: "some words", run: "01KAJ8Q4V7N2M5X9ZT3VBED1WR" }, "01KAJ8Q4V7N2M5X9ZT3VBED1WR"],
  ])("of %j is %j", (data, id) => expect(questionId(data)).toBe(id));
});

describe("a question and its wait", () => {
  const question = questions([ask()])[0]!;
  const pending = (phase: Pending["phase"], approved = true): Pending => ({ approved, id: "u", clickedAt: T, phase });
  const answer = (approved: boolean): object => ({ ended_at: T + 9, answered: { user: { name: "ada" }, ts: T + 9, data: { approved } } });
  it.each<[string, RunModel | undefined, Pending | undefined, number]>([
    ["opening", undefined, undefined, 0],
    ["opening", model(run("running")), undefined, 0],
    ["open", model(run("waiting"), wait("waiting")), undefined, 0],
    ["sending", model(run("waiting"), wait("waiting")), pending("sending"), 0],
    ["sending", model(run("waiting"), wait("waiting")), pending("sent"), 0],
    ["kept", model(run("waiting"), wait("waiting")), pending("kept"), 0],
    ["open", model(run("waiting"), wait("waiting")), pending("refused"), 0],
    ["expired", model(run("waiting"), wait("waiting")), undefined, 60_000],
    ["expired", model(run("waiting"), wait("waiting")), pending("kept"), 60_000],
    ["approved", model(run("running"), wait("completed", answer(true))), undefined, 0],
    ["rejected", model(run("running"), wait("completed", answer(false))), undefined, 0],
    ["answered", model(run("running"), wait("completed")), undefined, 0],
    ["timed_out", model(run("running"), wait("timed_out", { ended_at: T + 60_000 })), undefined, 60_000],
    ["withdrawn", model(run("cancelled"), wait("cancelled")), undefined, 0],
    ["withdrawn", model(run("cancelled"), wait("waiting")), undefined, 0],
    ["withdrawn", model(run("failed")), undefined, 0],
  ])("%s", (phase, of, click, at) => expect(viewQuestion(question, of, click, T + at).phase).toBe(phase));

  it("belong together by the id, not by the event alone", () => {
    const other = step("other", "waiting", { op: "wait_for_event", wait: { event: "app/confirmation", if: "async.data.confirmation_uuid == 'another-id'" } });
    expect(viewQuestion(question, model(wait("waiting"), other), undefined, T).wait?.hash).toBe("confirm");
    expect(viewQuestion(question, model(other), undefined, T).wait).toBeUndefined();
  });
  it("belong together by the event that the message names", () => {
    const named = questions([ask({ confirmation_uuid: "unrelated-id", event: "app/confirmation" })])[0]!;
    expect(viewQuestion(named, model(wait("waiting")), undefined, T).wait?.hash).toBe("confirm");
  });
  it("know who answered, when, and the deadline", () => {
    const view = viewQuestion(question, model(wait("completed", answer(true))), undefined, T);
    expect([view.by, view.settledAt, view.deadline]).toEqual(["ada", T + 9, T + 60_000]);
  });
  it("know that another answer won", () => {
    const settled = model(wait("completed", answer(false)));
    expect(viewQuestion(question, settled, pending("sent", true), T).overruled).toBe(true);
    expect(viewQuestion(question, settled, pending("sent", false), T).overruled).toBe(false);
  });
  it("are shown without a topic only once a wait is theirs", () => {
    expect(isShown(viewQuestion(question, undefined, undefined, T), null)).toBe(false);
    expect(isShown(viewQuestion(question, undefined, undefined, T), "approvals")).toBe(true);
    expect(isShown(viewQuestion(question, model(wait("waiting")), undefined, T), null)).toBe(true);
  });
});
