/** The links a view may have: to the page's server, through the widget's comm, or to nothing but what was saved. */
import type { ClientState, RealtimeClient } from "./client";
import { mayWrite, pageRequest } from "./page";
import { Feed, parseFrame, type Link, type LinkState, type Reply, type Sink, type Subscribe } from "./protocol";

/** The part of anywidget's model that a link needs. */
export interface Comm {
  send(content: unknown): void;
  on(event: "msg:custom", handler: (content: unknown) => void): void;
  off(event: "msg:custom", handler: (content: unknown) => void): void;
}

const COMM_SILENCE_MS = 8000;
const COMM_REQUEST_MS = 60_000;

/** Straight to the Jupyter server: the shared socket down, HTTP up. */
export class ServerLink implements Link {
  private readonly undo = new Set<() => void>();

  constructor(private readonly client: RealtimeClient) {}

  subscribe(request: Subscribe, sink: Sink): () => void {
    const close = this.client.subscribe(request, sink);
    this.undo.add(close);
    return () => {
      this.undo.delete(close);
      close();
    };
  }

  request(method: "GET" | "POST", path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> {
    return pageRequest(method, path, body, headers);
  }

  mayWrite(): Promise<boolean> {
    return mayWrite();
  }

  state(): LinkState {
    return serverState(this.client.state());
  }

  get refused(): boolean {
    return this.client.state().phase === "refused";
  }

  onState(listener: () => void): () => void {
    return this.client.onState(listener);
  }

  retryNow(): void {
    this.client.retryNow();
  }

  close(): void {
    for (const close of this.undo) close();
    this.undo.clear();
  }
}

function serverState(state: ClientState): LinkState {
  const phase = state.phase === "idle" || state.phase === "refused" ? "connecting" : state.phase;
  return { ...state, phase, via: "server" };
}

/** The same frames over the widget's comm, relayed by the kernel. */
export class CommLink implements Link {
  private readonly feeds = new Map<string, Feed>();
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  private readonly listeners = new Set<() => void>();
  private readonly prefix = Math.random().toString(36).slice(2, 8);
  private readonly silence: ReturnType<typeof setTimeout>;
  private current: LinkState = { phase: "connecting", via: "kernel" };
  private count = 0;

  constructor(private readonly comm: Comm) {
    comm.on("msg:custom", this.received);
    this.silence = setTimeout(() => this.become("saved"), COMM_SILENCE_MS);
  }

  subscribe(request: Subscribe, sink: Sink): () => void {
    const feed = new Feed(`${this.prefix}-${++this.count}`, request, sink);
    this.feeds.set(feed.id, feed);
    this.send(feed.open());
    return () => {
      if (this.feeds.delete(feed.id)) this.send({ op: "unsubscribe", id: feed.id });
    };
  }

  request(method: "GET" | "POST", path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> {
    // The id must be a number and differ from those of other views on the same comm.
    const id = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new Error("The kernel did not answer."));
      }, COMM_REQUEST_MS);
      this.waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      this.send({ op: "request", id, method, path, ...(body === undefined ? {} : { body }), headers: headers ?? {} });
    });
  }

  state(): LinkState {
    return this.current;
  }

  onState(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  retryNow(): void {
    for (const feed of this.feeds.values()) this.send(feed.open());
  }

  close(): void {
    clearTimeout(this.silence);
    for (const id of this.feeds.keys()) this.send({ op: "unsubscribe", id });
    this.feeds.clear();
    this.comm.off("msg:custom", this.received);
  }

  private readonly received = (content: unknown): void => {
    const frame = parseFrame(content);
    const feed = typeof frame.id === "string" ? this.feeds.get(frame.id) : undefined;
    if (feed) {
      this.become("live");
      feed.receive(frame);
    } else if (frame.op === "response" && typeof frame.id === "number") {
      this.answer(frame.id, frame);
    }
  };

  private answer(id: number, frame: Record<string, unknown>): void {
    const resolve = this.waiting.get(id);
    if (!resolve) return;
    this.waiting.delete(id);
    this.become("live");
    resolve({ status: typeof frame.status === "number" ? frame.status : 500, body: frame.body });
  }

  private become(phase: LinkState["phase"]): void {
    clearTimeout(this.silence);
    if (this.current.phase === phase) return;
    this.current = { phase, via: "kernel" };
    for (const listener of [...this.listeners]) listener();
  }

  private send(frame: Record<string, unknown>): void {
    try {
      this.comm.send(frame);
    } catch {
      // A closed comm means that the kernel is gone: what is shown is what was saved.
      this.become("saved");
    }
  }
}

interface Held {
  readonly request: Subscribe;
  readonly sink: Sink;
  close: () => void;
}

/** Starts on the server and moves to the comm once the server has turned out not to have the route. */
export class AutoLink implements Link {
  private link: ServerLink | CommLink;
  private readonly held = new Set<Held>();
  private readonly listeners = new Set<() => void>();
  private unwatch: () => void;

  constructor(client: RealtimeClient | null, private readonly comm: Comm) {
    this.link = client && client.state().phase !== "refused" ? new ServerLink(client) : new CommLink(comm);
    this.unwatch = this.link.onState(() => this.changed());
  }

  subscribe(request: Subscribe, sink: Sink): () => void {
    const held: Held = { request, sink, close: () => undefined };
    this.held.add(held);
    held.close = this.link.subscribe(request, sink);
    return () => {
      this.held.delete(held);
      held.close();
    };
  }

  request(method: "GET" | "POST", path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> {
    return this.link.request(method, path, body, headers);
  }

  mayWrite(): Promise<boolean> {
    // Over the comm the kernel acts, with its own right.
    return this.link instanceof ServerLink ? this.link.mayWrite() : Promise.resolve(true);
  }

  state(): LinkState {
    return this.link.state();
  }

  onState(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  retryNow(): void {
    this.link.retryNow();
  }

  close(): void {
    this.unwatch();
    this.held.clear();
    this.link.close();
  }

  private changed(): void {
    if (this.link instanceof ServerLink && this.link.refused) this.moveToComm();
    for (const listener of [...this.listeners]) listener();
  }

  private moveToComm(): void {
    this.unwatch();
    this.link.close();
    this.link = new CommLink(this.comm);
    this.unwatch = this.link.onState(() => this.changed());
    for (const held of this.held) held.close = this.link.subscribe(held.request, held.sink);
  }
}
