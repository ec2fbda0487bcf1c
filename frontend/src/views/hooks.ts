/** Hooks that tie components to controllers, to the passing of time and to the theme of their surroundings. */
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { themeOf, watchTheme, type Theme } from "../theme";
import type { Controller } from "./env";

export function useController<S>(controller: Controller<S>): S {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const off = controller.onChange(() => redraw(undefined as never));
    redraw(undefined as never);
    return off;
  }, [controller]);
  useLayoutEffect(() => controller.written());
  return controller.state;
}

const CALM_MS = 1000;

/** Redraws every `periodMs` while active and visible, and once a second for those who prefer less motion; null stops it. */
export function useTick(periodMs: number | null): void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    if (periodMs === null) return undefined;
    const id = setInterval(() => {
      if (!document.hidden) redraw(undefined as never);
    }, prefersReducedMotion() ? Math.max(CALM_MS, periodMs) : periodMs);
    return () => clearInterval(id);
  }, [periodMs]);
}

export function prefersReducedMotion(): boolean {
  return globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
}

/** Dark or light as measured from what is really behind the card. */
export function useTheme(ref: { current: HTMLElement | null }): Theme {
  const [theme, setTheme] = useState<Theme>("light");
  useLayoutEffect(() => {
    const measure = (): void => setTheme(themeOf(ref.current));
    measure();
    return watchTheme(measure);
  }, [ref]);
  return theme;
}

/** Width of an element, kept up to date; 0 before it is known. */
export function useWidth(ref: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    setWidth(element.clientWidth);
    if (typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

/** Whether an element is at most so wide; drawn anew only when that changes. */
export function useNarrow(ref: { current: HTMLElement | null }, most: number): boolean {
  const [narrow, setNarrow] = useState(false);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = (): void => setNarrow(element.clientWidth > 0 && element.clientWidth <= most);
    measure();
    if (typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref, most]);
  return narrow;
}

/** Runs something every frame while active; once a second for those who prefer less motion. */
export function useFrames(active: boolean, draw: () => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    if (!active) return undefined;
    if (prefersReducedMotion()) {
      const id = setInterval(() => latest.current(), CALM_MS);
      return () => clearInterval(id);
    }
    let frame = requestAnimationFrame(function next() {
      latest.current();
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [active]);
}

/** Gives the focus back to where it was when what has it now closes. */
export function useReturnFocus(ref: { current: HTMLElement | null }): void {
  const [before] = useState(() => document.activeElement as HTMLElement | null);
  useLayoutEffect(() => () => {
    const own = ref.current;
    if (!own?.contains(document.activeElement)) return;
    const back = before?.isConnected && before !== document.body ? before : own.closest(".inb")?.querySelector<HTMLElement>("[tabindex='0']");
    back?.focus({ preventScroll: true });
  }, []);
}

/** True for a moment after `flash` was called: the tick after copying. */
export function useFlash(ms = 1200): [boolean, () => void] {
  const [on, setOn] = useState(false);
  useEffect(() => {
    if (!on) return undefined;
    const id = setTimeout(() => setOn(false), ms);
    return () => clearTimeout(id);
  }, [on, ms]);
  return [on, () => setOn(true)];
}

/** Gives a row the focus once it is in the document. */
export function focusRow(box: HTMLElement, key: string, tries = 4): void {
  const row = box.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  if (row) row.focus({ preventScroll: true });
  else if (tries > 0) requestAnimationFrame(() => focusRow(box, key, tries - 1));
}
