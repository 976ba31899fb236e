// SPDX-License-Identifier: Apache-2.0
// The theme in force: TensorBoard's, as a signal for canvases and as variables for the style sheet.
import { signal } from '@preact/signals';
import { DARK, LIGHT, styleVariables, type Theme } from '../../draw/theme';
import { onTheme } from '../../wire/host';

export const theme = signal<Theme>(LIGHT);

export function followTheme(): () => void {
  return onTheme((dark) => {
    theme.value = dark ? DARK : LIGHT;
    const root = document.documentElement;
    root.style.colorScheme = dark ? 'dark' : 'light';
    for (const [name, value] of styleVariables(theme.value)) root.style.setProperty(name, value);
  });
}
