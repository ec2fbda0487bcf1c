/** Builds recordings: a run told as steps and tokens, in the shapes that travel. */

export const RUN = "01KAJ8Q4V7N2M5X9ZT3VBED1WR";
export const CHANNEL = `ai:${RUN}`;
export const T0 = Date.UTC(2026, 10, 21, 14, 2, 21, 278);
export const FN = { fn_id: "ai-lab-generate-response", name: "generate-response" };

export const TEXT = `## Durable execution in three points

1. **Every step is saved.** When \`step.run("generate", …)\` returns, its result is in the journal before your next line runs.
2. **A crash is only a pause.** Restart the kernel, run the defining cells, and the run goes on from its last saved step. The model is not called again.
3. **Waiting is free.** A run that waits for a person holds no thread and no kernel; it is a row on disk until the answer comes.

\`\`\`python
answer = await ctx.step.run("generate", call_model)
decision = await ctx.step.request_approval(
    "confirm", chat.approvals, timeout="15m")
\`\`\`

Start with one function and one approval; add retries when you need them.`;

const iso = (at: number): string => new Date(at).toISOString();

export class Story {
  readonly messages: Record<string, object[]> = {};
  readonly details: Record<string, object> = {};

  constructor(readonly run_id = RUN, readonly channel = CHANNEL, readonly name = FN.name, readonly t0 = T0) {}

  put(channel: string, kind: string, topic: string, data: unknown, at: number, more: object = {}): this {
    const log = (this.messages[channel] ??= []);
    log.push({
      channel, topic, kind, data, created_at: iso(this.t0 + at), offset: log.length,
      run_id: this.run_id, fn_id: FN.fn_id, ...more,
    });
    return this;
  }

  run(status: string, at: number, more: object = {}): this {
    const ended = ["completed", "failed", "cancelled"].includes(status) ? { ended_at: this.t0 + at } : {};
    const started = status === "queued" ? {} : { started_at: this.t0 };
    const data = {
      run_id: this.run_id, fn_id: FN.fn_id, name: this.name, app_id: "ai-lab", status, attempt: 0, max_attempts: 5,
      queued_at: this.t0 - 2, event: { id: "e1", name: "app/prompt.submitted" }, ...started, ...ended, ...more,
    };
    if ("ended_at" in ended) this.put(this.channel, "run", "$run", data, at);
    return this.put(this.run_id, "run", "$run", data, at);
  }

  step(step_id: string, status: string, from: number, to: number | null, more: object = {}): this {
    const index = ["fetch-context", "generate", "check-policy", "confirm", "send-result", "index-answer"].indexOf(step_id);
    const data = {
      run_id: this.run_id, hash: `h-${step_id}`, step_id, index: index < 0 ? 9 : index, op: "run", status, attempt: 0,
      max_attempts: 5, queued_at: this.t0 + from - 3, started_at: this.t0 + from,
      ...(to === null ? {} : { ended_at: this.t0 + to }), ...more,
    };
    return this.put(this.run_id, "step", "$step", data, to ?? from, { step_id });
  }

  wait(step_id: string, status: string, from: number, to: number | null, minutes: number, more: object = {}): this {
    return this.step(step_id, status, from, to, {
      op: "wait_for_event",
      wait: { event: "app/confirmation", if: `async.data.confirmation_uuid == '${confirmationId(step_id)}'`,
        expires_at: this.t0 + from + minutes * 60_000 },
      ...more,
    });
  }

  /** Publishes the text in `count` pieces between two times. */
  tokens(text: string, count: number, from: number, to: number, attempt = 0, step_id = "generate"): this {
    const size = text.length / count;
    for (let i = 0; i < count; i++) {
      const wobble = Math.sin(i * 1.7) * 9 + Math.sin(i * 0.31) * 14;
      const at = from + ((to - from) * i) / Math.max(1, count - 1) + (i > 0 && i < count - 1 ? wobble : 0);
      const token = text.slice(Math.round(i * size), Math.round((i + 1) * size));
      this.put(this.channel, "data", "tokens", { token }, at, { step_id, attempt });
    }
    return this;
  }

  rollback(attempt: number, at: number, reason: string, step_id = "generate"): this {
    return this.put(this.channel, "rollback", "$step",
      { run_id: this.run_id, step_id, hash: `h-${step_id}`, attempt, reason }, at, { step_id });
  }

  commit(at: number, step_id = "generate"): this {
    return this.put(this.channel, "commit", "$step",
      { run_id: this.run_id, step_id, hash: `h-${step_id}`, attempt: 0 }, at, { step_id });
  }

  usage(at: number): this {
    return this.put(this.channel, "data", "usage", { input_tokens: 212, output_tokens: 318, model: "gpt-4o" }, at);
  }

  ask(step_id: string, message: string, at: number, more: object = {}): this {
    return this.put(this.channel, "data", "approvals",
      { message, confirmation_uuid: confirmationId(step_id), event: "app/confirmation", ...more }, at);
  }

  detail(step_id: string, attempts: object[]): this {
    this.details[`h-${step_id}`] = { attempts };
    return this;
  }

  cut(text: string): string {
    return TEXT.slice(0, TEXT.indexOf(text) + text.length);
  }
}

function confirmationId(step_id: string): string {
  return `5b0c41d2-9a3e-4f6b-8c17-${[...step_id].map((c) => c.charCodeAt(0).toString(16)).reverse().join("").slice(0, 12).padEnd(12, "0")}`;
}

export const TRACEBACK = `Traceback (most recent call last):
  File "/home/ada/.venv/lib/python3.11/site-packages/inngest_nb/worker/steps.py", line 88, in execute
    result = await body()
  File "/tmp/ipykernel_4711/3921.py", line 14, in call_model
    stream = await llm.chat.completions.create(model=MODEL, stream=True, messages=prompt(ctx.event))
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/ada/.venv/lib/python3.11/site-packages/openai/resources/chat/completions.py", line 2028, in create
    return await self._post(
  File "/home/ada/.venv/lib/python3.11/site-packages/openai/_base_client.py", line 1742, in post
    return await self.request(cast_to, opts, stream=stream)
  File "/home/ada/.venv/lib/python3.11/site-packages/openai/_base_client.py", line 1549, in request
    raise self._make_status_error_from_response(err.response) from None
APIStatusError: 503 from http://127.0.0.1:11434/v1/chat/completions: model is loading
`;

export const FAILURE = {
  code: "step_failed", name: "APIStatusError",
  message: "503 from http://127.0.0.1:11434/v1/chat/completions: model is loading", stack: TRACEBACK,
};
