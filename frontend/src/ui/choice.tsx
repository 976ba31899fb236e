// SPDX-License-Identifier: Apache-2.0
// A labelled list to choose from, and a labelled box to tick.
import type { ComponentChildren } from 'preact';

interface ChoiceProps {
  name: string;
  value: string;
  options: readonly (readonly [string, string])[];
  change: (value: string) => void;
  title?: string;
}

export function Choice({ name, value, options, change, title }: ChoiceProps) {
  return (
    <label class="choice" title={title}>
      <span>{name}</span>
      <select value={value} onChange={(event) => change(event.currentTarget.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Check({
  checked,
  change,
  children,
  title,
}: {
  checked: boolean;
  change: (on: boolean) => void;
  children: ComponentChildren;
  title?: string;
}) {
  return (
    <label class="check" title={title}>
      <input type="checkbox" checked={checked} onChange={(event) => change(event.currentTarget.checked)} />
      {children}
    </label>
  );
}
