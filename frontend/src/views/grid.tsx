/** The rows of a timeline: names and figures as a treegrid in the document, bars on a canvas beside them. */
import type { JSX, RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as format from "../format";
import type { Row } from "../state/rows";
import { buildScale } from "../state/scale";
import { watchTheme } from "../theme";
import { drawScene, type Layout, type Scene } from "./bars";
import { useFrames, useWidth } from "./hooks";
import { Icon, StatusIcon } from "./icons";
import { readPalette, type Palette } from "./palette";
import type { TimelineController } from "./timeline-controller";

export interface GridProps {
  readonly controller: TimelineController;
  readonly rows: readonly Row[];
  /** The end of open bars when nothing moves: the last thing heard. */
  readonly end: number;
  readonly live: boolean;
  readonly stale: boolean;
  readonly over: boolean;
  readonly staleWords: string;
}

const AXIS = 26;
const FOOT = 6;
const MOST_ROWS = 60;
const OVERSCAN = 10;

interface Shape {
  readonly narrow: boolean;
  readonly row: number;
  readonly name: number;
  readonly middle: number;
  readonly strip: number;
}

function shapeOf(width: number): Shape {
  if (width <= 560) return { narrow: true, row: 46, name: 12, middle: 33, strip: 24 };
  return { narrow: false, row: 30, name: width <= 700 ? 232 : 264, middle: 15, strip: 0 };
}

export function Grid(props: GridProps): JSX.Element {
  const { controller, rows } = props;
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const width = useWidth(box);
  const shape = shapeOf(width);
  const visible = Math.min(rows.length, MOST_ROWS) * shape.row;
  const layout: Layout = {
    left: shape.name, width: Math.max(40, width - shape.name - 16), height: AXIS + visible + FOOT, axis: AXIS,
    row: shape.row, middle: shape.middle, strip: shape.strip, scroll, pan: controller.state.pan,
  };
  const canvas = useCanvas(props, layout, width > 0);
  useZoom(box, controller, layout);
  return (
    <div ref={box} class={`inb-tl${shape.narrow ? " narrow" : ""}`} style={`--name:${shape.name}px;--row:${shape.row}px`}>
      <div class="axis" aria-hidden="true" />
      <div class="rows" role="treegrid" aria-label="Steps of the run" aria-rowcount={rows.length}
        style={`height:${visible}px`} onScroll={(event) => setScroll(event.currentTarget.scrollTop)}>
        <Rows {...props} scroll={scroll} visible={visible} height={shape.row} />
      </div>
      <canvas ref={canvas} class="inb-canvas" aria-hidden="true" />
    </div>
  );
}

/** Keeps the canvas equal to the rows: redrawn with them, and every frame while something grows. */
function useCanvas(props: GridProps, layout: Layout, ready: boolean): RefObject<HTMLCanvasElement | null> {
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
    drawScene(pen, ratio, sceneOf(props, layout, palette.current));
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

function sceneOf(props: GridProps, layout: Layout, palette: Palette): Scene {
  const { rows, live, over, controller, staleWords } = props;
  const now = controller.env.clock.now();
  const growing = live && !over;
  const end = growing ? now : props.end;
  const start = Math.min(...(rows[0]?.bars.map((bar) => bar.from) ?? []), rows[0]?.from ?? end);
  const { fold, zoom } = controller.state;
  const scale = buildScale({ rows, start, end, live: !over, width: layout.width * zoom, fold });
  return { rows, scale, layout, palette, end, now, live: growing, staleWords };
}

function Rows({ rows, scroll, visible, height, ...props }: GridProps & {
  scroll: number; visible: number; height: number;
}): JSX.Element {
  const all = rows.length <= MOST_ROWS;
  const first = all ? 0 : Math.max(0, Math.floor(scroll / height) - OVERSCAN);
  const last = all ? rows.length : Math.min(rows.length, Math.ceil((scroll + visible) / height) + OVERSCAN);
  const now = props.live && !props.over ? props.controller.env.clock.now() : props.end;
  const [focused, setFocused] = useState("run");
  const tabbable = rows.some((row) => row.key === focused) ? focused : rows[0]?.key;
  return (
    <div class="space" style={`height:${rows.length * height}px;padding-top:${first * height}px`}>
      {rows.slice(first, last).map((row, i) => (
        <RowLine key={row.key} row={row} index={first + i} now={now} {...props} tabbable={row.key === tabbable}
          onFocus={() => setFocused(row.key)} />
      ))}
    </div>
  );
}

interface RowLineProps extends Omit<GridProps, "rows"> {
  readonly row: Row;
  readonly index: number;
  readonly now: number;
  readonly tabbable: boolean;
  readonly onFocus: () => void;
}

function RowLine({ row, index, now, controller, live, stale, tabbable, onFocus }: RowLineProps): JSX.Element {
  const selected = row.depth === 1 && controller.state.selected === row.hash;
  const figure = rowFigure(row, now, live, stale);
  const choose = (): void => controller.select(row.hash);
  return (
    <div class={`row d${row.depth}${selected ? " sel" : ""} s-${row.status.role}`} role="row" aria-level={row.depth + 1}
      aria-rowindex={index + 1} aria-selected={selected} tabIndex={tabbable ? 0 : -1} data-key={row.key} data-hash={row.hash}
      {...(row.children === "none" ? {} : { "aria-expanded": row.children === "open" })} onClick={choose} onFocus={onFocus}>
      <div class="nm" role="rowheader">
        {row.children !== "none" && <Twist row={row} controller={controller} />}
        <StatusIcon status={row.status} live={live} />
        <span class="t" title={row.label}>{row.label}{row.note && <small>{row.note}</small>}</span>
        <span class="num" title={format.iso(row.from)}>{figure}</span>
      </div>
      <span class="inb-vh" role="gridcell">{spoken(row, now)}</span>
    </div>
  );
}

function Twist({ row, controller }: { row: Row; controller: TimelineController }): JSX.Element {
  const open = row.children === "open";
  const toggle = (event: Event): void => {
    event.stopPropagation();
    controller.toggle(row.hash);
  };
  return (
    <button type="button" class="twist" tabIndex={-1} aria-label={open ? "Hide attempts" : "Show attempts"} onClick={toggle}>
      <Icon name={open ? "down" : "right"} small />
    </button>
  );
}

function rowFigure(row: Row, now: number, live: boolean, stale: boolean): string {
  if (row.mark.retryAt !== undefined) return live ? format.backoff(row.mark.retryAt - now) : "";
  if (row.status.value === "reused") return "reused";
  if (row.from === undefined) return "";
  if (row.to !== undefined) return format.duration(row.to - row.from);
  if (stale) return format.atLeast(now - row.from);
  return format.ticking(now - row.from);
}

function spoken(row: Row, now: number): string {
  const took = row.from === undefined ? "" : `, ${format.duration((row.to ?? now) - row.from)}`;
  const tries = row.attempts > 1 ? `, ${row.attempts} attempts` : "";
  return `${row.status.word}${took}${tries}${row.mark.text ? `, ${row.mark.text}` : ""}`;
}

/** Zoom by ctrl or command and wheel; the wheel alone scrolls the notebook. */
function useZoom(box: RefObject<HTMLDivElement | null>, controller: TimelineController, layout: Layout): void {
  const latest = useRef(layout);
  latest.current = layout;
  useEffect(() => {
    const element = box.current;
    const wheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, width } = latest.current;
      const at = event.clientX - (element?.getBoundingClientRect().left ?? 0) - left;
      zoomAbout(controller, Math.exp(-event.deltaY / 300), Math.min(width, Math.max(0, at)), width);
    };
    element?.addEventListener("wheel", wheel, { passive: false });
    return () => element?.removeEventListener("wheel", wheel);
  }, [controller]);
}

export function zoomAbout(controller: TimelineController, factor: number, at: number, width: number): void {
  const { zoom, pan } = controller.state;
  const next = Math.min(200, Math.max(1, zoom * factor));
  const moved = ((pan + at) * next) / zoom - at;
  controller.update({ zoom: next, pan: Math.min(width * (next - 1), Math.max(0, moved)) });
}

/** The same rows as a plain table. */
export function StepTable({ rows, now }: { rows: readonly Row[]; now: number }): JSX.Element {
  const steps = useMemo(() => rows.filter((row) => row.depth > 0), [rows]);
  return (
    <div class="inb-tablebox" tabIndex={0} role="group" aria-label="Steps as a table">
      <table class="inb-table">
        <thead><tr><th>Step</th><th>Status</th><th>Started</th><th class="num">Duration</th><th class="num">Attempts</th></tr></thead>
        <tbody>
          {steps.map((row) => (
            <tr key={row.key}>
              <td class={row.depth === 2 ? "in" : ""}>{row.label}</td>
              <td><span class={`inb-status s-${row.status.role}`}><StatusIcon status={row.status} live={false} small />{row.status.word}</span></td>
              <td title={format.iso(row.from)}>{format.clock(row.from, now, true)}</td>
              <td class="num">{row.from === undefined ? "—" : format.duration((row.to ?? now) - row.from)}</td>
              <td class="num">{row.attempts}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
