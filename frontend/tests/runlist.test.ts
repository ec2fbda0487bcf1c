import { describe, expect, it } from "vitest";
import { diffLines } from "../src/state/diff";
import { fresh, NO_LIST, parsePage, withChanges, withPage, type Page, type RunList } from "../src/state/runlist";
import { NO_RUN, withSnapshot } from "../src/state/run";
import { EVERYTHING, pageQuery, parseQuery } from "../src/state/runquery";
import { stripOf } from "../src/state/strip";
import { asksPerson } from "../src/status";
import { parseMessages, parseSnapshot } from "../src/wire";
import { jsonFault } from "../src/views/rerun-controller";

const T = 1_000_000;
const id = (n: number): string => `01KAJ8Q4V7N2M5X9ZT3VBE${String(n).padStart(4, "0")}`;
const run = (n: number, status: string, more: object = {}): object =>
  ({ run_id: id(n), fn_id: "f", name: "f", status, attempt: 0, max_attempts: 5, queued_at: T, started_at: T, ...more });
const counts = (all: number, more: object = {}): object => ({ all, running: 0, waiting: 0, asking: 0, failed: 0, recent: 0, minutes: [[1, 0]], ...more });

function page(offset: number, ns: readonly number[], more: Record<string, unknown> = {}): Page {
  const rows = ns.map((n) => ({ run: run(n, "running"), steps: [] }));
  const parsed = parsePage({ rows, total: 100, counts: counts(100), upto: id(99), next: 10, epoch: 1, ...more }, offset);
  if (!parsed) throw new Error("no page");
  return parsed;
}

function changes(offset: number, n: number, status: string): ReturnType<typeof parseMessages> {
  return parseMessages([{ channel: "$runs", topic: "$run", kind: "run", data: run(n, status), created_at: "2026-11-21T14:00:00Z", offset, run_id: id(n) }]);
}
const statusOf = (list: RunList, n: number): string | undefined => list.runs.get(id(n))?.run?.status;

describe("a list of runs", () => {
  it("puts pages where they belong", () => {
    const list = withPage(withPage(NO_LIST, page(0, [99, 98])), page(60, [39, 38]));
    expect([...list.places]).toEqual([[0, id(99)], [1, id(98)], [60, id(39)], [61, id(38)]]);
    expect(list.counts.minutes).toEqual([[1, 0]]);
  });
  it("begins anew with a page of another beginning", () => {
    const list = withPage(withPage(NO_LIST, page(60, [39])), page(0, [100], { upto: id(100) }));
    expect([...list.places]).toEqual([[0, id(100)]]);
  });
  it("forgets places behind its end", () => {
    const list = withPage(withPage(NO_LIST, page(0, [99, 98, 97])), page(0, [99], { total: 1 }));
    expect(list.places.size).toBe(1);
  });
  it("takes changes over that a page does not hold, and no others", () => {
    const list = withChanges(withPage(NO_LIST, page(0, [99, 98])), changes(12, 99, "completed"));
    expect(statusOf(list, 99)).toBe("completed");
    expect(statusOf(withPage(list, page(0, [99, 98])), 99)).toBe("completed");
    expect(statusOf(withPage(list, page(0, [99, 98], { next: 13 })), 99)).toBe("running");
    expect(statusOf(withPage(list, page(0, [99, 98], { next: 0, epoch: 2 })), 99)).toBe("running");
  });
  it("does not let a run that has ended go on", () => {
    const list = withChanges(withChanges(withPage(NO_LIST, page(0, [99])), changes(12, 99, "failed")), changes(13, 99, "running"));
    expect(statusOf(list, 99)).toBe("failed");
  });
  it("leaves runs that it does not show", () => expect(withChanges(NO_LIST, changes(1, 3, "failed")).runs.size).toBe(0));
  it("counts what is newer", () => {
    const list = withPage(NO_LIST, page(0, [99], { total: 88 }));
    expect(fresh(list, EVERYTHING)).toBe(12);
    expect(fresh(list, { ...EVERYTHING, q: "x" })).toBe(0);
  });
  it.each([null, {}, { rows: 5 }, { rows: [null, 3, {}] }])("survives an odd page: %j", (value) =>
    expect(parsePage(value, 0)?.rows ?? []).toEqual([]));
  it("asks for what is wanted and no more", () => {
    expect(pageQuery(EVERYTHING, T, 0, 60, null)).toBe("limit=60");
    const everyWay = { group: "failed", function: "a b", within: null, from: 5, to: 9, q: "x&y", payload: true, order: "duration", up: true } as const;
    expect(pageQuery(everyWay, T, 120, 60, "Z"))
      .toBe("group=failed&function=a+b&from=5&to=9&q=x%26y&payload=1&order=duration&up=1&offset=120&limit=60&upto=Z");
    expect(pageQuery({ ...EVERYTHING, within: 1000 }, T, 0, 60, null)).toBe(`from=${T - 1000}&limit=60`);
    expect(parseQuery(everyWay)).toEqual({ ...everyWay, within: undefined });
  });
  it.each([null, 3, "x", { group: "nobody", order: 1, within: "long", q: 7, function: "" }])("takes nothing over from %j", (odd) => expect(parseQuery(odd)).toEqual({}));
});

describe("a strip", () => {
  const strip = (status: string, steps: object[], more: object = {}): string[] => {
    const model = withSnapshot(NO_RUN, parseSnapshot({
      run: run(1, status, more),
      steps: steps.map((step, i) => ({ run_id: id(1), hash: `h${i}`, step_id: `s${i}`, index: i, op: "run", status: "completed", attempt: 0, max_attempts: 5, ...step })),
    }));
    return stripOf(model, T + 10_000, asksPerson).map((part) => `${part.kind}:${part.role}:${Math.round(part.from)}+${Math.round(part.width)}`);
  };
  it("has a part for each step", () =>
    expect(strip("completed", [{ started_at: T, ended_at: T + 5000 }, { started_at: T + 5000, ended_at: T + 10_000 }], { ended_at: T + 10_000 }))
      .toEqual(["ran:ok:0+50", "ran:ok:50+50"]));
  it("goes on while the run does", () =>
    expect(strip("running", [{ started_at: T, ended_at: T + 5000 }])).toEqual(["ran:ok:0+50", "ran:run:50+50"]));
  it("tells what failed and the pauses between", () =>
    expect(strip("failed", [{ started_at: T, ended_at: T + 2500, status: "retrying", retry_at: T + 5000 }], { ended_at: T + 10_000 }).map((p) => p.split(":")[0]))
      .toContain("backoff"));
  it("tells a question from other waits", () => {
    const wait = { event: "app/approval", if: "" };
    expect(strip("waiting", [{ started_at: T, status: "waiting", op: "wait_for_event", wait }])).toEqual(["ask:ask:0+100"]);
  });
  it("is a line for a run that waits to start", () => expect(strip("queued", [], { started_at: undefined })).toEqual(["queue:idle:0+100"]));
  it("stays within its line, whatever the run did", () => {
    const steps = Array.from({ length: 500 }, (_, i) => ({ started_at: T + i, ended_at: T + i + 3 }));
    const parts = strip("completed", steps, { ended_at: T + 600 });
    expect(parts.length).toBeLessThanOrEqual(240);
    for (const part of parts) {
      const [from = 0, width = 0] = part.split(":")[2]?.split("+").map(Number) ?? [];
      expect(from).toBeGreaterThanOrEqual(0);
      expect(from + width).toBeLessThanOrEqual(101);
    }
  });
});

describe("a difference", () => {
  const marked = (lines: readonly { text: string; changed: boolean }[]): string => lines.map((l) => (l.changed ? "*" : " ") + l.text).join("|");
  it("marks what went and what came", () => {
    const { before, after } = diffLines("a\nb\nc", "a\nx\ny\nc");
    expect([marked(before), marked(after)]).toEqual([" a|*b| c", " a|*x|*y| c"]);
  });
  it("of equal texts is none", () => expect(diffLines("a\nb", "a\nb").after.some((line) => line.changed)).toBe(false));
});

describe("JSON that is typed", () => {
  it.each([["{", true], ["", true], ["[1,]", true], ['{"a": 1}', false], ["null", false]])("%s", (typed, faulty) =>
    expect(jsonFault(typed) !== undefined).toBe(faulty));
});
