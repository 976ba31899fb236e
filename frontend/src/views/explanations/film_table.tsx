// SPDX-License-Identifier: Apache-2.0
// The samples as a table, for people who do not use the pictures.
import { formatMass } from '../../model/format';
import { sampleFilm, sampleState, strongestPlace } from '../../model/maps/explain';
import { formatStep } from '../../model/steps';
import { sample } from '../../state/selection';
import type { FilmView } from './film_view';

const HEADINGS = ['sample', 'true', 'prediction', 'explains', 'wrong', 'total mass', 'where'];

export function FilmTable({ samples, view }: { samples: readonly number[]; view: FilmView }) {
  const { step: shown, record } = view.frames[view.current]!;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Explanations as a table">
      <table>
        <caption class="soft">Step {formatStep(shown)}</caption>
        <thead>
          <tr>
            {HEADINGS.map((one) => (
              <th key={one} scope="col">
                {one}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {samples.map((n) => {
            const state = sampleState(record, view.probe, n);
            const film = sampleFilm(view.frames, n);
            const cells = [
              state.label || '–',
              state.prediction,
              state.explains,
              state.wrong ? 'wrong' : '',
              formatMass(film.mass[view.current]!),
              strongestPlace(film.maps[view.current]!),
            ];
            return (
              <tr key={n}>
                <td>
                  <button
                    type="button"
                    class="link"
                    onClick={() => {
                      sample.value = n;
                    }}
                  >
                    {n + 1}
                  </button>
                </td>
                {cells.map((text, i) => (
                  <td key={HEADINGS[i + 1]}>{text}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
