/** A JSON value as coloured text; long ones are cut, and say so. */
import type { JSX } from "preact";
import * as format from "../format";

const SHOWN = 20_000;
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export function jsonText(value: unknown): string {
  try {
    return (typeof value === "string" ? value : JSON.stringify(value, null, 2)) ?? "null";
  } catch {
    return String(value);
  }
}

export function JsonView({ value }: { value: unknown }): JSX.Element {
  const whole = jsonText(value);
  const text = whole.slice(0, SHOWN);
  return (
    <>
      <pre class={`inb-code${typeof value === "string" ? " wrap" : ""}`} tabIndex={0}>
        <code>{typeof value === "string" ? text : coloured(text)}</code>
      </pre>
      <p class="inb-size">
        {format.bytes(new Blob([whole]).size)}
        {whole.length > SHOWN && ` · first ${format.bytes(SHOWN)} shown`}
      </p>
    </>
  );
}

function coloured(text: string): (string | JSX.Element)[] {
  const parts: (string | JSX.Element)[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > from) parts.push(text.slice(from, match.index));
    const [all, quoted, colon] = match;
    const kind = quoted === undefined ? "n" : colon === undefined ? "str" : "at";
    parts.push(<span class={kind}>{quoted ?? all}</span>, colon ?? "");
    from = match.index + all.length;
  }
  parts.push(text.slice(from));
  return parts;
}
