/** What is wrong with a text or a number, in a few words; nothing if it is right. */
import type { Field, Range } from "./schema";

const SHAPES: Readonly<Record<string, readonly [RegExp, string]>> = {
  date: [/^\d{4}-\d\d-\d\d$/, "A date is needed."],
  "datetime-local": [/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/, "A date and a time are needed."],
  time: [/^\d\d:\d\d/, "A time is needed."],
  email: [/^[^@\s]+@[^@\s]+$/, "An e-mail address is needed."],
  url: [/^[a-z][a-z0-9+.-]*:/i, "An address such as https://… is needed."],
};

export function textProblem(field: Field & { kind: "text" }, value: string): string {
  const characters = (n: number): string => `${n} ${n === 1 ? "character" : "characters"}`;
  const shape = SHAPES[field.input];
  if (shape && !shape[0].test(value)) return shape[1];
  const length = [...value].length;
  if (length < field.least) return length === 0 ? "This is needed." : `At least ${characters(field.least)}.`;
  if (length > field.most) return `At most ${characters(field.most)}; these are ${length}.`;
  return matches(field.pattern, value) ? "" : `It must match ${field.pattern}.`;
}

/** A pattern that this browser does not understand is left to the server. */
function matches(pattern: string, value: string): boolean {
  try {
    return pattern === "" || new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

export function numberProblem(field: Field & { kind: "number" }, typed: string): string {
  const value = Number(typed);
  if (typed === "" || !Number.isFinite(value)) return "A number is needed.";
  if (field.whole && !Number.isInteger(value)) return "A whole number is needed.";
  const { min, max, above, below, step } = field.range;
  if (min !== undefined && value < min) return `At least ${min}.`;
  if (max !== undefined && value > max) return `At most ${max}.`;
  if (above !== undefined && value <= above) return `More than ${above}.`;
  if (below !== undefined && value >= below) return `Less than ${below}.`;
  return step !== undefined && !isMultiple(value, step) ? `A multiple of ${step}.` : "";
}

function isMultiple(value: number, step: number): boolean {
  const times = value / step;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
}

/** `1–5`, `≥ 1`, `< 10`: what a number may be, in the words of its label. */
export function rangeWords({ min, max, above, below, step }: Range): string {
  const least = min !== undefined ? `≥ ${min}` : above !== undefined ? `> ${above}` : "";
  const most = max !== undefined ? `≤ ${max}` : below !== undefined ? `< ${below}` : "";
  const range = min !== undefined && max !== undefined ? `${min}–${max}` : [least, most].filter(Boolean).join(", ");
  return [range, step === undefined ? "" : `by ${step}`].filter(Boolean).join(", ");
}
