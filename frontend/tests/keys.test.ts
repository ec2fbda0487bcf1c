// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { OTHER } from "../gallery/timeline-scenes";
import { CHANNEL, RUN } from "../gallery/story";
import type { Message } from "../src/wire";
import { button, draw, scene, settle } from "./draw";

async function press(target: Element | null | undefined, key: string): Promise<void> {
  target?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  await settle();
}
const connection = (root: HTMLElement): string | undefined => root.querySelector(".inb-conn")?.textContent;
const piece = (offset: number): Message => ({ channel: CHANNEL, topic: "tokens", kind: "data", data: { token: `more${offset} ` }, at: Date.now(), created_at: "",
  offset, run_id: RUN, step_id: "generate", attempt: 0 });

describe("a token stream", () => {
  it("stops drawing with Space, says so, counts what comes, and goes on", async () => {
    const { root, link } = await draw(scene("s-running"));
    const before = root.querySelector(".inb-text")?.textContent;
    await press(root.querySelector(".inb-scroll"), " ");
    expect([connection(root), root.dataset.inbConnection]).toEqual(["Paused", "paused"]);
    expect(root.querySelector(".inb-status")?.textContent).toBe("Running");
    link.say(CHANNEL, [piece(900), piece(901)]);
    await settle();
    expect(root.querySelector(".inb-text")?.textContent).toBe(before);
    expect(root.dataset.inbTokens).toBe("182");
    expect(button(root, "Stop the run").disabled).toBe(false);
    expect(root.querySelector(".inb-newer")?.textContent).toBe("Show 2 newer tokens");
    await press(root.querySelector(".inb-scroll"), " ");
    expect(connection(root)).toBe("Live");
    expect(root.querySelector(".inb-text")?.textContent).toContain("more900 more901");
  });
  it("is copied with c and goes to its end with End, and no key stops the run", async () => {
    const copied: string[] = [];
    vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText: (text: string) => Promise.resolve(copied.push(text)) } });
    const { root, posts } = await draw(scene("s-running"));
    const box = root.querySelector<HTMLElement>(".inb-scroll")!;
    Object.defineProperty(box, "scrollHeight", { value: 500 });
    box.scrollTop = 10;
    box.dispatchEvent(new Event("scroll"));
    await settle();
    expect(root.querySelector(".inb-jump")).not.toBeNull();
    await press(box, "End");
    expect(root.querySelector(".inb-jump")).toBeNull();
    for (const key of ["c", "x", "s", "q", "Escape", "Enter"]) await press(box, key);
    expect(copied).toEqual([expect.stringContaining("## Durable execution in three points")]);
    expect(posts).toEqual([]);
    vi.unstubAllGlobals();
  });
});

describe("a feed", () => {
  const focused = (): string | undefined => (document.activeElement as HTMLElement).dataset.key;
  const tabbable = (root: HTMLElement): (string | undefined)[] => [...root.querySelectorAll<HTMLElement>(".line[tabindex='0']")].map((row) => row.dataset.key);
  it("has one row for the tab key, which follows the arrows over every kind of row", async () => {
    const { root } = await draw(scene("m-gap"));
    const keys = [...root.querySelectorAll<HTMLElement>(".line")].map((row) => row.dataset.key);
    expect(keys[0]).toBe("gap-0");
    root.querySelector<HTMLElement>(".line")?.focus();
    for (const key of keys.slice(1)) {
      await press(document.activeElement, "ArrowDown");
      expect([focused(), tabbable(root)]).toEqual([key, [key]]);
    }
    await press(document.activeElement, "ArrowUp");
    expect(focused()).toBe(keys.at(-2));
  });
  it("says where its rows stand in the whole", async () => {
    const { root } = await draw(scene("m-live"));
    expect(root.querySelector("[role=grid]")?.getAttribute("aria-rowcount")).toBe("407");
    expect([...root.querySelectorAll(".line")].map((row) => row.getAttribute("aria-rowindex"))).toEqual(["1", "2", "86", "87", "405", "406", "407"]);
  });
  it("leads from what was rolled back to the rollback, which says what it took", async () => {
    const { root } = await draw(scene("m-live"));
    button(root, "Go to the rollback at 85").click();
    await settle();
    expect(focused()).toBe("m-85");
    expect(document.activeElement?.textContent).toContain("offsets 1–84");
  });
  it("is paused by Space and says so, opens with Enter and is searched with /", async () => {
    const { root } = await draw(scene("m-live"));
    const row = root.querySelector<HTMLElement>("[data-offset='404']");
    row?.focus();
    await press(row, " ");
    expect([connection(root), root.querySelector(".inb-status")?.textContent]).toEqual(["Paused", "Paused"]);
    await press(row, " ");
    expect(connection(root)).toBe("Live");
    await press(row, "Enter");
    expect(root.querySelector("[role=tree]")).not.toBeNull();
    await press(row, "/");
    expect(document.activeElement).toBe(root.querySelector("[data-search]"));
  });
  it("is looked through in the same way after a reload", async () => {
    const first = await draw(scene("m-live"));
    [...first.root.querySelectorAll<HTMLElement>(".inb-chip")].find((chip) => chip.textContent?.startsWith("result"))?.click();
    await settle();
    first.dispose();
    const { root, gets } = await draw(scene("m-live"));
    expect(root.querySelector(".inb-chip.on")?.textContent).toBe("result1");
    expect(gets.find((path) => path.includes("/browse"))).toContain("topics=result");
  });
  it("shows the topics that it was made for from the beginning", async () => {
    const { root } = await draw({ ...scene("m-saved"), params: { channel: CHANNEL, topics: ["result"] } });
    expect([...root.querySelectorAll(".c-topic")].map((cell) => cell.textContent)).toEqual(["result"]);
  });
});

describe("a timeline of several runs", () => {
  const menus = (root: HTMLElement): HTMLSelectElement[] => [...root.querySelectorAll<HTMLSelectElement>(".inb-named select")];
  async function choose(menu: HTMLSelectElement | undefined, value: string): Promise<void> {
    menu!.value = value;
    menu!.dispatchEvent(new Event("change", { bubbles: true }));
    await settle();
  }
  it("offers them all, named by when they were queued", async () => {
    const { root } = await draw(scene("t-choice"));
    expect(menus(root).map((menu) => [menu.value, menu.options.length])).toEqual([[RUN, 3], [OTHER, 3]]);
    expect(menus(root)[0]?.options[0]?.textContent).toMatch(/^\d.*\d\d:\d\d.* …BED1WR$/);
    expect(root.querySelectorAll(".diff").length).toBeGreaterThan(0);
  });
  it("shows another, and lays none over itself", async () => {
    const { root } = await draw(scene("t-choice"));
    await choose(menus(root)[0], OTHER);
    expect(root.querySelector(".inb-copyid")?.getAttribute("aria-label")).toBe(`Copy ${OTHER}`);
    expect([root.dataset.inbStatus, menus(root)[1]?.value]).toEqual(["failed", ""]);
    await choose(menus(root)[1], RUN);
    expect(root.textContent).toContain("Outlined: run …BED1WR");
    await choose(menus(root)[1], "");
    expect(root.querySelector(".diff")).toBeNull();
  });
  it("of none says so", async () => {
    const { root } = await draw({ ...scene("t-choice"), params: { run_id: "" } });
    expect(root.textContent).toContain("No run to show");
  });
});

describe("a table of runs", () => {
  it("keeps the row that the keyboard is on, wherever the reader scrolls", async () => {
    const { root } = await draw(scene("r-live"));
    const first = root.querySelector<HTMLElement>("[data-run]");
    first?.focus();
    const body = root.querySelector<HTMLElement>(".inb-runs .body")!;
    body.scrollTop = 34 * 8;
    body.dispatchEvent(new Event("scroll"));
    await settle();
    expect(first?.isConnected).toBe(true);
    expect(root.querySelectorAll("[data-run][tabindex='0']")).toHaveLength(1);
  });
});

describe("the focus", () => {
  const focused = (): HTMLElement => document.activeElement as HTMLElement;
  it("goes back from the search for a step to its row", async () => {
    const { root } = await draw(scene("t-many"));
    const row = root.querySelectorAll<HTMLElement>("[role=row]")[3];
    row?.focus();
    await press(row, "/");
    expect(focused().tagName).toBe("INPUT");
    await press(focused(), "Escape");
    expect(focused()).toBe(row);
  });
  it("goes back from a menu to its button, and from a question to its row", async () => {
    const { root } = await draw(scene("r-live"));
    const more = button(root, "More actions");
    more.focus();
    more.click();
    await settle();
    expect(focused().getAttribute("role")).toBe("menuitem");
    await press(focused(), "Escape");
    expect(focused()).toBe(more);
    const cancel = button(root, "Cancel run");
    cancel.focus();
    cancel.click();
    await settle();
    expect(focused().textContent).toBe("Keep");
    focused().click();
    await settle();
    expect(root.contains(focused())).toBe(true);
  });
  it("goes back from the details and from the plan of a rerun to the rows", async () => {
    const { root } = await draw(scene("t-failed"));
    button(root, "Close the details").focus();
    await press(focused(), "Escape");
    expect(focused().closest("[role=treegrid]")).not.toBeNull();
    const runs = await draw(scene("r-live"));
    const row = runs.root.querySelector<HTMLElement>("[data-status=failed]");
    row?.focus();
    await press(row, "R");
    button(runs.root, "Close").focus();
    await press(focused(), "Escape");
    expect(focused()).toBe(row);
  });
});

describe("an approval", () => {
  const place = (root: HTMLElement): string | undefined => /\d of \d/.exec(root.querySelector(".inb-figures")?.textContent ?? "")?.[0];
  it("goes to the next and the previous question with n and p, but not out of a field", async () => {
    const { root } = await draw(scene("a-open"));
    const asked: string[] = [];
    for (const key of ["n", "n", "n", "p"]) {
      await press(root.querySelector("button"), key);
      asked.push(place(root) ?? "");
    }
    expect(asked).toEqual(["2 of 3", "3 of 3", "1 of 3", "3 of 3"]);
    button(root, "Give a reason…").click();
    await settle();
    await press(root.querySelector("input"), "n");
    expect(place(root)).toBe("3 of 3");
  });
  it.each([[301_000, ""], [299_000, "5 minutes"], [59_000, "1 minute"], [9000, "10 seconds"]])(
    "announces the question, and with %d ms left that it hurries", async (left, words) => {
      const plain = scene("a-plain");
      const { root: early } = await draw(plain);
      const clock = early.querySelector<HTMLElement>(".inb-deadline")!;
      expect([clock.getAttribute("role"), clock.getAttribute("aria-live")]).toEqual(["timer", "off"]);
      const deadline = Date.parse(clock.title);
      const { root } = await draw({ ...plain, recording: { ...plain.recording, now: deadline - left } });
      const said = [...root.querySelectorAll("[aria-live=polite]")].map((each) => each.textContent).join("");
      expect(said).toBe(`Question: Confirm to proceed?${words && `. Less than ${words} left`}`);
    });
});
