/** TokenStream: what the model says, as it says it. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import * as format from "../format";
import { lanesOf } from "../state/lanes";
import { liveRate } from "../state/rates";
import { openSteps, type RunModel } from "../state/run";
import { overallRate, runElapsed, streamStatus, textElapsed, timeToFirst } from "../state/stream-status";
import { newest, tokenCount, type Segment, type TokenState } from "../state/tokens";
import { past, STATUS, type Status } from "../status";
import { isTerminal, type StepState } from "../wire";
import { Announcer } from "./announce";
import { connectionOf, knownUntil, pausedBy, type Connection, type Env } from "./env";
import { useController, useTick } from "./hooks";
import { openQuestion, personTest, timeLeft } from "./people";
import { Lanes } from "./lanes";
import { Icon } from "./icons";
import { FollowTail, TO_TAIL } from "./scroll";
import {
  Banner, Card, CopyButton, copyText, Empty, Head, IconButton, Id, LostBanner, ProblemBanner, SavedBanner, type BannerProps, type Figure,
} from "./shell";
import type { StreamController } from "./stream-controller";
import { FailedEnd, SegmentText, Sparkline, StreamFoot } from "./stream-parts";

interface Shown {
  readonly controller: StreamController;
  readonly env: Env;
  readonly connection: Connection;
  readonly segments: readonly Segment[];
  readonly model: RunModel | undefined;
  readonly status: Status;
  readonly now: number;
}

export function TokenStream({ controller }: { controller: StreamController }): JSX.Element {
  const { tokens: arrived, held, problem } = useController(controller);
  const { env } = controller;
  const tokens = held ?? arrived;
  const connection = connectionOf(env, controller.ended);
  const model = controller.current?.model;
  const now = knownUntil(env, connection, lastHeard(tokens.segments, model));
  const segments = tokens.segments.filter((segment) => segment.text !== "" || segment.struck.length > 0);
  const known = streamStatus(segments, model, personTest(env), now);
  const status = several(controller, segments, connection.stale ? past(known) : known, now);
  const shown: Shown = { controller, env, connection: pausedBy(held !== null, connection), segments, model, status, now };
  useTick(tickPeriod(shown, known));
  const count = tokenCount(segments);
  const root = useRef<HTMLDivElement>(null);
  return (
    <Card view="stream" label={`Token stream of ${controller.params.fn_name || model?.run?.name || controller.params.channel}`} status={known} connection={shown.connection} data={{ "data-inb-tokens": count }}
      onKeyDown={(event) => streamKeys(event, shown, root.current)}>
      <StreamHead {...shown} />
      <LostBanner env={env}>{`Shown up to offset ${tokens.lastOffset}; the run goes on.`}</LostBanner>
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={problem} />
      {!connection.stale && <StateBanner {...shown} />}
      <div ref={root}><StreamBody {...shown} /></div>
      {held && <Newer controller={controller} tokens={arrived} count={count} />}
      <StreamEnd {...shown} />
      <Announcer words={`${status.word}, ${count} ${format.plural(count, "token")}`} running={known.value === "running"} />
    </Card>
  );
}

/** Of several runs the header says how many are still writing. */
function several(controller: StreamController, segments: readonly Segment[], status: Status, now: number): Status {
  const runs = [...new Set(segments.map((segment) => segment.run_id))].filter((id) => controller.followers.has(id));
  if (runs.length < 2 || status.value !== "running") return status;
  const running = runs.filter((id) => runStatusOf(controller, segments, id, now) === "running").length;
  return { ...status, word: `${running} of ${runs.length} running` };
}

function runStatusOf(controller: StreamController, segments: readonly Segment[], id: string, now: number): string {
  const own = segments.filter((segment) => segment.run_id === id);
  return streamStatus(own, controller.followers.get(id)?.model, personTest(controller.env), now).value;
}

function lastHeard(segments: readonly Segment[], model: RunModel | undefined): number {
  return Math.max(model?.heardAt ?? 0, newest(segments)?.rates.last ?? 0);
}

function tickPeriod({ connection, env, model, now }: Shown, status: Status): number | null {
  if (!connection.live || env.still) return null;
  const running = status.value === "running" || status.value === "retrying" || status.value === "queued";
  if (running) return (runElapsed(model, now) ?? 0) < 10_000 || status.value === "retrying" ? 100 : 250;
  return status.role === "ask" ? 1000 : null;
}

function StreamHead(shown: Shown): JSX.Element {
  const { controller, status, connection, segments, model } = shown;
  const { channel, topics, fn_name, run_id } = controller.params;
  const shownId = `${format.channelName(channel)}${topics?.length ? ` › ${topics.join(", ")}` : ""}`;
  const run = model?.run;
  const open = run !== undefined && run !== null && !isTerminal(run.status);
  const writing = newest(segments);
  const paused = controller.state.held !== null;
  const running = status.value === "running" && status !== STATUS.textComplete && segments.length > 0 && connection.live;
  const reachable = connection.live || paused;
  return (
    <Head status={status} connection={connection} name={fn_name || run?.name || format.channelName(channel)}
      detail={<Id id={run_id === null ? channel : `${channel} (${run_id})`} shown={shownId} />}
      before={connection.live && status === STATUS.running && writing && <Sparkline rates={writing.rates} />}
      figures={figures(shown)}
      actions={
        <>
          <LaneButtons {...shown} />
          {(running || paused) && (
            <IconButton icon={paused ? "play" : "pause"} label={paused ? "Go on drawing" : "Pause drawing"} pressed={paused} onClick={() => controller.pause(!paused)} />
          )}
          {segments.length > 0 && <CopyButton label="Copy as Markdown" text={() => markdown(segments)} />}
          {open && connection.value !== "saved" && controller.state.allowed && (
            <IconButton icon="stop" label={controller.state.stopping ? "Stopping…" : "Stop the run"}
              disabled={controller.state.stopping || !reachable} onClick={() => void controller.stop()} />
          )}
        </>
      } />
  );
}

/** Several texts can be put beside or below each other, and compared. */
function LaneButtons({ controller, segments }: Shown): JSX.Element | null {
  const lanes = lanesOf(segments);
  if (lanes.length < 2) return null;
  const { beside, differ } = controller.state;
  const columns = beside ?? controller.parallel(lanes);
  return (
    <>
      <IconButton icon="columns" label="Side by side" pressed={columns} onClick={() => controller.look({ beside: !columns })} />
      <IconButton icon="compare" label="Show the differences of the first two" pressed={differ} onClick={() => controller.look({ differ: !differ })} />
    </>
  );
}

/** What came while the reader had stopped the drawing. */
function Newer({ controller, tokens, count }: { controller: StreamController; tokens: TokenState; count: number }): JSX.Element {
  const newer = tokenCount(tokens.segments) - count;
  return (
    <button type="button" class="inb-newer" onClick={() => controller.pause(false)}>
      <Icon name="tail" small />{newer > 0 ? `Show ${format.exactCount(newer)} newer ${format.plural(newer, "token")}` : "Go on drawing"}
    </button>
  );
}

/** Space stops the drawing, End goes to the newest text, c copies: no key stops a run. */
function streamKeys(event: KeyboardEvent, { controller, segments }: Shown, root: HTMLElement | null): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("button, input, textarea, .inb-rerun")) return;
  if (event.key === " " && (controller.state.held || segments.length > 0)) controller.pause(controller.state.held === null);
  else if (event.key === "c" && segments.length > 0) void copyText(markdown(segments));
  else if (event.key === "End") root?.querySelectorAll(".inb-scroll").forEach((box) => box.dispatchEvent(new Event(TO_TAIL)));
  else return;
  event.preventDefault();
}

function markdown(segments: readonly Segment[]): string {
  return segments.map((segment) => segment.text).join("\n\n");
}

function figures({ status, connection, segments, model, now }: Shown): (Figure | null)[] {
  const count = tokenCount(segments);
  const tokens: Figure = { value: format.count(count), unit: format.plural(count, "token"), title: format.exactCount(count) };
  if (connection.value === "saved") return [count ? tokens : null];
  if (connection.stale) return [{ value: "—", unit: "tok/s" }, tokens];
  if (status.value === "running" && status !== STATUS.textComplete) return liveFigures(segments, model, now);
  const elapsed = elapsedFigure(model, now);
  const attempt = attemptFigure(model);
  if (status.value === "retrying") return [attempt];
  if (status.value === "queued") return [elapsed];
  const speed = overallRate(segments);
  const rate: Figure | null = speed === undefined || status.value === "failed" || status.value === "cancelled"
    ? null : { value: format.rate(speed), unit: "tok/s", title: "Pieces per second, first to last" };
  if (status.role === "ask" || status.value === "waiting") return [rate, count ? tokens : null];
  if (status === STATUS.listening) return [rate, count ? tokens : null];
  const text = textElapsed(segments, model);
  return [rate, tokens, text === undefined ? elapsed : { value: format.duration(text), title: "From the start of the step to its end" }];
}

function liveFigures(segments: readonly Segment[], model: RunModel | undefined, now: number): (Figure | null)[] {
  const writing = newest(segments);
  const first = writing && timeToFirst(writing, model);
  const attempt = attemptFigure(model);
  return [
    { value: format.rate(writing && liveRate(writing.rates, now)), unit: "tok/s", title: "Pieces in the last second" },
    attempt ?? (first === undefined ? null : { value: format.duration(first), unit: "to first", optional: true }),
    elapsedFigure(model, now),
  ];
}

function elapsedFigure(model: RunModel | undefined, now: number): Figure | null {
  const elapsed = runElapsed(model, now);
  if (elapsed === undefined) return null;
  const over = model?.run?.ended_at !== undefined;
  return { value: over ? format.duration(elapsed) : format.ticking(elapsed), title: format.iso(model?.run?.started_at) };
}

function attemptFigure(model: RunModel | undefined): Figure | null {
  const step = model && openSteps(model).find((open) => open.attempt > 0 || open.status === "retrying");
  if (!step) return null;
  const current = step.status === "retrying" ? step.attempt + 2 : step.attempt + 1;
  return { value: `attempt ${current} of ${step.max_attempts}` };
}

function StateBanner({ controller, connection, env, model, now }: Shown): JSX.Element | null {
  const question = openQuestion(env, model);
  if (question) return <QuestionBanner {...question} now={now} />;
  const retrying = model && openSteps(model).find((step) => step.status === "retrying");
  if (!retrying || retrying.retry_at === undefined) return null;
  const length = retrying.ended_at === undefined ? "" : ` (backoff ${format.nominal(retrying.retry_at - retrying.ended_at)})`;
  return (
    <Banner role="bad" icon="retry" action={retryAction(controller, connection, retrying, now)}>
      Next attempt <strong>{format.backoff(retrying.retry_at - now)}</strong>{length}
    </Banner>
  );
}

/** Whoever may change the run need not wait for the next attempt; once it is due there is nothing to bring forward. */
function retryAction(controller: StreamController, connection: Connection, step: StepState, now: number): BannerProps["action"] {
  const { hurrying, allowed } = controller.state;
  if (!allowed || !connection.live || (step.retry_at ?? 0) <= now) return undefined;
  return { label: hurrying ? "Retrying…" : "Retry now", disabled: hurrying, run: () => void controller.retry(step) };
}

function QuestionBanner({ step, fact, now }: { step: StepState; fact: { text: string; reveal(): void } | undefined; now: number }): JSX.Element {
  const left = timeLeft(step, now);
  return (
    <Banner role="ask" icon="person" action={fact && { label: "Go to approval", run: () => fact.reveal() }}>
      <strong>{fact ? `“${fact.text}”` : step.step_id}</strong> is open{left && ` · ${left}`}
    </Banner>
  );
}

function StreamBody(shown: Shown): JSX.Element | null {
  const { segments, status, model, connection, now, controller } = shown;
  if (segments.length === 0) return <NoText {...shown} />;
  const lanes = lanesOf(segments);
  if (lanes.length > 1) return <Lanes controller={controller} lanes={lanes} now={now} live={connection.live} />;
  const run_id = lanes[0]?.run_id ?? "";
  return (
    <FollowTail tokens={tokenCount(segments)}>
      <div class="inb-prose">
        {segments.map((segment) => (
          <SegmentText key={segment.key} segment={segment} now={now} live={connection.live && status.value === "running"}
            model={controller.followers.get(run_id)?.model ?? model} />
        ))}
      </div>
    </FollowTail>
  );
}

function NoText({ status, model, controller, now }: Shown): JSX.Element | null {
  const run = model?.run;
  if (run?.status === "failed") return null;
  if (run?.status === "queued") {
    const since = run.queued_at === undefined ? "" : `Queued ${format.duration(now - run.queued_at)} ago`;
    return <Empty icon="queued" title="Waiting for a free slot">{[since, run.reason].filter(Boolean).join(" · ")}</Empty>;
  }
  if (run && !isTerminal(run.status)) return <Empty icon="message" title={status.role === "bad" ? "Nothing kept yet" : "No tokens yet"}>They appear here as soon as the run publishes them.</Empty>;
  if (run) return <Empty icon="message" title="The run published no text here" />;
  const name = controller.params.fn_name.replaceAll("-", "_") || "my_function";
  return (
    <Empty icon="message" title="No tokens on this channel yet" code={`run = ${name}.start({"prompt": "…"})`}>
      They appear here as soon as a run publishes to it.
    </Empty>
  );
}

function StreamEnd({ segments, model, controller, status, now }: Shown): JSX.Element {
  const over = model?.run ? isTerminal(model.run.status) : false;
  const { usage, lost } = controller.state.tokens;
  const figuresToo = status !== STATUS.running && status.value !== "failed" && (over || status === STATUS.textComplete);
  return (
    <>
      {model && <FailedEnd model={model} env={controller.env} allowed={controller.state.allowed} />}
      {(figuresToo || lost > 0) && <StreamFoot segments={segments} model={model} usage={usage} lost={lost} now={now} />}
    </>
  );
}
