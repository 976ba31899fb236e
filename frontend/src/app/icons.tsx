// SPDX-License-Identifier: Apache-2.0
// The scrubber's few signs as drawings: fonts do not all have them.
const PATHS = {
  first: 'M3 3h2v10H3zM13 3v10L6 8z',
  play: 'M4 3l9 5-9 5z',
  stop: 'M4 3h3v10H4zM9 3h3v10H9z',
  newest: 'M11 3h2v10h-2zM3 3v10l7-5z',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
