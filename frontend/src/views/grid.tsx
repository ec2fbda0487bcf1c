/** The rows of a timeline: names and figures as a treegrid in the document, bars on a canvas beside them. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as format from "../format";
import type { Row } from "../state/rows";
import { difference } from "../state/compare";
import type { Layout } from "./bars";
import { sceneOf, useCanvas } from "./chart";
import { Hover, type Spot } from "./hover";
import { focusRow, useWidth } from "./hooks";
import { Icon, StatusIcon } from "./icons";
import { Minimap } from "./minimap";
import type { TimelineController } from "./timeline-controller";
import { useZoom } from "./zoom";

export interface GridProps {
  readonly controller: TimelineController;
  readonly rows: readonly Row[];
  /** The end of open bars when nothing moves: the last thing heard. */
  readonly end: number;
  readonly live: boolean;
  readonly stale: boolean;
  readonly over: boolean;
  readonly staleWords: string;
  /** Where the run that this one is compared with ends in this picture. */
  readonly otherEnd?: number | undefined;
}

export const AXIS = 26;
const FOOT = 6;
/** More rows than this scroll inside of the card, under a strip that shows all of them. */
const MOST_ROWS = 60;
const SCROLLED_ROWS = 24;
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
  const list = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [spot, setSpot] = useState<Spot | null>(null);
  const width = useWidth(box);
  const shape = shapeOf(width);
  const visible = (rows.length > MOST_ROWS ? SCROLLED_ROWS : rows.length) * shape.row;
  const layout: Layout = {
    left: shape.name, width: Math.max(40, width - shape.name - 16), height: AXIS + visible + FOOT, axis: AXIS,
    row: shape.row, middle: shape.middle, strip: shape.strip, scroll, pan: controller.state.pan,
  };
  const canvas = useCanvas(props, layout, width > 0);
  useZoom(box, controller, layout);
  useEffect(() => controller.reveals((key) => revealRow(list.current, rows, key, shape.row, setScroll)));
  const point = (event: MouseEvent): void => {
    const edge = box.current?.getBoundingClientRect();
    if (edge) setSpot({ x: event.clientX - edge.left, y: event.clientY - edge.top });
  };
  return (
    <>
      {rows.length > MOST_ROWS && width > 0 && (
        <Minimap {...props} layout={layout} scrolled={(top) => list.current?.scrollTo({ top })} />
      )}
      <div ref={box} class={`inb-tl${shape.narrow ? " narrow" : ""}${controller.state.zoom > 1 ? " zoomed" : ""}`} style={`--name:${shape.name}px;--row:${shape.row}px`}
        onMouseMove={point} onMouseLeave={() => setSpot(null)}>
        <div class="axis" aria-hidden="true" />
        <div ref={list} class="rows" role="treegrid" aria-label="Steps of the run" aria-rowcount={rows.length}
          style={`height:${visible}px`} onScroll={(event) => setScroll(event.currentTarget.scrollTop)}>
          <Rows {...props} scroll={scroll} visible={visible} height={shape.row} />
        </div>
        <canvas ref={canvas} class="inb-canvas" aria-hidden="true" />
        {spot && <Hover scene={() => sceneOf(props, layout, null)} spot={spot} />}
      </div>
    </>
  );
}

/** Brings a row into the list, which holds only those that can be seen, and then gives it the focus. */
function revealRow(list: HTMLElement | null, rows: readonly Row[], key: string, height: number, scrolled: (top: number) => void): void {
  const index = rows.findIndex((row) => row.key === key);
  if (!list || index < 0) return;
  const top = index * height;
  if (top < list.scrollTop || top + height > list.scrollTop + list.clientHeight) {
    list.scrollTop = Math.max(0, top - list.clientHeight / 2);
    scrolled(list.scrollTop);
  }
  focusRow(list, key);
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
  const selected = row.kind === "step" && controller.state.selected === row.key;
  const figure = rowFigure(row, now, live, stale);
  const choose = (): void => chooseRow(controller, row);
  return (
    <div class={`row ${row.kind}${selected ? " sel" : ""} s-${row.status.role}`} role="row" aria-level={row.depth + 1} style={`--depth:${row.depth}`}
      aria-rowindex={index + 1} aria-selected={selected} tabIndex={tabbable ? 0 : -1} data-key={row.key} data-hash={row.hash}
      {...(row.children === "none" ? {} : { "aria-expanded": row.children === "open" })} onClick={choose} onFocus={onFocus}>
      <div class="nm" role="rowheader">
        {row.children !== "none" && <Twist row={row} controller={controller} />}
        <StatusIcon status={row.status} live={live} />
        <span class="t" title={row.label}>{row.label}{row.note && <small>{row.note}</small>}</span>
        <span class="num" title={format.iso(row.from)}>{figure}</span>
        {row.other && <Difference row={row} now={now} />}
      </div>
      <span class="inb-vh" role="gridcell">{spoken(row, now)}</span>
    </div>
  );
}

/** A click on a row shows its details, or what it stands for. */
export function chooseRow(controller: TimelineController, row: Row): void {
  if (row.kind === "group") controller.toggle(row);
  else if (row.key.startsWith("other/")) controller.select(null);
  else controller.select(row.kind === "run" ? null : row.kind === "attempt" ? row.key.replace(/:\d+$/, "") : row.key);
}

/** How much longer the other run took here. */
function Difference({ row, now }: { row: Row; now: number }): JSX.Element {
  const by = difference(row, now);
  const words = by === undefined ? (row.other?.took === undefined ? "" : format.duration(row.other.took)) : `${by < 0 ? "−" : "+"}${format.duration(Math.abs(by))}`;
  const role = by === undefined || Math.abs(by) < 1 ? "" : by > 0 ? " s-bad" : " s-ok";
  return <span class={`diff${role}`} title={row.other?.took === undefined ? "Not in the other run" : `The other run: ${format.duration(row.other.took)}`}>{words}</span>;
}

const TWIST = { attempt: ["Hide attempts", "Show attempts"], run: ["Hide its steps", "Show its steps"], group: ["Fold", "Unfold"] } as const;

function Twist({ row, controller }: { row: Row; controller: TimelineController }): JSX.Element {
  const open = row.children === "open";
  const toggle = (event: Event): void => {
    event.stopPropagation();
    controller.toggle(row);
  };
  const words = TWIST[row.kind === "group" ? "group" : row.child === undefined ? "attempt" : "run"];
  return (
    <button type="button" class="twist" tabIndex={-1} aria-label={words[open ? 0 : 1]} onClick={toggle}>
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
  const by = difference(row, now);
  const compared = by === undefined ? "" : `, the other run ${format.duration(Math.abs(by))} ${by < 0 ? "shorter" : "longer"}`;
  return `${row.status.word}${took}${tries}${compared}${row.mark.text ? `, ${row.mark.text}` : ""}`;
}
