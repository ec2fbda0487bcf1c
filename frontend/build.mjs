/** Builds the views into the Python package: one ES module and one style sheet. */
import { createRequire } from "node:module";
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const gallery = process.argv.includes("--gallery");
const outdir = gallery ? join(here, "gallery", "out") : join(here, "..", "inngest_nb", "widgets", "static");

const notice =
  "/*! inngest_nb views. Includes Preact (MIT, (c) Jason Miller) and streaming-markdown (MIT, (c) Damian Tarnawski). */";

// Long names inside streaming-markdown that never leave the bundle.
const PARSER_INTERNALS =
  /^(pending|renderer|blockquote_idx|fence_start|fence_end|indent|indent_len|spaces|backticks_count|hr_char|hr_chars|table_state|newline_blockquote_idx)$/;

mkdirSync(outdir, { recursive: true });
// The API, not the `esbuild` command: after installation the command is a native program that the
// node of a Python environment cannot run as a script.
require("esbuild").buildSync({
  absWorkingDir: here,
  entryPoints: gallery ? { gallery: "gallery/gallery.tsx" } : { widget: "src/widget.tsx", page: "src/page/main.tsx" },
  outdir,
  bundle: true,
  minify: !gallery,
  format: gallery ? "iife" : "esm",
  target: "es2022",
  // The classic transform writes shorter calls than the automatic one that the types are checked with.
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  inject: ["src/jsx.ts"],
  tsconfigRaw: { compilerOptions: { target: "ES2022" } },
  mangleProps: PARSER_INTERNALS,
  banner: { js: notice },
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
});

if (!gallery) {
  for (const name of ["widget.js", "widget.css", "page.js", "page.css"]) {
    console.log(`${name}  ${(statSync(join(outdir, name)).size / 1000).toFixed(1)} KB`);
  }
}
