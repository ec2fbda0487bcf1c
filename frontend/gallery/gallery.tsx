/** A page with every view in every state; `?theme=dark&width=400&only=s-` choose what is shown. */
import "../src/css/widget.css";
import "../src/css/page.css";
import "./gallery.css";
import { render } from "preact";
import { mount } from "../src/mount";
import { Page } from "../src/page/page";
import { PageController } from "../src/page/page-controller";
import { bench } from "./bench";
import { Facts } from "../src/realtime/facts";
import { replayEnv } from "./replay";
import { PAGE_SCENES, type PageScene } from "./page-scenes";
import { SCENES, type Scene } from "./scenes";

// Every scene is a tab of its own.
Object.defineProperty(globalThis, "sessionStorage", { value: undefined });

const query = new URLSearchParams(location.search);
document.documentElement.dataset.theme = query.get("theme") ?? "light";

/** Where a scene is drawn: a figure with its title. */
function boxOf(scene: Scene | PageScene, main: HTMLElement): HTMLElement {
  const figure = document.createElement("figure");
  const width = Number(query.get("width")) || scene.width || 760;
  figure.id = scene.id;
  figure.style.setProperty("--w", `${width}px`);
  const caption = figure.appendChild(document.createElement("figcaption"));
  caption.textContent = scene.title;
  const box = figure.appendChild(document.createElement("div"));
  box.className = "jp-OutputArea-output";
  main.appendChild(figure);
  return box;
}

function drawPage(scene: PageScene, main: HTMLElement): void {
  const box = boxOf(scene, main);
  render(<Page controller={new PageController({ ...replayEnv(scene.recording, new Facts()), savedAt: undefined }, scene.at || "#/runs")} />, box);
  pending.push(drawn(box));
}

function draw(scene: Scene, main: HTMLElement): void {
  const box = boxOf(scene, main);
  const facts = new Facts();
  drawBeside(scene, facts);
  mount(box, { view: scene.view, params: scene.params, initial: scene.initial ?? {} }, replayEnv(scene.recording, facts));
  pending.push(drawn(box).then(() => act(scene, box)));
}

const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

/** Recordings arrive in microtasks, are drawn in frames and may ask for more: a few frames settle all of it. */
async function drawn(box: HTMLElement): Promise<void> {
  while (!box.querySelector(".inb")) await frame();
  for (let i = 0; i < 12; i++) await frame();
}

/** A view that is not shown, for what it tells the one that is. */
function drawBeside(scene: Scene, facts: Facts): void {
  const channel = Object.keys(scene.recording.channels)[1] ?? Object.keys(scene.recording.channels)[0];
  const views = scene.beside === "both" ? ["token-stream", "approval"] : scene.beside ? [scene.beside] : [];
  for (const view of views) {
    const data = Object.keys(scene.recording.channels).find((name) => name.startsWith("ai:")) ?? channel;
    const params = { channel: data, topic: view === "approval" ? "approvals" : null, topics: view === "approval" ? null : ["tokens"] };
    mount(document.createElement("div"), { view, params, initial: {} }, replayEnv(scene.recording, facts));
  }
}

/** Types, chooses or ticks as a person would. */
async function fill(box: HTMLElement, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, value] of Object.entries(fields)) {
    const input = box.querySelector<HTMLInputElement>(`[data-path="${path}"] :is(input, select, textarea)`);
    if (!input) throw new Error(`no field ${path}`);
    if (input.type === "checkbox") input.click();
    else {
      input.value = value;
      input.dispatchEvent(new Event(input.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
    }
    await frame();
  }
}

async function act(scene: Scene, box: HTMLElement): Promise<void> {
  if (scene.fill) await fill(box, scene.fill);
  if (scene.choose) choose(box, ...scene.choose);
  if (scene.select) box.querySelector<HTMLElement>(`[data-hash="${scene.select}"]`)?.click();
  if (scene.press) {
    press(box, ...scene.press);
    await drawn(box);
  }
  if (scene.click) [...box.querySelectorAll("button")].find((button) => (button.ariaLabel ?? button.textContent ?? "").startsWith(scene.click ?? ""))?.click();
  if (scene.back) box.querySelector<HTMLElement>(".inb-scroll")?.scrollTo(0, 0);
}

function choose(box: HTMLElement, menu: string, value: string): void {
  const select = box.querySelector<HTMLSelectElement>(`select[aria-label="${menu}"]`);
  if (!select) throw new Error(`no menu ${menu}`);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Presses a key on an element, as somebody would who has moved there. */
function press(box: HTMLElement, selector: string, key: string): void {
  const target = box.querySelector<HTMLElement>(selector);
  target?.focus({ preventScroll: true });
  target?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

const pending: Promise<void>[] = [];
const main = document.body.appendChild(document.createElement("main"));
const only = query.get("only") ?? "";
if (query.has("bench")) bench(query.get("bench") ?? "", Number(query.get("count")), Number(query.get("frame")) || 20);
else {
  for (const scene of SCENES) if (scene.id.startsWith(only)) draw(scene, main);
  for (const scene of PAGE_SCENES) if (scene.id.startsWith(only)) drawPage(scene, main);
}
void Promise.all(pending).then(() => drawn(main)).then(() => (document.documentElement.dataset.ready = ""));
