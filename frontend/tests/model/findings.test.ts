// SPDX-License-Identifier: Apache-2.0
// What the Overview says of findings: the order, what is folded, muted, acknowledged, and the words.
import { describe, expect, it } from 'vitest';
import {
  boardOf,
  fold,
  idleReasons,
  keyOf,
  measured,
  readingOrder,
  ruleSummary,
  sentenceOf,
  whenOf,
  worstFirst,
} from '../../src/model/findings';
import { Finding, RuleState } from '../../src/wire/schema_pb';
import { recordOf } from '../records';

const NONE: ReadonlySet<string> = new Set();

function finding(rule: string, fields: Partial<Finding> = {}): Finding {
  return recordOf(Finding, { rule, severity: 'warning', title: rule, lastStep: 400, threshold: NaN, ...fields });
}

const rule = (name: string, state: string, reason = ''): RuleState =>
  recordOf(RuleState, { rule: name, state, reason });

const dead = finding('dead_layer', {
  severity: 'error',
  layer: 'relu2',
  firstStep: 206,
  value: 1,
  threshold: 0.95,
  statistic: 'share of dead units',
  title: 'relu2 is dead',
});
const vanishing = finding('vanishing', { severity: 'error', layer: 'conv1', firstStep: 210, root: 'dead_layer@relu2' });
const constant = finding('constant', { severity: 'error', firstStep: 320, root: 'vanishing@conv1' });
const large = finding('large', { layer: 'conv2.bias', firstStep: 200 });
const ALL = [large, constant, dead, vanishing];

describe('order', () => {
  it('is worst first, then earliest', () => {
    const found = [
      finding('i', { severity: 'info', firstStep: 1 }),
      finding('e5', { severity: 'error', firstStep: 5 }),
      finding('w'),
      finding('e3', { severity: 'error', firstStep: 3 }),
    ];
    expect(worstFirst(found).map((one) => one.rule)).toEqual(['e3', 'e5', 'w', 'i']);
  });

  it('takes an unknown severity for a remark', () => {
    expect(worstFirst([finding('odd', { severity: 'fatal?' }), finding('w')]).map((one) => one.rule)).toEqual([
      'w',
      'odd',
    ]);
  });
});

describe('folding', () => {
  it('puts consequences of consequences below the one cause', () => {
    expect(fold(ALL).map((one) => [one.key, one.consequences.map(keyOf)])).toEqual([
      ['dead_layer@relu2', ['vanishing@conv1', 'constant']],
      ['large@conv2.bias', []],
    ]);
  });

  it('lets a finding stand whose cause is not there', () => {
    expect(fold([vanishing]).map((one) => one.key)).toEqual(['vanishing@conv1']);
  });

  it('loses nothing where causes go in a circle', () => {
    const [a, b, c] = [finding('a', { root: 'b' }), finding('b', { root: 'a' }), finding('c', { root: 'a' })];
    expect(
      fold([a, b, c])
        .flatMap((one) => [one.finding, ...one.consequences])
        .map((one) => one.rule)
        .sort(),
    ).toEqual(['a', 'b', 'c']);
  });
});

describe('mute and acknowledge', () => {
  it('a muted cause takes its consequences with it, a muted consequence goes alone', () => {
    expect(readingOrder(boardOf(ALL, new Set(['dead_layer@relu2']), NONE)).map(keyOf)).toEqual(['large@conv2.bias']);
    const board = boardOf(ALL, new Set(['constant']), NONE);
    expect(readingOrder(board).map(keyOf)).toEqual(['dead_layer@relu2', 'vanishing@conv1', 'large@conv2.bias']);
    expect(board.muted.map(keyOf)).toEqual(['constant']);
  });

  it('acknowledged ones come last, with what follows from them', () => {
    const board = boardOf(ALL, NONE, new Set(['dead_layer@relu2']));
    expect(board.open.map((one) => one.key)).toEqual(['large@conv2.bias']);
    expect(readingOrder(board).map(keyOf)).toEqual([
      'large@conv2.bias',
      'dead_layer@relu2',
      'vanishing@conv1',
      'constant',
    ]);
  });

  it('keys of another run harm nothing', () => {
    expect(boardOf(ALL, new Set(['gone@x']), new Set(['gone@x'])).open).toHaveLength(2);
  });
});

describe('words', () => {
  const rules = [
    rule('a', 'watching'),
    rule('b', 'watching'),
    rule('c', 'waiting', 'not enough data yet (12 of 50 steps)'),
    rule('d', 'off', 'gradients are not captured'),
  ];

  it('the sentence is of the worst finding that is neither muted nor acknowledged', () => {
    const record = { rules, step: 400 };
    expect(sentenceOf(boardOf(ALL, NONE, NONE), record)).toBe(
      'relu2 is dead since step 206 — share of dead units 100\u202f%',
    );
    expect(sentenceOf(boardOf(ALL, NONE, new Set(['dead_layer@relu2'])), record)).toBe('large since step 200');
  });

  it('says how far nothing was found, and by how many rules', () => {
    const record = { rules, step: 1400 };
    expect(sentenceOf(boardOf([], NONE, NONE), record)).toBe(
      'Nothing found up to step 1\u202f400: 2 rules watching, 1 waiting, 1 off',
    );
    expect(sentenceOf(boardOf([large], new Set(['large@conv2.bias']), NONE), record)).toContain('besides 1 muted');
  });

  it('says that it knows nothing yet where no rule watches', () => {
    const few = [rule('a', 'waiting', 'not enough data yet (12 of 50 steps)')];
    expect(sentenceOf(boardOf([], NONE, NONE), { rules: few, step: 12 })).toBe(
      'Not enough data yet (12 of 50 steps): 1 rule waiting',
    );
  });

  it('a log of an older recorder has only a message', () => {
    expect(
      sentenceOf(boardOf([finding('r', { title: '', message: 'm happened.' })], NONE, NONE), { rules: [], step: 9 }),
    ).toBe('m happened');
  });

  it('a finding that is over says until when', () => {
    expect(whenOf({ firstStep: 206, lastStep: 390 }, 400)).toBe('since step 206');
    expect(whenOf({ firstStep: 10, lastStep: 50 }, 400)).toBe('from step 10 to 50');
    expect(whenOf({ firstStep: 0, lastStep: 0 }, 400)).toBe('at step 0');
    expect(whenOf({ firstStep: 0, lastStep: 0 }, 0)).toBe('since step 0');
  });

  it('shares are percentages, other statistics numbers, and without a limit none is made up', () => {
    expect(measured(dead)).toBe('share of dead units 100\u202f%, limit 95\u202f%');
    expect(measured({ value: 0.8, threshold: 0.3, statistic: 'median update ratio' })).toBe(
      'median update ratio 0.8, limit 0.3',
    );
    expect(measured({ value: 2, threshold: NaN, statistic: 'classes' })).toBe('classes 2');
    expect(measured({ value: 2, threshold: 1, statistic: '' })).toBe('');
  });

  it('rules that do not watch say why, once a reason', () => {
    expect(ruleSummary(rules)).toBe(
      '2 watching · 1 waiting: not enough data yet (12 of 50 steps) · 1 off: gradients are not captured',
    );
    expect(ruleSummary([rule('a', 'off', 'x'), rule('b', 'off', 'x'), rule('c', 'off', 'y')])).toBe(
      '3 off: x (2); y (1)',
    );
    expect(idleReasons(rules).map((one) => one.rules)).toEqual([['c'], ['d']]);
  });
});
