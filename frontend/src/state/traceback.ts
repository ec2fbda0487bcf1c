/** A Python traceback as frames: the user's own shown, those of libraries counted. */

export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly code: readonly string[];
  readonly own: boolean;
}

export interface Traceback {
  readonly frames: readonly Frame[];
  /** Text that is no frame: kept when nothing could be parsed. */
  readonly rest: string;
}

const FRAME = /^\s*File "([^"]+)", line (\d+)(?:, in (.+))?$/;
const LIBRARY = /site-packages|dist-packages|[/\\]lib[/\\]python\d|<frozen |[/\\]inngest_nb[/\\]/;

export function parseTraceback(stack: string): Traceback {
  const frames: Frame[] = [];
  const rest: string[] = [];
  let open: { frame: Frame; code: string[] } | null = null;
  for (const line of stack.split("\n")) {
    const match = FRAME.exec(line);
    if (match) {
      const code: string[] = [];
      const file = match[1] ?? "";
      const frame = { file, line: Number(match[2]), name: match[3] ?? "", code, own: !LIBRARY.test(file) };
      frames.push(frame);
      open = { frame, code };
    } else if (open && /^\s{4}/.test(line)) {
      if (!/^\s*[~^]+\s*$/.test(line)) open.code.push(line.trimEnd());
    } else if (line.trim() && !line.startsWith("Traceback ")) {
      open = null;
      rest.push(line);
    }
  }
  return { frames, rest: rest.join("\n") };
}

/** What a reader calls the place: a cell is a cell, not a temporary file. */
export function placeOf(frame: Frame): string {
  const file = /ipykernel_\d+[/\\]|<ipython-input|<cell/.test(frame.file) ? "In a cell" : frame.file.replace(/^.*[/\\]/, "");
  return `${file}, line ${frame.line}${frame.name && frame.name !== "<module>" ? `, in ${frame.name}` : ""}`;
}

/** The package that a library frame belongs to, for "4 frames in openai". */
export function packageOf(frame: Frame): string {
  const inside = /(?:site|dist)-packages[/\\]([^/\\]+)/.exec(frame.file)?.[1];
  return (inside ?? /([^/\\]+)[/\\][^/\\]+$/.exec(frame.file)?.[1] ?? "Python").replace(/\.py$/, "");
}
