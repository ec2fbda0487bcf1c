/** Bars too thin to be told apart: merged by pixel column, where the worst outcome wins. */
import { firstWhere } from "../state/bisect";
import type { Bar } from "../state/rows";
import type { Role } from "../status";
import type { Palette } from "./palette";

const RANK: Record<Role, number> = { idle: 0, ok: 1, run: 2, ask: 3, bad: 4 };

export class Columns {
  private readonly worst = new Map<number, Role>();

  add(from: number, to: number, role: Role): void {
    for (let column = Math.floor(from); column < to || column === Math.floor(from); column++) {
      const known = this.worst.get(column);
      if (known === undefined || RANK[role] > RANK[known]) this.worst.set(column, role);
    }
  }

  /** Neighbours of one colour are one rectangle. */
  draw(pen: CanvasRenderingContext2D, palette: Palette, y: number, height: number): void {
    const sorted = [...this.worst.keys()].sort((a, b) => a - b);
    for (let i = 0; i < sorted.length;) {
      const from = sorted[i] ?? 0;
      const role = this.worst.get(from) ?? "idle";
      let next = i + 1;
      while (next < sorted.length && sorted[next] === from + next - i && this.worst.get(sorted[next] ?? 0) === role) next += 1;
      pen.fillStyle = palette.graphic[role];
      pen.fillRect(from, y - height / 2, next - i, height);
      i = next;
    }
  }
}

const reach = new WeakMap<readonly Bar[], { readonly end: number; readonly until: readonly number[] }>();

/** The first bar that, or one before which, ends where `seen` holds: found by halving, as ends never go back. */
export function firstReaching(bars: readonly Bar[], end: number, seen: (at: number) => boolean): number {
  const until = reachOf(bars, end);
  return firstWhere(bars.length, (place) => seen(until[place] ?? end));
}

/** For each bar the latest end of it and of all before it. */
function reachOf(bars: readonly Bar[], end: number): readonly number[] {
  const known = reach.get(bars);
  if (known?.end === end) return known.until;
  let latest = -Infinity;
  const until = bars.map((bar) => (latest = Math.max(latest, bar.to ?? end)));
  reach.set(bars, { end, until });
  return until;
}
