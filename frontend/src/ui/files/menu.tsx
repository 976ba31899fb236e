// SPDX-License-Identifier: Apache-2.0
// Export of what is on screen; the code that draws files is fetched when somebody asks for one.
import { useState } from 'preact/hooks';

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
