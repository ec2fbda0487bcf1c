/** The waterfall of a run in ten pixels; what it says stands in the row's label. */
import type { JSX } from "preact";
import type { Strip } from "../state/strip";

export function StripBar({ strips }: { strips: readonly Strip[] }): JSX.Element {
  return (
    <span class="inb-strip" aria-hidden="true">
      {strips.map(({ kind, role, from, width }, i) => (
        <i key={i} class={`${kind} s-${role}`} style={`left:${from.toFixed(2)}%;width:${width.toFixed(2)}%`} />
      ))}
    </span>
  );
}
