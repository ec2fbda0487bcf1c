/** The page about the whole engine: runs, questions, functions, events and channels of every notebook on the server. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import * as format from "../format";
import { Approval } from "../views/approval";
import { ApprovalController } from "../views/approval-controller";
import { connectionOf, type Connection, type Controller, type Env } from "../views/env";
import { useController, useTheme, useTick } from "../views/hooks";
import { Icon } from "../views/icons";
import { MessageFeed } from "../views/message-feed";
import { MessageFeedController } from "../views/message-feed-controller";
import { RunTable } from "../views/run-table";
import { RunTableController } from "../views/run-table-controller";
import { Banner, Empty, LostBanner } from "../views/shell";
import { RunTimeline } from "../views/timeline";
import { TimelineController } from "../views/timeline-controller";
import type { Role } from "../status";
import { text, type Dict } from "../wire";
import { HourChart } from "./chart";
import { Channels, Events, Functions } from "./lists";
import type { Health, PageController, Room, Trouble } from "./page-controller";
import { SendEvent } from "./send-event";

type IconName = Parameters<typeof Icon>[0]["name"];

const RAIL: readonly [Room, string, IconName][] = [
  ["runs", "Runs", "table"], ["approvals", "Approvals", "person"], ["functions", "Functions", "function"], ["events", "Events", "bolt"], ["channels", "Channels", "message"],
];
const ROW_PX = 34;
const AROUND_PX = 300;

export function Page({ controller }: { controller: PageController }): JSX.Element {
  const state = useController(controller);
  const { env } = controller;
  const ref = useRef<HTMLElement>(null);
  const theme = useTheme(ref);
  const connection = connectionOf(env, false);
  useTick(5000);
  const runs = useOwn(() => new RunTableController(env, {}, {}), []);
  useEffect(() => {
    if (state.trouble === null) runs.reload();
  }, [state.trouble === null]);
  const counts = useController(runs).list.counts;
  const known = runs.state.list.known;
  const sizes: Record<Room, number> = {
    runs: counts.all, approvals: state.questions.length, functions: state.functions.length, events: state.events.length, channels: state.channels.length,
  };
  return (
    <section ref={ref} class="inb inb-page" aria-label="Inngest" data-inb-theme={theme} data-inb-connection={connection.value}>
      <nav class="rail" aria-label="Rooms">
        {RAIL.map(([room, word, icon]) => (
          <a key={room} href={`#/${room}`} class={state.place.room === room ? "on" : ""} aria-current={state.place.room === room ? "page" : undefined}>
            <Icon name={icon} />{word}<b class={room === "approvals" && sizes[room] ? "asks" : ""}>{known ? format.count(sizes[room]) : ""}</b>
          </a>
        ))}
        <EngineHealth health={state.health} trouble={state.trouble} now={env.clock.now()} connection={connection} />
      </nav>
      <main>
        <LostBanner env={env}>What is shown is what was last heard.</LostBanner>
        <TroubleBanner controller={controller} />
        {state.trouble && !known ? <Empty icon="plug" title="Nothing is known of this engine yet" /> : <RoomOf controller={controller} runs={runs} />}
      </main>
      <aside>
        {known && state.place.room !== "approvals" && <Questions env={env} questions={state.questions} few />}
        {(known || state.trouble === null) && <SendEvent controller={controller} />}
      </aside>
    </section>
  );
}

interface HealthProps {
  readonly health: Health | null;
  readonly trouble: Trouble | null;
  readonly now: number;
  readonly connection: Connection;
}

function healthOf({ health, trouble, connection }: HealthProps): readonly [Role, IconName, string] {
  if (connection.stale && health) return ["idle", "queued", "Not heard from"];
  if (trouble?.code === "engine_starting") return ["idle", "queued", "Engine is starting"];
  if (trouble?.code === "forbidden") return ["idle", "cancelled", "Not permitted"];
  if (trouble?.code === "unreachable") return ["idle", "queued", "Not heard from"];
  if (trouble ?? health?.outage) return ["bad", "failed", "Engine in trouble"];
  if (!health) return ["idle", "queued", "Asking the engine…"];
  return [health.workers.length ? "ok" : "idle", "done", "Engine healthy"];
}

function EngineHealth(props: HealthProps): JSX.Element {
  const { health, trouble, now, connection } = props;
  const [role, icon, words] = healthOf(props);
  return (
    <div class={`health s-${role}`} role="status" title={trouble?.sentence ?? health?.outage}>
      <p><Icon name={icon} />{words}</p>
      {health && (
        <dl>
          <div><dd>{format.count(health.workers.length)}</dd><dt>{`${format.plural(health.workers.length, "kernel")} connected`}</dt></div>
          <div><dd>{format.duration(health.commit_ms)}</dd><dt>commit, p50</dt></div>
          <div><dt>journal</dt><dd>{format.bytes(health.journal_bytes)}</dd></div>
          <div><dt>up</dt><dd>{connection.stale ? format.atLeast(now - health.since) : format.duration(now - health.since)}</dd></div>
        </dl>
      )}
      <p class="muted">{connection.word}</p>
    </div>
  );
}

/** What is told of an engine that does not answer, by the server's word for it. */
const TROUBLES: Readonly<Record<string, readonly [Role, IconName, string]>> = {
  forbidden: ["bad", "failed", "You may not see this."],
  engine_starting: ["idle", "queued", "The engine is starting."],
  data_dir_locked: ["bad", "failed", "Another engine has the journal."],
  journal_corrupt: ["bad", "failed", "The journal is damaged."],
  unreachable: ["ask", "plug", "The server does not answer."],
};

function TroubleBanner({ controller }: { controller: PageController }): JSX.Element | null {
  const { trouble, health } = controller.state;
  if (controller.env.link.state().phase === "reconnecting") return null; // what is known is old, and a banner says so
  if (trouble) {
    const [role, icon, title] = TROUBLES[trouble.code] ?? ["bad", "failed", "The engine does not answer."];
    const again = trouble.code === "engine_starting" ? undefined : { label: "Try again", run: () => void controller.health() };
    return <Banner role={role} icon={icon} action={again}><strong>{title} </strong>{trouble.sentence.charAt(0).toUpperCase() + trouble.sentence.slice(1)}</Banner>;
  }
  if (health?.outage) return <Banner role="bad" icon="failed"><strong>Nothing new is kept at the moment. </strong>{health.outage}</Banner>;
  if (health?.workers.length === 0) {
    return <Banner role="idle" icon="queued"><strong>No kernel is connected. </strong>Runs wait until a notebook runs the cells that define their functions.</Banner>;
  }
  return null;
}

function RoomOf({ controller, runs }: { controller: PageController; runs: RunTableController }): JSX.Element {
  const { place, functions, events, channels, questions } = controller.state;
  const { env } = controller;
  const now = env.clock.now();
  if (place.room === "runs") return place.id === null ? <Runs controller={runs} now={now} told={controller.state.trouble !== null} /> : <OneRun key={place.id} env={env} id={place.id} />;
  if (place.room === "approvals") return <Titled title="Open questions"><Questions env={env} questions={questions} /></Titled>;
  if (place.room === "functions") {
    return place.id === null ? <Titled title="Functions"><Functions functions={functions} /></Titled>
      : <Titled title={place.id} back="#/functions"><RunsOf key={place.id} env={env} id={place.id} /></Titled>;
  }
  if (place.room === "events") return <Titled title="Events"><Events events={events} now={now} /></Titled>;
  return place.id === null ? <Titled title="Channels"><Channels channels={channels} now={now} /></Titled>
    : <Titled title={format.channelName(place.id)} back="#/channels"><Feed key={place.id} env={env} id={place.id} /></Titled>;
}

function Runs({ controller, now, told }: { controller: RunTableController; now: number; told: boolean }): JSX.Element {
  const rows = useRows();
  const { counts } = controller.state.list;
  return (
    <>
      {counts.recent > 0 && <HourChart minutes={counts.minutes} now={now} />}
      <RunTable controller={controller} bare told={told} rows={rows} />
    </>
  );
}

/** As many rows as the window has room for. */
function useRows(): number {
  const room = (): number => Math.max(8, Math.floor((innerHeight - AROUND_PX) / ROW_PX));
  const [rows, setRows] = useState(room);
  useEffect(() => {
    const resized = (): void => setRows(room());
    addEventListener("resize", resized);
    return () => removeEventListener("resize", resized);
  }, []);
  return rows;
}

function OneRun({ env, id }: { env: Env; id: string }): JSX.Element {
  const controller = useOwn(() => new TimelineController(env, { run_id: id }, {}), [id]);
  return <Titled title={`Run ${format.shortId(id)}`} back="#/runs"><RunTimeline controller={controller} /></Titled>;
}

function RunsOf({ env, id }: { env: Env; id: string }): JSX.Element {
  const controller = useOwn(() => new RunTableController(env, { function: id }, {}), [id]);
  return <RunTable controller={controller} rows={useRows()} />;
}

function Feed({ env, id }: { env: Env; id: string }): JSX.Element {
  const controller = useOwn(() => new MessageFeedController(env, { channel: id }, {}), [id]);
  return <MessageFeed controller={controller} />;
}

function Titled({ title, back, children }: { title: string; back?: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="room">
      <h2>{back && <a href={back} class="inb-ib" aria-label="Back" title="Back"><Icon name="left" /></a>}{title}</h2>
      {children}
    </div>
  );
}

/** Questions by the channel that they were asked on: each one is answered where it stands. */
function Questions({ env, questions, few = false }: { env: Env; questions: readonly Dict[]; few?: boolean }): JSX.Element {
  const places = [...new Map(questions.filter((one) => one.channel).map((one) => [`${String(one.channel)}\n${String(one.topic)}`, one])).entries()];
  const lost = questions.filter((one) => !one.channel);
  return (
    <div class="questions">
      {few && <h3>Open questions <span class="muted">{format.count(questions.length)}</span></h3>}
      {questions.length === 0 && (few ? <p class="muted">Nobody is being asked anything.</p> : <Empty icon="person" title="Nobody is being asked anything">Questions of every run on this server appear here.</Empty>)}
      {places.slice(0, few ? 5 : 50).map(([key, one]) => <Asked key={key} env={env} channel={String(one.channel)} topic={String(one.topic)} />)}
      {lost.map((one) => (
        <p key={String(one.hash) + String(one.run_id)}>
          <a href={`#/runs/${String(one.run_id)}`}>{text(one.name)}</a>{` waits for ${String(one.event)}; no message says why.`}
        </p>
      ))}
    </div>
  );
}

function Asked({ env, channel, topic }: { env: Env; channel: string; topic: string }): JSX.Element {
  const controller = useOwn(() => new ApprovalController(env, { channel, topic }, {}), [channel, topic]);
  return <Approval controller={controller} />;
}

/** A controller that lives as long as the component. */
function useOwn<T extends Controller<never> | { dispose(): void }>(make: () => T, about: readonly unknown[]): T {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const own = useMemo(make, about);
  useEffect(() => {
    redraw(undefined as never);
    return () => own.dispose();
  }, about);
  return own;
}
