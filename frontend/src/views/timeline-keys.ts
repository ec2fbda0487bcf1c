/** The keyboard of a timeline. */
import type { Row } from "../state/rows";
import { scaleOf } from "./chart";
import { chooseRow, type GridProps } from "./grid";
import type { TimelineController } from "./timeline-controller";
import { frame, panBy, zoomAbout } from "./zoom";

const PAN_PX = 80;
const FASTER = 1.5;

export function timelineKeys(event: KeyboardEvent, grid: GridProps, root: HTMLElement | null): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest(".inb-detail, .inb-rerun, input, textarea, select")) return;
  const { controller, rows } = grid;
  const focused = target.closest<HTMLElement>("[data-key]")?.dataset.key;
  const row = rows.find((candidate) => candidate.key === focused);
  const chosen = row ?? rows.find((candidate) => candidate.key === controller.state.selected);
  const width = Math.max(1, root?.querySelector(".inb-canvas")?.clientWidth ?? 0) - (root?.querySelector<HTMLElement>(".nm")?.offsetWidth ?? 0) - 16;
  if (!lookKeys(event.key, grid, chosen, width) && !rowKeys(event.key, controller, rows, row)) return;
  event.preventDefault();
}

/** Keys that change how the picture is looked at. */
function lookKeys(key: string, grid: GridProps, chosen: Row | undefined, width: number): boolean {
  const { controller } = grid;
  const { state } = controller;
  const around = spanOf(grid, chosen, width);
  const middle = around ? Math.min(width, Math.max(0, ((around.from + around.to) / 2) * width * state.zoom - state.pan)) : width / 2;
  const zoom = (factor: number) => (): void => zoomAbout(controller, factor, middle, width);
  const actions: Record<string, () => void> = {
    w: zoom(FASTER), "+": zoom(FASTER), "=": zoom(FASTER), s: zoom(1 / FASTER), "-": zoom(1 / FASTER),
    a: () => panBy(controller, -PAN_PX, width), d: () => panBy(controller, PAN_PX, width),
    f: () => around && frame(controller, around.from, around.to, width), 0: () => controller.update({ zoom: 1, pan: 0 }),
    g: () => controller.update({ fold: !state.fold }), t: () => controller.update({ table: !state.table }),
    "/": () => controller.update({ find: state.find ?? "" }),
  };
  const action = actions[key];
  action?.();
  controller.drawNow();
  return action !== undefined;
}

/** Where a row's bars are in the whole picture, from 0 to 1. */
function spanOf(grid: GridProps, row: Row | undefined, width: number): { from: number; to: number } | null {
  const first = row?.bars[0];
  if (!row || !first) return null;
  const { x } = scaleOf(grid, { fold: grid.controller.state.fold, zoom: 1, pan: 0 }, { width }, grid.end);
  const last = row.bars.reduce((at, bar) => Math.max(at, bar.to ?? grid.end), first.from);
  return { from: x(first.from) / width, to: x(last) / width };
}

/** Keys that move among the rows. */
function rowKeys(key: string, controller: TimelineController, rows: readonly Row[], row: Row | undefined): boolean {
  const at = row ? rows.indexOf(row) : -1;
  const bad = (candidate: Row): boolean => candidate.kind !== "run" && candidate.status.role === "bad";
  if (key === "ArrowDown") return controller.goTo(rows[at + 1]);
  if (key === "ArrowUp") return controller.goTo(rows[Math.max(0, at - 1)]);
  if (key === "Home") return controller.goTo(rows[0]);
  if (key === "End") return controller.goTo(rows.at(-1));
  if (key === "e") return controller.goTo(rows.find((candidate, i) => i > at && bad(candidate)));
  if (key === "E") return controller.goTo(rows.findLast((candidate, i) => i < at && bad(candidate)));
  if (key === "Escape") controller.select(null);
  else if (!row) return false;
  else if ((key === "ArrowRight" && row.children === "closed") || (key === "ArrowLeft" && row.children === "open")) controller.toggle(row);
  else if (key === "ArrowLeft") return controller.goTo(rows.findLast((candidate, i) => i < at && candidate.depth < row.depth));
  else if (key === "Enter" || key === " ") chooseRow(controller, row);
  else return false;
  return true;
}
