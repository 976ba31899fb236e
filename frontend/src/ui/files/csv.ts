// SPDX-License-Identifier: Apache-2.0
// Maps and scores as comma-separated values, one line a cell: nothing is scaled or rounded.
import { totalMass } from '../../model/maps/grid';
import { type Attribution, sampleHeat } from '../../wire/wire';

const HEADINGS = [
  'run',
  'method',
  'layer',
  'step',
  'sample',
  'target',
  'score',
  'prediction',
  'prediction_score',
  'total_mass',
  'row',
  'column',
  'value',
];

export interface CsvFrame {
  run: string;
  step: number;
  record: Attribution;
  samples: readonly number[];
}

/** RFC 4180: lines end with CRLF, fields with a comma, quote or line break are quoted. */
export function csvOf(frames: readonly CsvFrame[]): string {
  const lines = [HEADINGS.join(',')];
  for (const { run, step, record, samples } of frames) {
    for (const n of samples) {
      const map = sampleHeat(record, n);
      const head = [
        run,
        record.method,
        record.layer,
        step,
        n + 1,
        record.targets[n],
        record.scores[n],
        record.predictions[n],
        record.predictionScores[n],
        totalMass(map),
      ]
        .map(field)
        .join(',');
      map.values.forEach((value, i) =>
        lines.push(`${head},${Math.floor(i / map.columns)},${i % map.columns},${field(value)}`),
      );
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}

function field(value: string | number | undefined): string {
  const text = typeof value === 'number' && !Number.isFinite(value) ? '' : String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** A name that every file system takes. */
export function fileName(parts: readonly (string | number)[], kind: string): string {
  return `${parts
    .map((part) =>
      String(part)
        .replace(/[^\p{L}\p{N}.-]+/gu, '_')
        .replace(/^_+|_+$/g, ''),
    )
    .filter(Boolean)
    .join('_')}.${kind}`;
}
