/** Looking closer at a timeline: by ctrl or command and wheel, by pinching, by dragging; the wheel alone scrolls the notebook. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Layout } from "./bars";
import type { TimelineController } from "./timeline-controller";

const MOST = 1_000_000;
const DRAG_PX = 3;

export function useZoom(box: RefObject<HTMLDivElement | null>, controller: TimelineController, layout: Layout): void {
  const latest = useRef(layout);
  latest.current = layout;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const at = (event: MouseEvent): number => event.clientX - element.getBoundingClientRect().left - latest.current.left;
    const wheel = (event: WheelEvent): void => {
      const { width } = latest.current;
      if (event.ctrlKey || event.metaKey) zoomAbout(controller, Math.exp(-event.deltaY / 300), Math.min(width, Math.max(0, at(event))), width);
      else if (controller.state.zoom > 1 && Math.abs(event.deltaX) > Math.abs(event.deltaY)) panBy(controller, event.deltaX, width);
      else return;
      event.preventDefault();
    };
    const down = (event: PointerEvent): void => {
      if (event.button === 0 && at(event) > 0 && controller.state.zoom > 1 && !(event.target as Element).closest("button")) drag(event, element, controller, latest);
    };
    element.addEventListener("wheel", wheel, { passive: false });
    element.addEventListener("pointerdown", down);
    return () => {
      element.removeEventListener("wheel", wheel);
      element.removeEventListener("pointerdown", down);
    };
  }, [box, controller]);
}

/** Follows the pointer until it is let go; a drag is no click on the row below. */
function drag(start: PointerEvent, element: HTMLElement, controller: TimelineController, layout: { current: Layout }): void {
  let last = start.clientX;
  let moved = false;
  const move = (event: PointerEvent): void => {
    moved ||= Math.abs(event.clientX - start.clientX) > DRAG_PX;
    if (!moved) return;
    panBy(controller, last - event.clientX, layout.current.width);
    last = event.clientX;
  };
  const up = (): void => {
    globalThis.removeEventListener("pointermove", move);
    globalThis.removeEventListener("pointerup", up);
    if (moved) element.addEventListener("click", (event) => event.stopPropagation(), { capture: true, once: true });
  };
  globalThis.addEventListener("pointermove", move);
  globalThis.addEventListener("pointerup", up);
}

/** Makes the picture wider, with what is at `at` pixels staying there. */
export function zoomAbout(controller: TimelineController, factor: number, at: number, width: number): void {
  const { zoom, pan } = controller.state;
  const next = Math.min(MOST, Math.max(1, zoom * factor));
  const moved = ((pan + at) * next) / zoom - at;
  controller.update({ zoom: next, pan: bounded(moved, next, width) });
}

export function panBy(controller: TimelineController, by: number, width: number): void {
  const { zoom, pan } = controller.state;
  controller.update({ pan: bounded(pan + by, zoom, width) });
}

/** Shows the part between two places of the whole picture, each from 0 to 1, with a little room around it. */
export function frame(controller: TimelineController, from: number, to: number, width: number): void {
  const zoom = Math.min(MOST, Math.max(1, 0.8 / Math.max(to - from, 1e-9)));
  controller.update({ zoom, pan: bounded(((from + to) / 2) * width * zoom - width / 2, zoom, width) });
}

const bounded = (pan: number, zoom: number, width: number): number => Math.min(width * (zoom - 1), Math.max(0, pan));
