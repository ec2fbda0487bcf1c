/** The values that travel between engine and views, and guards that turn any JSON into them or into null. */

export type RunStatus = "queued" | "running" | "waiting" | "completed" | "failed" | "cancelled";
export type StepStatus = "running" | "waiting" | "retrying" | "completed" | "failed" | "cancelled" | "timed_out";
export type Kind = "data" | "run" | "step" | "rollback" | "commit";
export type Dict = { readonly [key: string]: unknown };

export interface Message {
  readonly channel: string;
  readonly topic: string;
  readonly kind: Kind;
  readonly data: unknown;
  readonly at: number;
  readonly created_at: string;
  readonly offset: number;
  readonly run_id?: string;
  readonly fn_id?: string;
  readonly step_id?: string;
  readonly attempt?: number;
}

export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export interface RunState {
  readonly run_id: string;
  readonly fn_id: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly queued_at?: number;
  readonly started_at?: number;
  readonly ended_at?: number;
  readonly event_name?: string;
  readonly error?: Failure;
  readonly reason?: string;
  readonly cancelled_by?: string;
}

export interface Answer {
  readonly user?: string;
  readonly ts: number;
  readonly data: Dict;
}

export interface StepState {
  readonly run_id: string;
  readonly hash: string;
  readonly step_id: string;
  readonly index: number;
  readonly op: string;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly queued_at?: number;
  readonly started_at: number;
  readonly ended_at?: number;
  readonly error?: Failure;
  readonly retry_at?: number;
  readonly wake_at?: number;
  readonly wait?: { readonly event: string; readonly expression: string; readonly expires_at?: number };
  readonly answered?: Answer;
  /** The run that this step invoked. */
  readonly child?: string;
  /** The id of the function that it is a run of. */
  readonly function?: string;
  readonly reused: boolean;
}

export interface RunSnapshot {
  readonly run: RunState | null;
  readonly steps: readonly StepState[];
}

export interface Rollback {
  readonly run_id: string;
  readonly step_id: string;
  readonly attempt: number;
  readonly reason: string;
}

const RUN_STATUSES = new Set<string>(["queued", "running", "waiting", "completed", "failed", "cancelled"]);
const STEP_STATUSES = new Set<string>([
  "running", "waiting", "retrying", "completed", "failed", "cancelled", "timed_out",
]);
const KINDS = new Set<string>(["data", "run", "step", "rollback", "commit"]);

export function dict(value: unknown): Dict {
  return isDict(value) ? value : {};
}

export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Drops the keys whose value is undefined, so that absent stays absent. */
function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

/** Epoch milliseconds of an ISO time, microseconds kept as a fraction; NaN when it is not one. */
export function parseTime(iso: string): number {
  const match = /^(.{19})\.(\d+)(Z|[+-]\d\d:?\d\d)?$/.exec(iso);
  if (!match) return Date.parse(iso);
  return Date.parse(match[1] + (match[3] ?? "Z")) + Number(`0.${match[2]}`) * 1000;
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** When a ULID was made, in epoch milliseconds; undefined for other ids. */
export function ulidTime(id: string): number | undefined {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)) return undefined;
  return [...id.slice(0, 10)].reduce((sum, digit) => sum * 32 + CROCKFORD.indexOf(digit), 0);
}

export function parseMessage(value: unknown): Message | null {
  const raw = dict(value);
  const offset = number(raw.offset);
  const channel = text(raw.channel);
  const kind = text(raw.kind) ?? "data";
  if (offset === undefined || channel === undefined || !KINDS.has(kind)) return null; // other kinds are for other clients
  const created = text(raw.created_at) ?? "";
  const at = parseTime(created);
  return compact<Message>({
    channel,
    topic: text(raw.topic) ?? "",
    kind: kind as Kind,
    data: raw.data,
    at: Number.isFinite(at) ? at : Date.now(),
    created_at: created,
    offset,
    run_id: text(raw.run_id),
    fn_id: text(raw.fn_id),
    step_id: text(raw.step_id),
    attempt: number(raw.attempt),
  });
}

export function parseMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) return [];
  return value.map(parseMessage).filter((message) => message !== null);
}

export function parseFailure(value: unknown): Failure | undefined {
  if (typeof value === "string" && value) return { name: "Error", message: value, stack: "" };
  if (!isDict(value)) return undefined;
  return { name: text(value.name) ?? "Error", message: text(value.message) ?? "", stack: text(value.stack) ?? "" };
}

export function parseRun(value: unknown): RunState | null {
  const raw = dict(value);
  const id = text(raw.run_id);
  const status = text(raw.status) ?? "";
  if (id === undefined || !RUN_STATUSES.has(status)) return null;
  return compact<RunState>({
    run_id: id,
    fn_id: text(raw.fn_id) ?? "",
    name: text(raw.name) ?? text(raw.fn_id) ?? "",
    status: status as RunStatus,
    attempt: number(raw.attempt) ?? 0,
    max_attempts: number(raw.max_attempts) ?? 1,
    queued_at: number(raw.queued_at),
    started_at: number(raw.started_at),
    ended_at: number(raw.ended_at),
    event_name: text(dict(raw.event).name),
    error: parseFailure(raw.error),
    reason: text(raw.reason),
    cancelled_by: personName(raw.cancelled_by),
  });
}

export function parseStep(value: unknown): StepState | null {
  const raw = dict(value);
  const hash = text(raw.hash);
  const status = text(raw.status) ?? "";
  if (hash === undefined || !STEP_STATUSES.has(status)) return null;
  const started = number(raw.started_at) ?? number(raw.queued_at) ?? number(raw.ended_at);
  if (started === undefined) return null;
  return compact<StepState>({
    run_id: text(raw.run_id) ?? "",
    hash,
    step_id: text(raw.step_id) ?? hash.slice(0, 8),
    index: number(raw.index) ?? 0,
    op: text(raw.op) ?? "run",
    status: status as StepStatus,
    attempt: number(raw.attempt) ?? 0,
    max_attempts: number(raw.max_attempts) ?? 1,
    queued_at: number(raw.queued_at),
    started_at: started,
    ended_at: number(raw.ended_at),
    error: parseFailure(raw.error),
    retry_at: number(raw.retry_at),
    wake_at: number(raw.wake_at),
    wait: parseWait(raw.wait),
    answered: parseAnswer(raw.answered),
    child: text(raw.child),
    function: text(raw.function),
    reused: raw.reused === true,
  });
}

function parseWait(value: unknown): StepState["wait"] {
  if (!isDict(value)) return undefined;
  return compact<NonNullable<StepState["wait"]>>({
    event: text(value.event) ?? "",
    expression: text(value.if) ?? "",
    expires_at: number(value.expires_at),
  });
}

function parseAnswer(value: unknown): Answer | undefined {
  if (!isDict(value)) return undefined;
  return compact<Answer>({ user: personName(value.user), ts: number(value.ts) ?? 0, data: dict(value.data) });
}

/** Jupyter gives visitors of a server without a login a random name, which says nothing to anybody. */
const ANONYMOUS = /^[0-9a-f]{32}$/;

/** The name of a person given as a string or as {"name": ...}. */
export function personName(value: unknown): string | undefined {
  const { display_name, name, username } = dict(value);
  return [value, display_name, name, username].map(text).find((found) => found !== undefined && !ANONYMOUS.test(found));
}

export function parseSnapshot(value: unknown): RunSnapshot {
  const raw = dict(value);
  const steps = Array.isArray(raw.steps) ? raw.steps.map(parseStep).filter((step) => step !== null) : [];
  return { run: parseRun(raw.run), steps };
}

export function parseRollback(value: unknown): Rollback | null {
  const raw = dict(value);
  const run_id = text(raw.run_id);
  const step_id = text(raw.step_id);
  if (run_id === undefined || step_id === undefined) return null;
  return { run_id, step_id, attempt: number(raw.attempt) ?? 0, reason: text(raw.reason) ?? "" };
}

export function isTerminal(status: RunStatus | StepStatus): boolean {
  return status !== "queued" && status !== "running" && status !== "waiting" && status !== "retrying";
}
