// SPDX-License-Identifier: Apache-2.0
// Export of what is on screen; the code that draws files is fetched when somebody asks for one.
import { useState } from 'preact/hooks';
import type { FilmView } from '../../views/explanations/film_row';

const KINDS = { png: 'PNG', csv: 'CSV', gif: 'GIF' } as const;
export type ExportKind = keyof typeof KINDS;

/** Buttons that write files; what went wrong is said beside them. */
export function ExportButtons({ what, write }: { what: string; write: (kind: ExportKind) => Promise<void> }) {
  const [told, tell] = useState('');
  const go = (kind: ExportKind): void => {
    tell('writing …');
    write(kind).then(
      () => tell(''),
      (reason: unknown) => tell(`no file was written: ${reason instanceof Error ? reason.message : String(reason)}`),
    );
  };
  return (
    <span class="segments" role="group" aria-label={`Export ${what}`}>
      {(Object.keys(KINDS) as ExportKind[]).map((kind) => (
        <button key={kind} type="button" title={`Save ${what} as ${KINDS[kind]}`} onClick={() => go(kind)}>
          {KINDS[kind]}
        </button>
      ))}
      <span class="export-told soft" role="status">
        {told}
      </span>
    </span>
  );
}

/** The chosen sample's films with step, scale and legend; CSV holds the values of its maps and scores. */
export function Export({ views, n }: { views: readonly FilmView[]; n: number }) {
  const row = views[0]!.means ? -1 : n;
  if (row < 0) return null;
  return (
    <ExportButtons
      what={`the films of sample ${n + 1}`}
      write={async (kind) => (await import('../../views/explanations/export')).exportFilm(kind, views, n)}
    />
  );
}
