/** What the page knows: where its Jupyter server is, and the one object all widget modules on it share. */
import { dict, text } from "../wire";
import { Clock } from "./clock";
import { RealtimeClient, type Io, type SocketEvents } from "./client";
import { Facts } from "./facts";
import type { Reply } from "./protocol";

const KEY = Symbol.for("inngest_nb.page/1");
const REQUEST_TIMEOUT_MS = 15_000;

export interface Page {
  readonly clock: Clock;
  readonly facts: Facts;
  /** Null where the page is not served by a Jupyter server: VS Code, Colab, exported HTML. */
  readonly client: RealtimeClient | null;
}

/** Several copies of this module may be loaded, one per widget model; they meet here. */
export function page(): Page {
  const store = globalThis as unknown as Record<symbol, Page | undefined>;
  return (store[KEY] ??= createPage());
}

function createPage(): Page {
  const base = baseUrl();
  const client = base ? new RealtimeClient(browserIo(socketUrl(base))) : null;
  if (client) globalThis.addEventListener?.("online", () => client.retryNow());
  return { clock: new Clock(), facts: new Facts(), client };
}

/** The server's base URL from the configuration that Jupyter writes into its pages, or null. */
export function baseUrl(): URL | null {
  try {
    const config = document.getElementById("jupyter-config-data")?.textContent;
    const base = text(dict(JSON.parse(config ?? "null")).baseUrl);
    return base === undefined ? null : new URL(base, location.origin);
  } catch {
    return null;
  }
}

function api(base: URL, path: string): URL {
  return new URL(`inngest/api/${path}`, base.href.endsWith("/") ? base : new URL(`${base.href}/`));
}

function socketUrl(base: URL): string {
  return api(base, "realtime").href.replace(/^http/, "ws");
}

function browserIo(url: string): Io {
  return {
    connect: (events) => openSocket(url, events),
    now: () => Date.now(),
    random: () => Math.random(),
    later: (ms, run) => {
      const id = setTimeout(run, ms);
      return () => clearTimeout(id);
    },
  };
}

function openSocket(url: string, events: SocketEvents): WebSocket {
  const socket = new WebSocket(url);
  socket.addEventListener("open", () => events.open());
  socket.addEventListener("message", (event) => events.message(event.data));
  socket.addEventListener("close", () => events.close());
  return socket;
}

/** A request with the page's own identity: its cookies, and the XSRF token that Jupyter asks of them. */
export async function pageRequest(method: string, path: string, body?: unknown,
  headers: Record<string, string> = {}): Promise<Reply> {
  const base = baseUrl();
  if (!base) throw new Error("This page is not served by a Jupyter server.");
  const response = await fetch(api(base, path), {
    method,
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-XSRFToken": xsrf(), ...headers },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json().catch(() => null) };
}

let writing: Promise<boolean> | undefined;

/** Whether Jupyter lets this person change something of ours; in doubt the server says so when it is tried. */
export function mayWrite(): Promise<boolean> {
  writing ??= askWhetherToWrite().catch(() => true);
  return writing;
}

async function askWhetherToWrite(): Promise<boolean> {
  const base = baseUrl();
  if (!base) return true;
  const query = encodeURIComponent(JSON.stringify({ inngest: ["write"] }));
  const response = await fetch(new URL(`api/me?permissions=${query}`, base.href.endsWith("/") ? base : `${base.href}/`), {
    credentials: "same-origin", signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const granted: unknown = dict(dict(await response.json()).permissions).inngest;
  return !response.ok || (Array.isArray(granted) && granted.includes("write"));
}

function xsrf(): string {
  return /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
