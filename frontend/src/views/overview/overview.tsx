// SPDX-License-Identifier: Apache-2.0
// The landing view: is training healthy, and where should one look? A sentence, the findings, the strip, one film.
import { useSignal } from '@preact/signals';
import { chosenColumn } from '../../state/descriptions';
import { findings, run } from '../../state/store';
import { Async } from '../../ui/async';
import { LayerStrip } from '../../ui/layer_strip';
import { StripPanel, Undescribed } from '../../ui/strip_panel';
import { MetricPicker } from '../../ui/strips';
import { addStyle } from '../../ui/styles/styles';
import { TableToggle } from '../../ui/table_toggle';
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
  const metric = chosenColumn.value;
  const asTable = useSignal(false);
  if (!metric) return <Undescribed />;
  return (
    <section aria-labelledby="strip-title">
      <div class="card-head">
        <h2 id="strip-title" title={metric.meaning}>
          Layers over training
        </h2>
        <MetricPicker />
        <span class="spring" />
        <TableToggle on={asTable} />
      </div>
      <StripPanel metric={metric} asTable={asTable.value} height={200}>
        {(found) => <LayerStrip metric={metric} series={found} />}
      </StripPanel>
    </section>
  );
}
