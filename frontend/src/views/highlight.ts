/** Colours for finished code: strings, numbers, comments and keywords; anything finer is an editor's business. */

const KEYWORDS = new Set(
  ("and as assert async await break case class const continue def del do elif else except export extends finally for "
    + "from function global if import in is lambda let match new nonlocal not of or pass raise return self static switch "
    + "this throw try type typeof var void while with yield None True False null true false undefined").split(" "));

const TOKEN = /("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|(#[^\n]*|\/\/[^\n]*)|\b(\d[\w.]*)|([A-Za-z_]\w*)/g;
const LONGEST = 50_000;

export interface Piece {
  readonly text: string;
  readonly kind: "" | "str" | "cm" | "n" | "k";
}

export function pieces(code: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of code.matchAll(TOKEN)) {
    const kind = kindOf(match);
    if (kind === "") continue;
    if (match.index > from) found.push({ text: code.slice(from, match.index), kind: "" });
    found.push({ text: match[0], kind });
    from = match.index + match[0].length;
  }
  if (from < code.length) found.push({ text: code.slice(from), kind: "" });
  return found;
}

function kindOf(match: RegExpMatchArray): Piece["kind"] {
  if (match[1] !== undefined) return "str";
  if (match[2] !== undefined) return "cm";
  if (match[3] !== undefined) return "n";
  return KEYWORDS.has(match[4] ?? "") ? "k" : "";
}

/** Replaces the text of a finished code element by coloured pieces of the same text. */
export function highlight(element: HTMLElement): void {
  const code = element.textContent ?? "";
  if (code.length > LONGEST) return;
  element.replaceChildren(...pieces(code).map(toNode));
}

function toNode(piece: Piece): Node {
  if (piece.kind === "") return document.createTextNode(piece.text);
  const span = document.createElement("span");
  span.className = piece.kind;
  span.textContent = piece.text;
  return span;
}
