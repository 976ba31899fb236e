// SPDX-License-Identifier: Apache-2.0
// What the user has chosen, one signal each, mirrored in the address: the key that travels back up the walk.
import { batch, effect, signal, type Signal } from '@preact/signals';
import { onAddressChange, readState, writeState } from '../wire/host';

interface Codec<T> {
  read(text: string): T;
  write(value: T): string;
}

interface Param {
  key: string;
  load(text: string | undefined): void;
  text(): string | undefined;
}

const params: Param[] = [];

/** What the address said last: views that are fetched later register their choices late. */
let address: Record<string, string | undefined> = {};
const count = signal(0);

/** A choice that lives in the address under `key`; at its default it is left out. */
export function param<T>(key: string, initial: T, codec: Codec<T>): Signal<T> {
  const own = signal(initial);
  params.push({
    key,
    load: (text) => {
      own.value = text === undefined ? initial : codec.read(text);
    },
    text: () => (own.value === initial ? undefined : codec.write(own.value)),
  });
  params.at(-1)!.load(address[key]);
  count.value += 1;
  return own;
}

/** A text choice. */
export function textParam(key: string, initial = ''): Signal<string> {
  return param(key, initial, { read: (text) => text, write: (value) => value });
}

/** One of a few words; anything else reads as the default. */
export function oneOfParam<T extends string>(key: string, allowed: readonly T[], initial: T): Signal<T> {
  const read = (text: string): T => (allowed.includes(text as T) ? (text as T) : initial);
  return param<T>(key, initial, { read, write: (value) => value });
}

/** A finite number; anything else reads as the default. */
export function numberParam<T extends number | null>(key: string, initial: T): Signal<T> {
  const read = (text: string): T => (text !== '' && Number.isFinite(Number(text)) ? (Number(text) as T) : initial);
  return param<T>(key, initial, { read, write: String });
}

/** Some keys, separated by commas in the address. */
export function keysParam(key: string): Signal<ReadonlySet<string>> {
  const read = (text: string): ReadonlySet<string> => new Set(text.split(',').filter(Boolean).map(unescaped));
  return param<ReadonlySet<string>>(key, NO_KEYS, {
    read,
    write: (keys) => [...keys].map((one) => one.replace(/[%,]/g, encodeURIComponent)).join(','),
  });
}

const NO_KEYS: ReadonlySet<string> = new Set();

function unescaped(text: string): string {
  return text.replace(/%(25|2C)/gi, (code) => (code === '%25' ? '%' : ','));
}

/** `keys` with `key` put in or taken out; without any it is the default again. */
export function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next.size ? next : NO_KEYS;
}

/** TensorBoard's name of the run that is shown; empty: the newest. */
export const chosenRun = textParam('run');
/** The wanted step; null follows the newest. The step shown is the nearest logged one, see `store.at`. */
export const wantedStep = numberParam<number | null>('step', null);
/** Index of the probe's sample. */
export const sample = numberParam<number>('sample', 0);
/** The layer whose explanation is shown; empty: the view's default. */
export const layer = textParam('layer');
export const method = textParam('method');
/** Tags of further methods, shown below the chosen one. */
export const moreMethods = keysParam('methods');
/** Of the layer strips: the key of a described column. */
export const metric = textParam('metric', 'dead');
export const colourMap = textParam('cmap');
/** Of the heat over its image, 0 … 1. */
export const opacity = numberParam<number>('opacity', 0.7);
/** steps: one scale for all steps (honest, the default); image: each picture its own ("shape only"). */
export const scaleMode = oneOfParam('scale', ['steps', 'image'] as const, 'steps');
export const stepSpacing = oneOfParam('spacing', ['linear', 'log'] as const, 'linear');
/** The layer or parameter whose drawer is open; empty: none. */
export const drawerLayer = textParam('detail');
/** The finding whose evidence the drawer shows, as RULE@LAYER; empty: none. */
export const shownFinding = textParam('finding');
/** Findings that a person has set aside, or has seen. */
export const mutedFindings = keysParam('muted');
export const acknowledgedFindings = keysParam('acknowledged');
export const stepA = numberParam<number | null>('a', null);
export const stepB = numberParam<number | null>('b', null);
/** What Compare puts side by side: runs at one step, or two steps of one run. */
export const versus = oneOfParam('versus', ['runs', 'steps'] as const, 'runs');
/** Runs compared with the one shown; empty: the newest other one. */
export const withRuns = keysParam('with');
export const compareMode = oneOfParam('compare', ['grid', 'swipe', 'difference'] as const, 'grid');
/** Letter of the side that A is compared with where only two fit. */
export const compareAgainst = textParam('against', 'B');
/** raw: the method's own unit; share: each map divided by its total mass. */
export const compareUnit = oneOfParam('unit', ['raw', 'share'] as const, 'raw');
export const sortLayers = oneOfParam('sort', ['model', 'worst'] as const, 'model');
export const filterText = textParam('filter');
/** Held `O`: pictures without their overlay. Not in the address. */
export const peek = signal(false);

/** Read the address into all signals. */
export function readAddress(): void {
  address = readState();
  batch(() => params.forEach((one) => one.load(address[one.key])));
}

/** All choices that differ from their default, by address key. */
export function addressValues(): Record<string, string> {
  const values: Record<string, string> = {};
  if (count.value === 0) return values;
  for (const one of params) {
    const text = one.text();
    if (text !== undefined) values[one.key] = text;
  }
  return values;
}

/** Whether the film plays; the address waits until it stops. */
export const playing = signal(false);

/** Keep signals and address the same from now on; returns how to stop. */
export function mirrorAddress(): () => void {
  readAddress();
  let timer = 0;
  const stopWriting = effect(() => {
    const values = addressValues();
    clearTimeout(timer);
    if (!playing.value) timer = window.setTimeout(() => writeState(values), 120);
  });
  const stopReading = onAddressChange(readAddress);
  return () => {
    clearTimeout(timer);
    stopWriting();
    stopReading();
  };
}
