/** The life of an approval card: questions, the runs that ask them, and answers that are delivered exactly once. */
import { dict, parseMessages, parseSnapshot, text, type Message } from "../wire";
import { unmarked } from "../format";
import { retryDelay } from "../realtime/client";
import {
  isSettled, isShown, NO_QUESTIONS, viewQuestion, withQuestions,
  type Pending, type Question, type QuestionState, type QuestionView,
} from "../state/questions";
import { Controller, listen, type Env } from "./env";
import { RunFollower } from "./follower";

export interface ApprovalState {
  readonly queue: QuestionState;
  readonly pending: ReadonlyMap<string, Pending>;
  /** The question that the reader has turned to; null follows the queue. */
  readonly chosen: string | null;
  readonly problem?: string;
}

/** So many runs that are not over are followed at once, the newest first; questions of others wait their turn unseen. */
const FOLLOWED = 64;
/** Questions of older runs than these are history, not work. */
const REMEMBERED = 500;
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

export class ApprovalController extends Controller<ApprovalState> {
  readonly channel: string;
  readonly topic: string | null;
  readonly event: string | null;
  readonly followers = new Map<string, RunFollower>();
  private readonly saved: Record<string, unknown>;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly leave: () => void;
  private told = "";
  private subscribedOnce = false;

  constructor(env: Env, params: unknown, initial: unknown, private readonly reveal: (key: string) => void = () => undefined) {
    super(env, { queue: NO_QUESTIONS, pending: new Map(), chosen: null });
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
    return queue.questions
      .filter((question) => this.followers.get(question.run_id)?.missing === false)
      .map((question) => viewQuestion(question, this.followers.get(question.run_id)?.model, pending.get(question.key), now))
      .filter((view) => isShown(view, this.topic));
  }

  choose(key: string): void {
    this.set({ ...this.state, chosen: key });
  }

  answer(view: QuestionView, approved: boolean): void {
    if (view.phase !== "open") return;
    const pending: Pending = { approved, id: newId(), clickedAt: this.env.clock.now(), phase: "sending" };
    this.setPending(view.question.key, pending);
    void this.deliver(view.question, 0);
  }

  /** Takes back an answer that has not left this page. */
  takeBack(key: string): void {
    if (this.state.pending.get(key)?.phase !== "kept") return;
    clearTimeout(this.timers.get(key));
    const pending = new Map(this.state.pending);
    pending.delete(key);
    this.set({ ...this.state, pending });
  }

  /** Sends until it is answered: the same id makes repeated delivery harmless. Never past the deadline. */
  private async deliver(question: Question, tries: number): Promise<void> {
    const pending = this.state.pending.get(question.key);
    const view = viewQuestion(question, this.followers.get(question.run_id)?.model, pending, this.env.clock.now());
    if (!pending || isSettled(view.phase) || view.phase === "expired") return;
    const body = { name: this.event ?? text(question.data.event) ?? view.wait?.wait?.event ?? "",
      data: { ...question.data, approved: pending.approved } };
    const reply = await this.env.link.request("POST", "events", body, { "Idempotency-Key": pending.id }).catch(() => null);
    if (this.state.pending.get(question.key)?.id !== pending.id) return;
    if (reply === null || TRANSIENT.has(reply.status)) return this.keep(question, pending, tries);
    const refused = reply.status >= 400;
    this.setPending(question.key, refused
      ? { ...pending, phase: "refused", sentence: text(dict(reply.body).error) ?? `The server answered ${reply.status}.` }
      : { ...pending, phase: "sent" });
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
