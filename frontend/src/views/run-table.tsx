/** RunTable: every run, live; counts, filters and rows come from one place. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import * as format from "../format";
import { baseUrl } from "../realtime/page";
import type { Counts } from "../state/runlist";
import { hasTime, narrows } from "../state/runquery";
import { past, STATUS, type Status } from "../status";
import { Announcer } from "./announce";
import { connectionOf, type Connection } from "./env";
import { useController, useTick } from "./hooks";
import { Icon } from "./icons";
import { groupWord, RunFilters } from "./run-filters";
import { runTableKeys } from "./run-table-keys";
import { canCancel, type RunTableController } from "./run-table-controller";
import { RunRows } from "./run-rows";
import { Banner, Card, Empty, Head, IconButton, LostBanner, ProblemBanner, Same, SavedBanner, type Figure } from "./shell";

const IDLE: Status = { value: "idle", word: "Idle", glyph: "done", role: "idle" };

export interface RunTableProps {
  readonly controller: RunTableController;
  /** On a page of its own the table has no header. */
  readonly bare?: boolean;
  /** The page says already why the list cannot be read. */
  readonly told?: boolean;
  readonly rows?: number;
}

export function RunTable({ controller, bare = false, told = false, rows }: RunTableProps): JSX.Element {
  const { list, problem, unread, query } = useController(controller);
  const { env } = controller;
  const connection = connectionOf(env, false);
  const now = connection.value === "saved" ? env.savedAt ?? env.clock.now() : env.clock.now();
  const known = statusOf(list.counts, list.known);
  useTick(env.still || !connection.live || !list.known ? null : list.counts.running > 0 ? 250 : 5000);
  const filtered = narrows(query) || query.function !== controller.given.function;
  const root = useRef<HTMLDivElement>(null);
  return (
    <Card view="run-table" label="Runs" status={known} connection={connection} data={{ "data-inb-total": list.total }}
      onKeyDown={(event) => runTableKeys(event, controller, root.current)}>
      {!bare && (
        <Head status={connection.stale ? { ...past(known), word: pastWord(list.counts) } : known} connection={connection} name="Runs"
          detail={query.function && <span class="mono muted opt">{query.function}</span>} figures={figures(list.counts)}
          actions={<PageLink />} />
      )}
      {(list.counts.all > 0 || filtered) && <RunFilters controller={controller} counts={list.counts} connection={connection} />}
      {!bare && <LostBanner env={env}>Rows show what was last heard.</LostBanner>}
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={problem ?? (told ? undefined : unread)} />
      <Started controller={controller} />
      <Selection controller={controller} />
      <div ref={root}>
        {list.total > 0 ? <RunRows controller={controller} connection={connection} now={now} rows={rows} />
          : <Nothing controller={controller} connection={connection} filtered={filtered} />}
      </div>
      {list.total > 0 && <Footer controller={controller} saved={connection.value === "saved"} />}
      <Announcer words={list.known ? `${format.exactCount(list.total)} ${format.plural(list.total, "run")}` : ""} running={false} key={query.group + query.q} />
    </Card>
  );
}

function statusOf(counts: Counts, known: boolean): Status {
  if (!known) return STATUS.loading;
  if (counts.running) return { ...STATUS.running, word: `${format.count(counts.running)} running` };
  if (counts.asking) return { ...STATUS.waitingYou, word: `${format.count(counts.asking)} ${format.plural(counts.asking, "needs", "need")} you` };
  return counts.all ? IDLE : { ...STATUS.unknown, word: "No runs" };
}

function pastWord(counts: Counts): string {
  return counts.running ? `${format.count(counts.running)} ${format.plural(counts.running, "was", "were")} running` : "Was idle";
}

function figures(counts: Counts): (Figure | null)[] {
  const ended = counts.recent_completed + counts.recent_failed;
  if (!counts.recent) return [];
  return [
    { value: format.count(counts.recent), unit: "last hour", title: `${format.exactCount(counts.recent)} runs were made in the last hour` },
    ended < 10 ? null : { value: format.percent(counts.recent_completed, ended), unit: "ok", optional: true, title: `${format.exactCount(counts.recent_failed)} of ${format.exactCount(ended)} failed` },
  ];
}

/** The same list on a page of its own, where there is a server that has one. */
function PageLink(): JSX.Element | null {
  const base = baseUrl();
  if (!base) return null;
  return <a class="inb-ib" href={new URL("inngest", base).href} target="_blank" rel="noopener" aria-label="Open on a page of its own" title="Open on a page of its own"><Icon name="open" /></a>;
}

function Started({ controller }: { controller: RunTableController }): JSX.Element | null {
  const { started: id } = controller.state;
  if (id === undefined) return null;
  const forget = (): void => {
    const { started: _, ...rest } = controller.state;
    controller.state = rest;
    controller.update({});
  };
  return (
    <Banner role="ok" icon="retry" action={{ label: "Open", run: () => { forget(); controller.toggleOpen(id); } }}>
      Started again as <span class="mono" title={id}>{format.shortId(id)}</span>.
    </Banner>
  );
}

function Selection({ controller }: { controller: RunTableController }): JSX.Element | null {
  const { selected } = controller.state;
  if (selected.size === 0) return null;
  const open = [...selected].filter((id) => canCancel(controller.model(id))).length;
  return (
    <div class="inb-selection" role="status">
      <b>{`${format.count(selected.size)} selected`}</b>
      {open > 0 && <button type="button" class="inb-b small bad s-bad" onClick={() => void controller.all("cancel")}>{`Cancel ${format.count(open)}`}</button>}
      {open < selected.size && <button type="button" class="inb-b small" onClick={() => void controller.all("rerun")}>{`Rerun ${format.count(selected.size - open)}`}</button>}
      <IconButton icon="close" label="Select none" onClick={() => controller.update({ selected: new Set() })} />
    </div>
  );
}

function Nothing({ controller, connection, filtered }: { controller: RunTableController; connection: Connection; filtered: boolean }): JSX.Element {
  const { list, query } = controller.state;
  if (!list.known) return <Empty icon="queued" title={connection.value === "saved" ? "Nothing was saved of the runs" : "Asking for the runs…"} />;
  if (!filtered) {
    return (
      <Empty icon="function" title="No runs yet" code={'my_function.start({"prompt": "…"})'}>
        Define a function and start it; runs of every notebook on this server appear here.
      </Empty>
    );
  }
  const asked = query.q ? `No run matches “${query.q}”` : query.group === "asking" ? "Nothing needs you"
    : query.group === "all" ? (hasTime(query) ? "No run in this time" : "No run of this function") : `No run is in “${groupWord(query.group)}”`;
  return (
    <Empty icon={query.q ? "search" : "done"} title={asked}>
      {`${format.count(list.counts.all)} ${format.plural(list.counts.all, "run")} in all${hasTime(query) ? " in this time" : ""}. `}
      <button type="button" class="inb-b small" onClick={() => controller.askAll()}>Show all runs</button>
    </Empty>
  );
}

function Footer({ controller, saved }: { controller: RunTableController; saved: boolean }): JSX.Element {
  const { list } = controller.state;
  return (
    <footer class="inb-foot">
      <span><b>{format.exactCount(list.total)}</b> {format.plural(list.total, "run")}</span>
      {!saved && <span class="opt">{`↑ ↓ move · Enter open · ${controller.state.allowed ? "r rerun · x select · " : ""}/ search`}</span>}
      <Same code="client.history.runs()" />
    </footer>
  );
}
