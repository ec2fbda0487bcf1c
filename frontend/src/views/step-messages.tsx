/** What one step has published, on whatever channels, with what became of it. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import * as format from "../format";
import type { Message } from "../wire";
import { jsonText } from "./json";
import type { TimelineController } from "./timeline-controller";

const SHOWN = 200;
const PREVIEW = 120;

export function StepMessages({ controller, name, messages, now }: {
  controller: TimelineController; name: string; messages: readonly Message[] | undefined; now: number;
}): JSX.Element {
  useEffect(() => void controller.fetchMessages(name), [controller, name]);
  if (messages === undefined) return <p class="muted">Asking for the messages…</p>;
  if (messages.length === 0) return <p class="muted">This step published nothing that is still in the log.</p>;
  return (
    <div class="inb-tablebox messages" tabIndex={0} role="group" aria-label="Messages of the step">
      <table class="inb-table">
        <thead><tr><th>Offset</th><th>Time</th><th>Topic</th><th>Data</th></tr></thead>
        <tbody>
          {messages.slice(0, SHOWN).map((message) => (
            <tr key={`${message.channel} ${message.offset}`} class={message.kind === "rollback" ? "s-bad rolled" : ""}>
              <td class="num" title={message.channel}>{message.offset}</td>
              <td title={format.iso(message.at)}>{format.clock(message.at, now, true)}</td>
              <td>{message.kind === "data" ? message.topic : message.kind}</td>
              <td class="mono preview">{preview(message)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {messages.length > SHOWN && <p class="muted">{`The first ${SHOWN} of ${messages.length} are shown; run.messages() has all.`}</p>}
    </div>
  );
}

function preview({ data, kind, attempt }: Message): string {
  if (kind === "rollback") return `attempt ${(attempt ?? 0) + 1} rolled back`;
  const text = jsonText(data).replace(/\s+/g, " ");
  return text.length > PREVIEW ? `${text.slice(0, PREVIEW)}…` : text;
}
