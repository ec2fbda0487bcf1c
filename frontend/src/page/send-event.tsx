/** Sending an event by hand, with what it will start, and the same as code. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { text, type Dict } from "../wire";
import { baseUrl } from "../realtime/page";
import { pythonText } from "../views/json-tree";
import { jsonFault } from "../views/rerun-controller";
import { CopyButton } from "../views/shell";
import type { PageController } from "./page-controller";

type Sent = { readonly ok: boolean; readonly words: string } | null;

export function SendEvent({ controller }: { controller: PageController }): JSX.Element {
  const { events, place, allowed } = controller.state;
  const [name, setName] = useState("");
  const [data, setData] = useState("{}");
  const [sent, setSent] = useState<Sent>(null);
  const known = events.find((event) => event.name === name);
  const choose = (chosen: string): void => {
    setName(chosen);
    setSent(null);
    const example = events.find((event) => event.name === chosen)?.example;
    if (example !== undefined) setData(JSON.stringify(example, null, 2));
  };
  useEffect(() => {
    if (place.room === "events" && place.id !== null) choose(place.id);
  }, [place.id, events.length === 0]);
  const fault = jsonFault(data) ?? (data.trim().startsWith("{") ? undefined : "The data of an event is an object.");
  const send = (event: Event): void => {
    event.preventDefault();
    if (!allowed || !name || fault !== undefined) return;
    void controller.send(name, JSON.parse(data)).then((problem) =>
      setSent({ ok: problem === undefined, words: problem ?? `Sent ${name}.` }));
  };
  return (
    <form class="inb-send" onSubmit={send} aria-label="Send an event">
      <h3>Send an event</h3>
      <label for="inb-event-name">Name</label>
      <input id="inb-event-name" list="inb-event-names" value={name} placeholder="app/prompt.submitted" autocomplete="off" onInput={(event) => choose(event.currentTarget.value)} />
      <datalist id="inb-event-names">{events.map((event) => <option key={String(event.name)} value={String(event.name)} />)}</datalist>
      <label for="inb-event-data">Data</label>
      <textarea id="inb-event-data" class="mono" rows={Math.min(12, data.split("\n").length + 1)} spellcheck={false} value={data} aria-invalid={fault !== undefined}
        aria-describedby="inb-event-fault" onInput={(event) => setData(event.currentTarget.value)} />
      <p id="inb-event-fault" class={fault === undefined ? "inb-vh" : "fault s-bad"} role="status">{fault ?? "Valid JSON."}</p>
      <div class="inb-btns">
        <button type="submit" class="inb-b primary" aria-disabled={!allowed || !name || fault !== undefined}>Send</button>
        <span class="muted">{allowed ? startsWords(known, name) : "needs the right to write to inngest on this server"}</span>
        <CopyButton label="Copy as Python" icon="function" text={() => pythonOf(name, data)} />
        <CopyButton label="Copy as cURL" icon="copy" text={() => curlOf(name, data)} />
      </div>
      {sent && <p role="status" class={sent.ok ? "s-ok said" : "s-bad said"}>{sent.words}</p>}
    </form>
  );
}

function startsWords(known: Dict | undefined, name: string): string {
  if (!name) return "";
  const starts = Array.isArray(known?.starts) ? known.starts.map((one) => text(one) ?? "") : [];
  return starts.length ? `starts ${starts.join(", ")}` : "starts nothing that is known";
}

function pythonOf(name: string, data: string): string {
  return `client.send_sync(inngest.Event(name=${JSON.stringify(name)}, data=${jsonFault(data) === undefined ? pythonText(JSON.parse(data)) : "{}"}))`;
}

function curlOf(name: string, data: string): string {
  const body = JSON.stringify({ name, data: jsonFault(data) === undefined ? (JSON.parse(data) as unknown) : {} }).replaceAll("'", "'\\''");
  return `curl -X POST '${baseUrl()?.href ?? "/"}inngest/api/events' -H "Authorization: token $JUPYTER_TOKEN" -H 'Content-Type: application/json' -d '${body}'`;
}
