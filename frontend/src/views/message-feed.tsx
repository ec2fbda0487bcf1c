/** MessageFeed: every message of a channel, in order of offset. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import * as format from "../format";
import { isPlain, rowsOf } from "../state/feed";
import { liveRate } from "../state/rates";
import { past, STATUS, type Status } from "../status";
import { connectionOf, pausedBy, type Connection } from "./env";
import { FeedRows, topicColour } from "./feed-rows";
import { useController, useTick } from "./hooks";
import { Icon } from "./icons";
import type { MessageFeedController } from "./message-feed-controller";
import { Card, Empty, Head, IconButton, Id, LostBanner, ProblemBanner, Same, SavedBanner, type Figure } from "./shell";

const RECEIVING: Status = { value: "receiving", word: "Receiving", glyph: "running", role: "run" };
const PAUSED: Status = { value: "paused", word: "Paused", glyph: "wait", role: "idle" };
const OFFLINE: Status = { value: "offline", word: "Offline", glyph: "queued", role: "ask" };
const RECENT_MS = 3000;
const TYPING_PAUSE_MS = 250;

export function MessageFeed({ controller }: { controller: MessageFeedController }): JSX.Element {
  const state = useController(controller);
  const { env, channel } = controller;
  const connection = pausedBy(state.paused, connectionOf(env, false));
  const now = connection.value === "saved" ? env.savedAt ?? env.clock.now() : env.clock.now();
  const receiving = connection.live && state.rates.count > 0 && now - state.rates.last < RECENT_MS;
  const known = state.paused ? PAUSED : connection.value === "reconnecting" ? OFFLINE : receiving ? RECEIVING : STATUS.listening;
  useTick(env.still || !receiving ? null : 500);
  const rows = useMemo(() => rowsOf(state.stretch, state.opened), [state.stretch, state.opened]);
  const total = Math.max(0, state.next - state.first);
  return (
    <Card view="message-feed" label={`Messages of ${channel}`} status={known} connection={connection} data={{ "data-inb-messages": total }}
      onKeyDown={(event) => feedKeys(event, controller)}>
      <Head status={connection.value === "saved" ? past(known) : known} connection={connection} name={format.channelName(channel)}
        detail={<><Id id={channel} shown="" /><span class="mono muted opt">{`${format.count(total)} ${format.plural(total, "message")}`}</span></>}
        figures={figures(state.rates, receiving, now)}
        actions={connection.value !== "saved" && (
          <IconButton icon={state.paused ? "play" : "pause"} label={state.paused ? "Go on" : "Pause"} pressed={state.paused} onClick={() => controller.pause(!state.paused)} />
        )} />
      {(total > 0 || !isPlain(controller.filter)) && <Filters controller={controller} total={total} saved={connection.value === "saved"} />}
      <LostBanner env={env}>{`Will go on from offset ${format.exactCount(state.next)}, without a gap.`}</LostBanner>
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={state.problem} />
      {rows.length > 0 ? <FeedRows controller={controller} rows={rows} now={now} /> : <Nothing controller={controller} connection={connection} />}
      {rows.length > 0 && <Footer controller={controller} total={total} />}
    </Card>
  );
}

function figures(rates: MessageFeedController["state"]["rates"], receiving: boolean, now: number): (Figure | null)[] {
  return receiving ? [{ value: format.rate(liveRate(rates, now)), unit: "msg/s" }] : [];
}

function Filters({ controller, total, saved }: { controller: MessageFeedController; total: number; saved: boolean }): JSX.Element {
  const { state } = controller;
  const names = [...new Set([...state.counts.keys(), ...state.topics])].sort((a, b) => Number(a === "lifecycle") - Number(b === "lifecycle"));
  const chip = (name: string | null, word: string, n: number, on: boolean): JSX.Element => (
    <button type="button" key={word} class={`inb-chip${on ? " on" : ""}`} aria-pressed={on} disabled={saved} title={`${format.exactCount(n)} ${format.plural(n, "message")}`}
      onClick={() => (name === null ? controller.search({ topics: [] }) : controller.toggleTopic(name))}>
      {name !== null && <i class={`dot${name === "lifecycle" ? " sq" : ""}`} style={`--dot:${topicColour(names, name)}`} />}
      {word}<b>{format.count(n)}</b>
    </button>
  );
  return (
    <div class="inb-filters" role="group" aria-label="Filters">
      {chip(null, "All", total, state.topics.length === 0)}
      {names.map((name) => chip(name, name, state.counts.get(name) ?? 0, state.topics.includes(name)))}
      {!saved && <Search controller={controller} />}
    </div>
  );
}

function Search({ controller }: { controller: MessageFeedController }): JSX.Element {
  const { typed: searched } = controller.state;
  const [typed, setTyped] = useState(searched);
  useEffect(() => setTyped(searched), [searched]);
  useEffect(() => {
    if (typed === searched) return undefined;
    const later = setTimeout(() => controller.search({ typed }), TYPING_PAUSE_MS);
    return () => clearTimeout(later);
  }, [typed]);
  return (
    <span class="inb-search">
      <Icon name="search" small />
      <input type="search" value={typed} placeholder="Filter text or path=value" data-search title="Text, path=value, kind:run, run:end-of-id"
        aria-label="Filter by text, path=value, kind:… or run:…" onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && typed !== "" && (event.stopPropagation(), setTyped(""))} />
    </span>
  );
}

function Nothing({ controller, connection }: { controller: MessageFeedController; connection: Connection }): JSX.Element {
  const { state, filter } = controller;
  const total = Math.max(0, state.next - state.first);
  if (!state.known || state.loading !== null) return <Empty icon="message" title={connection.value === "saved" ? "Nothing was saved of this channel" : "Asking for the messages…"} />;
  if (!isPlain(filter)) {
    return (
      <Empty icon="search" title="No message matches">
        {`${format.count(total)} ${format.plural(total, "message is", "messages are")} hidden by `}
        <span class="mono">{words(controller)}</span>{". "}
        <button type="button" class="inb-b small" onClick={() => controller.search({ typed: "", topics: [] })}>Clear filters</button>
      </Empty>
    );
  }
  return <Empty icon="message" title="No messages yet" code={`await ctx.publish(chat.status, {"message": "…"})`}>What is published on this channel appears here.</Empty>;
}

function words({ state }: MessageFeedController): string {
  return [...state.topics.map((name) => `topic=${name}`), state.typed.trim()].filter(Boolean).join(" ");
}

function Footer({ controller, total }: { controller: MessageFeedController; total: number }): JSX.Element {
  const { state, filter } = controller;
  const shown = state.stretch.messages.length;
  const whole = state.stretch.from <= state.first && state.stretch.to >= state.next;
  return (
    <footer class="inb-foot">
      {state.paused && <span>Paused at offset <b>{format.exactCount(Math.max(0, state.stretch.to - 1))}</b> · still receiving, nothing is lost</span>}
      {!isPlain(filter) && <span><b>{format.count(shown)}</b>{whole ? ` of ${format.count(total)} match, ${format.count(total - shown)} hidden` : ` found so far of ${format.count(total)}`}</span>}
      {isPlain(filter) && !state.paused && <span>pieces of one step folded into one row</span>}
      <Same code="client.history.messages(channel=…)" />
    </footer>
  );
}

function feedKeys(event: KeyboardEvent, controller: MessageFeedController): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, [role=tree]")) return;
  if (event.key === "/") target.closest(".inb")?.querySelector<HTMLElement>("[data-search]")?.focus();
  else if (event.key === "End") void controller.showEnd();
  else if (event.key === "Home") void controller.jump(controller.state.first);
  else if (event.key === " " && !target.closest("button")) controller.pause(!controller.state.paused);
  else return;
  event.preventDefault();
}
