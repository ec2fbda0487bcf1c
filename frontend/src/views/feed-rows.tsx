/** The rows of a feed: what is in sight, between two stretches of the log that have not been asked for. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import * as format from "../format";
import { isLifecycle, json, preview, topicOf, type FeedRow } from "../state/feed";
import { detailHeight, indexAt, look, ROW, useAnchor, useLayout } from "./feed-layout";
import type { Message } from "../wire";
import { focusRow } from "./hooks";
import { Icon } from "./icons";
import { JsonTree } from "./json-tree";
import type { MessageFeedController } from "./message-feed-controller";

const MOST_ROWS = 14;
const OVERSCAN = 8;

export function FeedRows({ controller, rows, now }: { controller: MessageFeedController; rows: readonly FeedRow[]; now: number }): JSX.Element {
  const { state } = controller;
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [current, setCurrent] = useState<string | null>(null);
  const layout = useLayout(controller, rows);
  const visible = Math.min(layout.height, MOST_ROWS * ROW);
  const first = indexAt(layout.tops, scroll - layout.above);
  const from = Math.max(0, first - OVERSCAN);
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
  const goTo = (key: string): void => {
    const at = rows.findIndex((row) => row.key === key);
    if (at < 0 || !box.current) return;
    setCurrent(key);
    box.current.scrollTop = layout.above + (layout.tops[at] ?? 0) - visible / 2;
    focusRow(box.current, key);
  };
  const names = [...state.counts.keys()];
  const newer = state.newer > 0 && (!state.following || state.paused);
  const shown = shownPlaces(rows, current, from, to);
  const tabbable = shown.some((place) => rows[place]?.key === current) ? current : rows[first]?.key;
  return (
    <div class="inb-feed" role="grid" aria-label="Messages" aria-rowcount={Math.max(rows.length, state.next - state.first)} aria-busy={state.loading === "all"}>
      <div ref={box} class="body" role="rowgroup" style={`height:${visible}px`} onScroll={scrolled}>
        <div class="all" role="presentation" style={`height:${layout.height}px`}>
          {shown.map((place) => {
            const row = rows[place]!;
            return <Row key={row.key} controller={controller} row={row} top={layout.above + (layout.tops[place] ?? 0)} names={names} now={now}
              tabbable={row.key === tabbable} focused={() => setCurrent(row.key)} goTo={goTo} />;
          })}
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

/** The rows in sight, and the one that has the focus: new messages must not take it away. */
function shownPlaces(rows: readonly FeedRow[], current: string | null, from: number, to: number): number[] {
  const places = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  if (current === null) return places;
  const at = rows.findIndex((row) => row.key === current);
  if (at < 0 || (at >= from && at < to)) return places;
  return at < from ? [at, ...places] : [...places, at];
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
  readonly tabbable: boolean;
  focused(): void;
  goTo(key: string): void;
}

function Row({ controller, row, top, names, now, tabbable, focused, goTo }: RowProps): JSX.Element {
  const toggle = (): void => controller.toggle(row.key);
  const keys = (event: KeyboardEvent): void => {
    if (event.target === event.currentTarget && rowKeys(event, toggle)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  const place = { style: `top:${top}px`, role: "row" as const, tabIndex: tabbable ? 0 : -1, "data-key": row.key, onKeyDown: keys, onFocus: focused };
  if (row.kind === "day") return <div class="line day" {...place}><span role="gridcell">{new Date(row.at).toDateString()}</span></div>;
  if (row.kind === "gap") {
    const { lost, from, to } = row.gap;
    return (
      <div class="line gap s-ask" {...place}>
        <span role="gridcell"><Icon name="failed" small />{`${format.exactCount(lost)} ${format.plural(lost, "message")} trimmed from the log (${format.exactCount(from)}–${format.exactCount(to - 1)})`}</span>
      </div>
    );
  }
  const message = row.kind === "fold" ? row.messages[0]! : row.message;
  const last = row.kind === "fold" ? row.messages.at(-1)! : row.message;
  const open = controller.state.opened.has(row.key);
  const name = topicOf(message);
  const struck = row.struck !== null;
  return (
    <div class={`line m${struck ? " struck" : ""}${open ? " open" : ""}`} {...place} aria-rowindex={message.offset - controller.state.first + 1} data-offset={message.offset}>
      <span class="c-x" role="gridcell">
        <button type="button" class="twist" tabIndex={-1} aria-expanded={open} aria-label={open ? "Close" : "Open"} onClick={toggle}>
          <Icon name={struck || message.kind === "rollback" ? "undo" : open ? "down" : "right"} small />
        </button>
      </span>
      <span class="c-offset num" role="gridcell">{message.offset === last.offset ? format.exactCount(message.offset) : `${format.exactCount(message.offset)}–${format.exactCount(last.offset)}`}</span>
      <span class="c-at" role="gridcell" title={format.iso(message.at)}>{format.clock(message.at, now, true)}</span>
      <span class="c-topic" role="gridcell" title={message.topic}><i class={`dot${isLifecycle(message) ? " sq" : ""}`} style={`--dot:${topicColour(names, name)}`} />{message.topic}</span>
      <span class="c-text mono" role="gridcell" onClick={toggle}>
        {struck ? <del>{said(row, message)}</del> : said(row, message)}
        {struck && <span class="inb-vh"> rolled back</span>}
      </span>
      <span class="c-run mono" role="gridcell" title={message.run_id}>{row.struck !== null && <RolledBack by={row.struck} goTo={goTo} />}{row.kind === "fold" ? `${format.count(row.messages.length)} in ${format.duration(last.at - message.at)}` : message.run_id ? (
        <button type="button" class="inb-more plain" tabIndex={-1} title={`Only run ${message.run_id}`} onClick={() => controller.search({ typed: `run:${message.run_id?.slice(-6)}` })}>{format.shortId(message.run_id)}</button>) : ""}</span>
      {row.kind === "message" && open && <div class="data" role="gridcell" style={`height:${detailHeight(message)}px`}><JsonTree value={message.data} label={`Data of message ${message.offset}`} /></div>}
    </div>
  );
}

/** Leads from what was taken back to the rollback that did it. */
function RolledBack({ by, goTo }: { by: number; goTo(key: string): void }): JSX.Element {
  return (
    <>
      <button type="button" class="inb-more plain" tabIndex={-1} aria-label={`Go to the rollback at ${by}`} title="Go to the rollback" onClick={() => goTo(`m-${by}`)}>{`→ ${format.exactCount(by)}`}</button>
      {" · "}
    </>
  );
}

function said(row: FeedRow, message: Message): string {
  if (row.kind === "fold") return `“${row.text}…”`;
  const undone = row.kind === "message" && row.undoes ? ` offsets ${row.undoes.map(format.exactCount).join("–")}` : "";
  return (preview(message) || json(message.data)) + undone;
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
