// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { button, draw, scene, settle, type } from "./draw";

const OK = { status: 200, body: { ids: ["e"] } };
const wrong = (root: HTMLElement): string[] => [...root.querySelectorAll(".inb-field > .wrongness")].map((p) => p.textContent ?? "");

describe("a form", () => {
  it("sends what it holds, without repeating the question", async () => {
    const { root, posts } = await draw(scene("a-form"), [OK]);
    button(root, "Approve").click();
    await settle();
    expect(posts[0]?.body).toEqual({ name: "app/confirmation", data: {
      confirmation_uuid: expect.stringMatching(/-/), event: "app/confirmation", text: expect.any(String), approved: true,
      data: { audience: "#data-help", priority: 3, title: "Durable execution in three points", tags: ["howto", "runtime"], notify: true },
    } });
  });
  it("says on the button and beside the fields what was changed, and takes it back", async () => {
    const { root } = await draw(scene("a-form"));
    await type(root, "priority", "2");
    await type(root, "title", "Short");
    expect(button(root, "Approve with 2 edits")).toBeTruthy();
    expect(root.querySelector('[data-path="priority"] .edited')?.textContent).toBe("edited, was 3");
    button(root, "Undo edits").click();
    await settle();
    expect(root.querySelector(".edited")).toBeNull();
    expect(root.querySelector<HTMLInputElement>('[data-path="priority"] input')?.value).toBe("3");
  });
  it("checks before it sends, takes the reader to the first place, and goes on checking", async () => {
    const { root, posts } = await draw(scene("a-invalid"), [OK]);
    const priority = await type(root, "priority", "9");
    expect(wrong(root)).toEqual([]);
    button(root, "Approve with 1 edit").click();
    await settle();
    await settle();
    expect(posts).toEqual([]);
    expect(wrong(root)).toEqual(["Choose one.", "At most 5."]);
    expect(document.activeElement?.tagName).toBe("SELECT");
    expect(priority.getAttribute("aria-invalid")).toBe("true");
    expect(document.getElementById(priority.getAttribute("aria-errormessage") ?? "")?.textContent).toBe("At most 5.");
    await type(root, "audience", "2");
    await type(root, "priority", "4");
    expect(wrong(root)).toEqual([]);
    button(root, "Approve with 2 edits").click();
    expect(posts).toHaveLength(1);
  });
  it("puts what the server finds beside the same fields, and can be sent again under another id", async () => {
    const refusal = { status: 422, body: { errors: [{ path: ["tags", 1], message: "too long" }, { path: [], message: "no sense" }] } };
    const { root, posts } = await draw(scene("a-form"), [refusal, OK]);
    button(root, "Approve").click();
    await vi.waitFor(() => expect(wrong(root)).toEqual(["Too long."]));
    expect(root.textContent).toContain("No sense.");
    expect(root.dataset.inbStatus).toBe("waiting");
    await type(root, "title", "Another");
    expect(wrong(root)).toEqual([]);
    button(root, "Approve with 1 edit").click();
    await settle();
    expect(new Set(posts.map((post) => post.headers?.["Idempotency-Key"])).size).toBe(2);
  });
  it("approves by Ctrl and Enter from a field, and sends an edit typed just before", async () => {
    const { root, posts } = await draw(scene("a-form"), [OK]);
    const input = await type(root, "priority", "5");
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
    expect(posts[0]?.body).toMatchObject({ data: { data: { priority: 5 } } });
  });
  it("rejects without a look at the form, with a reason where there is one", async () => {
    const { root, posts } = await draw(scene("a-invalid"), [OK]);
    button(root, "Give a reason…").click();
    await settle();
    const input = root.querySelector<HTMLInputElement>(".reason input");
    expect(document.activeElement).toBe(input);
    if (input) input.value = " Too early. ";
    input?.dispatchEvent(new Event("input", { bubbles: true }));
    await settle();
    button(root, "Reject").click();
    expect(posts[0]?.body).toMatchObject({ data: { approved: false, reason: "Too early." } });
    expect((posts[0]?.body as { data: object }).data).not.toHaveProperty("data");
  });
  it("has an input for every kind of field", async () => {
    const { root, posts } = await draw(scene("a-everything"), [OK]);
    await type(root, "share", "0.5");
    await type(root, "summary", "Two\nlines");
    await type(root, "links/0/url", "https://example.org");
    await type(root, "labels", '{"lang": "de"}');
    root.querySelector<HTMLInputElement>('[data-path="limit"] [role=switch]')?.click();
    root.querySelector<HTMLInputElement>('[data-path="cap"] [role=switch]')?.click();
    root.querySelectorAll<HTMLInputElement>('[data-path="tone"] input')[1]?.click();
    await settle();
    await type(root, "limit", "7");
    button(root, "Add link").click();
    await settle();
    await type(root, "links/1/url", "mailto:a@b");
    button(root, "Approve with 7 edits").click();
    expect(posts[0]?.body).toMatchObject({ data: { data: {
      tone: "warm", share: 0.5, limit: 7, cap: null, summary: "Two\nlines", labels: { lang: "de" },
      links: [{ url: "https://example.org", note: null }, { url: "mailto:a@b", note: null }],
    } } });
  });
  it("adds and removes tags by keys", async () => {
    const { root, posts } = await draw(scene("a-form"), [OK]);
    const input = await type(root, "tags", "new");
    const press = async (key: string): Promise<void> => {
      input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      await settle();
    };
    await press("Enter");
    button(root, "Remove howto").click();
    await settle();
    await press("Backspace");
    button(root, "Approve with 1 edit").click();
    expect(posts[0]?.body).toMatchObject({ data: { data: { tags: ["runtime"] } } });
  });
});

describe("over a reload", () => {
  it("keeps what was filled in", async () => {
    const first = await draw(scene("a-form"));
    await type(first.root, "priority", "5");
    first.dispose();
    const { root } = await draw(scene("a-form"));
    expect(root.querySelector<HTMLInputElement>('[data-path="priority"] input')?.value).toBe("5");
  });
  it("sends an answer that had not arrived, once, under the same id", async () => {
    const first = await draw(scene("a-form"), [null]);
    await type(first.root, "priority", "5");
    button(first.root, "Approve with 1 edit").click();
    await vi.waitFor(() => expect(first.root.textContent).toContain("Approve is kept here"));
    first.dispose();
    const { root, posts } = await draw(scene("a-form"), [OK]);
    expect(root.textContent).toContain("Approve is kept here");
    await vi.waitFor(() => expect(posts).toHaveLength(1), { timeout: 3000 });
    expect(posts[0]?.body).toMatchObject({ data: { approved: true, data: { priority: 5 } } });
    expect(posts[0]?.headers).toEqual(first.posts[0]?.headers);
    await settle();
    expect(sessionStorage.length).toBe(0);
  });
  it("never sends it past the deadline", async () => {
    const first = await draw(scene("a-form"), [null]);
    button(first.root, "Approve").click();
    await vi.waitFor(() => expect(first.root.textContent).toContain("Approve is kept here"));
    first.dispose();
    const late = scene("a-form");
    const { root, posts } = await draw({ ...late, recording: { ...late.recording, now: late.recording.now + 3_600_000 } }, [OK]);
    await new Promise((resolve) => setTimeout(resolve, 600)); // longer than the first pause before it would be sent
    expect(posts).toEqual([]);
    expect(root.textContent).toContain("The time is up");
  });
});

describe("without the right to answer", () => {
  it("has the question and no buttons", async () => {
    const { root } = await draw(scene("a-readonly"));
    expect(root.querySelector(".inb-btns")).toBeNull();
    expect(root.textContent).toContain("You may read this question but not answer it");
    expect([...root.querySelectorAll<HTMLInputElement>(".inb-form input")].every((input) => input.disabled)).toBe(true);
  });
});

describe("what became of it", () => {
  it("is told with the edits and the reason", async () => {
    const { root } = await draw(scene("a-decided"));
    expect(root.textContent).toContain("Approved by ada with 2 edits · Publish this answer?");
    expect(root.textContent).toContain("priority 3 → 2, title changed");
    expect(root.textContent).toContain("“Cites the wrong version.”");
  });
  it("is asked again where the function did not take it", async () => {
    const { root } = await draw(scene("a-again"));
    expect(wrong(root)).toEqual(["An even priority is kept for incidents."]);
    expect(root.querySelector(".inb-answer")?.textContent).toContain("Asked again by ada");
    await type(root, "priority", "5");
    expect(wrong(root)).toEqual([]);
  });
});
