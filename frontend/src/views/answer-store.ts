/** Answers that have not arrived, and what was filled in: kept by the tab, so that a reload loses neither. */
import { dict, isDict } from "../wire";
import type { Held } from "../state/form";
import type { Pending } from "../state/questions";
import * as tab from "./tab-store";

export interface Kept {
  readonly pending?: Pending;
  readonly filled?: Held;
}

const PREFIX = "inngest_nb.answer/1:";

export function keep(question: string, kept: Kept): void {
  tab.keep(PREFIX + question, kept.pending === undefined && kept.filled === undefined ? undefined : kept);
}

export function recall(question: string): Kept {
  const { pending, filled } = dict(tab.recall(PREFIX + question));
  const usable = isDict(pending) && typeof pending.id === "string" && typeof pending.approved === "boolean";
  return { ...(usable ? { pending: pending as unknown as Pending } : {}), ...(filled === undefined ? {} : { filled: filled as Held }) };
}
