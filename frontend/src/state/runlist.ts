/** A list of runs: pages from the server, and the changes that are told after them. */
import { dict, isTerminal, number, parseRun, parseSnapshot, text, type Dict, type Message } from "../wire";
import { NO_RUN, withSnapshot, type RunModel } from "./run";
import type { Query } from "./runquery";

export interface Counts {
  readonly all: number;
  readonly running: number;
  readonly waiting: number;
  readonly asking: number;
  readonly failed: number;
  readonly recent: number;
  readonly recent_completed: number;
  readonly recent_failed: number;
  /** [all, failed] of each of the last 60 minutes. */
  readonly minutes: readonly (readonly [number, number])[];
}

export interface RunList {
  /** Ids by place in the list; places that were not asked for yet are absent. */
  readonly places: ReadonlyMap<number, string>;
  readonly runs: ReadonlyMap<string, RunModel>;
  readonly total: number;
  readonly counts: Counts;
  /** The newest run that belongs to the list. */
  readonly upto: string | null;
  /** For each run the change that it was last told by. */
  readonly told: ReadonlyMap<string, number>;
  readonly epoch: number | undefined;
  readonly known: boolean;
}

const NO_COUNTS: Counts = {
  all: 0, running: 0, waiting: 0, asking: 0, failed: 0, recent: 0, recent_completed: 0, recent_failed: 0, minutes: [],
};

export const NO_LIST: RunList = {
  places: new Map(), runs: new Map(), total: 0, counts: NO_COUNTS, upto: null, told: new Map(), epoch: undefined, known: false,
};
/** Runs kept beside those that are shown, so that scrolling back finds them. */
const MOST_KEPT = 2000;

export interface Page {
  readonly offset: number;
  readonly rows: readonly { readonly id: string; readonly model: RunModel }[];
  readonly total: number;
  readonly counts: Counts;
  readonly upto: string | null;
  readonly next: number;
  readonly epoch: number | undefined;
  readonly now: number | undefined;
}

export function parsePage(value: unknown, offset: number): Page | null {
  const raw = dict(value);
  if (!Array.isArray(raw.rows)) return null;
  const rows = raw.rows.map((row) => withSnapshot(NO_RUN, parseSnapshot(row)))
    .flatMap((model) => (model.run ? [{ id: model.run.run_id, model }] : []));
  return {
    offset, rows, total: number(raw.total) ?? rows.length, counts: parseCounts(dict(raw.counts)), upto: text(raw.upto) ?? null,
    next: number(raw.next) ?? 0, epoch: number(raw.epoch), now: number(raw.now),
  };
}

function parseCounts(raw: Dict): Counts {
  const minutes = Array.isArray(raw.minutes) ? raw.minutes.filter(Array.isArray) : [];
  const figures = Object.fromEntries(Object.keys(NO_COUNTS).map((name) => [name, number(raw[name]) ?? 0]));
  return { ...NO_COUNTS, ...figures, minutes: minutes.map((pair) => [number(pair[0]) ?? 0, number(pair[1]) ?? 0] as const) };
}

/** Takes a page over; a page from another beginning of the list replaces what is there. */
export function withPage(list: RunList, page: Page): RunList {
  const anew = !list.known || page.upto !== list.upto || page.epoch !== list.epoch;
  const places = new Map(anew ? [] : list.places);
  const runs = new Map(list.runs);
  const told = new Map(page.epoch === list.epoch ? list.told : []);
  page.rows.forEach(({ id, model }, i) => {
    places.set(page.offset + i, id);
    const known = runs.get(id);
    runs.set(id, known?.run && (told.get(id) ?? -1) >= page.next ? { ...model, run: known.run } : model);
  });
  for (const place of [...places.keys()]) if (place >= page.total) places.delete(place);
  const kept = runs.size > MOST_KEPT ? onlyPlaced(runs, places) : runs;
  return { places, runs: kept, total: page.total, counts: page.counts, upto: page.upto, told, epoch: page.epoch, known: true };
}

function onlyPlaced(runs: Map<string, RunModel>, places: Map<number, string>): Map<string, RunModel> {
  const placed = new Set(places.values());
  return new Map([...runs].filter(([id]) => placed.has(id)));
}

/** Applies changes to the runs that are known; the others come with the next page. */
export function withChanges(list: RunList, messages: readonly Message[]): RunList {
  const runs = new Map(list.runs);
  const told = new Map(list.told);
  for (const message of messages) {
    const run = message.kind === "run" ? parseRun(message.data) : null;
    const known = run && runs.get(run.run_id);
    if (!run || !known) continue;
    told.set(run.run_id, message.offset);
    if (known.run && isTerminal(known.run.status) && !isTerminal(run.status)) continue;
    runs.set(run.run_id, { ...known, run, heardAt: Math.max(known.heardAt, message.at) });
  }
  return { ...list, runs, told };
}

/** How many runs fit the list and are newer than it. */
export function fresh(list: RunList, query: Query): number {
  if (query.q !== "" || !(query.group in list.counts)) return 0;
  return Math.max(0, list.counts[query.group as "all"] - list.total);
}
