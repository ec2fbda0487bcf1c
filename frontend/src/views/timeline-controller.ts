/** The life of a timeline: the run it follows, what is open and selected in it, and how it is looked at. */
import { dict, parseFailure, parseSnapshot, parseStep, text, type Failure, type Message, type StepState } from "../wire";
import { currentSteps } from "../state/run";
import { Controller, type Env } from "./env";
import { RunFollower } from "./follower";

export interface TimelineState {
  readonly toggled: ReadonlySet<string>;
  readonly selected: string | null;
  readonly fold: boolean;
  readonly table: boolean;
  readonly zoom: number;
  readonly pan: number;
  readonly stopping: boolean;
  readonly problem?: string;
  readonly details: ReadonlyMap<string, Detail>;
}

export interface AttemptDetail {
  readonly step: StepState;
  readonly output: unknown;
  readonly input: unknown;
  readonly error: Failure | undefined;
}

export interface Detail {
  readonly attempts: readonly AttemptDetail[];
  readonly problem?: string;
}

const CLOSED: TimelineState = {
  toggled: new Set(), selected: null, fold: true, table: false, zoom: 1, pan: 0, stopping: false, details: new Map(),
};

export class TimelineController extends Controller<TimelineState> {
  readonly run_id: string;
  readonly fn_name: string;
  readonly follower: RunFollower | null;
  private chosen = false;

  constructor(env: Env, params: unknown, initial: unknown) {
    super(env, CLOSED);
    this.own(env.facts.onChange(() => this.changed()));
    const raw = dict(params);
    this.run_id = text(raw.run_id) ?? "";
    this.fn_name = text(raw.fn_name) ?? "";
    const saved = dict(initial).run;
    this.follower = this.run_id === "" ? null : new RunFollower(
      env, this.run_id, (messages) => this.runChanged(messages),
      saved === undefined ? undefined : parseSnapshot(saved));
    this.openFailure();
    this.follower?.start();
  }

  override dispose(): void {
    super.dispose();
    this.follower?.dispose();
  }

  update(change: Partial<TimelineState>): void {
    this.set({ ...this.state, ...change });
  }

  toggle(hash: string): void {
    const toggled = new Set(this.state.toggled);
    if (!toggled.delete(hash)) toggled.add(hash);
    this.update({ toggled });
  }

  select(hash: string | null): void {
    this.chosen = true;
    this.update({ selected: hash === "" ? null : hash });
    if (hash) void this.fetchDetail(hash);
  }

  async stop(): Promise<void> {
    if (this.state.stopping) return;
    this.update({ stopping: true });
    const path = `runs/${encodeURIComponent(this.run_id)}/cancel`;
    const reply = await this.env.link.request("POST", path).catch(() => null);
    const { problem: _, ...state } = { ...this.state, stopping: false };
    if (reply && reply.status < 400) return this.set(state);
    const why = reply ? text(dict(reply.body).error) ?? `The server answered ${reply.status}.` : "No connection; try again.";
    this.set({ ...state, problem: `The run was not cancelled. ${why}` });
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

  private async fetchDetail(hash: string): Promise<void> {
    const path = `runs/${encodeURIComponent(this.run_id)}/steps/${encodeURIComponent(hash)}`;
    const reply = await this.env.link.request("GET", path).catch(() => null);
    const rows = dict(reply?.body).attempts;
    const detail: Detail = reply?.status === 200 && Array.isArray(rows)
      ? { attempts: rows.map(parseAttempt).filter((attempt) => attempt !== null) }
      : { attempts: [], problem: reply ? "The server has no details of this step." : "Details come with the connection." };
    this.update({ details: new Map(this.state.details).set(hash, detail) });
  }
}

function parseAttempt(value: unknown): AttemptDetail | null {
  const step = parseStep(value);
  const raw = dict(value);
  return step && { step, output: raw.output, input: raw.input ?? raw.opts, error: parseFailure(raw.error) };
}
