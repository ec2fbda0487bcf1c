/** A stretch of a channel's log as rows: pieces of text of one step fold into one, what was rolled back is struck. */
import { dict, parseRollback, type Dict, type Message } from "../wire";
import { pieceOf } from "./tokens";

export interface Filter {
  readonly topics: readonly string[];
  readonly kind: string | null;
  readonly run: string | null;
  readonly text: string;
  readonly path: string | null;
  readonly value: string;
}

export const NO_FILTER: Filter = { topics: [], kind: null, run: null, text: "", path: null, value: "" };

/** Messages in order of offset; all that fit the filter between `from` and `to` are there. */
export interface Stretch {
  readonly messages: readonly Message[];
  readonly from: number;
  readonly to: number;
  readonly gaps: readonly Gap[];
}

export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly lost: number;
}

export const NO_STRETCH: Stretch = { messages: [], from: 0, to: 0, gaps: [] };

/** The first and the last of some offsets. */
export type Offsets = readonly [number, number];

/** `struck` is the offset of the rollback that took a message back, and `undoes` what a rollback took back. */
export type FeedRow =
  | { readonly kind: "message"; readonly key: string; readonly message: Message; readonly struck: number | null; readonly undoes?: Offsets }
  | { readonly kind: "fold"; readonly key: string; readonly messages: readonly Message[]; readonly text: string; readonly struck: number | null }
  | { readonly kind: "gap"; readonly key: string; readonly gap: Gap }
  | { readonly kind: "day"; readonly key: string; readonly at: number };

const FOLDED_FROM = 3;
const PREVIEW = 400;
const LIFECYCLE = new Set(["run", "step", "rollback", "commit"]);

export function isLifecycle(message: Message): boolean {
  return LIFECYCLE.has(message.kind);
}

/** The name that a message counts under among the topics. */
export function topicOf(message: Message): string {
  return isLifecycle(message) ? "lifecycle" : message.topic;
}

export function isPlain(filter: Filter): boolean {
  return filter.topics.length === 0 && filter.kind === null && filter.run === null && filter.text === "" && filter.path === null;
}

/** What is typed into the search: `kind:run`, `run:3VBED1`, `path=value`, and text. */
export function parseSearch(typed: string, topics: readonly string[]): Filter {
  const words: string[] = [];
  let filter: Filter = { ...NO_FILTER, topics };
  for (const word of typed.trim().split(/\s+/).filter(Boolean)) {
    const [, name, rest] = /^(kind|run):(\S+)$/.exec(word) ?? [];
    const [, path, value] = /^([^\s=:"]+)=(\S*)$/.exec(word) ?? [];
    if (name === "kind" && rest) filter = { ...filter, kind: rest };
    else if (name === "run" && rest) filter = { ...filter, run: rest };
    else if (path !== undefined && value !== undefined && words.length === 0 && filter.path === null) filter = { ...filter, path, value };
    else words.push(word);
  }
  return { ...filter, text: words.join(" ") };
}

/** The same decision as the server's, for what arrives live. */
export function fits(message: Message, filter: Filter): boolean {
  if (filter.topics.length && !filter.topics.includes(topicOf(message))) return false;
  if (filter.kind !== null && message.kind !== filter.kind) return false;
  if (filter.run !== null && !(message.run_id ?? "").toUpperCase().endsWith(filter.run.toUpperCase())) return false;
  if (filter.path !== null && !sameValue(at(message.data, filter.path), filter.value)) return false;
  return filter.text === "" || json(message.data).toLowerCase().includes(filter.text.toLowerCase());
}

function at(data: unknown, path: string): unknown {
  return path.split(/\.|\[|\]\.?/).filter(Boolean).reduce<unknown>((value, part) =>
    Array.isArray(value) ? value[Number(part)] : dict(value)[part], data);
}

function sameValue(value: unknown, wanted: string): boolean {
  return value !== undefined && (json(value) === wanted || value === wanted);
}

export function json(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

/** The conditions as they stand in a request. */
export function searchQuery(filter: Filter, topicNames: readonly string[], before: number | null, limit: number): string {
  const lifecycle = filter.topics.includes("lifecycle") ? topicNames.filter((name) => name.startsWith("$")) : [];
  const topics = [...filter.topics.filter((name) => name !== "lifecycle"), ...lifecycle];
  const parts: Record<string, string> = {
    ...(before === null ? {} : { before: String(before) }), limit: String(limit),
    ...(filter.topics.length ? { topics: topics.join(",") || "$" } : {}), ...(filter.kind ? { kind: filter.kind } : {}),
    ...(filter.run ? { run: filter.run } : {}), ...(filter.text ? { text: filter.text } : {}),
    ...(filter.path === null ? {} : { path: filter.path, value: filter.value }),
  };
  return new URLSearchParams(parts).toString();
}

/** Adds messages at either end; what would make the stretch too long goes at the other one. */
export function extended(stretch: Stretch, messages: readonly Message[], from: number, to: number, most: number): Stretch {
  const known = new Set(stretch.messages.map((message) => message.offset));
  const merged = [...stretch.messages, ...messages.filter((message) => !known.has(message.offset))].sort((a, b) => a.offset - b.offset);
  const joined = { ...stretch, messages: merged, from: Math.min(stretch.from, from), to: Math.max(stretch.to, to) };
  if (merged.length <= most) return joined;
  if (from < stretch.from) {
    const kept = merged.slice(0, most);
    return { ...joined, messages: kept, to: (kept.at(-1)?.offset ?? to - 1) + 1 };
  }
  const kept = merged.slice(-most);
  return { ...joined, messages: kept, from: kept[0]?.offset ?? from };
}

export function rowsOf(stretch: Stretch, unfolded: ReadonlySet<string>): FeedRow[] {
  const rows: FeedRow[] = [];
  const { messages } = stretch;
  const undone = rolledBack(messages);
  const gaps = [...stretch.gaps].sort((a, b) => a.to - b.to);
  let day = "";
  for (let n = 0; n < messages.length; ) {
    const message = messages[n]!;
    for (; gaps[0] && gaps[0].to <= message.offset; gaps.shift()) {
      if (gaps[0].to >= stretch.from) rows.push({ kind: "gap", key: `gap-${gaps[0].from}`, gap: gaps[0] });
    }
    const today = new Date(message.at).toDateString();
    if (day !== "" && today !== day) rows.push({ kind: "day", key: `day-${message.offset}`, at: message.at });
    day = today;
    const pieces = messages.slice(n, n + foldLength(messages, n));
    addPieces(rows, pieces, undone, unfolded);
    n += pieces.length;
  }
  return rows;
}

function addPieces(rows: FeedRow[], pieces: readonly Message[], undone: Undone, unfolded: ReadonlySet<string>): void {
  const key = `f-${pieces[0]!.offset}`;
  if (pieces.length >= FOLDED_FROM) {
    rows.push({ kind: "fold", key, messages: pieces, text: joined(pieces), struck: undone.by(pieces[0]!) });
    if (!unfolded.has(key)) return;
  }
  for (const piece of pieces) rows.push(single(piece, undone));
}

function single(message: Message, undone: Undone): FeedRow {
  const undoes = undone.of.get(message.offset);
  return { kind: "message", key: `m-${message.offset}`, message, struck: undone.by(message), ...(undoes ? { undoes } : {}) };
}

/** How many messages from here on are pieces of the same attempt of one step. */
function foldLength(messages: readonly Message[], start: number): number {
  const first = messages[start]!;
  if (isLifecycle(first) || pieceOf(first.data, null) === undefined) return 1;
  let end = start + 1;
  for (; end < messages.length; end++) {
    const next = messages[end]!;
    const same = next.topic === first.topic && next.run_id === first.run_id && next.step_id === first.step_id && next.attempt === first.attempt;
    if (!same || isLifecycle(next) || pieceOf(next.data, null) === undefined) break;
  }
  return end - start;
}

function joined(messages: readonly Message[]): string {
  let text = "";
  for (const message of messages) {
    text += pieceOf(message.data, null) ?? "";
    if (text.length > PREVIEW) break;
  }
  return text.replace(/\s+/g, " ").trim().slice(0, PREVIEW);
}

interface Undone {
  /** The offset of the rollback that came after a message and took it back. */
  by(message: Message): number | null;
  /** What each rollback took back of what is here. */
  readonly of: ReadonlyMap<number, Offsets>;
}

function rolledBack(messages: readonly Message[]): Undone {
  const backs = new Map<string, number>();
  for (const message of messages) {
    const rollback = message.kind === "rollback" ? parseRollback(message.data) : null;
    if (rollback) backs.set(`${rollback.run_id}\n${rollback.step_id}\n${rollback.attempt}`, message.offset);
  }
  const by = (message: Message): number | null => {
    if (backs.size === 0 || message.kind !== "data" || message.step_id === undefined) return null;
    const back = backs.get(`${message.run_id}\n${message.step_id}\n${message.attempt ?? 0}`) ?? -1;
    return back > message.offset ? back : null;
  };
  const of = new Map<number, Offsets>();
  for (const message of backs.size ? messages : []) {
    const back = by(message);
    if (back !== null) of.set(back, [of.get(back)?.[0] ?? message.offset, message.offset]);
  }
  return { by, of };
}

/** One line that says what a message is. */
export function preview(message: Message): string {
  const data: Dict = dict(message.data);
  if (message.kind === "rollback" || message.kind === "commit") {
    return `${message.kind} step=${String(data.step_id ?? "")} attempt=${Number(data.attempt ?? 0) + 1}${data.reason ? ` (${String(data.reason)})` : ""}`;
  }
  if (message.kind === "run") return `${String(data.name ?? data.fn_id ?? "run")} ${String(data.status ?? "")}`;
  if (message.kind === "step") return `${String(data.step_id ?? "step")} ${String(data.status ?? "")}`;
  return (typeof message.data === "string" ? message.data : json(message.data)).slice(0, PREVIEW);
}
