// SPDX-License-Identifier: Apache-2.0
// What one can choose in Explanations. Every choice is in the address, so that a link shows the same.
import type { ComponentChildren } from 'preact';
import { gradient, SIGNED_MAPS, UNSIGNED_MAPS, type ColourMapName } from '../../model/color';
import { className } from '../../model/explain';
import { methodMeaning, methodName, methodsNotCaptured, tagLabel } from '../../model/methods';
import type { Probe } from '../../wire/schema_pb';
import {
  colourMap,
  layer,
  method,
  moreMethods,
  numberParam,
  oneOfParam,
  opacity,
  scaleMode,
  toggled,
} from '../../state/selection';
import type { Tag } from '../../wire/api';
import { attributionTags, run, status } from '../../state/store';
import type { Grid } from '../../wire/wire';
import { regions } from '../../ui/bitmaps';

/** Index of the class whose samples are shown; -1: all. */
export const wantedClass = numberParam<number>('class', -1);
export const errorsOnly = oneOfParam('errors', ['no', 'only'] as const, 'no');
export const smoothing = oneOfParam('pixels', ['smooth', 'native'] as const, 'smooth');
export const contour = oneOfParam('contour', ['no', 'yes'] as const, 'no');

/** Least score of the prediction, 0 … 1. */
export const leastConfidence = numberParam<number>('confidence', 0);
export const sortRows = oneOfParam('order', ['probe', 'drift'] as const, 'probe');
/** classes: one row a class, the mean of its samples. */
export const rowKind = oneOfParam('rows', ['samples', 'classes'] as const, 'samples');

/** The method that is shown while nobody has chosen one. */
const USUAL = 'grad_cam';

/** The chosen tag, or the nearest to the choice: the method's other layer, else the last (deepest) one. */
export function chosenTag(tags: readonly Tag[], wantedMethod: string, wantedLayer: string): Tag | undefined {
  const same = tags.filter((tag) => tag.method === (wantedMethod || USUAL));
  const pool = same.length ? same : tags;
  return (
    pool.findLast((tag) => tag.layer === wantedLayer) ??
    (wantedMethod ? undefined : tags.findLast((tag) => tag.layer === wantedLayer && wantedLayer !== '')) ??
    pool.at(-1)
  );
}

/** The colour map in force: a signed method always gets one with a neutral middle. */
export function heatMapName(signed: boolean): ColourMapName {
  const maps = signed ? SIGNED_MAPS : UNSIGNED_MAPS;
  return maps.find((name) => name === colourMap.value) ?? maps[0]!;
}

interface ChoiceProps {
  name: string;
  value: string;
  options: readonly (readonly [string, string])[];
  change: (value: string) => void;
  title?: string;
}

export function Choice({ name, value, options, change, title }: ChoiceProps) {
  return (
    <label class="choice" title={title}>
      <span>{name}</span>
      <select value={value} onChange={(event) => change(event.currentTarget.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Check({
  checked,
  change,
  children,
  title,
}: {
  checked: boolean;
  change: (on: boolean) => void;
  children: ComponentChildren;
  title?: string;
}) {
  return (
    <label class="check" title={title}>
      <input type="checkbox" checked={checked} onChange={(event) => change(event.currentTarget.checked)} />
      {children}
    </label>
  );
}

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

export function ScaleChoice() {
  return (
    <Choice
      name="scale"
      value={scaleMode.value}
      title="Fixed across steps: one scale per sample, the 99th percentile of |value| over all steps, so that steps can be compared."
      options={[
        ['steps', 'fixed across steps'],
        ['image', 'per image (shape only)'],
      ]}
      change={(value) => {
        scaleMode.value = value === 'image' ? 'image' : 'steps';
      }}
    />
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

/** Colours, opacity, pixels and outlines (`marked`: the probe has regions): the same in every view of heat; `children` come first. */
export function DrawControls({
  signed,
  marked = false,
  children,
}: {
  signed: boolean;
  marked?: boolean;
  children?: ComponentChildren;
}) {
  const maps = signed ? SIGNED_MAPS : UNSIGNED_MAPS;
  return (
    <div class="controls" role="group" aria-label="How it is drawn">
      {children}
      {maps.length > 1 && (
        <Choice
          name="colours"
          value={heatMapName(signed)}
          options={maps.map((one) => [one, one])}
          change={(value) => {
            colourMap.value = value;
          }}
        />
      )}
      <label class="choice">
        <span>opacity</span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={opacity.value}
          onInput={(event) => {
            opacity.value = Number(event.currentTarget.value);
          }}
        />
      </label>
      <Check
        checked={smoothing.value === 'native'}
        change={(on) => {
          smoothing.value = on ? 'native' : 'smooth';
        }}
        title="Draw every value of the map as one square instead of blending between them."
      >
        native pixels
      </Check>
      <Check
        checked={contour.value === 'yes'}
        change={(on) => {
          contour.value = on ? 'yes' : 'no';
        }}
        title="A line around the strongest tenth of each map."
      >
        outline top 10&#8239;%
      </Check>
      {marked && (
        <Check
          checked={regions.value === 'yes'}
          change={(on) => {
            regions.value = on ? 'yes' : 'no';
          }}
          title="A line around the box or mask that was given with the probe (regions=)."
        >
          given regions
        </Check>
      )}
      <span class="soft">
        hold <kbd>O</kbd>: input alone
      </span>
    </div>
  );
}

/** Numbers with the colours, always. */
export function HeatLegend({
  map,
  signed,
  most,
  unit,
  heat,
}: {
  map: ColourMapName;
  signed: boolean;
  most: string;
  unit: string;
  heat: Grid;
}) {
  return (
    <span class="legend">
      {signed ? `−${most}` : '0'}
      <span class="legend-bar" style={{ background: gradient(map) }} />
      {most}
      <span>{unit}</span>
      {!heat.values.every(Number.isFinite) && (
        <>
          <span class="swatch not-a-number" />
          not a number
        </>
      )}
    </span>
  );
}
