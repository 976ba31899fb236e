// SPDX-License-Identifier: Apache-2.0
// The states between asking for something and seeing it, the same in every view.
import type { ComponentChildren } from 'preact';
import { formatStep } from '../model/steps';
import { run, status } from '../state/store';
import type { Loaded } from '../wire/loadable';

/** Says so when the step shown is not the step asked for. */
export function Shown({ wanted, shown }: { wanted: number; shown: number | undefined }) {
  if (shown === undefined || shown === wanted) return null;
  return (
    <span
      class="badge"
      title="Nothing was logged at the step you chose; this is the nearest logged one before it, or the first."
    >
      showing {formatStep(shown)} for {formatStep(wanted)}
    </span>
  );
}

/** Room kept for something that is on its way. */
export function Skeleton({ height }: { height: number }) {
  return (
    <div class="skeleton" style={{ height: `${height}px` }} role="status">
      <span class="unseen">Loading</span>
    </div>
  );
}

/** What failed, why, and a button to try again. */
export function Failed({ what, error, retry }: { what: string; error: string; retry: () => void }) {
  return (
    <div class="failed" role="alert">
      <span>
        <strong>{what} could not be loaded.</strong> {error}
      </span>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** Nothing to show, and why. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

interface AsyncProps<T> {
  resource: { loaded: { value: Loaded<T> }; retry: () => void };
  what: string;
  height: number;
  children: (value: T) => ComponentChildren;
}

/** Skeleton, error or content of one resource; the last good content stays beside an error. */
export function Async<T>({ resource, what, height, children }: AsyncProps<T>) {
  const { state, value, error } = resource.loaded.value;
  return (
    <>
      {state === 'error' && <Failed what={what} error={error} retry={resource.retry} />}
      {value === undefined ? state === 'loading' && <Skeleton height={height} /> : children(value)}
    </>
  );
}

/** Why a signal is not there: the recorder's own reason and remedy. */
export function Missing({ signal }: { signal: string }) {
  const record = run.value ? status(run.value).loaded.value.value?.record : undefined;
  const entry = record?.signals.find((one) => one.name === signal);
  if (entry?.state === 'off')
    return <Empty title={`${signal} not captured: ${entry.reason}`}>{entry.remedy && <p>{entry.remedy}</p>}</Empty>;
  if (entry?.state === 'captured')
    return (
      <Empty title="This log does not hold this statistic.">
        <p>It was written by an older recorder, or for none of its layers.</p>
      </Empty>
    );
  if (record?.state === 'running') {
    const due = signal === 'explanations' || signal === 'attention' ? record.nextExplainStep : record.nextLogStep;
    return (
      <Empty title={`Waiting for ${signal}: first snapshot due at step ${formatStep(due)}`}>
        <p>The run is at step {formatStep(record.step)}. This page looks for new data every 5 seconds.</p>
      </Empty>
    );
  }
  return (
    <Empty title={`This run holds no ${signal}.`}>
      <p>Its recorder ended before any were written, or was told not to log them.</p>
    </Empty>
  );
}
