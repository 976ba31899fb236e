// SPDX-License-Identifier: Apache-2.0
// The colours of the tab, once, for style sheet and canvas alike. Text keeps 4.5:1, controls 3:1.

export interface Theme {
  dark: boolean;
  page: string;
  panel: string;
  ink: string;
  soft: string;
  line: string;
  control: string;
  accent: string;
  accentInk: string;
  hover: string;
  error: string;
  warning: string;
  lineA: string;
  lineB: string;
  /** Where a strip has no value. */
  nothing: string;
}

export const LIGHT: Theme = {
  dark: false,
  page: '#ffffff',
  panel: '#f6f7f8',
  ink: '#1d2126',
  soft: '#565e67',
  line: '#dde1e5',
  control: '#858d96',
  accent: '#a94400',
  accentInk: '#ffffff',
  hover: '#eceef0',
  error: '#b3261e',
  warning: '#855400',
  lineA: '#1f6fb4',
  lineB: '#a94400',
  nothing: '#eceef0',
};

export const DARK: Theme = {
  dark: true,
  page: '#212325',
  panel: '#2a2d30',
  ink: '#eceef0',
  soft: '#adb4bb',
  line: '#3c4146',
  control: '#828a92',
  accent: '#ffa25c',
  accentInk: '#1d2126',
  hover: '#363a3e',
  error: '#ff9a90',
  warning: '#f2c063',
  lineA: '#79b8ee',
  lineB: '#ffa25c',
  nothing: '#33373a',
};

/** Theme names as style-sheet variables: `accentInk` is `--accent-ink`. */
export function styleVariables(theme: Theme): [string, string][] {
  return Object.entries(theme)
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    .map(([name, value]) => [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value]);
}
