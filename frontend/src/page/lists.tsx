/** The rooms of the page that are lists: functions, events, channels. */
import type { ComponentChildren, JSX } from "preact";
import * as format from "../format";
import { number, text, type Dict } from "../wire";
import { Empty, StatusWord } from "../views/shell";
import { STATUS, type Status } from "../status";

const PAUSED: Status = { value: "paused", word: "Paused", glyph: "wait", role: "idle" };
const CONNECTED: Status = { ...STATUS.completed, word: "Connected" };
const AWAY: Status = { ...STATUS.queued, word: "No kernel" };

const count = (value: unknown): string => format.count(number(value) ?? 0);

function Table({ label, head, children }: { label: string; head: readonly string[]; children: ComponentChildren }): JSX.Element {
  return (
    <div class="inb-tablebox" tabIndex={0} role="group" aria-label={label}>
      <table class="inb-table">
        <thead><tr>{head.map((word) => <th key={word} scope="col" class={/^(Runs|Failed|Count|Messages)$/.test(word) ? "num" : ""}>{word}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Functions({ functions }: { functions: readonly Dict[] }): JSX.Element {
  if (!functions.length) return <Empty icon="function" title="No functions yet" code={'@client.create_function(fn_id="hello", trigger=…)'}>A cell that defines a function registers it here.</Empty>;
  return (
    <Table label="Functions" head={["Function", "State", "Triggers", "Runs", "Failed"]}>
      {functions.map((one) => (
        <tr key={String(one.id)}>
          <td><a href={`#/functions/${encodeURIComponent(String(one.id))}`}>{text(one.name)}</a></td>
          <td><StatusWord status={one.paused ? PAUSED : one.connected ? CONNECTED : AWAY} live={false} /></td>
          <td class="mono">{triggers(one.triggers)}</td>
          <td class="num">{count(one.runs)}</td>
          <td class="num">{count(one.failed)}</td>
        </tr>
      ))}
    </Table>
  );
}

function triggers(value: unknown): string {
  if (!Array.isArray(value)) return "";
  return value.map((one: Dict) => text(one.event) ?? (text(one.cron) ? `cron ${String(one.cron)}` : "")).filter(Boolean).join(", ");
}

export function Events({ events, now }: { events: readonly Dict[]; now: number }): JSX.Element {
  if (!events.length) return <Empty icon="bolt" title="No events yet" code={'client.send_sync(inngest.Event(name="app/hello", data={}))'} />;
  return (
    <Table label="Events" head={["Event", "Count", "Last", "Starts"]}>
      {events.map((one) => (
        <tr key={String(one.name)}>
          <td class="mono"><a href={`#/events/${encodeURIComponent(String(one.name))}`}>{text(one.name)}</a></td>
          <td class="num">{count(one.count)}</td>
          <td title={format.iso(number(one.last_at))}>{ago(one.last_at, now)}</td>
          <td>{Array.isArray(one.starts) ? one.starts.join(", ") : ""}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Channels({ channels, now }: { channels: readonly Dict[]; now: number }): JSX.Element {
  if (!channels.length) return <Empty icon="message" title="No channels yet" code={'await ctx.publish(chat.status, {"message": "…"})'} />;
  return (
    <Table label="Channels" head={["Channel", "Messages", "Last"]}>
      {channels.map((one) => (
        <tr key={String(one.name)}>
          <td class="mono"><a href={`#/channels/${encodeURIComponent(String(one.name))}`}>{text(one.name)}</a></td>
          <td class="num">{count(one.messages)}</td>
          <td title={format.iso(number(one.last_at))}>{ago(one.last_at, now)}</td>
        </tr>
      ))}
    </Table>
  );
}

function ago(at: unknown, now: number): string {
  const known = number(at);
  return known === undefined ? "—" : format.ago(now - known);
}
