// SPDX-License-Identifier: Apache-2.0
// All samples as rows: every side, the difference from the first one, and the numbers that no colour can say.
import { useMemo, useRef } from 'preact/hooks';
import { formatMass } from '../../model/format';
import type { Side, Unit } from '../../model/maps/compare';
import { className } from '../../model/maps/explain';
import { sample } from '../../state/selection';
import { sampleImage } from '../../ui/bitmaps';
import { useLate, useNear, useTurn } from '../../ui/frame_budget';
import { HeatLegend, heatMapName } from '../../ui/heat_controls';
import {
  Cell,
  cellHeight,
  differenceCell,
  differenceWords,
  differentTargets,
  NUMBERS,
  numbersOf,
  rowOf,
  sideCell,
  SideHead,
  sideWords,
  StateMark,
  unitWords,
} from '../../ui/maps/cells';

interface GridProps {
  sides: readonly Side[];
  count: number;
  unit: Unit;
  same: boolean;
}

export function CompareGrid({ sides, count, unit, same }: GridProps) {
  const wide = sides.length > 2 ? 84 : 112;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Samples side by side">
      <table class="compare-grid">
        <thead>
          <tr>
            <th scope="col">sample</th>
            {sides.map((side) => (
              <th key={side.letter} scope="col" style={{ minWidth: `${wide}px` }}>
                <SideHead side={side} />
              </th>
            ))}
            {sides.slice(1).map((side) => (
              <th key={side.letter} scope="col">
                {side.letter} − A
              </th>
            ))}
            {NUMBERS.map(([name, meaning]) => (
              <th key={name} scope="col" title={meaning}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: count }, (_, n) => (
            <GridRow key={n} n={n} sides={sides} unit={unit} same={same} wide={wide} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function GridRow({
  n,
  sides: wanted,
  unit,
  same,
  wide,
}: {
  n: number;
  sides: readonly Side[];
  unit: Unit;
  same: boolean;
  wide: number;
}) {
  const place = useRef<HTMLTableRowElement>(null);
  const near = useNear(place);
  const selected = sample.value === n;
  const sides = useLate(wanted, selected || !near);
  const ready = useTurn(() => [() => rowOf(sides, n, unit)], near);
  const row = useMemo(() => (ready ? rowOf(sides, n, unit) : null), [ready, sides, n, unit]);
  if (!row)
    return (
      <tr ref={place}>
        <td colSpan={2 * sides.length + NUMBERS.length} style={{ height: `${wide + 12}px` }} />
      </tr>
    );
  const height = cellHeight(sides, row, wide);
  const numbers = numbersOf(sides, row);
  return (
    <tr ref={place} class={selected ? 'selected' : undefined}>
      <th scope="row">
        <SampleHead n={n} sides={sides} />
        {differentTargets(sides, n) && (
          <span class="badge warn" title="The sides explain different classes: their maps answer different questions.">
            other class
          </span>
        )}
        <Legend side={sides[0]!} most={row.most} heat={row.maps[0]!} />
      </th>
      {sides.map((side, i) => (
        <td key={side.letter}>
          <span class="cell">
            <Cell cell={sideCell(side, row, i)} label={sideWords(side, row, i)} width={wide} height={height} />
            <StateMark map={row.maps[i]!} />
          </span>
        </td>
      ))}
      {sides.slice(1).map((side, i) => (
        <td key={side.letter}>
          <span class="cell">
            <Cell
              cell={differenceCell(sides, row, i + 1, same)}
              label={differenceWords(sides, row, i + 1)}
              width={wide}
              height={height}
            />
            {!row.differences[i + 1] && <span class="cell-state">different size</span>}
          </span>
        </td>
      ))}
      {numbers.map((lines, i) => (
        <td key={NUMBERS[i]![0]} class="numbers">
          {lines.map((line, j) => line && <span key={j}>{line}</span>)}
        </td>
      ))}
    </tr>
  );
}

function Legend({
  side,
  most,
  heat,
}: {
  side: Side;
  most: number;
  heat: { rows: number; columns: number; values: Float32Array };
}) {
  const { signed } = side.frames[side.index]!.record;
  return (
    <span
      class="row-legend"
      title={`One scale for this row, in ${unitWords()}: the 99th percentile of |value| over all sides and steps. The difference is on ± the same.`}
    >
      <HeatLegend map={heatMapName(signed)} signed={signed} most={formatMass(most)} unit="" heat={heat} />
    </span>
  );
}

/** The sample by number, true class and picture: press to choose it. */
export function SampleHead({ n, sides }: { n: number; sides: readonly Side[] }) {
  const { probe } = sides[0]!;
  const label = probe?.labels[n];
  const image = sampleImage(probe, n);
  return (
    <button
      type="button"
      class="sample-head"
      aria-pressed={sample.value === n}
      onClick={() => {
        sample.value = n;
      }}
    >
      {image && (
        <Cell
          cell={{
            image,
            heat: null,
            style: { most: 1, signed: false, map: 'gray', opacity: 0, smooth: false, contour: false },
          }}
          label={`Input ${n + 1}`}
          width={40}
          height={Math.round((40 * image.height) / image.width)}
        />
      )}
      <span>
        <strong>{n + 1}</strong>
        {label !== undefined && label >= 0 && <> · true {className(probe, label)}</>}
      </span>
    </button>
  );
}
