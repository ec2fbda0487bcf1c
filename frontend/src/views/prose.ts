/**
 * Markdown that is written while it arrives.
 *
 * The parser is streaming-markdown; the renderer is ours, because what a model says must not be able to run or to fetch
 * anything: raw HTML stays text, links open only http, https and mailto, and images become links to them.
 */
import * as smd from "streaming-markdown";
import { highlight } from "./highlight";

const TAGS = new Map<number, string>([
  [smd.PARAGRAPH, "p"], [smd.HEADING_1, "h4"], [smd.HEADING_2, "h4"], [smd.HEADING_3, "h5"], [smd.HEADING_4, "h6"],
  [smd.HEADING_5, "h6"], [smd.HEADING_6, "h6"], [smd.CODE_BLOCK, "code"], [smd.CODE_FENCE, "code"],
  [smd.CODE_INLINE, "code"], [smd.ITALIC_AST, "em"], [smd.ITALIC_UND, "em"], [smd.STRONG_AST, "strong"],
  [smd.STRONG_UND, "strong"], [smd.STRIKE, "s"], [smd.LINK, "a"], [smd.RAW_URL, "a"], [smd.IMAGE, "a"],
  [smd.BLOCKQUOTE, "blockquote"], [smd.LINE_BREAK, "br"], [smd.RULE, "hr"], [smd.LIST_UNORDERED, "ul"],
  [smd.LIST_ORDERED, "ol"], [smd.LIST_ITEM, "li"], [smd.CHECKBOX, "input"], [smd.TABLE, "table"],
  [smd.TABLE_ROW, "tr"], [smd.TABLE_CELL, "td"], [smd.EQUATION_BLOCK, "code"], [smd.EQUATION_INLINE, "code"],
]);

const LONG_TEXT = 4096;
const BLOCKS = new Set<number>([smd.CODE_BLOCK, smd.CODE_FENCE, smd.EQUATION_BLOCK]);
/** Held back text that is shown as it is: letters, digits and marks that mean nothing in Markdown here. */
const PLAIN = /^[^\n*_`~[\]()!#>|\\$<+=-]*$/;
const NO_TEXT = /^(OL|UL|TABLE|TR|HR|BR|INPUT)$/;
const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address when it is one that may be opened, or null. Relative ones are refused: they would lead into Jupyter. */
export function safeUrl(value: string): string | null {
  try {
    const url = new URL(value.trim());
    return SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

interface Nodes {
  readonly stack: HTMLElement[];
  /** What may still become markup. It stays where it is while text grows before it: the browser then lays out only what is new. */
  readonly held: HTMLElement;
}

function addToken({ stack }: Nodes, type: number): void {
  const parent = stack.at(-1);
  const tag = TAGS.get(type);
  if (!parent || tag === undefined) return void (parent && stack.push(parent));
  const element = document.createElement(tag);
  if (type === smd.IMAGE) element.className = "inb-image";
  if (tag === "input") Object.assign(element, { type: "checkbox", disabled: true });
  if (BLOCKS.has(type)) parent.appendChild(block(element));
  else parent.appendChild(element);
  stack.push(element);
}

function block(code: HTMLElement): HTMLElement {
  const pre = document.createElement("pre");
  pre.className = "inb-code";
  pre.tabIndex = 0;
  pre.appendChild(code);
  return pre;
}

function endToken({ stack, held }: Nodes): void {
  const ended = stack.length > 1 ? stack.pop() : undefined;
  if (!ended?.parentElement?.matches("pre.inb-code")) return;
  if (held.parentElement === ended) held.remove();
  highlight(ended);
}

/** Pieces of a token each would make a long text slow to lay out. */
function addText({ stack, held }: Nodes, text: string): void {
  const parent = stack.at(-1);
  const end = parent?.lastChild === held ? held : null;
  const last = end ? end.previousSibling : parent?.lastChild;
  if (last?.nodeType === Node.TEXT_NODE && (last as Text).length < LONG_TEXT) (last as Text).appendData(text);
  else parent?.insertBefore(document.createTextNode(text), end);
}

function setAttribute({ stack }: Nodes, type: number, value: string): void {
  const element = stack.at(-1);
  if (!element) return;
  if (type === smd.HREF || type === smd.SRC) setAddress(element, value);
  else if (type === smd.LANG) element.dataset.lang = value;
  else if (type === smd.CHECKED) element.setAttribute("checked", "");
  else if (type === smd.START) element.setAttribute("start", String(Number.parseInt(value, 10) || 1));
}

function setAddress(element: HTMLElement, value: string): void {
  const url = safeUrl(value);
  element.title = value;
  if (url === null) return;
  element.setAttribute("href", url);
  element.setAttribute("target", "_blank");
  element.setAttribute("rel", "noopener noreferrer");
}

/** Keeps one element equal to a growing text; starts again when the text did not merely grow. */
export class Prose {
  private parser: smd.Parser | null = null;
  private written = 0;
  private generation = -1;
  private ended = false;

  private readonly nodes: Nodes;

  constructor(readonly element: HTMLElement) {
    const held = document.createElement("span");
    held.className = "inb-held";
    this.nodes = { stack: [element], held };
  }

  /** Writes what is new, the text `from` a place on. `done` flushes what the parser held back because it might have become markup. */
  write(text: string, generation: number, done: boolean, from = (at: number): string => text.slice(at)): void {
    if (generation !== this.generation || text.length < this.written || (this.ended && text.length > this.written)) {
      this.restart(generation);
    }
    if (text.length > this.written) this.append(from(this.written));
    this.written = text.length;
    if (done && !this.ended) this.end();
  }

  private append(piece: string): void {
    this.parser ??= smd.parser({
      data: this.nodes,
      add_token: addToken, end_token: endToken, add_text: addText, set_attr: setAttribute,
    });
    smd.parser_write(this.parser, piece);
    this.showHeld(this.parser.pending);
  }

  /** Shows at once what may still become markup but reads like text: otherwise the last letter always lags. */
  private showHeld(pending: string): void {
    const { stack, held } = this.nodes;
    const at = stack.at(-1);
    if (!at || NO_TEXT.test(at.tagName)) return held.remove();
    const text = PLAIN.test(pending) ? pending : "";
    if (held.textContent !== text) held.textContent = text;
    if (at.lastChild !== held) at.appendChild(held);
  }

  private end(): void {
    this.nodes.held.remove();
    if (this.parser) smd.parser_end(this.parser);
    this.ended = true;
  }

  private restart(generation: number): void {
    this.element.replaceChildren();
    this.nodes.stack.splice(0, Infinity, this.element);
    this.parser = null;
    this.written = 0;
    this.generation = generation;
    this.ended = false;
  }
}
