// SPDX-License-Identifier: Apache-2.0
// Puts style sheets into the page as <style> elements: TensorBoard imports our script only, no links.
import controls from './controls.css?inline';

const added = new Set<string>();

/** Add a style sheet once. */
export function addStyle(css: string): void {
  if (added.has(css)) return;
  added.add(css);
  const element = document.createElement('style');
  element.textContent = css;
  document.head.append(element);
}

addStyle(controls); // before those of the views, which may say otherwise
