// SPDX-License-Identifier: Apache-2.0
// Explanations of inputs that are no picture: tokens as text on a signed background, features as signed bars.
import { type ColourMapName, inkOn, mapSigned, mapUnsigned } from '../../model/color';
import { formatMass } from '../../model/format';
import type { Probe } from '../../wire/schema_pb';
import type { Grid } from '../../wire/wire';

const NAMES: Record<string, string> = { tokens: 'token', series: 'moment', tabular: 'feature' };

/** What input `i` of sample `n` is called. */
export function inputName(probe: Probe | undefined, n: number, i: number): string {
  return probe?.tokens[n]?.tokens[i] ?? probe?.featureNames[i] ?? `${NAMES[probe?.kind ?? ''] ?? 'input'} ${i + 1}`;
}

interface Props {
  n: number;
  map: Grid;
  probe: Probe | undefined;
  most: number;
  signed: boolean;
  colours: ColourMapName;
}

/** Text where the probe holds tokens, bars otherwise. */
export function WordsOrBars(props: Props) {
  return props.probe?.tokens[props.n] || props.probe?.kind === 'tokens' ? <Words {...props} /> : <Bars {...props} />;
}

function Words({ n, map, probe, most, signed, colours }: Props) {
  return (
    <p class="words" role="group" aria-label="Tokens with their values">
      {Array.from(map.values, (value, i) => {
        const colour = signed ? mapSigned(colours, value, most) : mapUnsigned(colours, value, most);
        const words = Number.isFinite(value) ? formatMass(value) : 'not a number';
        return (
          <span
            key={i}
            class="word"
            title={words}
            style={{ background: `rgb(${colour.join(' ')})`, color: inkOn(colour) }}
          >
            {inputName(probe, n, i)}
            <span class="unseen"> {words}</span>
          </span>
        );
      })}
    </p>
  );
}

const BARS = 24;

/** The strongest first; the bar's side is the sign, its length the share of the scale. */
function Bars({ n, map, probe, most, signed, colours }: Props) {
  const order = Array.from(map.values.keys())
    .sort((a, b) => size(map.values[b]!) - size(map.values[a]!))
    .slice(0, BARS);
  return (
    <table class="bars">
      <caption class="soft">
        {map.values.length > BARS
          ? `The ${BARS} strongest of ${map.values.length} inputs`
          : 'All inputs, the strongest first'}
      </caption>
      <tbody>
        {order.map((i) => {
          const value = map.values[i]!;
          const share = most > 0 && Number.isFinite(value) ? Math.min(1, Math.abs(value) / most) : 0;
          const colour = signed
            ? mapSigned(colours, Math.sign(value) * most * 0.75, most)
            : mapUnsigned(colours, most * 0.6, most);
          const left = signed ? (value < 0 ? 50 - 50 * share : 50) : 0;
          return (
            <tr key={i}>
              <th scope="row">{inputName(probe, n, i)}</th>
              <td class="bar-cell">
                <span class="bar-axis" style={{ left: signed ? '50%' : '0' }} />
                <span
                  class="bar"
                  style={{
                    left: `${left}%`,
                    width: `${share * (signed ? 50 : 100)}%`,
                    background: `rgb(${colour.join(' ')})`,
                  }}
                />
              </td>
              <td>{Number.isFinite(value) ? formatMass(value).replace('-', '−') : 'not a number'}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const size = (value: number): number => (Number.isFinite(value) ? Math.abs(value) : -1);
