/** The parts that every view is made of: card, header, banners, footer and the empty state. */
import type { ComponentChildren, JSX } from "preact";
import { useRef } from "preact/hooks";
import * as format from "../format";
import type { Role, Status } from "../status";
import type { Connection, Env } from "./env";
import { useFlash, useTheme, useTick } from "./hooks";
import { Icon, StatusIcon } from "./icons";

type IconName = Parameters<typeof Icon>[0]["name"];

export interface CardProps {
  readonly view: string;
  readonly label: string;
  readonly status: Status;
  readonly connection: Connection;
  readonly data?: Record<`data-${string}`, string | number>;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  readonly children: ComponentChildren;
}

export function Card({ view, label, status, connection, data, onKeyDown, children }: CardProps): JSX.Element {
  const ref = useRef<HTMLElement>(null);
  const theme = useTheme(ref);
  return (
    // Lab would take single letters typed here for commands on the cell.
    <section ref={ref} class={`inb inb-live inb-${view}`} aria-label={label} data-inb-theme={theme}
      data-inb-status={status.value} data-inb-connection={connection.value} data-lm-suppress-shortcuts="true"
      {...data} {...(onKeyDown ? { onKeyDown } : {})}>
      {children}
    </section>
  );
}

export interface Figure {
  readonly value: string;
  readonly unit?: string;
  /** Left out where the card is narrow. */
  readonly optional?: boolean;
  /** Hardly any time is left. */
  readonly urgent?: boolean;
  readonly title?: string;
}

export interface HeadProps {
  readonly status: Status;
  readonly connection: Connection;
  readonly name: string;
  readonly detail?: ComponentChildren;
  readonly figures: readonly (Figure | null)[];
  readonly before?: ComponentChildren;
  readonly actions?: ComponentChildren;
}

export function Head({ status, connection, name, detail, figures, before, actions }: HeadProps): JSX.Element {
  return (
    <header class="inb-head">
      <StatusWord status={status} live={connection.live} />
      <div class="inb-id">
        <h3 title={name}>{name}</h3>
        {detail}
      </div>
      {before}
      <dl class="inb-figures">{figures.map((figure) => figure && <FigureItem key={figure.unit ?? ""} {...figure} />)}</dl>
      <div class="inb-right">
        <ConnectionWord connection={connection} />
        {actions}
      </div>
    </header>
  );
}

export function StatusWord({ status, live }: { status: Status; live: boolean }): JSX.Element {
  return (
    <span class={`inb-status s-${status.role}`}>
      <StatusIcon status={status} live={live} />
      {status.word}
    </span>
  );
}

function FigureItem({ value, unit, optional, urgent, title }: Figure): JSX.Element {
  return (
    <div class={optional ? "opt" : urgent ? "s-bad" : ""} title={title}>
      <dt>{unit ?? ""}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function ConnectionWord({ connection }: { connection: Connection }): JSX.Element {
  return (
    <span class={`inb-conn s-${connection.role} ${connection.value}`} role="status">
      <i />
      {connection.word}
    </span>
  );
}

/** An id that is short to read and whole when copied. */
export function Id({ prefix = "", id, shown }: { prefix?: string; id: string; shown: string }): JSX.Element {
  const [copied, flash] = useFlash();
  const copy = (): void => void copyText(id).then((ok) => ok && flash());
  return (
    <button type="button" class="inb-copyid mono opt" title={`${id} (click to copy)`} aria-label={`Copy ${id}`} onClick={copy}>
      {copied ? "copied" : `${prefix}${shown}`}
    </button>
  );
}

export interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
}

export function IconButton({ icon, label, onClick, pressed, disabled }: IconButtonProps): JSX.Element {
  return (
    <button type="button" class={`inb-ib${pressed ? " on" : ""}`} aria-label={label} title={label} onClick={onClick}
      disabled={disabled} {...(pressed === undefined ? {} : { "aria-pressed": pressed })}>
      <Icon name={icon} />
    </button>
  );
}

export function CopyButton({ label, text, icon = "copy" }: { label: string; text: () => string; icon?: IconName }): JSX.Element {
  const [copied, flash] = useFlash();
  const copy = (): void => void copyText(text()).then((ok) => ok && flash());
  return <IconButton icon={copied ? "check" : icon} label={copied ? "Copied" : label} onClick={copy} />;
}

/** False where the browser does not let this page write to the clipboard. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export interface BannerProps {
  readonly role: Role;
  readonly icon: IconName;
  readonly children: ComponentChildren;
  readonly action?: { readonly label: string; readonly run: () => void; readonly disabled?: boolean } | undefined;
}

export function Banner({ role, icon, children, action }: BannerProps): JSX.Element {
  return (
    <div class={`inb-note s-${role}`} role="status">
      <Icon name={icon} small />
      <span>{children}</span>
      {action && <button type="button" class="inb-b small" aria-disabled={action.disabled} onClick={() => action.disabled || action.run()}>{action.label}</button>}
    </div>
  );
}

/** Says what a lost connection means for what is shown, and when it is tried again. */
export function LostBanner({ env, children }: { env: Env; children: ComponentChildren }): JSX.Element | null {
  const link = env.link.state();
  useTick(link.phase === "reconnecting" && !env.still ? 500 : null);
  if (link.phase !== "reconnecting") return null;
  const now = env.clock.now();
  const since = link.lostAt === undefined ? 0 : now - env.clock.at(link.lostAt);
  const next = link.nextTryAt === undefined ? "Trying now." : `Trying again ${nextTry(env.clock.at(link.nextTryAt) - now)}.`;
  return (
    <Banner role="ask" icon="plug" action={{ label: "Try now", run: () => env.link.retryNow() }}>
      <strong>Connection lost {format.ago(since).replace("now", "just now")}.</strong> {children} {next}
    </Banner>
  );
}

function nextTry(ms: number): string {
  return ms < 1000 ? "at once" : `in ${Math.round(ms / 1000)}\u00a0s`;
}

export function SavedBanner({ env, connection }: { env: Env; connection: Connection }): JSX.Element | null {
  if (connection.value !== "saved") return null;
  return (
    <Banner role="idle" icon="saved">
      {env.savedAt === undefined
        ? "No server and no kernel answer, so nothing on this card is live."
        : "Last state saved with the notebook. No server here, so nothing on this card is live."}
    </Banner>
  );
}

export function ProblemBanner({ sentence }: { sentence: string | undefined }): JSX.Element | null {
  return sentence === undefined ? null : <Banner role="bad" icon="failed">{sentence}</Banner>;
}

export interface EmptyProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly code?: string;
}

export function Empty({ icon, title, children, code }: EmptyProps): JSX.Element {
  return (
    <div class="inb-empty">
      <Icon name={icon} />
      <p>{title}</p>
      {children && <p>{children}</p>}
      {code && <code>{code}</code>}
    </div>
  );
}

/** A figure in a footer: muted words around a figure in ink. */
export function Fact({ before, value, after, title }: {
  before?: string; value: string; after?: string; title?: string;
}): JSX.Element {
  return (
    <span title={title}>
      {before && `${before} `}
      <b>{value}</b>
      {after && ` ${after}`}
    </span>
  );
}

/** How to get what is shown as a DataFrame. */
export function Same({ code }: { code: string }): JSX.Element {
  return <span class="opt"><span class="mono">{code}</span> gives the same as a DataFrame</span>;
}
