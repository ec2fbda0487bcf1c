// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { replayEnv } from "../gallery/replay";
import { MessageFeedController } from "../src/views/message-feed-controller";
import { extended, fits, NO_FILTER, NO_STRETCH, parseSearch, preview, rowsOf, searchQuery, type FeedRow } from "../src/state/feed";
import { pythonText } from "../src/views/json-tree";
import type { Message } from "../src/wire";
import { draw, scene, settle } from "./draw";

const T = Date.UTC(2026, 10, 21, 14);
const message = (offset: number, more: Partial<Message> = {}): Message => ({
  channel: "c", topic: "status", kind: "data", data: { n: offset }, at: T + offset, created_at: "", offset, run_id: "R1", ...more,
});
const token = (offset: number, attempt = 0): Message => message(offset, { topic: "tokens", data: { token: `t${offset} ` }, step_id: "s", attempt });
const stretch = (messages: Message[]): typeof NO_STRETCH => ({ ...NO_STRETCH, messages, to: messages.length });
const shown = (rows: readonly FeedRow[]): string[] => rows.map((row) => row.kind === "fold"
  ? `${row.struck ? "~" : ""}fold ${row.messages[0]?.offset}-${row.messages.at(-1)?.offset} ${row.text}`
  : row.kind === "message" ? `${row.struck ? "~" : ""}${row.message.offset}` : row.kind);

describe("rows", () => {
  it("fold pieces of one attempt", () =>
    expect(shown(rowsOf(stretch([message(0), token(1), token(2), token(3), message(4)]), new Set()))).toEqual(["0", "fold 1-3 t1 t2 t3", "4"]));
  it("do not fold a few, nor what is no text, nor other attempts", () => {
    expect(shown(rowsOf(stretch([token(0), token(1), message(2), message(3), message(4)]), new Set()))).toEqual(["0", "1", "2", "3", "4"]);
    expect(shown(rowsOf(stretch([token(0), token(1), token(2, 1), token(3, 1)]), new Set()))).toHaveLength(4);
  });
  it("unfold", () => expect(shown(rowsOf(stretch([token(0), token(1), token(2)]), new Set(["f-0"])))).toEqual(["fold 0-2 t0 t1 t2", "0", "1", "2"]));
  it("strike what a later rollback took back, and no other attempt", () => {
    const back = message(3, { kind: "rollback", topic: "$step", data: { run_id: "R1", step_id: "s", attempt: 0, reason: "failed" } });
    expect(shown(rowsOf(stretch([token(0), token(1), token(2), back, token(4, 1), token(5, 1), token(6, 1)]), new Set())))
      .toEqual(["~fold 0-2 t0 t1 t2", "3", "fold 4-6 t4 t5 t6"]);
    expect(preview(back)).toBe("rollback step=s attempt=1 (failed)");
  });
  it("say what is missing where it is missing", () => {
    const gaps = [{ from: 2, to: 5, lost: 3 }];
    expect(shown(rowsOf({ messages: [message(0), message(1), message(5)], from: 0, to: 6, gaps }, new Set()))).toEqual(["0", "1", "gap", "5"]);
  });
  it("tell days apart", () => expect(shown(rowsOf(stretch([message(0), message(1, { at: T + 86_400_000 })]), new Set()))).toEqual(["0", "day", "1"]));
});

describe("a stretch", () => {
  it("grows at both ends, in order and without doubles", () => {
    const grown = extended({ ...stretch([message(5)]), from: 5, to: 6 }, [message(3), message(4), message(5)], 3, 6, 100);
    expect([grown.messages.map((m) => m.offset), grown.from, grown.to]).toEqual([[3, 4, 5], 3, 6]);
  });
  it("forgets at the other end", () => {
    const many = Array.from({ length: 10 }, (_, i) => message(i));
    const later = extended({ ...NO_STRETCH, messages: many, from: 0, to: 10 }, [message(10), message(11)], 0, 12, 10);
    expect([later.from, later.to, later.messages.length]).toEqual([2, 12, 10]);
    const earlier = extended({ ...NO_STRETCH, messages: many.map((m) => message(m.offset + 5)), from: 5, to: 15 }, [message(3), message(4)], 3, 5, 10);
    expect([earlier.from, earlier.to]).toEqual([3, 13]);
  });
});

describe("a search", () => {
  it.each([
    ["", NO_FILTER], ["needle", { ...NO_FILTER, text: "needle" }], ["two words", { ...NO_FILTER, text: "two words" }],
    ["n=5", { ...NO_FILTER, path: "n", value: "5" }], ["kind:run run:3VBED1 x", { ...NO_FILTER, kind: "run", run: "3VBED1", text: "x" }],
    ["a.b[0].c=x y", { ...NO_FILTER, path: "a.b[0].c", value: "x", text: "y" }],
  ])("%s", (typed, filter) => expect(parseSearch(typed, [])).toEqual(filter));
  it("decides live as the server does", () => {
    const one = message(1, { data: { word: "Needle", deep: { list: [{ id: "x" }], yes: true } }, run_id: "01AB" });
    for (const typed of ["needle", "word=Needle", "deep.list[0].id=x", "deep.yes=true", "run:ab", "kind:data"]) expect([typed, fits(one, parseSearch(typed, []))]).toEqual([typed, true]);
    for (const typed of ["hay", "word=needle", "deep.list[1].id=x", "deep.yes=false", "missing=undefined", "run:b1", "kind:run"]) expect([typed, fits(one, parseSearch(typed, []))]).toEqual([typed, false]);
  });
  it("is put into a request", () =>
    expect(searchQuery({ ...parseSearch("a=b", ["t", "lifecycle"]) }, ["$run", "$step"], 9, 5)).toBe("before=9&limit=5&topics=t%2C%24run%2C%24step&path=a&value=b"));
});

it("writes Python", () => expect(pythonText({ a: [true, null, "x'\n"], b: {} })).toBe('{\n    "a": [\n        True,\n        None,\n        "x\'\\n",\n    ],\n    "b": {},\n}'));

describe("a feed", () => {
  const offsets = (root: HTMLElement): string[] => [...root.querySelectorAll(".c-offset")].map((cell) => cell.textContent ?? "");
  it("draws the log with folds and counts", async () => {
    const { root } = await draw(scene("m-live"));
    expect(offsets(root)).toEqual(["0", "1–84", "85", "86–403", "404", "405", "406"]);
    expect(root.querySelectorAll("del")).toHaveLength(1);
    expect(root.textContent).toContain("318 in 4.60\u00a0s");
    expect([...root.querySelectorAll(".inb-chip")].map((chip) => chip.textContent)).toEqual(["All407", "status1", "tokens402", "approvals1", "result1", "lifecycle2"]);
  });
  it("opens a message as a tree", async () => {
    const { root } = await draw(scene("m-live"));
    root.querySelector<HTMLElement>("[data-offset='404'] .twist")?.click();
    await settle();
    expect(root.querySelector("[role=tree]")?.textContent).toContain('message: "Publish this answer?"');
  });
  it("goes on receiving while it is paused, and shows that", async () => {
    const { root, link } = await draw(scene("m-compact"));
    root.querySelector<HTMLElement>("[aria-label=Pause]")?.click();
    await settle();
    const before = offsets(root);
    link.say("ai:01KAJ8Q4V7N2M5X9ZT3VBED1WR", [message(407, { channel: "ai:01KAJ8Q4V7N2M5X9ZT3VBED1WR" })]);
    await settle();
    expect(offsets(root)).toEqual(before);
    expect(root.querySelector(".inb-newer")?.textContent).toBe("Show 1 newer message");
    expect(root.dataset.inbMessages).toBe("408");
  });
  it("keeps its rows while another place is asked for, and of many places asks for the last", async () => {
    const env = replayEnv(scene("m-compact").recording);
    const gets: string[] = [];
    const answers: (() => void)[] = [];
    const get = env.link.request.bind(env.link);
    Object.assign(env.link, { request: async (method: "GET", path: string) => {
      gets.push(path);
      if (/before=/.test(path)) await new Promise<void>((resolve) => answers.push(resolve));
      return get(method, path);
    } });
    const controller = new MessageFeedController({ ...env, savedAt: undefined }, scene("m-compact").params, {});
    await vi.waitFor(() => expect(controller.state.counts.size).toBeGreaterThan(0));
    const shown = controller.state.stretch.messages.length;
    for (const place of [10, 20, 30, 40]) void controller.jump(place);
    expect(controller.state.stretch.messages).toHaveLength(shown);
    await vi.waitFor(() => { answers.shift()?.(); expect(controller.state.loading).toBeNull(); });
    expect(gets.filter((path) => path.includes("before=")).map((path) => /before=(\d+)/.exec(path)?.[1])).toEqual(["210", "240"]);
    controller.dispose();
  });
});
