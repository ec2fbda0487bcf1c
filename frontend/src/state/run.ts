/** The state of one run: a fold over its snapshot and its `run`, `step` and `rollback` messages. */
import {
  isTerminal, parseRollback, parseRun, parseStep,
  type Message, type Rollback, type RunSnapshot, type RunState, type StepState,
} from "../wire";

export interface RunModel {
  readonly run: RunState | null;
  /** Attempts of each step, by hash; within a step in order of attempt. */
  readonly steps: ReadonlyMap<string, readonly StepState[]>;
  readonly rollbacks: readonly Rollback[];
  /** When the newest thing was heard: where bars stop while the connection is lost. */
  readonly heardAt: number;
  readonly lastOffset: number;
}

export const NO_RUN: RunModel = { run: null, steps: new Map(), rollbacks: [], heardAt: 0, lastOffset: -1 };

/** Takes over what a snapshot says, without going back where the model already knows more. */
export function withSnapshot(model: RunModel, snapshot: RunSnapshot): RunModel {
  const steps = new Map(model.steps);
  for (const step of snapshot.steps) putStep(steps, step);
  const run = newerRun(model.run, snapshot.run);
  return { ...model, run, steps, heardAt: snapshot.steps.reduce((at, step) => Math.max(at, newestTime(step)), Math.max(model.heardAt, runTime(run))) };
}

/** Applies messages of the run's own channel; others and odd ones change nothing. */
export function withMessages(model: RunModel, messages: readonly Message[]): RunModel {
  const steps = new Map(model.steps);
  const rollbacks = [...model.rollbacks];
  let { run, heardAt, lastOffset } = model;
  for (const message of messages) {
    if (message.offset <= lastOffset) continue;
    lastOffset = message.offset;
    heardAt = Math.max(heardAt, message.at);
    if (message.kind === "run") run = newerRun(run, parseRun(message.data));
    else if (message.kind === "step") putStep(steps, parseStep(message.data));
    else if (message.kind === "rollback") pushRollback(rollbacks, message.data);
  }
  return { run, steps, rollbacks, heardAt, lastOffset };
}

/** The log was recreated: offsets start again, what is known stays. */
export function rewound(model: RunModel): RunModel {
  return { ...model, lastOffset: -1 };
}

function newerRun(known: RunState | null, next: RunState | null): RunState | null {
  if (!next) return known;
  return known && isTerminal(known.status) && !isTerminal(next.status) ? known : next;
}

function putStep(steps: Map<string, readonly StepState[]>, step: StepState | null): void {
  if (!step) return;
  const attempts = steps.get(step.hash) ?? [];
  const known = attempts.find((a) => a.attempt === step.attempt);
  if (known && finality(known) > finality(step)) return;
  const others = attempts.filter((a) => a.attempt !== step.attempt);
  steps.set(step.hash, [...others, known ? withWhatWasSaid(known, step) : step].sort((a, b) => a.attempt - b.attempt));
}

/** A later state need not repeat what a wait is for, when it was queued or who answered. */
function withWhatWasSaid(known: StepState, step: StepState): StepState {
  const { wait, answered, queued_at, wake_at, child } = known;
  return {
    ...(wait && { wait }), ...(answered && { answered }), ...(queued_at !== undefined && { queued_at }),
    ...(wake_at !== undefined && { wake_at }), ...(child !== undefined && { child }), ...step,
  };
}

function finality(step: StepState): number {
  if (step.status === "running") return 0;
  return step.status === "waiting" || step.status === "retrying" ? 1 : 2;
}

function pushRollback(rollbacks: Rollback[], data: unknown): void {
  const rollback = parseRollback(data);
  if (rollback) rollbacks.push(rollback);
}

function newestTime(step: StepState): number {
  return Math.max(step.started_at, step.ended_at ?? 0);
}

function runTime(run: RunState | null): number {
  return Math.max(run?.queued_at ?? 0, run?.started_at ?? 0, run?.ended_at ?? 0);
}

export function isOver(model: RunModel): boolean {
  return model.run !== null && isTerminal(model.run.status);
}

const inOrder = new WeakMap<RunModel["steps"], readonly StepState[]>();

/** The last attempt of every step, in the order of the run. */
export function currentSteps(model: RunModel): readonly StepState[] {
  const known = inOrder.get(model.steps) ?? sortedSteps(model);
  inOrder.set(model.steps, known);
  return known;
}

function sortedSteps(model: RunModel): StepState[] {
  const latest = [...model.steps.values()].map((attempts) => attempts.at(-1)).filter((step) => step !== undefined);
  return latest.sort((a, b) => a.index - b.index || firstStart(model, a) - firstStart(model, b));
}

function firstStart(model: RunModel, step: StepState): number {
  return model.steps.get(step.hash)?.[0]?.started_at ?? step.started_at;
}

/** Steps that are not over: what the run is busy with or waits for. A run that is over has none. */
export function openSteps(model: RunModel): StepState[] {
  return isOver(model) ? [] : currentSteps(model).filter((step) => !isTerminal(step.status));
}

/** The attempts of a step that carries this id (and no other step between them). */
export function attemptsOf(model: RunModel, step_id: string): readonly StepState[] {
  for (const attempts of model.steps.values()) if (attempts[0]?.step_id === step_id) return attempts;
  return [];
}
