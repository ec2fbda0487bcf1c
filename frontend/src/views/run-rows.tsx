/** The rows of a table of runs: only those in sight are in the document, whatever the length of the list. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Order } from "../state/runquery";
import { fresh } from "../state/runlist";
import type { Connection } from "./env";
import { useNarrow } from "./hooks";
import { Icon } from "./icons";
import { RunRow } from "./run-row";
import type { RunTableController } from "./run-table-controller";
import { RerunPanel } from "./rerun";
import { RunTimeline } from "./timeline";

const MOST_ROWS = 12;
const OVERSCAN = 8;
const FEW = 2;
const NARROW_PX = 560;

const COLUMNS: readonly [Order | null, string, string][] = [
  ["status", "Status", "c-status"], ["function", "Function", "c-fn"], ["run", "Run", "c-run"], ["started", "Started", "c-started"],
  ["duration", "Duration", "c-took num"], ["steps", "Steps", "c-steps"], ["trigger", "Trigger", "c-trigger"], [null, "", "c-do"],
];

export interface RowsProps {
  readonly controller: RunTableController;
  readonly connection: Connection;
  readonly now: number;
  /** How many rows are in sight before the list scrolls; undefined fills the page. */
  readonly rows?: number | undefined;
}

export function RunRows({ controller, connection, now, rows = MOST_ROWS }: RowsProps): JSX.Element {
  const { list, query } = controller.state;
  const box = useRef<HTMLDivElement>(null);
  const row = useNarrow(box, NARROW_PX) ? 56 : 34;
  const [scroll, setScroll] = useState(0);
  const panel = usePanel(controller);
  const height = list.total * row + panel.height;
  const visible = Math.min(height, rows * row + panel.height);
  const above = panel.place < 0 ? Infinity : (panel.place + 1) * row;
  const placeAt = (y: number): number => Math.floor((y <= above ? y : Math.max(above, y - panel.height)) / row);
  const overscan = scroll > 0 ? OVERSCAN : FEW; // who has not scrolled sees the first rows the sooner
  const from = Math.max(0, placeAt(scroll) - overscan);
  const to = Math.min(list.total, placeAt(scroll + visible) + 1 + overscan);
  useLayoutEffect(() => {
    if (box.current) box.current.scrollTop = 0; // other runs: from their beginning, before it is noted where the reader is
    setScroll(0);
  }, [query]);
  useLayoutEffect(() => controller.see(placeAt(box.current?.scrollTop ?? scroll), to), [from, to, scroll < row, list.upto]);
  const newer = controller.state.atTop ? 0 : fresh(list, query);
  const current = controller.state.current ?? list.places.get(0);
  const shown = shownPlaces(list.places, current, from, to);
  const tabbable = shown.some((place) => list.places.get(place) === current) ? current : list.places.get(placeAt(scroll));
  return (
    <div class="inb-runs" role="treegrid" aria-label="Runs" aria-rowcount={list.total + 1} aria-multiselectable="true">
      <Columns controller={controller} />
      {newer > 0 && (
        <button type="button" class="inb-newer" onClick={() => { if (box.current) box.current.scrollTop = 0; controller.showNewest(); }}>
          <Icon name="tail" small />{`${newer.toLocaleString("en-US")} new ${newer === 1 ? "run" : "runs"}`}
        </button>
      )}
      <div ref={box} class="body" role="rowgroup" style={`height:${visible}px`} onScroll={(event) => setScroll(event.currentTarget.scrollTop)}>
        <div class="all" role="presentation" style={`height:${height}px`}>
          {shown.map((place) => {
            const id = list.places.get(place);
            const model = id === undefined ? undefined : list.runs.get(id);
            const top = place * row + (place > panel.place && panel.place >= 0 ? panel.height : 0);
            if (id === undefined || !model) return <div key={place} class="trow blank" role="row" aria-level={1} style={`top:${top}px`} aria-rowindex={place + 2}><span role="gridcell">…</span></div>;
            return <RunRow key={id} controller={controller} id={id} model={model} place={place} top={top} connection={connection} now={now} tabbable={id === tabbable} />;
          })}
          {panel.place >= 0 && <div ref={panel.ref} class="opened" role="row" style={`top:${(panel.place + 1) * row}px`}><div role="gridcell"><Opened controller={controller} /></div></div>}
        </div>
      </div>
    </div>
  );
}

/** The places in sight, and the one of the row that the keyboard acts on: runs that come must not take the focus away. */
function shownPlaces(places: ReadonlyMap<number, string>, current: string | undefined, from: number, to: number): number[] {
  const shown = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  if (current === undefined || shown.some((place) => places.get(place) === current)) return shown;
  const away = [...places].find(([, id]) => id === current)?.[0];
  if (away === undefined) return shown;
  return away < from ? [away, ...shown] : [...shown, away];
}

function Columns({ controller }: { controller: RunTableController }): JSX.Element {
  const { order, up } = controller.state.query;
  return (
    <div class="thead" role="row" aria-rowindex={1}>
      {COLUMNS.map(([by, word, classes]) => (
        <span key={classes} class={classes} role="columnheader" {...(by === order ? { "aria-sort": up ? "ascending" : "descending" } : {})}>
          {by ? (
            <button type="button" onClick={() => controller.sort(by)}>
              {word}{by === order && (up || by !== "started") && <Icon name={up ? "up" : "down"} small />}
            </button>
          ) : word || <span class="inb-vh">Actions</span>}
        </span>
      ))}
    </div>
  );
}

/** What is open below its row: how high it is, and where. */
function usePanel(controller: RunTableController): { ref: { current: HTMLDivElement | null }; height: number; place: number } {
  const ref = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  const { open, rerun, list } = controller.state;
  const id = open ?? rerun;
  const place = id === null ? -1 : [...list.places].find(([, run]) => run === id)?.[0] ?? -1;
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) {
      setHeight(0);
      return undefined;
    }
    const measure = (): void => setHeight(element.offsetHeight);
    measure();
    if (typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [place, id]);
  return { ref, height: place < 0 ? 0 : height, place };
}

/** A run in place: its timeline with the details of its steps, or the plan of running it again. */
function Opened({ controller }: { controller: RunTableController }): JSX.Element | null {
  const { rerun } = controller.state;
  if (rerun !== null) {
    return <RerunPanel env={controller.env} run_id={rerun} model={controller.model(rerun)} onClose={() => controller.update({ rerun: null })}
      onStarted={(id) => controller.begun(id)} />;
  }
  return controller.timeline && <RunTimeline controller={controller.timeline} key={controller.timeline.run_id} />;
}
