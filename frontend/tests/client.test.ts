import { describe, expect, it } from "vitest";
import { RealtimeClient, retryDelay, type Io, type SocketEvents } from "../src/realtime/client";
import type { Sink } from "../src/realtime/protocol";
import type { Message } from "../src/wire";
import { Clock } from "../src/realtime/clock";

/** Sockets and timers that a test drives by hand. */
class Bench implements Io {
  readonly sockets: { events: SocketEvents; sent: Record<string, unknown>[]; closed: boolean }[] = [];
  timers: { ms: number; run: () => void }[] = [];
  time = 1000;

  connect(events: SocketEvents): { send(data: string): void; close(): void } {
    const socket = { events, sent: [] as Record<string, unknown>[], closed: false };
    this.sockets.push(socket);
    return { send: (data) => socket.sent.push(JSON.parse(data)), close: () => (socket.closed = true) };
  }
  now(): number {
    return this.time;
  }
  random(): number {
    return 1;
  }
  later(ms: number, run: () => void): () => void {
    const timer = { ms, run };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((other) => other !== timer));
  }
  fire(): void {
    const due = this.timers;
    this.timers = [];
    for (const timer of due) timer.run();
  }
  get last(): Bench["sockets"][number] {
    return this.sockets.at(-1)!;
  }
  frame(frame: object): void {
    this.last.events.message(JSON.stringify(frame));
  }
}

class Ear implements Sink {
  heard: number[] = [];
  gaps: number[] = [];
  messages(batch: readonly Message[]): void {
    this.heard.push(...batch.map((message) => message.offset));
  }
  gap(lost: number): void {
    this.gaps.push(lost);
  }
}

const ask = (channel: string): { channel: string; topics: null; since: "start" } => ({ channel, topics: null, since: "start" });
const messages = (id: string, from: number, to: number): object => ({
  op: "messages", id, next: to,
  messages: Array.from({ length: to - from }, (_, i) => ({ channel: "c", topic: "t", kind: "data", data: i, offset: from + i, created_at: "2026-11-21T10:00:00Z" })),
});

function live(bench: Bench): { client: RealtimeClient; ear: Ear; stop: () => void } {
  const client = new RealtimeClient(bench);
  const ear = new Ear();
  const stop = client.subscribe(ask("c"), ear);
  bench.last.events.open();
  return { client, ear, stop };
}

describe("subscribing", () => {
  it("opens one socket for all views", () => {
    const bench = new Bench();
    const { client } = live(bench);
    client.subscribe(ask("d"), new Ear());
    expect(bench.sockets).toHaveLength(1);
    expect(bench.last.sent.map((frame) => [frame.op, frame.id, frame.channel])).toEqual([["subscribe", "s1", "c"], ["subscribe", "s2", "d"]]);
  });
  it("sends to each what is its own", () => {
    const bench = new Bench();
    const { client, ear } = live(bench);
    const other = new Ear();
    client.subscribe(ask("c"), other);
    bench.frame(messages("s1", 0, 3));
    bench.frame(messages("s2", 0, 1));
    expect([ear.heard, other.heard]).toEqual([[0, 1, 2], [0]]);
  });
  it("lets odd frames pass", () => {
    const bench = new Bench();
    const { ear } = live(bench);
    for (const odd of ["", "{", "[]", "null", "7", '{"op":"messages"}', '{"op":"messages","id":"s1","messages":7}']) bench.last.events.message(odd);
    expect(ear.heard).toEqual([]);
  });
});

describe("a lost connection", () => {
  it("resumes each subscription at its offset and epoch", () => {
    const bench = new Bench();
    const { client, ear } = live(bench);
    bench.frame({ op: "subscribed", id: "s1", channel: "c", epoch: 7, first: 0, next: 5 });
    bench.frame(messages("s1", 0, 5));
    bench.last.events.close();
    expect(client.state()).toMatchObject({ phase: "reconnecting", lostAt: 1000 });
    bench.fire();
    bench.last.events.open();
    expect(bench.last.sent).toEqual([{ op: "subscribe", id: "s1", channel: "c", topics: null, since: 5, epoch: 7 }]);
    bench.frame(messages("s1", 5, 7));
    expect(ear.heard).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(client.state()).toEqual({ phase: "live" });
  });
  it("resumes after a gap at its end", () => {
    const bench = new Bench();
    const { ear } = live(bench);
    bench.frame({ op: "gap", id: "s1", from: 0, to: 40, lost: 40 });
    bench.last.events.close();
    bench.fire();
    bench.last.events.open();
    expect(ear.gaps).toEqual([40]);
    expect(bench.last.sent[0]).toMatchObject({ since: 40 });
  });
  it("does not forget what 'now' was", () => {
    const bench = new Bench();
    const client = new RealtimeClient(bench);
    client.subscribe({ channel: "c", topics: null, since: "now" }, new Ear());
    bench.last.events.open();
    bench.frame({ op: "subscribed", id: "s1", channel: "c", epoch: 1, first: 0, next: 12 });
    bench.last.events.close();
    bench.fire();
    bench.last.events.open();
    expect(bench.last.sent[0]).toMatchObject({ since: 12 });
  });
  it("says since when and until when, and waits longer each time", () => {
    const bench = new Bench();
    const { client } = live(bench);
    const delays: number[] = [];
    for (let i = 0; i < 7; i++) {
      bench.last.events.close();
      delays.push((client.state().nextTryAt ?? 0) - bench.time);
      expect(client.state().lostAt).toBe(1000);
      bench.fire();
    }
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  });
  it("can be tried at once", () => {
    const bench = new Bench();
    const { client } = live(bench);
    bench.last.events.close();
    client.retryNow();
    expect(bench.sockets).toHaveLength(2);
    expect(bench.timers).toHaveLength(0);
  });
  it("hears nothing more from the old socket", () => {
    const bench = new Bench();
    const { client, ear } = live(bench);
    const old = bench.last;
    old.events.close();
    bench.fire();
    old.events.message(JSON.stringify(messages("s1", 0, 1)));
    old.events.close();
    expect(ear.heard).toEqual([]);
    expect(client.state().phase).toBe("reconnecting");
    expect(bench.sockets).toHaveLength(2);
  });
});

describe("a server without the route", () => {
  it("is given up after two refusals, before it ever accepted", () => {
    const bench = new Bench();
    const client = new RealtimeClient(bench);
    client.subscribe(ask("c"), new Ear());
    bench.last.events.close();
    expect(client.state().phase).toBe("connecting");
    bench.fire();
    bench.last.events.close();
    expect(client.state().phase).toBe("refused");
    expect(bench.timers).toHaveLength(0);
  });
});

describe("the end", () => {
  it("closes the socket a moment after the last view is gone", () => {
    const bench = new Bench();
    const { client, stop } = live(bench);
    stop();
    stop();
    expect(bench.last.sent.at(-1)).toEqual({ op: "unsubscribe", id: "s1" });
    expect(bench.last.closed).toBe(false);
    bench.fire();
    expect(bench.last.closed).toBe(true);
    expect(client.state()).toEqual({ phase: "idle" });
    expect(client.size).toBe(0);
  });
  it("keeps it for a view that comes at once", () => {
    const bench = new Bench();
    const { client, stop } = live(bench);
    stop();
    client.subscribe(ask("d"), new Ear());
    bench.fire();
    expect(bench.last.closed).toBe(false);
    expect(bench.sockets).toHaveLength(1);
  });
  it("opens a new one for a view that comes later", () => {
    const bench = new Bench();
    const { client, stop } = live(bench);
    stop();
    bench.fire();
    client.subscribe(ask("d"), new Ear());
    expect(bench.sockets).toHaveLength(2);
  });
});

describe("retryDelay", () => {
  it.each([[0, 0, 250], [0, 1, 250], [1, 0, 250], [1, 1, 500], [4, 0, 2000], [4, 1, 4000], [30, 0, 2500], [30, 1, 5000]])(
    "after %d tries with chance %d is %d ms", (tries, random, ms) => expect(retryDelay(tries, random)).toBe(ms));
});

describe("the clock", () => {
  it("is the local one until messages say otherwise", () => expect(new Clock(() => 500).now()).toBe(500));
  it("is not put back by what is replayed", () => {
    const clock = new Clock(() => 5000);
    clock.heard(100, false);
    expect(clock.now()).toBe(5000);
  });
  it("is put back by what is live", () => {
    const clock = new Clock(() => 5000);
    clock.heard(4000, true);
    expect(clock.now()).toBe(4000);
    expect(clock.at(4900)).toBe(3900);
  });
  it("is never behind the newest message", () => {
    const clock = new Clock(() => 5000);
    clock.heard(9000, false);
    expect(clock.now()).toBe(9000);
  });
});
