/** Where the rows of a feed stand: a stretch of the log between room for what was not asked for yet. */
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { firstWhere } from "../state/bisect";
import { isPlain, type FeedRow } from "../state/feed";
import type { Message } from "../wire";
import { treeLines } from "./json-tree";
import type { MessageFeedController } from "./message-feed-controller";

export const ROW = 28;
const NEAR_PX = 24;
const LINE = 18;
const MOST_LINES = 14;
/** No browser scrolls over more than some ten million pixels. */
const MOST_SPACE = 8_000_000;

export interface Layout {
  readonly tops: readonly number[];
  /** Room for what is before and after the stretch that is here. */
  readonly above: number;
  readonly below: number;
  readonly height: number;
  /** How much room a message has that is not here: the same for all, so that a place of the log stays where it is. */
  readonly each: number;
}

export function useLayout(controller: MessageFeedController, rows: readonly FeedRow[]): Layout {
  const { stretch, first, next, opened, following } = controller.state;
  const plain = isPlain(controller.filter);
  const scale = useRef(0);
  if (scale.current === 0 && rows.length > 0) {
    scale.current = Math.min((ROW * rows.length) / stretch.messages.length || ROW, MOST_SPACE / Math.max(1, next - first));
  }
  return useMemo(() => {
    const tops: number[] = [];
    let y = 0;
    for (const row of rows) {
      tops.push(y);
      y += ROW + (row.kind === "message" && opened.has(row.key) ? detailHeight(row.message) : 0);
    }
    const each = scale.current;
    const above = plain ? Math.max(0, stretch.from - first) * each : Math.sign(stretch.from - first) * ROW;
    const below = plain && !following ? Math.max(0, next - stretch.to) * each : 0;
    return { tops, above, below, height: above + y + below, each };
  }, [rows, opened, first, plain, following ? 0 : next]);
}

export function detailHeight(message: Message): number {
  return Math.min(MOST_LINES, treeLines(message.data)) * LINE + 18 + 44;
}

/** The row at a height. */
export function indexAt(tops: readonly number[], y: number): number {
  return Math.max(0, firstWhere(tops.length, (place) => (tops[place] ?? 0) > y) - 1);
}

/** Asks for what the reader is about to see, and notes whether they are at the end. */
export function look(controller: MessageFeedController, layout: Layout, y: number, height: number): void {
  const { state } = controller;
  const { above, below, each } = layout;
  const end = layout.height - below;
  if (each > 0 && isPlain(controller.filter)) {
    if (y < above - 4 * height) return void controller.jump(state.first + y / each);
    if (below > 0 && y > end + 3 * height) return void controller.jump(state.stretch.to + (y - end) / each);
  }
  if (y < above + height) void controller.loadEarlier();
  if (y + height > end - NEAR_PX && state.stretch.to < state.next && !state.paused) void controller.loadLater();
  controller.follow(state.stretch.to >= state.next && y + height >= layout.height - NEAR_PX);
}

/** Keeps what is read where it is when rows come above it; who is at the end stays there. */
export function useAnchor(box: { current: HTMLDivElement | null }, controller: MessageFeedController, rows: readonly FeedRow[], layout: Layout): (y: number) => void {
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
    const end = layout.height - layout.below;
    if (at >= 0 && held.current) element.scrollTop = layout.above + (layout.tops[at] ?? 0) + held.current.from;
    else if (!state.paused && (element.scrollTop < layout.above || element.scrollTop + element.clientHeight > end)) element.scrollTop = layout.above;
  }, [rows, layout.above, following]);
  return (y) => {
    const place = y - layout.above;
    const at = indexAt(layout.tops, place);
    const row = place >= 0 && y < layout.height - layout.below ? rows[at] : undefined; // else nobody reads what is here
    held.current = row ? { key: row.key, from: place - (layout.tops[at] ?? 0) } : null;
  };
}
