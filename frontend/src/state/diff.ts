/** Lines of two texts side by side: what stayed, what went and what came. */

export interface Line {
  readonly text: string;
  readonly changed: boolean;
}

const MOST_LINES = 400;

/** The longest common lines stay; very long texts are compared line by line. */
export function diffLines(before: string, after: string): { before: Line[]; after: Line[] } {
  const a = before.split("\n");
  const b = after.split("\n");
  const kept = a.length > MOST_LINES || b.length > MOST_LINES ? samePlaces(a, b) : commonLines(a, b);
  const left = new Set(kept.map(([i]) => i));
  const right = new Set(kept.map(([, j]) => j));
  return {
    before: a.map((text, i) => ({ text, changed: !left.has(i) })),
    after: b.map((text, j) => ({ text, changed: !right.has(j) })),
  };
}

function samePlaces(a: readonly string[], b: readonly string[]): [number, number][] {
  return a.flatMap((text, i) => (b[i] === text ? [[i, i] as [number, number]] : []));
}

function commonLines(a: readonly string[], b: readonly string[]): [number, number][] {
  const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      best[i]![j] = a[i] === b[j] ? best[i + 1]![j + 1]! + 1 : Math.max(best[i + 1]![j]!, best[i]![j + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (best[i + 1]![j]! >= best[i]![j + 1]!) i++;
    else j++;
  }
  return pairs;
}
