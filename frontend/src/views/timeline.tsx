/** RunTimeline: where the time of a run went, by kind of time. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import * as format from "../format";
import { currentSteps, NO_RUN, openSteps, type RunModel } from "../state/run";
import { runElapsed } from "../state/stream-status";
import { timelineRows, type Row } from "../state/rows";
import { past, runStatus, STATUS, type Status } from "../status";
import { isTerminal, type StepState } from "../wire";
import { Announcer } from "./announce";
import { StepDetail } from "./detail";
import { connectionOf, knownUntil, type Connection } from "./env";
import { Grid, StepTable } from "./grid";
import { useController, useTick } from "./hooks";
import { openQuestion, personTest } from "./people";
import { Banner, Card, Empty, Head, IconButton, Id, LostBanner, ProblemBanner, SavedBanner, type Figure } from "./shell";
import type { TimelineController } from "./timeline-controller";
import { timelineKeys } from "./timeline-keys";

interface Shown {
  readonly controller: TimelineController;
  readonly model: RunModel;
  readonly connection: Connection;
  readonly status: Status;
  readonly rows: readonly Row[];
  readonly over: boolean;
  readonly now: number;
}

export function RunTimeline({ controller }: { controller: TimelineController }): JSX.Element {
  const state = useController(controller);
  const { env, follower } = controller;
  const model = follower?.model ?? NO_RUN;
  const over = model.run !== null && isTerminal(model.run.status);
  const connection = connectionOf(env, over);
  const now = knownUntil(env, connection, model.heardAt);
  const known = statusOf(controller, model, now);
  const status = connection.stale ? past(known) : known;
  const rows = useRows(controller, model);
  useTick(connection.live && !over && model.run && !env.still ? ((runElapsed(model, now) ?? 0) < 10_000 ? 100 : 1000) : null);
  const root = useRef<HTMLDivElement>(null);
  const shown: Shown = { controller, model, connection, status, rows, over, now };
  return (
    <Card view="timeline" label={`Timeline of ${controller.fn_name || model.run?.name || "a run"}`} status={known} connection={connection}
      onKeyDown={(event) => timelineKeys(event, controller, rows, root.current)}>
      <TimelineHead {...shown} />
      <LostBanner env={env}>Bars stop at the last thing heard; nothing is guessed.</LostBanner>
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={state.problem} />
      {!connection.stale && <WaitBanner {...shown} />}
      <div ref={root}>{model.run ? <TimelineBody {...shown} /> : <NoRun {...shown} />}</div>
      <Announcer words={known.word} running={false} key={known.word} />
    </Card>
  );
}

function statusOf(controller: TimelineController, model: RunModel, now: number): Status {
  const { env, follower } = controller;
  if (model.run) return runStatus(model.run.status, openSteps(model), personTest(env), now);
  if (follower === null) return { ...STATUS.unknown, word: "No runs" };
  return follower.missing ? STATUS.unknown : STATUS.loading;
}

function useRows(controller: TimelineController, model: RunModel): readonly Row[] {
  const { env, state, fn_name, run_id } = controller;
  return useMemo(() => timelineRows(model, {
    now: env.clock.now(), name: fn_name, toggled: state.toggled, isPerson: personTest(env),
    tokensOf: (step: StepState) => env.facts.tokensOf(step.run_id || run_id, step.step_id, step.attempt),
  }), [model, state.toggled, env.facts.version, fn_name]);
}

function TimelineHead({ controller, model, connection, status, over, now }: Shown): JSX.Element {
  const { state, run_id, fn_name } = controller;
  const drawn = model.run !== null;
  return (
    <Head status={status} connection={connection} name={fn_name || model.run?.name || "Run"}
      detail={run_id && <Id prefix="run " id={run_id} shown={format.shortId(run_id)} />}
      figures={drawn ? figures(model, connection, over, now) : []}
      actions={drawn && (
        <>
          <IconButton icon="fold" label="Fold long waits" pressed={state.fold} onClick={() => controller.update({ fold: !state.fold })} />
          {state.zoom > 1 && <IconButton icon="fit" label="Fit to view" onClick={() => controller.update({ zoom: 1, pan: 0 })} />}
          <IconButton icon="table" label="Show as table" pressed={state.table} onClick={() => controller.update({ table: !state.table })} />
          {!over && connection.value !== "saved" && (
            <IconButton icon="stop" label={state.stopping ? "Cancelling…" : "Cancel run"} disabled={state.stopping || !connection.live}
              onClick={() => void controller.stop()} />
          )}
        </>
      )} />
  );
}

function figures(model: RunModel, connection: Connection, over: boolean, now: number): (Figure | null)[] {
  const run = model.run;
  const elapsed = runElapsed(model, now) ?? 0;
  const title = format.iso(run?.started_at ?? run?.queued_at);
  if (connection.stale) return [{ value: format.atLeast(elapsed), title }];
  if (run?.status === "queued") return [{ value: format.ticking(elapsed), unit: "queued", title }];
  const steps = currentSteps(model);
  const count: Figure = { value: format.count(steps.length), unit: format.plural(steps.length, "step") };
  const retrying = steps.find((step) => step.status === "retrying");
  const attempts = Math.max(0, ...steps.map((step) => step.attempt + 1));
  const total: Figure = { value: over ? format.duration(elapsed) : format.ticking(elapsed), title };
  if (!over && retrying) return [{ value: `attempt ${retrying.attempt + 2} of ${retrying.max_attempts}` }, total];
  if (run?.status === "failed" && attempts > 1) return [{ value: String(attempts), unit: "attempts" }, total];
  const waited = waitedTime(steps, now);
  if (over && waited > 1000 && waited > elapsed / 2) {
    return [count, { value: format.duration(elapsed - waited), unit: "running" }, { value: format.duration(waited), unit: "waiting", optional: true }];
  }
  return [count, total];
}

function waitedTime(steps: readonly StepState[], now: number): number {
  return steps.filter((step) => step.op === "sleep" || step.op === "wait_for_event")
    .reduce((sum, step) => sum + (step.ended_at ?? now) - step.started_at, 0);
}

function WaitBanner({ controller, model, now }: Shown): JSX.Element | null {
  const run = model.run;
  if (run?.status === "queued" && run.reason) return <Banner role="idle" icon="queued">{run.reason}</Banner>;
  const question = openQuestion(controller.env, model);
  if (!question) return null;
  const { step, fact } = question;
  return (
    <Banner role="ask" icon="person" action={fact && { label: "Answer", run: () => fact.reveal() }}>
      {`Waiting for a person since ${format.clock(step.started_at, now)} · `}
      <strong>{fact ? `“${fact.text}”` : step.step_id}</strong>
    </Banner>
  );
}

function TimelineBody({ controller, model, connection, rows, over, now }: Shown): JSX.Element {
  const { selected, table } = controller.state;
  const attempts = selected === null ? [] : model.steps.get(selected) ?? [];
  const end = over ? model.run?.ended_at ?? model.heardAt : now;
  const since = connection.value === "reconnecting" ? controller.env.link.state().lostAt : undefined;
  const staleWords = !connection.stale ? "" : since === undefined ? "last known"
    : `last heard of ${format.ago(controller.env.clock.now() - controller.env.clock.at(since))}`;
  return (
    <div class={`inb-wrap${attempts.length ? " detailed" : ""}`}>
      <div>
        {table ? <StepTable rows={rows} now={now} />
          : <Grid controller={controller} rows={rows} end={end} live={connection.live} stale={connection.stale} over={over} staleWords={staleWords} />}
        {!table && <Legend rows={rows} />}
      </div>
      {attempts.length > 0 && <StepDetail controller={controller} attempts={attempts} now={now} />}
    </div>
  );
}

const LEGEND = [
  ["queue", "queued", "idle"], ["ran", "ran", "ok"], ["ran", "running", "run"], ["ask", "waiting for a person", "ask"],
  ["wait", "sleeping or waiting for an event", "idle"], ["backoff", "retry backoff", "bad"], ["reused", "reused from an earlier run", "ok"],
] as const;

/** Explains the textures that are on show, once there are enough of them to need it. */
function Legend({ rows }: { rows: readonly Row[] }): JSX.Element | null {
  const bars = rows.filter((row) => row.depth > 0).flatMap((row) => row.bars);
  const shown = LEGEND.filter(([kind, , role]) => bars.some((bar) => bar.kind === kind && (kind !== "ran" || bar.role === role)));
  if (shown.length < 3) return null;
  return (
    <div class="inb-legend" aria-hidden="true">
      {shown.map(([kind, word, role]) => <span key={word}><i class={`key ${kind} s-${role}`} />{word}</span>)}
    </div>
  );
}

function NoRun({ controller, connection }: Shown): JSX.Element {
  const { fn_name, follower, run_id } = controller;
  const name = fn_name || "The function";
  if (follower === null) {
    return (
      <Empty icon="function" title={`${name} has not run yet`} code={`run = ${fn_name.replaceAll("-", "_") || "my_function"}.start({"prompt": "…"})`}>
        Start it from a cell or send its event.
      </Empty>
    );
  }
  if (follower.missing) {
    return <Empty icon="function" title="This run is not in the journal">{`${format.shortId(run_id)} is unknown to the engine this page is connected to.`}</Empty>;
  }
  return <Empty icon="queued" title={connection.value === "saved" ? "Nothing was saved of this run" : "Asking for the run…"} />;
}
