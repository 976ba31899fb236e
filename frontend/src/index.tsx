// SPDX-License-Identifier: Apache-2.0
// The module that TensorBoard imports into our frame; it calls `render()` once.
import { render as mount } from 'preact';
import { setHome } from './api';
import { startClock } from './clock';
import { listenToKeys } from './keys';
import { mirrorAddress } from './selection';
import { addStyle } from './styles';
import base from './styles/base.css?inline';
import { followTheme } from './theme';
import { App } from './views/app';

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
