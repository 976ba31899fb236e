// SPDX-License-Identifier: Apache-2.0
// The landing view: is training healthy, and where should one look? A sentence, the findings, the strip, one film.
import { useSignal } from '@preact/signals';
import { metricOf } from '../../model/metrics';
import { metric as chosenMetric } from '../../state/selection';
import { findings, run, series } from '../../state/store';
import { Async, Empty, Missing } from '../../ui/async';
import { LayerStrip } from '../../ui/layer_strip';
import { MetricPicker, signalWord, StripTable } from '../../ui/strips';
import { addStyle } from '../../ui/styles/styles';
import { FindingsCard } from './findings';
import { MiniFilm } from './mini_film';
import { Remarks } from './remarks';
import { Recorder } from './status_card';
import css from './overview.css?inline';

addStyle(css);

export function Overview() {
  return (
    <div class="overview">
      <div class="overview-main">
        <Async resource={findings(run.value)} what="The findings" height={64}>
          {(found) => (found ? <FindingsCard found={found.record} /> : <Remarks />)}
        </Async>
        <StripCard />
      </div>
      <aside class="overview-side" aria-label="Explanations and recorder">
        <MiniFilm />
        <Recorder />
      </aside>
    </div>
  );
}

function StripCard() {
  const metric = metricOf(chosenMetric.value);
  const asTable = useSignal(false);
  return (
    <section aria-labelledby="strip-title">
      <div class="card-head">
        <h2 id="strip-title" title={metric.meaning}>
          Layers over training
        </h2>
        <MetricPicker />
        <span class="spring" />
        <button
          type="button"
          class="toggle"
          aria-pressed={asTable.value}
          onClick={() => {
            asTable.value = !asTable.value;
          }}
        >
          View as table
        </button>
      </div>
      <Async resource={series(run.value, metric.signal, metric.column)} what={metric.label} height={200}>
        {(found) => {
          if (!found) return <Missing signal={signalWord(metric)} />;
          if (found.firstSteps.length === 0) return <Empty title={`No ${metric.label} yet.`} />;
          return asTable.value ? (
            <StripTable metric={metric} series={found} />
          ) : (
            <LayerStrip metric={metric} series={found} />
          );
        }}
      </Async>
    </section>
  );
}
