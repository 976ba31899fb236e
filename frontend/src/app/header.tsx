// SPDX-License-Identifier: Apache-2.0
// The header all views share: which run, which view, and where to get help.
import { useState } from 'preact/hooks';
import { closeDrawer } from '../state/drawer';
import { addressValues, chosenRun } from '../state/selection';
import { view } from '../state/shown_view';
import { run, runs } from '../state/store';
import { runColour } from '../ui/runs';
import { isOffered, VIEWS } from '../views/index';
import { shareUrl, writeState } from '../wire/host';
import { copyText } from './copy';
import { helpOpen } from './keys';
import { Scrubber } from './scrubber';

export function Header() {
  return (
    <header class="header">
      <div class="header-row">
        <RunPicker />
        <nav class="tabs" aria-label="Views">
          {VIEWS.map(
            (row, i) =>
              isOffered(row) && (
                <button
                  key={row.id}
                  type="button"
                  class="tab"
                  aria-current={view.value === row.id ? 'page' : undefined}
                  title={`${row.title} (key ${i + 1})`}
                  onClick={() => {
                    view.value = row.id;
                  }}
                >
                  {row.title}
                </button>
              ),
          )}
        </nav>
        <span class="spring" />
        <Share />
        <button
          type="button"
          class="icon"
          aria-label="Keys and help"
          title="Keys and help (?)"
          onClick={() => {
            helpOpen.value = true;
          }}
        >
          ?
        </button>
      </div>
      {run.value && <Scrubber />}
    </header>
  );
}

function RunPicker() {
  const known = runs.loaded.value.value?.runs ?? [];
  if (known.length === 0) return <span class="run-picker soft">no runs</span>;
  return (
    <label class="run-picker">
      <span class="swatch" style={{ background: runColour(run.value) }} aria-hidden="true" />
      <span class="unseen">Run</span>
      <select
        value={run.value}
        onChange={(event) => {
          closeDrawer();
          chosenRun.value = event.currentTarget.value;
        }}
      >
        {known.map((one) => (
          <option key={one.run} value={one.run}>
            {one.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Share() {
  const [told, tell] = useState('');
  const share = async (): Promise<void> => {
    writeState(addressValues());
    tell((await copyText(shareUrl())) ? 'Link copied' : 'Copy the address above');
    window.setTimeout(() => tell(''), 2500);
  };
  return (
    <>
      <span class="soft" role="status">
        {told}
      </span>
      <button type="button" onClick={() => void share()} title="Copy a link that opens exactly this view">
        Share
      </button>
    </>
  );
}
