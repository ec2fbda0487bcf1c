/** Draws a scene into happy-dom and plays the person in front of it. */
import { afterEach, expect, vi } from "vitest";
import { mount, type Mounted } from "../src/mount";
import { Facts } from "../src/realtime/facts";
import type { Link, Reply } from "../src/realtime/protocol";
import { ReplayLink, replayEnv, type Recording } from "../gallery/replay";
import { SCENES, type Scene } from "../gallery/scenes";

const mounted: Mounted[] = [];
afterEach(() => {
  for (const view of mounted.splice(0)) view.dispose();
  document.body.replaceChildren();
  sessionStorage.clear();
});

export interface Drawn {
  readonly root: HTMLElement;
  readonly link: ReplayLink;
  readonly gets: string[];
  readonly posts: { path: string; body: unknown; headers: Record<string, string> | undefined }[];
  readonly dispose: () => void;
}

/** `replies` are what the server says to what is sent, null for no answer at all. */
export async function draw(scene: Pick<Scene, "view" | "params" | "initial"> & { recording: Recording }, replies: (Reply | null)[] = []): Promise<Drawn> {
  const el = document.body.appendChild(document.createElement("div"));
  const env = replayEnv(scene.recording, new Facts());
  const link = env.link as ReplayLink;
  const posts: Drawn["posts"] = [];
  const gets: string[] = [];
  const get = link.request.bind(link);
  const request: Link["request"] = (method, path, body, headers) => {
    if (method === "GET") {
      gets.push(path);
      return get(method, path);
    }
    posts.push({ path, body, headers });
    const reply = replies.shift();
    return reply === null ? Promise.reject(new Error("down")) : reply ? Promise.resolve(reply) : new Promise(() => undefined);
  };
  Object.assign(link, { request });
  const view = mount(el, { view: scene.view, params: scene.params, initial: scene.initial ?? {} }, env);
  mounted.push(view);
  await vi.waitFor(() => expect(el.querySelector(".inb-live")).not.toBeNull());
  await settle();
  return { root: el.querySelector<HTMLElement>(".inb-live") ?? el, link, gets, posts, dispose: () => view.dispose() };
}

export const settle = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))));
export const scene = (id: string): Scene => SCENES.find((candidate) => candidate.id === id) ?? (() => { throw new Error(id); })();
export const button = (root: HTMLElement, name: string): HTMLButtonElement => {
  const found = [...root.querySelectorAll("button")].find((b) => (b.getAttribute("aria-label") ?? accessibleText(b)) === name);
  if (!found) throw new Error(`no button ${name} in ${root.textContent}`);
  return found;
};
export const accessibleText = (element: Element): string =>
  [...element.childNodes].filter((node) => !(node instanceof Element && node.getAttribute("aria-hidden"))).map((node) => node.textContent).join("").trim();

/** Types into the field at a path. */
export async function type(root: HTMLElement, path: string, value: string): Promise<HTMLInputElement> {
  const input = root.querySelector<HTMLInputElement>(`[data-path="${path}"] :is(input:not([role]), select, textarea)`);
  if (!input) throw new Error(`no field ${path}`);
  input.value = value;
  input.dispatchEvent(new Event(input.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
  await settle();
  return input;
}
