// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { button, draw, scene, settle } from "./draw";

const PLAN = Object.keys(scene("r-live").recording.answers ?? {}).find((path) => path.endsWith("/plan")) ?? "";
const rows = (root: HTMLElement): string[] => [...root.querySelectorAll<HTMLElement>("[data-run]")].map((row) => row.dataset.status ?? "");
const key = (target: Element | null | undefined, name: string): void =>
  void target?.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));

describe("a table of runs", () => {
  it("has rows, counts and a label for each waterfall", async () => {
    const { root } = await draw(scene("r-live"));
    expect(rows(root)).toEqual(["running", "waiting", "retrying", "queued", "waiting", "completed", "completed", "failed", "cancelled"]);
    expect([...root.querySelectorAll(".inb-chip")].map((chip) => chip.textContent)).toEqual(["All1,284", "Running3", "Needs you2", "Failed17", "Last hour46"]);
    expect(root.querySelector("[data-run] .c-steps")?.textContent).toContain("2 steps");
    expect(root.querySelector("[role=treegrid]")?.getAttribute("aria-rowcount")).toBe("10");
  });
  it("asks before it cancels what is being executed, and only then", async () => {
    const { root, posts } = await draw(scene("r-live"), [{ status: 200, body: {} }]);
    button(root, "Cancel run").click();
    await settle();
    expect(posts).toEqual([]);
    expect(root.querySelector("[role=alertdialog]")?.textContent).toContain("generate is being executed");
    [...root.querySelectorAll<HTMLElement>("[role=alertdialog] button")].at(-1)?.click();
    await settle();
    expect(posts.map((post) => post.path)).toEqual([expect.stringMatching(/^runs\/.+3VBED1\/cancel$/)]);
  });
  it("cancels a queued run at once", async () => {
    const { root, posts } = await draw(scene("r-live"), [{ status: 200, body: {} }]);
    root.querySelector<HTMLElement>("[data-status=queued] [aria-label='Cancel run']")?.click();
    await settle();
    expect(posts).toHaveLength(1);
  });
  it("runs again and says as what", async () => {
    const { root, posts } = await draw(scene("r-live"), [{ status: 200, body: { run: { run_id: "01KAJ8Q4V7N2M5X9ZT00NEWR11" } } }]);
    key(root.querySelector("[data-status=failed]"), "r");
    await settle();
    expect(posts[0]?.path).toMatch(/M2D5KE\/rerun$/);
    expect(root.textContent).toContain("Started again as …NEWR11");
  });
  it("brings forward what waits for its next attempt, and offers that nowhere else", async () => {
    const { root, posts } = await draw(scene("r-live"), [{ status: 200, body: { retried: 1 } }]);
    const open = async (status: string): Promise<HTMLElement | undefined> => {
      root.querySelector<HTMLElement>(`[data-status=${status}] [aria-label="More actions"]`)?.click();
      await settle();
      return [...root.querySelectorAll<HTMLElement>("[role=menuitem]")].find((item) => item.textContent === "Retry now");
    };
    expect(await open("running")).toBeUndefined();
    (await open("retrying"))?.click();
    expect(posts.map((post) => post.path)).toEqual([expect.stringMatching(/Z8GQ4C\/retry$/)]);
  });
  it("says why it could not", async () => {
    const { root } = await draw(scene("r-live"), [{ status: 404, body: { error: "The function is gone." } }]);
    key(root.querySelector("[data-status=failed]"), "r");
    await settle();
    expect(root.textContent).toContain("The run was not started again. The function is gone.");
  });
  it("plans a rerun from the step that failed, and shows what an edit changes", async () => {
    const plan = { status: 200, body: (scene("r-live").recording.answers ?? {})[PLAN] };
    const { root } = await draw(scene("r-live"), [plan, plan, plan]);
    key(root.querySelector("[data-status=failed]"), "R");
    await settle();
    const panel = root.querySelector<HTMLElement>(".inb-rerun");
    expect([...panel?.querySelectorAll(".line .what") ?? []].map((what) => what.textContent)).toEqual(["reused", "runs again"]);
    expect(panel?.textContent).toContain("The code of a reused step has changed since");
    [...panel?.querySelectorAll<HTMLElement>("button") ?? []].find((b) => b.textContent === "Edit output")?.click();
    await settle();
    const field = panel?.querySelector("textarea");
    expect(JSON.parse(field?.value ?? "")).toEqual({ docs: 12, index: "kb" });
    const type = async (text: string): Promise<void> => {
      if (field) field.value = text;
      field?.dispatchEvent(new Event("input", { bubbles: true }));
      await settle();
    };
    await type('{"docs": 4,');
    expect(panel?.querySelector(".fault")?.textContent).toContain("JSON");
    expect(panel?.querySelector(".primary")?.getAttribute("aria-disabled")).toBe("true");
    await type('{"docs": 4, "index": "kb"}');
    expect([...panel?.querySelectorAll(".ln[class*=s-]") ?? []].map((line) => line.textContent?.trim())).toEqual(['−   "docs": 12,', '+   "docs": 4,']);
  });
  it("selects many and acts on them", async () => {
    const { root, posts } = await draw(scene("r-live"), [{ status: 200, body: {} }, { status: 200, body: {} }]);
    for (const status of ["queued", "failed"]) key(root.querySelector(`[data-status=${status}]`), "x");
    await settle();
    expect(root.querySelector(".inb-selection")?.textContent).toContain("2 selectedCancel 1Rerun 1");
    [...root.querySelectorAll<HTMLElement>(".inb-selection button")][0]?.click();
    await settle();
    expect(posts.map((post) => post.path.split("/").at(-1))).toEqual(["cancel"]);
  });
  it("is narrowed down by function and time, shown as such, and so again after a reload", async () => {
    const { root, gets, dispose } = await draw(scene("r-live"));
    const menu = async (name: string, value: string): Promise<void> => {
      const select = root.querySelector<HTMLSelectElement>(`select[aria-label="${name}"]`);
      select?.dispatchEvent(new Event("focus"));
      await settle();
      if (select) select.value = value;
      select?.dispatchEvent(new Event("change", { bubbles: true }));
      await settle();
    };
    await menu("Function", "ai-lab-summarise");
    expect([...root.querySelectorAll("select[aria-label=Function] option")].map((option) => option.textContent)).toContain("summarise (183)");
    await menu("Time", "3600000");
    expect(gets.at(-1)).toMatch(/^overview\/runs\?function=ai-lab-summarise&from=\d+&limit=60$/);
    dispose();
    const again = await draw(scene("r-live"));
    expect(again.gets[0]).toBe(gets.at(-1));
    expect(again.root.querySelectorAll(".inb-choice.on")).toHaveLength(2);
    expect((await draw({ ...scene("r-live"), params: { function: "ai-lab-other" } })).gets[0]).toBe("overview/runs?function=ai-lab-other&limit=60");
  });
  it("goes back to what it was made for", async () => {
    const made = { ...scene("r-none"), params: { function: "ai-lab-summarise", group: "failed" } };
    const { root, gets } = await draw(made);
    expect(root.querySelector("select[aria-label=Function]")).toBeNull();
    [...root.querySelectorAll("button")].find((b) => b.textContent === "Show all runs")?.click();
    await settle();
    expect(gets.at(-1)).toBe("overview/runs?function=ai-lab-summarise&limit=60");
  });
  it("asks once for what it shows, and again only for what it has missed", async () => {
    const told = { ...scene("r-live").recording, channels: { $runs: [{ channel: "$runs", topic: "$run", kind: "run", data: {}, offset: 4, created_at: "2026-11-21T10:00:00Z" }] } };
    expect((await draw(scene("r-live"))).gets).toHaveLength(1);
    const { gets } = await draw({ ...scene("r-live"), recording: told });
    await vi.waitFor(() => expect(gets.length).toBe(2));
    for (let i = 0; i < 10; i++) await settle();
    expect(gets.length).toBe(2);
  });
  it("does nothing once saved", async () => {
    const { root } = await draw(scene("r-saved"));
    expect(root.querySelectorAll(".c-do button")).toHaveLength(0);
    expect(root.textContent).toContain("Was running");
  });
});
