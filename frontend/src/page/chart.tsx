/** Runs of the last hour, minute by minute, with the failed part in red. */
import type { JSX } from "preact";
import * as format from "../format";

export function HourChart({ minutes, now }: { minutes: readonly (readonly [number, number])[]; now: number }): JSX.Element {
  const most = Math.max(1, ...minutes.map(([all]) => all));
  const runs = minutes.reduce((sum, [all]) => sum + all, 0);
  const failed = minutes.reduce((sum, [, bad]) => sum + bad, 0);
  const labels = [60, 45, 30, 15].map((ago) => format.hourMinute(now - ago * 60_000, now));
  return (
    <div class="inb-hour" role="img" aria-label={`${format.exactCount(runs)} runs in the last hour, ${format.exactCount(failed)} failed`}>
      <div class="bars">
        {minutes.map(([all, bad], i) => (
          <span key={i} title={`${format.hourMinute(now - (60 - i) * 60_000, now)}: ${all} ${format.plural(all, "run")}${bad ? `, ${bad} failed` : ""}`}>
            <i class="s-bad" style={`height:${((bad * 100) / most).toFixed(1)}%`} />
            <i class="s-ok" style={`height:${(((all - bad) * 100) / most).toFixed(1)}%`} />
          </span>
        ))}
      </div>
      <div class="times" aria-hidden="true">{labels.map((label) => <span key={label}>{label}</span>)}<span>now</span></div>
    </div>
  );
}
