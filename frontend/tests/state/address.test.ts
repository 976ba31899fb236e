// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from 'vitest';
import { addressValues, chosenRun, filterText, readAddress, scaleMode, wantedStep } from '../../src/state/selection';
import { view } from '../../src/state/shown_view';
import '../../src/views/index';
import { formatHash, parseHash, readState, writeState } from '../../src/wire/host';

beforeEach(() => {
  window.location.hash = '';
  readAddress();
});

test('values with every awkward character survive the address', () => {
  const values = { run: 'a/b=c&d #ü%', view: 'layers' };
  expect(parseHash(formatHash('#xai', values))).toEqual(values);
});

test('other plugins’ keys and the tab’s name stay', () => {
  expect(formatHash('#xai&p.other.x=1&p.xai.view=layers', { step: '5' })).toBe('#xai&p.other.x=1&p.xai.step=5');
});

test('a hash that cannot be decoded is left out, not thrown', () => {
  expect(parseHash('#xai&p.xai.run=%E0%A4%A&p.xai.step=3')).toEqual({ step: '3' });
});

test('nothing is written while another tab is in front', () => {
  window.location.hash = '#scalars';
  writeState({ view: 'layers' });
  expect(window.location.hash).toBe('#scalars');
});

test('choices go to the address and come back; defaults are left out', () => {
  [view.value, wantedStep.value, chosenRun.value, filterText.value] = ['layers', 1200, 'a/xai', 'conv 3'];
  const values = addressValues();
  expect(values).toEqual({ view: 'layers', step: '1200', run: 'a/xai', filter: 'conv 3' });
  writeState(values);
  expect(readState()).toEqual(values);
  [view.value, wantedStep.value, chosenRun.value, filterText.value] = ['overview', null, '', ''];
  readAddress();
  expect([view.value, wantedStep.value, chosenRun.value, filterText.value]).toEqual([
    'layers',
    1200,
    'a/xai',
    'conv 3',
  ]);
});

test('nonsense in the address is the default', () => {
  window.location.hash = '#xai&p.xai.view=nothing&p.xai.step=abc&p.xai.scale=x';
  readAddress();
  expect([view.value, wantedStep.value, scaleMode.value]).toEqual(['overview', null, 'steps']);
});
