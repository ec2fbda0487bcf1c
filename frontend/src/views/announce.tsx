/** Says state changes to screen readers, and the number of tokens every ten seconds: never every token. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const EVERY_MS = 10_000;

export function Announcer({ words, running }: { words: string; running: boolean }): JSX.Element {
  const [said, setSaid] = useState("");
  const latest = useRef(words);
  latest.current = words;
  useEffect(() => {
    setSaid(running ? "Generating" : latest.current);
    if (!running) return undefined;
    const id = setInterval(() => setSaid(latest.current), EVERY_MS);
    return () => clearInterval(id);
  }, [running]);
  return <span class="inb-vh" aria-live="polite">{said}</span>;
}
