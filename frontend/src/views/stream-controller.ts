/** The life of a token stream: its channel, the runs that publish to it, and the button that stops them. */
import { dict, isTerminal, parseMessages, parseSnapshot, text, type Message, type StepState } from "../wire";
import { areParallel, type Lane } from "../state/lanes";
import { NO_TOKENS, withGap, withTokens, type TokenOptions, type TokenState } from "../state/tokens";
import { act, retryNow } from "./act";
import { Controller, listen, type Env } from "./env";
import { RunFollower } from "./follower";

export interface StreamParams extends TokenOptions {
  readonly channel: string;
  readonly fn_name: string;
}

export function streamParams(params: unknown): StreamParams {
  const raw = dict(params);
  const topics = Array.isArray(raw.topics) ? raw.topics.filter((topic) => typeof topic === "string") : null;
  return {
    channel: text(raw.channel) ?? "", topics, field: text(raw.field) ?? null,
    run_id: text(raw.run_id) ?? null, fn_name: text(raw.fn_name) ?? "",
  };
}

export interface StreamState {
  readonly tokens: TokenState;
  /** What was there when the reader stopped the drawing; null while it goes on. */
  readonly held: TokenState | null;
  readonly stopping: boolean;
  /** The reader does not want to wait for the next attempt. */
  readonly hurrying: boolean;
  /** Whether this person has the right to stop and to retry. */
  readonly allowed: boolean;
  /** Several texts beside each other; null where the reader has not said and the texts decide. */
  readonly beside: boolean | null;
  readonly differ: boolean;
  readonly problem?: string;
}

const MOST_COLUMNS = 4;

/** Older runs of a channel are over, as far as a reader cares; only the newest are followed. */
const FOLLOWED = 4;

export class StreamController extends Controller<StreamState> {
  readonly followers = new Map<string, RunFollower>();
  private readonly initialRuns: Record<string, unknown>;
  private leave: (() => void) | null = null;
  private subscribedOnce = false;
  private caughtUpTo = Infinity;

  constructor(env: Env, readonly params: StreamParams, initial: unknown) {
    super(env, { tokens: NO_TOKENS, held: null, stopping: false, hurrying: false, allowed: true, beside: null, differ: false });
    void env.link.mayWrite?.().then((allowed) => allowed === this.state.allowed || this.set({ ...this.state, allowed }));
    this.own(env.facts.onChange(() => this.changed()));
    const saved = dict(initial);
    const one = parseSnapshot(saved.run);
    this.initialRuns = { ...dict(saved.runs), ...(one.run ? { [one.run.run_id]: saved.run } : {}) };
    this.state = { ...this.state, tokens: withTokens(NO_TOKENS, parseMessages(saved.messages), params) };
    if (params.run_id !== null) this.follow(params.run_id);
    this.followNewest();
    if (!this.ended) this.join();
  }

  /** The run that the header speaks about: the one asked for, or the newest on the channel. */
  get current(): RunFollower | undefined {
    const id = this.params.run_id ?? [...this.state.tokens.runs.keys()].at(-1);
    return id === undefined ? undefined : this.followers.get(id);
  }

  /** A stream of one run ends with it; a stream of a channel goes on listening. */
  get ended(): boolean {
    const run = this.current;
    if (this.params.run_id === null || !run?.over) return false;
    const said = this.state.tokens.runs.get(this.params.run_id);
    return (said !== null && said !== undefined && isTerminal(said.status))
      || this.state.tokens.lastOffset + 1 >= this.caughtUpTo;
  }

  async stop(): Promise<void> {
    const run = this.current;
    if (!run || this.state.stopping) return;
    const { problem: _, ...rest } = this.state;
    this.set({ ...rest, stopping: true });
    const { problem } = await act(this.env.link, run.run_id, "cancel", "The run was not stopped.");
    this.set({ ...this.state, stopping: false, ...(problem === undefined ? {} : { problem }) });
  }

  /** Does not wait for the end of a backoff. */
  async retry({ run_id, hash }: StepState): Promise<void> {
    if (this.state.hurrying) return;
    const { problem: _, ...rest } = this.state;
    this.set({ ...rest, hurrying: true });
    const problem = await retryNow(this.env.link, run_id || (this.current?.run_id ?? ""), hash);
    this.set({ ...this.state, hurrying: false, ...(problem === undefined ? {} : { problem }) });
  }

  /** Stops the drawing, not the delivery. */
  pause(paused: boolean): void {
    this.set({ ...this.state, held: paused ? this.state.tokens : null });
  }

  look(change: Partial<Pick<StreamState, "beside" | "differ">>): void {
    this.set({ ...this.state, ...change });
  }

  /** Whether texts are put beside each other where nobody has said how. */
  parallel(lanes: readonly Lane[]): boolean {
    return lanes.length <= MOST_COLUMNS && areParallel(lanes);
  }

  override dispose(): void {
    super.dispose();
    this.leave?.();
    for (const follower of this.followers.values()) follower.dispose();
  }

  private join(): void {
    this.leave = listen(this.env, { channel: this.params.channel, topics: this.params.topics, since: "start" }, {
      messages: (batch) => this.receive(batch),
      subscribed: (_, next) => this.subscribed(next),
      gap: (lost, _, to) => this.setTokens(withGap(this.state.tokens, lost, to)),
      error: (sentence) => this.set({ ...this.state, problem: sentence }),
    });
  }

  private subscribed(next: number): void {
    this.caughtUpTo = next;
    if (next <= this.state.tokens.lastOffset) {
      // The log was made anew. At the start everything comes again; later what is shown stays and offsets restart.
      this.setTokens(this.subscribedOnce ? { ...this.state.tokens, lastOffset: -1 } : NO_TOKENS);
    }
    this.subscribedOnce = true;
    this.release();
  }

  private receive(batch: readonly Message[]): void {
    this.setTokens(withTokens(this.state.tokens, batch, this.params), batch);
    this.followNewest();
    for (const [id, run] of this.state.tokens.runs) if (run) this.followers.get(id)?.note(run);
    this.shareFacts();
    this.release();
  }

  private setTokens(tokens: TokenState, batch: readonly Message[] = []): void {
    this.set({ ...this.state, tokens }, batch);
  }

  private followNewest(): void {
    if (this.params.run_id !== null) return;
    for (const id of [...this.state.tokens.runs.keys()].slice(-FOLLOWED)) this.follow(id);
  }

  private follow(run_id: string): void {
    if (this.followers.has(run_id)) return;
    const saved = this.initialRuns[run_id];
    const follower = new RunFollower(this.env, run_id, () => this.runChanged(),
      saved === undefined ? undefined : parseSnapshot(saved));
    this.followers.set(run_id, follower);
    follower.start();
  }

  private runChanged(): void {
    this.changed();
    this.release();
  }

  private release(): void {
    if (!this.ended) return;
    this.leave?.();
    this.leave = null;
  }

  /** Tells other views of the page when tokens came, attempt by attempt. */
  private shareFacts(): void {
    for (const { run_id, step_id, attempt, rates } of this.state.tokens.segments) {
      if (!run_id || !step_id || rates.count === 0) continue;
      const { first, last, count } = rates;
      if (this.env.facts.tokensOf(run_id, step_id, attempt)?.count === count) continue;
      this.env.facts.setTokens(run_id, step_id, attempt, { first, last, count });
    }
  }
}
