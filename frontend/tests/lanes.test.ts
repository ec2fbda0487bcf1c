// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { areParallel, lanesOf, wordDifference, type Piece } from "../src/state/lanes";
import { NO_TOKENS, withTokens } from "../src/state/tokens";
import { log, token, type Raw } from "./build";
import { button, draw, scene, settle } from "./draw";

const lanes = (...raws: Raw[]): ReturnType<typeof lanesOf> =>
  lanesOf(withTokens(NO_TOKENS, log(...raws), { topics: null, field: null, run_id: null }).segments);
const own = (pieces: readonly Piece[]): string[] => pieces.filter((piece) => piece.own).map((piece) => piece.text.trim());

describe("lanes", () => {
  it("are one for each run and topic", () => {
    const found = lanes(token("a", { run: "r1" }), token("b", { run: "r2" }), token("c", { run: "r1", step: "other" }), token("d", { run: "r1", topic: "notes" }));
    expect(found.map((lane) => [lane.run_id, lane.topic, lane.segments.length])).toEqual([["r1", "tokens", 2], ["r2", "tokens", 1], ["r1", "notes", 1]]);
  });
  it("are beside each other if they were written at the same time, or by one run", () => {
    const at = (run: string, ms: number): Raw => token("x", { run, at: ms });
    expect(areParallel(lanes(at("r1", 0), at("r1", 100), at("r2", 50), at("r2", 150)))).toBe(true);
    expect(areParallel(lanes(at("r1", 0), at("r1", 100), at("r2", 200), at("r2", 250)))).toBe(false);
    expect(areParallel(lanes(at("r1", 0), token("y", { run: "r1", topic: "notes", at: 900 })))).toBe(true);
  });
});

describe("what differs", () => {
  it("is found word by word, white space apart", () => {
    const found = wordDifference("The cat sat\non the mat.", "The dog sat on the red mat.");
    expect(found?.map(own)).toEqual([["cat"], ["dog", "red"]]);
    expect(found?.map((pieces) => pieces.map((piece) => piece.text).join(""))).toEqual(["The cat sat\non the mat.", "The dog sat on the red mat."]);
  });
  it.each([["", "", [[], []]], ["a", "", [["a"], []]], ["same", "same", [[], []]]])("of %j and %j", (a, b, expected) =>
    expect(wordDifference(a, b)?.map(own)).toEqual(expected));
  it("is not looked for in texts that are too long", () => expect(wordDifference("w ".repeat(3000), "w")).toBeNull());
});

describe("a stream of two runs", () => {
  it("has a column for each with its own figures, and counts who is running", async () => {
    const { root } = await draw(scene("s-two"));
    expect(root.querySelector(".inb-head .inb-status")?.textContent).toBe("1 of 2 running");
    const heads = [...root.querySelectorAll(".inb-lanes .inb-runhead")].map((head) => head.textContent?.replaceAll("\u00a0", " "));
    expect(heads[0]).toMatch(/^Completed…BED1WRgpt-4o39\.5 tok\/s · 412 ms · 318 tokens/);
    expect(heads[1]).toMatch(/^Running…9QK2MM.*142 tokens/);
  });
  it("goes below each other and back, and marks what differs, without losing text", async () => {
    const { root } = await draw(scene("s-two"));
    button(root, "Side by side").click();
    await settle();
    expect(root.querySelector(".inb-lanes")).toBeNull();
    expect(root.querySelectorAll(".inb-text")).toHaveLength(2);
    button(root, "Show the differences of the first two").click();
    await settle();
    expect(root.querySelectorAll("mark").length).toBeGreaterThan(2);
    button(root, "Show the differences of the first two").click();
    await settle();
    expect(root.querySelector("mark")).toBeNull();
    expect(root.textContent).toContain("What is durable execution?");
  });
});
