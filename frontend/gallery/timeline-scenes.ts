/** Timelines of runs with many steps, with runs inside them, and of two runs at once. */
import type { Scene } from "./scenes";
import { CHANNEL, RUN, Story, T0 } from "./story";

export const OTHER = "01KAJ9ZZV7N2M5X9ZT3V9QK2MM";
const CHILD = "01KAJ9ZZV7N2M5X9ZT3VCH1LDR";
const params = { run_id: RUN, fn_name: "research-agent" };
const view = "run-timeline" as const;
const FAILED = { error: { name: "TimeoutError", message: "", stack: "" } };

/** A run that asks another one, which is open. */
function nested(): Story {
  const story = new Story(RUN, CHANNEL, "research-agent").run("running", 0);
  story.step("plan", "completed", 0, 900, { index: 0 });
  story.step("summarise", "waiting", 1000, null, { index: 1, op: "invoke", child: CHILD });
  const child = new Story(CHILD, CHANNEL, "summarise").run("running", 1010);
  child.step("split", "completed", 1100, 1310, { index: 0 }).step("section-1", "completed", 1400, 7700, { index: 1 })
    .step("section-2", "retrying", 1400, 2700, { index: 2, retry_at: T0 + 3700, ...FAILED })
    .step("section-2", "completed", 3700, 9300, { index: 2, attempt: 1 }).step("section-3", "running", 7900, null, { index: 3, queued_at: T0 + 1400 });
  story.messages[CHILD] = child.messages[CHILD] ?? [];
  return story;
}

/** So many siblings that they are one row, two of them failed. */
function fanOut(count: number): Story {
  const story = new Story(RUN, CHANNEL, "research-agent").run("running", 0).step("list", "completed", 0, 400, { index: 0 });
  for (let i = 0; i < count; i++) {
    const from = 450 + Math.floor(i / 8) * 300 + (i % 8) * 20;
    const bad = i === 77 || i === 140;
    story.step(`embed-${i}`, bad ? "failed" : "completed", from, from + 180 + ((i * 37) % 110), { index: 1 + i, ...(bad ? FAILED : {}) });
  }
  const end = 450 + Math.ceil(count / 8) * 300;
  return story.step("merge", "completed", end, end + 220, { index: count + 1 }).run("completed", end + 240, { result: 1 });
}

/** Rows enough for the strip above them; every step has a name of its own. */
export function many(count: number): Story {
  const story = new Story(RUN, CHANNEL, "research-agent").run("running", 0);
  for (let i = 0; i < count; i++) {
    const from = 20 + i * 60 + (i % 7) * 9;
    const bad = i % 41 === 40;
    story.step(`${"abcdefghij"[i % 10]}${i}x`, bad ? "failed" : "completed", from, from + 40 + ((i * 53) % 400), { index: i, ...(bad ? FAILED : {}) });
  }
  return story.run("completed", 20 + count * 60 + 500, { result: 1 });
}

/** As many spans as a reader may ever meet, in one family and in rows of their own, for the benchmark. */
export function huge(count: number): Story {
  const story = new Story(RUN, CHANNEL, "research-agent").run("running", 0);
  for (let i = 0; i < count; i++) {
    const own = i % 2 === 0;
    const from = 20 + i * 15 + (i % 11) * 7;
    const bad = i % 397 === 396;
    story.step(own ? `${"abcdefghij"[i % 10]}${i}x` : `embed-${i}`, bad ? "failed" : "completed", from, from + 10 + ((i * 53) % 900), { index: i, ...(bad ? FAILED : {}) });
  }
  return story.run("completed", 20 + count * 15 + 1000, { result: 1 });
}

function two(): Story {
  const story = new Story(RUN, CHANNEL, "research-agent").run("running", 0).step("plan", "completed", 0, 900, { index: 0 })
    .step("search", "completed", 950, 4200, { index: 1 }).step("write", "completed", 4250, 9100, { index: 2 })
    .step("check", "completed", 9110, 9400, { index: 3 }).run("completed", 9500, { result: 1 });
  const other = new Story(OTHER, CHANNEL, "research-agent", T0 + 60_000).run("running", 0).step("plan", "completed", 0, 700, { index: 0 })
    .step("search", "completed", 760, 6400, { index: 1 }).step("write", "failed", 6450, 8000, { index: 2, ...FAILED })
    .step("apologise", "completed", 8050, 8400, { index: 4 }).run("failed", 8500, FAILED);
  story.messages[OTHER] = other.messages[OTHER] ?? [];
  return story;
}

const record = (story: Story, now: number): Scene["recording"] => ({ channels: story.messages, steps: story.details, now: T0 + now });

export const TIMELINE_SCENES: readonly Scene[] = [
  { id: "t-nested", view, title: "An invoked run, opened", params, recording: record(nested(), 9600), click: "Show its steps" },
  { id: "t-group", view, title: "Many siblings are one row", params, recording: record(fanOut(180), 12_000) },
  { id: "t-many", view, title: "More rows than fit", width: 1100, params, recording: record(many(160), 30_000) },
  { id: "t-compare", view, title: "Two runs compared", width: 1100, params: { ...params, other_id: OTHER }, recording: record(two(), 80_000) },
  { id: "t-choice", view, title: "One of several runs", width: 1100, params: { ...params, other_id: OTHER, runs: [RUN, OTHER, "01KAJAWKN7N2M5X9ZT3VM2D5KE"] }, recording: record(two(), 80_000) },
];
