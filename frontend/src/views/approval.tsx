/** Approval: one question at a time, in full; the rest of the queue one key away. */
import type { JSX } from "preact";
import * as format from "../format";
import { isSettled, type QuestionView } from "../state/questions";
import { past, STATUS, type Status } from "../status";
import { Answered } from "./answered";
import type { ApprovalController } from "./approval-controller";
import { connectionOf, type Connection } from "./env";
import { useController, useTick } from "./hooks";
import { QuestionCard } from "./question";
import { Banner, Card, Empty, Head, Id, LostBanner, ProblemBanner, SavedBanner, type Figure } from "./shell";

export const LAST_MINUTE_MS = 60_000;
const SENDING: Status = { value: "sending", word: "Sending", glyph: "running", role: "run" };
const OPENING: Status = { value: "opening", word: "Opening", glyph: "person", role: "idle" };
const NONE_OPEN: Status = { value: "none", word: "None open", glyph: "person", role: "idle" };

export interface Shown {
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
  return (
    <Card view="approval" label={`Questions on ${controller.channel}`} status={status} connection={connection} onKeyDown={(event) => keys(event, shown)}>
      <ApprovalHead {...shown} status={connection.value === "saved" ? past(status) : status} />
      {current && connection.value !== "saved" && <DeadlineBar view={current} now={now} />}
      <Banners {...shown} problem={state.problem} />
      <div>
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
    left === null ? null : { value: format.countdown(left), unit: "left", title: `Until ${format.iso(view.deadline)}`, urgent: left < LAST_MINUTE_MS },
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
        ? <LostBanner env={env}>{current.phase === "kept" ? "" : `Your answer is kept here and sent when the server is back.${deadline}`}</LostBanner>
        : <LostBanner env={env}>Questions asked meanwhile appear when it is back.</LostBanner>}
      {current?.phase === "kept" && (
        <Banner role="ask" icon="plug" action={{ label: "Take back", run: () => controller.takeBack(current.question.key) }}>
          <strong>{pending?.approved ? "Approve" : "Reject"} is kept here</strong> and sent as soon as the server answers.{deadline}
        </Banner>
      )}
      {current && !controller.state.allowed && connection.value !== "saved" && (
        <Banner role="idle" icon="person">You may read this question but not answer it: that needs the right to write to inngest on this server.</Banner>
      )}
      {typeof current?.question.data.again === "string" && controller.problems(current.question).length > 0 && !controller.state.tried.has(current.question.key) && (
        <Banner role="bad" icon="undo">The function did not take the answer before. What it found wrong stands beside the fields.</Banner>
      )}
      {pending?.phase === "refused" && <ProblemBanner sentence={`Your answer was not taken. ${pending.sentence ?? ""}`} />}
      <SavedBanner env={env} connection={connection} />
      <ProblemBanner sentence={problem} />
    </>
  );
}

function keys(event: KeyboardEvent, { controller, open, current }: Shown): void {
  if (!current) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    approve(controller, current, event.currentTarget as HTMLElement);
    return;
  }
  const field = (event.target as HTMLElement).closest("input, select, textarea");
  if (field || event.ctrlKey || event.metaKey || event.altKey || open.length < 2) return;
  const step = event.key === "n" ? 1 : event.key === "p" ? -1 : 0;
  const next = step && open[(open.indexOf(current) + step + open.length) % open.length];
  if (next) controller.choose(next.question.key);
}

/** Sends the answer; where the form is wrong the reader is taken to the first place. */
export function approve(controller: ApprovalController, view: QuestionView, card: HTMLElement | null): void {
  if (controller.answer(view, true)) return;
  requestAnimationFrame(() => requestAnimationFrame(() => card?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus()));
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
