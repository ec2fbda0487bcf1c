/** The parts of a question: its text, what is decided about, and the rest of its data. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { unmarked } from "../format";
import { questionId } from "../state/questions";
import type { Dict } from "../wire";
import { Prose } from "./prose";

const DRAFT_FIELDS = ["draft", "text", "content", "output", "answer", "context", "body", "details", "description"];
/** Fields that steer the exchange and say nothing to the person who decides. */
const SILENT = new Set(["message", "question", "prompt", "event", "schema", "approved", "kind", "type", "timeout", "expires_at", "draft", "errors", "again"]);
const LONG = 220;
const MOST_FACTS = 8;

/** Markdown that is there at once. */
export function Markdown({ text, ...attributes }: { text: string; id?: string; class: string }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (ref.current) new Prose(ref.current).write(text, 0, true);
  }, [text]);
  return <div ref={ref} key={text} {...attributes} />;
}

function draftField(data: Dict): string | undefined {
  return DRAFT_FIELDS.find((name) => typeof data[name] === "string" && (data[name] as string).length > 40);
}

export function Draft({ data }: { data: Dict }): JSX.Element | null {
  const [all, setAll] = useState(false);
  const field = draftField(data);
  if (field === undefined) return null;
  const text = String(data[field]);
  const words = unmarked(text);
  const long = words.length > LONG;
  return (
    <blockquote>
      {long && !all ? `${words.slice(0, LONG).trimEnd()}… ` : <Markdown class="inb-text" text={text} />}
      {long && (
        <button type="button" class="inb-more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show less" : "Show all"}
        </button>
      )}
    </blockquote>
  );
}

/** The other plain values of the question: what a person may need to know to decide. */
export function QuestionFacts({ data }: { data: Dict }): JSX.Element | null {
  const id = questionId(data);
  const facts = Object.entries(data).filter(([name, value]) =>
    !SILENT.has(name) && name !== draftField(data) && value !== id && !/(^|_)id$|uuid$/.test(name)
    && ["string", "number", "boolean"].includes(typeof value));
  if (facts.length === 0) return null;
  return (
    <dl class="inb-facts">
      {facts.slice(0, MOST_FACTS).map(([name, value]) => (
        <div key={name} title={String(value)}><dt>{name.replaceAll("_", " ")}</dt><dd>{String(value)}</dd></div>
      ))}
    </dl>
  );
}
