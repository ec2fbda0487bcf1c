/** A scroller that follows its tail only while the reader is there, and never pulls anybody down. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons";
import * as format from "../format";

const NEAR_PX = 24;
const CORNER_PX = 18;
/** Told to a scroller from outside: follow the tail again. */
export const TO_TAIL = "inb-to-tail";

export interface FollowProps {
  /** How many tokens are shown: what came after the reader left the tail is counted. */
  readonly tokens: number;
  readonly children: ComponentChildren;
}

export function FollowTail({ tokens, children }: FollowProps): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const programmatic = useRef(-1);
  const moved = useRef(false);
  const shown = useRef(tokens);
  shown.current = tokens;
  const [left, setLeft] = useState<number | null>(null);
  const toTail = (): void => {
    const box = ref.current;
    if (!box) return;
    box.scrollTop = box.scrollHeight;
    programmatic.current = box.scrollTop;
  };
  /** Whether the reader has scrolled away. Asked when the frame is laid out, as everything here: else it would be twice. */
  const leaves = (): boolean => {
    const box = ref.current;
    if (!box || !moved.current) return false;
    moved.current = false;
    if (box.scrollTop === programmatic.current) return false;
    const atTail = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
    setLeft((before) => (atTail ? null : before ?? shown.current));
    return !atTail;
  };
  // Asked right after a change, the browser would lay out the whole text once more; here it just has.
  useLayoutEffect(() => {
    const laidOut = (): void => {
      if (left === null && !leaves()) toTail();
      ref.current?.classList.toggle("over", ref.current.scrollHeight > ref.current.clientHeight + 1);
    };
    laidOut();
    if (typeof ResizeObserver === "undefined" || !ref.current || !content.current) return undefined;
    const observer = new ResizeObserver(laidOut);
    observer.observe(ref.current);
    observer.observe(content.current);
    return () => observer.disconnect();
  }, [left === null]);
  useEffect(() => {
    const box = ref.current;
    box?.addEventListener(TO_TAIL, follow);
    return () => box?.removeEventListener(TO_TAIL, follow);
  });
  const scrolled = (): void => {
    if (moved.current) return;
    moved.current = true;
    setTimeout(leaves);
  };
  const follow = (): void => {
    setLeft(null);
    toTail();
    ref.current?.focus({ preventScroll: true });
  };
  return (
    <div class="inb-tail">
      <div ref={ref} class="inb-scroll" tabIndex={0} role="group" aria-label="Text" onScroll={scrolled}
        onPointerDown={(event) => freeHeight(event, ref.current)}>
        <div ref={content}>{children}</div>
      </div>
      {left !== null && <JumpButton below={tokens - left} onClick={follow} />}
    </div>
  );
}

function JumpButton({ below, onClick }: { below: number; onClick: () => void }): JSX.Element {
  const words = below > 0 ? `${format.count(below)} ${format.plural(below, "token")} below` : "To the end";
  return (
    <button type="button" class="inb-b small inb-jump" onClick={onClick}>
      <Icon name="tail" small />
      {words}
    </button>
  );
}

/** The height is bounded until the reader takes the resize handle. */
function freeHeight(event: PointerEvent, box: HTMLElement | null): void {
  if (!box || event.target !== box) return;
  const edge = box.getBoundingClientRect();
  if (edge.right - event.clientX > CORNER_PX || edge.bottom - event.clientY > CORNER_PX) return;
  box.style.height = `${box.clientHeight}px`;
  box.style.maxHeight = "none";
}
