// SPDX-License-Identifier: Apache-2.0
// Signals that are not ours: what a user's own signal wrote, as lines over the steps and as a table at one of them.
import { descriptions, kindOf } from '../../state/descriptions';
import { loadNumbers, numbersTags, run } from '../../state/store';
import { Async, Empty } from '../../ui/async';
import { addStyle } from '../../ui/styles/styles';
import { KindPanel } from './kind_panel';
import css from './more.css?inline';

addStyle(css);

export function More() {
  const tags = inOrder(numbersTags.value);
  if (tags.length === 0) {
    return (
      <Empty title="This run holds no signals but ours.">
        <p>A signal of your own, given to the recorder, is shown here as soon as it has written something.</p>
      </Empty>
    );
  }
  return (
    <div class="more">
      {tags.map((tag) => {
        const kind = kindOf(tag.signal);
        return (
          <section key={tag.tag} class="kind" aria-label={kind.title}>
            <h2 title={kind.meaning}>
              {kind.title}
              {kind.unit && <span class="soft small"> in {kind.unit}</span>}
            </h2>
            {kind.meaning && <p class="soft small">{kind.meaning}</p>}
            <Async resource={loadNumbers(run.value, tag.tag)} what={kind.title} height={240}>
              {(tables) => <KindPanel kind={kind} tables={tables} />}
            </Async>
          </section>
        );
      })}
    </div>
  );
}

/** As the log describes them; those that it does not describe last. */
function inOrder<T extends { signal: string }>(tags: readonly T[]): T[] {
  const names = descriptions.value.kinds.map((one) => one.name);
  const place = (tag: T): number => (names.includes(tag.signal) ? names.indexOf(tag.signal) : names.length);
  return [...tags].sort((a, b) => place(a) - place(b));
}
