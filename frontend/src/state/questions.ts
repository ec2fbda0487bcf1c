/** The queue of questions: a fold over a channel, matched with the waits of the runs that ask. */
import { isDict, parseRollback, text, type Dict, type Message, type StepState } from "../wire";
import { isOver, type RunModel } from "./run";

export interface Question {
  readonly key: string;
  readonly run_id: string;
  readonly step_id: string;
  readonly attempt: number;
  readonly fn_id: string;
  readonly topic: string;
  readonly text: string;
  readonly data: Dict;
  readonly at: number;
  readonly withdrawn: boolean;
}

export interface QuestionState {
  readonly questions: readonly Question[];
  readonly lastOffset: number;
}

export const NO_QUESTIONS: QuestionState = { questions: [], lastOffset: -1 };

/** Strings shorter than this are too common to tell which wait a question belongs to. */
const SHORTEST_ID = 6;
const ID_KEY = /(^|_)(id|uuid|ulid|token|key|nonce)$|Id$/;
const ID_VALUE = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{16,64})$/i;

/** What a message asks, or undefined when it asks nothing. */
export function askedIn(data: unknown): string | undefined {
  return isDict(data) ? text(data.message) ?? text(data.question) ?? text(data.prompt) : undefined;
}

/** The value that tells one question from another. */
export function questionId(data: Dict): string | undefined {
  const strings = Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const long = strings.filter(([, value]) => value.length >= SHORTEST_ID);
  return (long.find(([, value]) => ID_VALUE.test(value)) ?? long.find(([name]) => ID_KEY.test(name)))?.[1];
}

export function withQuestions(state: QuestionState, messages: readonly Message[], topic: string | null): QuestionState {
  let { questions, lastOffset } = state;
  for (const message of messages) {
    if (message.offset <= lastOffset) continue;
    lastOffset = message.offset;
    if (message.kind === "data") questions = ask(questions, message, topic);
    else if (message.kind === "rollback") questions = takeBack(questions, message.data);
  }
  return { questions, lastOffset };
}

function ask(questions: readonly Question[], message: Message, topic: string | null): readonly Question[] {
  const asked = askedIn(message.data);
  if (asked === undefined || !isDict(message.data) || message.run_id === undefined) return questions;
  if (topic !== null ? message.topic !== topic : questionId(message.data) === undefined) return questions;
  const key = `${message.run_id}\n${questionId(message.data) ?? JSON.stringify(message.data)}`;
  const question: Question = {
    key, run_id: message.run_id, step_id: message.step_id ?? "", attempt: message.attempt ?? 0, fn_id: message.fn_id ?? "", topic: message.topic,
    text: asked, data: message.data, at: message.at, withdrawn: false,
  };
  return questions.some((known) => known.key === key)
    ? questions.map((known) => (known.key === key ? question : known))
    : [...questions, question];
}

function takeBack(questions: readonly Question[], data: unknown): readonly Question[] {
  const rollback = parseRollback(data);
  if (!rollback) return questions;
  return questions.filter((q) => q.run_id !== rollback.run_id || q.step_id !== rollback.step_id || q.attempt !== rollback.attempt);
}

/** The wait that this question is about, once the run has registered it. */
export function waitOf(question: Question, model: RunModel | undefined): StepState | undefined {
  if (!model) return undefined;
  const waits = [...model.steps.values()].flat().filter((step) => step.op === "wait_for_event" && step.wait);
  const values = Object.values(question.data).filter(
    (value): value is string => typeof value === "string" && value.length >= SHORTEST_ID && value !== question.text);
  const mentioned = waits.filter((step) => values.some((value) => step.wait?.expression.includes(value)));
  return mentioned.at(-1) ?? waits.filter((step) => step.wait?.event === question.data.event).at(-1);
}

/** A click that has not been confirmed yet. */
export interface Pending {
  readonly approved: boolean;
  /** What was filled in, where the question has a form. */
  readonly data?: unknown;
  readonly reason?: string;
  readonly id: string;
  readonly clickedAt: number;
  readonly phase: "sending" | "kept" | "sent" | "refused";
  readonly sentence?: string;
}

export type QuestionPhase =
  | "opening" | "open" | "sending" | "kept" | "expired"
  | "approved" | "rejected" | "answered" | "returned" | "timed_out" | "withdrawn";

export interface QuestionView {
  readonly question: Question;
  readonly phase: QuestionPhase;
  readonly wait: StepState | undefined;
  readonly pending: Pending | undefined;
  readonly deadline: number | undefined;
  readonly by: string | undefined;
  readonly settledAt: number | undefined;
  /** The click of this view came too late or lost against another one. */
  readonly overruled: boolean;
}

/** The questions that were asked again because an answer did not pass: each by its id. */
export function askedAgain(questions: readonly Question[]): ReadonlySet<string> {
  return new Set(questions.map((question) => question.data.again).filter((id) => typeof id === "string"));
}

export function viewQuestion(question: Question, model: RunModel | undefined, pending: Pending | undefined,
  now: number, again: ReadonlySet<string> = new Set()): QuestionView {
  const wait = waitOf(question, model);
  const known = phaseOf(question, wait, model, pending, now);
  const phase = known === "approved" && again.has(String(question.data.question_id)) ? "returned" : known;
  return {
    question, phase, wait, pending,
    deadline: wait?.wait?.expires_at,
    by: wait?.answered?.user ?? (phase === "withdrawn" ? model?.run?.cancelled_by : undefined),
    settledAt: wait?.answered?.ts || wait?.ended_at || (phase === "withdrawn" ? model?.run?.ended_at : undefined),
    overruled: pending !== undefined && isSettled(phase) && known !== (pending.approved ? "approved" : "rejected"),
  };
}

function phaseOf(question: Question, wait: StepState | undefined, model: RunModel | undefined,
  pending: Pending | undefined, now: number): QuestionPhase {
  if (question.withdrawn) return "withdrawn";
  if (!wait) return model && isOver(model) ? "withdrawn" : "opening";
  if (wait.status === "timed_out") return "timed_out";
  if (wait.status === "cancelled" || wait.status === "failed") return "withdrawn";
  if (wait.status === "completed") return answeredPhase(wait);
  if (model && isOver(model)) return "withdrawn";
  if (wait.wait?.expires_at !== undefined && now >= wait.wait.expires_at) return "expired";
  if (pending && pending.phase !== "refused") return pending.phase === "kept" ? "kept" : "sending";
  return "open";
}

function answeredPhase(wait: StepState): QuestionPhase {
  if (!wait.answered) return "answered";
  return wait.answered.data.approved === false ? "rejected" : "approved";
}

export function isSettled(phase: QuestionPhase): boolean {
  return ["approved", "rejected", "answered", "returned", "timed_out", "withdrawn"].includes(phase);
}

/** Questions that look like one only by chance have no wait; without a topic to say so they are not shown. */
export function isShown(view: QuestionView, topic: string | null): boolean {
  return view.wait !== undefined || (topic !== null && view.phase !== "withdrawn");
}
