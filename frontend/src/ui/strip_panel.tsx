// SPDX-License-Identifier: Apache-2.0
// One statistic of all layers: as the picture that a view gives, as a table, or why there is neither.
import type { ComponentChildren } from 'preact';
import type { Metric } from '../model/metrics';
import { run, series } from '../state/store';
import type { Series } from '../wire/api';
import { Async, Empty, Missing } from './async';
import { signalWord, StripTable } from './strips';

interface PanelProps {
  metric: Metric;
  asTable: boolean;
  /** Room kept while it loads. */
  height: number;
  /** The picture. */
  children: (found: Series) => ComponentChildren;
}

export function StripPanel({ metric, asTable, height, children }: PanelProps) {
  return (
    <Async resource={series(run.value, metric.signal, metric.name)} what={metric.title} height={height}>
      {(found) => {
        if (!found) return <Missing signal={signalWord(metric)} />;
        if (found.firstSteps.length === 0) return <Empty title={`No ${metric.title} yet.`} />;
        return asTable ? <StripTable metric={metric} series={found} /> : children(found);
      }}
    </Async>
  );
}

/** Where nothing describes the statistics there is nothing to choose from. */
export function Undescribed() {
  return (
    <Empty title="Nothing says which statistics this log holds.">
      <p>The server is older than this page: reload it, or restart TensorBoard.</p>
    </Empty>
  );
}
