// SPDX-License-Identifier: Apache-2.0
// Two steps of the sample in the detail: a divider to drag between A and B, and their signed difference.
import { useMemo } from 'preact/hooks';
import type { Side } from '../../model/maps/compare';
import { nearestIndex } from '../../model/steps';
import {
  Cell,
  cellHeight,
  differenceCell,
  differenceWords,
  NUMBERS,
  numbersOf,
  rowOf,
  SideHead,
} from '../../ui/maps/cells';
import { Swipe } from '../../ui/maps/swipe';
import type { FilmView } from './film_view';

const WIDE = 288;

export function SampleAB({ n, view, a, b }: { n: number; view: FilmView; a: number; b: number }) {
  const { frames, probe } = view;
  const sides = useMemo(
    () =>
      [a, b].map(
        (wanted, i): Side => ({
          letter: 'AB'[i]!,
          run: '',
          name: '',
          colour: 'transparent',
          frames,
          probe,
          wanted,
          index: nearestIndex(
            frames.map((one) => one.step),
            wanted,
          ),
        }),
      ),
    [frames, probe, a, b],
  );
  const row = useMemo(() => rowOf(sides, n, 'raw'), [sides, n]);
  const height = Math.min(360, cellHeight(sides, row, WIDE));
  const numbers = numbersOf(sides, row);
  return (
    <div class="sample-ab">
      <div class="large-heads">
        {sides.map((side) => (
          <SideHead key={side.letter} side={side} />
        ))}
      </div>
      <Swipe sides={sides} row={row} other={1} height={height} wide={WIDE} />
      <p class="soft">B − A on the same scale: red more at B, blue more at A</p>
      <Cell
        cell={differenceCell(sides, row, 1, true)}
        label={differenceWords(sides, row, 1)}
        width={WIDE}
        height={height}
      />
      <dl class="facts">
        {NUMBERS.map(([name, meaning], i) => (
          <div key={name} title={meaning}>
            <dt>{name}</dt>
            <dd>{numbers[i]!.filter(Boolean).join(' · ')}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
