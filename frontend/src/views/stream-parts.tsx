/** The body of a token stream: texts, struck attempts, the end of a failed run, and the rate's curve. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import * as format from "../format";
import { rateCurve, type Rates } from "../state/rates";
import { attemptsOf, currentSteps, type RunModel } from "../state/run";
import { isWriting, timeToFirst } from "../state/stream-status";
import { newest, textFrom, tokenCount, type Segment, type Struck, type Usage } from "../state/tokens";
import { Icon } from "./icons";
import { Prose } from "./prose";
import { CopyTraceback, ErrorBlock } from "./failure";
import { connectionOf, type Env } from "./env";
import { RerunPanel } from "./rerun";
import { Fact, Id, Same } from "./shell";

export interface SegmentProps {
  readonly segment: Segment;
  readonly model: RunModel | undefined;
  readonly now: number;
  readonly live: boolean;
}

export function SegmentText({ segment, model, now, live }: SegmentProps): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const prose = useRef<Prose | null>(null);
  const writing = isWriting(segment, model, now);
  useLayoutEffect(() => {
    if (!ref.current) return;
    prose.current ??= new Prose(ref.current);
    prose.current.write(segment.text, segment.generation, !writing, (at) => textFrom(segment, at));
  });
  return (
    <>
      {segment.struck.map((struck, i) => <StruckText key={i} struck={struck} segment={segment} model={model} />)}
      <div ref={ref} class={`inb-text${writing && live ? " writing" : ""}`} role="log" aria-live="off" />
    </>
  );
}

/** What an attempt had said before it was taken back: struck, muted, two lines until somebody asks for more. */
function StruckText({ struck, segment, model }: { struck: Struck; segment: Segment; model: RunModel | undefined }): JSX.Element {
  const [open, setOpen] = useState(false);
  const attempts = model ? attemptsOf(model, segment.step_id) : [];
  const failed = attempts.find((attempt) => attempt.attempt === struck.attempt);
  const next = attempts.find((attempt) => attempt.attempt === struck.attempt + 1);
  const pause = failed?.ended_at !== undefined && next ? next.started_at - failed.ended_at : undefined;
  return (
    <div class="inb-struck s-bad">
      <button type="button" class="why" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="undo" small />
        <b>{`Attempt ${struck.attempt + 1} rolled back`}</b>
        <span>{`after ${format.count(struck.tokens)} ${format.plural(struck.tokens, "token")}`}</span>
        <span class="mono">{failed?.error?.name ?? struck.reason}</span>
        {pause !== undefined && <span>{`retried after ${format.duration(pause)}`}</span>}
      </button>
      <del class={open ? "gone open" : "gone"}>{open ? struck.text : format.unmarked(struck.text)}</del>
    </div>
  );
}

/** The rate of the last while: a shape, not an axis. */
export function Sparkline({ rates }: { rates: Rates }): JSX.Element | null {
  const curve = rateCurve(rates, 32);
  const top = Math.max(...curve, 1e-9);
  if (rates.count < 3) return null;
  const x = (i: number): number => 1 + (62 * i) / Math.max(1, curve.length - 1);
  const y = (value: number): number => 14.5 - (12.5 * value) / top;
  const path = curve.map((value, i) => `${i === 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  return <svg class="inb-spark opt" viewBox="0 0 64 16" aria-hidden="true"><path d={path} /></svg>;
}

export function FailedEnd({ model, env, allowed }: { model: RunModel; env: Env; allowed: boolean }): JSX.Element | null {
  const run = model.run;
  const [asking, setAsking] = useState(false);
  const [started, setStarted] = useState<string | null>(null);
  if (run?.status !== "failed" || !run.error) return null;
  const attempts = Math.max(...[...model.steps.values()].map((steps) => (steps.at(-1)?.attempt ?? 0) + 1), run.attempt + 1);
  const took = run.ended_at !== undefined && run.started_at !== undefined ? run.ended_at - run.started_at : undefined;
  return (
    <div class="inb-failed">
      <ErrorBlock error={run.error} />
      {asking && (
        <RerunPanel env={env} run_id={run.run_id} model={model} onClose={() => setAsking(false)} onStarted={(id) => {
          setAsking(false);
          setStarted(id);
        }} />
      )}
      <div class="inb-btns">
        {allowed && !asking && started === null && !connectionOf(env, false).stale && (
          <button type="button" class="inb-b primary" onClick={() => setAsking(true)}>{`Rerun from “${failedStep(model)}”…`}</button>
        )}
        <CopyTraceback error={run.error} />
        {started !== null && <span class="muted">{"Run "}<Id id={started} shown={format.shortId(started)} />{" was started."}</span>}
        <span class="hint">
          {`${attempts} of ${Math.max(attempts, run.max_attempts)} attempts used`}
          {took !== undefined && ` · ${format.duration(took)}`}
        </span>
      </div>
    </div>
  );
}

function failedStep(model: RunModel): string {
  const steps = currentSteps(model);
  return (steps.find((step) => step.status === "failed") ?? steps.at(-1))?.step_id ?? "the beginning";
}

export interface FootProps {
  readonly segments: readonly Segment[];
  readonly model: RunModel | undefined;
  readonly usage: Usage;
  readonly lost: number;
  readonly now: number;
}

export function StreamFoot({ segments, model, usage, lost, now }: FootProps): JSX.Element | null {
  const last = newest(segments);
  if (!last || last.rates.count === 0) return null;
  const cancelled = model?.run?.status === "cancelled";
  const offsets = `${Math.min(...segments.map((s) => s.firstOffset))}–${Math.max(...segments.map((s) => s.lastOffset))}`;
  return (
    <footer class="inb-foot">
      {cancelled && model?.run && <Stopped by={model.run.cancelled_by} at={model.run.ended_at} now={now} />}
      {!cancelled && <Latencies segments={segments} model={model} usage={usage} />}
      <Fact before={cancelled ? "partial text kept, offsets" : "offsets"} value={offsets} />
      {lost > 0 && <Fact value={format.count(lost)} after="older messages no longer kept" />}
      <Same code="client.history.transcript()" />
    </footer>
  );
}

function Stopped({ by, at, now }: { by: string | undefined; at: number | undefined; now: number }): JSX.Element {
  return (
    <span title={format.iso(at)}>
      Stopped
      {by && <> by <b>{by}</b></>}
      {at !== undefined && <> at <b>{format.clock(at, now)}</b></>}
    </span>
  );
}

function Latencies({ segments, model, usage }: Omit<FootProps, "lost" | "now">): JSX.Element {
  const first = segments.map((segment) => timeToFirst(segment, model)).find((time) => time !== undefined);
  const gap = Math.max(...segments.map((segment) => segment.rates.longestGap));
  const out = usage.output ?? tokenCount(segments);
  return (
    <>
      {first !== undefined && <Fact before="first token" value={format.duration(first)} />}
      {gap > 0 && <Fact before="longest gap" value={format.duration(gap)} />}
      {usage.input !== undefined && (
        <span>in <b>{format.count(usage.input)}</b> / out <b>{format.count(out)}</b> tokens</span>
      )}
      {usage.model && <Fact value={usage.model} />}
    </>
  );
}
