// SPDX-License-Identifier: Apache-2.0
// What each statistic of a layer was at A, at B and at the step shown.
import { formatValue } from '../../model/format';
import { type Metric, scaleWord, valueAt } from '../../model/metrics';
import { formatStep } from '../../model/steps';
import { metrics } from '../../state/descriptions';
import { stepA, stepB } from '../../state/selection';
import { at, run, series, step } from '../../state/store';

export function CompareTable({ name }: { name: string }) {
  const own = metrics.value.filter((one) => one.signal === 'activation' || one.signal === 'gradient');
  const [a, b] = [stepA.value, stepB.value];
  return (
    <section aria-label="Statistics at two steps">
      <table>
        <thead>
          <tr>
            <th scope="col">statistic</th>
            {a !== null && <th scope="col">A</th>}
            {b !== null && <th scope="col">B</th>}
            <th scope="col">step {formatStep(step.value)}</th>
          </tr>
        </thead>
        <tbody>
          {own.map((metric) => (
            <CompareRow key={metric.key} name={name} metric={metric} steps={[a, b, step.value]} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function CompareRow({ name, metric, steps }: { name: string; metric: Metric; steps: (number | null)[] }) {
  const found = series(run.value, metric.signal, metric.name).loaded.value.value;
  const row = found?.names.indexOf(name) ?? -1;
  return (
    <tr>
      <th scope="row" title={metric.meaning}>
        {metric.title}
      </th>
      {steps.map(
        (one, i) =>
          one !== null && (
            <td key={i}>
              {found && row >= 0
                ? formatValue(scaleWord(metric), valueAt(metric, found, row, at2(found.firstSteps, one)))
                : '–'}
            </td>
          ),
      )}
    </tr>
  );
}

/** The first logged step where nothing lies at or before the wanted one. */
function at2(steps: readonly number[], wanted: number): number {
  return wanted < (steps[0] ?? 0) ? steps[0]! : wanted === step.value ? (at(steps) ?? wanted) : wanted;
}
