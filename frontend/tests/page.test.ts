// @vitest-environment happy-dom
import { h, render } from "preact";
import { afterEach, describe, expect, it, vi } from "vitest";
import { PAGE_SCENES, type PageScene } from "../gallery/page-scenes";
import { replayEnv, type Recording, type ReplayLink } from "../gallery/replay";
import { Page } from "../src/page/page";
import { PageController, placeOf } from "../src/page/page-controller";
import { accessibleText, button, settle } from "./draw";

const drawn: { controller: PageController; root: HTMLElement }[] = [];
afterEach(() => {
  for (const { controller, root } of drawn.splice(0)) {
    render(null, root);
    controller.dispose();
  }
  document.body.replaceChildren();
  sessionStorage.clear();
  location.hash = "";
  vi.useRealTimers();
});

const sceneOf = (id: string): PageScene => PAGE_SCENES.find((scene) => scene.id === id) ?? (() => { throw new Error(id); })();

async function draw({ recording, at }: { recording: Recording; at?: string }): Promise<{ root: HTMLElement; controller: PageController; link: ReplayLink }> {
  const root = document.body.appendChild(document.createElement("div"));
  const env = replayEnv(recording);
  const controller = new PageController({ ...env, savedAt: undefined }, at);
  render(h(Page, { controller }), root);
  drawn.push({ controller, root });
  for (let i = 0; i < 6; i++) await settle();
  return { root, controller, link: env.link as ReplayLink };
}

const note = (root: HTMLElement): string => root.querySelector("main .inb-note")?.textContent ?? "";

describe("the page", () => {
  it.each(PAGE_SCENES.map((scene) => [scene.id, scene] as const))("%s has its rail and names for all buttons", async (_, scene) => {
    const { root } = await draw({ ...scene, at: scene.at || "#/runs" });
    expect([...root.querySelectorAll(".rail a")].map((link) => link.textContent?.replace(/[\d.,k ]+$/, ""))).toEqual(["Runs", "Approvals", "Functions", "Events", "Channels"]);
    expect(root.querySelectorAll(".rail [aria-current]")).toHaveLength(1);
    for (const b of root.querySelectorAll("button")) expect(b.getAttribute("aria-label") ?? accessibleText(b)).not.toBe("");
  });
  it.each([
    ["p-locked", "Another engine has the journal. The data directory /home/ada/.inngest_nb is used by"], ["p-starting", "The engine is starting."],
    ["p-denied", "You may not see this. Not allowed"], ["p-unreachable", "The server does not answer."], ["p-full", "Nothing new is kept at the moment. journal.db"],
    ["p-no-kernel", "No kernel is connected."], ["p-lost", "Connection lost 6"],
  ])("%s says so, once", async (id, words) => {
    const { root } = await draw({ ...sceneOf(id), at: "#/runs" });
    expect(note(root)).toContain(words);
    expect(root.querySelectorAll("main .inb-note")).toHaveLength(1);
  });
  it("has nothing to say of an engine that is well", async () => {
    const { root } = await draw({ ...sceneOf("p-runs"), at: "#/runs" });
    expect(note(root)).toBe("");
    expect(root.querySelector(".health")?.textContent).toContain("Engine healthy2kernels connected0.4\u00a0mscommit, p50");
    expect(root.querySelector(".rail .asks")?.textContent).toBe("2");
  });
  it("asks a starting engine again by itself, and what it was refused with it", async () => {
    const recording = { ...sceneOf("p-runs").recording, refusals: { ...sceneOf("p-starting").recording.refusals } };
    const { root, link, controller } = await draw({ recording, at: "#/runs" });
    const retried = vi.spyOn(link, "retryNow");
    expect(controller.state.trouble?.code).toBe("engine_starting");
    Object.assign(recording, { refusals: {} });
    await vi.waitFor(() => expect(controller.state.trouble).toBeNull(), { timeout: 3000 });
    expect(retried).toHaveBeenCalled();
    await vi.waitFor(() => expect(controller.state.functions).toHaveLength(4));
    expect(root.querySelector(".health")?.textContent).toContain("Engine healthy");
  });
  it("asks again when it is told to", async () => {
    const recording = { ...sceneOf("p-runs").recording, refusals: { ...sceneOf("p-locked").recording.refusals } };
    const { root } = await draw({ recording, at: "#/runs" });
    Object.assign(recording, { refusals: {} });
    button(root, "Try again").click();
    await vi.waitFor(() => expect(note(root)).toBe(""));
  });
  it("is where its address says, and there again when a frame opens it without one", async () => {
    const first = await draw({ recording: sceneOf("p-runs").recording });
    expect(first.controller.state.place).toEqual({ room: "runs", id: null });
    location.hash = "#/channels/agent-chat%3At1";
    dispatchEvent(new Event("hashchange"));
    expect(first.controller.state.place).toEqual({ room: "channels", id: "agent-chat:t1" });
    first.controller.dispose();
    location.hash = "";
    await settle(); // nobody is there to hear of that
    const again = await draw({ recording: sceneOf("p-runs").recording });
    expect(again.controller.state.place).toEqual({ room: "channels", id: "agent-chat:t1" });
  });
  it.each([["", "runs", null], ["#/nowhere/1", "runs", "1"], ["#/functions/a%2Fb", "functions", "a/b"], ["#runs/x/y", "runs", "x/y"]])(
    "%s is the room %s", (hash, room, id) => expect(placeOf(hash)).toEqual({ room, id }));
});

describe("sending an event", () => {
  const field = (root: HTMLElement, id: string): HTMLInputElement => root.querySelector<HTMLInputElement>(`#${id}`) ?? (() => { throw new Error(id); })();
  const type = async (root: HTMLElement, id: string, value: string): Promise<void> => {
    field(root, id).value = value;
    field(root, id).dispatchEvent(new Event("input", { bubbles: true }));
    await settle();
  };
  it("begins with what was sent before, says what it starts, and refuses what is no object", async () => {
    const { root } = await draw({ ...sceneOf("p-events"), at: "#/events" });
    await type(root, "inb-event-name", "app/prompt.submitted");
    expect(JSON.parse(field(root, "inb-event-data").value)).toEqual({ prompt: "Explain durable execution in 3 points" });
    expect(root.querySelector(".inb-send")?.textContent).toContain("starts generate-response");
    await type(root, "inb-event-data", "[1]");
    expect(root.querySelector("#inb-event-fault")?.textContent).toContain("is an object");
    expect(button(root, "Send").getAttribute("aria-disabled")).toBe("true");
    await type(root, "inb-event-data", "{}");
    button(root, "Send").click();
    await vi.waitFor(() => expect(root.querySelector(".said")?.textContent).toBe("Sent app/prompt.submitted."));
  });
});
