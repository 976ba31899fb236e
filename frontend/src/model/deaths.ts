// SPDX-License-Identifier: Apache-2.0
// When each unit of a layer died, from how often it was active. Arithmetic on arrays, no state.
import type { Units } from '../wire/api';
import { formatStep } from './steps';

/** Instead of a column of death: the unit is active. */
export const ALIVE = -1;
/** The column of death of a unit that was never seen alive. */
export const NEVER_ALIVE = 0;

/** For each unit the first column of the run without activity that holds at `column`; ALIVE where it is active there. */
export function deathColumns({ live, units }: Pick<Units, 'live' | 'units'>, column: number): Int32Array {
  return Int32Array.from({ length: units }, (_, unit) => {
    if (live[column * units + unit] !== 0) return ALIVE;
    let first = column;
    for (let at = column - 1; at >= 0; at--) {
      const share = live[at * units + unit]!;
      if (share > 0) break;
      if (share === 0) first = at;
    }
    return first;
  });
}

/** The steps between which a unit that is dead since `column` died: the last step it was alive at, and the first it was not. */
export function deathSpan(
  { firstSteps, lastSteps }: Pick<Units, 'firstSteps' | 'lastSteps'>,
  column: number,
): [number, number] {
  return [column === NEVER_ALIVE ? firstSteps[0]! : lastSteps[column - 1]!, firstSteps[column]!];
}

/** "died between steps 200 and 210", "inactive from the first logged step", "alive" */
export function deathWords(units: Pick<Units, 'firstSteps' | 'lastSteps'>, column: number): string {
  if (column === ALIVE) return 'alive';
  if (column === NEVER_ALIVE) return `inactive since the first logged step, ${formatStep(units.firstSteps[0]!)}`;
  const [alive, dead] = deathSpan(units, column);
  return `died between steps ${formatStep(alive)} and ${formatStep(dead)}`;
}

/** The shortest run of columns in which more than half of the deaths fall; null without deaths. */
export function mostDied(columns: ArrayLike<number>): { first: number; last: number; count: number } | null {
  const dead = Array.from(columns)
    .filter((column) => column !== ALIVE)
    .sort((a, b) => a - b);
  if (dead.length === 0) return null;
  const half = dead.length >> 1;
  let best = { first: dead[0]!, last: dead[half]! };
  for (let i = 1; i + half < dead.length; i++) {
    if (dead[i + half]! - dead[i]! < best.last - best.first) best = { first: dead[i]!, last: dead[i + half]! };
  }
  return { ...best, count: dead.filter((column) => best.first <= column && column <= best.last).length };
}

/** "112 of 128 units dead at step 210; most died between steps 200 and 210" */
export function deathSentence(units: Units, column: number, columns: ArrayLike<number>): string {
  const dead = Array.from(columns).filter((one) => one !== ALIVE).length;
  const head = `${dead} of ${units.units} units dead at step ${formatStep(units.firstSteps[column]!)}`;
  const most = mostDied(columns);
  if (!most) return head;
  if (most.last === NEVER_ALIVE) return `${head}; ${most.count === dead ? 'all' : 'most'} never seen alive`;
  const [alive] = deathSpan(units, most.first);
  return `${head}; ${most.count === dead ? (dead === 1 ? 'it' : 'all') : 'most'} died between steps ${formatStep(alive)} and ${formatStep(units.firstSteps[most.last]!)}`;
}

/** Units in the order of their deaths, those alive last: rows of the timeline. */
export function byDeath(columns: ArrayLike<number>): number[] {
  const place = (unit: number): number => (columns[unit] === ALIVE ? Infinity : columns[unit]!);
  return Array.from({ length: columns.length }, (_, unit) => unit).sort((a, b) =>
    place(a) === place(b) ? a - b : place(a) - place(b),
  );
}

/** How many of these units are dead from each column on. */
export function deadCounts(columns: ArrayLike<number>, count: number): number[] {
  const deaths = new Array<number>(count).fill(0);
  for (const column of Array.from(columns)) if (column !== ALIVE) deaths[column]!++;
  let sum = 0;
  return deaths.map((one) => (sum += one));
}
