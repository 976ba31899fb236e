// SPDX-License-Identifier: Apache-2.0
// What one can choose in Explanations. Every choice is in the address, so that a link shows the same.
import { className } from '../../model/maps/explain';
import { methodsNotCaptured } from '../../model/methods';
import { methodMeaning, methodName, tagLabel } from '../../state/descriptions';
import { layer, method, moreMethods, numberParam, oneOfParam, toggled } from '../../state/selection';
import { attributionTags, run, status } from '../../state/store';
import { Check, Choice } from '../../ui/choice';
import { DrawControls, ScaleChoice } from '../../ui/heat_controls';
import type { Tag } from '../../wire/api';
import type { Probe } from '../../wire/schema_pb';

/** Index of the class whose samples are shown; -1: all. */
export const wantedClass = numberParam<number>('class', -1);
export const errorsOnly = oneOfParam('errors', ['no', 'only'] as const, 'no');

/** Least score of the prediction, 0 … 1. */
export const leastConfidence = numberParam<number>('confidence', 0);
export const sortRows = oneOfParam('order', ['probe', 'drift'] as const, 'probe');
/** classes: one row a class, the mean of its samples. */
export const rowKind = oneOfParam('rows', ['samples', 'classes'] as const, 'samples');

const unique = (values: readonly string[]): string[] => [...new Set(values)];

/** What is explained, and which samples. */
export function WhatControls({
  tag,
  probe,
  classes,
  probabilities,
}: {
  tag: Tag;
  probe: Probe | undefined;
  classes: readonly number[];
  probabilities: boolean;
}) {
  const tags = attributionTags.value;
  const layers = tags.filter((one) => one.method === tag.method).map((one) => one.layer);
  return (
    <div class="controls" role="group" aria-label="What is explained">
      <Choice
        name="method"
        title={methodMeaning(tag.method)}
        value={tag.method}
        options={unique(tags.map((one) => one.method)).map((one) => [one, methodName(one)])}
        change={(value) => {
          method.value = value;
        }}
      />
      <Choice
        name="layer"
        value={tag.layer}
        options={unique(layers).map((one) => [one, one || 'input'])}
        change={(value) => {
          layer.value = value;
          method.value = tag.method;
        }}
      />
      {classes.length > 1 && (
        <Choice
          name="true class"
          value={String(wantedClass.value)}
          options={[['-1', 'all'], ...classes.map((one) => [String(one), className(probe, one)] as const)]}
          change={(value) => {
            wantedClass.value = Number(value);
          }}
        />
      )}
      {classes.length > 0 && (
        <Check
          checked={errorsOnly.value === 'only'}
          change={(on) => {
            errorsOnly.value = on ? 'only' : 'no';
          }}
        >
          errors only
        </Check>
      )}
      {probabilities && classes.length > 0 && (
        <Choice
          name="confidence"
          title="Least probability of the prediction at the step shown"
          value={String(leastConfidence.value)}
          options={CONFIDENCES}
          change={(value) => {
            leastConfidence.value = Number(value);
          }}
        />
      )}
      {classes.length > 1 && (
        <Choice
          name="rows"
          value={rowKind.value}
          options={[
            ['samples', 'samples'],
            ['classes', 'mean per class'],
          ]}
          change={(value) => {
            rowKind.value = value === 'classes' ? 'classes' : 'samples';
          }}
        />
      )}
      <Choice
        name="order"
        title="Drift: the mean fall of rank correlation from snapshot to snapshot; the most restless sample first."
        value={sortRows.value}
        options={[
          ['probe', 'probe'],
          ['drift', 'most drift'],
        ]}
        change={(value) => {
          sortRows.value = value === 'drift' ? 'drift' : 'probe';
        }}
      />
    </div>
  );
}

const CONFIDENCES = [
  ['0', 'any'],
  ['0.5', '≥ 50\u202f%'],
  ['0.8', '≥ 80\u202f%'],
  ['0.95', '≥ 95\u202f%'],
] as const;

/** Further methods below the chosen one, and those that were asked for and not captured. */
export function MoreMethods({ tag }: { tag: Tag }) {
  const others = attributionTags.value.filter((one) => one.tag !== tag.tag);
  const absent = methodsNotCaptured(status(run.value).loaded.value.value?.record.signals ?? []);
  if (others.length === 0 && absent.length === 0) return null;
  return (
    <div class="controls" role="group" aria-label="Further methods">
      {others.length > 0 && <span class="soft">also</span>}
      {others.map((one) => (
        <button
          key={one.tag}
          type="button"
          class="chip"
          aria-pressed={moreMethods.value.has(one.tag)}
          title={methodMeaning(one.method)}
          onClick={() => {
            moreMethods.value = toggled(moreMethods.value, one.tag);
          }}
        >
          {tagLabel(one)}
        </button>
      ))}
      {absent.length > 0 && (
        <details class="absent">
          <summary>{absent.length === 1 ? '1 method' : `${absent.length} methods`} not captured</summary>
          <ul>
            {absent.map((one) => (
              <li key={one.method}>
                <strong title={methodMeaning(one.method)}>{methodName(one.method)}</strong>: {one.reason}
                {one.remedy && <> — {one.remedy}</>}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

/** How it is drawn. */
export function HowControls({ signed, marked }: { signed: boolean; marked: boolean }) {
  return (
    <DrawControls signed={signed} marked={marked}>
      <ScaleChoice />
    </DrawControls>
  );
}
