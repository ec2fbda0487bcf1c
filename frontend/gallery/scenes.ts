/** Every state of every view, as recordings. */
import { APPROVAL_SCENES } from "./approval-scenes";
import type { Recording } from "./replay";
import { FEED_SCENES } from "./feed-scenes";
import { TABLE_SCENES } from "./table-scenes";
import { TIMELINE_SCENES } from "./timeline-scenes";
import { CHANNEL, FAILURE, RUN, Story, T0, TEXT } from "./story";

export interface Scene {
  readonly id: string;
  readonly view: "token-stream" | "run-timeline" | "approval" | "run-table" | "message-feed";
  readonly title: string;
  readonly width?: number;
  readonly params: object;
  readonly initial?: object;
  readonly recording: Recording;
  /** Messages of this channel are seen by a stream beside the view, which shares what it learns. */
  readonly beside?: string;
  readonly select?: string;
  readonly click?: string;
  /** What is typed, chosen or ticked in the fields of a form, by their path; before `click`. */
  readonly fill?: Readonly<Record<string, string>>;
  /** The name of a menu, and what is chosen in it. */
  readonly choose?: readonly [string, string];
  /** A selector, and the key that is pressed there. */
  readonly press?: readonly [string, string];
  /** Scrolls the text back to its top. */
  readonly back?: boolean;
}

const at = (ms: number): number => T0 + ms;
const stream = { channel: CHANNEL, topics: ["tokens", "usage"], field: null, run_id: RUN, fn_name: "generate-response" };
const timeline = { run_id: RUN, fn_name: "generate-response" };
const approval = { channel: CHANNEL, topic: "approvals", event: null };
const LOST = { phase: "reconnecting", via: "server" } as const;

function record(story: Story, now: number, more: Partial<Recording> = {}): Recording {
  return { channels: story.messages, steps: story.details, now: at(now), ...more };
}

function lost(now: number): Partial<Recording> {
  return { link: { ...LOST, lostAt: at(now) - 6000, nextTryAt: at(now) + 2000 } };
}

const fetched = (story = new Story()): Story => story.run("running", 0).step("fetch-context", "completed", 3, 843);

function writing(): Story {
  const story = fetched().step("generate", "running", 860, null);
  return story.tokens(story.cut("Waiting is free.** A run that waits for a person holds no thread"), 182, 1272, 5990);
}

function written(): Story {
  return fetched().step("generate", "running", 860, null).tokens(TEXT, 318, 1272, 9290).usage(9296).commit(9300)
    .step("generate", "completed", 860, 9300).step("check-policy", "completed", 9310, 9316);
}

function asked(): Story {
  return written().wait("confirm", "waiting", 9330, null, 15).run("waiting", 9331)
    .ask("confirm", "Publish this answer?", 9332, { draft: `Durable execution in three points. ${TEXT.slice(38).trim().replace(/[*`]/g, "").replace(/\s+/g, " ")}` });
}

function finished(): Story {
  return asked().wait("confirm", "completed", 9330, 201_400, 15, { answered: { event_id: "e2", user: { name: "ada" }, ts: at(201_400), data: { approved: true } } })
    .run("running", 201_410).step("send-result", "completed", 201_420, 201_429).step("index-answer", "completed", 201_440, 202_620)
    .run("completed", 202_640, { result: { ok: true } })
    .detail("generate", [{ ...lastStep("generate", 860, 9300), output: { text: TEXT, model: "gpt-4o", usage: { input: 212, output: 318 } } }]);
}

function lastStep(step_id: string, from: number, to: number): object {
  return { run_id: RUN, hash: `h-${step_id}`, step_id, index: 1, op: "run", status: "completed", attempt: 0, max_attempts: 5,
    queued_at: at(from - 2), started_at: at(from), ended_at: at(to) };
}

const FIRST_TRY = "Durable execution is a way of writing programs so that they survive failures. There are three things to know. First, each step of the function is recorded, and the record is kept in the";

function retried(): Story {
  return fetched().step("generate", "running", 860, null).tokens(FIRST_TRY, 84, 1270, 3050)
    .rollback(0, 3062, "failed").step("generate", "retrying", 860, 3060, { retry_at: at(4060), error: { name: "APIConnectionError", message: "Connection error.", stack: "" } });
}

function secondTry(): Story {
  const story = retried().step("generate", "running", 4061, null, { attempt: 1 });
  return story.tokens(story.cut("Restart the kernel, run the defining"), 118, 4300, 7300, 1);
}

function backoff(): Story {
  return retried().step("generate", "running", 4061, null, { attempt: 1 })
    .tokens("Durable execution in three points, 1. Every step is saved. When step.run returns, its result is", 31, 4300, 5200, 1)
    .rollback(1, 5262, "failed").step("generate", "retrying", 4061, 5260, { attempt: 1, retry_at: at(7260), error: { name: "RateLimitError", message: "429", stack: "" } });
}

function failed(): Story {
  const story = fetched();
  const starts = [860, 2400, 5100, 9900, 31_000];
  starts.forEach((from, i) => {
    const last = i === starts.length - 1;
    story.step("generate", last ? "failed" : "retrying", from, from + 760, { attempt: i, error: FAILURE, ...(last ? {} : { retry_at: at(starts[i + 1] ?? 0) }) });
  });
  return story.run("failed", 31_800, { attempt: 0, error: FAILURE })
    .detail("generate", [{ ...lastStep("generate", 31_000, 31_760), status: "failed", attempt: 4, error: FAILURE }]);
}

function cancelled(): Story {
  const story = fetched().step("generate", "running", 860, null);
  return story.tokens(story.cut("Restart the"), 97, 1270, 2880).step("generate", "cancelled", 860, 2940)
    .run("cancelled", 2941, { cancelled_by: "ada", reason: "cancelled" });
}

function queued(): Story {
  return new Story().run("queued", 0, { reason: "2 runs ahead under concurrency=1" });
}

function partial(): Story {
  const story = fetched().step("generate", "running", 860, null);
  return story.tokens(story.cut("The model is not called again."), 207, 1272, 6100);
}

function long(): Story {
  return fetched().step("generate", "running", 860, null).tokens(`${TEXT}\n\n${TEXT}`, 200, 1272, 5990);
}

/** Two runs that publish to one channel: the first is over, the second is being written. */
function two(): Story {
  const first = finished();
  const second = new Story("01KAJ9ZZV7N2M5X9ZT3V9QK2MM", CHANNEL, "generate-response");
  second.messages[CHANNEL] = first.messages[CHANNEL] ??= [];
  second.run("running", 0).step("generate", "running", 860, null)
    .tokens("## What is durable execution?\n\nDurable execution means that your code can stop at any point and go on later as if nothing had happened. The runtime writes down the result of each step, so that a restart", 142, 955, 9250)
    .put(CHANNEL, "data", "usage", { model: "llama-3.2" }, 9260, { step_id: "generate" });
  first.messages[second.run_id] = second.messages[second.run_id] ?? [];
  return first;
}

const savedInitial = (story: Story): object => ({ saved_at: at(220_000), messages: story.messages[CHANNEL] ?? [], ...snapshot(story) });

function snapshot(story: Story): object {
  const log = (story.messages[RUN] ?? []) as { kind: string; data: { hash?: string; attempt?: number } }[];
  const steps = new Map(log.filter((m) => m.kind === "step").map((m) => [`${m.data.hash}:${m.data.attempt}`, m.data]));
  const run = log.filter((m) => m.kind === "run").at(-1)?.data;
  return { run: { run, steps: [...steps.values()] }, runs: { [RUN]: { run, steps: [...steps.values()] } } };
}

const SAVED = { link: { phase: "saved", via: "kernel" } } as const;

function research(): Story {
  const story = new Story(RUN, CHANNEL, "research-agent").run("running", 0);
  story.step("plan", "completed", 0, 1000, { index: 0, reused: true });
  story.step("search:arxiv", "completed", 1250, 6060, { index: 1, queued_at: at(1080) });
  story.step("search:web", "completed", 1600, 8620, { index: 2, queued_at: at(1080) });
  story.step("search:docs", "completed", 3080, 5180, { index: 3, queued_at: at(1080) });
  story.step("cool-down", "completed", 8700, 11_700, { index: 4, op: "sleep" });
  story.step("section-1", "completed", 12_000, 18_320, { index: 5 });
  story.step("section-2", "retrying", 12_000, 13_300, { index: 6, retry_at: at(14_300), error: { name: "APITimeoutError", message: "", stack: "" } });
  story.step("section-2", "completed", 14_300, 19_900, { index: 6, attempt: 1 });
  return story.step("section-3", "running", 19_160, null, { index: 7, queued_at: at(12_000) }).tokens("word ".repeat(121), 121, 19_900, 26_300, 0, "section-3");
}

function questions(): Story {
  const story = asked();
  const others = [["confirm-2", "Delete 3 stale indexes?"], ["confirm-3", "Send the summary to #data-help?"]] as const;
  others.forEach(([id, text], i) => story.wait(id, "waiting", 9400 + i, null, 30, { index: 4 + i }).ask(id, text, 9401 + i));
  return story;
}

function answers(): Story {
  const story = written().run("waiting", 9331);
  const done = (id: string, text: string, to: number, phase: string, more: object): void => {
    story.wait(id, "waiting", 9330, null, 15).ask(id, text, 9332).wait(id, phase, 9330, to, 15, more);
  };
  const by = (name: string, to: number, approved: boolean): object => ({ answered: { event_id: "x", user: { name }, ts: at(to), data: { approved } } });
  done("confirm", "Publish this answer?", 201_400, "completed", by("ada", 201_400, true));
  done("q-2", "Publish this answer?", 31_400, "completed", by("grace", 31_400, false));
  done("q-3", "Confirm to proceed?", 909_330, "timed_out", {});
  done("q-4", "Delete 3 stale indexes?", 61_400, "cancelled", {});
  return story.run("cancelled", 910_000, { cancelled_by: "ada" });
}

const plain = (): Story => fetched().wait("confirm", "waiting", 900, null, 15).run("waiting", 901).ask("confirm", "Confirm to proceed?", 902);

export const SCENES: readonly Scene[] = [
  { id: "s-running", view: "token-stream", title: "Running", params: stream, recording: record(writing(), 6000) },
  { id: "s-retrying", view: "token-stream", title: "Second attempt", params: stream, recording: record(secondTry(), 7320) },
  { id: "s-waiting", view: "token-stream", title: "Waiting for you", params: stream, recording: record(asked(), 192_330), beside: "approval" },
  { id: "s-completed", view: "token-stream", title: "Completed", params: stream, recording: record(finished(), 220_000) },
  { id: "s-complete-text", view: "token-stream", title: "Text complete, run goes on", params: stream, recording: record(written(), 9500) },
  { id: "s-failed", view: "token-stream", title: "Failed", params: stream, recording: record(failed(), 40_000) },
  { id: "s-backoff", view: "token-stream", title: "Backoff", params: stream, recording: record(backoff(), 5860) },
  { id: "s-cancelled", view: "token-stream", title: "Cancelled", params: stream, recording: record(cancelled(), 4000) },
  { id: "s-lost", view: "token-stream", title: "Reconnecting", params: stream, recording: record(partial(), 12_200, lost(12_200)) },
  { id: "s-saved", view: "token-stream", title: "Saved notebook", params: stream, initial: savedInitial(partial()), recording: record(new Story(), 240_000, SAVED) },
  { id: "s-queued", view: "token-stream", title: "Queued", params: stream, recording: record(queued(), 3200) },
  { id: "s-paused", view: "token-stream", title: "Paused by the reader", params: stream, recording: record(writing(), 6000), press: [".inb-scroll", " "] },
  { id: "s-long", view: "token-stream", title: "Scrolled back", params: stream, recording: record(long(), 6000), back: true },
  { id: "s-diff", view: "token-stream", title: "Two runs, what differs", width: 1100, params: { ...stream, run_id: null }, recording: record(two(), 9300), click: "Show the differences" },
  { id: "s-two", view: "token-stream", title: "Two runs on one channel", width: 1100, params: { ...stream, run_id: null }, recording: record(two(), 9300) },
  { id: "s-empty", view: "token-stream", title: "Empty", params: { ...stream, run_id: null, channel: "agent-chat:t1", fn_name: "" }, recording: record(new Story(), 0) },
  { id: "t-completed", view: "run-timeline", title: "Completed, a step selected", width: 1100, params: timeline, recording: record(finished(), 220_000), beside: "token-stream", select: "h-generate" },
  { id: "t-parallel", view: "run-timeline", title: "Parallel", width: 1100, params: { ...timeline, fn_name: "research-agent" }, recording: record(research(), 26_400), beside: "token-stream" },
  { id: "t-running", view: "run-timeline", title: "Running", params: timeline, recording: record(writing(), 6120), beside: "token-stream" },
  { id: "t-waiting", view: "run-timeline", title: "Waiting for you", params: timeline, recording: record(asked(), 192_330), beside: "both" },
  { id: "t-retrying", view: "run-timeline", title: "Retrying", params: timeline, recording: record(backoff(), 6560), beside: "token-stream" },
  { id: "t-failed", view: "run-timeline", title: "Failed", params: timeline, recording: record(failed(), 40_000) },
  { id: "t-table", view: "run-timeline", title: "As a table", params: timeline, recording: record(backoff(), 6560), click: "Show as table" },
  ...TIMELINE_SCENES,
  { id: "t-queued", view: "run-timeline", title: "Queued", params: timeline, recording: record(queued(), 3200) },
  { id: "t-cancelled", view: "run-timeline", title: "Cancelled", params: timeline, recording: record(cancelled(), 4000), beside: "token-stream" },
  { id: "t-lost", view: "run-timeline", title: "Reconnecting", params: timeline, recording: record(partial(), 12_200, lost(12_200)) },
  { id: "t-saved", view: "run-timeline", title: "Saved", params: timeline, initial: savedInitial(asked()), recording: record(new Story(), 240_000, SAVED) },
  { id: "t-empty", view: "run-timeline", title: "Not run yet", params: { run_id: "", fn_name: "generate-response" }, recording: record(new Story(), 0) },
  { id: "t-missing", view: "run-timeline", title: "Unknown run", params: timeline, recording: record(new Story(), 0) },
  { id: "a-open", view: "approval", title: "Open, one of three", params: approval, recording: record(questions(), 192_330) },
  { id: "a-plain", view: "approval", title: "Plain", params: approval, recording: record(plain(), 8900) },
  { id: "a-last", view: "approval", title: "Last minute", params: approval, recording: record(plain(), 862_900) },
  { id: "a-sending", view: "approval", title: "Sending", params: approval, recording: record(plain(), 9000, { mute: true }), click: "Approve" },
  { id: "a-opening", view: "approval", title: "Opening", params: approval, recording: record(fetched().ask("confirm", "Confirm to proceed?", 902), 930) },
  { id: "a-lost", view: "approval", title: "Disconnected", params: approval, recording: record(plain(), 209_900, lost(209_900)) },
  { id: "a-answered", view: "approval", title: "Answered", params: approval, recording: record(answers(), 920_000) },
  { id: "a-saved", view: "approval", title: "Saved", params: approval, initial: savedInitial(asked()), recording: record(new Story(), 240_000, SAVED) },
  ...APPROVAL_SCENES,
  ...TABLE_SCENES,
  ...FEED_SCENES,
  { id: "a-empty", view: "approval", title: "Empty", params: approval, recording: record(new Story(), 0) },
];
