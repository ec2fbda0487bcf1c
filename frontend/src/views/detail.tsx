/** What is known about one step: figures, output, input, error and attempts. */
import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import * as format from "../format";
import type { Status } from "../status";
import { usageIn } from "../state/tokens";
import type { Failure, StepState } from "../wire";
import { connectionOf } from "./env";
import { ErrorBlock } from "./failure";
import { useReturnFocus } from "./hooks";
import { StatusIcon } from "./icons";
import { JsonView } from "./json";
import { personTest } from "./people";
import { RerunPanel } from "./rerun";
import { Id, IconButton } from "./shell";
import { StepMessages } from "./step-messages";
import { stepStatus, STATUS } from "../status";
import type { Detail, TimelineController } from "./timeline-controller";

export interface DetailProps {
  readonly controller: TimelineController;
  /** The key of the step's row. */
  readonly name: string;
  readonly attempts: readonly StepState[];
  readonly now: number;
}

type Tab = "Output" | "Input" | "Error" | "Messages" | "Attempts";

export function StepDetail({ controller, name, attempts, now }: DetailProps): JSX.Element | null {
  const step = attempts.at(-1);
  const box = useRef<HTMLDivElement>(null);
  useReturnFocus(box);
  if (!step) return null;
  const { details, rerun, allowed, hurrying } = controller.state;
  const detail = details.get(name);
  const connection = connectionOf(controller.env, false);
  const { run_id, hash } = controller.placeOf(name);
  if (rerun === name) {
    return (
      <div class="inb-detail">
        <RerunPanel env={controller.env} run_id={run_id} model={controller.modelOf(run_id)} from={hash}
          onClose={() => controller.update({ rerun: null })} onStarted={(id) => controller.update({ rerun: null, started: id })} />
      </div>
    );
  }
  return (
    <div ref={box} class="inb-detail" role="group" aria-label={`Step ${step.step_id}`} onKeyDown={(event) => event.key === "Escape" && controller.select(null)}>
      <h4>
        {step.step_id}
        <span class="muted mono">{opName(step.op)}</span>
        {allowed && connection.live && step.status === "retrying" && (step.retry_at ?? 0) > now && (
          <button type="button" class="inb-b small" aria-disabled={hurrying} onClick={() => void controller.retry(name)}>{hurrying ? "Retrying…" : "Retry now"}</button>
        )}
        {allowed && !connection.stale && (
          <button type="button" class="inb-b small" onClick={() => controller.update({ rerun: name })}>Rerun from here…</button>
        )}
        <IconButton icon="close" label="Close the details" onClick={() => controller.select(null)} />
      </h4>
      <Facts controller={controller} name={name} step={step} attempts={attempts} now={now} />
      <Tabs key={name} name={name} step={step} attempts={attempts} detail={detail} controller={controller} now={now} />
      <Frame step={step} />
    </div>
  );
}

/** How to get the same as a DataFrame. */
function Frame({ step }: { step: StepState }): JSX.Element {
  const code = `run.steps().set_index("step_id").loc[${JSON.stringify(step.step_id)}]`;
  return <p class="inb-size opt"><Id id={code} shown={code} /></p>;
}

function opName(op: string): string {
  return op.includes(".") ? `step.${op}` : { run: "step.run", sleep: "step.sleep" }[op] ?? `step.${op}`;
}

function Facts({ controller, name, step, attempts, now }: DetailProps & { step: StepState }): JSX.Element {
  const usage = usageIn(controller.state.details.get(name)?.attempts.at(-1)?.output);
  const tokens = controller.env.facts.tokensOf(step.run_id || controller.run_id, step.step_id, step.attempt);
  const span = tokens ? tokens.last - tokens.first : 0;
  const queued = step.queued_at === undefined ? undefined : step.started_at - step.queued_at;
  const end = step.ended_at ?? (step.status === "retrying" ? step.started_at : now);
  return (
    <dl class="inb-facts">
      <FactItem name="Started" title={format.iso(step.started_at)}>{format.clock(step.started_at, now, true)}</FactItem>
      {queued !== undefined && <FactItem name="Queued">{format.duration(queued)}</FactItem>}
      <FactItem name={ranWord(step)}>{format.duration(end - step.started_at)}</FactItem>
      {tokens && <FactItem name="First token">{format.duration(tokens.first - step.started_at)}</FactItem>}
      {tokens && tokens.count > 1 && span > 0 && <FactItem name="Rate">{`${format.rate(((tokens.count - 1) * 1000) / span)} tok/s`}</FactItem>}
      {tokens && !usage?.output && <FactItem name="Tokens">{format.count(tokens.count)}</FactItem>}
      {usage?.output !== undefined && <FactItem name="Tokens in / out">{`${usage.input === undefined ? "—" : format.count(usage.input)} / ${format.count(usage.output)}`}</FactItem>}
      {usage?.model && <FactItem name="Model">{usage.model}</FactItem>}
      {step.wake_at !== undefined && <FactItem name="Until" title={format.iso(step.wake_at)}>{format.clock(step.wake_at, now)}</FactItem>}
      <WaitFacts step={step} now={now} />
      {step.op === "run" && <FactItem name="Attempt">{`${attempts.length} of ${Math.max(attempts.length, step.max_attempts)}`}</FactItem>}
    </dl>
  );
}

function ranWord(step: StepState): string {
  if (step.op === "sleep") return "Slept";
  return step.op === "wait_for_event" ? "Waited" : "Ran";
}

function WaitFacts({ step, now }: { step: StepState; now: number }): JSX.Element | null {
  const { wait, answered } = step;
  if (!wait) return null;
  return (
    <>
      {wait.expires_at !== undefined && <FactItem name="Deadline" title={format.iso(wait.expires_at)}>{format.clock(wait.expires_at, now)}</FactItem>}
      {answered && <FactItem name="Answered" title={format.iso(answered.ts)}>{answered.user ? `by ${answered.user}` : format.clock(answered.ts, now)}</FactItem>}
      <FactItem name="Event" wide><span class="mono">{wait.event}</span></FactItem>
      {wait.expression && <FactItem name="If" wide><span class="mono">{wait.expression}</span></FactItem>}
    </>
  );
}

function FactItem({ name, title, wide = false, children }: {
  name: string; title?: string; wide?: boolean; children: ComponentChildren;
}): JSX.Element {
  return <div class={wide ? "wide" : ""} title={title}><dt>{name}</dt><dd>{children}</dd></div>;
}

/** Steps whose code may publish. */
const PUBLISHES = new Set(["run", "realtime.publish", "ai.infer", "ai.wrap"]);

interface TabsProps extends DetailProps {
  readonly step: StepState;
  readonly detail: Detail | undefined;
}

function Tabs({ step, name, attempts, detail, controller, now }: TabsProps): JSX.Element {
  const last = detail?.attempts.at(-1);
  const error = last?.error ?? step.error;
  const tabs: Tab[] = ["Output"];
  if (last?.input !== undefined && last.input !== null) tabs.push("Input");
  if (error) tabs.unshift("Error");
  if (PUBLISHES.has(step.op)) tabs.push("Messages");
  tabs.push("Attempts");
  const [chosen, setChosen] = useState<Tab | null>(null);
  const tab = chosen !== null && tabs.includes(chosen) ? chosen : tabs[0] ?? "Output";
  const move = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length] ?? tab;
    setChosen(next);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  return (
    <>
      <div class="inb-tabs" role="tablist" onKeyDown={move}>
        {tabs.map((name) => (
          <button type="button" role="tab" key={name} data-tab={name} aria-selected={name === tab} tabIndex={name === tab ? 0 : -1}
            onClick={() => setChosen(name)}>{tabWords(name, attempts.length, detail)}</button>
        ))}
      </div>
      <div role="tabpanel" aria-label={tab} class="inb-tabpanel">
        {tab === "Attempts" ? <AttemptList name={name} attempts={attempts} now={now} controller={controller} />
          : tab === "Messages" ? <StepMessages controller={controller} name={name} messages={detail?.messages} now={now} />
          : <TabBody tab={tab} step={step} detail={detail} error={error} />}
      </div>
    </>
  );
}

function tabWords(tab: Tab, attempts: number, detail: Detail | undefined): string {
  if (tab === "Attempts") return `Attempts ${attempts}`;
  return tab === "Messages" && detail?.messages ? `Messages ${detail.messages.filter((message) => message.kind === "data").length}` : tab;
}

function TabBody({ tab, step, detail, error }: {
  tab: Tab; step: StepState; detail: Detail | undefined; error: Failure | undefined;
}): JSX.Element {
  if (tab === "Error" && error) return <ErrorBlock error={error} />;
  const last = detail?.attempts.at(-1);
  if (tab === "Input") return <JsonView value={last?.input} />;
  if (step.answered && last?.output === undefined) return <JsonView value={step.answered.data} />;
  if (last && last.output !== undefined) return <JsonView value={last.output} />;
  if (detail?.problem) return <p class="muted">{detail.problem}</p>;
  return <p class="muted">{step.ended_at === undefined ? "No output yet." : "The step returned nothing."}</p>;
}

function AttemptList({ attempts, now, controller }: DetailProps): JSX.Element {
  return (
    <table class="inb-table">
      <tbody>{attempts.map((attempt) => <AttemptLine key={attempt.attempt} attempt={attempt} now={now} controller={controller} />)}</tbody>
    </table>
  );
}

function AttemptLine({ attempt, now, controller }: { attempt: StepState; now: number; controller: TimelineController }): JSX.Element {
  const status: Status = attempt.status === "retrying" ? STATUS.failed : stepStatus(attempt, personTest(controller.env)(attempt), now);
  return (
    <tr>
      <td>{attempt.attempt + 1}</td>
      <td><span class={`inb-status s-${status.role}`}><StatusIcon status={status} live={false} small />{status.word}</span></td>
      <td title={format.iso(attempt.started_at)}>{format.clock(attempt.started_at, now, true)}</td>
      <td class="num">{format.duration((attempt.ended_at ?? now) - attempt.started_at)}</td>
      <td class="muted">{attempt.error?.name}</td>
    </tr>
  );
}
