import { describe, expect, it } from "vitest";
import { modelOf, NO_TOKENS, pieceOf, textFrom, tokenCount, withGap, withTokens, type TokenOptions, type TokenState } from "../src/state/tokens";
import { log, rollback, run, token, type Raw } from "./build";

const ALL: TokenOptions = { topics: null, field: null, run_id: null };
const fold = (raws: readonly Raw[], options = ALL, from: TokenState = NO_TOKENS): TokenState => withTokens(from, log(...raws), options);
const texts = (state: TokenState): string[] => state.segments.map((segment) => segment.text);

describe("pieceOf", () => {
  it.each([
    ["plain", null, "plain"], [{ token: "a" }, null, "a"], [{ text: "b" }, null, "b"], [{ content: "c" }, null, "c"],
    [{ delta: "d" }, null, "d"], [{ other: "x" }, null, undefined], [{ other: "x" }, "other", "x"], [{ token: 7 }, null, undefined],
    ["plain", "token", undefined], [null, null, undefined], [[1], null, undefined], [{ token: "" }, null, ""],
  ])("%j by field %j is %j", (data, field, piece) => expect(pieceOf(data, field)).toBe(piece));
});

describe("text", () => {
  it("grows by pieces in order", () => expect(texts(fold([token("a"), token("b"), token("c")]))).toEqual(["abc"]));
  it("takes every offset once", () => {
    const state = fold([token("a"), token("b")]);
    expect(texts(fold([token("a"), token("b"), token("c")], ALL, state))).toEqual(["abc"]);
  });
  it("does not change the state it starts from", () => {
    const state = fold([token("a")]);
    fold([token("a"), token("b")], ALL, state);
    expect(texts(state)).toEqual(["a"]);
  });
  it("keeps steps, runs and topics apart", () => {
    const state = fold([token("a"), token("b", { step: "other" }), token("c", { run: "r2" }), token("d", { topic: "thoughts" })]);
    expect(texts(state)).toEqual(["a", "b", "c", "d"]);
    expect([...state.runs.keys()]).toEqual(["r1", "r2"]);
  });
  it("takes only the topics asked for", () =>
    expect(texts(fold([token("a"), token("b", { topic: "status" })], { ...ALL, topics: ["tokens"] }))).toEqual(["a"]));
  it("takes only the run asked for", () =>
    expect(texts(fold([token("a"), token("b", { run: "r2" })], { ...ALL, run_id: "r2" }))).toEqual(["b"]));
  it("skips data without text and never throws", () =>
    expect(texts(fold([{ data: null }, { data: 4 }, { data: { x: [1] } }, { kind: "run", data: "odd" }, { kind: "rollback", data: 1 }, token("a")]))).toEqual(["a"]));
});

describe("the end of a text", () => {
  it("is the same as that of the whole text, from any place, also after a rollback", () => {
    const long = Array.from({ length: 40 }, (_, i) => token(`${i}:${"word ".repeat(99)}`));
    for (const raws of [long, [...long, rollback(0), ...long.slice(0, 20).map((raw) => ({ ...raw, attempt: 1 }))]]) {
      let state = NO_TOKENS;
      for (const message of log(...raws)) {
        state = withTokens(state, [message], ALL);
        const [segment] = state.segments;
        if (!segment) throw new Error("no segment");
        for (const at of [0, 1, segment.text.length - 600, segment.text.length - 1, segment.text.length].filter((n) => n >= 0)) {
          expect(textFrom(segment, at)).toBe(segment.text.slice(at));
        }
        expect(segment.tail.text.length).toBeLessThan(9000);
      }
    }
  });
});

describe("rollback", () => {
  const state = fold([token("bad "), token("text"), rollback(0), token("good", { attempt: 1 })]);
  it("strikes what the attempt had said", () => {
    expect(state.segments[0]?.struck.map((struck) => [struck.attempt, struck.text, struck.tokens])).toEqual([[0, "bad text", 2]]);
  });
  it("starts the text again, with a new generation", () => {
    expect(texts(state)).toEqual(["good"]);
    expect(state.segments[0]?.generation).toBe(1);
    expect(state.segments[0]?.attempt).toBe(1);
  });
  it("starts the figures again", () => expect(tokenCount(state.segments)).toBe(1));
  it("touches only its run and step", () => {
    const other = fold([token("a", { step: "x" }), token("b", { run: "r2" }), token("c"), rollback(0)]);
    expect(texts(other)).toEqual(["a", "b", ""]);
  });
  it("changes nothing where nothing was said", () => expect(fold([rollback(0)]).segments).toEqual([]));
  it("works across batches", () => {
    const later = withTokens(fold([token("a"), token("b")]), log(token(""), token(""), rollback(0)), ALL);
    expect(later.segments[0]?.struck[0]?.text).toBe("ab");
  });
  it("strikes each attempt by itself", () => {
    const twice = fold([token("a"), rollback(0), token("b", { attempt: 1 }), rollback(1), token("c", { attempt: 2 })]);
    expect(twice.segments[0]?.struck.map((struck) => struck.text)).toEqual(["a", "b"]);
    expect(texts(twice)).toEqual(["c"]);
  });
});

describe("the rest of a channel", () => {
  it("notes a commit", () => {
    const state = fold([token("a"), { kind: "commit", topic: "$step", data: { run_id: "r1", step_id: "generate", hash: "h", attempt: 0 } }]);
    expect(state.segments[0]?.committed).toBe(true);
  });
  it("notes the end of a run", () => expect(fold([run("completed")]).runs.get("r1")?.status).toBe("completed"));
  it.each([
    [{ input_tokens: 3, output_tokens: 4, model: "m" }, { input: 3, output: 4, model: "m" }],
    [{ usage: { prompt_tokens: 5, completion_tokens: 6 }, model: "n" }, { input: 5, output: 6, model: "n" }],
    [{ input: "many" }, {}],
  ])("reads usage from %j", (data, usage) => expect(fold([{ topic: "usage", data }]).usage).toEqual(usage));
  it.each<[string, Raw[], string | undefined]>([
    ["of the step", [{ step: "generate", data: { model: "a" } }, { step: "other", data: { model: "b" } }], "a"],
    ["of the run, where only one is named in it", [{ data: { model: "a" } }], "a"],
    ["of nobody, where another step or run has named one", [{ step: "x", data: { model: "a" } }, { step: "y", data: { model: "b" } }, { run: "r2", data: { model: "c" } }], undefined],
  ])("knows the model %s", (_, said, model) => expect(modelOf(fold([token("a"), ...said]), { run_id: "r1", step_id: "generate" })).toBe(model));
  it("counts what the log lost and goes on after it", () => {
    const state = withGap(NO_TOKENS, 40, 40);
    expect(state.lost).toBe(40);
    expect(texts(fold([token("old", { offset: 39 }), token("new", { offset: 40 })], ALL, state))).toEqual(["new"]);
  });
});
