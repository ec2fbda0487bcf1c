/** One run as a row: status, names, figures, its waterfall, and the two likeliest things to do with it. */
import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import * as format from "../format";
import { currentSteps, openSteps, type RunModel } from "../state/run";
import { stripOf } from "../state/strip";
import { past, runStatus, STATUS, type Status } from "../status";
import type { Connection, Env } from "./env";
import { useFlash, useReturnFocus } from "./hooks";
import { copyText, IconButton, StatusWord } from "./shell";
import { personTest } from "./people";
import { canCancel, type RunTableController } from "./run-table-controller";
import { StripBar } from "./strip";

export interface RowProps {
  readonly controller: RunTableController;
  readonly id: string;
  readonly model: RunModel;
  readonly place: number;
  readonly top: number;
  readonly connection: Connection;
  readonly now: number;
  readonly tabbable: boolean;
}

/** The state of a run in the words of lists. */
export function listStatus(env: Env, model: RunModel, now: number): Status {
  const status = runStatus(model.run?.status ?? "queued", openSteps(model), personTest(env), now);
  if (status.glyph === "person") return { ...status, word: "Needs you" };
  if (status.glyph === "retry") return { ...status, word: "Retrying" };
  if (status.glyph === "sleep") return { ...status, word: "Sleeping" };
  return status.glyph === "wait" ? { ...STATUS.waitingEvent, word: "Waiting" } : status;
}

export function RunRow(props: RowProps): JSX.Element {
  const { controller, id, model, place, top, connection, now, tabbable } = props;
  const { state, env } = controller;
  const known = listStatus(env, model, now);
  const status = !connection.stale ? known : known.glyph === "person" ? { ...past(known), word: "Needed you" } : past(known);
  const run = model.run;
  const over = run?.ended_at !== undefined;
  const strips = useMemo(() => stripOf(model, now, personTest(env)), [model, env.facts.version, over ? 0 : Math.floor(now / 250)]);
  const started = run?.started_at ?? run?.queued_at;
  const classes = `trow s-${status.role}${state.open === id ? " open" : ""}${state.selected.has(id) ? " sel" : ""}`;
  return (
    <div class={classes} role="row" aria-level={1} aria-rowindex={place + 2} data-run={id} data-status={known.value} tabIndex={tabbable ? 0 : -1}
      aria-selected={state.selected.has(id)} aria-expanded={state.open === id} style={`top:${top}px`}
      onClick={(event) => clicked(event, controller, id)}>
      <span class="c-status" role="gridcell" title={run?.reason ?? run?.error?.message}><StatusWord status={status} live={connection.live} /></span>
      <span class="c-fn" role="gridcell" title={run?.name}>{run?.name}</span>
      <span class="c-run mono" role="gridcell"><RunId id={id} /></span>
      <span class="c-started" role="gridcell" title={format.iso(started)}>{started === undefined ? "—" : format.ago(now - started)}</span>
      <span class="c-took num" role="gridcell">{took(model, now, connection)}</span>
      <span class="c-steps" role="gridcell">
        <span class="inb-vh">{`${format.count(model.steps.size)} ${format.plural(model.steps.size, "step")}`}</span>
        <StripBar strips={strips} />
      </span>
      <span class="c-trigger mono" role="gridcell" title={run?.event_name}>{triggerName(run?.event_name)}</span>
      <span class="c-do" role="gridcell">{connection.value !== "saved" && <RowActions {...props} status={known} />}</span>
    </div>
  );
}

/** The row is what the tab key stops at; `c` copies its id. */
function RunId({ id }: { id: string }): JSX.Element {
  const [copied, flash] = useFlash();
  const copy = (): void => void copyText(id).then((ok) => ok && flash());
  return <button type="button" class="inb-more plain" tabIndex={-1} title={`${id} (click to copy)`} onClick={copy}>{copied ? "copied" : format.shortId(id)}</button>;
}

function took({ run }: RunModel, now: number, connection: Connection): string {
  if (run?.started_at === undefined) return "—";
  if (run.ended_at !== undefined) return format.duration(run.ended_at - run.started_at);
  return connection.stale ? format.atLeast(now - run.started_at) : format.ticking(now - run.started_at);
}

export function triggerName(event: string | undefined): string {
  return { "inngest/function.invoked": "invoke", "inngest/scheduled.timer": "cron" }[event ?? ""] ?? event ?? "";
}

function clicked(event: MouseEvent, controller: RunTableController, id: string): void {
  if ((event.target as HTMLElement).closest("button, [role=menu], .confirm")) return;
  if (event.shiftKey || event.ctrlKey || event.metaKey) controller.select(id, event.shiftKey);
  else controller.toggleOpen(id);
}

function RowActions({ controller, id, model, status }: RowProps & { status: Status }): JSX.Element {
  const [menu, setMenu] = useState(false);
  const { state } = controller;
  if (state.confirming === id) return <Confirm controller={controller} id={id} model={model} />;
  const busy = state.busy.has(id);
  return (
    <>
      {state.allowed && (status.glyph === "person"
        ? <IconButton icon="person" label="Answer" onClick={() => controller.toggleOpen(state.open === id ? null : id)} />
        : canCancel(model)
          ? <IconButton icon="stop" label={busy ? "Cancelling…" : "Cancel run"} disabled={busy} onClick={() => controller.cancel(id)} />
          : <IconButton icon="retry" label={busy ? "Starting…" : "Rerun"} disabled={busy} onClick={() => void controller.again(id)} />)}
      <IconButton icon="more" label="More actions" pressed={menu} onClick={() => setMenu(!menu)} />
      {menu && <Menu controller={controller} id={id} model={model} retrying={status.glyph === "retry"} close={() => setMenu(false)} />}
    </>
  );
}

/** Asked in place, and only where something is being executed that a cancel would cut short. */
function Confirm({ controller, id, model }: Pick<RowProps, "controller" | "id" | "model">): JSX.Element {
  const step = currentSteps(model).find((each) => each.status === "running");
  const box = useRef<HTMLSpanElement>(null);
  useReturnFocus(box);
  return (
    <span ref={box} class="confirm" role="alertdialog" aria-label="Cancel this run?" onKeyDown={(event) => event.key === "Escape" && controller.update({ confirming: null })}>
      <span>{step ? `${step.step_id} is being executed.` : "A step may be being executed."}</span>
      <button type="button" class="inb-b small" ref={(button) => button?.focus()} onClick={() => controller.update({ confirming: null })}>Keep</button>
      <button type="button" class="inb-b small bad s-bad" onClick={() => controller.cancel(id, true)}>Cancel run</button>
    </span>
  );
}

function Menu({ controller, id, model, retrying, close }: Pick<RowProps, "controller" | "id" | "model"> & { retrying: boolean; close: () => void }): JSX.Element {
  const { allowed } = controller.state;
  const menu = useRef<HTMLSpanElement>(null);
  useReturnFocus(menu);
  const items: [string, (() => void) | null][] = [
    [controller.state.open === id ? "Close" : "Open", () => controller.toggleOpen(id)],
    ["Retry now", allowed && retrying ? () => controller.retry(id) : null],
    ["Rerun", allowed ? () => void controller.again(id) : null],
    ["Rerun from step…", allowed && model.steps.size ? () => controller.update({ rerun: id, open: null, current: id }) : null],
    ["Cancel run", allowed && canCancel(model) ? () => controller.cancel(id) : null],
    ["Copy run id", () => void copyText(id)],
  ];
  const move = (event: KeyboardEvent): void => {
    const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll("button")];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) buttons[(at + step + buttons.length) % buttons.length]?.focus();
    if (event.key === "Escape") close();
    if (step || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  return (
    <span ref={menu} class="inb-menu" role="menu" aria-label="Actions" onKeyDown={move}
      onFocusOut={(event) => !(event.currentTarget as HTMLElement).contains(event.relatedTarget as Node | null) && close()}>
      {items.map(([word, act], i) => act && (
        <button type="button" role="menuitem" key={word} ref={(button) => { if (i === 0 && !button?.parentElement?.contains(document.activeElement)) button?.focus(); }}
          onClick={() => { close(); act(); }}>{word}</button>
      ))}
    </span>
  );
}
