/** A form out of a JSON Schema, in the shapes that pydantic writes. What is none of them is edited as JSON. */
import { dict, isDict, number, text, type Dict } from "../wire";

export type TextInput = "text" | "date" | "datetime-local" | "time" | "email" | "url";

export type Shape =
  | { readonly kind: "text"; readonly input: TextInput; readonly long: boolean; readonly least: number; readonly most: number; readonly pattern: string }
  | { readonly kind: "number"; readonly whole: boolean; readonly range: Range; readonly asText: boolean }
  | { readonly kind: "flag" }
  | { readonly kind: "choice"; readonly options: readonly unknown[] }
  | { readonly kind: "tags"; readonly item: Field; readonly count: Count }
  | { readonly kind: "rows"; readonly item: Field; readonly count: Count }
  | { readonly kind: "group"; readonly fields: readonly Field[] }
  | { readonly kind: "switch"; readonly inner: Field; readonly off: null | undefined }
  | { readonly kind: "json"; readonly schema: Dict };

export interface Range {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly above?: number | undefined;
  readonly below?: number | undefined;
  readonly step?: number | undefined;
}

export interface Count {
  readonly least: number;
  readonly most: number;
  readonly unique: boolean;
}

export type Field = Shape & {
  readonly name: string;
  readonly title: string;
  readonly help: string;
  /** The schema's default; undefined where it has none. */
  readonly preset: unknown;
};

interface Place {
  readonly root: Dict;
  /** The definitions that this one stands in: a model that contains itself has no end. */
  readonly inside: readonly string[];
}

const LONG_TEXT = 80;
const INPUTS: Readonly<Record<string, TextInput>> = {
  date: "date", "date-time": "datetime-local", time: "time", email: "email", uri: "url",
};
const SCALARS = new Set(["text", "number", "choice"]);

export function fieldOf(schema: unknown): Field {
  const root = dict(schema);
  return make("", root, { root, inside: [] }, true);
}

function make(name: string, raw: unknown, place: Place, required: boolean): Field {
  const found = resolve(dict(raw), place);
  if (found === null) return named(name, dict(raw), json(dict(raw), place));
  const { schema, inside } = found;
  const field = named(name, schema, shapeOf(schema, { ...place, inside }));
  const leftOut = !required && schema.default === undefined && field.kind !== "switch" && field.kind !== "tags" && field.kind !== "rows";
  // A field with neither default nor obligation may be left out; what then holds is known in Python only.
  return leftOut ? { ...field, kind: "switch", inner: field, off: undefined } : field;
}

function named(name: string, schema: Dict, shape: Shape): Field {
  return { ...shape, name, title: text(schema.title) ?? titleOf(name), help: text(schema.description) ?? "", preset: schema.default };
}

function titleOf(name: string): string {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Follows references; what stands beside one counts more than what it leads to. Null for a model within itself. */
function resolve(schema: Dict, { root, inside }: Place): { schema: Dict; inside: readonly string[] } | null {
  const only = Array.isArray(schema.allOf) && schema.allOf.length === 1 ? dict(schema.allOf[0]) : null;
  const target = text(schema.$ref) ?? text(only?.$ref);
  if (target === undefined) return { schema: only ? { ...only, ...schema } : schema, inside };
  if (inside.includes(target)) return null;
  let at: unknown = root;
  for (const part of target.replace(/^#\/?/, "").split("/")) at = part === "" ? at : dict(at)[unescaped(part)];
  const { $ref: _, allOf: __, ...beside } = schema;
  return resolve({ ...dict(at), ...beside }, { root, inside: [...inside, target] });
}

const unescaped = (part: string): string => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");

function shapeOf(schema: Dict, place: Place): Shape {
  if (Array.isArray(schema.anyOf) || Array.isArray(schema.oneOf)) return alternatives(schema, place);
  if (Array.isArray(schema.enum)) return { kind: "choice", options: schema.enum };
  if ("const" in schema) return { kind: "choice", options: [schema.const] };
  switch (schema.type) {
    case "string": return textShape(schema);
    case "integer": return numberShape(schema, true);
    case "number": return numberShape(schema, false);
    case "boolean": return { kind: "flag" };
    case "array": return listShape(schema, place);
    case "object": return groupShape(schema, place);
    default: return json(schema, place);
  }
}

function json(schema: Dict, { root }: Place): Shape {
  return { kind: "json", schema: "$defs" in schema ? schema : { ...schema, $defs: root.$defs } };
}

/** `Optional[T]` is a switch, a decimal is a number; other unions are JSON. */
function alternatives(schema: Dict, place: Place): Shape {
  const all = [schema.anyOf ?? schema.oneOf].flat().map(dict);
  const real = all.filter((one) => one.type !== "null");
  const types = real.map((one) => one.type).sort().join();
  const { anyOf: _, oneOf: __, ...about } = schema;
  if (types === "number,string" && real.some((one) => text(one.pattern)?.includes("\\d"))) {
    const decimal = numberShape(dict(real.find((one) => one.type === "number")), false, true);
    return real.length === all.length ? decimal : { kind: "switch", off: null, inner: named("", about, decimal) };
  }
  if (real.length !== 1 || real.length === all.length) return json(schema, place);
  const inner = make("", real[0], place, true);
  return { kind: "switch", off: null, inner: { ...inner, preset: schema.default ?? inner.preset } };
}

function textShape(schema: Dict): Shape {
  const preset = text(schema.default) ?? "";
  const most = number(schema.maxLength) ?? Infinity;
  const input = INPUTS[text(schema.format) ?? ""] ?? "text";
  const long = schema.format === "multiline" || preset.length > LONG_TEXT || preset.includes("\n") || (most > LONG_TEXT && most !== Infinity);
  return { kind: "text", input, long, least: number(schema.minLength) ?? 0, most, pattern: text(schema.pattern) ?? "" };
}

function numberShape(schema: Dict, whole: boolean, asText = false): Shape {
  const range: Range = {
    min: number(schema.minimum), max: number(schema.maximum), above: number(schema.exclusiveMinimum),
    below: number(schema.exclusiveMaximum), step: number(schema.multipleOf),
  };
  return { kind: "number", whole, range, asText };
}

function listShape(schema: Dict, place: Place): Shape {
  if (Array.isArray(schema.prefixItems) || !isDict(schema.items)) return json(schema, place);
  const item = make("", schema.items, place, true);
  const count: Count = { least: number(schema.minItems) ?? 0, most: number(schema.maxItems) ?? Infinity, unique: schema.uniqueItems === true };
  if (SCALARS.has(item.kind) && !(item.kind === "text" && item.long)) return { kind: "tags", item, count };
  return item.kind === "group" ? { kind: "rows", item, count } : json(schema, place);
}

function groupShape(schema: Dict, place: Place): Shape {
  if (!isDict(schema.properties) || isDict(schema.additionalProperties) || schema.additionalProperties === true) return json(schema, place);
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  return { kind: "group", fields: Object.entries(schema.properties).map(([name, raw]) => make(name, raw, place, required.has(name))) };
}
