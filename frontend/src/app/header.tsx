// SPDX-License-Identifier: Apache-2.0
// The header all views share: which run, which view, and where to get help.
import { useState } from 'preact/hooks';
import { closeDrawer } from '../state/drawer';
import { shareUrl, writeState } from '../wire/host';
import { addressValues, chosenRun, view, VIEWS, type View } from '../state/selection';
import { run, runs } from '../state/store';
import { helpOpen } from './keys';
import { Scrubber } from './scrubber';

const NAMES: Record<View, string> = {
  overview: 'Overview',
  explanations: 'Explanations',
  layers: 'Layers',
  attention: 'Attention',
  compare: 'Compare',
};

/** A run keeps one colour as long as the list does: a mark to tell runs apart, never the only sign. */
const RUN_COLOURS = ['#0072b2', '#e69f00', '#cc79a7', '#56b4e9', '#d55e00', '#009e73', '#8a6fd1', '#a0a0a0'];

export function runColour(name: string): string {
  const names = (runs.loaded.value.value?.runs ?? []).map((one) => one.run).sort();
  return RUN_COLOURS[Math.max(0, names.indexOf(name)) % RUN_COLOURS.length]!;
}

export function Header() {
  return (
    <header class="header">
      <div class="header-row">
        <RunPicker />
        <nav class="tabs" aria-label="Views">
          {VIEWS.map((name, i) => (
            <button
              key={name}
              type="button"
              class="tab"
              aria-current={view.value === name ? 'page' : undefined}
              title={`${NAMES[name]} (key ${i + 1})`}
              onClick={() => {
                view.value = name;
              }}
            >
              {NAMES[name]}
            </button>
          ))}
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

/** Copy, also where the page was not served over https and has no clipboard. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
