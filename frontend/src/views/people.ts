/** Which waits are for a person, and the question that goes with them, as far as this page knows. */
import * as format from "../format";
import type { QuestionFact } from "../realtime/facts";
import { asksPerson } from "../status";
import { openSteps, type RunModel } from "../state/run";
import type { StepState } from "../wire";
import type { Env } from "./env";

export interface OpenQuestion {
  readonly step: StepState;
  readonly fact: QuestionFact | undefined;
}

export function personTest(env: Env): (step: StepState) => boolean {
  return (step) => asksPerson(step) || env.facts.questionsOf(step.run_id).some((fact) => fact.hash === step.hash);
}

export function openQuestion(env: Env, model: RunModel | undefined): OpenQuestion | undefined {
  if (!model) return undefined;
  const isPerson = personTest(env);
  const step = openSteps(model).find((open) => open.status === "waiting" && isPerson(open));
  if (!step) return undefined;
  return { step, fact: env.facts.questionsOf(step.run_id).find((fact) => fact.hash === step.hash) };
}

/** "11 m 57 s left", or nothing where there is no deadline. */
export function timeLeft(step: StepState, now: number): string | undefined {
  const until = step.wait?.expires_at;
  return until === undefined ? undefined : `${format.duration(Math.ceil(Math.max(0, until - now) / 1000) * 1000)} left`;
}
