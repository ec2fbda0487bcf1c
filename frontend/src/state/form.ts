/** What a form holds while it is edited: values become texts and switches, and values again when they are checked. */
import { dict } from "../wire";
import { jsonProblems } from "./json-check";
import { numberProblem, textProblem } from "./checks";
import type { Count, Field } from "./schema";

export type Path = readonly (string | number)[];

/** Texts as typed, the number of a choice (-1: none yet), ticks, entries, fields by name, or a switch with what is behind it. */
export type Held =
  | string | number | boolean | readonly Held[]
  | { readonly [name: string]: Held }
  | Switch;

export interface Switch {
  readonly on: boolean;
  readonly held: Held;
}

export interface Problem {
  readonly path: Path;
  readonly message: string;
}

export interface Checked {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

export const pathKey = (path: Path): string => path.join("/");
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const good = (value: unknown): Checked => ({ value, problems: [] });
const bad = (path: Path, message: string): Checked => ({ value: undefined, problems: [{ path, message }] });

/** What the form shows for a value; without one, for the field's default, or nothing. */
export function held(field: Field, value: unknown = field.preset): Held {
  switch (field.kind) {
    case "flag": return value === true;
    case "choice": return field.options.length === 1 ? 0 : field.options.findIndex((option) => same(option, value));
    case "tags": return (Array.isArray(value) ? value : []).map((entry) => held(field.item, entry) as string | number);
    case "rows": return (Array.isArray(value) ? value : []).map((entry) => held(field.item, entry));
    case "group": return Object.fromEntries(field.fields.map((inner) => [inner.name, held(inner, dict(value)[inner.name])]));
    case "switch": return { on: value !== field.off && value !== null && value !== undefined, held: held(field.inner, value ?? undefined) };
    case "json": return value === undefined ? "" : JSON.stringify(value, null, 2);
    default: return value === undefined || value === null ? "" : String(value);
  }
}

/** The value of what the form holds, or where it is wrong. */
export function checked(field: Field, now: Held, path: Path = []): Checked {
  switch (field.kind) {
    case "flag": return good(now === true);
    case "choice": return typeof now === "number" && now >= 0 ? good(field.options[now]) : bad(path, "Choose one.");
    case "text": return judged(now, path, textProblem(field, String(now)));
    case "number": return judgedNumber(field, String(now), path);
    case "tags": case "rows": return list(field, now as readonly Held[], path);
    case "group": return group(field.fields, now as Record<string, Held>, path);
    case "switch": return (now as Switch).on ? checked(field.inner, (now as Switch).held, path) : good(field.off);
    case "json": return judgedJson(field, String(now), path);
  }
}

function judged(value: unknown, path: Path, problem: string): Checked {
  return problem ? bad(path, problem) : good(value);
}

function judgedNumber(field: Field & { kind: "number" }, raw: string, path: Path): Checked {
  const typed = raw.trim();
  return judged(field.asText ? typed : Number(typed), path, numberProblem(field, typed));
}

function judgedJson(field: Field & { kind: "json" }, raw: string, path: Path): Checked {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch (error) {
    return bad(path, raw.trim() === "" ? "JSON is needed here." : `This is not JSON: ${(error as Error).message}`);
  }
  const [first] = jsonProblems(field.schema, value);
  return first ? bad(path, first) : good(value);
}

function list(field: Field & { kind: "tags" | "rows" }, entries: readonly Held[], path: Path): Checked {
  const parts = entries.map((entry, i) => checked(field.item, entry, [...path, i]));
  const value = parts.map((part) => part.value);
  const wrong = countProblem(field.count, value);
  return { value, problems: [...(wrong ? [{ path, message: wrong }] : []), ...parts.flatMap((part) => part.problems)] };
}

function countProblem({ least, most, unique }: Count, value: readonly unknown[]): string {
  const entries = (n: number): string => `${n} ${n === 1 ? "entry" : "entries"}`;
  if (value.length < least) return `At least ${entries(least)}.`;
  if (value.length > most) return `At most ${entries(most)}.`;
  return unique && new Set(value.map((entry) => JSON.stringify(entry))).size < value.length ? "Each entry only once." : "";
}

function group(fields: readonly Field[], now: Record<string, Held>, path: Path): Checked {
  const parts = fields.map((field) => [field.name, checked(field, now[field.name] ?? held(field), [...path, field.name])] as const);
  return {
    // What is undefined is left out, as it is in JSON.
    value: Object.fromEntries(parts.filter(([, part]) => part.value !== undefined).map(([name, part]) => [name, part.value])),
    problems: parts.flatMap(([, part]) => part.problems),
  };
}

export interface Edit {
  readonly path: Path;
  readonly title: string;
  readonly was: string;
  readonly now: string;
}

/** The fields that hold something else than before: groups field by field, lists as one. */
export function edits(field: Field, before: Held, now: Held, path: Path = []): Edit[] {
  if (same(before, now)) return [];
  if (field.kind !== "group") return [{ path, title: field.title, was: shown(field, before), now: shown(field, now) }];
  return field.fields.flatMap((inner) => edits(inner, (before as Record<string, Held>)[inner.name] ?? held(inner),
    (now as Record<string, Held>)[inner.name] ?? held(inner), [...path, inner.name]));
}

/** A held value in a few words; nothing where it takes more. */
export function shown(field: Field, value: Held): string {
  if (field.kind === "switch") return (value as Switch).on ? shown(field.inner, (value as Switch).held) : "not set";
  if (field.kind === "flag") return value ? "yes" : "no";
  if (field.kind === "choice") return typeof value === "number" && value >= 0 ? label(field.options[value]) : "not chosen";
  return (field.kind === "text" && !field.long) || field.kind === "number" ? String(value) : "";
}

export const label = (option: unknown): string => (typeof option === "string" ? option : JSON.stringify(option) ?? "");

/** Problems by the field that they stand beside: a place that no field has belongs to the nearest one around it. */
export function byField(field: Field, problems: readonly Problem[]): Map<string, string> {
  const known = new Set(places(field, []));
  const found = new Map<string, string>();
  for (const { path, message } of problems) {
    let at = [...path];
    while (at.length > 0 && !known.has(placeKey(at))) at = at.slice(0, -1);
    const key = pathKey(at);
    if (!found.has(key)) found.set(key, message);
  }
  return found;
}

const placeKey = (path: Path): string => path.map((part) => (typeof part === "number" ? "*" : part)).join("/");

function places(field: Field, path: Path): string[] {
  const own = placeKey(path);
  if (field.kind === "group") return [own, ...field.fields.flatMap((inner) => places(inner, [...path, inner.name]))];
  if (field.kind === "rows") return [own, ...places(field.item, [...path, 0])];
  if (field.kind === "switch") return [own, ...places(field.inner, path)];
  return [own];
}
