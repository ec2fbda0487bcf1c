/** Answers that have not arrived, and what was filled in: kept by the tab, so that a reload loses neither. */
import { dict, isDict } from "../wire";
import type { Held } from "../state/form";
import type { Pending } from "../state/questions";

export interface Kept {
  readonly pending?: Pending;
  readonly filled?: Held;
}

const PREFIX = "inngest_nb.answer/1:";

export function keep(question: string, kept: Kept): void {
  try {
    if (kept.pending === undefined && kept.filled === undefined) sessionStorage.removeItem(PREFIX + question);
    else sessionStorage.setItem(PREFIX + question, JSON.stringify(kept));
  } catch {
    // Without storage an answer lives as long as its card.
  }
}

export function recall(question: string): Kept {
  try {
    const { pending, filled } = dict(JSON.parse(sessionStorage.getItem(PREFIX + question) ?? "null"));
    const usable = isDict(pending) && typeof pending.id === "string" && typeof pending.approved === "boolean";
    return { ...(usable ? { pending: pending as unknown as Pending } : {}), ...(filled === undefined ? {} : { filled: filled as Held }) };
  } catch {
    return {};
  }
}
