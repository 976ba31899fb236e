// SPDX-License-Identifier: Apache-2.0
// Every action has a key; this table is both what the keys do and what the help sheet lists.
import { signal } from '@preact/signals';
import { follow, goFirst, moveBy, togglePlay } from '../state/clock';
import { closeDrawer, moveFinding } from '../state/drawer';
import { compareMode, peek, sample, stepA, stepB } from '../state/selection';
import { shownView, view } from '../state/shown_view';
import { probe, run, step } from '../state/store';
import { isOffered, VIEWS } from '../views/index';

export const helpOpen = signal(false);

interface Key {
  keys: readonly string[];
  /** As the help sheet shows it. */
  shown: string;
  does: string;
  act(event: KeyboardEvent): void;
}

/** How many samples the probe has: the images, the token rows, or the first axis of its values. */
export function sampleCount(): number {
  const record = run.value ? probe(run.value).loaded.peek().value?.record : undefined;
  if (!record) return 0;
  return record.images.length || record.tokens.length || record.shape[0] || 0;
}

function moveSample(by: number): void {
  const count = sampleCount();
  if (count > 0) sample.value = (Math.max(0, sample.value) + by + count) % count;
}

function toggleDifference(): void {
  if (shownView.value?.compares) compareMode.value = compareMode.value === 'difference' ? 'grid' : 'difference';
}

function close(): void {
  if (helpOpen.value) helpOpen.value = false;
  else closeDrawer();
}

export const KEYS: readonly Key[] = [
  {
    keys: VIEWS.map((_, i) => String(i + 1)),
    shown: `1 – ${VIEWS.length}`,
    does: VIEWS.map((one) => one.title).join(', '),
    act: (event) => {
      const row = VIEWS[Number(event.key) - 1]!;
      if (isOffered(row)) view.value = row.id;
    },
  },
  {
    keys: ['ArrowLeft'],
    shown: '←',
    does: 'previous logged step; with Shift ten back',
    act: (event) => moveBy(event.shiftKey ? -10 : -1),
  },
  {
    keys: ['ArrowRight'],
    shown: '→',
    does: 'next logged step; with Shift ten on',
    act: (event) => moveBy(event.shiftKey ? 10 : 1),
  },
  { keys: ['Home'], shown: 'Home', does: 'first step', act: goFirst },
  { keys: ['End'], shown: 'End', does: 'newest step, and follow', act: follow },
  { keys: [' '], shown: 'Space', does: 'play or stop', act: togglePlay },
  { keys: ['j'], shown: 'J', does: 'next sample', act: () => moveSample(1) },
  { keys: ['k'], shown: 'K', does: 'previous sample', act: () => moveSample(-1) },
  {
    keys: ['o'],
    shown: 'hold O',
    does: 'peek at the picture below the heat',
    act: () => {
      peek.value = true;
    },
  },
  {
    keys: ['a'],
    shown: 'A',
    does: 'compare from this step (layers, Compare)',
    act: () => {
      stepA.value = step.value;
    },
  },
  {
    keys: ['b'],
    shown: 'B',
    does: 'compare with this step (layers, Compare)',
    act: () => {
      stepB.value = step.value;
    },
  },
  { keys: ['d'], shown: 'D', does: 'in Compare: the difference, and back to the grid', act: toggleDifference },
  {
    keys: ['n'],
    shown: 'N',
    does: 'open the next finding; with Shift the previous one',
    act: (event) => moveFinding(event.shiftKey ? -1 : 1),
  },
  {
    keys: ['?'],
    shown: '?',
    does: 'this help',
    act: () => {
      helpOpen.value = !helpOpen.value;
    },
  },
  { keys: ['Escape'], shown: 'Esc', does: 'close help or the layer', act: close },
];

/** Typing in a field, or a control's own use of the key, comes first. */
function belongsToControl(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement) || event.key === 'Escape') return false;
  if (target.matches('input:not([type=range]):not([type=checkbox]), select, textarea')) return true;
  if (target.matches('input[type=range]')) return /^(Arrow|Home|End)/.test(event.key);
  return event.key === ' ' && target.matches('button, summary, input');
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || belongsToControl(event)) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const found = KEYS.find((one) => one.keys.includes(name));
  if (!found) return;
  event.preventDefault();
  found.act(event);
}

/** Listen from now on; returns how to stop. */
export function listenToKeys(): () => void {
  const up = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() === 'o') peek.value = false;
  };
  const away = (): void => {
    peek.value = false;
  };
  window.addEventListener('keydown', onKeyDown);
  window.addEventListener('keyup', up);
  window.addEventListener('blur', away);
  return () => {
    window.removeEventListener('keydown', onKeyDown);
    window.removeEventListener('keyup', up);
    window.removeEventListener('blur', away);
  };
}
