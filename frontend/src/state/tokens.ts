/**
 * The text of a channel: a fold over its messages.
 *
 * Text belongs to a segment, one per run, step and topic. A rollback moves what a segment held into its struck
 * attempts and starts it again; `generation` tells a view that its text did not merely grow.
 */
import { dict, isDict, number, parseRollback, parseRun, text as nonEmpty, type Dict, type Message, type RunState } from "../wire";
import { NO_RATES, withPieces, type Rates } from "./rates";

export interface Struck {
  readonly attempt: number;
  readonly text: string;
  readonly tokens: number;
  readonly reason: string;
  readonly at: number;
}

export interface Segment {
  readonly key: string;
  readonly run_id: string;
  readonly step_id: string;
  readonly topic: string;
  readonly attempt: number;
  readonly text: string;
  /** The end of the text, from a place on: to read what is new in it does not copy all that came before. */
  readonly tail: { readonly from: number; readonly text: string };
  readonly generation: number;
  readonly rates: Rates;
  readonly struck: readonly Struck[];
  readonly committed: boolean;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface Usage {
  readonly input?: number;
  readonly output?: number;
  readonly model?: string;
}

export interface TokenState {
  readonly segments: readonly Segment[];
  /** Runs in order of first appearance on the channel, with their state where the channel said it. */
  readonly runs: ReadonlyMap<string, RunState | null>;
  readonly usage: Usage;
  /** The same for each step that said it: by run and step. */
  readonly usages: ReadonlyMap<string, Usage>;
  readonly lastOffset: number;
  readonly lost: number;
}

export interface TokenOptions {
  readonly topics: readonly string[] | null;
  readonly field: string | null;
  readonly run_id: string | null;
}

export const NO_TOKENS: TokenState = { segments: [], runs: new Map(), usage: {}, usages: new Map(), lastOffset: -1, lost: 0 };

const NO_TAIL: Segment["tail"] = { from: 0, text: "" };
const LONGEST_TAIL = 8192;

const TEXT_FIELDS = ["token", "text", "content", "delta"];

/** The piece of text in a message's data, or undefined when it carries none. */
export function pieceOf(data: unknown, field: string | null): string | undefined {
  if (typeof data === "string") return field === null ? data : undefined;
  if (!isDict(data)) return undefined;
  for (const name of field === null ? TEXT_FIELDS : [field]) {
    const value = data[name];
    if (typeof value === "string") return value;
  }
  return undefined;
}

interface Draft {
  readonly segments: Map<string, Segment>;
  readonly runs: Map<string, RunState | null>;
  usage: Usage;
  usages: ReadonlyMap<string, Usage>;
  lastOffset: number;
}

export function withTokens(state: TokenState, messages: readonly Message[], options: TokenOptions): TokenState {
  const draft: Draft = {
    segments: new Map(state.segments.map((segment) => [segment.key, segment])),
    runs: new Map(state.runs),
    usage: state.usage,
    usages: state.usages,
    lastOffset: state.lastOffset,
  };
  const times = new Map<string, number[]>();
  for (const message of messages) {
    if (message.offset <= draft.lastOffset) continue;
    draft.lastOffset = message.offset;
    if (options.run_id !== null && message.run_id !== options.run_id) continue;
    apply(draft, times, message, options);
  }
  for (const key of times.keys()) flushTimes(draft, times, key);
  return { ...state, segments: [...draft.segments.values()], runs: draft.runs, usage: draft.usage, usages: draft.usages,
    lastOffset: draft.lastOffset };
}

/** The log lost messages before they were seen. */
export function withGap(state: TokenState, lost: number, to: number): TokenState {
  return { ...state, lost: state.lost + lost, lastOffset: Math.max(state.lastOffset, to - 1) };
}

function apply(draft: Draft, times: Map<string, number[]>, message: Message, options: TokenOptions): void {
  if (message.run_id !== undefined && !draft.runs.has(message.run_id)) draft.runs.set(message.run_id, null);
  if (message.kind === "data") addPiece(draft, times, message, options);
  else if (message.kind === "rollback") rollBack(draft, times, message);
  else if (message.kind === "commit") commit(draft, message);
  else if (message.kind === "run") noteRun(draft, message.data);
}

function addPiece(draft: Draft, times: Map<string, number[]>, message: Message, options: TokenOptions): void {
  noteUsage(draft, message);
  if (options.topics !== null && !options.topics.includes(message.topic)) return;
  const piece = pieceOf(message.data, options.field);
  if (piece === undefined) return;
  const key = `${message.run_id ?? ""}\n${message.step_id ?? ""}\n${message.topic}`;
  const segment = draft.segments.get(key) ?? newSegment(key, message);
  draft.segments.set(key, {
    ...segment,
    text: segment.text + piece,
    tail: grown(segment, piece),
    attempt: message.attempt ?? segment.attempt,
    firstOffset: segment.text === "" ? message.offset : segment.firstOffset,
    lastOffset: message.offset,
    committed: false,
  });
  const seen = times.get(key);
  if (seen) seen.push(message.at);
  else times.set(key, [message.at]);
}

function grown({ text, tail }: Segment, piece: string): Segment["tail"] {
  return tail.text.length < LONGEST_TAIL ? { from: tail.from, text: tail.text + piece } : { from: text.length, text: piece };
}

/** The text of a segment from a place on. */
export function textFrom({ text, tail }: Segment, at: number): string {
  return at < tail.from ? text.slice(at) : tail.text.slice(at - tail.from);
}

function newSegment(key: string, message: Message): Segment {
  return {
    key,
    run_id: message.run_id ?? "",
    step_id: message.step_id ?? "",
    topic: message.topic,
    attempt: message.attempt ?? 0,
    text: "",
    tail: NO_TAIL,
    generation: 0,
    rates: NO_RATES,
    struck: [],
    committed: false,
    firstOffset: message.offset,
    lastOffset: message.offset,
  };
}

function flushTimes(draft: Draft, times: Map<string, number[]>, key: string): void {
  const segment = draft.segments.get(key);
  const seen = times.get(key);
  if (segment && seen?.length) draft.segments.set(key, { ...segment, rates: withPieces(segment.rates, seen) });
  times.set(key, []);
}

function rollBack(draft: Draft, times: Map<string, number[]>, message: Message): void {
  const rollback = parseRollback(message.data);
  if (!rollback) return;
  for (const key of [...draft.segments.keys()]) {
    flushTimes(draft, times, key);
    const segment = draft.segments.get(key);
    if (segment?.run_id !== rollback.run_id || segment.step_id !== rollback.step_id || segment.text === "") continue;
    const struck: Struck = {
      attempt: rollback.attempt, text: segment.text, tokens: segment.rates.count, reason: rollback.reason, at: message.at,
    };
    draft.segments.set(key, {
      ...segment, text: "", tail: NO_TAIL, rates: NO_RATES, generation: segment.generation + 1, struck: [...segment.struck, struck],
      attempt: rollback.attempt + 1,
    });
  }
}

function commit(draft: Draft, message: Message): void {
  const done = parseRollback(message.data);
  for (const [key, segment] of draft.segments) {
    if (done && segment.run_id === done.run_id && segment.step_id === done.step_id) {
      draft.segments.set(key, { ...segment, committed: true });
    }
  }
}

function noteRun(draft: Draft, data: unknown): void {
  const run = parseRun(data);
  if (run) draft.runs.set(run.run_id, run);
}

function noteUsage(draft: Draft, message: Message): void {
  const said = usageIn(message.data);
  if (said === undefined) return;
  const key = usageKey(message.run_id, message.step_id);
  draft.usage = { ...draft.usage, ...said };
  draft.usages = new Map(draft.usages).set(key, { ...draft.usages.get(key), ...said });
}

const usageKey = (run_id = "", step_id = ""): string => `${run_id}\n${step_id}`;

/** The model that wrote a text, where its step or its run has said it. */
export function modelOf(state: TokenState, { run_id, step_id }: Pick<Segment, "run_id" | "step_id">): string | undefined {
  const own = state.usages.get(usageKey(run_id, step_id))?.model;
  if (own !== undefined) return own;
  const models = new Set([...state.usages].filter(([key]) => key.startsWith(usageKey(run_id))).map(([, usage]) => usage.model));
  return models.size === 1 ? [...models][0] : undefined; // of several nobody knows which
}

/** Token counts and model name, in the spellings that model libraries use. */
export function usageIn(data: unknown): Usage | undefined {
  if (!isDict(data)) return undefined;
  const found = isDict(data.usage) ? data.usage : data;
  const input = figure(found, ["input_tokens", "prompt_tokens", "input"]);
  const output = figure(found, ["output_tokens", "completion_tokens", "output"]);
  const model = nonEmpty(data.model) ?? nonEmpty(dict(data.usage).model);
  if (input === undefined && output === undefined && model === undefined) return undefined;
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(model === undefined ? {} : { model }),
  };
}

function figure(data: Dict, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = number(data[name]);
    if (value !== undefined) return value;
  }
  return undefined;
}

export function tokenCount(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.rates.count, 0);
}

/** The segment that text came to last: the one whose rate is shown. */
export function newest(segments: readonly Segment[]): Segment | undefined {
  return segments.reduce<Segment | undefined>(
    (best, segment) => (!best || segment.lastOffset >= best.lastOffset ? segment : best), undefined);
}
