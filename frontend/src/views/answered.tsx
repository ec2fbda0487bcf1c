/** Questions that are settled: who answered, when, after how long. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import * as format from "../format";
import { editsIn } from "../state/answer-form";
import type { Edit } from "../state/form";
import { isSettled, type QuestionView } from "../state/questions";
import { STATUS, type Status } from "../status";
import type { ApprovalController } from "./approval-controller";
import { text } from "../wire";
import { Icon } from "./icons";
import { Same } from "./shell";

const SHOWN = 5;
/** Under an open question only the latest answers stay, as confirmation. */
const SHOWN_BELOW = 1;

export function Answered({ views, now, below, controller }: {
  views: readonly QuestionView[]; now: number; below: boolean; controller: ApprovalController;
}): JSX.Element | null {
  const [all, setAll] = useState(false);
  const settled = views.filter((view) => isSettled(view.phase))
    .sort((a, b) => (b.settledAt ?? b.question.at) - (a.settledAt ?? a.question.at));
  if (settled.length === 0) return null;
  const shown = all ? settled : settled.slice(0, below ? SHOWN_BELOW : SHOWN);
  const rest = settled.length - shown.length;
  return (
    <div class={`inb-answers${below ? " below" : ""}`}>
      {shown.map((view) => <AnsweredRow key={view.question.key} view={view} now={now} controller={controller} />)}
      {rest > 0 && (
        <button type="button" class="inb-b text small" onClick={() => setAll(true)}>
          {`Show ${rest} ${below ? "answered" : "older"}`}
        </button>
      )}
      {!below && <footer class="inb-foot"><Same code="client.history.waits()" /></footer>}
    </div>
  );
}

const SETTLED: Record<string, Status> = {
  approved: STATUS.approved, rejected: STATUS.rejected, timed_out: STATUS.timedOut, withdrawn: STATUS.withdrawn,
  answered: { ...STATUS.approved, value: "answered", word: "Answered" },
  returned: { value: "returned", word: "Asked again", glyph: "undo", role: "idle" },
};

function AnsweredRow({ view, now, controller }: { view: QuestionView; now: number; controller: ApprovalController }): JSX.Element {
  const status = SETTLED[view.phase] ?? STATUS.withdrawn;
  const who = view.by ?? (view.pending?.phase === "sent" && !view.overruled ? "you" : undefined);
  const edited = view.wait?.answered && view.phase === "approved" ? editsIn(view.question, view.wait.answered.data) : [];
  const with_ = edited.length ? ` with ${edited.length} ${format.plural(edited.length, "edit")}` : "";
  const by = who !== undefined && view.phase !== "withdrawn" && view.phase !== "timed_out" ? ` by ${who}` : "";
  return (
    <div class={`inb-answer s-${status.role}`} data-phase={view.phase}>
      <Icon name={status.glyph} />
      <div>
        <p><strong>{status.word}</strong>{`${by}${with_} · ${format.unmarked(view.question.text)}`}</p>
        <p title={format.iso(view.settledAt)}>{[format.clock(view.settledAt, now), ...story(view, controller), ...changes(edited), ...why(view)].join(" · ")}</p>
      </div>
    </div>
  );
}

const MOST_CHANGES = 3;

/** "priority 3 → 2, title changed" */
function changes(edited: readonly Edit[]): string[] {
  if (edited.length === 0) return [];
  const words = edited.slice(0, MOST_CHANGES).map(({ title, was, now }) =>
    was === "" || now === "" || was.length + now.length > 30 ? `${title.toLowerCase()} changed` : `${title.toLowerCase()} ${was} → ${now}`);
  const rest = edited.length - words.length;
  return [words.join(", ") + (rest > 0 ? `, ${rest} more` : "")];
}

function why(view: QuestionView): string[] {
  const reason = text(view.wait?.answered?.data.reason);
  return reason === undefined ? [] : [`“${reason}”`];
}

function story(view: QuestionView, controller: ApprovalController): string[] {
  const asked = view.wait?.started_at ?? view.question.at;
  const took = format.duration(view.settledAt === undefined ? undefined : view.settledAt - asked);
  const told = view.overruled ? [overruledWords(view)] : [];
  if (view.phase === "returned") return [`answered in ${took}`, "the function did not take it and asked once more"];
  if (view.phase === "timed_out") return [`nobody answered in ${format.nominal(view.settledAt === undefined ? undefined : view.settledAt - asked)}`, "the step returned None", ...told];
  if (view.phase === "withdrawn") return [withdrawnWhy(view, controller), ...told];
  return [`answered in ${took}`, ...told];
}

/** "your Reject came 1.2 s later and was not counted" */
function overruledWords(view: QuestionView): string {
  const late = (view.pending?.clickedAt ?? 0) - (view.settledAt ?? Infinity);
  return `your ${view.pending?.approved ? "Approve" : "Reject"} ${late > 0 ? `came ${format.duration(late)} later and ` : ""}was not counted`;
}

function withdrawnWhy(view: QuestionView, controller: ApprovalController): string {
  const cancelled = controller.followers.get(view.question.run_id)?.model.run?.status === "cancelled";
  return cancelled ? "the run was cancelled while it waited" : "the run ended while it waited";
}
