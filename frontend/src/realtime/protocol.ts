/** What views ask of a link to the engine, whichever transport carries it. */
import { dict, number, parseMessages, text, type Message } from "../wire";

export type Since = "start" | "now" | number;

export interface Subscribe {
  readonly channel: string;
  readonly topics: readonly string[] | null;
  readonly since: Since;
}

/** Receives what a subscription delivers, in order. */
export interface Sink {
  messages(batch: readonly Message[]): void;
  /** The server accepted: messages below `next` were there before, the rest is live. */
  subscribed?(first: number, next: number): void;
  gap?(lost: number, from: number, to: number): void;
  error?(sentence: string): void;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export type Phase = "connecting" | "live" | "reconnecting" | "saved";

export interface LinkState {
  readonly phase: Phase;
  readonly via: "server" | "kernel";
  readonly lostAt?: number;
  readonly nextTryAt?: number;
}

export interface Link {
  subscribe(request: Subscribe, sink: Sink): () => void;
  /** Rejects only when no answer came; an answer of any status resolves. */
  request(method: "GET" | "POST", path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Whether this person may do what changes something; links that cannot know are silent. */
  mayWrite?(): Promise<boolean>;
  state(): LinkState;
  onState(listener: () => void): () => void;
  retryNow(): void;
  close(): void;
}

/** One subscription of a frame protocol: where it stands and who listens. */
export class Feed {
  private since: Since;
  private epoch: number | undefined;

  constructor(readonly id: string, readonly request: Subscribe, private readonly sink: Sink) {
    this.since = request.since;
  }

  /** The frame that starts, or after a break continues, this subscription. */
  open(): Record<string, unknown> {
    const { channel, topics } = this.request;
    const frame = { op: "subscribe", id: this.id, channel, topics, since: this.since };
    return this.epoch === undefined ? frame : { ...frame, epoch: this.epoch };
  }

  receive(frame: Record<string, unknown>): void {
    if (frame.op === "messages") this.deliver(frame);
    else if (frame.op === "subscribed") this.accept(frame);
    else if (frame.op === "gap") this.skip(frame);
    else if (frame.op === "error") this.sink.error?.(text(frame.error) ?? "The server refused the subscription.");
  }

  private deliver(frame: Record<string, unknown>): void {
    const batch = parseMessages(frame.messages);
    const last = batch.at(-1);
    const next = number(frame.next) ?? (last && last.offset + 1);
    if (next !== undefined) this.since = next;
    if (batch.length) this.sink.messages(batch);
  }

  private accept(frame: Record<string, unknown>): void {
    const next = number(frame.next) ?? 0;
    this.epoch = number(frame.epoch) ?? this.epoch;
    if (this.since === "now") this.since = next;
    this.sink.subscribed?.(number(frame.first) ?? 0, next);
  }

  private skip(frame: Record<string, unknown>): void {
    const to = number(frame.to) ?? 0;
    this.since = to;
    this.sink.gap?.(number(frame.lost) ?? 0, number(frame.from) ?? 0, to);
  }
}

/** Frames arrive as JSON text or as objects; anything else is nothing. */
export function parseFrame(raw: unknown): Record<string, unknown> {
  if (typeof raw !== "string") return dict(raw);
  try {
    return dict(JSON.parse(raw));
  } catch {
    return {};
  }
}
