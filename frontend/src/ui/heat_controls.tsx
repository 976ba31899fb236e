// SPDX-License-Identifier: Apache-2.0
// How heat is drawn, in every view that shows any: colours, opacity, scale, pixels, and the legend with its numbers.
import type { ComponentChildren } from 'preact';
import { type ColourMapName, gradient, SIGNED_MAPS, UNSIGNED_MAPS } from '../model/color';
import { colourMap, oneOfParam, opacity, scaleMode } from '../state/selection';
import type { Grid } from '../wire/wire';
import { regions } from './bitmaps';
import { Check, Choice } from './choice';

export const smoothing = oneOfParam('pixels', ['smooth', 'native'] as const, 'smooth');

export const contour = oneOfParam('contour', ['no', 'yes'] as const, 'no');

/** The colour map in force: a signed method always gets one with a neutral middle. */
export function heatMapName(signed: boolean): ColourMapName {
  const maps = signed ? SIGNED_MAPS : UNSIGNED_MAPS;
  return maps.find((name) => name === colourMap.value) ?? maps[0]!;
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
