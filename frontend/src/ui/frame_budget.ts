// SPDX-License-Identifier: Apache-2.0
// Work that may come a few frames late, so that no frame waits for all of it: rows that scroll into view, and
// rows that follow a step.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Script time that one frame gives to preparations; what follows from the last of them comes on top. */
const BUDGET_MS = 2;

/** Small pieces of work to be done one after the other, then `done`. */
interface Job {
  pieces: (() => void)[];
  done: () => void;
}

const waiting = new Set<Job>();
let asked = false;

/** Do `pieces` and then `done` in the next frames, as many as fit, in turn with others; returns how to withdraw. */
export function soon(pieces: readonly (() => void)[], done: () => void): () => void {
  const job = { pieces: [...pieces], done };
  waiting.add(job);
  if (!asked) requestAnimationFrame(takeTurns);
  asked = true;
  return () => {
    waiting.delete(job);
  };
}

function takeTurns(): void {
  const started = performance.now();
  for (const job of waiting) {
    while (job.pieces.length && performance.now() - started < BUDGET_MS) job.pieces.shift()!();
    if (job.pieces.length) break;
    waiting.delete(job);
    job.done();
    break; // it draws, in this frame
  }
  asked = waiting.size > 0;
  if (asked) requestAnimationFrame(takeTurns);
}

/** Whether the turn has come since it is `wanted`, and with it the `pieces` been done. */
export function useTurn(pieces: () => readonly (() => void)[], wanted = true): boolean {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    if (!wanted) return setReady(false);
    return soon(pieces(), () => setReady(true));
  }, [wanted]);
  return ready && wanted;
}

/** The work on `items` in pieces of some. */
export function inPieces<T>(items: readonly T[], size: number, work: (item: T) => void): (() => void)[] {
  return Array.from(
    { length: Math.ceil(items.length / size) },
    (_, i) => () => items.slice(i * size, (i + 1) * size).forEach(work),
  );
}

/** Script time after which a frame leaves those that follow to the next one. */
const FOLLOW_MS = 3;

const late = new Map<object, () => void>();
let lateAsked = false;

/** Do `follow` in one of the next frames; what `owner` asked for before is forgotten, its place in the queue is not. */
export function later(owner: object, follow: () => void): void {
  late.set(owner, follow);
  // Not in the frame of what is followed, which has its own work.
  if (!lateAsked) requestAnimationFrame(() => requestAnimationFrame(() => void followSome()));
  lateAsked = true;
}

/** One after the other, each with its rendering, which comes with the microtasks. */
async function followSome(): Promise<void> {
  const started = performance.now();
  for (const [owner, follow] of late) {
    late.delete(owner);
    follow();
    await Promise.resolve();
    if (performance.now() - started > FOLLOW_MS) break;
  }
  lateAsked = late.size > 0;
  if (lateAsked) requestAnimationFrame(() => void followSome());
}

/** `value`, a frame or two late where others have to follow as well; at once while `urgent`. */
export function useLate<T>(value: T, urgent: boolean): T {
  const held = useRef(value);
  const [, render] = useState(0);
  if (urgent) held.current = value;
  useLayoutEffect(() => {
    if (held.current === value) late.delete(held);
    else
      later(held, () => {
        held.current = value;
        render((count) => count + 1);
      });
  }, [value, urgent]);
  useEffect(
    () => () => {
      late.delete(held);
    },
    [],
  );
  return held.current;
}

/** Whether an element has come near the window. */
export function useNear(element: { current: Element | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => setNear(entries.some((one) => one.isIntersecting)), {
      rootMargin: '80px',
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return near;
}
