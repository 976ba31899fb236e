// SPDX-License-Identifier: Apache-2.0
// Rows, trust and exported values: what is shown of several methods, and never more than was measured.
import { describe, expect, it } from 'vitest';
import { heatPixels } from '../../src/draw/heatmap';
import { meanFilm, meanName, rowsOf, samplesByClass } from '../../src/model/maps/rows';
import { badgesOf, isUnstable, trustValue } from '../../src/model/maps/trust';
import { chosenTag, meaningIn, methodsNotCaptured, titleIn } from '../../src/model/methods';
import { csvOf, fileName } from '../../src/ui/files/csv';
import { settledWords } from '../../src/views/explanations/film_view';
import { Attribution, Probe, Signal, Trust } from '../../src/wire/schema_pb';
import { DESCRIPTIONS } from '../descriptions';
import { recordOf } from '../records';

const ONE = 0x3c00;
const record = recordOf(Attribution, {
  version: 1,
  method: 'grad_cam',
  layer: 'c,1',
  shape: [3, 1, 2],
  heat: new Uint8Array(Uint16Array.from([ONE, 0, 0, ONE, 0x7e00, 0]).buffer),
  scale: [2, 4, 1],
  targets: [0, 1, 1],
  scores: [0.9, 0.6, 0.5],
  predictions: [0, 0, 1],
  predictionScores: [0.9, 0.6, 0.5],
  probabilities: true,
});
const probe = recordOf(Probe, { labels: [0, 1, 0], classNames: ['cat', 'dog'] });
const all = { wanted: -1, errorsOnly: false, confidence: 0 };

describe('rows', () => {
  it('are filtered by class, errors and confidence', () => {
    expect(rowsOf(record, probe, all)).toEqual([0, 1, 2]);
    expect(rowsOf(record, probe, { ...all, wanted: 0 })).toEqual([0, 2]);
    expect(rowsOf(record, probe, { ...all, errorsOnly: true })).toEqual([1, 2]);
    expect(rowsOf(record, probe, { ...all, confidence: 0.6 })).toEqual([0, 1]);
  });
  it('of outputs that are no probabilities have no confidence', () =>
    expect(rowsOf({ ...record, probabilities: false }, probe, { ...all, confidence: 0.95 })).toEqual([0, 1, 2]));
  it('come with the most drift first, ties in the probe’s order', () =>
    expect(rowsOf(record, probe, all, (n) => [0, 1, 1][n]!)).toEqual([1, 2, 0]));
  it('of classes are means of their samples, and NaN stays NaN', () => {
    expect([...samplesByClass(record, probe)]).toEqual([
      [0, [0, 2]],
      [1, [1]],
    ]);
    const frames = [{ step: 0, wallTime: 0, record }];
    expect([...meanFilm(frames, [0, 1]).maps[0]!.values]).toEqual([1, 2]);
    expect(meanFilm(frames, [0, 2]).maps[0]!.values[0]).toBeNaN();
    expect(meanFilm(frames, [0, 1])).toBe(meanFilm(frames, [0, 1]));
    expect(meanName(probe, 1, 2)).toBe('mean of 2 × dog');
  });
});

describe('trust', () => {
  const trust = recordOf(Trust, {
    version: 1,
    names: ['deletion', 'stability', 'pointing'],
    values: new Uint8Array(Float32Array.from([0.25, NaN, 0.9, 0.2, 1, 0]).buffer),
    samples: 2,
    missing: ['gap'],
    reasons: ['only of methods that add up'],
  });
  it('has numbers where they were measured', () => {
    expect(trustValue(trust, 'stability', 1)).toBeCloseTo(0.2);
    expect(badgesOf(trust, 0).map((one) => [one.name, one.text])).toEqual([
      ['deletion', '0.25'],
      ['insertion', 'not measured'],
      ['stability', '0.90'],
      ['randomisation', 'not measured'],
      ['gap', 'not measured'],
      ['pointing', '1.00'],
    ]);
  });
  it('says why there is none', () => {
    const why = (n: number, record?: Trust) =>
      Object.fromEntries(badgesOf(record, n).map((one) => [one.name, one.reason]));
    expect(why(1, trust)).toMatchObject({
      deletion: 'not defined for this sample',
      gap: 'only of methods that add up',
      insertion: 'the recorder did not measure it',
    });
    expect(why(0)).toMatchObject({ stability: 'this log holds no trust record of this method and layer' });
  });
  it('calls unstable only what was measured to be', () => {
    expect([isUnstable(trust, 0), isUnstable(trust, 1), isUnstable(trust, 7), isUnstable(undefined, 0)]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
  it('and draws it in few colours', () => {
    const heat = { rows: 1, columns: 256, values: Float32Array.from({ length: 256 }, (_, i) => i) };
    const style = { most: 255, signed: false, map: 'inferno', opacity: 1, smooth: false, contour: false } as const;
    const colours = (levels?: number) =>
      new Set(
        Array.from({ length: 256 }, (_, i) =>
          [...heatPixels(heat, { ...style, levels }, false).slice(i * 4, i * 4 + 3)].join(),
        ),
      ).size;
    expect(colours(4)).toBe(9);
    expect(colours()).toBeGreaterThan(200);
  });
});

describe('methods', () => {
  it('have names and meanings, unknown ones their own', () => {
    const methods = new Map(DESCRIPTIONS.methods.map((one) => [one.name, one]));
    expect(titleIn(methods, 'grad_cam')).toBe('Grad-CAM');
    expect(titleIn(methods, 'my_method')).toBe('my method');
    expect(meaningIn(methods, 'my_method')).toBe('');
    expect(meaningIn(methods, 'grad_cam')).toBe('meaning of grad_cam');
    expect(meaningIn(methods, 'guided_backprop')).toMatch(/^meaning of guided_backprop It .*Adebayo et al. 2018/);
  });
  it('that were not captured say why', () => {
    const signals = [
      ['explanations/ig', 'off'],
      ['explanations/x', 'captured'],
      ['attention', 'off'],
    ].map(([name, state]) => recordOf(Signal, { name: name!, state: state!, reason: 'why', remedy: 'how' }));
    expect(methodsNotCaptured(signals)).toEqual([{ method: 'ig', reason: 'why', remedy: 'how' }]);
  });
  it('Grad-CAM comes first where nobody has chosen', () => {
    const tag = (method: string, layer: string) => ({
      tag: `attribution/${method}/${layer}`,
      kind: 'Attribution',
      method,
      layer,
      signal: '',
      statistic: false,
      steps: [],
      wall_times: [],
    });
    const tags = [tag('grad_cam', 'a'), tag('grad_cam', 'b'), tag('smooth_grad', '')];
    expect(chosenTag(tags, '', '')?.tag).toBe('attribution/grad_cam/b');
    expect(chosenTag(tags, 'smooth_grad', 'a')?.method).toBe('smooth_grad');
  });
});

it('says since when a map is like now', () => {
  expect(settledWords([0.1, 0.95, 1], [0, 500, 1000])).toBe('like now since 500');
  expect(settledWords([0.1, 0.2, 1], [0, 500, 1000])).toBe('not settled');
  expect(settledWords([NaN, NaN], [0, 1])).toBe('not defined');
});

describe('a file of values', () => {
  it('has one line a cell, quotes what needs it and leaves NaN empty', () => {
    const lines = csvOf([{ run: 'r', step: 5, record, samples: [0, 2] }]).split('\r\n');
    expect(lines[0]).toBe(
      'run,method,layer,step,sample,target,score,prediction,prediction_score,total_mass,row,column,value',
    );
    expect(lines[1]).toBe('r,grad_cam,"c,1",5,1,0,0.9,0,0.9,2,0,0,2');
    expect(lines[3]).toBe('r,grad_cam,"c,1",5,3,1,0.5,1,0.5,,0,0,');
    expect(lines.length).toBe(6);
  });
  it('has a name that every file system takes', () =>
    expect(fileName(['a/b', 'grad_cam', '', 3], 'csv')).toBe('a_b_grad_cam_3.csv'));
});
