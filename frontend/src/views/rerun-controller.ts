/** Planning a rerun: from which step on, with which outputs edited, and what that would do with every step. */
import { dict, number, text } from "../wire";
import { refusal } from "./act";
import { Controller, type Env } from "./env";
import { jsonText } from "./json";

export interface PlanStep {
  readonly step_id: string;
  readonly hash: string;
  readonly index: number;
  readonly action: string;
  readonly code_changed: boolean;
}

export interface Edit {
  readonly before: string;
  readonly text: string;
  /** What is wrong with the JSON, where it is not one. */
  readonly fault: string | undefined;
}

export interface RerunState {
  readonly from: string | null;
  readonly plan: readonly PlanStep[] | null;
  readonly edits: ReadonlyMap<string, Edit>;
  /** The step whose output is being edited. */
  readonly editing: string | null;
  readonly starting: boolean;
  readonly problem?: string;
}

const TYPING_PAUSE_MS = 250;

export class RerunController extends Controller<RerunState> {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor(env: Env, readonly run_id: string, from: string | null) {
    super(env, { from, plan: null, edits: new Map(), editing: null, starting: false });
    void this.plan();
  }

  override dispose(): void {
    super.dispose();
    clearTimeout(this.timer);
  }

  startFrom(hash: string): void {
    const plan = this.state.plan ?? [];
    const begin = plan.find((step) => step.hash === hash)?.index ?? 0;
    const edits = new Map([...this.state.edits].filter(([edited]) => (plan.find((step) => step.hash === edited)?.index ?? 0) < begin));
    this.set({ ...this.state, from: hash, edits, editing: null });
    void this.plan();
  }

  async edit(hash: string): Promise<void> {
    if (this.state.editing === hash) return this.set({ ...this.state, editing: null });
    if (!this.state.edits.has(hash)) {
      const reply = await this.ask("GET", `steps/${encodeURIComponent(hash)}`);
      const attempts = dict(reply?.body).attempts;
      if (!reply || !Array.isArray(attempts)) return this.fail("The output of the step could not be read.", reply);
      const before = JSON.stringify(dict(attempts.at(-1)).output ?? null, null, 2);
      this.setEdit(hash, { before, text: before, fault: undefined });
    }
    this.set({ ...this.state, editing: hash });
  }

  type(hash: string, typed: string): void {
    const edit = this.state.edits.get(hash);
    if (!edit) return;
    this.setEdit(hash, { ...edit, text: typed, fault: jsonFault(typed) });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.plan(), TYPING_PAUSE_MS);
  }

  undo(hash: string): void {
    const edits = new Map(this.state.edits);
    edits.delete(hash);
    this.set({ ...this.state, edits, editing: null });
    void this.plan();
  }

  get faulty(): boolean {
    return [...this.state.edits.values()].some((edit) => edit.fault !== undefined);
  }

  /** Starts the new run; its id, or undefined when that failed. */
  async start(): Promise<string | undefined> {
    if (this.state.starting || this.faulty) return undefined;
    this.set({ ...this.state, starting: true });
    const reply = await this.ask("POST", "rerun", this.choice());
    this.set({ ...this.state, starting: false });
    const id = text(dict(dict(reply?.body).run).run_id);
    if (id === undefined) this.fail("The run was not started.", reply);
    return id;
  }

  private async plan(): Promise<void> {
    if (this.faulty) return;
    const turn = ++this.asked;
    const reply = await this.ask("POST", "plan", this.choice());
    if (turn !== this.asked) return;
    const steps = dict(reply?.body).steps;
    if (!reply || !Array.isArray(steps)) return this.fail("What a rerun would do is not known.", reply);
    const { problem: _, ...state } = this.state;
    this.set({ ...state, plan: steps.map(parsePlanStep) });
  }

  private choice(): object {
    const edited = [...this.state.edits].filter(([, edit]) => edit.fault === undefined && changed(edit));
    return { from_step: this.state.from, steps: Object.fromEntries(edited.map(([hash, edit]) => [hash, JSON.parse(edit.text)])) };
  }

  private setEdit(hash: string, edit: Edit): void {
    this.set({ ...this.state, edits: new Map(this.state.edits).set(hash, edit) });
  }

  private ask(method: "GET" | "POST", what: string, body?: object): Promise<{ status: number; body: unknown } | null> {
    return this.env.link.request(method, `runs/${encodeURIComponent(this.run_id)}/${what}`, body).catch(() => null);
  }

  private fail(what: string, reply: { status: number; body: unknown } | null): void {
    const why = reply ? refusal(reply) : "No connection; try again.";
    this.set({ ...this.state, problem: `${what} ${why}` });
  }
}

function parsePlanStep(value: unknown): PlanStep {
  const raw = dict(value);
  return {
    step_id: text(raw.step_id) ?? "", hash: text(raw.hash) ?? "", index: number(raw.index) ?? 0,
    action: text(raw.action) ?? "runs again", code_changed: raw.code_changed === true,
  };
}

export function changed(edit: Edit): boolean {
  if (edit.fault !== undefined) return true;
  return jsonText(JSON.parse(edit.text)) !== jsonText(JSON.parse(edit.before));
}

/** Where a text stops being JSON, in words; undefined where it is JSON. */
export function jsonFault(typed: string): string | undefined {
  try {
    JSON.parse(typed);
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const at = Number(/position (\d+)/.exec(said)?.[1] ?? NaN);
    if (!Number.isFinite(at)) return typed.trim() === "" ? "JSON is needed; null is one." : "The JSON ends too early.";
    const lines = typed.slice(0, at).split("\n");
    return `Not JSON at line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}.`;
  }
}
