/** The keyboard of a timeline. */
import type { Row } from "../state/rows";
import { zoomAbout } from "./grid";
import type { TimelineController } from "./timeline-controller";

const PAN_PX = 80;

export function timelineKeys(event: KeyboardEvent, controller: TimelineController, rows: readonly Row[],
  root: HTMLElement | null): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest(".inb-detail")) return;
  const row = rows.find((candidate) => candidate.key === target.closest<HTMLElement>("[data-key]")?.dataset.key);
  const width = Math.max(1, (root?.clientWidth ?? 0) - 280);
  if (!lookKeys(event.key, controller, width) && !rowKeys(event.key, controller, rows, row, root)) return;
  event.preventDefault();
}

/** Keys that change how the picture is looked at. */
function lookKeys(key: string, controller: TimelineController, width: number): boolean {
  const { state } = controller;
  const pan = (by: number): void =>
    controller.update({ pan: Math.min(width * (state.zoom - 1), Math.max(0, state.pan + by)) });
  const actions: Record<string, () => void> = {
    w: () => zoomAbout(controller, 1.5, width / 2, width), "+": () => zoomAbout(controller, 1.5, width / 2, width),
    s: () => zoomAbout(controller, 1 / 1.5, width / 2, width), "-": () => zoomAbout(controller, 1 / 1.5, width / 2, width),
    a: () => pan(-PAN_PX), d: () => pan(PAN_PX), 0: () => controller.update({ zoom: 1, pan: 0 }),
    g: () => controller.update({ fold: !state.fold }), t: () => controller.update({ table: !state.table }),
  };
  const action = actions[key];
  action?.();
  return action !== undefined;
}

/** Keys that move among the rows. */
function rowKeys(key: string, controller: TimelineController, rows: readonly Row[], row: Row | undefined,
  root: HTMLElement | null): boolean {
  const at = row ? rows.indexOf(row) : -1;
  const go = (to: Row | undefined): boolean => to !== undefined && focusRow(root, to);
  if (key === "ArrowDown") return go(rows[at + 1]);
  if (key === "ArrowUp") return go(rows[Math.max(0, at - 1)]);
  if (key === "Home") return go(rows[0]);
  if (key === "End") return go(rows.at(-1));
  if (key === "e") return go(rows.find((candidate, i) => i > at && candidate.status.role === "bad"));
  if (key === "E") return go(rows.findLast((candidate, i) => i < at && candidate.status.role === "bad"));
  if (!row) return false;
  if ((key === "ArrowRight" && row.children === "closed") || (key === "ArrowLeft" && row.children === "open")) {
    controller.toggle(row.hash);
    return true;
  }
  if (key === "Enter" || key === " ") controller.select(row.hash);
  else if (key === "Escape") controller.select(null);
  else return false;
  return true;
}

function focusRow(root: HTMLElement | null, row: Row): boolean {
  const element = root?.querySelector<HTMLElement>(`[data-key="${CSS.escape(row.key)}"]`);
  element?.focus();
  return element !== undefined && element !== null;
}
