// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Facts } from "../src/realtime/facts";
import { Controller } from "../src/views/env";
import { replayEnv } from "../gallery/replay";

let now = 0;
let frames: (() => void)[] = [];

class Counter extends Controller<number> {
  readonly drawn: [at: number, state: number][] = [];

  constructor(private readonly tookMs: number) {
    super({ ...replayEnv({ channels: {}, now: 0 }, new Facts()), savedAt: undefined }, 0);
    this.onChange(() => this.draw());
  }

  add(): void {
    this.set(this.state + 1);
  }

  private draw(): void {
    this.drawn.push([now, this.state]);
    now += this.tookMs;
    this.written();
  }
}

/** Changes at these moments, and frames every 16 ms. */
function play(counter: Counter, changes: number[], end: number): [number, number][] {
  for (let at = now; at <= end; at++) {
    now = Math.max(now, at);
    if (changes.includes(at)) counter.add();
    if (at % 16 === 0) for (const frame of frames.splice(0)) frame();
  }
  return counter.drawn;
}

beforeEach(() => {
  now = 1000;
  frames = [];
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));
  vi.stubGlobal("cancelAnimationFrame", (id: number) => void frames.splice(id - 1, 1));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("how often a view is drawn", () => {
  it("draws a change after a pause at once, not with the next frame", () => {
    expect(play(new Counter(0), [1001, 1011], 1040)).toEqual([[1001, 1], [1011, 2]]);
  });
  it("draws what comes faster together, when the pause is over or with the next frame", () => {
    expect(play(new Counter(0), [1001, 1002, 1003, 1005, 1006], 1040)).toEqual([[1001, 1], [1005, 4], [1008, 5]]);
  });
  it("rests as long as a drawing took", () => {
    expect(play(new Counter(7), [1001, 1009, 1015], 1060)).toEqual([[1001, 1], [1015, 3]]);
  });
  it("draws with the next frame where the page is hidden", () => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    expect(play(new Counter(0), [1001], 1040)).toEqual([[1008, 1]]);
  });
});
