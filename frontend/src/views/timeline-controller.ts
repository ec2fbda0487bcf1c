/** The life of a timeline: the run it follows, what is open and selected in it, and how it is looked at. */
import { dict, parseFailure, parseMessages, parseRun, parseSnapshot, parseStep, text, type Failure, type Message, type StepState } from "../wire";
import { currentSteps, type RunModel } from "../state/run";
import { parsePage } from "../state/runlist";
import type { Row } from "../state/rows";
import { act, retryNow } from "./act";
import { Controller, listen, type Env } from "./env";
import { RunFollower } from "./follower";

export interface TimelineState {
  readonly toggled: ReadonlySet<string>;
  readonly selected: string | null;
  readonly fold: boolean;
  readonly table: boolean;
  readonly zoom: number;
  readonly pan: number;
  readonly stopping: boolean;
  /** The reader does not want to wait for the next attempt. */
  readonly hurrying: boolean;
  readonly problem?: string;
  readonly details: ReadonlyMap<string, Detail>;
  /** What is searched for among the names of steps; null while nobody searches. */
  readonly find: string | null;
  /** Grows with what is heard of invoked runs and of the run that is compared. */
  readonly heard: number;
  /** The key of the step from which the run is to be run again. */
  readonly rerun: string | null;
  /** The run that was started by running again. */
  readonly started: string | null;
  /** Whether this person has the right to cancel and to run again. */
  readonly allowed: boolean;
}

export interface AttemptDetail {
  readonly step: StepState;
  readonly output: unknown;
  readonly input: unknown;
  readonly error: Failure | undefined;
}

export interface Detail {
  readonly attempts: readonly AttemptDetail[];
  /** What the step published, once somebody asked for it. */
  readonly messages?: readonly Message[];
  readonly problem?: string;
}

const CLOSED: TimelineState = {
  toggled: new Set(), selected: null, fold: true, table: false, zoom: 1, pan: 0, stopping: false, hurrying: false, details: new Map(),
  find: null, heard: 0, rerun: null, started: null, allowed: true,
};

export class TimelineController extends Controller<TimelineState> {
  readonly fn_name: string;
  /** The runs to choose from, where there are more than two. */
  readonly runs: readonly string[];
  run_id: string;
  follower: RunFollower | null = null;
  /** The run that this one is compared with. */
  other: RunFollower | null = null;
  private readonly children = new Map<string, RunFollower>();
  private reveal: (key: string) => void = () => undefined;
  private chosen = false;

  constructor(env: Env, params: unknown, initial: unknown) {
    super(env, CLOSED);
    this.own(env.facts.onChange(() => this.changed()));
    const raw = dict(params);
    this.run_id = text(raw.run_id) ?? "";
    this.fn_name = text(raw.fn_name) ?? "";
    this.runs = Array.isArray(raw.runs) ? raw.runs.flatMap((id) => text(id) ?? []) : [];
    const saved = dict(initial).run;
    const fn_id = text(raw.function);
    this.follow((fn_id && parseSnapshot(saved).run?.run_id) ?? this.run_id, saved);
    this.followNewest(fn_id);
    const other = text(raw.other_id);
    if (other !== undefined) this.compare(other, dict(initial).other);
    void env.link.mayWrite?.().then((allowed) => allowed === this.state.allowed || this.update({ allowed }));
  }

  private follow(run_id: string, saved?: unknown): void {
    if (run_id === "") return;
    this.follower?.dispose();
    this.run_id = run_id;
    this.follower = new RunFollower(this.env, run_id, (messages) => this.runChanged(messages), saved === undefined ? undefined : parseSnapshot(saved));
    this.openFailure();
    this.follower.start();
  }

  /** The timeline of a function is the one of its newest run; the ids of runs are in the order of their starts. */
  private followNewest(fn_id: string | undefined): void {
    if (fn_id === undefined) return;
    this.own(listen(this.env, { channel: "$runs", topics: null, since: "now" }, {
      messages: (batch) => {
        const newest = batch.map((message) => parseRun(message.data)).filter((run) => run?.fn_id === fn_id).map((run) => run?.run_id ?? "").sort().at(-1) ?? "";
        if (newest > this.run_id) this.show(newest);
      },
      subscribed: () => void this.findNewest(fn_id),
    }));
  }

  /** What had started before the page came, or while it was away. */
  private async findNewest(fn_id: string): Promise<void> {
    const query = new URLSearchParams({ function: fn_id, limit: "1" }).toString();
    const reply = await this.env.link.request("GET", `overview/runs?${query}`).catch(() => null);
    const newest = reply?.status === 200 ? parsePage(reply.body, 0)?.rows[0]?.id ?? "" : "";
    if (newest > this.run_id) this.show(newest);
  }

  /** Another run in the place of this one, looked at in the same way. */
  show(run_id: string): void {
    this.chosen = false;
    this.update({ ...CLOSED, fold: this.state.fold, table: this.state.table, allowed: this.state.allowed });
    this.follow(run_id);
    if (this.other?.run_id === run_id) this.compare(null);
  }

  override dispose(): void {
    super.dispose();
    for (const follower of [this.follower, this.other, ...this.children.values()]) follower?.dispose();
  }

  /** Lays another run over this one; null takes it away. */
  compare(run_id: string | null, saved?: unknown): void {
    this.other?.dispose();
    this.other = run_id === null ? null : this.followBeside(run_id, saved);
    this.update({ heard: this.state.heard + 1 });
  }

  /** What is known of this run or of one that it invoked. */
  modelOf(run_id: string): RunModel | undefined {
    return run_id === this.run_id || run_id === "" ? this.follower?.model : this.children.get(run_id)?.model;
  }

  /** The grid says how a row is brought into view. */
  reveals(reveal: (key: string) => void): void {
    this.reveal = reveal;
  }

  goTo(row: Row | undefined): boolean {
    if (row) this.reveal(row.key);
    return row !== undefined;
  }

  private followBeside(run_id: string, saved?: unknown): RunFollower {
    const follower = new RunFollower(this.env, run_id, () => this.update({ heard: this.state.heard + 1 }), saved === undefined ? undefined : parseSnapshot(saved));
    follower.start();
    return follower;
  }

  update(change: Partial<TimelineState>): void {
    this.set({ ...this.state, ...change });
  }

  /** Opens or closes what is nested in a row; an invoked run is asked for when it is opened first. */
  toggle(row: Pick<Row, "key" | "child">): void {
    const toggled = new Set(this.state.toggled);
    if (!toggled.delete(row.key)) toggled.add(row.key);
    if (row.child !== undefined && !this.children.has(row.child)) this.children.set(row.child, this.followBeside(row.child));
    this.update({ toggled });
  }

  /** By the key of a row: the hash of a step, after the runs that it is nested in. */
  select(key: string | null): void {
    this.chosen = true;
    this.update({ selected: key === "" ? null : key, rerun: null });
    if (key) void this.fetchDetail(key);
  }

  /** The run and the hash that a key is made of. */
  placeOf(key: string): { readonly run_id: string; readonly hash: string } {
    const parts = key.split("/");
    return { run_id: parts.at(-2) ?? this.run_id, hash: parts.at(-1) ?? "" };
  }

  async fetchMessages(key: string): Promise<void> {
    const { run_id, hash } = this.placeOf(key);
    const reply = await this.env.link.request("GET", `runs/${encodeURIComponent(run_id)}/steps/${encodeURIComponent(hash)}/messages?limit=500`).catch(() => null);
    const known = this.state.details.get(key) ?? { attempts: [] };
    const messages = parseMessages(dict(reply?.body).messages);
    this.update({ details: new Map(this.state.details).set(key, { ...known, messages }) });
  }

  async stop(): Promise<void> {
    if (this.state.stopping) return;
    this.update({ stopping: true });
    const { problem } = await act(this.env.link, this.run_id, "cancel", "The run was not cancelled.");
    this.concluded({ stopping: false }, problem);
  }

  /** Does not wait for the end of a step's backoff. */
  async retry(key: string): Promise<void> {
    if (this.state.hurrying) return;
    const { run_id, hash } = this.placeOf(key);
    this.update({ hurrying: true });
    this.concluded({ hurrying: false }, await retryNow(this.env.link, run_id, hash));
  }

  private concluded(change: Partial<TimelineState>, problem: string | undefined): void {
    const { problem: _, ...state } = { ...this.state, ...change };
    this.set(problem === undefined ? state : { ...state, problem });
  }

  private runChanged(messages: readonly Message[]): void {
    this.openFailure();
    this.set(this.state, messages);
    const selected = this.state.selected;
    const known = selected === null ? undefined : this.state.details.get(selected);
    const step = this.follower?.model.steps.get(selected ?? "")?.at(-1);
    const shown = known?.attempts.at(-1)?.step;
    if (selected !== null && step && known && (shown?.status !== step.status || shown.attempt !== step.attempt)) {
      void this.fetchDetail(selected);
    }
  }

  /** A failed run shows what failed without being asked, unless the reader has already chosen something. */
  private openFailure(): void {
    const model = this.follower?.model;
    if (this.chosen || model?.run?.status !== "failed") return;
    const failed = currentSteps(model).find((step) => step.status === "failed");
    if (failed) this.select(failed.hash);
  }

  private async fetchDetail(key: string): Promise<void> {
    const { run_id, hash } = this.placeOf(key);
    const path = `runs/${encodeURIComponent(run_id)}/steps/${encodeURIComponent(hash)}`;
    const reply = await this.env.link.request("GET", path).catch(() => null);
    const rows = dict(reply?.body).attempts;
    const detail: Detail = reply?.status === 200 && Array.isArray(rows)
      ? { attempts: rows.map(parseAttempt).filter((attempt) => attempt !== null) }
      : { attempts: [], problem: reply ? "The server has no details of this step." : "Details come with the connection." };
    const { messages } = this.state.details.get(key) ?? {};
    this.update({ details: new Map(this.state.details).set(key, messages ? { ...detail, messages } : detail) });
  }
}

function parseAttempt(value: unknown): AttemptDetail | null {
  const step = parseStep(value);
  const raw = dict(value);
  return step && { step, output: raw.output, input: raw.input ?? raw.opts, error: parseFailure(raw.error) };
}
