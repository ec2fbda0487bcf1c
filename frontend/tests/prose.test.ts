// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { Prose, safeUrl } from "../src/views/prose";
import { pieces } from "../src/views/highlight";

function draw(text: string, chunk = 3, done = true): HTMLElement {
  const element = document.createElement("div");
  const prose = new Prose(element);
  for (let i = chunk; i < text.length + chunk; i += chunk) prose.write(text.slice(0, i), 0, done && i >= text.length);
  return element;
}

describe("addresses", () => {
  it.each([
    ["https://example.org/a?b=c", "https://example.org/a?b=c"], ["http://example.org/", "http://example.org/"], ["mailto:a@b.c", "mailto:a@b.c"],
    ["javascript:alert(1)", null], [" JaVaScRiPt:alert(1)", null], ["java\nscript:alert(1)", null], ["data:text/html,x", null],
    ["vbscript:x", null], ["file:///etc/passwd", null], ["blob:https://x/y", null], ["/user/api/shutdown", null], ["//example.org", null], ["", null],
  ])("%j becomes %j", (value, url) => expect(safeUrl(value)).toBe(url));
});

const HOSTILE = [
  "[x](javascript:alert(1))", "![x](javascript:alert(1))", "![x](https://example.org/pixel.png)", "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>", "<iframe src='https://example.org'></iframe>", "[x](data:text/html,<script>alert(1)</script>)",
  "<a href=\"javascript:alert(1)\">x</a>", "<svg onload=alert(1)>", "<style>*{display:none}</style>", "[x](\" onclick=alert(1) )",
];

describe("what a model says", () => {
  it.each(HOSTILE)("cannot run or fetch anything: %s", (text) => {
    for (const chunk of [1, 4, 1000]) {
      const element = draw(text, chunk);
      expect(element.querySelector("img, script, iframe, svg, style, object, link")).toBeNull();
      for (const node of element.querySelectorAll("*")) {
        for (const { name, value } of node.attributes) {
          expect(name.startsWith("on")).toBe(false);
          if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
          expect(name).not.toBe("src");
        }
      }
    }
  });
  it("shows raw HTML as text", () => expect(draw("<b>hi</b>").textContent).toBe("<b>hi</b>"));
  it("opens links elsewhere and without a way back", () => {
    const link = draw("[site](https://example.org/)").querySelector("a");
    expect([link?.href, link?.target, link?.rel]).toEqual(["https://example.org/", "_blank", "noopener noreferrer"]);
  });
});

describe("writing", () => {
  const TEXT = "# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n\n```python\nreturn \"x\"\n```\n\nEnd.";
  it("makes the same whatever the pieces", () => {
    const whole = draw(TEXT, 1000).innerHTML;
    for (const chunk of [1, 2, 5, 7]) expect(draw(TEXT, chunk).innerHTML).toBe(whole);
  });
  it("makes the blocks that were meant", () => {
    const element = draw(TEXT);
    expect([...element.children].map((child) => child.tagName)).toEqual(["H4", "P", "UL", "PRE", "P"]);
    expect(element.querySelector("pre .k")?.textContent).toBe("return");
    expect(element.querySelector("pre")?.textContent).toBe("return \"x\"");
  });
  it("shows every letter at once, also the one the parser holds back", () => {
    for (const text of ["Hello", "Hello w", "Hello world.", "1 and 2"]) expect(draw(text, 1, false).textContent).toBe(text);
  });
  it("holds back in place while text grows before it: the browser lays out only what is new", () => {
    const element = document.createElement("div");
    const prose = new Prose(element);
    let text = "";
    const write = (piece: string): void => prose.write(text += piece, 0, false);
    write("token ");
    const held = element.querySelector(".inb-held");
    const before = held?.previousSibling;
    let moves = 0;
    const remove = held?.remove.bind(held);
    Object.assign(held ?? {}, { remove: () => (moves++, remove?.()) });
    for (let i = 0; i < 20; i++) write("token ");
    expect([moves, element.contains(held), held?.previousSibling === before, element.textContent]).toEqual([0, true, true, text]);
  });
  it("shows text in its order while every piece is a write of its own, in any block", () => {
    const text = "One *two* three\n\n```py\nreturn 1\n```\n\n- a\n- b `c` d\n\nlast words";
    const element = document.createElement("div");
    const prose = new Prose(element);
    for (let i = 1; i <= text.length; i++) {
      prose.write(text.slice(0, i), 0, false);
      expect(element.querySelectorAll(".inb-held").length).toBeLessThan(2);
      const held = element.querySelector(".inb-held");
      if (held) expect(held.nextSibling).toBeNull();
    }
    expect(element.textContent?.replace(/\s/g, "")).toBe("Onetwothreereturn1abcdlastwords");
    expect(element.querySelector("pre .k")?.textContent).toBe("return");
  });
  it("starts again when the text was taken back", () => {
    const element = document.createElement("div");
    const prose = new Prose(element);
    prose.write("wrong text", 0, false);
    prose.write("right", 1, true);
    expect(element.textContent).toBe("right");
  });
  it("goes on when text comes after an end", () => {
    const element = document.createElement("div");
    const prose = new Prose(element);
    prose.write("one", 0, true);
    prose.write("one two", 0, true);
    expect(element.textContent).toBe("one two");
  });
});

describe("code colours", () => {
  it.each([
    ["return \"a\" # c", "k:return str:\"a\" cm:# c"], ["x = 12.5", "n:12.5"], ["// note\nlet y", "cm:// note k:let"], ["plain", ""],
  ])("%s", (code, kinds) => {
    const found = pieces(code);
    expect(found.map((piece) => piece.text).join("")).toBe(code);
    expect(found.filter((piece) => piece.kind).map((piece) => `${piece.kind}:${piece.text}`).join(" ")).toBe(kinds);
  });
});
