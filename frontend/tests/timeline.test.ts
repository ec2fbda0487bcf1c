// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { NO_RUN, withMessages } from "../src/state/run";
import { compared, difference } from "../src/state/compare";
import { timelineRows, type Row, type RowOptions } from "../src/state/rows";
import { asksPerson } from "../src/status";
import { Columns, firstReaching } from "../src/views/columns";
import { log, run, step, T, type Raw } from "./build";
import { button, draw, scene, settle } from "./draw";

const OPTIONS: RowOptions = { now: T + 10_000, name: "fn", toggled: new Set(), isPerson: asksPerson, tokensOf: () => undefined };
const rows = (raws: readonly Raw[], more: Partial<RowOptions> = {}): Row[] => timelineRows(withMessages(NO_RUN, log(...raws)), { ...OPTIONS, ...more });
const labels = (root: HTMLElement): string[] => [...root.querySelectorAll(".row .t")].map((t) => t.textContent ?? "");
const press = async (root: HTMLElement, key: string): Promise<void> => {
  (document.activeElement && root.contains(document.activeElement) ? document.activeElement : root).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  for (let i = 0; i < 3; i++) await settle();
};
const focused = (): string | undefined => (document.activeElement as HTMLElement | null)?.dataset.key;

describe("siblings", () => {
  const family = (count: number): Raw[] => Array.from({ length: count }, (_, i) =>
    step(`embed-${i}`, i === 7 ? "failed" : "completed", { index: i + 1, started_at: T + i, ended_at: T + i + 10 }));
  it("of up to thirty are rows of their own", () => expect(rows([run("running"), ...family(30)])).toHaveLength(31));
  it("of more are one row that says how they went, worst first", () => {
    const all = rows([run("running"), step("list", "completed", { ended_at: T + 1 }), ...family(31)]);
    expect(all.map((row) => row.label)).toEqual(["fn", "list", "embed × 31"]);
    expect(all[2]).toMatchObject({ kind: "group", note: "1 failed, 30 completed", children: "closed", from: T, to: T + 40 });
    expect(all[2]?.bars).toHaveLength(31);
  });
  it("come out when the row is opened", () => expect(rows([run("running"), ...family(40)], { toggled: new Set(["*embed"]) })).toHaveLength(42));
  it("keep the summary of a run with 20,000 steps quick", () => {
    const many = [run("completed", { ended_at: T + 400_000 }), ...Array.from({ length: 20_000 }, (_, i) =>
      step(`${String.fromCharCode(97 + (i % 26))}${i}x`, i % 97 ? "completed" : "failed", { index: i, started_at: T + i * 20, ended_at: T + i * 20 + 15 }))];
    const model = withMessages(NO_RUN, log(...many));
    const begun = performance.now();
    const all = timelineRows(model, OPTIONS);
    expect(performance.now() - begun).toBeLessThan(1500);
    expect(all).toHaveLength(20_001);
  });
});

describe("an invoked run", () => {
  const parent = [run("running"), step("call", "waiting", { op: "invoke", child: "child" })];
  const child = withMessages(NO_RUN, log(run("running", { run_id: "child" }), step("inner", "running", { run_id: "child" })));
  it("is closed, then open with its steps below it", () => {
    expect(rows(parent)[1]).toMatchObject({ child: "child", children: "closed" });
    const open = rows(parent, { toggled: new Set(["call"]), modelOf: (id) => (id === "child" ? child : undefined) });
    expect(open.map((row) => [row.depth, row.key, row.run_id])).toEqual([[0, "run", "r1"], [1, "call", "r1"], [2, "child/inner", "child"]]);
  });
  it("is asked for when it is opened", async () => {
    const { root } = await draw({ ...scene("t-nested") });
    expect(labels(root)).toHaveLength(3);
    button(root, "Show its steps").click();
    await settle();
    await settle();
    expect(labels(root).slice(3)).toEqual(["split", "section-1", "section-22 attempts", "section-3"]);
    root.querySelector<HTMLElement>('[data-key$="/h-split"]')?.click();
    await settle();
    expect(root.querySelector(".inb-detail h4")?.textContent).toContain("split");
  });
});

describe("two runs", () => {
  const first = rows([run("completed", { ended_at: T + 100 }), step("a", "completed", { ended_at: T + 40 }), step("b", "completed", { index: 1, started_at: T + 40, ended_at: T + 90 })]);
  const second = rows([run("completed", { started_at: T + 1000, ended_at: T + 1200 }), step("a", "completed", { started_at: T + 1000, ended_at: T + 1100 }), step("c", "failed", { index: 2, started_at: T + 1100, ended_at: T + 1150 })]);
  const both = compared(first, second, T + 2000);
  it("are aligned by step and begin at the same moment", () => {
    expect(both.map((row) => [row.label, row.other?.took, difference(row, T)])).toEqual([
      ["fn", 200, 100], ["a", 100, 60], ["b", undefined, undefined], ["c", 50, undefined]]);
    expect(both[1]?.other?.bars[0]).toMatchObject({ from: T, to: T + 100 });
    expect(both[3]).toMatchObject({ bars: [], other: { only: true } });
  });
  it("are drawn with how much longer the other took", async () => {
    const { root } = await draw(scene("t-compare"));
    expect([...root.querySelectorAll(".diff")].map((d) => d.textContent)).toEqual(["−1.00\u00a0s", "−200\u00a0ms", "+2.39\u00a0s", "−3.30\u00a0s", "350\u00a0ms"]);
    expect(root.textContent).toContain("Outlined: run …9QK2MM · Failed");
    button(root, "Close").click();
    await settle();
    expect(root.querySelector(".diff")).toBeNull();
  });
});

describe("keys", () => {
  it("go to errors, to what is found, and zoom about what is selected", async () => {
    const { root } = await draw(scene("t-many"));
    root.querySelector<HTMLElement>('[role="row"]')?.focus();
    await press(root, "e");
    expect(focused()).toBe("h-a40x");
    await press(root, "e");
    expect(focused()).toBe("h-b81x");
    await press(root, "E");
    expect(focused()).toBe("h-a40x");
    await press(root, "f");
    expect(button(root, "Fit to view")).toBeTruthy();
    await press(root, "0");
    expect(root.querySelector('[aria-label="Fit to view"]')).toBeNull();
    await press(root, "/");
    const input = root.querySelector<HTMLInputElement>(".inb-find input");
    expect(document.activeElement).toBe(input);
    if (input) input.value = "c12";
    input?.dispatchEvent(new Event("input", { bubbles: true }));
    await settle();
    await press(root, "Enter");
    expect(focused()).toBe("h-c12x");
  });
  it("have no more rows in the document than can be seen", async () => {
    const { root } = await draw(scene("t-many"));
    expect(root.querySelector('[role="treegrid"]')?.getAttribute("aria-rowcount")).toBe("161");
    expect(root.querySelectorAll('[role="row"]').length).toBeLessThan(60);
    await press(root, "End");
    expect(focused()).toBe("h-j159x");
  });
});

describe("a step", () => {
  it("can be run from again, and the new run laid over this one", async () => {
    const plan = { status: 200, body: { steps: [{ step_id: "fetch-context", hash: "h-fetch-context", index: 0, action: "reused", code_changed: true }, { step_id: "generate", hash: "h-generate", index: 1, action: "runs again", code_changed: false }] } };
    const { root, posts } = await draw(scene("t-failed"), [plan, { status: 200, body: { run: { run_id: "01KAJ9ZZV7N2M5X9ZT3V9QK2MM" } } }]);
    button(root, "Rerun from here…").click();
    await settle();
    await settle();
    expect(root.querySelector(".inb-rerun")?.textContent).toContain("code changed");
    button(root, "Rerun").click();
    await settle();
    await settle();
    expect(posts.map((post) => post.path.split("/").at(-1))).toEqual(["plan", "rerun"]);
    expect(posts[1]?.body).toMatchObject({ from_step: "h-generate" });
    expect(root.textContent).toContain("Run …9QK2MM was started.");
    button(root, "Compare with it").click();
    await settle();
    expect(root.textContent).toContain("Run …9QK2MM is not in the journal.");
  });
});

describe("the details of a step", () => {
  it("name the model and what it was given and gave, where its output says so", async () => {
    const { root } = await draw(scene("t-completed"));
    root.querySelector<HTMLElement>("[data-hash=h-generate]")?.click();
    await settle();
    expect(root.querySelector(".inb-facts")?.textContent).toContain("Tokens in / out212 / 318Modelgpt-4o");
  });
});

describe("a step that was cancelled", () => {
  it("says by whom, and what is kept of its text", () => {
    const tokensOf: RowOptions["tokensOf"] = () => ({ first: T, last: T + 9, count: 97 });
    const [, row] = rows([run("running"), step("generate", "cancelled", { ended_at: T + 9 }), run("cancelled", { cancelled_by: "ada", ended_at: T + 9 })], { tokensOf });
    expect(row?.mark.text).toBe("cancelled by ada · 97 tokens kept");
  });
});

describe("a step in its backoff", () => {
  it("is not waited for when somebody says so", async () => {
    const { root, posts } = await draw(scene("t-retrying"), [{ status: 200, body: { retried: 1 } }]);
    root.querySelector<HTMLElement>("[data-hash=h-generate]")?.click();
    await settle();
    button(root, "Retry now").click();
    expect(posts.map((post) => post.path)).toEqual([expect.stringMatching(/\/retry$/)]);
  });
});

describe("bars thinner than a pixel", () => {
  it("are merged by column, the worst on top", () => {
    const columns = new Columns();
    for (const [x, role] of [[1.2, "ok"], [1.8, "bad"], [1.9, "ok"], [2.1, "ok"], [3.5, "ok"], [9, "run"]] as const) columns.add(x, x + 0.1, role);
    const drawn: unknown[] = [];
    const pen = { fillStyle: "", fillRect(x: number, _y: number, width: number): void { drawn.push([this.fillStyle, x, width]); } };
    columns.draw(pen as unknown as CanvasRenderingContext2D, { graphic: { ok: "ok", bad: "bad", run: "run" } } as never, 0, 12);
    expect(drawn).toEqual([["bad", 1, 1], ["ok", 2, 2], ["run", 9, 1]]);
  });
  it("are found by halving, long ones that began earlier too", () => {
    const bars = [[0, 100], [10, 20], [30, 40], [150, 160]].map(([from, to]) => ({ kind: "ran", role: "ok", from, to })) as never[];
    expect(firstReaching(bars, 200, (at) => at >= 35)).toBe(0);
    expect(firstReaching(bars, 200, (at) => at >= 120)).toBe(3);
    expect(firstReaching(bars, 200, (at) => at >= 500)).toBe(4);
  });
});
