// SPDX-License-Identifier: Apache-2.0
// One sample large: a divider to drag between two sides, or their signed difference.
import { useMemo } from 'preact/hooks';
import { formatMass } from '../../model/format';
import { type Side, type Unit, whyNoAgreement } from '../../model/maps/compare';
import { compareAgainst, compareMode, sample } from '../../state/selection';
import { Choice } from '../../ui/choice';
import { HeatLegend, heatMapName } from '../../ui/heat_controls';
import {
  Cell,
  cellHeight,
  differenceCell,
  differenceWords,
  differentTargets,
  NUMBERS,
  numbersOf,
  type Row,
  rowOf,
  sideCell,
  SideHead,
  sideWords,
  StateMark,
  unitWords,
} from '../../ui/maps/cells';
import { Swipe } from '../../ui/maps/swipe';
import { SampleHead } from './grid';

const WIDE = 400;
const SMALL = 128;

interface LargeProps {
  sides: readonly Side[];
  count: number;
  unit: Unit;
  same: boolean;
}

export function CompareLarge({ sides, count, unit, same }: LargeProps) {
  const n = Math.min(Math.max(0, sample.value), count - 1);
  const other = Math.max(
    1,
    sides.findIndex((side) => side.letter === compareAgainst.value),
  );
  const row = useMemo(() => rowOf(sides, n, unit), [sides, n, unit]);
  const height = Math.min(440, cellHeight(sides, row, WIDE));
  const swipe = compareMode.value === 'swipe';
  const { signed } = sides[0]!.frames[sides[0]!.index]!.record;
  return (
    <div class="compare-large">
      <div class="large-picture">
        <div class="large-heads">
          <SideHead side={sides[0]!} />
          <SideHead side={sides[other]!} />
        </div>
        {swipe ? (
          <Swipe sides={sides} row={row} other={other} height={height} wide={WIDE} />
        ) : (
          <span class="cell">
            <Cell
              cell={differenceCell(sides, row, other, same)}
              label={differenceWords(sides, row, other)}
              width={WIDE}
              height={height}
            />
            {!row.differences[other] && (
              <span class="cell-state">{whyNoAgreement(row.maps[0]!, row.maps[other]!)}</span>
            )}
          </span>
        )}
        <p class="detail-legend">
          <HeatLegend
            map={heatMapName(signed || !swipe)}
            signed={signed || !swipe}
            heat={row.maps[0]!}
            most={formatMass(row.most)}
            unit={
              swipe
                ? `p99 over both and all steps, ${unitWords()}`
                : `${sides[other]!.letter} − A on the same scale: red more in ${sides[other]!.letter}, blue more in A`
            }
          />
        </p>
      </div>
      <div class="large-side">
        {sides.length > 2 && (
          <Choice
            name="A against"
            value={sides[other]!.letter}
            options={sides.slice(1).map((side) => [side.letter, `${side.letter} ${side.name}`])}
            change={(value) => {
              compareAgainst.value = value;
            }}
          />
        )}
        {!swipe && (
          <div class="large-pair">
            {[0, other].map((i) => (
              <figure key={i}>
                <span class="cell">
                  <Cell
                    cell={sideCell(sides[i]!, row, i)}
                    label={sideWords(sides[i]!, row, i)}
                    width={SMALL}
                    height={cellHeight(sides, row, SMALL)}
                  />
                  <StateMark map={row.maps[i]!} />
                </span>
                <figcaption>
                  {sides[i]!.letter} {sides[i]!.name}
                </figcaption>
              </figure>
            ))}
          </div>
        )}
        {differentTargets(sides, n) && (
          <p class="wrong">▲ The sides explain different classes: their maps answer different questions.</p>
        )}
        <Numbers sides={sides} row={row} />
        <div class="sample-list" role="group" aria-label="Samples (J, K)">
          {Array.from({ length: count }, (_, i) => (
            <SampleHead key={i} n={i} sides={sides} />
          ))}
        </div>
      </div>
    </div>
  );
}

function Numbers({ sides, row }: { sides: readonly Side[]; row: Row }) {
  const numbers = numbersOf(sides, row);
  return (
    <dl class="facts">
      {NUMBERS.map(([name, meaning], i) => (
        <div key={name} title={meaning}>
          <dt>{name}</dt>
          <dd>{numbers[i]!.filter(Boolean).join(' · ')}</dd>
        </div>
      ))}
    </dl>
  );
}
