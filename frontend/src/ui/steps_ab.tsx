// SPDX-License-Identifier: Apache-2.0
// Two steps beside the one shown, A and B: in the ridges and tables of a layer, in the films, in Compare.
import { formatStep } from '../model/steps';
import { stepA, stepB } from '../state/selection';
import { step } from '../state/store';

/** Which two steps are compared: in the ridges, and in the table below. */
export function CompareSteps() {
  const [a, b] = [stepA.value, stepB.value];
  return (
    <div class="ab">
      <button
        type="button"
        class="ab-a"
        title="Take the step shown now as A (key A)"
        onClick={() => {
          stepA.value = step.value;
        }}
      >
        A {a === null ? 'set' : formatStep(a)}
      </button>
      <span aria-hidden="true">⇄</span>
      <button
        type="button"
        class="ab-b"
        title="Take the step shown now as B (key B)"
        onClick={() => {
          stepB.value = step.value;
        }}
      >
        B {b === null ? 'set' : formatStep(b)}
      </button>
      {(a !== null || b !== null) && (
        <button
          type="button"
          class="link"
          onClick={() => {
            stepA.value = null;
            stepB.value = null;
          }}
        >
          clear
        </button>
      )}
    </div>
  );
}
