/** Questions with forms, and what can become of an answer. */
import type { Recording } from "./replay";
import type { Scene } from "./scenes";
import { CHANNEL, Story, T0, TEXT } from "./story";

const params = { channel: CHANNEL, topic: "approvals", event: null };
const DRAFT = TEXT.slice(38).trim().replace(/[*`]/g, "").replace(/\s+/g, " ");

/** What pydantic writes for the model of the quickstart's question. */
export const PUBLISH = {
  type: "object", title: "Publish", required: ["audience", "title"],
  properties: {
    audience: { enum: ["everybody", "#data-help", "team", "nobody"], type: "string", title: "Audience" },
    priority: { default: 3, minimum: 1, maximum: 5, type: "integer", title: "Priority" },
    title: { type: "string", minLength: 3, title: "Title" },
    tags: { type: "array", items: { type: "string" }, default: [], title: "Tags" },
    notify: { type: "boolean", default: true, title: "Notify", description: "Tell the asker when it is out" },
  },
};
const FILLED = { audience: "#data-help", priority: 3, title: "Durable execution in three points", tags: ["howto", "runtime"], notify: true };

/** Every kind of field. */
export const EVERYTHING = {
  $defs: {
    Link: {
      type: "object", title: "Link", required: ["url"],
      properties: { url: { type: "string", format: "uri", title: "Address" }, note: { anyOf: [{ type: "string" }, { type: "null" }], default: null, title: "Note" } },
    },
    Window: {
      type: "object", title: "Window", description: "When it may go out",
      properties: { from: { type: "string", format: "date-time", title: "From", default: "2026-11-24T09:00:00Z" }, day: { type: "string", format: "date", title: "Day", default: "2026-11-24" } },
    },
  },
  type: "object", title: "Everything",
  properties: {
    tone: { enum: ["plain", "warm"], type: "string", title: "Tone", default: "plain" },
    share: { type: "number", exclusiveMinimum: 0, maximum: 1, default: 0.25, title: "Share", description: "Of those who will see it" },
    limit: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null, title: "Limit" },
    cap: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: 200, title: "Cap" },
    summary: { type: "string", format: "multiline", default: "Every step is saved.\nA crash is only a pause.", title: "Summary" },
    window: { $ref: "#/$defs/Window" },
    links: { type: "array", items: { $ref: "#/$defs/Link" }, title: "Links", default: [{ url: "https://example.org/steps", note: null }] },
    labels: { type: "object", additionalProperties: { type: "string" }, title: "Labels", default: { lang: "en" } },
  },
};

function asks(more: object, run = "waiting"): Story {
  return new Story().run("running", 0).step("generate", "completed", 860, 9300)
    .wait("confirm", "waiting", 9330, null, 15).run(run, 9331).ask("confirm", "Publish this answer?", 9332, more);
}

const withForm = (more: object = {}): Story => asks({ schema: PUBLISH, draft: FILLED, text: `Durable execution in three points. ${DRAFT}`, ...more });
const record = (story: Story, now: number, more: Partial<Recording> = {}): Recording => ({ channels: story.messages, now: T0 + now, ...more });
const view = "approval" as const;

function asked(story = withForm()): Recording {
  return record(story, 192_330);
}

function answered(): Story {
  const data = { ...FILLED, priority: 2, title: "Durable execution, in short" };
  const story = withForm().wait("confirm", "completed", 9330, 201_400, 15, {
    answered: { event_id: "x", user: { name: "ada" }, ts: T0 + 201_400, data: { approved: true, data } },
  });
  return story.wait("q-2", "waiting", 9330, null, 15).ask("q-2", "Delete 3 stale indexes?", 9340)
    .wait("q-2", "completed", 9330, 31_400, 15, { answered: { event_id: "y", user: { name: "grace" }, ts: T0 + 31_400, data: { approved: false, reason: "Cites the wrong version." } } })
    .run("completed", 202_000);
}

function again(): Story {
  const first = withForm().wait("confirm", "completed", 9330, 61_400, 15, {
    answered: { event_id: "x", user: { name: "ada" }, ts: T0 + 61_400, data: { approved: true, data: { ...FILLED, priority: 4 } } },
  });
  const asked = first.messages[CHANNEL]?.at(-1) as { data: Record<string, unknown> };
  asked.data.question_id = "q-first-of-two";
  return first.wait("again", "waiting", 61_500, null, 14).ask("again", "Publish this answer?", 61_510, {
    schema: PUBLISH, draft: { ...FILLED, priority: 4 }, again: "q-first-of-two",
    errors: [{ path: ["priority"], message: "Value error, an even priority is kept for incidents" }],
  });
}

const lost = { link: { phase: "reconnecting", via: "server", lostAt: T0 + 186_000, nextTryAt: T0 + 194_000 } } as const;
const refusal = { status: 422, body: { code: "answer_invalid", errors: [
  { path: ["audience"], message: "'#data-help' is archived" }, { path: ["tags", 1], message: "'runtime' is too long" }] } };

export const APPROVAL_SCENES: readonly Scene[] = [
  { id: "a-form", view, title: "Open, typed form", params, recording: asked() },
  { id: "a-form-wide", view, title: "Wide: the draft beside the form", width: 1100, params, recording: asked() },
  { id: "a-edited", view, title: "Edited", params, recording: asked(), fill: { priority: "2", title: "Durable execution, in short" } },
  { id: "a-invalid", view, title: "Validation", params, recording: asked(withForm({ draft: { ...FILLED, audience: undefined } })), fill: { priority: "9" }, click: "Approve" },
  { id: "a-refused", view, title: "Refused by the server, beside the fields", params, recording: { ...asked(), refusal }, click: "Approve" },
  { id: "a-everything", view, title: "Every kind of field", params, recording: asked(asks({ schema: EVERYTHING })) },
  { id: "a-again", view, title: "Asked again by the function", params, recording: record(again(), 80_000) },
  { id: "a-reason", view, title: "Rejecting with a reason", params, recording: asked(asks({})), click: "Give a reason" },
  { id: "a-kept", view, title: "Kept while disconnected", params, recording: { ...asked(asks({})), ...lost, refusal: { status: 503, body: null } }, click: "Approve" },
  { id: "a-readonly", view, title: "Read-only", params, recording: { ...asked(), readonly: true } },
  { id: "a-decided", view, title: "Answered with edits, rejected with a reason", params, recording: record(answered(), 220_000) },
];
