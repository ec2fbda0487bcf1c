/** Several texts at once: in columns where there is room, one below the other where there is not. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import * as format from "../format";
import { liveRate } from "../state/rates";
import type { RunModel } from "../state/run";
import { laneText, wordDifference, type Lane, type Piece } from "../state/lanes";
import { isWriting, overallRate, runElapsed, streamStatus, timeToFirst } from "../state/stream-status";
import { modelOf, newest, tokenCount } from "../state/tokens";
import { STATUS } from "../status";
import { personTest } from "./people";
import { FollowTail } from "./scroll";
import { StatusWord } from "./shell";
import type { StreamController } from "./stream-controller";
import { SegmentText } from "./stream-parts";

export interface LanesProps {
  readonly controller: StreamController;
  readonly lanes: readonly Lane[];
  readonly now: number;
  readonly live: boolean;
}

export function Lanes(props: LanesProps): JSX.Element {
  const { controller, lanes, live } = props;
  const { beside, differ } = controller.state;
  const pieces = useDifference(lanes, differ);
  const columns = beside ?? controller.parallel(lanes);
  if (!columns) return <Stacked {...props} pieces={pieces} />;
  return (
    <div class="inb-lanes" style={`--lanes:${lanes.length}`}>
      {lanes.map((lane, i) => (
        <div key={lane.key} class="lane" role="group" aria-label={laneName(lane, lanes)}>
          <LaneHead {...props} lane={lane} />
          <FollowTail tokens={tokenCount(lane.segments)}><LaneBody {...props} live={live} lane={lane} pieces={pieces?.[i]} /></FollowTail>
        </div>
      ))}
    </div>
  );
}

function Stacked(props: LanesProps & { pieces: readonly (readonly Piece[])[] | null }): JSX.Element {
  return (
    <FollowTail tokens={props.lanes.reduce((sum, lane) => sum + tokenCount(lane.segments), 0)}>
      {props.lanes.map((lane, i) => (
        <div key={lane.key}>
          <LaneHead {...props} lane={lane} />
          <LaneBody {...props} lane={lane} pieces={props.pieces?.[i]} />
        </div>
      ))}
    </FollowTail>
  );
}

/** The first two texts word by word, as soon as nobody writes in them any more. */
function useDifference(lanes: readonly Lane[], differ: boolean): readonly (readonly Piece[])[] | null {
  const [one, two] = lanes;
  const texts = differ && one && two ? [laneText(one), laneText(two)] as const : null;
  return useMemo(() => texts && wordDifference(texts[0], texts[1]), [texts?.[0], texts?.[1]]);
}

function LaneBody({ controller, lane, now, live, pieces }: LanesProps & { lane: Lane; pieces: readonly Piece[] | undefined }): JSX.Element {
  const model = controller.followers.get(lane.run_id)?.model;
  if (pieces) {
    return (
      <div class="inb-prose"><div class="inb-text differing">
        {pieces.map((piece, i) => (piece.own ? <mark key={i}>{piece.text}</mark> : piece.text))}
      </div></div>
    );
  }
  const status = streamStatus(lane.segments, model, personTest(controller.env), now);
  return (
    <div class="inb-prose">
      {lane.segments.map((segment) => <SegmentText key={segment.key} segment={segment} now={now} live={live && status.value === "running"} model={model} />)}
    </div>
  );
}

/** What tells a lane from its neighbours: its topic where the run is the same, else its run. */
export function laneName(lane: Lane, lanes: readonly Lane[]): string {
  const sameRun = lanes.every((other) => other.run_id === lane.run_id);
  const run = lane.run_id ? format.shortId(lane.run_id) : "no run";
  const several = new Set(lanes.map((other) => other.topic)).size > 1;
  return sameRun ? lane.topic : several ? `${run} › ${lane.topic}` : run;
}

function LaneHead({ controller, lane, lanes, now, live }: LanesProps & { lane: Lane }): JSX.Element {
  const model = controller.followers.get(lane.run_id)?.model;
  const status = streamStatus(lane.segments, model, personTest(controller.env), now);
  const segment = newest(lane.segments);
  const wrote = segment && modelOf(controller.state.tokens, segment);
  return (
    <div class="inb-runhead">
      <StatusWord status={status} live={live} />
      <span class="mono muted" title={`${lane.run_id} ${lane.topic}`}>{laneName(lane, lanes)}</span>
      {wrote && <span class="muted opt" title="The model that wrote this">{wrote}</span>}
      <span class="end">{laneFigures(lane, model, now, live && status === STATUS.running)}</span>
    </div>
  );
}

/** "39.5 tok/s · 412 ms · 318 tokens · 8.44 s" */
function laneFigures(lane: Lane, model: RunModel | undefined, now: number, running: boolean): string {
  const writing = newest(lane.segments);
  const active = running && writing !== undefined && isWriting(writing, model, now);
  const speed = active ? liveRate(writing.rates, now) : overallRate(lane.segments);
  const first = writing && timeToFirst(writing, model);
  const count = tokenCount(lane.segments);
  const elapsed = runElapsed(model, now);
  const over = model?.run?.ended_at !== undefined;
  return [
    `${format.rate(speed)} tok/s`, first === undefined ? "" : format.duration(first), `${format.count(count)} ${format.plural(count, "token")}`,
    elapsed === undefined ? "" : over ? format.duration(elapsed) : format.ticking(elapsed),
  ].filter(Boolean).join(" · ");
}
