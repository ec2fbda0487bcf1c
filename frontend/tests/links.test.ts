import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RealtimeClient, type SocketEvents } from "../src/realtime/client";
import { AutoLink, CommLink, type Comm } from "../src/realtime/links";
import type { Sink } from "../src/realtime/protocol";

class Wire implements Comm {
  sent: Record<string, unknown>[] = [];
  handlers = new Set<(content: unknown) => void>();
  broken = false;
  send(content: unknown): void {
    if (this.broken) throw new Error("closed");
    this.sent.push(content as Record<string, unknown>);
  }
  on(_: "msg:custom", handler: (content: unknown) => void): void {
    this.handlers.add(handler);
  }
  off(_: "msg:custom", handler: (content: unknown) => void): void {
    this.handlers.delete(handler);
  }
  receive(content: unknown): void {
    for (const handler of this.handlers) handler(content);
  }
}

const sink = (heard: number[]): Sink => ({ messages: (batch) => heard.push(...batch.map((message) => message.offset)) });
const ask = { channel: "c", topics: ["t"], since: "start" } as const;
const batch = (id: unknown): object => ({ op: "messages", id, next: 1, messages: [{ channel: "c", topic: "t", kind: "data", data: 1, offset: 0 }] });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the comm", () => {
  it("carries the frames of the socket", () => {
    const wire = new Wire();
    const link = new CommLink(wire);
    const heard: number[] = [];
    const stop = link.subscribe(ask, sink(heard));
    expect(wire.sent[0]).toMatchObject({ op: "subscribe", ...ask });
    expect(link.state().phase).toBe("connecting");
    wire.receive(batch(wire.sent[0]?.id));
    expect(heard).toEqual([0]);
    expect(link.state()).toEqual({ phase: "live", via: "kernel" });
    stop();
    expect(wire.sent.at(-1)).toEqual({ op: "unsubscribe", id: wire.sent[0]?.id });
  });
  it("tells two views of one widget apart", () => {
    const wire = new Wire();
    const [first, second]: number[][] = [[], []];
    new CommLink(wire).subscribe(ask, sink(first ?? []));
    new CommLink(wire).subscribe(ask, sink(second ?? []));
    wire.receive(batch(wire.sent[1]?.id));
    expect([first, second]).toEqual([[], [0]]);
  });
  it("carries requests and their answers", async () => {
    const wire = new Wire();
    const link = new CommLink(wire);
    const reply = link.request("POST", "events", { name: "e" }, { "Idempotency-Key": "k" });
    const sent = wire.sent[0];
    expect(sent).toMatchObject({ op: "request", method: "POST", path: "events", body: { name: "e" }, headers: { "Idempotency-Key": "k" } });
    wire.receive({ op: "response", id: 1, status: 500 });
    wire.receive({ op: "response", id: sent?.id, status: 200, body: { ids: ["x"] } });
    await expect(reply).resolves.toEqual({ status: 200, body: { ids: ["x"] } });
  });
  it("gives up a request that nobody answers", async () => {
    const reply = new CommLink(new Wire()).request("GET", "runs/r");
    const lost = expect(reply).rejects.toThrow("The kernel did not answer.");
    await vi.advanceTimersByTimeAsync(60_000);
    await lost;
  });
  it("shows what was saved when the kernel stays silent, and is live as soon as it speaks", async () => {
    const wire = new Wire();
    const link = new CommLink(wire);
    link.subscribe(ask, sink([]));
    await vi.advanceTimersByTimeAsync(8000);
    expect(link.state().phase).toBe("saved");
    wire.receive(batch(wire.sent[0]?.id));
    expect(link.state().phase).toBe("live");
  });
  it("shows what was saved when the comm is closed", () => {
    const wire = new Wire();
    wire.broken = true;
    const link = new CommLink(wire);
    link.subscribe(ask, sink([]));
    expect(link.state().phase).toBe("saved");
  });
  it("leaves nothing behind", () => {
    const wire = new Wire();
    const link = new CommLink(wire);
    link.subscribe(ask, sink([]));
    link.close();
    expect(wire.handlers.size).toBe(0);
    expect(wire.sent.at(-1)).toMatchObject({ op: "unsubscribe" });
  });
});

describe("choosing", () => {
  const client = (): { client: RealtimeClient; sockets: SocketEvents[] } => {
    const sockets: SocketEvents[] = [];
    const io = {
      connect: (events: SocketEvents) => { sockets.push(events); return { send: () => undefined, close: () => undefined }; },
      now: () => 0, random: () => 0,
      later: (ms: number, run: () => void) => { const id = setTimeout(run, ms); return () => clearTimeout(id); },
    };
    return { client: new RealtimeClient(io), sockets };
  };
  it("takes the comm where the page has no server", () => {
    const wire = new Wire();
    new AutoLink(null, wire).subscribe(ask, sink([]));
    expect(wire.sent).toHaveLength(1);
  });
  it("moves to the comm, with its subscriptions, once the server has refused twice", async () => {
    const wire = new Wire();
    const { client: shared, sockets } = client();
    const link = new AutoLink(shared, wire);
    const heard: number[] = [];
    link.subscribe(ask, sink(heard));
    sockets[0]?.close();
    expect(wire.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(300);
    sockets[1]?.close();
    expect(wire.sent[0]).toMatchObject({ op: "subscribe", channel: "c", since: "start" });
    wire.receive(batch(wire.sent[0]?.id));
    expect(heard).toEqual([0]);
    expect(link.state()).toEqual({ phase: "live", via: "kernel" });
  });
  it("stays with a server that was there before", async () => {
    const wire = new Wire();
    const { client: shared, sockets } = client();
    const link = new AutoLink(shared, wire);
    link.subscribe(ask, sink([]));
    sockets[0]?.open();
    for (let i = 0; i < 4; i++) {
      sockets.at(-1)?.close();
      await vi.advanceTimersByTimeAsync(5000);
    }
    expect(wire.sent).toEqual([]);
    expect(link.state()).toMatchObject({ phase: "reconnecting", via: "server" });
  });
});
