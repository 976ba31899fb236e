// SPDX-License-Identifier: Apache-2.0
// The module that TensorBoard imports into our frame; it calls `render()` once.
import { render as mount } from 'preact';
import { App } from './app/app';
import { listenToKeys } from './app/keys';
import { startClock } from './state/clock';
import { mirrorAddress } from './state/selection';
import { addStyle } from './ui/styles/styles';
import { followTheme } from './ui/styles/theme';
import { setHome } from './wire/api';
import base from './ui/styles/base.css?inline';

// Not written inline: the bundler would take `new URL('…', import.meta.url)` for a file of its own.
const home = import.meta.url;

/** Show the tab in this document. */
export function render(): void {
  setHome(home);
  document.documentElement.lang = 'en';
  document.title = 'Explain';
  addStyle(base);
  followTheme();
  mirrorAddress();
  listenToKeys();
  startClock();
  const root = document.createElement('div');
  root.className = 'root';
  document.body.append(root);
  mount(<App />, root);
  window.focus();
}
