/** How numbers, times and ids are written: one rule per kind of figure, the same in every view. */

const NBSP = "\u00a0";
const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

const two = (value: number): string => String(value).padStart(2, "0");
const unit = (value: string | number, name: string): string => `${value}${NBSP}${name}`;

/** A length of time, from tenths of a millisecond to days. */
export function duration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return "—";
  const t = Math.max(0, ms);
  if (t === 0) return unit(0, "ms");
  if (t < 1) return unit(Math.max(0.1, t).toFixed(1), "ms");
  if (t < 999.5) return unit(Math.round(t), "ms");
  if (t < 9995) return unit((t / S).toFixed(2), "s");
  if (t < 59950) return unit((t / S).toFixed(1), "s");
  const s = Math.round(t / S);
  if (s < 3600) return `${unit(Math.floor(s / 60), "m")} ${unit(two(s % 60), "s")}`;
  const m = Math.floor(s / 60);
  if (t < D) return `${unit(Math.floor(m / 60), "h")} ${unit(two(m % 60), "m")}`;
  const h = Math.floor(t / H);
  return `${unit(Math.floor(h / 24), "d")} ${unit(h % 24, "h")}`;
}

/** A duration known only from below, because nothing newer was heard. */
export function atLeast(ms: number | undefined): string {
  return ms === undefined ? "—" : `≥${NBSP}${ms < 1000 ? duration(ms) : ticking(ms)}`;
}

/** Live durations: ten steps a second below ten seconds, then whole seconds, so that they can be read. */
export function ticking(ms: number): string {
  const t = Math.max(0, ms);
  if (t < 10 * S) return unit((Math.floor(t / 100) / 10).toFixed(1), "s");
  return t < M ? unit(Math.floor(t / S), "s") : duration(Math.floor(t / S) * S);
}

/** A length that somebody chose, such as a timeout: no digits that say nothing. */
export function nominal(ms: number | undefined): string {
  return duration(ms).replace(/\.0+(?=\u00a0)/, "").replace(/(\.\d)0(?=\u00a0)/, "$1")
    .replace(/\u00a0m 00\u00a0s$/, "\u00a0m").replace(/\u00a0h 00\u00a0m$/, "\u00a0h");
}

/** Time left, as a clock. */
export function countdown(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / S));
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  const m = Math.floor(s / 60);
  return `${unit(Math.floor(m / 60), "h")} ${unit(two(m % 60), "m")}`;
}

/** Time until the next attempt: tenths only where they can be felt. */
export function backoff(ms: number): string {
  const t = Math.max(0, ms);
  return t < 10 * S ? `in ${unit((t / S).toFixed(1), "s")}` : `in ${countdown(t)}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Local time of day; the day too when it is not today. */
export function clock(at: number | undefined, now: number, millis = false): string {
  if (at === undefined || !Number.isFinite(at)) return "—";
  const d = new Date(at);
  const hm = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (d.toDateString() !== new Date(now).toDateString()) return `${d.getDate()} ${MONTHS[d.getMonth()]} ${hm}`;
  const s = `${hm}:${two(d.getSeconds())}`;
  return millis ? `${s}.${String(d.getMilliseconds()).padStart(3, "0")}` : s;
}

/** Hours and minutes, for "Saved 14:06". */
export function hourMinute(at: number, now: number): string {
  const text = clock(at, now);
  return /^\d\d:\d\d:\d\d$/.test(text) ? text.slice(0, 5) : text;
}

/** A point in time as fields for it want it: local, to the minute. */
export function localMinute(at: number): string {
  const d = new Date(at);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** The exact time with its offset from UTC, for titles and copying. */
export function iso(at: number | undefined): string {
  if (at === undefined || !Number.isFinite(at)) return "";
  const d = new Date(at);
  const shift = -d.getTimezoneOffset();
  const local = new Date(at + shift * M).toISOString().slice(0, -1);
  const abs = Math.abs(shift);
  return `${local}${shift < 0 ? "-" : "+"}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}

/** How long ago, in the coarsest unit that says something. */
export function ago(ms: number): string {
  const t = Math.max(0, ms);
  if (t < 5 * S) return "now";
  if (t < M) return `${unit(Math.floor(t / S), "s")} ago`;
  if (t < H) return `${unit(Math.floor(t / M), "m")} ago`;
  if (t < D) return `${unit(Math.floor(t / H), "h")} ago`;
  return `${unit(Math.floor(t / D), "d")} ago`;
}

/** A rate without its unit; unknown is a dash, never zero. */
export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined || !Number.isFinite(perSecond) || perSecond <= 0) return "—";
  return perSecond < 99.95 ? perSecond.toFixed(1) : grouped.format(perSecond);
}

/** A count: exact to 9,999, then thousands with one decimal. */
export function count(n: number): string {
  if (n <= 9999) return grouped.format(n);
  if (n < 999_950) return unit((n / 1000).toFixed(1), "k");
  return unit((n / 1_000_000).toFixed(1), "M");
}

export function exactCount(n: number): string {
  return grouped.format(n);
}

export function bytes(n: number): string {
  if (n < 1000) return unit(n, "B");
  const [scale, name] = n < 999_950 ? [1e3, "KB"] : n < 999_950_000 ? [1e6, "MB"] : [1e9, "GB"];
  return unit((n / (scale as number)).toFixed(1), name as string);
}

export function cost(dollars: number): string {
  return dollars > 0 && dollars < 0.01 ? `$${Number(dollars.toPrecision(4))}` : `$${dollars.toFixed(2)}`;
}

export function percent(done: number, of: number): string {
  return of < 10 ? "" : unit(Math.round((100 * done) / of), "%");
}

/** Ids short enough for a row: the end of a ULID, the start of a UUID. */
export function shortId(id: string): string {
  if (/^[0-9A-HJKMNP-TV-Z]{26}$/i.test(id)) return `…${id.slice(-6)}`;
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(id)) return `${id.slice(0, 4)}…`;
  return id.length > 24 ? middle(id, 20) : id;
}

/** Long names with the middle left out, so that both ends can be told apart. */
export function middle(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) * 0.6);
  return `${text.slice(0, head)}…${text.slice(text.length - (max - 1 - head))}`;
}

/** A channel name whose parts may be ids: `ai:01KAJ8…3VBED1`. */
export function channelName(name: string): string {
  return name.split(":").map((part) => (part.length > 20 ? `${part.slice(0, 6)}…${part.slice(-6)}` : part)).join(":");
}

/** Markdown as one line of plain words, for quotations. */
export function unmarked(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/^#+\s+/gm, "").replace(/\*\*|__|`/g, "")
    .replace(/(?<!\w)([*_])(\S(?:[^*_\n]*\S)?)\1(?!\w)/g, "$2").replace(/\s+/g, " ").trim();
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return n === 1 ? one : many;
}
