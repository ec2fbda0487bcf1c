/** The part of JSON Schema that tells a person soon that a JSON value is of another kind; the server checks all of it. */
import { dict, isDict, type Dict } from "../wire";

const MOST = 3;

/** What is wrong, the outermost first: "items[2].name: text is needed". */
export function jsonProblems(schema: Dict, value: unknown): string[] {
  const problems: string[] = [];
  check(schema, schema, value, "", problems);
  return problems.slice(0, MOST);
}

function check(raw: Dict, root: Dict, value: unknown, at: string, problems: string[]): void {
  const schema = follow(raw, root);
  const say = (words: string): void => void problems.push(at ? `${at}: ${words}` : words.charAt(0).toUpperCase() + words.slice(1));
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) {
    const fits = choices.some((one) => {
      const inner: string[] = [];
      check(dict(one), root, value, at, inner);
      return inner.length === 0;
    });
    if (!fits) say("it is none of the kinds that are possible.");
    return;
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
    return say(`it must be one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}.`);
  }
  const wanted = typeof schema.type === "string" ? KINDS[schema.type] : undefined;
  if (wanted && !wanted[0](value)) return say(`${wanted[1]} is needed.`);
  if (isDict(value)) checkObject(schema, root, value, at, problems, say);
  if (Array.isArray(value) && isDict(schema.items)) {
    value.forEach((entry, i) => check(dict(schema.items), root, entry, `${at}[${i}]`, problems));
  }
}

function checkObject(schema: Dict, root: Dict, value: Dict, at: string, problems: string[], say: (words: string) => void): void {
  const properties = dict(schema.properties);
  for (const name of Array.isArray(schema.required) ? schema.required : []) {
    if (!(String(name) in value)) say(`"${String(name)}" is missing.`);
  }
  for (const [name, entry] of Object.entries(value)) {
    const inner = properties[name] ?? schema.additionalProperties;
    if (isDict(inner)) check(inner, root, entry, at ? `${at}.${name}` : name, problems);
  }
}

function follow(schema: Dict, root: Dict): Dict {
  const target = typeof schema.$ref === "string" ? schema.$ref : null;
  if (target === null) return schema;
  let found: unknown = root;
  for (const part of target.replace(/^#\/?/, "").split("/")) found = part === "" ? found : dict(found)[decodeURIComponent(part)];
  return dict(found);
}

const KINDS: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  object: [isDict, "an object {…}"],
  array: [Array.isArray, "a list […]"],
  string: [(value) => typeof value === "string", "text"],
  integer: [Number.isInteger, "a whole number"],
  number: [(value) => typeof value === "number", "a number"],
  boolean: [(value) => typeof value === "boolean", "true or false"],
  null: [(value) => value === null, "null"],
};
