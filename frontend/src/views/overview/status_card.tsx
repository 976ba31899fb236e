// SPDX-License-Identifier: Apache-2.0
// What the recorder says about itself: what it captured, what it cost, what it lost, whether it still lives.
import { formatStep } from '../../model/steps';
import { now } from '../../state/clock';
import { run, runInfo, status } from '../../state/store';
import { Async, Empty } from '../../ui/async';
import type { RunStatus } from '../../wire/schema_pb';

const STALE_S = 120;

export function Recorder() {
  return (
    <section class="recorder" aria-labelledby="recorder-title">
      <h2 id="recorder-title">Recorder</h2>
      <Async resource={status(run.value)} what="The recorder’s status" height={120}>
        {(found) =>
          found ? (
            <Report record={found.record} />
          ) : (
            <Empty title="The recorder left no status.">
              <p>Its log may be cut short or older.</p>
            </Empty>
          )
        }
      </Async>
    </section>
  );
}

function Report({ record }: { record: RunStatus }) {
  return (
    <>
      <p>
        {stateWord(record)} at step {formatStep(record.step)}
        <span class="soft"> · {[record.host, ...record.versions].filter(Boolean).join(' · ')}</span>
      </p>
      <Stale record={record} />
      <p class="soft" title="Time the recorder took out of training, against the budget max_overhead.">
        {costSentence(record)}
      </p>
      {record.droppedRecords > 0 && (
        <p class="notice">{record.droppedRecords} records were dropped because the disk was too slow or full.</p>
      )}
      <dl class="signals">
        {record.signals.map((one) => [
          <dt key={one.name}>
            <span aria-hidden="true">{one.state === 'captured' ? '✓' : one.state === 'waiting' ? '…' : '–'}</span>{' '}
            {one.name}
          </dt>,
          <dd class="soft">{signalSentence(one, record)}</dd>,
        ])}
      </dl>
      {record.notices.length > 0 && (
        <ul class="notices" aria-label="Notices of the recorder">
          {record.notices.map((one) => (
            <li key={`${one.subject} ${one.step} ${one.message}`} class={one.level}>
              <strong>{one.subject || one.level}</strong> {one.message}{' '}
              <span class="soft">step {formatStep(one.step)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function stateWord(record: RunStatus): string {
  return { running: 'Training', finished: 'Finished', failed: 'Failed' }[record.state] ?? record.state;
}

/** Words for one signal: captured from where, due when, or off and why. */
export function signalSentence(
  signal: { name: string; state: string; reason: string; remedy: string },
  record: RunStatus,
): string {
  if (signal.state === 'off') return `not captured: ${signal.reason}${signal.remedy ? ` — ${signal.remedy}` : ''}`;
  if (signal.state === 'waiting') {
    const due =
      signal.name === 'explanations' || signal.name === 'attention' ? record.nextExplainStep : record.nextLogStep;
    return `first snapshot due at step ${formatStep(due)}`;
  }
  return signal.reason || 'probe';
}

/** "recorder spent 1.9 % of training, budget 5 %; 12 snapshots put off" */
export function costSentence(record: RunStatus): string {
  const seconds = record.costs.reduce((sum, one) => sum + one.seconds, 0);
  const skipped = record.costs.reduce((sum, one) => sum + one.skipped, 0);
  const share =
    record.trainingSeconds > 0
      ? `${((100 * seconds) / record.trainingSeconds).toFixed(1)}\u202f% of training`
      : `${seconds.toFixed(1)}\u202fs`;
  const budget = record.maxOverhead > 0 ? `budget ${(100 * record.maxOverhead).toFixed(0)}\u202f%` : 'no budget set';
  return `Recording took ${share}, ${budget}${skipped ? `; ${skipped} snapshots put off to keep it` : ''}.`;
}

function Stale({ record }: { record: RunStatus }) {
  const age = now.value - (runInfo.value?.updated ?? now.value);
  if (record.state !== 'running' || age < STALE_S) return null;
  return <p class="notice">Last data {ageWords(age)} ago. Training may be paused, stopped, or writing elsewhere.</p>;
}

/** 384 → "6 min" */
export function ageWords(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}
