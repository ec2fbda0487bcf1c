/** The card's colours and textures as a canvas can use them, read from the style sheet once per theme. */
import type { Role } from "../status";

export interface Palette {
  readonly graphic: Record<Role, string>;
  readonly text: Record<Role, string>;
  readonly pale: Record<Role, string>;
  readonly muted: string;
  readonly hair: string;
  readonly dashed: string;
  readonly card: string;
  readonly now: string;
  readonly font: string;
  readonly ask: CanvasPattern | string;
  readonly dots: CanvasPattern | string;
  readonly folded: CanvasPattern | string;
}

const ROLES: readonly Role[] = ["run", "ok", "ask", "bad", "idle"];

export function readPalette(root: HTMLElement, context: CanvasRenderingContext2D, ratio: number): Palette {
  const probe = document.createElement("span");
  probe.style.display = "none";
  probe.style.setProperty("forced-color-adjust", "none"); // a canvas is not recoloured, so it must get colours that differ
  root.appendChild(probe);
  const colour = (value: string, role?: Role): string => {
    probe.className = role ? `s-${role}` : "";
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const per = (value: string): Record<Role, string> =>
    Object.fromEntries(ROLES.map((role) => [role, colour(value, role)])) as Record<Role, string>;
  const graphic = per("var(--c)");
  const hair = colour("var(--inb-hair)");
  const palette: Palette = {
    graphic, hair, text: per("var(--t)"), pale: per("color-mix(in srgb, var(--base) 26%, var(--inb-card))"),
    muted: colour("var(--inb-muted)"), card: colour("var(--inb-card)"),
    dashed: colour("color-mix(in srgb, var(--inb-ink) 26%, transparent)"),
    now: colour("color-mix(in srgb, var(--inb-run) 85%, var(--inb-ink))"),
    font: getComputedStyle(root).fontFamily,
    ask: stripes(context, ratio, 6, 2, graphic.ask, colour("color-mix(in srgb, var(--base) 26%, var(--inb-card))", "ask")),
    dots: dots(context, ratio, graphic.idle),
    folded: stripes(context, ratio, 6, 1, hair),
  };
  probe.remove();
  return palette;
}

/** Diagonal stripes: `line` of every `size` pixels. */
function stripes(context: CanvasRenderingContext2D, ratio: number, size: number, line: number, colour: string,
  ground?: string): CanvasPattern | string {
  return tile(context, ratio, size, colour, (pen) => {
    if (ground) {
      pen.fillStyle = ground;
      pen.fillRect(0, 0, size, size);
    }
    pen.strokeStyle = colour;
    pen.lineWidth = line;
    pen.beginPath();
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 1, size + 1);
      pen.lineTo(shift + size + 1, -1);
    }
    pen.stroke();
  });
}

function dots(context: CanvasRenderingContext2D, ratio: number, colour: string): CanvasPattern | string {
  return tile(context, ratio, 6, colour, (pen) => {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(3, 3, 1, 0, 2 * Math.PI);
    pen.fill();
  });
}

function tile(context: CanvasRenderingContext2D, ratio: number, size: number, fallback: string,
  draw: (pen: CanvasRenderingContext2D) => void): CanvasPattern | string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(size * ratio);
  const pen = canvas.getContext("2d");
  if (!pen) return fallback;
  pen.scale(canvas.width / size, canvas.height / size);
  draw(pen);
  const pattern = context.createPattern(canvas, "repeat");
  pattern?.setTransform(new DOMMatrix().scale(size / canvas.width, size / canvas.height));
  return pattern ?? fallback;
}
