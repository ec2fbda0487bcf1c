/** Which of several runs is shown, and which one is laid over it. */
import type { JSX } from "preact";
import * as format from "../format";
import { ulidTime } from "../wire";
import type { TimelineController } from "./timeline-controller";

export function RunChoice({ controller, now }: { controller: TimelineController; now: number }): JSX.Element {
  const { runs, run_id, other } = controller;
  return (
    <div class="inb-filters" role="group" aria-label="Runs">
      <Choice label="Shown" runs={runs} value={run_id} now={now} choose={(id) => controller.show(id)} />
      <Choice label="Compared with" none="No other run" runs={runs.filter((id) => id !== run_id)} value={other?.run_id ?? ""} now={now}
        choose={(id) => controller.compare(id || null)} />
      <span class="muted">{`${format.count(runs.length)} runs`}</span>
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly none?: string;
  readonly runs: readonly string[];
  readonly value: string;
  readonly now: number;
  choose(id: string): void;
}

function Choice({ label, none, runs, value, now, choose }: ChoiceProps): JSX.Element {
  return (
    <label class="inb-named">
      <span class="muted">{label}</span>
      <span class="inb-choice bare">
        <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
          {none !== undefined && <option value="">{none}</option>}
          {runs.map((id) => <option key={id} value={id}>{words(id, now)}</option>)}
        </select>
      </span>
    </label>
  );
}

/** "14:02:31 …3VBED1": the id of a run tells when it was queued. */
function words(id: string, now: number): string {
  const at = ulidTime(id);
  return `${at === undefined ? "" : `${format.clock(at, now)} `}${format.shortId(id)}`;
}
