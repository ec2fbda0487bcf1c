/** Running a run again: which steps are reused and which run again, with the outputs that are edited. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import * as format from "../format";
import { diffLines, type Line } from "../state/diff";
import { currentSteps, type RunModel } from "../state/run";
import { asksPerson } from "../status";
import type { StepState } from "../wire";
import type { Env } from "./env";
import { useController, useReturnFocus } from "./hooks";
import { Icon } from "./icons";
import { changed, RerunController, type Edit, type PlanStep } from "./rerun-controller";
import { Banner, IconButton, ProblemBanner } from "./shell";

export interface RerunProps {
  readonly env: Env;
  readonly run_id: string;
  readonly model: RunModel | undefined;
  /** The hash of the step to begin with; else the one that failed, or the last. */
  readonly from?: string;
  onClose(): void;
  onStarted(run_id: string): void;
}

export function RerunPanel({ env, run_id, model, from, onClose, onStarted }: RerunProps): JSX.Element {
  const steps = model ? currentSteps(model) : [];
  const first = from ?? (steps.find((step) => step.status === "failed") ?? steps.at(-1))?.hash ?? null;
  const controller = useMemo(() => new RerunController(env, run_id, first), [env, run_id]);
  useEffect(() => () => controller.dispose(), [controller]);
  const panel = useRef<HTMLDivElement>(null);
  useReturnFocus(panel);
  const state = useController(controller);
  const name = steps.find((step) => step.hash === state.from)?.step_id ?? "the beginning";
  const stale = state.plan?.some((step) => step.code_changed && step.action.startsWith("reused")) ?? false;
  const start = (): void => void controller.start().then((id) => id !== undefined && onStarted(id));
  return (
    <div ref={panel} class="inb-rerun" role="group" aria-label={`Rerun from ${name}`} onKeyDown={(event) => event.key === "Escape" && onClose()}>
      <h4>{`Rerun from “${name}”`}<IconButton icon="close" label="Close" onClick={onClose} /></h4>
      <p class="muted">{sentence(state.plan, model, run_id)}</p>
      <ProblemBanner sentence={state.problem} />
      {stale && <Banner role="ask" icon="failed">The code of a reused step has changed since. Its old output is taken; begin there to have it made anew.</Banner>}
      <ol class="plan">
        {(state.plan ?? []).map((step) => (
          <PlanRow key={step.hash} controller={controller} step={step} known={steps.find((each) => each.hash === step.hash)} />
        ))}
      </ol>
      <div class="inb-btns">
        <button type="button" class="inb-b primary" aria-disabled={controller.faulty || state.starting || !state.plan} onClick={start}>
          {state.starting ? "Starting…" : "Rerun"}
        </button>
        <button type="button" class="inb-b" onClick={onClose}>Back</button>
      </div>
    </div>
  );
}

function sentence(plan: readonly PlanStep[] | null, model: RunModel | undefined, run_id: string): string {
  const kept = plan?.filter((step) => step.action.startsWith("reused")).length ?? 0;
  const taken = kept === 0 ? "No step is" : kept === 1 ? "One step is" : `${kept} steps are`;
  return `A new run of ${model?.run?.name ?? "the function"}. ${taken} taken over from ${format.shortId(run_id)}; the rest is executed with the code as it is in the kernel now.`;
}

function PlanRow({ controller, step, known }: { controller: RerunController; step: PlanStep; known: StepState | undefined }): JSX.Element {
  const { state } = controller;
  const reused = step.action.startsWith("reused");
  const edit = state.edits.get(step.hash);
  const editing = state.editing === step.hash;
  const icon = reused ? "reused" : known && asksPerson(known) ? "person" : "play";
  return (
    <li class={`s-${reused ? "ok" : known && asksPerson(known) ? "ask" : "run"}${state.from === step.hash ? " from" : ""}`}>
      <div class="line">
        <Icon name={icon} />
        <b>{step.step_id}</b>
        {step.code_changed && <span class="changed s-ask" title="The code of this step has changed since that run">code changed</span>}
        <span class="what">{actionWords(step, known)}</span>
        {reused && <button type="button" class="inb-b small text" aria-expanded={editing} onClick={() => void controller.edit(step.hash)}>{editing ? "Done" : edit && changed(edit) ? "Edit again" : "Edit output"}</button>}
        {state.from !== step.hash && <button type="button" class="inb-b small text" onClick={() => controller.startFrom(step.hash)}>From here</button>}
      </div>
      {edit && editing && <Editor controller={controller} step={step} edit={edit} />}
    </li>
  );
}

export function actionWords(step: PlanStep, known: StepState | undefined): string {
  if (step.action !== "runs again" || !known) return step.action;
  if (known.op === "wait_for_event") return asksPerson(known) ? "asks again" : "waits again";
  if (known.op.includes("publish")) return "publishes again";
  return { sleep: "sleeps again", invoke: "invokes again", send_event: "sends again" }[known.op] ?? step.action;
}

function Editor({ controller, step, edit }: { controller: RerunController; step: PlanStep; edit: Edit }): JSX.Element {
  const id = `inb-edit-${step.hash.slice(0, 12)}`;
  const lines = edit.fault === undefined ? diffLines(edit.before, JSON.stringify(JSON.parse(edit.text), null, 2)) : null;
  return (
    <div class="edit">
      <label for={id}>{`Output of ${step.step_id} for this run`}</label>
      <textarea id={id} class="mono" rows={Math.min(14, edit.text.split("\n").length + 1)} spellcheck={false} value={edit.text}
        aria-invalid={edit.fault !== undefined} aria-describedby={`${id}-fault`}
        onInput={(event) => controller.type(step.hash, event.currentTarget.value)} />
      <p id={`${id}-fault`} class={edit.fault === undefined ? "muted" : "fault s-bad"} role="status">
        {edit.fault ?? (changed(edit) ? "Valid JSON." : "Not changed yet.")}
        {changed(edit) && <button type="button" class="inb-more" onClick={() => controller.undo(step.hash)}>Take the edit back</button>}
      </p>
      {lines && changed(edit) && (
        <div class="diff">
          <DiffSide title="Before" lines={lines.before} mark="−" role="bad" />
          <DiffSide title="For this run" lines={lines.after} mark="+" role="ok" />
        </div>
      )}
    </div>
  );
}

function DiffSide({ title, lines, mark, role }: { title: string; lines: readonly Line[]; mark: string; role: string }): JSX.Element {
  return (
    <div>
      <p class="muted">{title}</p>
      <pre class="inb-code" tabIndex={0}>
        {lines.map((line, i) => <span key={i} class={line.changed ? `ln s-${role}` : "ln"}>{`${line.changed ? mark : " "} ${line.text}\n`}</span>)}
      </pre>
    </div>
  );
}
