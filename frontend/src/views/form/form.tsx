/** A form in the document: each field with its label, help, what it held before and what is wrong with it. */
import { createContext, type ComponentChildren, type JSX } from "preact";
import { useContext } from "preact/hooks";
import * as format from "../../format";
import { rangeWords } from "../../state/checks";
import { edits, pathKey, shown, type Held, type Path, type Switch } from "../../state/form";
import type { Field } from "../../state/schema";
import { Icon } from "../icons";
import { Choice, Flag, JsonArea, NumberInput, TextInput } from "./inputs";
import { Rows, Tags } from "./lists";

export interface FormContext {
  /** Makes ids of this form unique in the page. */
  readonly id: string;
  readonly problems: ReadonlyMap<string, string>;
  readonly disabled: boolean;
}

export const Form = createContext<FormContext>({ id: "", problems: new Map(), disabled: false });

export interface FieldProps<F extends Field = Field> {
  readonly field: F;
  readonly path: Path;
  readonly held: Held;
  /** What the field held at first; undefined for one that was not there. */
  readonly before: Held | undefined;
  /** Takes how the value changes and not what it becomes: two changes may come between two pictures. */
  readonly change: (update: (held: Held) => Held) => void;
}

/** What an input needs to be tied to its label, help and problem. */
export interface InputProps<F extends Field = Field> extends FieldProps<F> {
  readonly attributes: {
    readonly id: string;
    readonly disabled: boolean;
    readonly "aria-invalid": boolean;
    readonly "aria-describedby"?: string;
    readonly "aria-errormessage"?: string;
  };
}

export const idOf = (form: string, path: Path): string => `${form}-${path.join("-") || "it"}`;

/** The fields of a group, two beside each other where they are short. */
export function Fields({ field, path, held, before, change }: FieldProps<Field & { kind: "group" }>): JSX.Element {
  const values = held as Record<string, Held>;
  const first = before as Record<string, Held> | undefined;
  return (
    <div class="inb-form">
      {field.fields.map((inner) => (
        <FieldBox key={inner.name} field={inner} path={[...path, inner.name]} held={values[inner.name] ?? ""} before={first?.[inner.name]}
          change={(update) => change((all) => ({ ...(all as typeof values), [inner.name]: update((all as typeof values)[inner.name] ?? "") }))} />
      ))}
    </div>
  );
}

const WIDE = new Set(["group", "rows", "json"]);

function isWide(field: Field): boolean {
  if (field.kind === "switch") return isWide(field.inner);
  return WIDE.has(field.kind) || (field.kind === "text" && field.input === "text");
}

/** One field, whatever it is. */
export function FieldBox(props: FieldProps): JSX.Element {
  const { field, held, before, path } = props;
  const { problems } = useContext(Form);
  const problem = problems.get(pathKey(path));
  const edited = before !== undefined && field.kind !== "group" && edits(field, before, held).length > 0;
  const classes = ["inb-field", isWide(field) ? "wide" : "", problem ? "s-bad wrong" : ""].filter(Boolean).join(" ");
  if (field.kind === "group") return <Group {...props} field={field} problem={problem} />;
  return (
    <div class={classes} data-path={pathKey(path)}>
      {field.kind === "switch" ? <Optional {...props} field={field} edited={edited} /> : <Plain {...props} edited={edited} />}
    </div>
  );
}

function Group({ problem, ...props }: FieldProps<Field & { kind: "group" }> & { problem: string | undefined }): JSX.Element {
  return (
    <fieldset class="inb-field wide inb-group" data-path={pathKey(props.path)}>
      <legend>{props.field.title}</legend>
      {props.field.help && <p class="help">{props.field.help}</p>}
      <Fields {...props} />
      {problem && <Wrong id={undefined} problem={problem} />}
    </fieldset>
  );
}

/** Label, input, help and problem; choices and lists are groups of controls with a legend instead of a label. */
function Plain({ edited, ...props }: FieldProps & { edited: boolean }): JSX.Element {
  const { field, path } = props;
  const { id: form, problems, disabled } = useContext(Form);
  const id = idOf(form, path);
  const problem = problems.get(pathKey(path));
  const described = [field.help ? `${id}-help` : "", problem ? `${id}-wrong` : ""].filter(Boolean).join(" ");
  const attributes = {
    id, disabled, "aria-invalid": problem !== undefined, ...(described ? { "aria-describedby": described } : {}),
    ...(problem ? { "aria-errormessage": `${id}-wrong` } : {}),
  };
  const several = (field.kind === "choice" && isRadio(field)) || field.kind === "rows";
  const head = <Head {...props} edited={edited} {...(several ? {} : { htmlFor: id })} id={`${id}-label`} />;
  return (
    <>
      {field.kind === "flag" ? <Head {...props} edited={edited} id={`${id}-label`} bare /> : head}
      <Input {...props} attributes={attributes} />
      {field.help && field.kind !== "flag" && <p class="help" id={`${id}-help`}>{field.help}</p>}
      {problem && <Wrong id={`${id}-wrong`} problem={problem} />}
    </>
  );
}

export const isRadio = (field: Field & { kind: "choice" }): boolean => field.options.length <= 3;

function Input(props: InputProps): JSX.Element {
  const { field } = props;
  switch (field.kind) {
    case "text": return <TextInput {...props} field={field} />;
    case "number": return <NumberInput {...props} field={field} />;
    case "flag": return <Flag {...props} field={field} />;
    case "choice": return <Choice {...props} field={field} />;
    case "tags": return <Tags {...props} field={field} />;
    case "rows": return <Rows {...props} field={field} />;
    case "json": return <JsonArea {...props} field={field} />;
    default: return <></>;
  }
}

function Wrong({ id, problem }: { id: string | undefined; problem: string }): JSX.Element {
  return <p class="wrongness s-bad" {...(id ? { id } : {})}><Icon name="failed" small />{problem}</p>;
}

interface HeadProps extends FieldProps {
  readonly edited: boolean;
  readonly id: string;
  readonly htmlFor?: string;
  readonly bare?: boolean;
  readonly children?: ComponentChildren;
}

/** The label's line: what it is, what it may be, and what it was. */
function Head({ field, before, edited, id, htmlFor, bare = false, children }: HeadProps): JSX.Element {
  const words = kindWords(field);
  const was = edited && before !== undefined ? shown(field, before) : "";
  const told = was === "" ? "edited" : `edited, was ${format.middle(was, 24)}`;
  return (
    <div class="head">
      {htmlFor === undefined ? <span class="label" id={id}>{field.title}</span> : <label id={id} for={htmlFor}>{field.title}</label>}
      {words && !bare && <span class="kind">{words}</span>}
      {children}
      {edited && <span class="edited" title={was}>{told}</span>}
    </div>
  );
}

function kindWords(field: Field): string {
  switch (field.kind) {
    case "number": return rangeWords(field.range);
    case "choice": return isRadio(field) ? "" : `one of ${field.options.length}`;
    case "tags": return "list";
    case "json": return "JSON";
    case "switch": return kindWords(field.inner);
    default: return "";
  }
}

/** A value that may be missing: a switch, and behind it the field. */
function Optional({ edited, ...props }: FieldProps<Field & { kind: "switch" }> & { edited: boolean }): JSX.Element {
  const { field, path, held, before, change } = props;
  const { id: form, disabled } = useContext(Form);
  const now = held as Switch;
  const id = `${idOf(form, path)}-set`;
  const inner: Field = { ...field.inner, name: field.name, title: field.title, help: field.help };
  const within = (update: (held: Held) => Held): void => change((all) => ({ on: true, held: update((all as Switch).held) }));
  const was = (before as Switch | undefined)?.on ? (before as Switch).held : undefined;
  return (
    <>
      <div class="inb-optional">
        <input type="checkbox" role="switch" id={id} checked={now.on} disabled={disabled} aria-label={`${field.title}: set`}
          onChange={() => change((all) => ({ ...(all as Switch), on: !(all as Switch).on }))} />
        {now.on ? null : <Head {...props} id={`${id}-label`} htmlFor={id} edited={edited}><span class="kind">not set</span></Head>}
      </div>
      {now.on && (inner.kind === "group"
        ? <Group {...props} field={inner} held={now.held} before={was} change={within} problem={undefined} />
        : <div class="behind"><Plain {...props} field={inner} held={now.held} before={edited ? was : now.held} edited={edited}
            change={within} /></div>)}
    </>
  );
}
