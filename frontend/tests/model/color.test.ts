// SPDX-License-Identifier: Apache-2.0
// Colours must not lie: zero is the map's beginning, lightness rises, NaN is none of the map's colours.
import { describe, expect, it } from 'vitest';
import {
  inkOn,
  luminance,
  mapSigned,
  mapUnsigned,
  NOT_A_NUMBER,
  type Rgb,
  signedIndex,
  table,
  UNSIGNED_MAPS,
  unsignedIndex,
} from '../../src/model/color';

const at = (name: Parameters<typeof table>[0], i: number): Rgb =>
  [...table(name).slice(i * 3, i * 3 + 3)] as unknown as Rgb;

describe('unsigned maps', () => {
  it.each(['inferno', 'viridis', 'cividis', 'magma'] as const)('%s gets lighter all the way', (name) => {
    for (let i = 8; i < 256; i += 8) expect(luminance(at(name, i))).toBeGreaterThan(luminance(at(name, i - 8)));
  });

  it('offer turbo, whose lightness falls back, last', () => {
    expect(UNSIGNED_MAPS[0]).toBe('inferno');
    expect(UNSIGNED_MAPS.at(-1)).toBe('turbo');
    expect(luminance(at('turbo', 255))).toBeLessThan(luminance(at('turbo', 128)));
  });

  it('clip at both ends, and do not stretch a scale of 0', () => {
    expect(unsignedIndex(5, 2)).toBe(255);
    expect(unsignedIndex(-1, 2)).toBe(0);
    expect(unsignedIndex(0, 0)).toBe(0);
    expect(unsignedIndex(1, 4)).toBe(64);
  });
});

describe('the signed map', () => {
  it('is neutral at 0, blue below and red above', () => {
    const [r, g, b] = mapSigned('rdbu', 0, 3);
    expect(Math.max(r, g, b) - Math.min(r, g, b)).toBeLessThan(6);
    expect(mapSigned('rdbu', -3, 3)[2]).toBeGreaterThan(mapSigned('rdbu', -3, 3)[0]);
    expect(mapSigned('rdbu', 3, 3)[0]).toBeGreaterThan(mapSigned('rdbu', 3, 3)[2]);
    expect(signedIndex(-3, 3) + signedIndex(3, 3)).toBe(255);
  });
});

it('NaN and infinity have a colour of their own', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    expect(mapUnsigned('inferno', value, 1)).toEqual(NOT_A_NUMBER);
    expect(mapSigned('rdbu', value, 1)).toEqual(NOT_A_NUMBER);
  }
});

it('numbers stay readable on every colour of the entropy grid', () => {
  for (let i = 0; i < 256; i++) {
    const back = luminance(at('cividis', i));
    const ink = inkOn(at('cividis', i)) === '#000' ? 0 : 1;
    const contrast = (Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05);
    expect(contrast).toBeGreaterThan(4.5);
  }
});
