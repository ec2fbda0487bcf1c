/** The life of a feed: the stretch of the log that is on show, what comes live, and what is looked for. */
import { dict, number, parseMessages, text, type Message } from "../wire";
import { extended, fits, isPlain, NO_STRETCH, parseSearch, searchQuery, topicOf, type Filter, type Gap, type Stretch } from "../state/feed";
import { NO_RATES, withPieces, type Rates } from "../state/rates";
import { refusal } from "./act";
import { Controller, listen, type Env } from "./env";
import * as tab from "./tab-store";

export interface FeedState {
  readonly stretch: Stretch;
  /** The log's extent: the first offset that is kept, and the one that comes next. */
  readonly first: number;
  readonly next: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly topics: readonly string[];
  readonly typed: string;
  readonly paused: boolean;
  /** The reader is at the newest message, and is taken along. */
  readonly following: boolean;
  /** What fits and is newer than what is shown. */
  readonly newer: number;
  readonly loading: "earlier" | "later" | "all" | null;
  readonly opened: ReadonlySet<string>;
  readonly rates: Rates;
  readonly known: boolean;
  readonly problem?: string;
}

const PAGE = 200;
const MOST = 4000;

export class MessageFeedController extends Controller<FeedState> {
  readonly channel: string;
  /** The topics that the view was made for. */
  private readonly given: readonly string[];
  private readonly store: string;
  private generation = 0;
  private countedTo = 0;
  private jumping = false;
  /** Where a reader who moves on wants to be. */
  private wanted: number | null = null;

  constructor(env: Env, params: unknown, initial: unknown) {
    const raw = dict(params);
    const topics = Array.isArray(raw.topics) ? raw.topics.filter((name): name is string => typeof name === "string") : [];
    super(env, {
      stretch: NO_STRETCH, first: 0, next: 0, counts: new Map(), topics, typed: "", paused: false, following: true, newer: 0,
      loading: null, opened: new Set(), rates: NO_RATES, known: false,
    });
    this.channel = text(raw.channel) ?? "";
    this.store = `inngest_nb.feed/1:${this.channel}\n${topics.join()}`;
    this.given = topics;
    this.recall();
    this.takeSaved(parseMessages(dict(initial).messages));
    this.own(listen(env, { channel: this.channel, topics: null, since: "now" }, {
      messages: (batch) => this.heard(batch),
      subscribed: (first, next) => this.subscribed(first, next),
      gap: (lost, from, to) => this.missed({ lost, from, to }),
      error: (sentence) => this.update({ problem: sentence }),
    }));
  }

  get filter(): Filter {
    return parseSearch(this.state.typed, this.state.topics);
  }

  update(change: Partial<FeedState>): void {
    this.set({ ...this.state, ...change });
  }

  search(change: { typed?: string; topics?: readonly string[] }): void {
    this.set({ ...this.state, ...change, opened: new Set() });
    const { typed, topics } = this.state;
    tab.keep(this.store, typed === "" && topics.join() === this.given.join() ? undefined : { typed, topics });
    void this.showEnd();
  }

  /** What the reader had looked for before the page was reloaded. */
  private recall(): void {
    const { typed, topics } = dict(tab.recall(this.store));
    if (typeof typed !== "string" || !Array.isArray(topics)) return;
    this.state = { ...this.state, typed, topics: topics.filter((name): name is string => typeof name === "string") };
  }

  toggleTopic(name: string): void {
    const topics = this.state.topics.includes(name) ? this.state.topics.filter((one) => one !== name) : [...this.state.topics, name];
    this.search({ topics });
  }

  toggle(key: string): void {
    const opened = new Set(this.state.opened);
    if (!opened.delete(key)) opened.add(key);
    this.update({ opened });
  }

  pause(paused: boolean): void {
    this.update({ paused });
    if (!paused) void this.showEnd();
  }

  /** The reader has left the newest message, or has come back to it. */
  follow(following: boolean): void {
    if (following === this.state.following || this.state.paused) return;
    this.update({ following });
    if (following && this.state.newer > 0) void this.loadLater();
  }

  /** The newest messages, whatever was shown before; that stays until they are there. */
  async showEnd(): Promise<void> {
    this.generation += 1;
    this.wanted = null;
    this.update({ following: true, newer: 0, known: false });
    await this.browse(null, "all");
  }

  /** Another place of the log: what is around an offset. Of many that are passed by only the last is asked for. */
  async jump(offset: number): Promise<void> {
    const asked = this.wanted !== null || this.jumping;
    this.wanted = Math.floor(offset);
    if (asked) return;
    this.jumping = true;
    this.generation += 1;
    this.update({ following: false });
    while (this.wanted !== null) {
      const { first, next } = this.state;
      const before = Math.min(next, Math.max(first, this.wanted) + PAGE);
      this.wanted = null;
      await this.browse(before, "all");
    }
    this.jumping = false;
  }

  async loadEarlier(): Promise<void> {
    const { stretch, first, loading } = this.state;
    if (loading === null && stretch.from > first) await this.browse(stretch.from, "earlier");
  }

  async loadLater(): Promise<void> {
    const { stretch, next, loading } = this.state;
    if (loading !== null || stretch.to >= next) return;
    if (!isPlain(this.filter)) return this.showEnd();
    await this.browse(Math.min(next, stretch.to + PAGE), "later");
  }

  private async browse(before: number | null, loading: "earlier" | "later" | "all"): Promise<void> {
    const generation = this.generation;
    this.update({ loading });
    const path = `channels/${encodeURIComponent(this.channel)}/browse?${searchQuery(this.filter, ["$run", "$step"], before, PAGE)}`;
    const reply = await this.env.link.request("GET", path).catch(() => null);
    if (generation !== this.generation) return;
    const raw = dict(reply?.body);
    if (reply?.status !== 200 || !Array.isArray(raw.messages)) {
      const why = reply && reply.status !== 200 ? refusal(reply) : undefined;
      const stretch = loading === "all" && this.state.following ? { ...this.state.stretch, messages: [] } : this.state.stretch;
      return this.update({ stretch, loading: null, known: true, ...(why === undefined ? {} : { problem: why }) });
    }
    const reached = number(raw.reached) ?? 0;
    this.placed(parseMessages(raw.messages), reached, before, loading, number(raw.first) ?? 0, number(raw.next) ?? 0);
  }

  private placed(messages: readonly Message[], reached: number, before: number | null, loading: string, first: number, next: number): void {
    const { problem: _, ...state } = this.state;
    const to = before ?? next;
    const base: Stretch = loading === "all" ? { messages: [], from: reached, to, gaps: this.trimmed(first) } : state.stretch;
    const stretch = extended(base, messages, reached, to, MOST);
    const known = Math.max(next, state.next);
    this.set({ ...state, stretch, first, next: known, loading: null, known: true, newer: stretch.to >= known ? 0 : state.newer });
    if (stretch.to < known && this.state.following) void this.loadLater();
    else if (messages.length === 0 && reached > first && loading !== "later") void this.loadEarlier();
  }

  /** What a log has lost at its beginning is said where it begins. */
  private trimmed(first: number): readonly Gap[] {
    const known = this.state.stretch.gaps.filter((gap) => gap.from > 0);
    return first > 0 ? [{ from: 0, to: first, lost: first }, ...known] : known;
  }

  private takeSaved(messages: readonly Message[]): void {
    const last = messages.at(-1);
    if (!last) return;
    const fitting = messages.filter((message) => fits(message, this.filter));
    const stretch = extended({ ...NO_STRETCH, from: messages[0]!.offset, to: last.offset + 1 }, fitting, messages[0]!.offset, last.offset + 1, MOST);
    this.state = { ...this.state, stretch, first: messages[0]!.offset, next: last.offset + 1, counts: counted(new Map(), messages), known: true };
  }

  private subscribed(first: number, next: number): void {
    this.update({ first, next: Math.max(next, this.state.next) });
    const browsed = this.state.following ? this.browse(null, this.state.known && this.state.stretch.to >= first ? "later" : "all") : Promise.resolve();
    void browsed.then(() => this.count()); // a long log is counted for a while
  }

  private async count(): Promise<void> {
    const reply = await this.env.link.request("GET", `channels/${encodeURIComponent(this.channel)}/topics`).catch(() => null);
    const raw = dict(reply?.body);
    if (reply?.status !== 200 || !Array.isArray(raw.topics)) return;
    const counts = new Map<string, number>();
    for (const one of raw.topics.map(dict)) {
      const name = one.kind === "data" ? text(one.topic) ?? "" : "lifecycle";
      counts.set(name, (counts.get(name) ?? 0) + (number(one.count) ?? 0));
    }
    this.countedTo = number(raw.next) ?? 0;
    this.update({ counts, first: number(raw.first) ?? this.state.first });
  }

  private heard(batch: readonly Message[]): void {
    const { state, filter } = this;
    const wanted = isPlain(filter) ? batch : batch.filter((message) => fits(message, filter));
    const next = Math.max(state.next, (batch.at(-1)?.offset ?? -1) + 1);
    const counts = counted(state.counts, batch.filter((message) => message.offset >= this.countedTo));
    const rates = withPieces(state.rates, batch.map((message) => message.at));
    const live = { ...state, next, counts, rates };
    const joins = state.known && state.following && !state.paused && state.stretch.to >= (batch[0]?.offset ?? 0);
    if (!joins) return this.set({ ...live, newer: state.newer + wanted.filter((message) => message.offset >= state.stretch.to).length }, batch);
    this.set({ ...live, stretch: extended(state.stretch, wanted, state.stretch.from, next, MOST) }, batch);
  }

  private missed(gap: Gap): void {
    const { stretch } = this.state;
    this.update({ stretch: { ...stretch, gaps: [...stretch.gaps, gap], to: Math.max(stretch.to, gap.to) }, next: Math.max(this.state.next, gap.to) });
  }
}

function counted(counts: ReadonlyMap<string, number>, messages: readonly Message[]): Map<string, number> {
  const more = new Map(counts);
  for (const message of messages) more.set(topicOf(message), (more.get(topicOf(message)) ?? 0) + 1);
  return more;
}
