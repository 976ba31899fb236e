// SPDX-License-Identifier: Apache-2.0
// The Overview's first lines where no rule has spoken (logs of older recorders): what statistics alone say.
import { useMemo } from 'preact/hooks';
import { MARK } from '../../model/findings';
import { type Health, healthOf, type Remark } from '../../model/health';
import { openLayer } from '../../state/drawer';
import { run, series } from '../../state/store';
import { Skeleton } from '../../ui/async';

function useHealth(): Health | undefined {
  const of = run.value;
  const loaded = [
    series(of, 'activation', 'dead_fraction'),
    series(of, 'gradient', 'norm'),
    series(of, 'activation', 'nonfinite_count'),
    series(of, 'gradient', 'nonfinite_count'),
  ].map((one) => one.loaded.value);
  const [dead, gradients, nonFiniteActivations, nonFiniteGradients] = loaded.map((one) => one.value);
  const waiting = loaded.some((one) => one.state === 'loading' && one.value === undefined);
  return useMemo(
    () => (waiting ? undefined : healthOf({ dead, gradients, nonFiniteActivations, nonFiniteGradients })),
    [waiting, dead, gradients, nonFiniteActivations, nonFiniteGradients],
  );
}

export function Remarks() {
  const health = useHealth();
  if (!health) return <Skeleton height={64} />;
  const worst = health.remarks[0]?.severity;
  const shown = health.remarks.length > 1 || health.remarks[0]?.message !== health.sentence ? health.remarks : [];
  return (
    <section aria-label="Findings">
      <h1 class={`sentence ${worst ?? 'fine'}`}>
        <span aria-hidden="true">{worst ? MARK[worst] : '✓'} </span>
        {health.sentence}
      </h1>
      {health.remarks[0] && shown.length === 0 && <RemarkLine remark={health.remarks[0]} short />}
      <ul class="remarks">
        {shown.map((one) => (
          <li key={one.message}>
            <RemarkLine remark={one} />
          </li>
        ))}
      </ul>
      <p class="soft small">No rules ran while this log was written; this is what its statistics say.</p>
    </section>
  );
}

function RemarkLine({ remark, short = false }: { remark: Remark; short?: boolean }) {
  return (
    <div class={`remark ${remark.severity}`}>
      {!short && (
        <span class="remark-mark" aria-label={remark.severity} role="img">
          {MARK[remark.severity]}
        </span>
      )}
      <span>
        {!short && <span>{remark.message}. </span>}
        <span class="soft">{remark.advice}</span>
      </span>
      {remark.layer && (
        <button type="button" onClick={() => openLayer(remark.layer, remark.step)}>
          Open<span class="unseen"> {remark.layer}</span>
        </button>
      )}
    </div>
  );
}
