/** Inputs of lists: short values as tags, models as rows. */
import type { JSX } from "preact";
import { useContext, useState } from "preact/hooks";
import { checked, held as empty, label, pathKey, type Held } from "../../state/form";
import type { Field } from "../../state/schema";
import { Icon } from "../icons";
import { Fields, Form, type InputProps } from "./form";

type Of<K extends Field["kind"]> = InputProps<Field & { kind: K }>;

const listed = (held: Held): readonly Held[] => held as readonly Held[];

export function Tags(props: Of<"tags">): JSX.Element {
  const { field, held, change, attributes } = props;
  const entries = listed(held);
  const remove = (at: number): void => change((now) => listed(now).filter((_, i) => i !== at));
  return (
    <div class="tags">
      {entries.map((entry, i) => (
        <span class="tag" key={i}>
          {field.item.kind === "choice" ? label(field.item.options[Number(entry)]) : String(entry)}
          <button type="button" disabled={attributes.disabled} aria-label={`Remove ${String(entry)}`} onClick={() => remove(i)}><Icon name="close" small /></button>
        </span>
      ))}
      {field.item.kind === "choice" ? <AddChoice {...props} item={field.item} /> : <AddText {...props} />}
    </div>
  );
}

function AddText({ field, held, change, attributes }: Of<"tags">): JSX.Element {
  const entries = listed(held);
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const add = (): boolean => {
    if (text.trim() === "") return false;
    const wrong = checked(field.item, text).problems[0];
    setProblem(wrong ? wrong.message : "");
    if (wrong) return true;
    change((now) => [...listed(now), text]);
    setText("");
    return true;
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === ",") {
      if (add() || event.key === "Enter") event.preventDefault();
    } else if (event.key === "Backspace" && text === "" && entries.length) change((now) => listed(now).slice(0, -1));
  };
  return (
    <>
      <input {...attributes} type="text" value={text} placeholder="add…" onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={keys} onBlur={add} />
      {problem && <span class="mark s-bad" role="status">{problem}</span>}
    </>
  );
}

function AddChoice({ item, change, attributes }: Of<"tags"> & { item: Field & { kind: "choice" } }): JSX.Element {
  const add = (chosen: string): void => void (chosen !== "" && change((now) => [...listed(now), Number(chosen)]));
  return (
    <select {...attributes} value="" onChange={(event) => add(event.currentTarget.value)}>
      <option value="">add…</option>
      {item.options.map((option, i) => <option key={i} value={String(i)}>{label(option)}</option>)}
    </select>
  );
}

export function Rows({ field, path, held, before, change, attributes }: Of<"rows">): JSX.Element {
  const entries = listed(held);
  const first = before as readonly Held[] | undefined;
  const item = field.item as Field & { kind: "group" };
  const { problems } = useContext(Form);
  const set = (at: number, update: (entry: Held) => Held): void =>
    change((now) => listed(now).map((entry, i) => (i === at ? update(entry) : entry)));
  return (
    <div class="rowsbox" id={attributes.id} role="group" aria-labelledby={`${attributes.id}-label`}>
      {entries.map((entry, i) => (
        <div class="entry" key={i} role="group" aria-label={`${item.title || field.title} ${i + 1}`} data-wrong={problems.has(pathKey([...path, i]))}>
          <Fields field={item} path={[...path, i]} held={entry} before={first?.[i]} change={(update) => set(i, update)} />
          <button type="button" class="inb-ib" disabled={attributes.disabled} aria-label={`Remove ${item.title || field.title} ${i + 1}`}
            title="Remove" onClick={() => change((now) => listed(now).filter((_, other) => other !== i))}><Icon name="close" /></button>
        </div>
      ))}
      <button type="button" class="inb-b small" disabled={attributes.disabled} onClick={() => change((now) => [...listed(now), empty(item)])}>
        {`Add ${(item.title || "an entry").toLowerCase()}`}
      </button>
    </div>
  );
}
