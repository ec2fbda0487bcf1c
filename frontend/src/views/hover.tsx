/** What is under the pointer in a timeline: the row by its height, the bar by halving. */
import type { JSX } from "preact";
import * as format from "../format";
import type { Bar, Row } from "../state/rows";
import { xOf, type Scene } from "./bars";
import { firstReaching } from "./columns";

export interface Spot {
  readonly x: number;
  readonly y: number;
}

const NEAR_PX = 3;
const CARD_PX = 230;
const WORDS: Record<Bar["kind"], string> = {
  queue: "queued", ran: "ran", wait: "slept or waited", ask: "waited for a person", backoff: "waited for the next attempt",
  reused: "reused from an earlier run", root: "",
};

/** The row and the bar at a place, null where there is none. */
export function barAt(scene: Scene, { x, y }: Spot): { readonly row: Row; readonly bar: Bar } | null {
  const { layout, rows, end } = scene;
  const row = rows[Math.floor((y - layout.axis + layout.scroll) / layout.row)];
  if (!row || y < layout.axis || x < layout.left) return null;
  let found: Bar | undefined;
  for (let i = firstReaching(row.bars, end, (at) => xOf(scene, at) >= x - NEAR_PX); i < row.bars.length; i++) {
    const bar = row.bars[i];
    if (!bar || xOf(scene, bar.from) > x + NEAR_PX) break;
    if (xOf(scene, bar.to ?? end) >= x - NEAR_PX) found = bar;
  }
  return found ? { row, bar: found } : null;
}

export function Hover({ scene: make, spot }: { scene: () => Scene; spot: Spot }): JSX.Element | null {
  const scene = make();
  const hit = barAt(scene, spot);
  if (!hit) return null;
  const { row, bar } = hit;
  const to = bar.to ?? scene.end;
  const { layout } = scene;
  const left = Math.min(spot.x + 12, layout.left + layout.width + 16 - CARD_PX);
  const below = spot.y + 14 + 64 < layout.height;
  return (
    <div class={`inb-hover s-${bar.role}`} aria-hidden="true" style={`left:${Math.max(4, left)}px;${below ? `top:${spot.y + 14}px` : `bottom:${layout.height - spot.y + 10}px`}`}>
      <b>{row.label}</b>
      <span>{[WORDS[bar.kind] || row.status.word.toLowerCase(), format.duration(to - bar.from)].join(" ")}</span>
      <span class="muted">{`${format.clock(bar.from, scene.now, true)} – ${bar.to === undefined ? "now" : format.clock(to, scene.now, true)}`}</span>
    </div>
  );
}
