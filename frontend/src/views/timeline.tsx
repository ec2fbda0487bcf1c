/** RunTimeline: where the time of a run went, by kind of time. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import * as format from "../format";
import { currentSteps, NO_RUN, openSteps, type RunModel } from "../state/run";
import { runElapsed } from "../state/stream-status";
import { compared } from "../state/compare";
import { timelineRows, type Row } from "../state/rows";
import { past, runStatus, STATUS, type Status } from "../status";
import { isTerminal, type StepState } from "../wire";
import { Announcer } from "./announce";
import { StepDetail } from "./detail";
import { connectionOf, knownUntil, type Connection } from "./env";
import { FindBar } from "./find";
import { Grid, type GridProps } from "./grid";
import { useController, useTick } from "./hooks";
import { openQuestion, personTest } from "./people";
import { RunChoice } from "./run-choice";
import { Banner, Card, Empty, Head, IconButton, Id, LostBanner, ProblemBanner, SavedBanner, type Figure } from "./shell";
import { StepTable } from "./step-table";
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
  const grid = gridProps(shown);
  return (
    <Card view="timeline" label={`Timeline of ${controller.fn_name || model.run?.name || "a run"}`} status={known} connection={connection}
      onKeyDown={(event) => timelineKeys(event, grid, root.current)}>
      <TimelineHead {...shown} />
      <LostBanner env={env}>Bars stop at the last thing heard; nothing is guessed.</LostBanner>
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={state.problem} />
      {controller.runs.length > 0 && connection.value !== "saved" && <RunChoice controller={controller} now={env.clock.now()} />}
      {!connection.stale && <WaitBanner {...shown} />}
      {state.started !== null && controller.other?.run_id !== state.started && (
        <Banner role="run" icon="done" action={{ label: "Compare with it", run: () => controller.compare(state.started) }}>
          {"Run "}<Id id={state.started} shown={format.shortId(state.started)} />{" was started."}
        </Banner>
      )}
      {controller.other && <ComparedBanner {...shown} />}
      {state.find !== null && <FindBar controller={controller} rows={rows} />}
      <div ref={root}>{model.run ? <TimelineBody {...shown} grid={grid} /> : <NoRun {...shown} />}</div>
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
  const { env, state, fn_name, run_id, other } = controller;
  return useMemo(() => {
    const now = env.clock.now();
    const options = {
      now, name: fn_name, toggled: state.toggled, isPerson: personTest(env), modelOf: (id: string) => controller.modelOf(id),
      tokensOf: (step: StepState) => env.facts.tokensOf(step.run_id || run_id, step.step_id, step.attempt),
    };
    const rows = timelineRows(model, options);
    return other?.model.run ? compared(rows, timelineRows(other.model, options), now) : rows;
  }, [model, other?.model, state.toggled, state.heard, env.facts.version, fn_name]);
}

/** What the grid draws, and its keys work on. */
function gridProps({ controller, model, connection, rows, over, now }: Shown): GridProps {
  const end = over ? model.run?.ended_at ?? model.heardAt : now;
  const since = connection.value === "reconnecting" ? controller.env.link.state().lostAt : undefined;
  const staleWords = !connection.stale ? "" : since === undefined ? "last known"
    : `last heard of ${format.ago(controller.env.clock.now() - controller.env.clock.at(since))}`;
  const other = rows[0]?.other?.bars.reduce((at, bar) => Math.max(at, bar.to ?? now), 0);
  return { controller, rows, end, live: connection.live, stale: connection.stale, over, staleWords, otherEnd: other };
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
          {!over && connection.value !== "saved" && state.allowed && (
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
  const attempts = steps.reduce((most, step) => Math.max(most, step.attempt + 1), 0);
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

function TimelineBody({ controller, rows, now, grid }: Shown & { grid: GridProps }): JSX.Element {
  const { selected, table } = controller.state;
  const place = selected === null ? null : controller.placeOf(selected);
  const attempts = place ? controller.modelOf(place.run_id)?.steps.get(place.hash) ?? [] : [];
  return (
    <div class={`inb-wrap${attempts.length ? " detailed" : ""}`}>
      <div>
        {table ? <StepTable rows={rows} now={now} /> : <Grid {...grid} />}
        {!table && <Legend rows={rows} />}
      </div>
      {selected !== null && attempts.length > 0 && <StepDetail controller={controller} name={selected} attempts={attempts} now={now} />}
    </div>
  );
}

/** Which run the outlines are, and how it went beside this one. */
function ComparedBanner({ controller, model, now }: Shown): JSX.Element | null {
  const other = controller.other;
  if (!other) return null;
  const run = other.model.run;
  if (!run) return <Banner role="idle" icon="wait">{other.missing ? `Run ${format.shortId(other.run_id)} is not in the journal.` : "Asking for the other run…"}</Banner>;
  const took = runElapsed(other.model, now) ?? 0;
  const by = took - (runElapsed(model, now) ?? 0);
  return (
    <Banner role="idle" icon="compare" action={{ label: "Close", run: () => controller.compare(null) }}>
      {"Outlined: run "}<Id id={run.run_id} shown={format.shortId(run.run_id)} />
      {` · ${STATUS[run.status as "completed"]?.word ?? run.status} · ${format.duration(took)} (${by < 0 ? "−" : "+"}${format.duration(Math.abs(by))}). `}
      The last column says how much longer it took.
    </Banner>
  );
}

const LEGEND = [
  ["queue", "queued", "idle"], ["ran", "ran", "ok"], ["ran", "running", "run"], ["ask", "waiting for a person", "ask"],
  ["wait", "sleeping or waiting for an event", "idle"], ["backoff", "retry backoff", "bad"], ["reused", "reused from an earlier run", "ok"],
] as const;

/** Explains the textures that are on show, once there are enough of them to need it. */
function Legend({ rows }: { rows: readonly Row[] }): JSX.Element | null {
  const shown = useMemo(() => LEGEND.filter(([kind, , role]) => rows.some((row) =>
    row.kind !== "run" && row.bars.some((bar) => bar.kind === kind && (kind !== "ran" || bar.role === role)))), [rows]);
  if (shown.length < 3) return null;
  return (
    <div class="inb-legend" aria-hidden="true">
      {shown.map(([kind, word, role]) => <span key={word}><i class={`key ${kind} s-${role}`} />{word}</span>)}
    </div>
  );
}

function NoRun({ controller, connection }: Shown): JSX.Element {
  const { fn_name, follower, run_id } = controller;
  if (follower === null && fn_name === "") {
    return <Empty icon="function" title="No run to show" code="nb.RunTimeline(client.runs())">It was made for no run: the list was empty.</Empty>;
  }
  if (follower === null) {
    return (
      <Empty icon="function" title={`${fn_name} has not run yet`} code={`run = ${fn_name.replaceAll("-", "_")}.start({"prompt": "…"})`}>
        Start it from a cell or send its event.
      </Empty>
    );
  }
  if (follower.missing) {
    return <Empty icon="function" title="This run is not in the journal">{`${format.shortId(run_id)} is unknown to the engine this page is connected to.`}</Empty>;
  }
  return <Empty icon="queued" title={connection.value === "saved" ? "Nothing was saved of this run" : "Asking for the run…"} />;
}
