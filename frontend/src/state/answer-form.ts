/** The form of a question: its fields, what they held at first, and the event that an answer becomes. */
import { dict, isDict, type Dict } from "../wire";
import { edits, held, type Edit, type Held, type Path, type Problem } from "./form";
import type { Question } from "./questions";
import { fieldOf, type Field } from "./schema";

export interface AnswerForm {
  readonly field: Field;
  readonly initial: Held;
  /** What the kernel found wrong with the answer before. */
  readonly problems: readonly Problem[];
}

/** What a question says of its form; an answer does not repeat it. */
const OF_THE_FORM = new Set(["message", "schema", "draft", "errors", "again", "expires_at"]);
const known = new WeakMap<Dict, AnswerForm>();

/** Null where a click is the whole answer. */
export function formOf({ data }: Question): AnswerForm | null {
  if (!isDict(data.schema)) return null;
  const made = known.get(data) ?? makeForm(data);
  known.set(data, made);
  return made;
}

function makeForm(data: Dict): AnswerForm {
  const field = fieldOf(data.schema);
  return { field, initial: held(field, "draft" in data ? data.draft : field.preset), problems: parseProblems(data.errors) };
}

/** [{"path": [...], "message": ...}] of the server or the kernel. */
export function parseProblems(value: unknown): Problem[] {
  if (!Array.isArray(value)) return [];
  return value.map(dict).filter((one) => typeof one.message === "string").map((one) => ({
    path: (Array.isArray(one.path) ? one.path.filter((part) => typeof part === "string" || typeof part === "number") : []) as Path,
    message: sentence(String(one.message)),
  }));
}

function sentence(words: string): string {
  const told = words.replace(/^Value error, /, "").trim();
  const whole = told.charAt(0).toUpperCase() + told.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** The data of the event that answers. */
export function answerOf({ data }: Question, approved: boolean, value: unknown, reason: string | undefined): Dict {
  const why = reason ? { reason } : {};
  if (!isDict(data.schema)) return { ...data, approved, ...why };
  const repeated = Object.fromEntries(Object.entries(data).filter(([name]) => !OF_THE_FORM.has(name)));
  return { ...repeated, approved, ...why, ...(approved ? { data: value } : {}) };
}

/** What the one who answered had changed. */
export function editsIn(question: Question, answer: Dict): Edit[] {
  const form = formOf(question);
  return form && "data" in answer ? edits(form.field, form.initial, held(form.field, answer.data)) : [];
}
