/** What a view is given: its link, the page's clock and facts, and the small store its state lives in. */
import type { Clock } from "../realtime/clock";
import type { Facts } from "../realtime/facts";
import type { Link, Sink, Subscribe } from "../realtime/protocol";
import { hourMinute } from "../format";
import { type Role } from "../status";
import type { Message } from "../wire";

export interface Env {
  readonly link: Link;
  readonly clock: Pick<Clock, "now" | "at" | "heard">;
  readonly facts: Facts;
  /** When the state that the view starts from was saved. */
  readonly savedAt: number | undefined;
  /** True where nothing may move by itself: pictures and tests. */
  readonly still?: boolean;
}

/** Subscribes and lets the clock learn from what arrives. */
export function listen(env: Env, request: Subscribe, sink: Sink): () => void {
  let liveFrom = Infinity;
  return env.link.subscribe(request, {
    ...sink,
    messages: (batch) => {
      const last = batch.at(-1);
      if (last) env.clock.heard(last.at, last.offset >= liveFrom);
      sink.messages(batch);
    },
    subscribed: (first, next) => {
      liveFrom = next;
      sink.subscribed?.(first, next);
    },
  });
}

/** The least between two drawings; it is as long as a drawing took where that is more: others want the page's thread too. */
const PAUSE_MS = 4;

/** State with listeners that are called at once after a pause, else with the next frame. */
export abstract class Controller<S> {
  private readonly listeners = new Set<() => void>();
  private frame = 0;
  private toldAt: number | undefined;
  private drawAgainAt = -Infinity;
  private unseen: Message[] = [];
  private readonly cleanups: (() => void)[] = [];

  constructor(readonly env: Env, public state: S) {
    this.own(env.link.onState(() => this.changed()));
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    this.listeners.clear();
  }

  /** Reports to a latency probe, if the page has one, what has just been written to the document. */
  written(): void {
    const now = performance.now();
    if (this.toldAt !== undefined) this.drawAgainAt = Math.max(this.drawAgainAt, 2 * now - this.toldAt);
    this.toldAt = undefined;
    const probe = (globalThis as { __inbProbe?: unknown }).__inbProbe;
    const seen = this.unseen;
    this.unseen = [];
    if (typeof probe === "function") for (const message of seen) probe(message, now);
  }

  protected own(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }

  protected set(state: S, messages: readonly Message[] = []): void {
    this.state = state;
    if (typeof (globalThis as { __inbProbe?: unknown }).__inbProbe === "function") this.unseen.push(...messages);
    this.changed();
  }

  protected changed(): void {
    if (!document.hidden && performance.now() >= this.drawAgainAt) this.tell();
    else this.frame ||= requestAnimationFrame(() => this.tell());
  }

  /** What a key has asked for is drawn before the next key. */
  drawNow(): void {
    if (this.frame) this.tell();
  }

  private tell(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.toldAt = performance.now();
    this.drawAgainAt = this.toldAt + PAUSE_MS;
    for (const listener of [...this.listeners]) listener();
  }
}

export type ConnectionValue = "live" | "kernel" | "connecting" | "reconnecting" | "paused" | "ended" | "saved";

export interface Connection {
  readonly value: ConnectionValue;
  readonly word: string;
  readonly role: Role;
  /** What is shown is as new as it can be: bars may grow and clocks tick. */
  readonly live: boolean;
  /** What is shown may be old: durations are lower bounds and states are in the past. */
  readonly stale: boolean;
}

export function connectionOf(env: Env, ended: boolean): Connection {
  const link = env.link.state();
  const of = (value: ConnectionValue, word: string, role: Role): Connection => ({
    value, word, role, live: value === "live" || value === "kernel", stale: value === "reconnecting" || value === "saved",
  });
  if (ended) return of("ended", "Ended", "idle");
  if (link.phase === "saved") return of("saved", savedWord(env), "idle");
  if (link.phase === "reconnecting") return of("reconnecting", "Reconnecting", "ask");
  if (link.phase === "connecting") return of("connecting", "Connecting", "idle");
  return link.via === "kernel" ? of("kernel", "Live via kernel", "ok") : of("live", "Live", "ok");
}

/** The connection as the reader has stopped it: messages still come, nothing on the card moves. */
export function pausedBy(reader: boolean, connection: Connection): Connection {
  return reader && connection.live ? { ...connection, value: "paused", word: "Paused", role: "idle", live: false } : connection;
}

/** The newest moment that what is shown holds for: now, the loss of the connection, or the saving of the notebook. */
export function knownUntil(env: Env, connection: Connection, heardAt: number): number {
  if (connection.value === "saved") return Math.max(heardAt, env.savedAt ?? 0);
  const lostAt = env.link.state().lostAt;
  if (connection.value === "reconnecting") return Math.max(heardAt, lostAt === undefined ? 0 : env.clock.at(lostAt));
  return env.clock.now();
}

function savedWord(env: Env): string {
  return env.savedAt === undefined ? "Not connected" : `Saved ${hourMinute(env.savedAt, env.clock.now())}`;
}
