/** Which runs a list shows, and in which order: as it is asked for, kept and said. */
import { dict, number, text, type Dict } from "../wire";

export type Group = "all" | "running" | "asking" | "failed" | "recent" | "waiting" | "completed" | "cancelled" | "queued";
export type Order = "started" | "status" | "function" | "run" | "duration" | "steps" | "trigger";

export interface Query {
  readonly group: Group;
  readonly function: string | null;
  /** Queued so many milliseconds ago at most, or between two times. */
  readonly within: number | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly q: string;
  readonly payload: boolean;
  readonly order: Order;
  readonly up: boolean;
}

const GROUPS = new Set<unknown>(["all", "running", "asking", "failed", "recent", "waiting", "completed", "cancelled", "queued"]);
const ORDERS = new Set<unknown>(["started", "status", "function", "run", "duration", "steps", "trigger"]);
const MINUTE = 60_000;

/** The times that are offered, and what they are called. */
export const WITHIN: readonly (readonly [number, string])[] = [
  [15 * MINUTE, "Last 15 minutes"], [60 * MINUTE, "Last hour"], [1440 * MINUTE, "Last 24 hours"], [7 * 1440 * MINUTE, "Last 7 days"],
];

export const ANY_TIME = { within: null, from: null, to: null } as const;
export const EVERYTHING: Query = { group: "all", function: null, ...ANY_TIME, q: "", payload: false, order: "started", up: false };

/** What was kept or given of a query; what is not understood is left out. */
export function parseQuery(value: unknown): Partial<Query> {
  const raw = dict(value);
  return {
    ...(GROUPS.has(raw.group) ? { group: raw.group as Group } : {}), ...(text(raw.function) ? { function: String(raw.function) } : {}),
    ...times(raw), ...(text(raw.q) ? { q: String(raw.q), payload: raw.payload === true } : {}),
    ...(ORDERS.has(raw.order) ? { order: raw.order as Order, up: raw.up === true } : {}),
  };
}

function times(raw: Dict): Partial<Query> {
  const [within, from, to] = [number(raw.within), number(raw.from), number(raw.to)];
  return { ...(within === undefined ? {} : { within }), ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** Whether it leaves runs out, other than those of functions that are not asked for. */
export function narrows(query: Query): boolean {
  return query.group !== "all" || query.q !== "" || hasTime(query);
}

export function hasTime({ within, from, to }: Query): boolean {
  return within !== null || from !== null || to !== null;
}

/** The query as it stands in a request. */
export function pageQuery(query: Query, now: number, offset: number, limit: number, upto: string | null): string {
  const from = query.within === null ? query.from : Math.floor(now - query.within);
  const parts: Record<string, string> = {
    ...(query.group === "all" ? {} : { group: query.group }), ...(query.function ? { function: query.function } : {}),
    ...(from === null ? {} : { from: String(from) }), ...(query.to === null ? {} : { to: String(query.to) }),
    ...(query.q ? { q: query.q } : {}), ...(query.payload ? { payload: "1" } : {}),
    ...(query.order === "started" ? {} : { order: query.order }), ...(query.up ? { up: "1" } : {}),
    ...(offset ? { offset: String(offset) } : {}), limit: String(limit), ...(upto === null ? {} : { upto }),
  };
  return new URLSearchParams(parts).toString();
}
