/** Follows one run: its snapshot first, its own channel until it is over. */
import { isOver, NO_RUN, rewound, withMessages, withSnapshot, type RunModel } from "../state/run";
import { parseSnapshot, type Message, type RunSnapshot, type RunState } from "../wire";
import { listen, type Env } from "./env";

export class RunFollower {
  model: RunModel;
  /** The engine does not know this run. */
  missing = false;
  /** The snapshot came, or it is certain that none will. */
  asked = false;
  private leave: (() => void) | null = null;
  private disposed = false;

  constructor(private readonly env: Env, readonly run_id: string,
    private readonly changed: (messages: readonly Message[]) => void, initial?: RunSnapshot) {
    this.model = initial ? withSnapshot(NO_RUN, initial) : NO_RUN;
  }

  start(): void {
    if (isOver(this.model)) return;
    this.leave = listen(this.env, { channel: this.run_id, topics: ["$run", "$step"], since: "start" }, {
      messages: (batch) => this.apply(withMessages(this.model, batch), batch),
      subscribed: (_, next) => {
        if (next <= this.model.lastOffset) this.model = rewound(this.model);
      },
    });
    void this.fetch();
  }

  dispose(): void {
    this.disposed = true;
    this.leave?.();
    this.leave = null;
  }

  get over(): boolean {
    return isOver(this.model);
  }

  /** Takes over what another channel said about this run. */
  note(run: RunState): void {
    if (!this.over) this.apply(withSnapshot(this.model, { run, steps: [] }), []);
  }

  private async fetch(): Promise<void> {
    const reply = await this.env.link.request("GET", `runs/${encodeURIComponent(this.run_id)}`).catch(() => null);
    if (this.disposed) return;
    this.asked = true;
    this.missing = reply?.status === 404 && this.model.run === null;
    this.apply(reply?.status === 200 ? withSnapshot(this.model, parseSnapshot(reply.body)) : this.model, []);
  }

  private apply(model: RunModel, messages: readonly Message[]): void {
    this.model = model;
    if (model.run) this.missing = false;
    // A run that is over says nothing more: the subscription is released.
    if (isOver(model)) {
      this.leave?.();
      this.leave = null;
    }
    this.changed(messages);
  }
}
