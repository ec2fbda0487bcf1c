/** One question in full: its text, what is decided about, its form, and the buttons that answer. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { formOf, type AnswerForm } from "../state/answer-form";
import { byField, edits, type Held } from "../state/form";
import type { QuestionView } from "../state/questions";
import { Draft, Markdown, QuestionFacts } from "./approval-parts";
import { approve, LAST_MINUTE_MS, type Shown } from "./approval";
import { FieldBox, Fields, Form } from "./form/form";
import { useReturnFocus } from "./hooks";
import { Icon } from "./icons";

interface Props extends Shown {
  readonly view: QuestionView;
}

export function QuestionCard({ view, ...shown }: Props): JSX.Element {
  const { controller, connection } = shown;
  const { question } = view;
  const id = `inb-q-${question.run_id}-${question.at}`;
  const form = formOf(question);
  const answerable = connection.value !== "saved" && controller.state.allowed;
  return (
    <form class={`inb-question${form ? " formed" : ""}`} aria-describedby={id} data-key={question.key} noValidate
      onSubmit={(event) => event.preventDefault()}>
      <Markdown class="q" id={id} text={question.text} />
      <div class="about">
        <Draft data={question.data} />
        <QuestionFacts data={question.data} />
      </div>
      {form && <QuestionForm view={view} form={form} {...shown} id={id} disabled={!answerable || view.phase !== "open"} />}
      {answerable && <Buttons view={view} form={form} {...shown} />}
    </form>
  );
}

function QuestionForm({ view, form, controller, id, disabled }: Props & { form: AnswerForm; id: string; disabled: boolean }): JSX.Element {
  const { question } = view;
  const held = controller.filled(question) ?? form.initial;
  const problems = byField(form.field, controller.problems(question));
  const change = (update: (held: Held) => Held): void => controller.fill(question, update(controller.filled(question) ?? form.initial));
  const props = { path: [], held, before: form.initial, change };
  return (
    <Form.Provider value={{ id, problems, disabled }}>
      {form.field.kind === "group"
        ? <Fields field={form.field} {...props} />
        : <div class="inb-form"><FieldBox field={form.field} {...props} /></div>}
      {problems.has("") && form.field.kind === "group" && <p class="wrongness s-bad"><Icon name="failed" small />{problems.get("")}</p>}
    </Form.Provider>
  );
}

function Buttons({ view, form, ...shown }: Props & { form: AnswerForm | null }): JSX.Element {
  const { controller, connection, open } = shown;
  const { phase, pending, question } = view;
  const [asking, setAsking] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const idle = phase === "open";
  const when = connection.stale ? " when connected" : "";
  const under = phase === "sending" || phase === "kept";
  const changed = form ? edits(form.field, form.initial, controller.filled(question) ?? form.initial).length : 0;
  const next = open[(open.indexOf(view) + 1) % open.length];
  if (asking && idle) return <Reason {...shown} view={view} when={when} done={() => setAsking(false)} />;
  return (
    <div class="inb-btns" ref={root}>
      <button type="button" class="inb-b primary" aria-disabled={!idle} onClick={() => approve(controller, view, root.current?.closest(".inb") ?? null)}>
        {under && pending?.approved ? "Approving…" : `Approve${editWords(changed)}${when}`}
        {idle && !when && <kbd aria-hidden="true">{commandKey()}↵</kbd>}
      </button>
      <button type="button" class="inb-b bad s-bad" aria-disabled={!idle} onClick={() => controller.answer(view, false)}>
        {under && pending && !pending.approved ? "Rejecting…" : `Reject${when}`}
      </button>
      {idle && <button type="button" class="inb-b text" onClick={() => setAsking(true)}>Give a reason…</button>}
      {changed > 0 && idle && <button type="button" class="inb-b text" onClick={() => controller.fill(question, null)}>Undo edits</button>}
      {next && next !== view && (
        <button type="button" class="inb-b text" onClick={() => controller.choose(next.question.key)}>Next question</button>
      )}
      <span class="hint">{hint(view, shown)}</span>
    </div>
  );
}

const editWords = (changed: number): string => (changed === 0 ? "" : ` with ${changed} ${changed === 1 ? "edit" : "edits"}`);

/** One line of why not; it goes to the function as `decision.reason`. */
function Reason({ view, controller, when, done }: Props & { when: string; done: () => void }): JSX.Element {
  const [reason, setReason] = useState("");
  const line = useRef<HTMLDivElement>(null);
  useReturnFocus(line);
  const send = (): void => {
    controller.answer(view, false, reason.trim());
    done();
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) send();
    else if (event.key === "Escape") done();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={line} class="inb-btns reason">
      <input type="text" aria-label="Why it is rejected" placeholder="Why? (optional)" value={reason} ref={(input) => input?.focus({ preventScroll: true })}
        onInput={(event) => setReason(event.currentTarget.value)} onKeyDown={keys} />
      <button type="button" class="inb-b bad s-bad" onClick={send}>{`Reject${when}`}</button>
      <button type="button" class="inb-b text" onClick={done}>Back</button>
    </div>
  );
}

function hint(view: QuestionView, { controller, connection, now }: Shown): string {
  if (view.phase === "opening") return "Opening…";
  if (view.phase === "sending" || view.phase === "kept") return "Counted once, however often it is delivered";
  if (view.phase === "expired") return "The time is up";
  const wrong = controller.problems(view.question).length;
  if (wrong) return `${wrong} ${wrong === 1 ? "field needs" : "fields need"} a look`;
  if (view.deadline !== undefined && view.deadline - now < LAST_MINUTE_MS) return "After that the step returns None";
  if (connection.value === "kernel") return "Goes through the kernel: a busy kernel delays it";
  return connection.live ? "Goes straight to the server, even while the kernel is busy" : "";
}

function commandKey(): string {
  return /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl ";
}
