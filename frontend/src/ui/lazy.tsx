// SPDX-License-Identifier: Apache-2.0
// Views that few people open are files of their own, fetched when somebody does.
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { Failed, Skeleton } from './async';

/** A component whose code is fetched when it is first shown; a skeleton meanwhile, and why it failed. */
export function lazily<P extends object>(what: string, load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const loaded = signal<ComponentType<P> | undefined>(undefined);
  const error = signal('');
  let asked: Promise<void> | undefined;
  const ask = (): void => {
    error.value = '';
    asked = load().then(
      (made) => {
        loaded.value = made;
      },
      (reason: unknown) => {
        error.value = String(reason);
      },
    );
  };
  return function Lazy(props: P) {
    const Component = loaded.value;
    if (Component) return <Component {...props} />;
    if (!asked)
      queueMicrotask(() => {
        if (!asked) ask();
      });
    return error.value ? <Failed what={what} error={error.value} retry={ask} /> : <Skeleton height={480} />;
  };
}
