/** The states of the feed of messages, as recordings. */
import type { Recording } from "./replay";
import type { Scene } from "./scenes";
import { CHANNEL, RUN, Story, T0, TEXT } from "./story";

const NOW = T0 + 9000;
const LOST = { link: { phase: "reconnecting", via: "server", lostAt: NOW - 6000, nextTryAt: NOW + 2000 } } as const;
const FIRST_TRY = "Durable execution is a way of writing programs so that they survive failures. There are three things to know.";

function story(): Story {
  return new Story()
    .put(CHANNEL, "data", "status", { message: "Generating response…", progress: 0 }, -8)
    .tokens(FIRST_TRY, 84, 850, 3050).rollback(0, 3062, "failed")
    .tokens(TEXT, 318, 4300, 8900, 1)
    .put(CHANNEL, "data", "approvals", { message: "Publish this answer?", approval_id: "5b0c2b0e-7e0f-4d8b-9d53-3f0e6a2f9c11", expires_at: "2026-11-21T14:17:31Z" }, 8950)
    .put(CHANNEL, "data", "result", { output: "## Durable execution…", model: "gpt-4o", tokens_used: 318 }, 8970)
    .put(CHANNEL, "run", "$run", { run_id: RUN, fn_id: "f", name: "generate-response", status: "completed" }, 8980);
}

function record(messages: readonly object[], more: Partial<Recording> = {}, first = 0, shown = messages): Recording {
  const next = first + messages.length;
  const extent = { first, next, epoch: 1 };
  const at = `GET channels/${encodeURIComponent(CHANNEL)}`;
  const topics = [["status", 1], ["tokens", 402], ["approvals", 1], ["result", 1], ["$run", 2]].map(([topic, count]) =>
    ({ topic, count, kind: topic === "$run" ? "run" : "data" }));
  return { channels: {}, now: NOW, answers: { [`${at}/browse`]: { messages: shown, reached: first, ...extent }, [`${at}/topics`]: { topics, ...extent } }, ...more };
}

const all = (): readonly object[] => story().messages[CHANNEL] ?? [];
const live = (): Recording => record(all(), { channels: { [CHANNEL]: all() } });
const scene = (id: string, title: string, recording: Recording, more: Partial<Scene> = {}): Scene =>
  ({ id: `m-${id}`, view: "message-feed", title, params: { channel: CHANNEL, topics: null }, recording, ...more });
const trimmed = (): readonly object[] => all().slice(-3).map((message, i) => ({ ...message, offset: 4097 + i }));

export const FEED_SCENES: readonly Scene[] = [
  scene("live", "Receiving", live(), { width: 1100, press: ["[data-offset='404']", "Enter"] }),
  scene("compact", "760 px", record(all())),
  scene("narrow", "Narrow", live(), { width: 400, press: ["[data-offset='404']", "Enter"] }),
  scene("paused", "Paused", record(all()), { click: "Pause" }),
  scene("gap", "The log was trimmed", record(trimmed(), {}, 4097)),
  scene("lost", "Reconnecting", record(all(), LOST)),
  scene("none", "No match", record(all(), {}, 0, []), { click: "result" }),
  scene("saved", "Saved", record([], { link: { phase: "saved", via: "kernel" } }), { initial: { saved_at: NOW, messages: all() } }),
  scene("empty", "Empty", record([])),
];
