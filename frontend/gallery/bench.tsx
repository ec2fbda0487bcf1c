/** One view with as much in it as it may ever have: `?bench=timeline&count=20000` or `?bench=stream&count=100000`. */
import { mount } from "../src/mount";
import { Facts } from "../src/realtime/facts";
import { parseMessages } from "../src/wire";
import type { Sink, Subscribe } from "../src/realtime/protocol";
import { replayEnv, ReplayLink } from "./replay";
import { CHANNEL, RUN, Story, T0 } from "./story";
import { huge } from "./timeline-scenes";

/** Delivers a recording piece by piece, as a socket would: `perFrame` messages with every animation frame. */
class Drip extends ReplayLink {
  constructor(private readonly story: Story, private readonly perFrame: number) {
    super({ channels: {}, now: T0 });
  }

  override subscribe(request: Subscribe, sink: Sink): () => void {
    const messages = parseMessages(this.story.messages[request.channel] ?? []);
    let at = 0;
    queueMicrotask(() => sink.subscribed?.(0, 0));
    const next = (): void => {
      const batch = messages.slice(at, (at += this.perFrame));
      if (batch.length) sink.messages(batch);
      if (at < messages.length) requestAnimationFrame(next);
      else if (request.channel === CHANNEL) document.documentElement.dataset.done = "";
    };
    requestAnimationFrame(next);
    return () => undefined;
  }
}

const WORDS = "Durable execution means that a program can stop at any point and go on later as if nothing had happened. ".split(" ");

function tokens(count: number): Story {
  const story = new Story().run("running", 0).step("generate", "running", 10, null);
  const log: object[] = (story.messages[CHANNEL] ??= []);
  for (let i = 0; i < count; i++) {
    const token = i % 120 === 119 ? "\n\n" : `${WORDS[i % WORDS.length] ?? ""} `;
    log.push({ channel: CHANNEL, topic: "tokens", kind: "data", data: { token }, created_at: new Date(T0 + 20 + i * 2).toISOString(), offset: i, run_id: RUN, step_id: "generate", attempt: 0 });
  }
  return story;
}

export function bench(what: string, count: number, perFrame: number): void {
  const box = document.body.appendChild(document.createElement("div"));
  box.className = "jp-OutputArea-output";
  box.style.width = "1000px";
  const begun = performance.now();
  if (what === "timeline") {
    const story = huge(count);
    mount(box, { view: "run-timeline", params: { run_id: RUN, fn_name: "research-agent" }, initial: {} },
      replayEnv({ channels: story.messages, now: T0 + count * 15 + 5000 }, new Facts()));
  } else {
    const env = replayEnv({ channels: {}, now: T0 }, new Facts());
    const params = { channel: CHANNEL, topics: ["tokens"], field: null, run_id: RUN };
    mount(box, { view: "token-stream", params, initial: {} }, { ...env, link: new Drip(tokens(count), perFrame), still: false });
  }
  const first = (): unknown => (box.querySelector("[data-key], .inb-text")
    ? (document.documentElement.dataset.firstPaint = String(Math.round(performance.now() - begun))) : requestAnimationFrame(first));
  requestAnimationFrame(first);
}
