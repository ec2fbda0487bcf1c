/** The life of an approval card: questions, the runs that ask them, and answers that are delivered exactly once. */
import { dict, parseMessages, parseSnapshot, text, type Message } from "../wire";
import { unmarked } from "../format";
import { answerOf, formOf, parseProblems } from "../state/answer-form";
import { checked, type Held, type Problem } from "../state/form";
import { retryDelay } from "../realtime/client";
import {
  askedAgain, isSettled, isShown, NO_QUESTIONS, viewQuestion, withQuestions,
  type Pending, type Question, type QuestionState, type QuestionView,
} from "../state/questions";
import { refusal } from "./act";
import { keep, recall } from "./answer-store";
import { Controller, listen, type Env } from "./env";
import { RunFollower } from "./follower";

export interface ApprovalState {
  readonly queue: QuestionState;
  readonly pending: ReadonlyMap<string, Pending>;
  /** The question that the reader has turned to; null follows the queue. */
  readonly chosen: string | null;
  /** What the forms hold that somebody has edited. */
  readonly filled: ReadonlyMap<string, Held>;
  /** Questions whose form was sent or tried to be: from then on it says what is wrong. */
  readonly tried: ReadonlySet<string>;
  /** What the server found wrong with the form as it was sent. */
  readonly refused: ReadonlyMap<string, readonly Problem[]>;
  /** Whether this person has the right to answer. */
  readonly allowed: boolean;
  readonly problem?: string;
}

/** So many runs that are not over are followed at once, the newest first; questions of others wait their turn unseen. */
const FOLLOWED = 64;
/** Questions of older runs than these are history, not work. */
const REMEMBERED = 500;
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);
const DOES_NOT_FIT = 422;
const FORBIDDEN = 403;
const NOTHING: ApprovalState = {
  queue: NO_QUESTIONS, pending: new Map(), chosen: null, filled: new Map(), tried: new Set(), refused: new Map(), allowed: true,
};

export class ApprovalController extends Controller<ApprovalState> {
  readonly channel: string;
  readonly topic: string | null;
  readonly event: string | null;
  readonly followers = new Map<string, RunFollower>();
  private readonly saved: Record<string, unknown>;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly leave: () => void;
  private readonly resumed = new Set<string>();
  private told = "";
  private subscribedOnce = false;

  constructor(env: Env, params: unknown, initial: unknown, private readonly reveal: (key: string) => void = () => undefined) {
    super(env, NOTHING);
    const raw = dict(params);
    this.channel = text(raw.channel) ?? "";
    this.topic = text(raw.topic) ?? null;
    this.event = text(raw.event) ?? null;
    this.saved = { ...dict(dict(initial).runs) };
    this.receive(parseMessages(dict(initial).messages));
    this.own(env.link.onState(() => this.linkChanged()));
    this.leave = listen(env, { channel: this.channel, topics: this.topic === null ? null : [this.topic], since: "start" }, {
      messages: (batch) => this.receive(batch),
      subscribed: (_, next) => this.subscribed(next),
      error: (sentence) => this.set({ ...this.state, problem: sentence }),
    });
    void env.link.mayWrite?.().then((allowed) => allowed === this.state.allowed || this.set({ ...this.state, allowed }));
  }

  override dispose(): void {
    super.dispose();
    this.leave();
    this.env.facts.setQuestions(this, []);
    for (const follower of this.followers.values()) follower.dispose();
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  /** Every question that is one, in the order in which they were asked. */
  views(now: number): QuestionView[] {
    const { queue, pending } = this.state;
    const again = askedAgain(queue.questions);
    return queue.questions
      .filter((question) => this.followers.get(question.run_id)?.missing === false)
      .map((question) => viewQuestion(question, this.followers.get(question.run_id)?.model, pending.get(question.key), now, again))
      .filter((view) => isShown(view, this.topic));
  }

  choose(key: string): void {
    this.set({ ...this.state, chosen: key });
  }

  /** What a question's form holds now; null where it has none. */
  filled(question: Question): Held | null {
    return this.state.filled.get(question.key) ?? formOf(question)?.initial ?? null;
  }

  /** An edit; from now on the question stays in front. Null puts back what was there at first. */
  fill(question: Question, held: Held | null): void {
    const filled = new Map(this.state.filled);
    if (held === null) filled.delete(question.key);
    else filled.set(question.key, held);
    const refused = new Map(this.state.refused);
    refused.delete(question.key);
    this.set({ ...this.state, filled, refused, chosen: question.key });
    this.store(question.key);
  }

  /** What is wrong with a form, as far as somebody wants to know it by now. */
  problems(question: Question): readonly Problem[] {
    const { tried, refused, filled } = this.state;
    const form = formOf(question);
    if (!form) return [];
    if (!tried.has(question.key)) return filled.has(question.key) ? [] : form.problems;
    const own = checked(form.field, this.filled(question) ?? form.initial).problems;
    return own.length ? own : refused.get(question.key) ?? [];
  }

  /** Sends the answer, once; false where the form is not filled in as it must be. */
  answer(view: QuestionView, approved: boolean, reason?: string): boolean {
    if (view.phase !== "open" || !this.state.allowed) return true;
    const { question } = view;
    const form = approved ? formOf(question) : null;
    const result = form && checked(form.field, this.filled(question) ?? form.initial);
    if (result?.problems.length) {
      this.set({ ...this.state, tried: new Set(this.state.tried).add(question.key) });
      return false;
    }
    const more = { ...(result ? { data: result.value } : {}), ...(reason ? { reason } : {}) };
    this.setPending(question.key, { approved, id: newId(), clickedAt: this.env.clock.now(), phase: "sending", ...more });
    void this.deliver(question, 0);
    return true;
  }

  /** Takes back an answer that has not left this page. */
  takeBack(key: string): void {
    if (this.state.pending.get(key)?.phase !== "kept") return;
    clearTimeout(this.timers.get(key));
    this.forget(key);
  }

  private forget(key: string): void {
    const pending = new Map(this.state.pending);
    pending.delete(key);
    this.set({ ...this.state, pending });
    this.store(key);
  }

  /** What must outlive a reload: an answer on its way, and what was filled in. */
  private store(key: string): void {
    const pending = this.state.pending.get(key);
    const filled = this.state.filled.get(key);
    const underWay = pending && pending.phase !== "refused" && pending.phase !== "sent";
    keep(key, { ...(underWay ? { pending } : {}), ...(filled === undefined || pending?.phase === "sent" ? {} : { filled }) });
  }

  /** Sends until it is answered: the same id makes repeated delivery harmless. Never past the deadline. */
  private async deliver(question: Question, tries: number): Promise<void> {
    const pending = this.state.pending.get(question.key);
    const view = viewQuestion(question, this.followers.get(question.run_id)?.model, pending, this.env.clock.now());
    if (!pending || isSettled(view.phase) || view.phase === "expired") return;
    if (view.phase === "opening") return this.keep(question, pending, tries); // which event answers is not known yet
    const body = { name: this.event ?? text(question.data.event) ?? view.wait?.wait?.event ?? "",
      data: answerOf(question, pending.approved, pending.data, pending.reason) };
    const reply = await this.env.link.request("POST", "events", body, { "Idempotency-Key": pending.id }).catch(() => null);
    if (this.state.pending.get(question.key)?.id !== pending.id) return;
    if (reply === null || TRANSIENT.has(reply.status)) return this.keep(question, pending, tries);
    if (reply.status === DOES_NOT_FIT) return this.refuse(question.key, parseProblems(dict(reply.body).errors));
    if (reply.status === FORBIDDEN) this.set({ ...this.state, allowed: (await this.env.link.mayWrite?.()) ?? true });
    this.setPending(question.key, reply.status >= 400
      ? { ...pending, phase: "refused", sentence: refusal(reply) }
      : { ...pending, phase: "sent" });
  }

  /** The server says where the form is wrong: it is open again. */
  private refuse(key: string, problems: readonly Problem[]): void {
    this.set({ ...this.state, tried: new Set(this.state.tried).add(key), refused: new Map(this.state.refused).set(key, problems) });
    this.forget(key);
  }

  private keep(question: Question, pending: Pending, tries: number): void {
    this.setPending(question.key, { ...pending, phase: "kept" });
    const timer = setTimeout(() => void this.deliver(question, tries + 1), retryDelay(tries, Math.random()));
    this.timers.set(question.key, timer);
  }

  /** A connection that is back is a reason to try at once. */
  private linkChanged(): void {
    if (this.env.link.state().phase !== "live") return;
    for (const question of this.state.queue.questions) {
      if (this.state.pending.get(question.key)?.phase !== "kept") continue;
      clearTimeout(this.timers.get(question.key));
      void this.deliver(question, 0);
    }
  }

  private setPending(key: string, pending: Pending): void {
    this.set({ ...this.state, pending: new Map(this.state.pending).set(key, pending) });
    this.store(key);
  }

  /** What this tab kept of a question before it was reloaded; an answer that was on its way goes on. */
  private resume(questions: readonly Question[]): void {
    const fresh = questions.filter((question) => !this.resumed.has(question.key));
    for (const question of fresh) {
      this.resumed.add(question.key);
      const { pending, filled } = recall(question.key);
      if (filled !== undefined && formOf(question)) this.set({ ...this.state, filled: new Map(this.state.filled).set(question.key, filled) });
      if (pending) this.keep(question, pending, 0);
    }
  }

  private subscribed(next: number): void {
    const { queue } = this.state;
    if (next <= queue.lastOffset) {
      const renewed = this.subscribedOnce ? { ...queue, lastOffset: -1 } : NO_QUESTIONS;
      this.set({ ...this.state, queue: renewed });
    }
    this.subscribedOnce = true;
  }

  private receive(batch: readonly Message[]): void {
    this.set({ ...this.state, queue: withQuestions(this.state.queue, batch, this.topic) }, batch);
    this.resume(this.state.queue.questions);
    this.followRuns();
  }

  /** Follows the runs that ask; one that turns out to be over makes room for the next older one. */
  private followRuns(): void {
    const runs = [...new Set(this.state.queue.questions.map((question) => question.run_id))].slice(-REMEMBERED);
    let open = [...this.followers.values()].filter((follower) => !follower.over && !follower.missing).length;
    for (const run_id of runs.reverse()) {
      if (open >= FOLLOWED) return;
      if (!this.followers.has(run_id) && !this.follow(run_id).over) open += 1;
    }
  }

  private follow(run_id: string): RunFollower {
    const saved = this.saved[run_id];
    const follower = new RunFollower(this.env, run_id, (messages) => {
      this.set(this.state, messages);
      if (follower.over || follower.missing) this.followRuns();
      this.tellOthers();
    }, saved === undefined ? undefined : parseSnapshot(saved));
    this.followers.set(run_id, follower);
    follower.start();
    this.tellOthers();
    return follower;
  }

  /** Lets timelines and streams of the page name the question and lead to it. */
  private tellOthers(): void {
    const open = this.views(this.env.clock.now()).filter((view) => !isSettled(view.phase) && view.wait);
    const told = open.map((view) => view.question.key).join("\n");
    if (told === this.told) return;
    this.told = told;
    this.env.facts.setQuestions(this, open.map(({ question, wait }) => ({
      run_id: question.run_id, hash: wait?.hash ?? "", text: unmarked(question.text),
      reveal: () => {
        this.choose(question.key);
        this.reveal(question.key);
      },
    })));
  }
}

/** randomUUID exists only in secure contexts; a notebook server on plain HTTP is none. */
function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
