/** Whether the card stands on a dark or a light ground, measured, so that it is right in hosts without --jp-*. */

export type Theme = "light" | "dark";

/** The theme of the first opaque background at or above the element. */
export function themeOf(element: Element | null): Theme {
  for (let at = element?.parentElement ?? null; at; at = at.parentElement) {
    const theme = themeOfColour(getComputedStyle(at).backgroundColor);
    if (theme) return theme;
  }
  return "light";
}

/** The theme that a computed colour makes, or undefined where it lets through what is behind. */
export function themeOfColour(colour: string): Theme | undefined {
  const parts = colour.match(/-?[\d.]+(?:e-?\d+)?/g)?.map(Number) ?? [];
  const [r, g, b, alpha = 1] = parts;
  if (r === undefined || g === undefined || b === undefined || alpha < 0.5) return undefined;
  const scale = colour.startsWith("color(") ? 255 : 1;
  return scale * (0.2126 * r + 0.7152 * g + 0.0722 * b) < 128 ? "dark" : "light";
}

/** Calls back when the page changes its theme. */
export function watchTheme(changed: () => void): () => void {
  const later = (): unknown => requestAnimationFrame(changed);
  const observer = new MutationObserver(later);
  const attributes = ["data-jp-theme-name", "data-jp-theme-light", "data-theme", "data-vscode-theme-kind", "class"];
  observer.observe(document.documentElement, { attributes: true, attributeFilter: attributes });
  if (document.body) observer.observe(document.body, { attributes: true, attributeFilter: attributes });
  const dark = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
  dark?.addEventListener("change", later);
  return () => {
    observer.disconnect();
    dark?.removeEventListener("change", later);
  };
}
