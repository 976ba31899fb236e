// SPDX-License-Identifier: Apache-2.0
// Work that may come a few frames late, so that no frame waits for all of it: rows that scroll into view.
import { useEffect, useState } from 'preact/hooks';

/** Script time that one frame gives to preparations; what follows from the last of them comes on top. */
const BUDGET_MS = 2;

/** Small pieces of work to be done one after the other, then `done`. */
interface Job { pieces: (() => void)[]; done: () => void }

const waiting = new Set<Job>();
let asked = false;

/** Do `pieces` and then `done` in the next frames, as many as fit, in turn with others; returns how to withdraw. */
export function soon(pieces: readonly (() => void)[], done: () => void): () => void {
  const job = { pieces: [...pieces], done };
  waiting.add(job);
  if (!asked) requestAnimationFrame(takeTurns);
  asked = true;
  return () => { waiting.delete(job); };
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

/** Whether the turn has come since it is `wanted`, and with it the `pieces` been done; at once where there are no frames to wait for. */
export function useTurn(pieces: () => readonly (() => void)[], wanted = true): boolean {
  const [ready, setReady] = useState(typeof IntersectionObserver === 'undefined');
  useEffect(() => {
    if (typeof IntersectionObserver === 'undefined') return undefined;
    if (!wanted) return setReady(false);
    return soon(pieces(), () => setReady(true));
  }, [wanted]);
  return ready && wanted;
}

/** The work on `items` in pieces of some. */
export function inPieces<T>(items: readonly T[], size: number, work: (item: T) => void): (() => void)[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => () => items.slice(i * size, (i + 1) * size).forEach(work));
}
