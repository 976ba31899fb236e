// SPDX-License-Identifier: Apache-2.0
// Two steps of a layer beside the one shown: A and B, and what each statistic was there.
import { formatValue, METRICS, valueAt, type Metric } from '../model/metrics';
import { stepA, stepB } from '../state/selection';
import { at, run, series, step } from '../state/store';
import { formatStep } from '../model/steps';

/** Which two steps are compared: in the ridges, and in the table below. */
export function CompareSteps() {
  const [a, b] = [stepA.value, stepB.value];
  return (
    <div class="ab">
      <button
        type="button"
        class="ab-a"
        title="Take the step shown now as A (key A)"
        onClick={() => {
          stepA.value = step.value;
        }}
      >
        A {a === null ? 'set' : formatStep(a)}
      </button>
      <span aria-hidden="true">⇄</span>
      <button
        type="button"
        class="ab-b"
        title="Take the step shown now as B (key B)"
        onClick={() => {
          stepB.value = step.value;
        }}
      >
        B {b === null ? 'set' : formatStep(b)}
      </button>
      {(a !== null || b !== null) && (
        <button
          type="button"
          class="link"
          onClick={() => {
            stepA.value = null;
            stepB.value = null;
          }}
        >
          clear
        </button>
      )}
    </div>
  );
}

export function CompareTable({ name }: { name: string }) {
  const metrics = METRICS.filter((one) => one.signal === 'activation' || one.signal === 'gradient');
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
          {metrics.map((metric) => (
            <CompareRow key={metric.id} name={name} metric={metric} steps={[a, b, step.value]} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function CompareRow({ name, metric, steps }: { name: string; metric: Metric; steps: (number | null)[] }) {
  const found = series(run.value, metric.signal, metric.column).loaded.value.value;
  const row = found?.names.indexOf(name) ?? -1;
  return (
    <tr>
      <th scope="row" title={metric.meaning}>
        {metric.label}
      </th>
      {steps.map(
        (one, i) =>
          one !== null && (
            <td key={i}>
              {found && row >= 0
                ? formatValue(metric.kind, valueAt(metric, found, row, at2(found.firstSteps, one)))
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
