// SPDX-License-Identifier: Apache-2.0
// What is said of methods: as the log describes them, which were not captured, which tag is shown.
import type { MethodDescription, Tag } from '../wire/api';
import type { Signal } from '../wire/schema_pb';
import { spaced } from './format';

/** The descriptions of a run's methods, by name. */
export type Methods = ReadonlyMap<string, MethodDescription>;

export const FAILS_RANDOMISATION = 'fails the randomisation test (Adebayo et al. 2018)';

/** What a method is called; its name in words where the log does not describe it. */
export const titleIn = (methods: Methods, name: string): string => methods.get(name)?.title || spaced(name);

/** A sentence for hovering; empty where the log does not describe the method. */
export function meaningIn(methods: Methods, name: string): string {
  const { meaning = '', unfaithful = false } = methods.get(name) ?? {};
  return unfaithful
    ? `${meaning} It ${FAILS_RANDOMISATION}: it shows the input’s edges, whatever the network has learnt.`.trim()
    : meaning;
}

const PREFIX = 'explanations/';

/** Methods that were asked for and not captured: name, why, what to do. */
export function methodsNotCaptured(signals: readonly Signal[]): { method: string; reason: string; remedy: string }[] {
  return signals
    .filter((one) => one.state === 'off' && one.name.startsWith(PREFIX))
    .map(({ name, reason, remedy }) => ({ method: name.slice(PREFIX.length), reason, remedy }));
}

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
