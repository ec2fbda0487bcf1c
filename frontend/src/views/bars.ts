/** Draws a timeline's axis, bars and marks on a canvas. */
import * as format from "../format";
import type { Bar, Mark, Row } from "../state/rows";
import type { Scale } from "../state/scale";
import { Columns, firstReaching } from "./columns";
import type { Palette } from "./palette";

/** Where things are, in CSS pixels. */
export interface Layout {
  readonly left: number;
  readonly width: number;
  readonly height: number;
  readonly axis: number;
  readonly row: number;
  /** How much of a row's top belongs to its name, where bars stand under names. */
  readonly strip: number;
  /** From the top of a row to the middle of its bar. */
  readonly middle: number;
  readonly scroll: number;
  readonly pan: number;
}

export interface Scene {
  readonly rows: readonly Row[];
  readonly scale: Scale;
  readonly layout: Layout;
  readonly palette: Palette;
  /** The end of bars that have none: the present, or the last thing heard. */
  readonly end: number;
  readonly now: number;
  readonly live: boolean;
  /** Said beside open bars when they may be out of date. */
  readonly staleWords: string;
}

const BAR = 12;
const ROOT_BAR = 6;
const LEAST = 3;
const RADIUS = 2;

/** Rows with more bars than this are searched for those in view, and drawn by pixel columns. */
const MANY = 64;
/** Of many bars those that are narrower than this are merged. */
const NARROW = 6;

export function drawScene(pen: CanvasRenderingContext2D, ratio: number, scene: Scene): void {
  const { layout } = scene;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, layout.left + layout.width + 32, layout.height);
  pen.textBaseline = "middle";
  pen.font = `11px ${scene.palette.font}`;
  pen.save();
  pen.beginPath();
  pen.rect(layout.left - 4, 0, layout.width + 20, layout.strip ? layout.axis + 3 : layout.height);
  if (layout.strip) rowStrips(pen, layout, scene.rows.length);
  pen.clip();
  drawFolds(pen, scene);
  drawAxis(pen, scene);
  if (scene.live) drawNow(pen, scene);
  drawRows(pen, scene);
  pen.restore();
}

/** Leaves out the names: what crosses all rows would run through them. */
function rowStrips(pen: CanvasRenderingContext2D, layout: Layout, rows: number): void {
  const first = Math.floor(layout.scroll / layout.row);
  for (let i = first; i < rows && layout.axis + i * layout.row - layout.scroll < layout.height; i++) {
    const top = layout.axis + i * layout.row - layout.scroll + layout.strip;
    pen.rect(layout.left - 4, top, layout.width + 20, layout.row - layout.strip);
  }
}

/** The bars of a row that the picture shows some of; bars are in order of their start. */
function inView(scene: Scene, bars: readonly Bar[]): readonly Bar[] {
  const { layout } = scene;
  const first = firstReaching(bars, scene.end, (at) => xOf(scene, at) >= layout.left - 4);
  let last = first;
  while (last < bars.length && xOf(scene, bars[last]?.from ?? 0) <= layout.left + layout.width + 16) last += 1;
  return bars.slice(first, last);
}

export function xOf({ scale, layout }: Scene, at: number): number {
  return layout.left - layout.pan + scale.x(at);
}

function drawAxis(pen: CanvasRenderingContext2D, scene: Scene): void {
  const { layout, palette, scale } = scene;
  let free = -Infinity;
  for (const tick of scale.ticks) {
    const x = layout.left - layout.pan + tick.x;
    pen.fillStyle = palette.hair;
    if (tick.x > 0) pen.fillRect(Math.round(x), layout.axis, 1, layout.height - layout.axis - 6);
    const width = pen.measureText(tick.label).width;
    const left = Math.min(tick.x === 0 ? x : x - width / 2, layout.left + layout.width - width);
    const covered = scale.folds.some((fold) => overlaps(left, width, layout.left - layout.pan + fold.x, fold.width, fold.label, pen));
    if (left < free || covered) continue;
    pen.fillStyle = palette.muted;
    pen.fillText(tick.label, left, layout.axis / 2);
    free = left + width + 12;
  }
}

/** Whether a label would run into the words over a fold. */
function overlaps(left: number, width: number, foldX: number, foldWidth: number, words: string, pen: CanvasRenderingContext2D): boolean {
  const label = pen.measureText(words).width;
  if (label + 8 > foldWidth) return false;
  const from = foldX + (foldWidth - label) / 2;
  return left + width + 8 > from && left < from + label + 8;
}

function drawFolds(pen: CanvasRenderingContext2D, scene: Scene): void {
  const { layout, palette, scale } = scene;
  for (const fold of scale.folds) {
    const x = Math.round(layout.left - layout.pan + fold.x);
    pen.fillStyle = palette.folded;
    pen.fillRect(x, 0, fold.width, layout.height);
    pen.strokeStyle = palette.dashed;
    pen.lineWidth = 1;
    pen.setLineDash([3, 3]);
    for (const edge of [x + 0.5, Math.round(x + fold.width) - 0.5]) line(pen, edge, 0, edge, layout.height);
    pen.setLineDash([]);
    const width = pen.measureText(fold.label).width;
    if (width + 8 > fold.width) continue;
    pen.fillStyle = palette.muted;
    pen.fillText(fold.label, x + (fold.width - width) / 2, layout.axis / 2);
  }
}

function drawRows(pen: CanvasRenderingContext2D, scene: Scene): void {
  const { rows, layout } = scene;
  const first = Math.max(0, Math.floor(layout.scroll / layout.row));
  const last = Math.min(rows.length, Math.ceil((layout.scroll + layout.height - layout.axis) / layout.row));
  pen.save();
  pen.beginPath();
  pen.rect(0, layout.axis, layout.left + layout.width + 32, layout.height - layout.axis);
  pen.clip();
  for (let i = first; i < last; i++) {
    const row = rows[i];
    if (row) drawRow(pen, scene, row, layout.axis + i * layout.row - layout.scroll + layout.middle);
  }
  pen.restore();
}

function drawRow(pen: CanvasRenderingContext2D, scene: Scene, row: Row, y: number): void {
  const many = row.bars.length > MANY;
  const shown = many ? inView(scene, row.bars) : row.bars;
  const columns = many ? new Columns() : null;
  let right = -Infinity;
  let left = Infinity;
  for (const bar of shown) {
    const from = xOf(scene, bar.from);
    const exact = xOf(scene, bar.to ?? scene.end);
    if (columns && exact - from < NARROW) columns.add(from, exact, bar.role);
    else drawBar(pen, scene, bar, row.kind === "run", from, Math.max(exact, from + (bar.kind === "queue" ? 0 : LEAST)), y);
    right = Math.max(right, exact, from + LEAST);
    left = Math.min(left, from);
  }
  columns?.draw(pen, scene.palette, y, row.kind === "run" ? ROOT_BAR : BAR);
  if (row.other) drawOther(pen, scene, row, y);
  const open = row.bars.some((bar) => bar.to === undefined);
  drawMark(pen, scene, row, open, left, right, y);
}

/** The run that is compared: outlines over the bars. */
function drawOther(pen: CanvasRenderingContext2D, scene: Scene, row: Row, y: number): void {
  const height = (row.kind === "run" ? ROOT_BAR : BAR) + 4;
  pen.lineWidth = 1.5;
  for (const bar of row.other?.bars ?? []) {
    if (bar.kind === "queue" || (row.kind === "run" && bar.kind !== "root")) continue;
    const from = xOf(scene, bar.from);
    const width = Math.max(LEAST, xOf(scene, bar.to ?? scene.end) - from);
    pen.strokeStyle = bar.role === "bad" ? scene.palette.graphic.bad : scene.palette.muted;
    pen.beginPath();
    pen.roundRect(from + 0.5, y - height / 2 + 0.5, width, height - 1, RADIUS);
    pen.stroke();
  }
}

function drawBar(pen: CanvasRenderingContext2D, scene: Scene, bar: Bar, root: boolean, start: number, stop: number, y: number): void {
  const { palette, layout } = scene;
  // Far outside of the picture there is nothing to see, and the canvas gets slow.
  const from = Math.max(start, layout.left - 40);
  const to = Math.min(stop, layout.left + layout.width + 40);
  if (to <= from && stop > start) return;
  const height = root ? ROOT_BAR : BAR;
  const top = y - height / 2;
  pen.globalAlpha = root && bar.kind === "root" ? 0.62 : bar.faint ? 0.75 : 1;
  if (bar.kind === "queue") hairline(pen, palette.graphic.idle, from, to, y, []);
  else if (bar.kind === "backoff") hairline(pen, palette.graphic.bad, from, to, y, [4, 4]);
  else if (bar.kind === "ask") outlined(pen, palette.ask, palette.graphic.ask, from, top, to - from, height);
  else if (bar.kind === "wait") outlined(pen, palette.dots, palette.graphic.idle, from, top, to - from, height);
  else if (bar.kind === "reused") outlined(pen, palette.pale.ok, palette.graphic.ok, from, top, to - from, height);
  else solid(pen, palette.graphic[bar.role], from, top, to - from, height);
  if (bar.firstToken !== undefined) drawHead(pen, scene, bar, from, to, top);
  pen.globalAlpha = 1;
  if (bar.tokens) drawTicks(pen, scene, bar, to, y);
  if (bar.to === undefined && scene.live && bar.kind === "ran") {
    pen.fillStyle = palette.graphic[bar.role];
    pen.fillRect(to - 1, top - 2, 2, height + 4);
  }
}

/** The time before the first token, pale. */
function drawHead(pen: CanvasRenderingContext2D, scene: Scene, bar: Bar, from: number, to: number, top: number): void {
  const width = Math.min(xOf(scene, bar.firstToken ?? bar.from), to) - from - 1;
  if (width < 1) return;
  pen.save();
  pen.globalAlpha *= 0.58;
  pen.fillStyle = scene.palette.card;
  pen.fillRect(from + 1, top + 1, width, BAR - 2);
  pen.restore();
}

function drawTicks(pen: CanvasRenderingContext2D, scene: Scene, bar: Bar, to: number, y: number): void {
  if (!bar.tokens) return;
  const from = xOf(scene, bar.tokens.first);
  const end = Math.min(to, Math.max(from + 1, xOf(scene, bar.tokens.last)));
  const gap = Math.max(3, (end - from) / Math.max(1, bar.tokens.count));
  pen.fillStyle = scene.palette.graphic.idle;
  pen.globalAlpha = 0.8;
  const first = from + Math.max(0, Math.ceil((scene.layout.left - from) / gap)) * gap;
  for (let x = first; x < Math.min(end, scene.layout.left + scene.layout.width + 16); x += gap) pen.fillRect(x, y + BAR / 2 + 2, 1, 3);
  pen.globalAlpha = 1;
}

function drawMark(pen: CanvasRenderingContext2D, scene: Scene, row: Row, open: boolean, left: number, right: number, y: number): void {
  const { layout, palette } = scene;
  const whole = markWords(row.mark, open && row.depth > 0 ? scene.staleWords : "", scene.now);
  if (whole === "" || right === -Infinity) return;
  const asks = row.mark.deadline !== undefined && scene.staleWords === "";
  pen.font = `${asks ? "500 " : ""}11px ${palette.font}`;
  pen.fillStyle = asks ? palette.text.ask : palette.muted;
  const edge = layout.left + layout.width + 12;
  for (const words of [whole, shortened(whole)]) {
    const width = pen.measureText(words).width;
    const places = [right + 8 + width <= edge ? right + 8 : null, left - 8 - width >= layout.left ? left - 8 - width : null];
    const x = (asks ? places.reverse() : places).find((place) => place !== null);
    if (x === undefined) continue;
    write(pen, palette, words, x, y);
    break;
  }
  pen.font = `11px ${palette.font}`;
}

/** What is said first, where there is no room for all of it. */
export const shortened = (words: string): string => words.split(" · ")[0] ?? words;

/** Words with a rim of the card's colour, so that lines behind them do not cross them. */
function write(pen: CanvasRenderingContext2D, palette: Palette, words: string, x: number, y: number): void {
  pen.strokeStyle = palette.card;
  pen.lineWidth = 3;
  pen.strokeText(words, x, y);
  pen.fillText(words, x, y);
}

function markWords(mark: Mark, stale: string, now: number): string {
  if (stale) return stale;
  if (mark.deadline === undefined) return mark.text;
  return `${format.duration(Math.ceil(Math.max(0, mark.deadline - now) / 1000) * 1000)} left`;
}

function drawNow(pen: CanvasRenderingContext2D, scene: Scene): void {
  const { layout, palette } = scene;
  const x = Math.round(xOf(scene, scene.end));
  pen.fillStyle = palette.now;
  pen.fillRect(x, layout.axis - 4, 1, layout.height - layout.axis - 2);
  pen.beginPath();
  pen.arc(x + 0.5, layout.axis - 1, 3.5, 0, 2 * Math.PI);
  pen.fill();
}

function hairline(pen: CanvasRenderingContext2D, colour: string, from: number, to: number, y: number, dash: number[]): void {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.setLineDash(dash);
  line(pen, from, y, to, y);
  pen.setLineDash([]);
}

function line(pen: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function solid(pen: CanvasRenderingContext2D, fill: string, x: number, y: number, width: number, height: number): void {
  pen.fillStyle = fill;
  pen.beginPath();
  pen.roundRect(x, y, width, height, Math.min(RADIUS, width / 2));
  pen.fill();
}

function outlined(pen: CanvasRenderingContext2D, fill: string | CanvasPattern, edge: string, x: number, y: number,
  width: number, height: number): void {
  pen.fillStyle = fill;
  pen.strokeStyle = edge;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.roundRect(x + 0.5, y + 0.5, Math.max(1, width - 1), height - 1, Math.min(RADIUS, width / 2));
  pen.fill();
  pen.stroke();
}
