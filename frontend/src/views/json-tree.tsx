/** A JSON value as a tree: open and close, choose a place in it, copy what is there. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { isDict } from "../wire";
import { CopyButton } from "./shell";
import { jsonText } from "./json";

const MOST_ENTRIES = 200;
const OPEN_TO = 2;

export function JsonTree({ value, label }: { value: unknown; label: string }): JSX.Element {
  const [chosen, choose] = useState<Chosen>({ path: "", value });
  return (
    <div class="inb-json">
      <div class="tree" role="tree" aria-label={label}>
        <Node name="" value={value} path="" depth={0} chosen={chosen.path} choose={choose} />
      </div>
      <div class="inb-btns">
        <span class="mono muted">{chosen.path || "the whole"}</span>
        <CopyButton label="Copy value" text={() => jsonText(chosen.value)} />
        <CopyButton label="Copy path" text={() => chosen.path || "."} icon="right" />
        <CopyButton label="Copy as Python" text={() => pythonText(chosen.value)} icon="function" />
      </div>
    </div>
  );
}

interface Chosen {
  readonly path: string;
  readonly value: unknown;
}

interface NodeProps {
  readonly name: string;
  readonly value: unknown;
  readonly path: string;
  readonly depth: number;
  readonly chosen: string;
  choose(chosen: Chosen): void;
}

function Node({ name, value, path, depth, chosen, choose }: NodeProps): JSX.Element {
  const entries = entriesOf(value, path);
  const [open, setOpen] = useState(depth < OPEN_TO);
  const act = (event: Event): void => {
    event.stopPropagation();
    choose({ path, value });
    if (entries) setOpen(!open);
  };
  const keys = (event: KeyboardEvent): void => {
    const wanted = { ArrowRight: true, ArrowLeft: false }[event.key];
    if (event.key === "Enter" || event.key === " ") act(event);
    else if (wanted !== undefined && entries) setOpen(wanted);
    else if (!move(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div role="treeitem" aria-selected={chosen === path} aria-level={depth + 1} {...(entries ? { "aria-expanded": open } : {})}
      tabIndex={chosen === path ? 0 : -1} onKeyDown={keys} onClick={act} class={chosen === path ? "on" : ""}>
      <span class="leaf" style={`padding-left:${depth * 16}px`}>
        {name !== "" && <span class="at">{name}: </span>}
        {entries ? <span class="muted">{Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`}</span> : <Scalar value={value} />}
      </span>
      {entries && open && (
        <div role="group">
          {entries.slice(0, MOST_ENTRIES).map((entry) => <Node key={entry.path} {...entry} depth={depth + 1} chosen={chosen} choose={choose} />)}
          {entries.length > MOST_ENTRIES && <span class="leaf muted" style={`padding-left:${depth * 16 + 16}px`}>{`and ${entries.length - MOST_ENTRIES} more`}</span>}
        </div>
      )}
    </div>
  );
}

/** How many lines a tree has before anybody opens more of it. */
export function treeLines(value: unknown, depth = 0): number {
  const entries = entriesOf(value, "");
  if (!entries || depth >= OPEN_TO) return 1;
  const shown = entries.slice(0, MOST_ENTRIES);
  return 1 + shown.reduce((sum, entry) => sum + treeLines(entry.value, depth + 1), entries.length > MOST_ENTRIES ? 1 : 0);
}

function move(event: KeyboardEvent): boolean {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const items = [...(event.currentTarget as HTMLElement).closest("[role=tree]")?.querySelectorAll<HTMLElement>("[role=treeitem]") ?? []];
  if (step) items[items.indexOf(event.currentTarget as HTMLElement) + step]?.focus();
  return step !== 0;
}

function Scalar({ value }: { value: unknown }): JSX.Element {
  const kind = typeof value === "string" ? "str" : typeof value === "number" ? "n" : "k";
  return <span class={kind}>{typeof value === "string" ? JSON.stringify(value) : String(value)}</span>;
}

function entriesOf(value: unknown, path: string): { name: string; value: unknown; path: string }[] | null {
  if (Array.isArray(value)) return value.map((entry: unknown, i) => ({ name: String(i), value: entry, path: `${path}[${i}]` }));
  if (!isDict(value)) return null;
  return Object.entries(value).map(([name, entry]) => ({ name, value: entry, path: path ? `${path}.${name}` : name }));
}

/** A JSON value as a Python literal. */
export function pythonText(value: unknown, indent = ""): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const parts = Array.isArray(value) ? value.map((entry) => `${inner}${pythonText(entry, inner)},\n`)
    : Object.entries(value).map(([name, entry]) => `${inner}${JSON.stringify(name)}: ${pythonText(entry, inner)},\n`);
  const [left, right] = Array.isArray(value) ? "[]" : "{}";
  return parts.length ? `${left}\n${parts.join("")}${indent}${right}` : `${left}${right}`;
}
