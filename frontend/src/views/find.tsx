/** Looking for a step by its name. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import * as format from "../format";
import type { Row } from "../state/rows";
import { useReturnFocus } from "./hooks";
import { IconButton } from "./shell";
import type { TimelineController } from "./timeline-controller";

export function FindBar({ controller, rows }: { controller: TimelineController; rows: readonly Row[] }): JSX.Element {
  const [at, setAt] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useReturnFocus(bar);
  useLayoutEffect(() => field.current?.focus(), []); // before the next key
  const wanted = (controller.state.find ?? "").toLowerCase();
  const found = wanted === "" ? [] : rows.filter((row) => row.label.toLowerCase().includes(wanted));
  const go = (by: number): void => {
    const next = (at + by + found.length) % Math.max(1, found.length);
    setAt(next);
    controller.goTo(found[next]);
  };
  const close = (): void => controller.update({ find: null });
  const keys = (event: KeyboardEvent): void => {
    if (event.key === "Enter") {
      event.preventDefault();
      go(event.shiftKey ? -1 : 0);
      if (!event.shiftKey) setAt((at + 1) % Math.max(1, found.length));
    } else if (event.key === "Escape") close();
  };
  return (
    <div ref={bar} class="inb-find" role="search">
      <input type="search" aria-label="Find a step" placeholder="Find a step" value={controller.state.find ?? ""} ref={field}
        onInput={(event) => {
          setAt(0);
          controller.update({ find: event.currentTarget.value });
        }} onKeyDown={keys} />
      <span class="muted" role="status">{wanted === "" ? "" : found.length === 0 ? "No step" : `${format.count(found.length)} ${format.plural(found.length, "row")}, Enter goes to the next`}</span>
      <IconButton icon="close" label="Close the search" onClick={close} />
    </div>
  );
}
