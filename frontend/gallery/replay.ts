/** A link that replays recorded messages: what a server would deliver, without one. */
import { Clock } from "../src/realtime/clock";
import { Facts } from "../src/realtime/facts";
import type { Link, LinkState, Reply, Sink, Subscribe } from "../src/realtime/protocol";
import { parseMessages, type Message } from "../src/wire";
import type { Env } from "../src/views/env";

export interface Recording {
  readonly channels: Readonly<Record<string, readonly object[]>>;
  readonly runs?: Readonly<Record<string, object>>;
  readonly steps?: Readonly<Record<string, object>>;
  /** What requests are answered with, by method and path without its query; null is no answer. */
  readonly answers?: Readonly<Record<string, object | null>>;
  /** The moment at which the picture is taken. */
  readonly now: number;
  readonly link?: LinkState;
  /** Requests that never get an answer, for pictures of sending. */
  readonly mute?: boolean;
  /** The person may look but not change anything. */
  readonly readonly?: boolean;
  /** What the server refuses to answer, by method and path. */
  readonly refusals?: Readonly<Record<string, Reply>>;
  /** What the server says to whatever is sent. */
  readonly refusal?: Reply;
}

export class ReplayLink implements Link {
  private readonly sinks = new Set<[string, Sink]>();

  constructor(private readonly recording: Recording) {}

  /** Delivers messages that come after the recording. */
  say(channel: string, messages: readonly Message[]): void {
    for (const [name, sink] of this.sinks) if (name === channel) sink.messages(messages);
  }

  subscribe(request: Subscribe, sink: Sink): () => void {
    const messages = parseMessages(this.recording.channels[request.channel] ?? []);
    this.sinks.add([request.channel, sink]);
    queueMicrotask(() => {
      if (this.state().phase === "saved") return;
      sink.subscribed?.(0, (messages.at(-1)?.offset ?? -1) + 1);
      if (messages.length) sink.messages(messages);
    });
    return () => undefined;
  }

  request(method: "GET" | "POST", path: string): Promise<Reply> {
    const { runs = {}, steps = {}, mute, refusal } = this.recording;
    if (method === "POST" && refusal) return Promise.resolve(refusal);
    const refused = this.recording.refusals?.[`${method} ${path.split("?")[0]}`];
    if (refused) return refused.status === 0 ? Promise.reject(new Error("down")) : Promise.resolve(refused);
    const answer = this.recording.answers?.[`${method} ${path.split("?")[0]}`];
    if (answer === null) return new Promise(() => undefined);
    if (answer) return Promise.resolve({ status: 200, body: answer });
    if (method === "POST") return mute ? new Promise(() => undefined) : Promise.resolve({ status: 200, body: { ids: [] } });
    const [, run, , hash] = path.split("/");
    const found = hash === undefined ? runs[run ?? ""] : steps[hash];
    return Promise.resolve(found ? { status: 200, body: found } : { status: 404, body: null });
  }

  mayWrite(): Promise<boolean> {
    return Promise.resolve(this.recording.readonly !== true);
  }

  state(): LinkState {
    return this.recording.link ?? { phase: "live", via: "server" };
  }

  onState(): () => void {
    return () => undefined;
  }

  retryNow(): void {}

  close(): void {}
}

export function replayEnv(recording: Recording, facts = new Facts()): Omit<Env, "savedAt"> {
  return { link: new ReplayLink(recording), clock: new Clock(() => recording.now), facts, still: true };
}
