/** What a table of runs is narrowed down by: chips with counts, menus for function and time, and a search. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as format from "../format";
import type { Counts } from "../state/runlist";
import { ANY_TIME, hasTime, WITHIN, type Group, type Query } from "../state/runquery";
import { STATUS, type Status } from "../status";
import type { Connection } from "./env";
import { Icon, StatusIcon } from "./icons";
import type { RunTableController } from "./run-table-controller";

export interface FilterProps {
  readonly controller: RunTableController;
  readonly counts: Counts;
  readonly connection: Connection;
}

const SEARCH_PAUSE_MS = 200;
const RECENT: Status = { value: "recent", word: "Last hour", glyph: "clock", role: "idle" };
const CHIPS: readonly [Group, string, Status | null][] = [
  ["all", "All", null], ["running", "Running", STATUS.running], ["asking", "Needs you", STATUS.waitingYou],
  ["failed", "Failed", STATUS.failed], ["recent", "Last hour", RECENT],
];

export function RunFilters({ controller, counts, connection }: FilterProps): JSX.Element {
  const { query } = controller.state;
  const { live, value } = connection;
  return (
    <div class="inb-filters" role="group" aria-label="Filters">
      {CHIPS.map(([group, word, status]) => (
        <button type="button" key={group} class={`inb-chip s-${status?.role ?? "idle"}${query.group === group ? " on" : ""}`}
          aria-pressed={query.group === group} onClick={() => controller.ask({ group })} title={`${format.exactCount(counts[group as "all"])} runs`}>
          {status && <StatusIcon status={status} live={live && counts.running > 0} small />}
          {word}<b>{format.count(counts[group as "all"])}</b>
        </button>
      ))}
      {value !== "saved" && (
        <span class="inb-choices">
          {controller.given.function === null && <FunctionMenu controller={controller} />}
          <TimeMenu controller={controller} />
          <Search controller={controller} />
        </span>
      )}
    </div>
  );
}

function Search({ controller }: { controller: RunTableController }): JSX.Element {
  const { q, payload } = controller.state.query;
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return undefined;
    const later = setTimeout(() => controller.ask({ q: typed.trim() }), SEARCH_PAUSE_MS);
    return () => clearTimeout(later);
  }, [typed]);
  return (
    <span class="inb-search">
      <Icon name="search" small />
      <input type="search" value={typed} placeholder="Find a run" aria-label="Find a run by id, function or event name" data-search
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && typed !== "" && (event.stopPropagation(), setTyped(""))} />
      {typed !== "" && (
        <label title="Search the data of events, not ids and names">
          <input type="checkbox" checked={payload} onChange={(event) => controller.ask({ payload: event.currentTarget.checked })} />in data
        </label>
      )}
    </span>
  );
}

export function groupWord(group: Group): string {
  return CHIPS.find(([one]) => one === group)?.[1] ?? group;
}

/** A menu of the browser's own: no card can cut it off, and every hand and reader knows it. */
function FunctionMenu({ controller }: { controller: RunTableController }): JSX.Element {
  const { functions, query } = controller.state;
  const load = (): void => void controller.loadFunctions();
  const known = functions.some(({ id }) => id === query.function);
  return (
    <span class={`inb-choice${query.function === null ? "" : " on"}`}>
      <Icon name="function" small />
      <select aria-label="Function" value={query.function ?? ""} onPointerEnter={load} onFocus={load}
        onChange={(event) => controller.ask({ function: event.currentTarget.value || null })}>
        <option value="">Any function</option>
        {query.function !== null && !known && <option value={query.function}>{query.function}</option>}
        {functions.map(({ id, name, runs }) => <option key={id} value={id}>{`${name} (${format.count(runs)})`}</option>)}
      </select>
    </span>
  );
}

function TimeMenu({ controller }: { controller: RunTableController }): JSX.Element {
  const { query } = controller.state;
  const [between, setBetween] = useState(query.from !== null || query.to !== null);
  const choose = (value: string): void => {
    setBetween(value === "between");
    controller.ask(value === "between" ? { within: null, from: Math.floor(controller.env.clock.now() - DAY) } : { ...ANY_TIME, within: Number(value) || null });
  };
  return (
    <>
      <span class={`inb-choice${hasTime(query) ? " on" : ""}`}>
        <Icon name="clock" small />
        <select aria-label="Time" value={between ? "between" : String(query.within ?? "")} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">Any time</option>
          {WITHIN.map(([ms, word]) => <option key={ms} value={String(ms)}>{word}</option>)}
          <option value="between">Between…</option>
        </select>
      </span>
      {between && <TimeField controller={controller} name="from" label="Queued after" />}
      {between && <TimeField controller={controller} name="to" label="Queued before" />}
    </>
  );
}

const DAY = 86_400_000;

function TimeField({ controller, name, label }: { controller: RunTableController; name: "from" | "to"; label: string }): JSX.Element {
  const at = controller.state.query[name];
  const chosen = (event: { currentTarget: HTMLInputElement }): void => {
    const time = new Date(event.currentTarget.value).getTime();
    controller.ask({ [name]: Number.isFinite(time) ? time : null } as Partial<Query>);
  };
  return <input class="inb-when" type="datetime-local" aria-label={label} title={label} value={at === null ? "" : format.localMinute(at)} onChange={chosen} />;
}
