// SPDX-License-Identifier: Apache-2.0
// The button that shows the numbers behind a picture.
import type { Signal } from '@preact/signals';

export function TableToggle({ on }: { on: Signal<boolean> }) {
  return (
    <button
      type="button"
      class="toggle"
      aria-pressed={on.value}
      onClick={() => {
        on.value = !on.value;
      }}
    >
      View as table
    </button>
  );
}
