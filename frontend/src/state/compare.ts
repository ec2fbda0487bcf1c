/** Two runs in one picture: the rows of the first, with what the second did in each of them. */
import type { Bar, Row } from "./rows";

/** Steps are the same where their hash is: the same id, met as often before. */
export function compared(rows: readonly Row[], others: readonly Row[], now: number): Row[] {
  const shift = (rows[0]?.from ?? 0) - (others[0]?.from ?? 0);
  const second = new Map(others.map((row) => [row.key, row]));
  const found = rows.map((row) => {
    const other = second.get(row.key);
    second.delete(row.key);
    return other ? { ...row, other: { bars: moved(other.bars, shift), status: other.status, took: took(other, now) } } : row;
  });
  const only = others.filter((row) => second.has(row.key) && row.kind !== "attempt").map((row) => onlyThere(row, shift, now));
  return [...found, ...only];
}

function onlyThere(row: Row, shift: number, now: number): Row {
  const other = { bars: moved(row.bars, shift), status: row.status, took: took(row, now), only: true };
  return { ...row, key: `other/${row.key}`, bars: [], from: undefined, to: undefined, mark: { text: "only in the other run" }, children: "none", other };
}

const moved = (bars: readonly Bar[], shift: number): Bar[] =>
  bars.map((bar) => ({ ...bar, from: bar.from + shift, to: bar.to === undefined ? undefined : bar.to + shift }));

const took = (row: Row, now: number): number | undefined => (row.from === undefined ? undefined : (row.to ?? now) - row.from);

/** How much longer the second run took for this row; undefined where one of them has nothing to compare. */
export function difference(row: Row, now: number): number | undefined {
  const own = took(row, now);
  return row.other?.took === undefined || own === undefined ? undefined : row.other.took - own;
}
