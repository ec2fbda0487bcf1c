/** Keeps the canvas of a timeline equal to its rows. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Row } from "../state/rows";
import { buildScale, type Scale } from "../state/scale";
import { watchTheme } from "../theme";
import { drawScene, shortened, type Layout, type Scene } from "./bars";
import type { GridProps } from "./grid";
import { useFrames } from "./hooks";
import { readPalette, type Palette } from "./palette";
import type { TimelineState } from "./timeline-controller";

/** Redrawn with the rows, and every frame while something grows. */
export function useCanvas(props: GridProps, layout: Layout, ready: boolean): RefObject<HTMLCanvasElement | null> {
  const ref = useRef<HTMLCanvasElement>(null);
  const palette = useRef<Palette | null>(null);
  const growing = props.live && !props.over && !props.controller.env.still;
  const draw = (): void => {
    const canvas = ref.current;
    const pen = canvas?.getContext("2d");
    if (!canvas || !pen || !ready) return;
    const ratio = Math.max(1, globalThis.devicePixelRatio || 1);
    fit(canvas, layout, ratio);
    palette.current ??= readPalette(canvas.parentElement ?? canvas, pen, ratio);
    drawScene(pen, ratio, { ...sceneOf(props, layout, palette.current), palette: palette.current });
  };
  useLayoutEffect(draw);
  useFrames(growing, draw);
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => watchTheme(() => {
    palette.current = null;
    latest.current();
  }), []);
  return ref;
}

function fit(canvas: HTMLCanvasElement, layout: Layout, ratio: number): void {
  const width = layout.left + layout.width + 16;
  const [w, h] = [Math.round(width * ratio), Math.round(layout.height * ratio)];
  if (canvas.width === w && canvas.height === h) return;
  canvas.width = w;
  canvas.height = h;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${layout.height}px`;
}

/** What the picture shows at this moment. */
export function sceneOf(props: GridProps, layout: Layout, palette: Palette | null): Scene {
  const { rows, live, over, controller, staleWords } = props;
  const now = controller.env.clock.now();
  const growing = live && !over;
  const end = Math.max(growing ? now : props.end, props.otherEnd ?? 0);
  const scale = scaleOf(props, controller.state, layout, end);
  return { rows, scale, layout, palette: palette as Palette, end: growing ? now : props.end, now, live: growing, staleWords };
}

/** How a timeline is looked at. */
export type Look = Pick<TimelineState, "fold" | "zoom" | "pan">;

export function scaleOf({ rows, over }: Pick<GridProps, "rows" | "over">, look: Look, layout: Pick<Layout, "width">, end: number): Scale {
  const start = Math.min(rows[0]?.bars[0]?.from ?? Infinity, rows[0]?.from ?? Infinity, end);
  const view = { left: look.pan, width: layout.width };
  const room = over ? roomForWords(rows, start, end, layout.width) : 0;
  return buildScale({ rows, start, end, live: !over, width: layout.width * look.zoom, fold: look.fold, view, room });
}

const LETTER_PX = 6.2;
const BESIDE_PX = 16;
const MOST_ROOM = 0.5;
const told = new WeakMap<readonly Row[], readonly Row[]>();

/** Nothing grows to the right of a run that is over: what its last bars say may take some of the width. */
function roomForWords(rows: readonly Row[], start: number, end: number, width: number): number {
  const known = told.get(rows) ?? rows.filter((row) => row.mark.text !== "" && row.to !== undefined);
  told.set(rows, known);
  const span = Math.max(1, end - start);
  return known.reduce((room, row) => {
    const free = Math.max((row.from ?? start) - start, end - (row.to ?? end)) / span;
    const lengths = [row.mark.text, shortened(row.mark.text)].map((words) => words.length * LETTER_PX + BESIDE_PX);
    if (lengths.some((length) => free * width >= length)) return room;
    return Math.max(room, lengths.find((length) => length <= width * MOST_ROOM) ?? 0);
  }, 0);
}
