// SPDX-License-Identifier: Apache-2.0
// What one can choose in Compare: against what, which method, how the cells are laid out and drawn.
import { methodName } from '../../state/descriptions';
import { compareMode, compareUnit, layer, method, toggled, versus, withRuns } from '../../state/selection';
import { compared, run, runs } from '../../state/store';
import { Choice } from '../../ui/choice';
import { DrawControls } from '../../ui/heat_controls';
import { runColour } from '../../ui/runs';
import { CompareSteps } from '../../ui/steps_ab';
import type { Tag } from '../../wire/api';

const MODES = {
  grid: ['Grid', 'All samples, each side and the difference from A'],
  swipe: ['Swipe', 'One sample, a divider between A and B'],
  difference: ['Difference', 'One sample, B minus A (key D)'],
} as const;

const unique = (values: readonly string[]): string[] => [...new Set(values)];

export function CompareControls({ tag, tags, signed }: { tag: Tag; tags: readonly Tag[]; signed: boolean }) {
  const layers = unique(tags.filter((one) => one.method === tag.method).map((one) => one.layer));
  return (
    <>
      <RunChips />
      <div class="controls" role="group" aria-label="What is compared">
        <Choice
          name="method"
          value={tag.method}
          options={unique(tags.map((one) => one.method)).map((one) => [one, methodName(one)])}
          change={(value) => {
            method.value = value;
          }}
        />
        <Choice
          name="layer"
          value={tag.layer}
          options={layers.map((one) => [one, one || 'input'])}
          change={(value) => {
            layer.value = value;
            method.value = tag.method;
          }}
        />
        <Choice
          name="scale"
          value={compareUnit.value}
          title="One scale a sample, the 99th percentile of |value| over all sides and all their steps. Raw magnitudes of different architectures are not comparable: there take the share of the map’s total."
          options={[
            ['raw', 'fixed across all sides'],
            ['share', 'share of total, fixed'],
          ]}
          change={(value) => {
            compareUnit.value = value === 'share' ? 'share' : 'raw';
          }}
        />
        <div class="segments" role="group" aria-label="Layout">
          {(Object.keys(MODES) as (keyof typeof MODES)[]).map((mode) => (
            <button
              key={mode}
              type="button"
              class="toggle"
              title={MODES[mode][1]}
              aria-pressed={compareMode.value === mode}
              onClick={() => {
                compareMode.value = mode;
              }}
            >
              {MODES[mode][0]}
            </button>
          ))}
        </div>
      </div>
      <DrawControls signed={signed} />
    </>
  );
}

/** Runs or steps, and which. */
export function RunChips() {
  const others = (runs.loaded.value.value?.runs ?? []).filter((one) => one.run !== run.value);
  const shown = compared.value.slice(1);
  const two = versus.value === 'steps';
  const choose = (of: string): void => {
    const now = new Set(shown);
    if (withRuns.value.size === 0 && shown.length === 1 && shown[0] !== of) withRuns.value = new Set([of]);
    else withRuns.value = toggled(now, of);
  };
  return (
    <div class="controls" role="group" aria-label="Compared with">
      <div class="segments" role="group" aria-label="Compare">
        <button
          type="button"
          class="toggle"
          aria-pressed={!two}
          onClick={() => {
            versus.value = 'runs';
          }}
        >
          Runs
        </button>
        <button
          type="button"
          class="toggle"
          aria-pressed={two}
          title="Two steps of the run chosen above"
          onClick={() => {
            versus.value = 'steps';
          }}
        >
          Steps
        </button>
      </div>
      {two ? (
        <>
          <CompareSteps />
          <span class="soft">A: the first snapshot unless set; B: the scrubber’s step unless set</span>
        </>
      ) : (
        <>
          <span class="soft">A is the run above; against</span>
          <div class="run-chips">
            {others.map((one) => (
              <button
                key={one.run}
                type="button"
                class="chip"
                aria-pressed={shown.includes(one.run)}
                disabled={!shown.includes(one.run) && shown.length >= 3}
                onClick={() => choose(one.run)}
              >
                <span class="swatch" style={{ background: runColour(one.run) }} aria-hidden="true" />
                {one.name}
              </button>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
