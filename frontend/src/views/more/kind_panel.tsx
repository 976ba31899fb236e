// SPDX-License-Identifier: Apache-2.0
// One kind of numbers: the chosen column of every row over the steps, and all of them at the step shown.
import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { formatValue, type ValueScale } from '../../model/format';
import { scaleWord } from '../../model/metrics';
import { furthest, namesOf, type NumberLine, numberLines, rowValues, type Tables } from '../../model/numbers';
import { formatStep, nearestIndex } from '../../model/steps';
import { step } from '../../state/store';
import { Empty, Shown } from '../../ui/async';
import { Choice } from '../../ui/choice';
import { LineChart, LOG_FROM, spread } from '../../ui/line_chart';
import type { KindDescription } from '../../wire/api';
import type { Numbers } from '../../wire/schema_pb';

/** Of more lines than this none can be followed. */
export const MOST_LINES = 12;

interface PanelProps {
  kind: KindDescription;
  tables: Tables;
}

export function KindPanel({ kind, tables }: PanelProps) {
  const chosen = useSignal('');
  const steps = useMemo(() => tables.map((one) => one.step), [tables]);
  const columns = useMemo(() => namesOf(tables, 'columns'), [tables]);
  const column = columns.includes(chosen.value) ? chosen.value : (columns[0] ?? '');
  const lines = useMemo(() => numberLines(tables, column), [tables, column]);
  const at = nearestIndex(steps, step.value);
  if (at < 0) return <Empty title="Nothing has been written yet." />;
  const scale = scaleWord(kind);
  return (
    <>
      {columns.length > 1 && (
        <div class="controls" role="group" aria-label={`What is shown of ${kind.title}`}>
          <Choice
            name="column"
            value={column}
            options={columns.map((one) => [one, one])}
            change={(value) => {
              chosen.value = value;
            }}
          />
        </div>
      )}
      <Lines title={kind.title} column={column} scale={scale} steps={steps} lines={lines} shown={steps[at]!} />
      <Table title={kind.title} record={tables[at]!.record} shown={steps[at]!} scale={scale} chosen={column} />
    </>
  );
}

interface LinesProps {
  title: string;
  column: string;
  scale: ValueScale;
  steps: readonly number[];
  lines: readonly NumberLine[];
  shown: number;
}

function Lines({ title, column, scale, steps, lines, shown }: LinesProps) {
  const drawn = useMemo(() => furthest(lines, MOST_LINES), [lines]);
  if (drawn.length === 0) return <p class="soft">No value of {column || 'this signal'} is a number at any step.</p>;
  const log = scale === 'log' && spread(drawn) > LOG_FROM;
  const now = nearestIndex(steps, shown);
  const said = drawn.map((line) => `${line.name} ${formatValue(scale, line.values[now]!)}`).join(', ');
  return (
    <>
      <LineChart
        label={`${title}, ${column}, over ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}. At step ${shown}: ${said}.`}
        steps={steps}
        lines={drawn}
        log={log}
        scale={scale}
        step={step.value}
      />
      <p class="soft small lines-note">
        {[`${column}, one line a row`, log && 'log axis'].filter(Boolean).join(' · ')}
        {drawn.length < lines.length &&
          ` · the ${drawn.length} rows that reach furthest from 0, of ${lines.length}: the table has all of them`}
      </p>
    </>
  );
}

interface TableProps {
  title: string;
  record: Numbers;
  shown: number;
  scale: ValueScale;
  chosen: string;
}

function Table({ title, record, shown, scale, chosen }: TableProps) {
  return (
    <>
      <h3>
        At step {formatStep(shown)} <Shown wanted={step.value} shown={shown} />
      </h3>
      {record.rows.length === 0 || record.columns.length === 0 ? (
        <p class="soft">The table that was written at this step is empty.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title} at step ${shown}`}>
          <table class="numbers-table">
            <thead>
              <tr>
                <th scope="col">
                  <span class="unseen">row</span>
                </th>
                {record.columns.map((one) => (
                  <th key={one} scope="col" class={one === chosen ? 'chosen' : undefined}>
                    {one}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {record.rows.map((row, r) => (
                <tr key={row}>
                  <th scope="row">{row}</th>
                  {rowValues(record, r).map((value, c) => (
                    <td key={record.columns[c]}>{formatValue(scale, value)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
