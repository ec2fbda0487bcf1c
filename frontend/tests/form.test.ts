import { describe, expect, it } from "vitest";
import { byField, checked, edits, held, pathKey, type Held, type Switch } from "../src/state/form";
import { rangeWords } from "../src/state/checks";
import { fieldOf, type Field } from "../src/state/schema";

/** What pydantic writes for a model with most of what a model can have. */
const PUBLISH = {
  $defs: {
    Level: { enum: [1, 2, 3, 4], title: "Level", type: "integer" },
    Link: {
      properties: { url: { format: "uri", title: "Url", type: "string" }, note: { anyOf: [{ type: "string" }, { type: "null" }], default: null } },
      required: ["url"], title: "Link", type: "object",
    },
    Node: { properties: { next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }], default: null } }, title: "Node", type: "object" },
  },
  title: "Publish",
  type: "object",
  required: ["audience", "title", "level", "sure"],
  properties: {
    audience: { enum: ["all", "team", "nobody"], title: "Audience", type: "string", description: "Who will see it" },
    title: { minLength: 3, maxLength: 40, title: "Title", type: "string" },
    level: { $ref: "#/$defs/Level", default: 2 },
    priority: { default: 3, minimum: 1, maximum: 5, title: "Priority", type: "integer" },
    share: { default: 0.5, exclusiveMinimum: 0, maximum: 1, type: "number" },
    sure: { title: "Sure", type: "boolean" },
    on: { anyOf: [{ format: "date", type: "string" }, { type: "null" }], default: null, title: "On" },
    tags: { items: { type: "string" }, title: "Tags", type: "array" },
    links: { items: { $ref: "#/$defs/Link" }, title: "Links", type: "array", maxItems: 2 },
    main: { $ref: "#/$defs/Link", description: "The one that counts" },
    extra: { additionalProperties: { type: "integer" }, title: "Extra", type: "object" },
    either: { anyOf: [{ type: "string" }, { type: "integer" }], title: "Either" },
    price: { anyOf: [{ type: "number" }, { type: "string", pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$" }], title: "Price" },
    body: { type: "string", format: "multiline", default: "" },
    tree: { $ref: "#/$defs/Node" },
  },
};

const field = fieldOf(PUBLISH);
const inner = (name: string): Field => {
  const found = field.kind === "group" ? field.fields.find((one) => one.name === name) : undefined;
  if (!found) throw new Error(name);
  return found.kind === "switch" && found.off === undefined ? found.inner : found;
};
const messages = (one: Field, value: Held): string[] => checked(one, value).problems.map((problem) => `${pathKey(problem.path)}: ${problem.message}`);

describe("a schema becomes fields", () => {
  it.each([
    ["audience", "choice"], ["title", "text"], ["level", "choice"], ["priority", "number"], ["sure", "flag"], ["on", "switch"],
    ["tags", "tags"], ["links", "rows"], ["main", "group"], ["extra", "json"], ["either", "json"], ["price", "number"], ["body", "text"],
  ])("%s is a %s", (name, kind) => expect(inner(name).kind).toBe(kind));
  it("takes over titles, help, defaults and ranges", () => {
    expect(inner("audience")).toMatchObject({ title: "Audience", help: "Who will see it" });
    expect(inner("level")).toMatchObject({ preset: 2, options: [1, 2, 3, 4] });
    expect(inner("main").help).toBe("The one that counts");
    expect(inner("share").title).toBe("Share");
    const ranges = ["priority", "share"].map((name) => inner(name)).map((one) => (one.kind === "number" ? rangeWords(one.range) : ""));
    expect(ranges).toEqual(["1–5", "> 0, ≤ 1"]);
  });
  it("ends in a model that contains itself", () => {
    const tree = inner("tree");
    const next = tree.kind === "group" ? tree.fields[0] : undefined;
    expect(next?.kind).toBe("switch");
    expect(next?.kind === "switch" && next.inner.kind).toBe("json");
  });
  it.each([null, 7, "x", [], {}, { type: "array" }, { $ref: "#/nowhere" }, { type: "object" }, { allOf: [] }, { type: ["string", "null"] }])(
    "%s is edited as JSON", (schema) => expect(fieldOf(schema).kind).toBe("json"));
});

describe("what is filled in is checked first", () => {
  it("says what is wrong beside each field", () => {
    const now = { ...(held(field) as Record<string, Held>), priority: "9", title: "a", share: "none", price: "1.5" };
    expect(messages(field, now)).toEqual([
      "audience: Choose one.", "title: At least 3 characters.", "priority: At most 5.", "share: A number is needed.",
    ]);
  });
  it.each([["priority", "2.5", "A whole number is needed."], ["share", "0", "More than 0."], ["priority", "", "A number is needed."],
    ["title", "", "This is needed."], ["title", "x".repeat(41), "At most 40 characters; these are 41."]])(
    "%s %j", (name, value, message) => expect(messages(inner(name), value)).toEqual([`: ${message}`]));
  it("finds what is wrong inside rows and lists", () => {
    expect(messages(inner("links"), [{ url: "no", note: { on: false, held: "" } }, { url: "https://x", note: { on: true, held: "n" } }])).toEqual(
      ["0/url: An address such as https://… is needed."]);
    expect(messages(inner("links"), [1, 2, 3].map(() => held((inner("links") as Field & { kind: "rows" }).item, { url: "a:b" })))).toEqual([": At most 2 entries."]);
  });
  it("checks JSON while it is typed", () => {
    expect(messages(inner("extra"), "{")[0]).toMatch(/^: This is not JSON: /);
    expect(messages(inner("extra"), '{"a": "b"}')).toEqual([": a: a whole number is needed."]);
    expect(messages(inner("either"), "true")).toEqual([": It is none of the kinds that are possible."]);
    expect(checked(inner("extra"), '{"a": 1}')).toEqual({ value: { a: 1 }, problems: [] });
  });
  it("leaves out what is off, and says null where that is the value", () => {
    const now = held(field, { audience: "all", title: "abc", level: 1, sure: true }) as Record<string, Held>;
    const { value, problems } = checked(field, { ...now, on: { on: false, held: "" } });
    expect(problems).toEqual([]);
    expect(value).toEqual({ audience: "all", title: "abc", level: 1, priority: 3, share: 0.5, sure: true, on: null, tags: [], links: [], body: "" });
  });
});

describe("what the server says lands where it belongs", () => {
  it("by path, or at the nearest field around", () => {
    const found = byField(field, [
      { path: ["priority"], message: "a" }, { path: ["links", 0, "url"], message: "b" }, { path: ["tags", 3], message: "c" },
      { path: ["extra", "deep", "er"], message: "d" }, { path: ["on", "date"], message: "e" }, { path: [], message: "f" }, { path: ["nowhere"], message: "g" },
    ]);
    expect([...found]).toEqual([["priority", "a"], ["links/0/url", "b"], ["tags", "c"], ["extra", "d"], ["on", "e"], ["", "f"]]);
  });
});

describe("edits", () => {
  it("are counted by field, with what was there", () => {
    const before = held(field, { title: "one", tags: ["a"], audience: "all", main: { url: "a:b" } }) as Record<string, Held>;
    const now = { ...before, title: "two", tags: ["a", "b"], audience: 1, main: { ...(before.main as Switch), on: false } };
    expect(edits(field, before, now).map((edit) => [pathKey(edit.path), edit.was, edit.now])).toEqual([
      ["audience", "all", "team"], ["title", "one", "two"], ["tags", "", ""], ["main", "", "not set"],
    ]);
    expect(edits(field, before, held(field, { title: "one", tags: ["a"], audience: "all", main: { url: "a:b" } }))).toEqual([]);
  });
});

/** Chance that is the same every time. */
function chance(seed: number): (n: number) => number {
  let state = seed * 2654435761 + 1;
  return (n) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 374761393) | 0;
    return (state >>> 8) % n;
  };
}

type Case = readonly [schema: object, value: unknown];

function anyCase(pick: (n: number) => number, depth: number): Case {
  const kinds = depth > 2 ? 7 : 11;
  const word = (): string => "abc xyz é\n".slice(pick(5), 5 + pick(5));
  switch (pick(kinds)) {
    case 0: return [{ type: "string" }, word()];
    case 1: return [{ type: "integer", minimum: -50, maximum: 50 }, pick(101) - 50];
    case 2: return [{ type: "number" }, (pick(2000) - 1000) / 8];
    case 3: return [{ type: "boolean", default: pick(2) === 0 }, pick(2) === 0];
    case 4: return [{ enum: ["a", 2, null, true] }, ["a", 2, null, true][pick(4)]];
    case 5: return [{ type: "string", format: "date" }, `2026-11-${10 + pick(20)}`];
    case 6: return [{}, [{ any: [word(), null, pick(9)] }, 4, null, "s"][pick(4)]];
    case 7: {
      const [schema, value] = anyCase(pick, depth + 1);
      // Null inside of something that may be null is not a value of its own.
      return [{ anyOf: [schema, { type: "null" }], default: null }, pick(3) === 0 ? null : value];
    }
    case 8: {
      const [items, value] = anyCase(pick, depth + 1);
      return [{ type: "array", items }, Array.from({ length: pick(3) }, () => value)];
    }
    case 9: return [{ anyOf: [{ type: "integer" }, { type: "string" }] }, pick(2) ? pick(9) : word()];
    default: return objectCase(pick, depth);
  }
}

function objectCase(pick: (n: number) => number, depth: number): Case {
  const properties: Record<string, object> = {};
  const value: Record<string, unknown> = {};
  const required: string[] = [];
  for (const name of ["one", "two", "three"].slice(0, 1 + pick(3))) {
    const [schema, own] = anyCase(pick, depth + 1);
    properties[name] = schema;
    const leftOut = !("default" in schema) && (schema as { type?: string }).type !== "array" && pick(4) === 0;
    if (!leftOut) value[name] = own;
    if (!leftOut && pick(2)) required.push(name);
    else if (own === null) delete value[name];
    if (!(name in value) && required.includes(name)) value[name] = own;
    if (!(name in value) && "default" in schema) value[name] = (schema as { default: unknown }).default;
  }
  return [{ type: "object", properties, required }, value];
}

describe("there and back", () => {
  it("a value goes into its form and comes out as it was, for 3,000 schemas", () => {
    for (let seed = 1; seed <= 3000; seed++) {
      const [schema, value] = objectCase(chance(seed), 0);
      const form = fieldOf(schema);
      const back = checked(form, held(form, value));
      expect({ schema, problems: back.problems, value: back.value }).toEqual({ schema, problems: [], value });
      expect(edits(form, held(form, value), held(form, back.value))).toEqual([]);
    }
  });
});
