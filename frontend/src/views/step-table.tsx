/** The rows of a timeline as a plain table. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import * as format from "../format";
import type { Row } from "../state/rows";
import { StatusIcon } from "./icons";
import { Same } from "./shell";

/** A document with more rows than this gets slow. */
const PAGE = 500;

export function StepTable({ rows, now }: { rows: readonly Row[]; now: number }): JSX.Element {
  const steps = useMemo(() => rows.filter((row) => row.depth > 0), [rows]);
  const [shown, setShown] = useState(PAGE);
  return (
    <div class="inb-tablebox" tabIndex={0} role="group" aria-label="Steps as a table">
      <table class="inb-table">
        <thead><tr><th>Step</th><th>Status</th><th>Started</th><th class="num">Duration</th><th class="num">Attempts</th></tr></thead>
        <tbody>
          {steps.slice(0, shown).map((row) => (
            <tr key={row.key}>
              <td style={`padding-left:${12 + 16 * (row.depth - 1)}px`}>{row.label}</td>
              <td><span class={`inb-status s-${row.status.role}`}><StatusIcon status={row.status} live={false} small />{row.status.word}</span></td>
              <td title={format.iso(row.from)}>{format.clock(row.from, now, true)}</td>
              <td class="num">{row.from === undefined ? "—" : format.duration((row.to ?? now) - row.from)}</td>
              <td class="num">{row.attempts}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="inb-size muted"><Same code="run.steps()" /></p>
      {steps.length > shown && (
        <button type="button" class="inb-b text small" onClick={() => setShown(shown + PAGE)}>{`Show more of ${format.count(steps.length)}`}</button>
      )}
    </div>
  );
}
