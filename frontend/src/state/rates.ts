/** Figures of a stream of pieces, kept in constant space: count, ends, longest gap and the rate of the last while. */

/** Pieces per slot of 100 ms, newest slots only: enough for the rate of the last second and for the sparkline. */
const SLOT_MS = 100;
const SLOTS = 160;
const LIVE_WINDOW_MS = 1000;

export interface Rates {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly longestGap: number;
  /** Slot number (time / 100 ms) of the newest entry of `slots`. */
  readonly slot: number;
  readonly slots: readonly number[];
}

export const NO_RATES: Rates = { count: 0, first: 0, last: 0, longestGap: 0, slot: 0, slots: [] };

export function withPieces(rates: Rates, times: readonly number[]): Rates {
  let { count, first, last, longestGap, slot } = rates;
  const slots = [...rates.slots];
  for (const at of times) {
    if (count === 0) first = at;
    else longestGap = Math.max(longestGap, at - last);
    last = Math.max(last, at);
    count += 1;
    slot = addToSlot(slots, count === 1 ? Math.floor(at / SLOT_MS) : slot, Math.floor(at / SLOT_MS));
  }
  return { count, first, last, longestGap, slot, slots };
}

/** Counts one piece; returns the number of the newest slot. */
function addToSlot(slots: number[], newest: number, target: number): number {
  for (let ahead = Math.min(target - newest, SLOTS); ahead > 0; ahead--) slots.push(0);
  if (slots.length === 0) slots.push(0);
  while (slots.length > SLOTS) slots.shift();
  const now = Math.max(newest, target);
  const index = slots.length - 1 - (now - target);
  if (index >= 0) slots[index] = (slots[index] ?? 0) + 1;
  return now;
}

/** Pieces per second over the last second before `now`; undefined when none came. */
export function liveRate(rates: Rates, now: number): number | undefined {
  const newest = Math.floor(now / SLOT_MS);
  let sum = 0;
  for (let back = 0; back < LIVE_WINDOW_MS / SLOT_MS; back++) sum += slotAt(rates, newest - back);
  const span = Math.min(LIVE_WINDOW_MS, Math.max(SLOT_MS, now - rates.first));
  return sum > 0 && rates.count > 1 ? (sum * 1000) / span : undefined;
}

/** (n - 1) / (last - first); undefined below two pieces. */
export function finalRate(rates: Rates): number | undefined {
  const span = rates.last - rates.first;
  return rates.count > 1 && span > 0 ? ((rates.count - 1) * 1000) / span : undefined;
}

function slotAt(rates: Rates, slot: number): number {
  return rates.slots[rates.slots.length - 1 - (rates.slot - slot)] ?? 0;
}

/** The rate over time in `points` values, oldest first, each the mean of half a second. */
export function rateCurve(rates: Rates, points: number): number[] {
  const width = 5;
  const used = Math.min(points, Math.max(2, Math.ceil(rates.slots.length / width)));
  return Array.from({ length: used }, (_, i) => {
    const end = rates.slot - (used - 1 - i) * width;
    let sum = 0;
    for (let back = 0; back < width; back++) sum += slotAt(rates, end - back);
    return (sum * 1000) / (width * SLOT_MS);
  });
}
