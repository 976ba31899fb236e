// SPDX-License-Identifier: Apache-2.0
// What the drawer shows of a finding: which steps, which weights, which explanations, when units died.
import { describe, expect, it } from 'vitest';
import { drawDeaths } from '../../src/draw/deaths';
import { fireAt, placeFires } from '../../src/draw/fires';
import { LIGHT } from '../../src/draw/theme';
import { unitAt } from '../../src/draw/unit_map';
import { ALIVE, byDeath, deadCounts, deathColumns, deathSentence, deathWords, mostDied } from '../../src/model/deaths';
import { stepScale } from '../../src/model/steps';
import { explainedFrom, layerOf, onsetSteps, rateName, weightsOf, windowAround } from '../../src/state/drawer';
import { toggled } from '../../src/state/selection';
import { firesOf } from '../../src/ui/layer_strip';
import { spread } from '../../src/ui/line_chart';
import { linesOf } from '../../src/views/layers/lines';
import type { Units } from '../../src/wire/api';
import { Finding, Layer, Parameter } from '../../src/wire/schema_pb';
import { recordingContext, seriesOf } from '../helpers';
import { recordOf } from '../records';

const STEPS = Array.from({ length: 41 }, (_, i) => i * 10);
const layers = ['conv1', 'relu1', 'conv2', 'relu2', 'conv3'].map((name) => recordOf(Layer, { name }));
const parameters = ['conv1', 'conv2', 'conv3'].flatMap((layer) => [
  recordOf(Parameter, { name: `${layer}.weight`, layer, shape: [4, 4] }),
  recordOf(Parameter, { name: `${layer}.bias`, layer, shape: [4] }),
]);

describe('the steps of an onset', () => {
  it('B is the first logged step from the onset on, A lies before it', () => {
    expect(onsetSteps(STEPS, 206)).toEqual([180, 210]);
    expect(onsetSteps(STEPS, 210)).toEqual([180, 210]);
  });

  it('there is no A at the first step, and a late onset is shown at the last one', () => {
    expect(onsetSteps(STEPS, 0)).toEqual([null, 0]);
    expect(onsetSteps(STEPS, 10)).toEqual([0, 10]);
    expect(onsetSteps(STEPS, 999)).toEqual([370, 400]);
    expect(onsetSteps([], 7)).toEqual([null, 7]);
  });

  it('the window of the lines stays within the log', () => {
    expect(windowAround(STEPS, 206, 12)).toEqual([80, 320]);
    expect(windowAround(STEPS, 5, 3)).toEqual([0, 30]);
    expect(windowAround([], 5)).toEqual([5, 5]);
  });

  it('lines reach both edges of the window', () => {
    const { steps, lines } = linesOf(
      seriesOf({ a: [1, 2, 3, 4, 5], b: [0, 0, 0, 0, 0] }, [0, 10, 20, 30, 40]),
      (name) => name === 'a',
      15,
      25,
    );
    expect(steps).toEqual([10, 20, 30]);
    expect(lines.map((line) => Array.from(line.values))).toEqual([[2, 3, 4]]);
    expect(spread(lines)).toBe(2);
  });
});

describe('what belongs to a layer', () => {
  it('a layer without weights is moved by those of the nearest layer before it', () => {
    expect(weightsOf('relu2', { layers, parameters }).map((one) => one.name)).toEqual(['conv2.weight']);
    expect(weightsOf('conv2', { layers, parameters }).map((one) => one.name)).toEqual(['conv2.weight']);
    expect(weightsOf('unknown', { layers, parameters })).toEqual([]);
  });

  it('explanations are its own or those of the next layer that has any', () => {
    expect(explainedFrom('relu2', layers, new Set(['conv1', 'conv3']))).toBe('conv3');
    expect(explainedFrom('conv1', layers, new Set(['conv1', 'conv3']))).toBe('conv1');
    expect(explainedFrom('relu2', layers, new Set(['conv1']))).toBeUndefined();
    expect(explainedFrom('unknown', layers, new Set(['conv1']))).toBeUndefined();
  });

  it('a parameter’s finding is its layer’s, and groups have learning rates of their own', () => {
    expect(layerOf('conv2.bias', parameters)).toBe('conv2');
    expect([rateName(0), rateName(2)]).toEqual(['learning_rate', 'learning_rate/2']);
  });
});

describe('marks on the strip', () => {
  const at = (layer: string, firstStep: number): Finding =>
    recordOf(Finding, { rule: 'r', layer, firstStep, severity: 'error' });

  it('stand on the row of the layer, or of the parameter where rows are parameters; the whole network has none', () => {
    const found = [at('relu2', 200), at('conv2.bias', 100), at('', 5), at('gone', 5)];
    expect(firesOf(found, ['conv1', 'conv2', 'relu2'], parameters).map((one) => [one.key, one.row])).toEqual([
      ['r@relu2', 2],
      ['r@conv2.bias', 1],
    ]);
    expect(firesOf([at('conv2.bias', 1)], ['conv2.weight', 'conv2.bias'], parameters)[0]!.row).toBe(1);
  });

  it('are found under the pointer, do not cover one another, and stay inside', () => {
    const fires = [0, 0, 100].map((step, i) => ({ key: `k${i}`, row: 0, step, severity: 'error' as const }));
    const data = { fires, scale: stepScale(0, 100, 'linear'), rowHeight: 20 };
    const placed = placeFires(data, 200);
    expect(placed[1]!.x - placed[0]!.x).toBeGreaterThanOrEqual(10);
    expect(placed.every((one) => one.x > 4 && one.x < 196)).toBe(true);
    expect(fireAt(data, 200, placed[1]!.x, 10)?.key).toBe('k1');
    expect(fireAt(data, 200, 100, 10)).toBeUndefined();
  });
});

describe('deaths of units', () => {
  // Four units at steps 0, 10, 20, 30: never alive, dies at 20, revives at 20 and dies at 30, alive.
  const live = [
    [0, 1, 0, 1],
    [0, 1, 0, 1],
    [0, 0, 0.5, 1],
    [0, 0, 0, 1],
  ].flat();
  const units: Units = {
    layer: 'l',
    units: 4,
    live: Float32Array.from(live),
    firstSteps: [0, 10, 20, 30],
    lastSteps: [0, 10, 20, 30],
    kept: 4,
    source: 'probe',
    numSamples: [8, 8, 8, 8],
  };

  it('are the first column since which a unit is never active', () => {
    expect([...deathColumns(units, 3)]).toEqual([0, 2, 3, ALIVE]);
    expect([...deathColumns(units, 1)]).toEqual([0, ALIVE, 0, ALIVE]);
  });

  it('a step without a count in between neither kills nor revives', () => {
    const gap = { units: 1, live: Float32Array.from([1, 0, NaN, 0]) };
    expect([...deathColumns(gap, 3)]).toEqual([1]);
    expect([...deathColumns(gap, 2)]).toEqual([ALIVE]);
  });

  it('in words, for one unit and for most', () => {
    expect(deathWords(units, 2)).toBe('died between steps 10 and 20');
    expect(deathWords(units, 0)).toContain('since the first logged step');
    expect(deathWords(units, ALIVE)).toBe('alive');
    expect(deathSentence(units, 3, [0, 2, 2, 2])).toBe(
      '4 of 4 units dead at step 30; most died between steps 10 and 20',
    );
    expect(deathSentence(units, 3, [ALIVE, 2, 2, ALIVE])).toBe(
      '2 of 4 units dead at step 30; all died between steps 10 and 20',
    );
    expect(deathSentence(units, 3, [0, 0, ALIVE, ALIVE])).toBe('2 of 4 units dead at step 30; all never seen alive');
    expect(deathSentence(units, 3, [ALIVE, ALIVE, ALIVE, ALIVE])).toBe('0 of 4 units dead at step 30');
  });

  it('most is the shortest run of columns with more than half of them', () => {
    expect(mostDied([0, 5, 6, 6, 30])).toEqual({ first: 5, last: 6, count: 3 });
    expect(mostDied([ALIVE])).toBeNull();
  });

  it('the timeline grows with each death and is in the order of deaths', () => {
    expect(deadCounts([0, 2, 3, ALIVE], 4)).toEqual([1, 1, 2, 3]);
    expect(byDeath([3, ALIVE, 0, 3])).toEqual([2, 0, 3, 1]);
    const { context, calls } = recordingContext();
    drawDeaths(
      context,
      { dead: [0, 1, 2, 4], units: 4, firstSteps: units.firstSteps, scale: stepScale(0, 40, 'linear'), marks: [] },
      { width: 40, height: 54 },
      LIGHT,
    );
    const bars = calls.filter((one) => one.name === 'fillRect' && one.fill === LIGHT.error).map((one) => one.args);
    expect(bars).toEqual([
      [10, 30, 10, 10],
      [20, 20, 10, 20],
      [30, 0, 10, 40],
    ]);
  });

  it('a unit is found under the pointer', () => {
    expect(unitAt(15, 15, 28, 14, 4)).toBe(3);
    expect(unitAt(15, 29, 28, 14, 4)).toBe(-1);
    expect(unitAt(29, 1, 28, 14, 4)).toBe(-1);
  });
});

it('a key is put in and taken out, and an empty set is the default again', () => {
  const empty = toggled(new Set(['a']), 'a');
  expect(toggled(toggled(empty, 'r@l'), 'r@l')).toBe(empty);
  expect([...toggled(empty, 'r@l')]).toEqual(['r@l']);
});
