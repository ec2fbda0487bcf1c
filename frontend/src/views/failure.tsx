/** An error with its traceback: the reader's own frames first, those of libraries folded. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import * as format from "../format";
import { packageOf, parseTraceback, placeOf, type Frame } from "../state/traceback";
import type { Failure } from "../wire";
import { copyText } from "./shell";
import { useFlash } from "./hooks";

export function ErrorBlock({ error }: { error: Failure }): JSX.Element {
  const [all, setAll] = useState(false);
  const { frames, rest } = parseTraceback(error.stack);
  const own = frames.filter((frame) => frame.own);
  const shown = all || own.length === 0 ? frames : own;
  const hidden = frames.length - shown.length;
  return (
    <pre class="inb-traceback" tabIndex={0}>
      <span class="e">{error.name}</span>
      {error.message && `: ${error.message}`}
      {"\n"}
      {shown.map((frame, i) => <FrameLines key={i} frame={frame} last={i === shown.length - 1} />)}
      {frames.length === 0 && rest && rest !== `${error.name}: ${error.message}` && `${rest}\n`}
      {hidden > 0 && (
        <button type="button" class="inb-more" onClick={() => setAll(true)}>{hiddenWords(frames, hidden)}</button>
      )}
    </pre>
  );
}

function hiddenWords(frames: readonly Frame[], hidden: number): string {
  const all = [...new Set(frames.filter((frame) => !frame.own).map(packageOf))];
  const packages = all.length > 1 ? all.filter((name) => name !== "inngest_nb") : all;
  const where = packages.slice(0, 2).join(", ") + (packages.length > 2 ? ", …" : "");
  return `  ${hidden} ${format.plural(hidden, "frame")} in ${where} hidden`;
}

function FrameLines({ frame, last }: { frame: Frame; last: boolean }): JSX.Element {
  return (
    <>
      <span class="cm">{`  ${placeOf(frame)}\n`}</span>
      {frame.code.map((line, i) => (
        <span key={i} class={last ? "hl" : ""}>{`${last && i === 0 ? "→" : " "}   ${line.replace(/^ {4}/, "")}\n`}</span>
      ))}
    </>
  );
}

export function CopyTraceback({ error }: { error: Failure }): JSX.Element {
  const [copied, flash] = useFlash();
  const text = error.stack || `${error.name}: ${error.message}`;
  return (
    <button type="button" class="inb-b" onClick={() => void copyText(text).then((ok) => ok && flash())}>
      {copied ? "Copied" : "Copy traceback"}
    </button>
  );
}
