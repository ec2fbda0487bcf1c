/** The rows of a feed: what is in sight, between two stretches of the log that have not been asked for. */
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as format from "../format";
import { isLifecycle, json, preview, topicOf, type FeedRow } from "../state/feed";
import type { Message } from "../wire";
import { Icon } from "./icons";
import { JsonTree } from "./json-tree";
import type { MessageFeedController } from "./message-feed-controller";

const ROW = 28;
const MOST_ROWS = 14;
const OVERSCAN = 8;
const NEAR_PX = 24;
const LINE = 18;
const MOST_LINES = 14;
/** No browser scrolls over more than some ten million pixels. */
const MOST_SPACE = 6_000_000;

export function FeedRows({ controller, rows, now }: { controller: MessageFeedController; rows: readonly FeedRow[]; now: number }): JSX.Element {
  const { state } = controller;
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const layout = useLayout(controller, rows);
  const visible = Math.min(layout.height, MOST_ROWS * ROW);
  const from = Math.max(0, indexAt(layout.tops, scroll - layout.above) - OVERSCAN);
  const to = Math.min(rows.length, indexAt(layout.tops, scroll - layout.above + visible) + 1 + OVERSCAN);
  const anchor = useAnchor(box, controller, rows, layout);
  const scrolled = (): void => {
    const element = box.current;
    if (!element) return;
    const y = element.scrollTop;
    anchor(y);
    setScroll(y);
    look(controller, layout, y, element.clientHeight);
  };
  const names = [...state.counts.keys()];
  const newer = state.newer > 0 && (!state.following || state.paused);
  return (
    <div class="inb-feed" role="grid" aria-label="Messages" aria-rowcount={Math.max(rows.length, state.next - state.first)}>
      <div ref={box} class="body" role="rowgroup" style={`height:${visible}px`} onScroll={scrolled}>
        <div class="all" role="presentation" style={`height:${layout.height}px`}>
          {rows.slice(from, to).map((row, i) => (
            <Row key={row.key} controller={controller} row={row} top={layout.above + (layout.tops[from + i] ?? 0)} names={names} now={now} first={from + i === 0} />
          ))}
        </div>
      </div>
      {newer && (
        <button type="button" class="inb-newer" onClick={() => (state.paused ? controller.pause(false) : void controller.showEnd())}>
          <Icon name="tail" small />{`Show ${format.exactCount(state.newer)} newer ${format.plural(state.newer, "message")}`}
        </button>
      )}
    </div>
  );
}

interface Layout {
  readonly tops: readonly number[];
  /** Room for what is before and after the stretch that is here. */
  readonly above: number;
  readonly below: number;
  readonly height: number;
}

function useLayout(controller: MessageFeedController, rows: readonly FeedRow[]): Layout {
  const { stretch, first, next, opened, topics, typed } = controller.state;
  return useMemo(() => {
    const tops: number[] = [];
    let y = 0;
    for (const row of rows) {
      tops.push(y);
      y += ROW + (row.kind === "message" && opened.has(row.key) ? detailHeight(row.message) : 0);
    }
    const filtered = topics.length > 0 || typed.trim() !== "";
    const perMessage = (ROW * rows.length) / Math.max(1, stretch.messages.length);
    const space = (n: number): number => (filtered ? Math.sign(n) * ROW : Math.min(MOST_SPACE, Math.max(0, n) * perMessage));
    const above = space(stretch.from - first);
    const below = filtered ? 0 : space(next - stretch.to) * (controller.state.following ? 0 : 1);
    return { tops, above, below, height: above + y + below };
  }, [rows, opened, first, controller.state.following ? 0 : next]);
}

function detailHeight(message: Message): number {
  const lines = Math.min(MOST_LINES, JSON.stringify(message.data, null, 1)?.split("\n").length ?? 1);
  return lines * LINE + 18 + 44;
}

function indexAt(tops: readonly number[], y: number): number {
  let low = 0;
  let high = tops.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((tops[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Asks for what the reader is about to see, and notes whether they are at the end. */
function look(controller: MessageFeedController, layout: Layout, y: number, height: number): void {
  const { state } = controller;
  const end = layout.height - layout.below;
  const span = Math.max(1, layout.above);
  if (y < layout.above - 4 * height) return void controller.jump(state.first + ((state.stretch.from - state.first) * y) / span);
  if (layout.below > 0 && y > end + 3 * height) {
    return void controller.jump(state.stretch.to + ((state.next - state.stretch.to) * (y - end)) / layout.below);
  }
  if (y < layout.above + height) void controller.loadEarlier();
  if (y + height > end - NEAR_PX && state.stretch.to < state.next && !state.paused) void controller.loadLater();
  controller.follow(state.stretch.to >= state.next && y + height >= layout.height - NEAR_PX);
}

/** Keeps what is read where it is when rows come above it; who is at the end stays there. */
function useAnchor(box: { current: HTMLDivElement | null }, controller: MessageFeedController, rows: readonly FeedRow[], layout: Layout): (y: number) => void {
  const held = useRef<{ key: string; from: number } | null>(null);
  const { state } = controller;
  const following = state.following && !state.paused;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (following) {
      element.scrollTop = element.scrollHeight;
      return;
    }
    const at = rows.findIndex((row) => row.key === held.current?.key);
    if (at >= 0 && held.current) element.scrollTop = layout.above + (layout.tops[at] ?? 0) + held.current.from;
    else if (!state.paused) element.scrollTop = layout.above;
  }, [rows, layout.above, following]);
  return (y) => {
    const at = indexAt(layout.tops, y - layout.above);
    const row = rows[at];
    held.current = row ? { key: row.key, from: y - layout.above - (layout.tops[at] ?? 0) } : null;
  };
}

export function topicColour(names: readonly string[], name: string): string {
  const at = names.filter((one) => one !== "lifecycle").indexOf(name);
  return name === "lifecycle" || at < 0 ? "var(--inb-idle)" : `var(--inb-topic${at % 4})`;
}

interface RowProps {
  readonly controller: MessageFeedController;
  readonly row: FeedRow;
  readonly top: number;
  readonly names: readonly string[];
  readonly now: number;
  readonly first: boolean;
}

function Row({ controller, row, top, names, now, first }: RowProps): JSX.Element {
  const place = { style: `top:${top}px`, role: "row" as const };
  if (row.kind === "day") return <div class="line day" {...place}><span role="gridcell">{new Date(row.at).toDateString()}</span></div>;
  if (row.kind === "gap") {
    const { lost, from, to } = row.gap;
    return (
      <div class="line gap s-ask" {...place}>
        <span role="gridcell"><Icon name="failed" small />{`${format.exactCount(lost)} ${format.plural(lost, "message was", "messages were")} trimmed from the log before this view came (offsets ${format.exactCount(from)}–${format.exactCount(to - 1)})`}</span>
      </div>
    );
  }
  const message = row.kind === "fold" ? row.messages[0]! : row.message;
  const last = row.kind === "fold" ? row.messages.at(-1)! : row.message;
  const open = controller.state.opened.has(row.key);
  const toggle = (): void => controller.toggle(row.key);
  const keys = (event: KeyboardEvent): void => {
    if (event.target === event.currentTarget && rowKeys(event, toggle)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  const name = topicOf(message);
  return (
    <div class={`line m${row.struck ? " struck" : ""}${open ? " open" : ""}`} {...place} tabIndex={first ? 0 : -1} data-offset={message.offset} data-key={row.key} onKeyDown={keys}>
      <span class="c-x" role="gridcell">
        <button type="button" class="twist" tabIndex={-1} aria-expanded={open} aria-label={open ? "Close" : "Open"} onClick={toggle}>
          <Icon name={row.struck || message.kind === "rollback" ? "undo" : open ? "down" : "right"} small />
        </button>
      </span>
      <span class="c-offset num" role="gridcell">{message.offset === last.offset ? format.exactCount(message.offset) : `${format.exactCount(message.offset)}–${format.exactCount(last.offset)}`}</span>
      <span class="c-at" role="gridcell" title={format.iso(message.at)}>{format.clock(message.at, now, true)}</span>
      <span class="c-topic" role="gridcell" title={message.topic}><i class={`dot${isLifecycle(message) ? " sq" : ""}`} style={`--dot:${topicColour(names, name)}`} />{message.topic}</span>
      <span class="c-text mono" role="gridcell" onClick={toggle}>
        {row.struck ? <del>{said(row, message)}</del> : said(row, message)}
        {row.struck && <span class="inb-vh"> rolled back</span>}
      </span>
      <span class="c-run mono" role="gridcell" title={message.run_id}>{row.kind === "fold" ? `${format.count(row.messages.length)} in ${format.duration(last.at - message.at)}` : message.run_id ? (
        <button type="button" class="inb-more plain" tabIndex={-1} title={`Only run ${message.run_id}`} onClick={() => controller.search({ typed: `run:${message.run_id?.slice(-6)}` })}>{format.shortId(message.run_id)}</button>) : ""}</span>
      {row.kind === "message" && open && <div class="data" role="gridcell" style={`height:${detailHeight(message)}px`}><JsonTree value={message.data} label={`Data of message ${message.offset}`} /></div>}
    </div>
  );
}

function said(row: FeedRow, message: Message): string {
  return row.kind === "fold" ? `“${row.text}…”` : preview(message) || json(message.data);
}

function rowKeys(event: KeyboardEvent, toggle: () => void): boolean {
  const row = event.currentTarget as HTMLElement;
  if (event.key === "Enter") toggle();
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
    (next as HTMLElement | null)?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  } else return false;
  return true;
}
