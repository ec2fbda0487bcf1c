/** What the page knows of the engine: its health, and the lists that stand behind its rail. */
import { dict, number, text, type Dict } from "../wire";
import { refusal } from "../views/act";
import * as tab from "../views/tab-store";
import { Controller, listen, type Env } from "../views/env";

export interface Health {
  readonly workers: readonly Dict[];
  readonly commit_ms: number | undefined;
  readonly journal_bytes: number;
  readonly messages_bytes: number;
  readonly since: number;
  readonly outage: string | undefined;
}

export interface Place {
  readonly room: Room;
  readonly id: string | null;
}

/** Why the engine does not answer: the server's word for it, or that there is no server. */
export interface Trouble {
  readonly code: string;
  readonly sentence: string;
}

export type Room = "runs" | "approvals" | "functions" | "events" | "channels";

export interface PageState {
  readonly place: Place;
  readonly health: Health | null;
  /** Why the engine does not answer, in its own words. */
  readonly trouble: Trouble | null;
  readonly functions: readonly Dict[];
  readonly events: readonly Dict[];
  readonly channels: readonly Dict[];
  readonly questions: readonly Dict[];
  /** Whether this person has the right to send events. */
  readonly allowed: boolean;
}

const ROOMS = new Set<string>(["runs", "approvals", "functions", "events", "channels"]);
/** Where the reader was, for a frame that is opened anew without its place. */
const PLACE = "inngest_nb.place/1";
const HEALTH_EVERY_MS = 5000;
const LISTS_EVERY_MS = 15_000;
const SOON_MS = 1000;
/** The lists behind the rail come after the rows that the reader looks at. */
const AFTER_ROWS_MS = 150;
const STARTING = "engine_starting";
const UNREACHABLE: Trouble = { code: "unreachable", sentence: "It may have stopped, or the way to it is cut. Nothing here is live until it answers." };
const FORBIDDEN = 403;

export function placeOf(hash: string): Place {
  const [room = "", ...rest] = hash.replace(/^#\/?/, "").split("/");
  const id = decodeURIComponent(rest.join("/"));
  return { room: ROOMS.has(room) ? (room as Room) : "runs", id: id === "" ? null : id };
}

export class PageController extends Controller<PageState> {
  private soon: ReturnType<typeof setTimeout> | undefined;
  private soonHealth: ReturnType<typeof setTimeout> | undefined;

  constructor(env: Env, at = location.hash || text(tab.recall(PLACE)) || "") {
    super(env, { place: placeOf(at), health: null, trouble: null, functions: [], events: [], channels: [], questions: [], allowed: true });
    void env.link.mayWrite?.().then((allowed) => allowed === this.state.allowed || this.update({ allowed }));
    const moved = (): void => {
      tab.keep(PLACE, location.hash);
      this.update({ place: placeOf(location.hash) });
    };
    addEventListener("hashchange", moved);
    this.own(() => {
      removeEventListener("hashchange", moved);
      clearTimeout(this.soon);
      clearTimeout(this.soonHealth);
    });
    this.own(listen(env, { channel: "$runs", topics: null, since: "now" }, { messages: () => this.later(), gap: () => this.later() }));
    this.every(HEALTH_EVERY_MS, () => this.health());
    this.every(LISTS_EVERY_MS, () => this.lists(), env.still ? 0 : AFTER_ROWS_MS);
  }

  update(change: Partial<PageState>): void {
    this.set({ ...this.state, ...change });
  }

  async health(): Promise<void> {
    const reply = await this.ask("health");
    const raw = dict(reply?.body);
    if (reply?.status !== 200) return this.failed(reply === null ? UNREACHABLE : { code: codeOf(reply.status, raw), sentence: refusal(reply) });
    if (this.state.trouble !== null) this.recovered();
    const now = number(raw.now);
    if (now !== undefined) this.env.clock.heard(now, true);
    this.update({ trouble: null, health: {
      workers: list(raw.workers), commit_ms: number(raw.commit_ms), journal_bytes: number(raw.journal_bytes) ?? 0,
      messages_bytes: number(raw.messages_bytes) ?? 0, since: number(raw.since) ?? 0, outage: text(raw.outage),
    } });
  }

  /** An engine that is only starting is asked again soon. */
  private failed(trouble: Trouble): void {
    this.update({ trouble });
    if (trouble.code !== STARTING || this.soonHealth !== undefined) return;
    this.soonHealth = setTimeout(() => {
      this.soonHealth = undefined;
      void this.health();
    }, SOON_MS);
  }

  /** What was refused while there was no engine is asked for again. */
  private recovered(): void {
    this.env.link.retryNow();
    void this.lists();
  }

  async lists(): Promise<void> {
    await this.questions();
    for (const what of ["functions", "events", "channels"] as const) {
      const reply = await this.ask(what);
      if (reply?.status === 200) this.update({ [what]: list(dict(reply.body)[what]) });
    }
  }

  async questions(): Promise<void> {
    const reply = await this.ask("questions");
    if (reply?.status === 200) this.update({ questions: list(dict(reply.body).questions) });
  }

  /** Sends an event; what went wrong, or undefined. */
  async send(name: string, data: unknown): Promise<string | undefined> {
    const reply = await this.env.link.request("POST", "events", { name, data }, { "Idempotency-Key": crypto.randomUUID() }).catch(() => null);
    void this.lists();
    if (reply?.status === 200) return undefined;
    return reply ? refusal(reply) : "No connection; try again.";
  }

  private later(): void {
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      void this.questions();
    }, SOON_MS);
  }

  private every(ms: number, act: () => Promise<void>, first = 0): void {
    if (first === 0) void act();
    else {
      const begin = setTimeout(() => void act(), first);
      this.own(() => clearTimeout(begin));
    }
    const id = setInterval(() => {
      if (!document.hidden) void act();
    }, ms);
    this.own(() => clearInterval(id));
  }

  private ask(what: string): Promise<{ status: number; body: unknown } | null> {
    return this.env.link.request("GET", `overview/${what}`).catch(() => null);
  }
}

function list(value: unknown): readonly Dict[] {
  return Array.isArray(value) ? value.map(dict) : [];
}

function codeOf(status: number, body: Dict): string {
  return status === FORBIDDEN ? "forbidden" : text(body.code) ?? "";
}
