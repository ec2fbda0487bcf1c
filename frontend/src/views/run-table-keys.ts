/** The keyboard of a table of runs. */
import { copyText } from "./shell";
import type { RunTableController } from "./run-table-controller";

export function runTableKeys(event: KeyboardEvent, controller: RunTableController, root: HTMLElement | null): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, .opened, [role=menu], .confirm")) return;
  if (event.key === "/") {
    event.preventDefault();
    target.closest(".inb")?.querySelector<HTMLElement>("[data-search]")?.focus();
    return;
  }
  const row = target.closest<HTMLElement>("[data-run]");
  const id = row?.dataset.run;
  if (!row || id === undefined || (target !== row && target.closest("button"))) return;
  if (moved(event.key, row, controller, root) || acted(event.key, id, controller)) event.preventDefault();
}

function moved(key: string, row: HTMLElement, controller: RunTableController, root: HTMLElement | null): boolean {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[key];
  if (step === undefined) return false;
  const { list } = controller.state;
  const place = Number(row.getAttribute("aria-rowindex")) - 2 + step;
  const next = list.places.get(Math.min(list.total - 1, Math.max(0, place)));
  if (next === undefined) return true;
  controller.update({ current: next });
  const element = root?.querySelector<HTMLElement>(`[data-run="${CSS.escape(next)}"]`);
  element?.focus({ preventScroll: true });
  element?.scrollIntoView({ block: "nearest" });
  return true;
}

const CHANGING = new Set(["r", "R", "x", "X"]);

function acted(key: string, id: string, controller: RunTableController): boolean {
  const { state } = controller;
  if (!state.allowed && CHANGING.has(key)) return false;
  const actions: Record<string, () => void> = {
    Enter: () => controller.toggleOpen(id),
    " ": () => controller.toggleOpen(id),
    r: () => void controller.again(id),
    R: () => controller.update({ rerun: state.rerun === id ? null : id, open: null, current: id }),
    c: () => void copyText(id),
    x: () => controller.select(id),
    X: () => controller.select(id, true),
    Escape: () => controller.update({ open: null, rerun: null, selected: new Set() }),
  };
  actions[key]?.();
  return key in actions;
}
