/** A run in one line: at each moment the kind of time that mattered most. One sweep over the ends of all bars. */
import type { Role, Status } from "../status";
import type { Bar, Row } from "./rows";
import type { RunModel } from "./run";

type Kind = "good" | "bad" | "ask" | "wait";

interface Cut {
  readonly at: number;
  readonly kind: Kind;
  readonly by: 1 | -1;
}

export function summary(model: RunModel, steps: readonly Row[], status: Status, now: number): Bar[] {
  const run = model.run;
  if (run?.started_at === undefined) return [];
  const end = run.ended_at ?? now;
  const parts: Bar[] = [];
  const busy: Record<Kind, number> = { good: 0, bad: 0, ask: 0, wait: 0 };
  let from = run.started_at;
  for (const cut of cutsOf(steps, end)) {
    const at = Math.min(end, Math.max(from, cut.at));
    push(parts, from, at, busy, status);
    from = at;
    busy[cut.kind] += cut.by;
  }
  push(parts, from, end, busy, status);
  const last = parts.at(-1);
  if (last && run.ended_at === undefined) parts[parts.length - 1] = { ...last, to: undefined };
  return parts;
}

function cutsOf(steps: readonly Row[], end: number): Cut[] {
  const cuts: Cut[] = [];
  for (const row of steps) {
    for (const bar of row.bars) {
      const kind = kindOf(bar);
      if (kind) cuts.push({ at: bar.from, kind, by: 1 }, { at: bar.to ?? end, kind, by: -1 });
    }
  }
  return cuts.sort((a, b) => a.at - b.at || b.by - a.by);
}

function kindOf(bar: Bar): Kind | null {
  if (bar.kind === "ran") return bar.role === "bad" ? "bad" : "good";
  if (bar.kind === "backoff") return "bad";
  return bar.kind === "ask" || bar.kind === "wait" ? bar.kind : null;
}

function push(parts: Bar[], from: number, to: number, busy: Record<Kind, number>, status: Status): void {
  if (to <= from) return;
  const part = partOf(busy, status);
  const before = parts.at(-1);
  if (before && before.kind === part.kind && before.role === part.role) parts[parts.length - 1] = { ...before, to };
  else parts.push({ ...part, from, to });
}

function partOf(busy: Record<Kind, number>, status: Status): Pick<Bar, "kind" | "role"> {
  const outcome: Role = status.role === "run" || status.role === "idle" ? status.role : "ok";
  if (busy.good > 0) return { kind: "root", role: outcome };
  if (busy.bad > 0) return { kind: "root", role: status.role === "bad" ? "bad" : outcome };
  if (busy.ask > 0) return { kind: "ask", role: "ask" };
  return busy.wait > 0 ? { kind: "wait", role: "idle" } : { kind: "root", role: outcome };
}
