/** Inputs of single values. */
import type { JSX } from "preact";
import { useContext } from "preact/hooks";
import { label } from "../../state/form";
import type { Field } from "../../state/schema";
import { Form, isRadio, type InputProps } from "./form";

type Of<K extends Field["kind"]> = InputProps<Field & { kind: K }>;

const typed = (event: Event): string => (event.currentTarget as HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement).value;

export function TextInput({ field, held, change, attributes }: Of<"text">): JSX.Element {
  const set = (next: string): void => change(() => next);
  const value = String(held);
  if (field.long || value.includes("\n")) {
    const rows = Math.min(10, Math.max(3, value.split("\n").length + 1, Math.ceil(value.length / 80)));
    return <textarea {...attributes} rows={rows} value={value} onInput={(event) => set(typed(event))} />;
  }
  // What a browser's own input for times has no place for, such as the zone, is kept beside it.
  const [shown, zone] = field.input === "datetime-local" ? split(value) : [value, ""];
  return (
    <input {...attributes} type={field.input as "text"} value={shown} {...(field.input === "datetime-local" || field.input === "time" ? { step: 1 } : {})}
      onInput={(event) => set(typed(event) === "" ? "" : typed(event) + zone)} />
  );
}

function split(value: string): [string, string] {
  const match = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)\d*(Z|[+-]\d\d:?\d\d)?$/.exec(value);
  return match ? [(match[1] ?? "").replace(" ", "T"), match[2] ?? ""] : [value, ""];
}

export function NumberInput({ field, held, change, attributes }: Of<"number">): JSX.Element {
  const set = (next: string): void => change(() => next);
  return (
    <input {...attributes} type="text" inputMode={field.whole ? "numeric" : "decimal"} autocomplete="off" value={String(held)}
      onInput={(event) => set(typed(event))} onKeyDown={(event) => step(event, field, String(held), set)} />
  );
}

/** Up and down count, as in a browser's own number input, whose other habits (wheel, commas) are not wanted. */
function step(event: KeyboardEvent, field: Field & { kind: "number" }, held: string, set: (held: string) => void): void {
  const by = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
  const value = Number(held);
  if (!by || held.trim() === "" || !Number.isFinite(value)) return;
  event.preventDefault();
  const size = field.range.step ?? (field.whole || (field.range.max ?? Infinity) - (field.range.min ?? 0) > 2 ? 1 : 0.1);
  const next = Number((value + by * size).toPrecision(12));
  set(String(Math.min(field.range.max ?? Infinity, Math.max(field.range.min ?? -Infinity, next))));
}

export function Flag({ field, held, change, attributes }: Of<"flag">): JSX.Element {
  return (
    <label class="tick">
      <input {...attributes} type="checkbox" checked={held === true} onChange={() => change((now) => now !== true)} />
      <span>{field.help || "Yes"}</span>
    </label>
  );
}

export function Choice(props: Of<"choice">): JSX.Element {
  const { field, held, change, attributes } = props;
  if (isRadio(field)) return <Radios {...props} />;
  const set = (next: number): void => change(() => next);
  return (
    <select {...attributes} value={String(held)} onChange={(event) => set(Number(typed(event)))}>
      {held === -1 && <option value="-1">Choose…</option>}
      {field.options.map((option, i) => <option key={i} value={String(i)}>{label(option)}</option>)}
    </select>
  );
}

function Radios({ field, held, change, attributes }: Of<"choice">): JSX.Element {
  const { id, disabled, ...described } = attributes;
  const { id: form } = useContext(Form);
  return (
    <div class="radios" id={id} role="radiogroup" aria-labelledby={`${id}-label`} {...described}>
      {field.options.map((option, i) => (
        <label class="tick" key={i}>
          <input type="radio" name={`${form}-${id}`} checked={held === i} disabled={disabled} onChange={() => change(() => i)} />
          <span>{label(option)}</span>
        </label>
      ))}
    </div>
  );
}

export function JsonArea({ held, change, attributes }: Of<"json">): JSX.Element {
  const set = (next: string): void => change(() => next);
  const value = String(held);
  const rows = Math.min(14, Math.max(3, value.split("\n").length));
  return <textarea {...attributes} class="mono" rows={rows} spellcheck={false} value={value} onInput={(event) => set(typed(event))} />;
}
