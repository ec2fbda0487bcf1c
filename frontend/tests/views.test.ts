// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { mount } from "../src/mount";
import { replayEnv } from "../gallery/replay";
import { SCENES } from "../gallery/scenes";
import { T } from "./build";
import { accessibleText, button, draw, scene, settle } from "./draw";

/** A run that asks question i, answered or not. */
function waiting(run_id: string, i: number, answered: boolean): object {
  const ended = answered ? { ended_at: T + 500 } : {};
  return {
    run: { run_id, fn_id: "f", name: "f", status: answered ? "completed" : "waiting", attempt: 0, max_attempts: 5, queued_at: T, started_at: T, ...ended },
    steps: [{
      run_id, hash: "h", step_id: "wait", index: 0, op: "wait_for_event", status: answered ? "completed" : "waiting", attempt: 0, max_attempts: 1,
      started_at: T, wait: { event: "app/answer", if: `async.data.id == 'question-${i}-of-run'`, expires_at: T + 90_000 }, ...ended,
      ...(answered ? { answered: { event_id: "e", ts: T + 500, data: { approved: true } } } : {}),
    }],
  };
}

describe("every state", () => {
  it.each(SCENES.map((s) => [s.id, s] as const))("%s draws, says its state and its connection", async (_, s) => {
    const { root } = await draw(s);
    expect(root.matches("section.inb.inb-live")).toBe(true);
    expect(root.dataset.inbStatus).toBeTruthy();
    const phase = s.recording.link?.phase;
    expect(phase === undefined ? ["live", "ended"] : [phase]).toContain(root.dataset.inbConnection);
    expect(root.querySelector("h3")?.textContent).toBeTruthy();
    for (const b of root.querySelectorAll("button")) expect(b.getAttribute("aria-label") ?? accessibleText(b)).not.toBe("");
  });
});

describe("odd data", () => {
  const odd = [null, 7, "x", [], { saved_at: "never", messages: [null, 3, {}], run: 5, runs: [] }, { run: { run: {}, steps: [{}, 1] } }];
  const views = ["token-stream", "run-timeline", "approval", "something-else", null];
  it.each(views.flatMap((view) => odd.map((value) => [String(view), JSON.stringify(value), view, value] as const)))(
    "%s with %s draws something", (_, __, view, value) => {
      const el = document.body.appendChild(document.createElement("div"));
      const drawn = mount(el, { view, params: value, initial: value }, replayEnv({ channels: {}, now: 0 }));
      expect(el.textContent).not.toBe("");
      drawn.dispose();
    });
});

describe("a token stream", () => {
  it("has its text, its count and its state on it", async () => {
    const { root } = await draw(scene("s-completed"));
    expect(root.dataset).toMatchObject({ inbStatus: "completed", inbConnection: "ended", inbTokens: "318" });
    expect(root.querySelector(".inb-text")?.textContent).toContain("The model is not called again.");
  });
  it("strikes what was rolled back and says so", async () => {
    const { root } = await draw(scene("s-retrying"));
    expect(root.querySelector("del")?.textContent).toMatch(/^Durable execution is a way/);
    expect(root.querySelector(".inb-struck")?.textContent).toContain("Attempt 1 rolled back");
    expect(root.querySelector(".inb-text")?.textContent).not.toContain("is a way of writing");
  });
  it("stops the run by its button", async () => {
    const { root, posts } = await draw(scene("s-running"), [{ status: 200, body: {} }]);
    button(root, "Stop the run").click();
    expect(posts.map((post) => post.path)).toEqual([expect.stringMatching(/^runs\/.+\/cancel$/)]);
  });
  it("says why it could not stop", async () => {
    const { root } = await draw(scene("s-running"), [{ status: 409, body: { error: "The run is over." } }]);
    button(root, "Stop the run").click();
    await settle();
    expect(root.textContent).toContain("The run was not stopped. The run is over.");
  });
  it("does not wait for the next attempt when somebody says so", async () => {
    const { root, posts } = await draw(scene("s-backoff"), [{ status: 200, body: { retried: 1 } }]);
    button(root, "Retry now").click();
    expect(posts).toMatchObject([{ path: expect.stringMatching(/^runs\/.+\/retry$/), body: { step: "h-generate" } }]);
    await settle();
    expect(root.textContent).not.toContain("not brought forward");
  });
  it("has nothing to bring forward for who may not, and says why it could not", async () => {
    const { recording } = scene("s-backoff");
    const watching = await draw({ ...scene("s-backoff"), recording: { ...recording, readonly: true } });
    expect(watching.root.textContent).toContain("Next attempt");
    for (const word of ["Retry now", "Stop the run"]) expect(() => button(watching.root, word)).toThrow();
    const { root } = await draw(scene("s-backoff"), [{ status: 503, body: { error: "The disk is full." } }]);
    button(root, "Retry now").click();
    await settle();
    expect(root.textContent).toContain("The attempt was not brought forward. The disk is full.");
  });
  it("names the model that wrote each of several texts", async () => {
    const { root } = await draw(scene("s-two"));
    expect([...root.querySelectorAll(".inb-runhead")].map((head) => /gpt-4o|llama-3\.2/.exec(head.textContent ?? "")?.[0])).toEqual(["gpt-4o", "llama-3.2"]);
  });
  it("probes each message after it was written", async () => {
    const seen: unknown[] = [];
    vi.stubGlobal("__inbProbe", (message: { offset: number }) => seen.push([message.offset, document.querySelector(".inb-text")?.textContent?.length !== 0]));
    await draw(scene("s-running"));
    vi.unstubAllGlobals();
    expect(seen.length).toBeGreaterThan(100);
    expect(seen[0]).toEqual([0, true]);
  });
});

describe("a timeline", () => {
  it("is a treegrid that reads without its picture", async () => {
    const { root } = await draw(scene("t-retrying"));
    const rows = [...root.querySelectorAll('[role="row"]')];
    expect(rows.map((row) => row.getAttribute("aria-level"))).toEqual(["1", "2", "2", "3", "3", "3"]);
    expect(rows[2]?.getAttribute("aria-expanded")).toBe("true");
    expect(rows[1]?.textContent).toContain("Completed, 840\u00a0ms");
  });
  it("moves, folds and opens by keys", async () => {
    const { root } = await draw(scene("t-retrying"));
    const press = async (key: string): Promise<void> => {
      (document.activeElement ?? root).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      await settle();
    };
    root.querySelector<HTMLElement>('[role="row"]')?.focus();
    await press("ArrowDown");
    await press("ArrowDown");
    expect((document.activeElement as HTMLElement).dataset.key).toBe("h-generate");
    await press("ArrowLeft");
    expect(root.querySelectorAll('[role="row"]')).toHaveLength(3);
    await press("Enter");
    expect(root.querySelector(".inb-detail h4")?.textContent).toContain("generate");
    await press("t");
    expect(root.querySelector("table.inb-table th")?.textContent).toBe("Step");
  });
  it("opens what failed by itself, and nothing else", async () => {
    expect((await draw(scene("t-failed"))).root.querySelector(".inb-detail .e")?.textContent).toBe("APIStatusError");
    expect((await draw(scene("t-completed"))).root.querySelector(".inb-detail")).toBeNull();
  });
});

describe("an approval", () => {
  it("posts the answer once, with the question's data and an id", async () => {
    const { root, posts } = await draw(scene("a-plain"));
    button(root, "Approve").click();
    await settle();
    expect(root.dataset.inbStatus).toBe("sending");
    button(root, "Approving…").click();
    button(root, "Reject").click();
    expect(posts).toHaveLength(1);
    expect(posts[0]).toMatchObject({ path: "events", body: { name: "app/confirmation", data: { message: "Confirm to proceed?", approved: true } } });
    expect(posts[0]?.headers?.["Idempotency-Key"]).toMatch(/.{16}/);
  });
  it("rejects likewise", async () => {
    const { root, posts } = await draw(scene("a-plain"));
    button(root, "Reject").click();
    expect(posts[0]).toMatchObject({ body: { data: { approved: false } } });
  });
  it("keeps an answer that did not arrive and sends it again under the same id", async () => {
    const { root, posts } = await draw(scene("a-plain"), [null, { status: 503, body: { error: "starting" } }, { status: 200, body: { ids: ["e"] } }]);
    button(root, "Approve").click();
    await vi.waitFor(() => expect(root.textContent).toContain("Approve is kept here"));
    await vi.waitFor(() => expect(posts).toHaveLength(3), { timeout: 4000 });
    expect(new Set(posts.map((post) => post.headers?.["Idempotency-Key"])).size).toBe(1);
  });
  it("lets a kept answer be taken back", async () => {
    const { root, posts } = await draw(scene("a-plain"), [null]);
    button(root, "Approve").click();
    await vi.waitFor(() => expect(root.textContent).toContain("Approve is kept here"));
    button(root, "Take back").click();
    await settle();
    expect(root.dataset.inbStatus).toBe("waiting");
    expect(posts).toHaveLength(1);
  });
  it("says why an answer was refused, and lets it be given again", async () => {
    const { root } = await draw(scene("a-plain"), [{ status: 403, body: { error: "You may not answer." } }]);
    button(root, "Approve").click();
    await vi.waitFor(() => expect(root.textContent).toContain("Your answer was not taken. You may not answer."));
    expect(button(root, "Approve").getAttribute("aria-disabled")).toBe("false");
  });
  it("waits for the wait before it takes an answer", async () => {
    const { root, posts } = await draw(scene("a-opening"));
    button(root, "Approve").click();
    expect(posts).toEqual([]);
    expect(root.textContent).toContain("Opening…");
  });
  it("moves between questions by keys", async () => {
    const { root } = await draw(scene("a-open"));
    const question = (): string | null | undefined => root.querySelector(".q")?.textContent;
    expect(question()).toBe("Publish this answer?");
    root.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true }));
    await settle();
    expect(question()).toBe("Delete 3 stale indexes?");
  });
  it("finds the open question behind hundreds of answered ones", async () => {
    const count = 300;
    const ids = Array.from({ length: count }, (_, i) => `run-${i}`);
    const channels = { c: ids.map((run_id, i) => ({
      channel: "c", topic: "questions", kind: "data", offset: i, created_at: new Date(T + i).toISOString(), run_id,
      data: { message: `Question ${i}?`, id: `question-${i}-of-run` },
    })) };
    const runs = Object.fromEntries(ids.map((run_id, i) => [run_id, waiting(run_id, i, i > 0)]));
    const { root } = await draw({
      view: "approval", params: { channel: "c", topic: "questions", event: null }, initial: {},
      recording: { channels, runs, now: T + 1000 },
    });
    await vi.waitFor(() => expect(root.querySelector(".q")?.textContent).toBe("Question 0?"));
    expect(root.querySelectorAll(".inb-question")).toHaveLength(1);
    expect(root.dataset.inbStatus).toBe("waiting");
  });
  it("has no buttons in a saved notebook", async () => {
    const { root } = await draw(scene("a-saved"));
    expect(root.querySelector(".inb-btns")).toBeNull();
    expect(root.querySelector(".q")?.textContent).toBe("Publish this answer?");
  });
});
