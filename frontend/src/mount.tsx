/** Puts a view on an element: its controller, its component, and a sentence where either fails. */
import { render, type JSX } from "preact";
import { dict, number } from "./wire";
import { Approval } from "./views/approval";
import { ApprovalController } from "./views/approval-controller";
import type { Env } from "./views/env";
import { MessageFeed } from "./views/message-feed";
import { MessageFeedController } from "./views/message-feed-controller";
import { RunTable } from "./views/run-table";
import { RunTableController } from "./views/run-table-controller";
import { TokenStream } from "./views/stream";
import { StreamController, streamParams } from "./views/stream-controller";
import { RunTimeline } from "./views/timeline";
import { TimelineController } from "./views/timeline-controller";

export interface ViewSpec {
  readonly view: unknown;
  readonly params: unknown;
  readonly initial: unknown;
}

export interface Mounted {
  dispose(): void;
}

export function mount(el: HTMLElement, spec: ViewSpec, given: Omit<Env, "savedAt">): Mounted {
  const env: Env = { ...given, savedAt: number(dict(spec.initial).saved_at) };
  const drawn = create(env, spec, el);
  render(drawn.element, el);
  return {
    dispose: () => {
      render(null, el);
      drawn.dispose();
      env.link.close();
    },
  };
}

function create(env: Env, { view, params, initial }: ViewSpec, el: HTMLElement): { element: JSX.Element; dispose(): void } {
  if (view === "token-stream") {
    const controller = new StreamController(env, streamParams(params), initial);
    return { element: <TokenStream controller={controller} />, dispose: () => controller.dispose() };
  }
  if (view === "run-timeline") {
    const controller = new TimelineController(env, params, initial);
    return { element: <RunTimeline controller={controller} />, dispose: () => controller.dispose() };
  }
  if (view === "approval") {
    const controller = new ApprovalController(env, params, initial, () => reveal(el));
    return { element: <Approval controller={controller} />, dispose: () => controller.dispose() };
  }
  if (view === "run-table") {
    const controller = new RunTableController(env, params, initial);
    return { element: <RunTable controller={controller} />, dispose: () => controller.dispose() };
  }
  if (view === "message-feed") {
    const controller = new MessageFeedController(env, params, initial);
    return { element: <MessageFeed controller={controller} />, dispose: () => controller.dispose() };
  }
  return { element: <p>{`This version of the views does not know "${String(view)}".`}</p>, dispose: () => undefined };
}

function reveal(el: HTMLElement): void {
  el.scrollIntoView({ block: "center", behavior: "smooth" });
  el.querySelector<HTMLElement>(".inb-question .inb-b.primary")?.focus({ preventScroll: true });
}
