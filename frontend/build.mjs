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

mkdirSync(outdir, { recursive: true });
// The API, not the `esbuild` command: after installation the command is a native program that the
// node of a Python environment cannot run as a script.
require("esbuild").buildSync({
  absWorkingDir: here,
  entryPoints: gallery ? { gallery: "gallery/gallery.tsx" } : { widget: "src/widget.tsx" },
  outdir,
  bundle: true,
  minify: !gallery,
  format: gallery ? "iife" : "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  banner: { js: notice },
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
});

if (!gallery) {
  for (const name of ["widget.js", "widget.css"]) {
    console.log(`${name}  ${(statSync(join(outdir, name)).size / 1000).toFixed(1)} KB`);
  }
}
