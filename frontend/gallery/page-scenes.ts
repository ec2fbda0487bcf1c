/** The states of the page about the whole engine, as recordings. */
import type { Recording } from "./replay";
import { CHANNEL, RUN, Story, T0 } from "./story";
import { NO_RUNS, tableRecording } from "./table-scenes";

export interface PageScene {
  readonly id: string;
  readonly title: string;
  readonly at: string;
  readonly width: number;
  readonly recording: Recording;
}

const M = 60_000;
const NOW = T0;
const EXAMPLE = { prompt: "Explain durable execution in 3 points" };
const HEALTH = { workers: [{ label: "a" }, { label: "b" }], commit_ms: 0.4, journal_bytes: 4_200_000, messages_bytes: 9_100_000, since: NOW - 192 * M, now: NOW };
const FUNCTIONS = [["generate-response", "app/prompt.submitted", 1012, 12, true], ["research-agent", "agent/research", 58, 5, true], ["summarise", "inngest/function.invoked", 183, 0, true], ["daily-digest", "", 31, 0, false]]
  .map(([name, event, runs, failed, connected]) => ({ id: `ai-lab-${String(name)}`, name, runs, failed, connected, triggers: event ? [{ event }] : [{ cron: "0 12 * * *" }] }));
const EVENTS = [["app/prompt.submitted", 1012, 3, ["generate-response"]], ["agent/research", 58, 26, ["research-agent"]], ["app/confirmation", 961, 840, []]]
  .map(([name, count, ago, starts]) => ({ name, count, last_at: NOW - Number(ago) * 1000, starts, example: EXAMPLE }));
const CHANNELS = [[CHANNEL, 407, 1], ["agent-chat:t1", 3120, 40], ["$runs-archive", 12, 9000]].map(([name, messages, ago]) => ({ name, messages, last_at: NOW - Number(ago) * 1000 }));

function asking(): Story {
  const story = new Story(RUN, CHANNEL).run("running", -190_000).wait("confirm", "waiting", -190_000, null, 15).run("waiting", -189_000).ask("confirm", "Publish this answer?", -189_500);
  return story.wait("confirm-2", "waiting", -120_000, null, 242, { index: 4 }).ask("confirm-2", "Delete 3 stale indexes?", -119_000);
}

const answers = (more: Record<string, object | null> = {}): Record<string, object | null> => ({
  ...tableRecording().answers, "GET overview/health": HEALTH, "GET overview/questions": { questions: ["h-confirm", "h-confirm-2"].map((hash) => ({ channel: CHANNEL, topic: "approvals", run_id: RUN, hash, name: "generate-response" })) },
  "GET overview/functions": { functions: FUNCTIONS }, "GET overview/events": { events: EVENTS }, "GET overview/channels": { channels: CHANNELS }, ...more,
});

function record(more: Partial<Recording> = {}, changed: Record<string, object | null> = {}): Recording {
  return { ...tableRecording(), channels: asking().messages, answers: answers(changed), ...more };
}

const ROUTES = ["health", "runs", "questions", "functions", "events", "channels"];
const NOTHING = { "GET overview/questions": { questions: [] }, "GET overview/functions": { functions: [] }, "GET overview/events": { events: [] }, "GET overview/channels": { channels: [] } };

/** A server whose engine does not answer; 0 is no server. */
function without(status: number, code: string, error: string, more: Partial<Recording> = {}): Recording {
  const reply = { status, body: { error, code, status } };
  return { channels: {}, now: NOW, refusals: Object.fromEntries(ROUTES.map((what) => [`GET overview/${what}`, reply])), link: { phase: "connecting", via: "server" }, ...more };
}

const scene = (id: string, title: string, recording: Recording, more: Partial<PageScene> = {}): PageScene => ({ id: `p-${id}`, title, at: "", width: 1240, recording, ...more });

export const PAGE_SCENES: readonly PageScene[] = [
  scene("runs", "Runs", record()),
  scene("approvals", "Open questions", record(), { at: "#/approvals" }),
  scene("functions", "Functions", record(), { at: "#/functions" }),
  scene("events", "Events", record(), { at: "#/events" }),
  scene("channels", "Channels", record(), { at: "#/channels" }),
  scene("compact", "760 px", record(), { width: 760 }),
  scene("narrow", "Narrow", record(), { width: 400 }),
  scene("empty", "Nothing yet", record({ channels: {} }, { ...NOTHING, "GET overview/runs": NO_RUNS })),
  scene("no-kernel", "No kernel connected", record({}, { "GET overview/health": { ...HEALTH, workers: [] } })),
  scene("full", "The disk is full", record({}, { "GET overview/health": { ...HEALTH, outage: "journal.db cannot be written: database or disk is full. Free some space; what waits is then written." } })),
  scene("starting", "The engine is starting", without(503, "engine_starting", "the Inngest engine of this server is not running yet; try again")),
  scene("locked", "Journal locked", without(503, "data_dir_locked", "the data directory /home/ada/.inngest_nb is used by the Jupyter server of /home/ada/lab (process 4711); stop it, or choose another directory")),
  scene("denied", "Not permitted", without(403, "http_error", "not allowed to read inngest")),
  scene("unreachable", "No server", without(0, "", "")),
  scene("lost", "Reconnecting", record({ link: { phase: "reconnecting", via: "server", lostAt: NOW - 6000, nextTryAt: NOW + 2000 } })),
];
