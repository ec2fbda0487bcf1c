/**
 * One socket for every view of the page.
 *
 * Subscriptions are kept as feeds that know their own offset and epoch, so that a new socket continues each of them
 * where the old one stopped. The socket opens with the first feed and closes a moment after the last is gone. Input
 * and output are injected: nothing here touches the browser.
 */
import { Feed, parseFrame, type Sink, type Subscribe } from "./protocol";

export interface Socket {
  send(data: string): void;
  close(): void;
}

export interface SocketEvents {
  open(): void;
  message(data: unknown): void;
  close(): void;
}

export interface Io {
  connect(events: SocketEvents): Socket;
  now(): number;
  random(): number;
  later(ms: number, run: () => void): () => void;
}

export type ClientPhase = "idle" | "connecting" | "live" | "reconnecting" | "refused";

export interface ClientState {
  readonly phase: ClientPhase;
  readonly lostAt?: number;
  readonly nextTryAt?: number;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5000;
const LINGER_MS = 250;
/** A server that refuses this often before it ever accepted has no realtime route. */
const REFUSALS = 2;

/** Capped, jittered exponential backoff: half of the delay is fixed, half is chance. */
export function retryDelay(tries: number, random: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries);
  return Math.max(FIRST_DELAY_MS, full / 2 + (full / 2) * random);
}

export class RealtimeClient {
  private readonly feeds = new Map<string, Feed>();
  private readonly listeners = new Set<() => void>();
  private current: ClientState = { phase: "idle" };
  private socket: Socket | null = null;
  private tries = 0;
  private everOpen = false;
  private count = 0;
  private cancelTimer: () => void = () => undefined;

  constructor(private readonly io: Io) {}

  state(): ClientState {
    return this.current;
  }

  onState(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** How many server subscriptions are open, for tests and diagnosis. */
  get size(): number {
    return this.feeds.size;
  }

  subscribe(request: Subscribe, sink: Sink): () => void {
    const feed = new Feed(`s${++this.count}`, request, sink);
    this.feeds.set(feed.id, feed);
    if (this.current.phase === "live") this.send(feed.open());
    else if (this.socket === null) this.retryNow();
    else this.cancelLinger();
    return () => this.drop(feed);
  }

  /** Connects at once instead of at the end of the backoff. */
  retryNow(): void {
    if (this.current.phase === "live" || this.current.phase === "connecting") return;
    this.cancelTimer();
    this.connect();
  }

  private drop(feed: Feed): void {
    if (!this.feeds.delete(feed.id)) return;
    if (this.current.phase === "live") this.send({ op: "unsubscribe", id: feed.id });
    if (this.feeds.size === 0) this.linger();
  }

  private linger(): void {
    this.cancelTimer();
    this.cancelTimer = this.io.later(LINGER_MS, () => {
      if (this.feeds.size === 0) this.shut({ phase: "idle" });
    });
  }

  private cancelLinger(): void {
    if (this.current.phase === "live") this.cancelTimer();
  }

  private connect(): void {
    const lost = this.current.lostAt;
    this.become(lost === undefined ? { phase: "connecting" } : { phase: "reconnecting", lostAt: lost });
    const socket: Socket = this.io.connect({
      open: () => this.socket === socket && this.opened(),
      message: (data) => this.socket === socket && this.received(data),
      close: () => this.socket === socket && this.closed(),
    });
    this.socket = socket;
  }

  private opened(): void {
    this.tries = 0;
    this.everOpen = true;
    this.become({ phase: "live" });
    for (const feed of this.feeds.values()) this.send(feed.open());
    if (this.feeds.size === 0) this.linger();
  }

  private received(data: unknown): void {
    const frame = parseFrame(data);
    if (typeof frame.id === "string") this.feeds.get(frame.id)?.receive(frame);
  }

  private closed(): void {
    this.socket = null;
    if (this.feeds.size === 0) return this.become({ phase: "idle" });
    this.tries += 1;
    if (!this.everOpen && this.tries >= REFUSALS) return this.become({ phase: "refused" });
    const delay = retryDelay(this.tries - 1, this.io.random());
    const now = this.io.now();
    const lostAt = this.current.lostAt ?? (this.everOpen ? now : undefined);
    this.cancelTimer = this.io.later(delay, () => this.connect());
    if (lostAt === undefined) this.become({ phase: "connecting" });
    else this.become({ phase: "reconnecting", lostAt, nextTryAt: now + delay });
  }

  private shut(state: ClientState): void {
    const socket = this.socket;
    this.socket = null;
    this.tries = 0;
    socket?.close();
    this.become(state);
  }

  private send(frame: Record<string, unknown>): void {
    this.socket?.send(JSON.stringify(frame));
  }

  private become(state: ClientState): void {
    this.current = state;
    for (const listener of [...this.listeners]) listener();
  }
}
