// SPDX-License-Identifier: Apache-2.0
// The help sheet: all keys and what the words of this tab mean.
import { useEffect, useRef } from 'preact/hooks';
import { GLOSSARY } from '../model/glossary';
import { methodMeaning, methodName, metrics } from '../state/descriptions';
import { attributionTags } from '../state/store';
import { helpOpen, KEYS } from './keys';

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => {
        helpOpen.value = false;
      }}
    >
      <div class="help-head">
        <h2 id="help-title">Keys and words</h2>
        <button
          type="button"
          onClick={() => {
            helpOpen.value = false;
          }}
        >
          Close
        </button>
      </div>
      <dl class="keys">
        {KEYS.map((key) => [
          <dt key={key.shown}>
            <kbd>{key.shown}</kbd>
          </dt>,
          <dd>{key.does}</dd>,
        ])}
      </dl>
      <dl class="glossary">{words().map(([word, meaning]) => [<dt key={word}>{word}</dt>, <dd>{meaning}</dd>])}</dl>
    </dialog>
  );
}

/** Our own words, then the statistics and methods of the run shown, as its log describes them. */
function words(): [string, string][] {
  const used = new Set(attributionTags.value.map((tag) => tag.method));
  return [
    ...Object.entries(GLOSSARY),
    ...metrics.value.map((one): [string, string] => [one.title, one.meaning]),
    ...[...used].map((one): [string, string] => [methodName(one), methodMeaning(one)]),
  ];
}
