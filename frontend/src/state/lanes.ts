/** Texts side by side: one lane for each run and topic, and which words of two lanes differ. */
import type { Segment } from "./tokens";

export interface Lane {
  readonly key: string;
  readonly run_id: string;
  readonly topic: string;
  readonly segments: readonly Segment[];
}

export function lanesOf(segments: readonly Segment[]): Lane[] {
  const lanes = new Map<string, { run_id: string; topic: string; segments: Segment[] }>();
  for (const segment of segments) {
    const key = `${segment.run_id}\n${segment.topic}`;
    const lane = lanes.get(key);
    if (lane) lane.segments.push(segment);
    else lanes.set(key, { run_id: segment.run_id, topic: segment.topic, segments: [segment] });
  }
  return [...lanes].map(([key, lane]) => ({ key, ...lane }));
}

export const laneText = (lane: Lane): string => lane.segments.map((segment) => segment.text).join("\n\n");

/** Lanes that were written at the same time, or by one run, belong beside each other; else one followed the other. */
export function areParallel(lanes: readonly Lane[]): boolean {
  if (new Set(lanes.map((lane) => lane.run_id)).size < lanes.length) return true;
  const spans = lanes.map(({ segments }) => ({
    from: Math.min(...segments.map(({ rates }) => rates.first || Infinity)), to: Math.max(...segments.map(({ rates }) => rates.last)),
  })).sort((a, b) => a.from - b.from);
  return spans.some((span, i) => i > 0 && span.from < (spans[i - 1]?.to ?? 0));
}

export interface Piece {
  readonly text: string;
  readonly own: boolean;
}

/** Longer texts are compared in their first words only: the table that finds what is common grows with the square. */
const MOST_WORDS = 2500;
const wordsOf = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

/** Each text in pieces, those that the other has not marked; null where the texts are too long. */
export function wordDifference(one: string, two: string): readonly [readonly Piece[], readonly Piece[]] | null {
  const [a, b] = [wordsOf(one), wordsOf(two)];
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) return null;
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i]?.trim() === b[j]?.trim() ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const [left, right]: [Piece[], Piece[]] = [[], []];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i]?.trim() === b[j]?.trim()) {
      push(left, a[i++] ?? "", false);
      push(right, b[j++] ?? "", false);
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) push(left, a[i++] ?? "", true);
    else push(right, b[j++] ?? "", true);
  }
  return [left, right];
}

function push(pieces: Piece[], text: string, own: boolean): void {
  const last = pieces.at(-1);
  if (last?.own === own) pieces[pieces.length - 1] = { text: last.text + text, own };
  else pieces.push({ text, own });
}
