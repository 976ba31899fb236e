// SPDX-License-Identifier: Apache-2.0
// More: lines and a table of whatever was written, also where that is little, much, or nothing.
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { wantedStep } from '../../src/state/selection';
import { KindPanel, MOST_LINES } from '../../src/views/more/kind_panel';
import type { Numbers } from '../../src/wire/schema_pb';
import { DESCRIPTIONS } from '../descriptions';
import { numbers } from '../helpers';

interface Chart {
  label: string;
  steps: number[];
  lines: { name: string }[];
  log: boolean;
  step: number;
}
const charts: Chart[] = [];

vi.mock('../../src/ui/line_chart', async (original) => ({
  ...(await original<object>()),
  LineChart: (props: Chart) => {
    charts.push(props);
    return null;
  },
}));

const kind = DESCRIPTIONS.kinds[0]!;
let root: HTMLElement;

beforeEach(() => {
  root = document.createElement('div');
  charts.length = 0;
  wantedStep.value = 0;
});
afterEach(() => render(null, root));

function show(records: Record<number, Numbers>): Promise<void> {
  const tables = Object.entries(records).map(([step, record]) => ({ step: Number(step), wallTime: 0, record }));
  return act(() => render(<KindPanel kind={kind} tables={tables} />, root));
}

const cells = (): string[] => [...root.querySelectorAll('tbody td')].map((one) => one.textContent!);

test('the table is of the step shown, its values written by the kind’s scale, NaN as none', async () => {
  await show({ 0: numbers({ a: [1, 2e-7] }, ['x', 'y']), 10: numbers({ a: [3, NaN] }, ['x', 'y']) });
  expect(cells()).toEqual(['1', '2.0·10⁻⁷']);
  await act(() => {
    wantedStep.value = 14;
  });
  expect(cells()).toEqual(['3', '–']);
  expect(root.textContent).toContain('showing 10 for 14');
  expect(charts.at(-1)).toMatchObject({ steps: [0, 10], step: 14 });
});

test('one line a row of the chosen column', async () => {
  await show({ 0: numbers({ a: [1, 5], b: [2, NaN] }, ['x', 'y']) });
  expect(charts.at(-1)!.lines.map((one) => one.name)).toEqual(['a', 'b']);
  const select = root.querySelector('select')!;
  await act(() => {
    select.value = 'y';
    select.dispatchEvent(new Event('change', { bubbles: true }));
  });
  expect(charts.at(-1)!.lines.map((one) => one.name)).toEqual(['a']);
  expect(charts.at(-1)!.label).toContain('y, over 1 step. At step 0: a 5');
});

test('one row of one column has no choice, and its line', async () => {
  await show({ 0: numbers({ only: [1] }, ['x']), 5: numbers({ only: [100] }, ['x']) });
  expect(root.querySelector('select')).toBeNull();
  expect(charts.at(-1)).toMatchObject({ log: true, steps: [0, 5] });
  expect(root.textContent).toContain('x, one line a row · log axis');
});

test('of 200 rows a dozen are drawn, which is said, and the table has all', async () => {
  const rows = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`r${i}`, [i]]));
  await show({ 0: numbers(rows, ['x']) });
  expect(charts.at(-1)!.lines).toHaveLength(MOST_LINES);
  expect(root.textContent).toContain('the 12 rows that reach furthest from 0, of 200: the table has all of them');
  expect(cells()).toHaveLength(200);
});

test('nothing written, an empty table, and no number at all are said', async () => {
  await show({});
  expect(root.textContent).toBe('Nothing has been written yet.');
  await show({ 0: numbers({}, []) });
  expect(root.textContent).toContain('No value of this signal is a number at any step.');
  expect(root.textContent).toContain('The table that was written at this step is empty.');
  await show({ 0: numbers({ a: [NaN], b: [NaN] }, ['x']) });
  expect(root.textContent).toContain('No value of x is a number at any step.');
  expect(cells()).toEqual(['–', '–']);
  expect(charts).toHaveLength(0);
});
