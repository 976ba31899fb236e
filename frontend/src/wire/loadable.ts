// SPDX-License-Identifier: Apache-2.0
// What a view shows of something loaded from the server: loading, ready, or an error beside the last
// good value. Each thing is loaded once, and again only after new data while somebody looks at it.
import { type ReadonlySignal, signal, type Signal } from '@preact/signals';

export interface Loaded<T> {
  state: 'loading' | 'ready' | 'error';
  /** The last good value; stays while a newer one is loading or has failed. */
  value: T | undefined;
  error: string;
}

/** One loadable thing. `load` is given the last good value, so that it can fetch only what is new. */
export class Resource<T> {
  readonly loaded: ReadonlySignal<Loaded<T>>;
  private readonly own: Signal<Loaded<T>>;
  private watchers = false;
  private stale = true;
  private inFlight: Promise<void> | undefined;

  constructor(private readonly load: (last: T | undefined) => Promise<T>) {
    this.own = signal<Loaded<T>>(
      { state: 'loading', value: undefined, error: '' },
      {
        watched: () => {
          this.watchers = true;
          queueMicrotask(() => void this.want());
        },
        unwatched: () => {
          this.watchers = false;
        },
      },
    );
    this.loaded = this.own;
  }

  /** Load unless what we have is fresh; resolves when the value is as fresh as can be. */
  async want(): Promise<T | undefined> {
    if (this.stale) this.inFlight ??= this.fetch();
    await this.inFlight;
    return this.own.peek().value;
  }

  /** New data may be there: load now if somebody looks, otherwise when somebody does. */
  refresh(): Promise<void> {
    this.stale = true;
    return this.watchers ? this.want().then(() => undefined) : Promise.resolve();
  }

  /** After an error, from the button. */
  retry = (): void => {
    this.own.value = { ...this.own.peek(), state: 'loading', error: '' };
    this.stale = true;
    void this.want();
  };

  private async fetch(): Promise<void> {
    this.stale = false;
    const last = this.own.peek().value;
    try {
      const value = await this.load(last);
      if (value !== last || this.own.peek().state !== 'ready') this.own.value = { state: 'ready', value, error: '' };
    } catch (error) {
      this.own.value = { state: 'error', value: last, error: error instanceof Error ? error.message : String(error) };
    } finally {
      this.inFlight = undefined;
    }
  }
}

/** Resources by key, made on first use. */
export class ResourceMap {
  private readonly all = new Map<string, Resource<unknown>>();

  get<T>(key: readonly (string | number)[], load: (last: T | undefined) => Promise<T>): Resource<T> {
    const name = JSON.stringify(key);
    let found = this.all.get(name) as Resource<T> | undefined;
    if (!found) {
      found = new Resource<T>(load);
      this.all.set(name, found as Resource<unknown>);
    }
    return found;
  }

  refresh(except: readonly Resource<unknown>[] = []): Promise<unknown> {
    return Promise.all([...this.all.values()].filter((one) => !except.includes(one)).map((one) => one.refresh()));
  }
}
