/**
 * The page about all runs as a tab of JupyterLab: a launcher tile, a palette entry, and a frame that takes Lab's theme.
 *
 * Written by hand in the form that Lab loads extensions in (a container of module federation), so that no builder is
 * needed: it takes from the application what it shares, and brings nothing.
 */
(() => {
  const COMMAND = "inngest:show-runs";
  const SPARK = '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><path class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.5" stroke-linejoin="round" d="M9 1.8L3.6 9h4L7 14.2 12.4 7h-4z"/></svg>';
  let shared;

  /** A module of the application; any version will do. */
  async function take(name) {
    const versions = Object.values(shared[name] ?? {});
    if (!versions.length) throw new Error(`${name} is not shared by this application`);
    return (await versions[0].get())();
  }

  function themeName(themes) {
    const name = themes?.theme ?? "";
    if (/contrast/i.test(name)) return "hc";
    return themes && name && !themes.isLight(name) ? "dark" : "light";
  }

  function makeTab(Widget, MainAreaWidget, url, themes, icon) {
    const content = new Widget();
    const frame = document.createElement("iframe");
    frame.title = "Inngest";
    frame.src = `${url}?theme=${themeName(themes)}`;
    frame.style.cssText = "border: 0; width: 100%; height: 100%; display: block";
    content.node.append(frame);
    const tell = () => frame.contentWindow?.postMessage({ kind: "inngest-nb-theme", theme: themeName(themes) }, location.origin);
    frame.addEventListener("load", tell);
    themes?.themeChanged.connect(tell);
    const tab = new MainAreaWidget({ content });
    tab.id = "inngest-nb-runs";
    tab.title.label = "Inngest";
    tab.title.icon = icon;
    tab.title.closable = true;
    tab.disposed.connect(() => themes?.themeChanged.disconnect(tell));
    return tab;
  }

  async function makePlugin() {
    const [{ Widget }, apputils, { ILauncher }, { ILayoutRestorer }, { LabIcon }, { PageConfig }] = await Promise.all(
      ["@lumino/widgets", "@jupyterlab/apputils", "@jupyterlab/launcher", "@jupyterlab/application", "@jupyterlab/ui-components", "@jupyterlab/coreutils"].map(take));
    const { ICommandPalette, IThemeManager, MainAreaWidget, WidgetTracker } = apputils;
    const icon = new LabIcon({ name: "inngest-nb:runs", svgstr: SPARK });

    function activate(app, palette, launcher, restorer, themes) {
      const url = `${PageConfig.getBaseUrl()}inngest`;
      const tracker = new WidgetTracker({ namespace: "inngest-nb" });
      let tab = null;
      app.commands.addCommand(COMMAND, {
        label: (args) => (args.tile ? "Inngest Runs" : "Show Runs"),
        caption: "Every run, open question, function, event and channel of this server",
        icon,
        execute: () => {
          if (app.name !== "JupyterLab") return void window.open(url, "_blank", "noopener");
          if (!tab || tab.isDisposed) tab = makeTab(Widget, MainAreaWidget, url, themes, icon);
          if (!tracker.has(tab)) void tracker.add(tab);
          if (!tab.isAttached) app.shell.add(tab, "main");
          app.shell.activateById(tab.id);
        },
      });
      palette?.addItem({ command: COMMAND, category: "Inngest" });
      launcher?.add({ command: COMMAND, category: "Other", args: { tile: true } });
      if (restorer) void restorer.restore(tracker, { command: COMMAND, name: () => "inngest-nb-runs" });
    }

    return { id: "inngest-nb:runs", autoStart: true, optional: [ICommandPalette, ILauncher, ILayoutRestorer, IThemeManager], activate };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["inngest-nb"] = {
    init: (scope) => { shared = scope; },
    get: async () => {
      const plugin = await makePlugin();
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
