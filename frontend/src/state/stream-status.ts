/** What a token stream says about itself, from its text and the state of its run. */
import { runStatus, STATUS, type Status } from "../status";
import { isTerminal, type StepState } from "../wire";
import { attemptsOf, isOver, openSteps, type RunModel } from "./run";
import { finalRate } from "./rates";
import { newest, type Segment } from "./tokens";

/** How long a text without a run counts as being written after its last piece. */
const LINGER_MS = 3000;

export function streamStatus(segments: readonly Segment[], model: RunModel | undefined,
  isPerson: (step: StepState) => boolean, now: number): Status {
  const segment = newest(segments);
  const run = model?.run;
  if (!run) return segment && now - segment.rates.last < LINGER_MS ? STATUS.running : STATUS.listening;
  const status = runStatus(run.status, openSteps(model), isPerson, now);
  if (status.role === "ask" || isTerminal(run.status) || run.status === "queued") return status;
  if (status === STATUS.retrying) return status;
  return segment?.text && segment.committed ? STATUS.textComplete : status;
}

/** True while pieces of this text may still come. */
export function isWriting(segment: Segment, model: RunModel | undefined, now: number): boolean {
  if (segment.committed || segment.text === "") return false;
  if (!model?.run) return now - segment.rates.last < LINGER_MS;
  if (isOver(model)) return false;
  const step = attemptsOf(model, segment.step_id).at(-1);
  return step === undefined || step.status === "running";
}

/** From the start of the step attempt (or of the run) to its first piece. */
export function timeToFirst(segment: Segment, model: RunModel | undefined): number | undefined {
  if (!model || segment.rates.count === 0) return undefined;
  const step = attemptsOf(model, segment.step_id).find((attempt) => attempt.attempt === segment.attempt);
  const from = step?.started_at ?? (segment.step_id ? undefined : model.run?.started_at);
  return from === undefined ? undefined : Math.max(0, segment.rates.first - from);
}

/** Pieces per second over all texts, pauses between texts left out. */
export function overallRate(segments: readonly Segment[]): number | undefined {
  let pieces = 0;
  let time = 0;
  for (const { rates } of segments) {
    if (finalRate(rates) === undefined) continue;
    pieces += rates.count - 1;
    time += rates.last - rates.first;
  }
  return time > 0 ? (pieces * 1000) / time : undefined;
}

/** How long the texts took: their steps where they are known, first to last piece otherwise. */
export function textElapsed(segments: readonly Segment[], model: RunModel | undefined): number | undefined {
  const spans = segments.filter((segment) => segment.rates.count > 0).map((segment) => {
    const step = model && attemptsOf(model, segment.step_id).find((attempt) => attempt.attempt === segment.attempt);
    return step?.ended_at === undefined ? segment.rates.last - segment.rates.first : step.ended_at - step.started_at;
  });
  return spans.length ? spans.reduce((sum, span) => sum + span, 0) : undefined;
}

/** How long the run has taken, or took; undefined before it started. */
export function runElapsed(model: RunModel | undefined, now: number): number | undefined {
  const run = model?.run;
  const from = run?.status === "queued" ? run.queued_at : run?.started_at ?? run?.queued_at;
  return from === undefined ? undefined : (run?.ended_at ?? now) - from;
}
