/** The page's module: finds the server, takes the theme of its surroundings, and draws. */
import { render } from "preact";
import "../css/widget.css";
import "../css/page-theme.css";
import "../css/page.css";
import { page } from "../realtime/page";
import { ServerLink } from "../realtime/links";
import type { Env } from "../views/env";
import { Page } from "./page";
import { PageController } from "./page-controller";

const THEMES = new Set(["light", "dark", "hc"]);

/** `?theme=dark` decides, else what the reader's system prefers. */
function takeTheme(): void {
  const asked = new URLSearchParams(location.search).get("theme") ?? "";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => {
    document.documentElement.dataset.theme = THEMES.has(asked) ? asked : dark.matches ? "dark" : "light";
  };
  apply();
  dark.addEventListener("change", apply);
  // JupyterLab, which shows the page in a tab, tells its theme.
  addEventListener("message", (event) => {
    if (event.origin !== location.origin || event.data?.kind !== "inngest-nb-theme") return;
    document.documentElement.dataset.theme = THEMES.has(event.data.theme) ? event.data.theme : "light";
  });
}

function start(root: HTMLElement): void {
  const { client, clock, facts } = page();
  if (!client) {
    root.textContent = "This page must be opened at the Jupyter server that runs the engine.";
    return;
  }
  const env: Env = { link: new ServerLink(client), clock, facts, savedAt: undefined };
  render(<Page controller={new PageController(env)} />, root);
}

takeTheme();
const root = document.getElementById("inngest");
if (root) {
  root.replaceChildren();
  start(root);
}
