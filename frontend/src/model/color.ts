// SPDX-License-Identifier: Apache-2.0
// Colour maps as look-up tables: values stay raw until here. Perceptually even maps only; no rainbow.

export type Rgb = readonly [number, number, number];

/** Evenly spaced anchors, matplotlib's maps at 10 or 11 places; interpolation stays within 2/255 of a step. */
const ANCHORS = {
  inferno: '000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4',
  viridis: '440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725',
  cividis: '00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838',
  magma: '000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf',
  turbo: '30123b 4662d7 36aaf9 1ae4b6 72fe5e c7ef34 faba39 f66b19 cb2a04 7a0403',
  gray: '000000 ffffff',
  rdbu: '053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f',
} as const;

export type ColourMapName = keyof typeof ANCHORS;

function parse(hex: string): Rgb {
  const value = Number.parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const tables = new Map<ColourMapName, Uint8Array>();

/** The map as 256 RGB triples. */
export function table(name: ColourMapName): Uint8Array {
  let made = tables.get(name);
  if (!made) {
    made = interpolate(ANCHORS[name].split(' ').map(parse));
    tables.set(name, made);
  }
  return made;
}

function interpolate(anchors: Rgb[]): Uint8Array {
  const made = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (anchors.length - 1);
    const left = Math.min(anchors.length - 2, Math.floor(place));
    for (let c = 0; c < 3; c++) {
      made[i * 3 + c] = Math.round(anchors[left]![c]! + (place - left) * (anchors[left + 1]![c]! - anchors[left]![c]!));
    }
  }
  return made;
}

/** The colour of a fraction 0 … 1 as `rgb(r g b)`; outside it is the end's colour. */
export function colourOf(name: ColourMapName, fraction: number): string {
  const at = Math.round(Math.min(1, Math.max(0, fraction)) * 255) * 3;
  const map = table(name);
  return `rgb(${map[at]} ${map[at + 1]} ${map[at + 2]})`;
}

/** A CSS gradient of the map for legends. */
export function gradient(name: ColourMapName): string {
  const stops = Array.from({ length: 11 }, (_, i) => colourOf(name, i / 10));
  return `linear-gradient(to right, ${stops.join(', ')})`;
}

/** The maps to offer for heat: unsigned ones, and the one whose middle is neutral. Turbo's lightness falls back, so it is never the default. */
export const UNSIGNED_MAPS: readonly ColourMapName[] = ['inferno', 'viridis', 'cividis', 'magma', 'turbo'];
export const SIGNED_MAPS: readonly ColourMapName[] = ['rdbu'];

/** What NaN and infinity look like: no map holds it, so that they cannot be taken for a value. */
export const NOT_A_NUMBER: Rgb = [0, 220, 130];

/** Index into a table for `value` in 0 … `most`; -1 where the value is no number. A scale of 0 shows 0. */
export function unsignedIndex(value: number, most: number): number {
  if (!Number.isFinite(value)) return -1;
  return most > 0 ? Math.round(Math.min(1, Math.max(0, value / most)) * 255) : 0;
}

/** Index for `value` in -`most` … `most`, 0 in the middle; -1 where the value is no number. */
export function signedIndex(value: number, most: number): number {
  if (!Number.isFinite(value)) return -1;
  return Math.round((most > 0 ? Math.min(1, Math.max(-1, value / most)) : 0) * 127.5 + 127.5);
}

/** The colour of a value in 0 … `most`. */
export function mapUnsigned(name: ColourMapName, value: number, most: number): Rgb {
  return rgbAt(name, unsignedIndex(value, most));
}

/** The colour of a value in -`most` … `most`. */
export function mapSigned(name: ColourMapName, value: number, most: number): Rgb {
  return rgbAt(name, signedIndex(value, most));
}

function rgbAt(name: ColourMapName, index: number): Rgb {
  if (index < 0) return NOT_A_NUMBER;
  const map = table(name);
  return [map[index * 3]!, map[index * 3 + 1]!, map[index * 3 + 2]!];
}

/** WCAG's relative luminance, 0 … 1. */
export function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => (part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** Black or white, whichever reads better on the colour. */
export function inkOn(colour: Rgb): string {
  return luminance(colour) > 0.179 ? '#000' : '#fff';
}
