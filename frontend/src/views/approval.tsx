/** Approval: one question at a time, in full; the rest of the queue one key away. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import * as format from "../format";
import { isSettled, type QuestionView } from "../state/questions";
import { past, STATUS, type Status } from "../status";
import { Answered } from "./answered";
import type { ApprovalController } from "./approval-controller";
import { Draft, Markdown, QuestionFacts } from "./approval-parts";
import { connectionOf, type Connection } from "./env";
import { useController, useTick } from "./hooks";
import { Banner, Card, Empty, Head, Id, LostBanner, ProblemBanner, SavedBanner, type Figure } from "./shell";

const LAST_MINUTE_MS = 60_000;
const SENDING: Status = { value: "sending", word: "Sending", glyph: "running", role: "run" };
const OPENING: Status = { value: "opening", word: "Opening", glyph: "person", role: "idle" };
const NONE_OPEN: Status = { value: "none", word: "None open", glyph: "person", role: "idle" };

interface Shown {
  readonly controller: ApprovalController;
  readonly connection: Connection;
  readonly open: readonly QuestionView[];
  readonly current: QuestionView | undefined;
  readonly now: number;
}

export function Approval({ controller }: { controller: ApprovalController }): JSX.Element {
  const state = useController(controller);
  const { env } = controller;
  const connection = connectionOf(env, false);
  const now = connection.value === "saved" ? env.savedAt ?? env.clock.now() : env.clock.now();
  const views = controller.views(now);
  const open = views.filter((view) => !isSettled(view.phase));
  const current = open.find((view) => view.question.key === state.chosen) ?? open[0];
  const shown: Shown = { controller, connection, open, current, now };
  useTick(env.still || connection.value === "saved" || !current ? null : current.phase === "sending" ? 100 : 500);
  const status = statusOf(current);
  const body = useRef<HTMLDivElement>(null);
  return (
    <Card view="approval" label={`Questions on ${controller.channel}`} status={status} connection={connection} onKeyDown={(event) => keys(event, shown)}>
      <ApprovalHead {...shown} status={connection.value === "saved" ? past(status) : status} />
      {current && connection.value !== "saved" && <DeadlineBar view={current} now={now} />}
      <Banners {...shown} problem={state.problem} />
      <div ref={body}>
        {current && <QuestionCard key={current.question.key} {...shown} view={current} />}
        <Answered views={views} now={now} below={current !== undefined} controller={controller} />
        {views.length === 0 && <Nobody saved={connection.value === "saved"} />}
      </div>
      <span class="inb-vh" aria-live="polite">{announcement(current, now)}</span>
    </Card>
  );
}

function statusOf(current: QuestionView | undefined): Status {
  if (!current) return NONE_OPEN;
  if (current.phase === "sending") return SENDING;
  return current.phase === "opening" ? OPENING : STATUS.waitingYou;
}

function ApprovalHead({ controller, connection, open, current, now, status }: Shown & { status: Status }): JSX.Element {
  const { channel, topic, followers } = controller;
  if (!current) {
    const answered = controller.views(now).length;
    return (
      <Head status={status} connection={connection} name={topic ?? "approvals"}
        detail={<Id id={channel} shown={format.channelName(channel)} />}
        figures={[answered ? { value: format.count(answered), unit: "answered" } : null]} />
    );
  }
  const { question, wait } = current;
  const run = followers.get(question.run_id)?.model.run;
  const asker = run?.name || question.fn_id;
  return (
    <Head status={status} connection={connection} name={wait?.step_id ?? question.topic}
      detail={<Id id={question.run_id} prefix={asker ? `${asker} ` : ""} shown={format.shortId(question.run_id)} />}
      figures={headFigures(current, open, connection, now)} />
  );
}

function headFigures(view: QuestionView, open: readonly QuestionView[], connection: Connection, now: number): (Figure | null)[] {
  if (connection.value === "saved") return [];
  if (view.phase === "sending" && view.pending) return [{ value: format.ticking(now - view.pending.clickedAt) }];
  const left = view.deadline === undefined ? null : Math.max(0, view.deadline - now);
  const place = open.indexOf(view) + 1;
  return [
    left === null ? null : { value: format.countdown(left), unit: "left", title: `Until ${format.iso(view.deadline)}` },
    open.length > 1 ? { value: `question ${place} of ${open.length}`, optional: true } : null,
  ];
}

function DeadlineBar({ view, now }: { view: QuestionView; now: number }): JSX.Element {
  const whole = view.deadline === undefined || !view.wait ? 0 : view.deadline - view.wait.started_at;
  const left = view.deadline === undefined ? 0 : Math.max(0, view.deadline - now);
  const share = whole > 0 ? Math.min(100, (100 * left) / whole) : 0;
  const soon = left < LAST_MINUTE_MS;
  return (
    <div class={`inb-deadline s-${soon ? "bad" : "ask"}`} role="timer" aria-live="off"
      aria-label={view.deadline === undefined ? "No deadline" : `${format.countdown(left)} left`} title={format.iso(view.deadline)}>
      <i style={`width:${share.toFixed(2)}%`} />
    </div>
  );
}

function Banners({ controller, connection, current, now, problem }: Shown & { problem: string | undefined }): JSX.Element {
  const { env } = controller;
  const deadline = current?.deadline === undefined ? "" : ` Deadline ${format.clock(current.deadline, now)}.`;
  const pending = current?.pending;
  return (
    <>
      {current
        ? <LostBanner env={env}>{`Your answer is kept here and sent when the server is back.${deadline}`}</LostBanner>
        : <LostBanner env={env}>Questions asked meanwhile appear when it is back.</LostBanner>}
      {current?.phase === "kept" && (
        <Banner role="ask" icon="plug" action={{ label: "Take back", run: () => controller.takeBack(current.question.key) }}>
          <strong>{pending?.approved ? "Approve" : "Reject"} is kept here</strong> and sent as soon as the server answers.{deadline}
        </Banner>
      )}
      {pending?.phase === "refused" && <ProblemBanner sentence={`Your answer was not taken. ${pending.sentence ?? ""}`} />}
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={problem} />
    </>
  );
}

function QuestionCard({ view, ...shown }: Shown & { view: QuestionView }): JSX.Element {
  const { controller, connection } = shown;
  const id = `inb-q-${view.question.run_id}-${view.question.at}`;
  return (
    <form class="inb-question" aria-describedby={id} data-key={view.question.key} onSubmit={(event) => event.preventDefault()}>
      <Markdown class="q" id={id} text={view.question.text} />
      <Draft data={view.question.data} />
      <QuestionFacts data={view.question.data} />
      {connection.value !== "saved" && <Buttons view={view} controller={controller} connection={connection} open={shown.open} now={shown.now} />}
    </form>
  );
}

function Buttons({ view, controller, connection, open, now }: {
  view: QuestionView; controller: ApprovalController; connection: Connection; open: readonly QuestionView[]; now: number;
}): JSX.Element {
  const { phase, pending } = view;
  const idle = phase === "open";
  const when = connection.stale ? " when connected" : "";
  const sending = phase === "sending" || phase === "kept";
  const next = open[(open.indexOf(view) + 1) % open.length];
  return (
    <div class="inb-btns">
      <button type="button" class="inb-b primary" aria-disabled={!idle} onClick={() => controller.answer(view, true)}>
        {sending && pending?.approved ? "Approving…" : `Approve${when}`}
        {idle && !when && <kbd aria-hidden="true">{commandKey()}↵</kbd>}
      </button>
      <button type="button" class="inb-b bad s-bad" aria-disabled={!idle} onClick={() => controller.answer(view, false)}>
        {sending && pending && !pending.approved ? "Rejecting…" : `Reject${when}`}
      </button>
      {next && next !== view && (
        <button type="button" class="inb-b text" onClick={() => controller.choose(next.question.key)}>Next question</button>
      )}
      <span class="hint">{hint(view, connection, now)}</span>
    </div>
  );
}

function hint(view: QuestionView, connection: Connection, now: number): string {
  if (view.phase === "opening") return "Opening…";
  if (view.phase === "sending" || view.phase === "kept") return "Counted once, however often it is delivered";
  if (view.phase === "expired") return "The time is up";
  if (view.deadline !== undefined && view.deadline - now < LAST_MINUTE_MS) return "After that the step returns None";
  if (connection.value === "kernel") return "Goes through the kernel: a busy kernel delays it";
  return connection.live ? "Goes straight to the server, even while the kernel is busy" : "";
}

function commandKey(): string {
  return /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl ";
}

function keys(event: KeyboardEvent, { controller, open, current }: Shown): void {
  if (!current) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    controller.answer(current, true);
    return;
  }
  const field = (event.target as HTMLElement).closest("input, select, textarea");
  if (field || event.ctrlKey || event.metaKey || event.altKey || open.length < 2) return;
  const step = event.key === "n" ? 1 : event.key === "p" ? -1 : 0;
  const next = step && open[(open.indexOf(current) + step + open.length) % open.length];
  if (next) controller.choose(next.question.key);
}

function Nobody({ saved }: { saved: boolean }): JSX.Element {
  return (
    <Empty icon="person" title={saved ? "No question was open" : "Nobody is being asked anything"}>
      Questions from this channel appear here and stay until they are answered or run out.
    </Empty>
  );
}

/** A new question is announced once, and its deadline at five minutes, one minute and ten seconds. */
function announcement(view: QuestionView | undefined, now: number): string {
  if (!view) return "";
  const left = view.deadline === undefined ? Infinity : view.deadline - now;
  const soon = left <= 10_000 ? "10 seconds" : left <= 60_000 ? "1 minute" : left <= 300_000 ? "5 minutes" : "";
  return `Question: ${format.unmarked(view.question.text)}${soon ? `. Less than ${soon} left` : ""}`;
}
