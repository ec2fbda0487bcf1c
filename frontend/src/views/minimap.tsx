/** All rows of a long timeline in a strip, and a frame around what is shown of them. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Role } from "../status";
import { watchTheme } from "../theme";
import type { Layout } from "./bars";
import { scaleOf } from "./chart";
import type { GridProps } from "./grid";
import { readPalette, type Palette } from "./palette";

const HEIGHT = 40;
const RANK: readonly Role[] = ["idle", "ok", "run", "ask", "bad"];

interface Props extends GridProps {
  readonly layout: Layout;
  readonly scrolled: (top: number) => void;
}

export function Minimap(props: Props): JSX.Element {
  const { rows, end, layout, controller } = props;
  const ref = useRef<HTMLCanvasElement>(null);
  const palette = useRef<Palette | null>(null);
  const draw = (): void => {
    const canvas = ref.current;
    const pen = canvas?.getContext("2d");
    if (!canvas || !pen) return;
    palette.current ??= readPalette(canvas.parentElement ?? canvas, pen, 1);
    canvas.width = Math.round(layout.width);
    canvas.height = HEIGHT;
    drawAll(pen, props, palette.current);
  };
  useLayoutEffect(draw, [rows, Math.round(end / 1000), layout.width, controller.state.fold]);
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => watchTheme(() => {
    palette.current = null;
    latest.current();
  }), []);
  const { zoom, pan } = controller.state;
  const shown = (layout.height - layout.axis) / layout.row;
  const look = (event: PointerEvent): void => goTo(event, props);
  return (
    <div class="inb-mini" aria-hidden="true" style={`margin-left:${layout.left}px;width:${layout.width}px;height:${HEIGHT}px`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        look(event);
      }} onPointerMove={(event) => event.buttons === 1 && look(event)}>
      <canvas ref={ref} />
      <i style={`left:${pan / zoom}px;width:${layout.width / zoom}px;top:${(HEIGHT * layout.scroll) / layout.row / rows.length}px;height:${Math.max(4, (HEIGHT * shown) / rows.length)}px`} />
    </div>
  );
}

/** Puts the place that was touched into the middle of what is shown. */
function goTo(event: PointerEvent, { rows, layout, controller, scrolled }: Props): void {
  const edge = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const { zoom } = controller.state;
  const pan = (event.clientX - edge.left) * zoom - layout.width / 2;
  controller.update({ pan: Math.min(layout.width * (zoom - 1), Math.max(0, pan)) });
  scrolled(((event.clientY - edge.top) / HEIGHT) * rows.length * layout.row - (layout.height - layout.axis) / 2);
}

/** One cell per pixel; of all that falls into it the worst is seen. */
function drawAll(pen: CanvasRenderingContext2D, props: Props, palette: Palette): void {
  const { rows, layout, end } = props;
  const width = Math.round(layout.width);
  const scale = scaleOf(props, { fold: props.controller.state.fold, zoom: 1, pan: 0 }, layout, end);
  const cells = new Uint8Array(width * HEIGHT);
  rows.forEach((row, i) => {
    const y = Math.min(HEIGHT - 1, Math.floor((i * HEIGHT) / rows.length)) * width;
    for (const bar of row.kind === "run" ? [] : row.bars) {
      const rank = RANK.indexOf(bar.role) + 1;
      const last = Math.min(width - 1, Math.floor(scale.x(bar.to ?? end)));
      for (let x = Math.max(0, Math.floor(scale.x(bar.from))); x <= last; x++) if ((cells[y + x] ?? 0) < rank) cells[y + x] = rank;
    }
  });
  for (let y = 0; y < HEIGHT; y++) drawLine(pen, cells.subarray(y * width, (y + 1) * width), y, palette);
}

function drawLine(pen: CanvasRenderingContext2D, cells: Uint8Array, y: number, palette: Palette): void {
  for (let x = 0; x < cells.length;) {
    const rank = cells[x] ?? 0;
    let next = x + 1;
    while (next < cells.length && cells[next] === rank) next += 1;
    const role = RANK[rank - 1];
    if (role) {
      pen.fillStyle = palette.graphic[role];
      pen.fillRect(x, y, next - x, 1);
    }
    x = next;
  }
}
