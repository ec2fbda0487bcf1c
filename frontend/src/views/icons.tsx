/** The icons, drawn on a 16 px grid with one stroke width; statuses differ in shape, not only in colour. */
import type { ComponentChildren, JSX } from "preact";
import type { Glyph, Status } from "../status";

type IconName = Glyph | "copy" | "check" | "stop" | "down" | "up" | "left" | "right" | "tail" | "fold" | "fit" | "table" | "plug" | "saved" | "close" | "search" | "more" | "open" | "play" | "pause" | "bolt" | "send" | "compare" | "columns";

const onDisc = { stroke: "var(--inb-card)" };

const DRAWINGS: Record<IconName, () => ComponentChildren> = {
  queued: () => <circle cx="8" cy="8" r="5.75" stroke-dasharray="2.1 2.4" />,
  running: () => [<circle cx="8" cy="8" r="5.75" opacity=".28" />, <path d="M8 2.25A5.75 5.75 0 0 1 13.75 8" />],
  person: () => [<circle cx="8" cy="5.1" r="2.6" />, <path d="M2.9 13.5c.4-2.9 2.4-4.5 5.1-4.5s4.7 1.6 5.1 4.5" />],
  wait: () => [<circle cx="8" cy="8" r="5.75" />, <path d="M6.5 6v4M9.5 6v4" />],
  sleep: () => <path d="M13.3 9.7A5.7 5.7 0 1 1 6.2 2.7a4.6 4.6 0 0 0 7.1 7z" />,
  retry: () => [<path d="M13.4 8.2A5.45 5.45 0 1 1 11.7 4.05" />, <path d="M13.3 2.3v2.9h-2.9" />],
  done: () => [<circle cx="8" cy="8" r="6.5" fill="currentColor" stroke="none" />,
    <path d="M5.2 8.2l2 2 3.7-4.2" style={onDisc} />],
  failed: () => [<path d="M5.3 1.6h5.4l3.7 3.7v5.4l-3.7 3.7H5.3L1.6 10.7V5.3z" fill="currentColor" stroke="none" />,
    <path d="M5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2" style={onDisc} />],
  cancelled: () => [<circle cx="8" cy="8" r="5.75" />, <path d="M4 12l8-8" />],
  reused: () => [<circle cx="8" cy="8" r="5.75" />, <path d="M5.5 8.2l1.8 1.8 3.2-3.6" />],
  clock: () => [<circle cx="8" cy="8" r="5.75" />, <path d="M8 4.8V8l2.2 1.6" />],
  undo: () => [<path d="M3.1 6.2h6.4a3.3 3.3 0 0 1 0 6.6H6.2" />, <path d="M5.8 3.4L3 6.2 5.8 9" />],
  message: () => <path d="M2.75 3.5h10.5v7.25h-6L4.5 13.1v-2.35H2.75z" />,
  function: () => <path d="M11.5 3.2c-2.2-.6-3.2.4-3.5 2.3L7 11c-.3 1.6-1.1 2.2-2.6 1.8M5 7.1h5.6" />,
  copy: () => [<rect x="5.5" y="5.5" width="7.6" height="7.6" rx="1.2" />,
    <path d="M10.5 3.1H4.1a1 1 0 0 0-1 1v6.4" />],
  check: () => <path d="M3.4 8.4l3.1 3.1 6.1-6.8" />,
  stop: () => <rect x="4" y="4" width="8" height="8" rx="1" fill="currentColor" stroke="none" />,
  down: () => <path d="M3.8 6L8 10.2 12.2 6" />,
  left: () => <path d="M10 3.8L5.8 8 10 12.2" />,
  up: () => <path d="M3.8 10L8 5.8 12.2 10" />,
  right: () => <path d="M6 3.8L10.2 8 6 12.2" />,
  tail: () => <path d="M8 3v10M4 9l4 4 4-4" />,
  fold: () => <path d="M3 3v10M13 3v10M5.2 8h5.6M7 6.2L5.2 8 7 9.8M9 6.2L10.8 8 9 9.8" />,
  fit: () => <path d="M2.8 6V2.8H6M10 2.8h3.2V6M13.2 10v3.2H10M6 13.2H2.8V10" />,
  table: () => [<rect x="2.5" y="3" width="11" height="10" rx="1" />, <path d="M2.5 6.5h11M6.5 6.5V13" />],
  plug: () => <path d="M2.5 2.5l11 11M5.2 9.6l-1.8 1.8M6.3 5.2L9 2.6M10.8 9.7L13.4 7" />,
  saved: () => <path d="M4.2 2.8h7.6v10.6L8 10.4l-3.8 3z" />,
  search: () => [<circle cx="7" cy="7" r="4.25" />, <path d="M10.2 10.2l3.3 3.3" />],
  more: () => [3, 8, 13].map((x) => <circle cx={x} cy="8" r="1.3" fill="currentColor" stroke="none" />),
  open: () => [<path d="M9 2.8h4.2V7M13 3L7.8 8.2" />, <path d="M11.2 9.6v3.6H2.8V4.8h3.6" />],
  play: () => <path d="M5 3.2l7.6 4.8L5 12.8z" />,
  pause: () => <path d="M5.5 3.5v9M10.5 3.5v9" />,
  bolt: () => <path d="M9 1.8L3.6 9h4L7 14.2 12.4 7h-4z" />,
  send: () => <path d="M2.6 7.4l11-4.8-4.8 11-1.7-4.5z" />,
  columns: () => <path d="M2.8 3h4v10h-4zM9.2 3h4v10h-4z" />,
  compare: () => [<rect x="2.5" y="3" width="8" height="3.6" rx="1" fill="currentColor" stroke="none" />, <rect x="5.2" y="9.2" width="8" height="3.6" rx="1" />],
  close: () => <path d="M4 4l8 8M12 4l-8 8" />,
};

export function Icon({ name, small = false, spin = false }: { name: IconName; small?: boolean; spin?: boolean }): JSX.Element {
  const classes = `inb-i${small ? " small" : ""}${spin ? " spin" : ""}`;
  return <svg class={classes} viewBox="0 0 16 16" aria-hidden="true">{DRAWINGS[name]()}</svg>;
}

/** The glyph of a status; the arc turns only while things really run. */
export function StatusIcon({ status, live, small = false }: { status: Status; live: boolean; small?: boolean }): JSX.Element {
  return <Icon name={status.glyph} small={small} spin={live && status.glyph === "running"} />;
}
