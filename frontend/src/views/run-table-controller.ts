/** The life of a table of runs: the pages it shows, the changes it follows, and what is asked of runs in it. */
import { dict, number, text, type Dict, type Message } from "../wire";
import { fresh, NO_LIST, parsePage, withChanges, withPage, type RunList } from "../state/runlist";
import { ANY_TIME, EVERYTHING, pageQuery, parseQuery, type Query } from "../state/runquery";
import type { RunModel } from "../state/run";
import { act, refusal } from "./act";
import { Controller, listen, type Env } from "./env";
import * as tab from "./tab-store";
import { TimelineController } from "./timeline-controller";

export interface RunTableState {
  readonly query: Query;
  readonly list: RunList;
  /** The row that the keyboard acts on. */
  readonly current: string | null;
  readonly open: string | null;
  readonly selected: ReadonlySet<string>;
  /** Runs of which it is asked whether they are really to be cancelled. */
  readonly confirming: string | null;
  readonly busy: ReadonlySet<string>;
  readonly rerun: string | null;
  readonly atTop: boolean;
  /** Whether this person has the right to cancel and to run again. */
  readonly allowed: boolean;
  /** What the menu of functions offers. */
  readonly functions: readonly FunctionChoice[];
  readonly started?: string;
  /** Why something was not done, and why the list cannot be read. */
  readonly problem?: string;
  readonly unread?: string;
}

export interface FunctionChoice {
  readonly id: string;
  readonly name: string;
  readonly runs: number;
}

const BLOCK = 60;
const SOON_MS = 150;
const LEAST_PAUSE_MS = 500;
/** A server that needs long for a page is asked less often. */
const PAUSE_FACTOR = 10;
const MOST_FIRST = new Set<Query["order"]>(["started", "run", "duration", "steps"]);

export class RunTableController extends Controller<RunTableState> {
  timeline: TimelineController | null = null;
  /** What the view was made with: what "show all" goes back to. */
  readonly given: Query;
  private readonly store: string;
  private readonly wanted = new Set<number>();
  private generation = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private restUntil = 0;
  private fetching = 0;
  private outdated = false;
  private visible: readonly [number, number] = [0, BLOCK];
  /** Up to which change of the feed the list holds, and the first one that is told: what is between them was missed. */
  private holdsTo = -1;
  private toldFrom = -1;

  constructor(env: Env, params: unknown, initial: unknown) {
    const given = parseQuery(params);
    const store = `inngest_nb.runs/1:${JSON.stringify(given)}`;
    const query = { ...EVERYTHING, ...given, ...parseQuery(tab.recall(store)) };
    super(env, { query, list: NO_LIST, current: null, open: null, selected: new Set(), confirming: null, busy: new Set(),
      rerun: null, atTop: true, allowed: true, functions: [] });
    void env.link.mayWrite?.().then((allowed) => allowed === this.state.allowed || this.update({ allowed }));
    this.given = { ...EVERYTHING, ...given };
    this.store = store;
    const saved = parsePage(dict(initial).page, 0);
    if (saved) this.state = { ...this.state, list: withPage(NO_LIST, saved) };
    this.own(env.facts.onChange(() => this.changed()));
    this.own(listen(env, { channel: "$runs", topics: null, since: "now" }, {
      messages: (batch) => this.heard(batch),
      subscribed: (_, next) => this.follows(next),
      gap: () => this.refreshSoon(),
      error: (sentence) => this.update({ unread: sentence }),
    }));
    if (env.link.state().phase !== "saved") void this.fetch(0, BLOCK);
  }

  override dispose(): void {
    super.dispose();
    clearTimeout(this.timer);
    this.timeline?.dispose();
    this.timeline = null;
  }

  update(change: Partial<RunTableState>): void {
    this.set({ ...this.state, ...change });
  }

  /** Other runs, or another order: the list begins again. */
  ask(change: Partial<Query>): void {
    const query = { ...this.state.query, ...change };
    tab.keep(this.store, differing(query, this.given));
    this.generation += 1;
    this.wanted.clear();
    this.visible = [0, BLOCK];
    this.update({ query, list: { ...this.state.list, places: new Map(), upto: null, known: false }, atTop: true, selected: new Set() });
    void this.fetch(0, BLOCK);
  }

  /** Everything that the view was made for. */
  askAll(): void {
    const { order, up } = this.state.query;
    this.ask({ ...this.given, ...ANY_TIME, group: "all", q: "", payload: false, order, up });
  }

  /** The functions to choose from, as the engine knows them now. */
  async loadFunctions(): Promise<void> {
    const reply = await this.env.link.request("GET", "overview/functions").catch(() => null);
    const found = dict(reply?.body).functions;
    if (reply?.status === 200 && Array.isArray(found)) this.update({ functions: found.map(dict).flatMap(parseChoice) });
  }

  sort(order: Query["order"]): void {
    const { query } = this.state;
    this.ask({ order, up: query.order === order ? !query.up : !MOST_FIRST.has(order) });
  }

  model(id: string | null): RunModel | undefined {
    return id === null ? undefined : this.state.list.runs.get(id);
  }

  /** The reader looks at these places. */
  see(from: number, to: number): void {
    this.visible = [from, to];
    const atTop = from === 0;
    if (atTop !== this.state.atTop) {
      this.update({ atTop });
      if (atTop && fresh(this.state.list, this.state.query) > 0) return this.refreshSoon(0);
    }
    for (let block = Math.floor(from / BLOCK); block * BLOCK < Math.min(to, this.state.list.total); block++) this.need(block);
  }

  /** Asks again for what could not be read. */
  reload(): void {
    if (this.state.unread !== undefined) this.refreshSoon(0);
  }

  showNewest(): void {
    this.update({ atTop: true });
    this.visible = [0, BLOCK];
    this.refreshSoon(0);
  }

  toggleOpen(id: string | null): void {
    this.timeline?.dispose();
    this.timeline = null;
    const open = this.state.open === id ? null : id;
    const run = this.model(open)?.run;
    if (open !== null) this.timeline = new TimelineController(this.env, { run_id: open, fn_name: run?.name }, {});
    this.update({ open, current: id, rerun: null });
  }

  select(id: string, range = false): void {
    const selected = new Set(this.state.selected);
    for (const each of range ? this.between(id) : [id]) {
      if (range || !selected.delete(each)) selected.add(each);
    }
    this.update({ selected, current: id });
  }

  /** Cancels, unless a step is being executed: then it is asked first. */
  cancel(id: string, sure = false): void {
    const steps = [...(this.model(id)?.steps.values() ?? [])].map((attempts) => attempts.at(-1));
    const executing = this.model(id)?.run?.status === "running" || steps.some((step) => step?.status === "running");
    if (executing && !sure) return this.update({ confirming: id, current: id });
    this.update({ confirming: null });
    void this.post(id, "cancel", "The run was not cancelled.");
  }

  async again(id: string): Promise<void> {
    const started = text(dict(dict(await this.post(id, "rerun", "The run was not started again.", {})).run).run_id);
    if (started !== undefined) this.begun(started);
  }

  begun(run_id: string): void {
    this.update({ started: run_id, rerun: null, atTop: true });
    this.refreshSoon(0);
  }

  async all(what: "cancel" | "rerun"): Promise<void> {
    const ids = [...this.state.selected].filter((id) => canCancel(this.model(id)) === (what === "cancel"));
    this.update({ selected: new Set() });
    for (const id of ids) await this.post(id, what, what === "cancel" ? "A run was not cancelled." : "A run was not started again.", {});
  }

  /** Does not wait for the end of a run's backoffs. */
  retry(id: string): void {
    void this.post(id, "retry", "The attempt was not brought forward.", {});
  }

  private async post(id: string, what: string, failure: string, body?: object): Promise<unknown> {
    this.update({ busy: new Set(this.state.busy).add(id) });
    const done = await act(this.env.link, id, what, failure, body);
    const busy = new Set(this.state.busy);
    busy.delete(id);
    const { problem: _, ...state } = { ...this.state, busy };
    this.refreshSoon(0);
    this.set(done.problem === undefined ? state : { ...state, problem: done.problem });
    return done.problem === undefined ? done.body : null;
  }

  private between(id: string): string[] {
    const places = [...this.state.list.places].sort((a, b) => a[0] - b[0]).map(([, run]) => run);
    const from = places.indexOf(this.state.current ?? id);
    const to = places.indexOf(id);
    return from < 0 || to < 0 ? [id] : places.slice(Math.min(from, to), Math.max(from, to) + 1);
  }

  private heard(batch: readonly Message[]): void {
    this.holdsTo = (batch.at(-1)?.offset ?? this.holdsTo - 1) + 1;
    this.set({ ...this.state, list: withChanges(this.state.list, batch) }, batch);
    this.refreshSoon();
  }

  private follows(next: number): void {
    this.toldFrom = next;
    if (this.holdsTo !== next && this.fetching === 0) this.refreshSoon(0);
  }

  private need(block: number): void {
    const places = this.state.list.places;
    const offset = block * BLOCK;
    const there = Array.from({ length: Math.min(BLOCK, this.state.list.total - offset) }, (_, i) => places.has(offset + i));
    if (this.wanted.has(block) || there.every(Boolean)) return;
    this.wanted.add(block);
    void this.fetch(offset, BLOCK, this.state.list.upto).then(() => this.wanted.delete(block));
  }

  private refreshSoon(ms = SOON_MS): void {
    if (this.fetching > 0) this.outdated = true;
    if ((this.timer !== undefined || this.fetching > 0) && ms > 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), ms && Math.max(ms, this.restUntil - performance.now()));
  }

  private refresh(): void {
    this.timer = undefined;
    if (document.hidden && this.state.list.known) {
      document.addEventListener("visibilitychange", () => this.refreshSoon(), { once: true });
      return;
    }
    const from = this.state.atTop ? 0 : Math.floor(this.visible[0] / BLOCK) * BLOCK;
    void this.fetch(from, Math.max(BLOCK, Math.min(500, this.visible[1] - from)), this.state.atTop ? null : this.state.list.upto);
  }

  private async fetch(offset: number, limit: number, upto: string | null = null): Promise<void> {
    const { generation, toldFrom } = this;
    const began = performance.now();
    this.fetching += 1;
    const path = `overview/runs?${pageQuery(this.state.query, this.env.clock.now(), offset, limit, upto)}`;
    const reply = await this.env.link.request("GET", path).catch(() => null);
    this.restUntil = performance.now() + Math.max(LEAST_PAUSE_MS, PAUSE_FACTOR * (performance.now() - began));
    this.fetching -= 1;
    if (this.outdated && !this.fetching) {
      this.outdated = false;
      this.refreshSoon();
    }
    if (generation !== this.generation) return;
    const page = reply?.status === 200 ? parsePage(reply.body, offset) : null;
    if (page) {
      if (page.now !== undefined) this.env.clock.heard(page.now, true);
      const { unread: _, ...state } = this.state;
      this.set({ ...state, list: withPage(this.state.list, page) });
      this.holdsTo = page.next;
      if (toldFrom !== this.toldFrom && page.next < this.toldFrom) this.refreshSoon(0);
      return;
    }
    if (reply) this.update({ unread: refusal(reply) });
  }
}

export function canCancel(model: RunModel | undefined): boolean {
  return model?.run?.status === "queued" || model?.run?.status === "running" || model?.run?.status === "waiting";
}

function parseChoice(raw: Dict): FunctionChoice[] {
  const id = text(raw.id);
  return id === undefined ? [] : [{ id, name: text(raw.name) ?? id, runs: number(raw.runs) ?? 0 }];
}

/** What of a query is not as the view was made: only that is kept. */
function differing(query: Query, given: Query): Partial<Query> | undefined {
  const changed = Object.entries(query).filter(([name, value]) => value !== given[name as keyof Query]);
  return changed.length ? (Object.fromEntries(changed) as Partial<Query>) : undefined;
}
