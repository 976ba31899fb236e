// SPDX-License-Identifier: Apache-2.0
// A picture is drawn in the colours in which it was stored, wherever it is drawn.
import { afterEach, expect, test, vi } from 'vitest';
import { drawThumb } from '../../src/draw/thumb';
import { imagesReady, regions, sampleImage } from '../../src/ui/bitmaps';
import type { Probe } from '../../src/wire/schema_pb';

const RED = [200, 30, 40, 255];

/** A canvas that remembers what was drawn on it, and through which filter. */
function remembered(drawn: { picture: unknown; filter: string }[]) {
  const context = {
    filter: 'none',
    canvas: { width: 256, height: 256 },
    drawImage: (picture: unknown) => drawn.push({ picture, filter: context.filter }),
    getImageData: () => ({ data: new Uint8ClampedArray(4 * 4) }),
    putImageData: () => undefined,
    fillRect: () => undefined,
    beginPath: () => undefined,
    moveTo: () => undefined,
    lineTo: () => undefined,
    stroke: () => undefined,
  };
  return context as unknown as CanvasRenderingContext2D;
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test.each([
  ['alone', new Uint8Array()],
  ['with the line around its region', new Uint8Array([7])],
])('the decoded picture keeps its colours, %s', async (_, region) => {
  const drawn: { picture: unknown; filter: string }[] = [];
  const context = remembered(drawn);
  vi.stubGlobal('createImageBitmap', async () => ({ width: 2, height: 2, pixels: RED }));
  vi.stubGlobal(
    'OffscreenCanvas',
    class {
      getContext = () => context;
    },
  );
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(context as never);
  regions.value = 'yes';
  const probe = { images: [new Uint8Array([1, 2, 3])], regionPng: [region] } as unknown as Probe;
  await imagesReady([probe], [0]);
  expect(sampleImage(probe, 0)).not.toBeNull();
  expect(drawn.length).toBeGreaterThan(0);
  expect(drawn.map((one) => one.filter)).toEqual(drawn.map(() => 'none'));
  expect((drawn[0]!.picture as { pixels: number[] }).pixels).toEqual(RED);
});

test('so does a thumb', () => {
  const drawn: { picture: unknown; filter: string }[] = [];
  const layer = remembered([]);
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(layer as never);
  vi.stubGlobal('ImageData', class {});
  const picture = {} as CanvasImageSource;
  const heat = { rows: 1, columns: 1, values: Float32Array.of(1) };
  drawThumb(remembered(drawn), { image: picture, heat, most: 1, map: 'inferno', opacity: 1, x: 0, size: 4 });
  expect(drawn[0]).toEqual({ picture, filter: 'none' });
});
