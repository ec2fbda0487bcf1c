/** The anywidget module: one bundle that draws whichever view the model asks for. */
import "./css/widget.css";
import { mount, type Mounted } from "./mount";
import { page } from "./realtime/page";
import { AutoLink, CommLink, type Comm } from "./realtime/links";

interface Model extends Comm {
  get(name: string): unknown;
  on(event: string, handler: (content: unknown) => void): void;
  off(event: string, handler: (content: unknown) => void): void;
}

interface RenderProps {
  readonly model: Model;
  readonly el: HTMLElement;
  readonly signal?: AbortSignal;
}

const REDRAWN_BY = ["change:view", "change:params", "change:transport"];

/** Draws into `el` until the signal aborts or the returned cleanup is called, whichever host calls which. */
function render({ model, el, signal }: RenderProps): () => void {
  let mounted: Mounted | null = null;
  const draw = (): void => {
    mounted?.dispose();
    mounted = start(model, el);
  };
  const stop = (): void => {
    for (const event of REDRAWN_BY) model.off(event, draw);
    mounted?.dispose();
    mounted = null;
  };
  for (const event of REDRAWN_BY) model.on(event, draw);
  signal?.addEventListener("abort", stop, { once: true });
  draw();
  return stop;
}

function start(model: Model, el: HTMLElement): Mounted {
  const { client, clock, facts } = page();
  const link = model.get("transport") === "comm" ? new CommLink(model) : new AutoLink(client, model);
  return mount(el, { view: model.get("view"), params: model.get("params"), initial: model.get("initial") },
    { link, clock, facts });
}

export default { render };
