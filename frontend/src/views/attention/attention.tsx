// SPDX-License-Identifier: Apache-2.0
// Which heads matter and whether they collapse: all heads as a grid of numbers, one head in full beside it.
import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { entropyColours } from '../../draw/matrix';
import { gradient } from '../../model/color';
import { GLOSSARY } from '../../model/glossary';
import { headFinding, headGrid, headRow, type HeadRow, spreadWord } from '../../model/heads';
import { formatStep, nearestIndex } from '../../model/steps';
import { sample, textParam } from '../../state/selection';
import { at, attentionTags, loadAttention, probe, run, series, snapshotSteps, step } from '../../state/store';
import { Async, Empty, Missing, Shown } from '../../ui/async';
import { Choice } from '../../ui/choice';
import { ScaleChoice } from '../../ui/heat_controls';
import { LineChart } from '../../ui/line_chart';
import { addStyle } from '../../ui/styles/styles';
import { TableToggle } from '../../ui/table_toggle';
import type { Series } from '../../wire/api';
import { AttentionHead } from './head';
import css from './attention.css?inline';

addStyle(css);

/** LAYER#HEAD, or LAYER#mean; empty: the last layer's mean. */
export const chosenHead = textParam('head');

/** The choice in the address, or the mean of the last layer. Head -1 is the mean. */
export function headChoice(text: string, layers: readonly string[]): { layer: string; head: number } {
  const cut = text.lastIndexOf('#');
  const layer = layers.includes(text.slice(0, cut)) ? text.slice(0, cut) : (layers.at(-1) ?? '');
  const head = Number(text.slice(cut + 1));
  return { layer, head: layer === text.slice(0, cut) && Number.isInteger(head) && head >= 0 ? head : -1 };
}

export function Attention() {
  const tags = attentionTags.value;
  const heads = series(run.value, 'heads', '');
  if (tags.length === 0 && heads.loaded.value.state === 'ready' && !heads.loaded.value.value)
    return <Missing signal="attention" />;
  const { layer, head } = headChoice(
    chosenHead.value,
    tags.map((tag) => tag.layer),
  );
  const tag = tags.find((one) => one.layer === layer);
  return (
    <div class="attention">
      <div class="attention-heads">
        <Async resource={heads} what="Entropy of the heads" height={200}>
          {(found) =>
            found?.names.length ? (
              <HeadGrid found={found} chosen={{ layer, head }} />
            ) : tag ? (
              <GridFromFrames tag={tag.tag} layer={layer} head={head} />
            ) : (
              <Missing signal="attention" />
            )
          }
        </Async>
      </div>
      <div class="attention-head">
        {tag ? (
          <Async resource={loadAttention(run.value, tag.tag)} what={`Attention of ${layer}`} height={420}>
            {(frames) => {
              const shown = nearestIndex(
                frames.map((frame) => frame.step),
                step.value,
              );
              return shown < 0 ? (
                <Missing signal="attention" />
              ) : (
                <>
                  <HeadTools
                    layer={layer}
                    head={head}
                    count={frames[shown]!.record.shape[1] ?? 1}
                    samples={frames[shown]!.record.shape[0] ?? 1}
                    shown={frames[shown]!.step}
                  />
                  <AttentionHead
                    key={tag.tag}
                    frames={frames}
                    frame={frames[shown]!}
                    head={head}
                    probe={probe(run.value).loaded.value.value?.record}
                  />
                </>
              );
            }}
          </Async>
        ) : (
          <Empty title="Only the entropy of the heads was logged, no attention maps." />
        )}
      </div>
    </div>
  );
}

function HeadTools({
  layer,
  head,
  count,
  samples,
  shown,
}: {
  layer: string;
  head: number;
  count: number;
  samples: number;
  shown: number;
}) {
  const name = head < 0 ? 'mean' : String(head);
  const heads: [string, string][] = [
    ['mean', `mean of ${count} heads`],
    ...Array.from({ length: count }, (_, i): [string, string] => [String(i), `head ${i}`]),
  ];
  const chosen = Math.min(samples - 1, Math.max(0, sample.value));
  return (
    <>
      <h2>
        {layer} at step {formatStep(shown)} <Shown wanted={at(snapshotSteps.value) ?? step.value} shown={shown} />
      </h2>
      <div class="controls" role="group" aria-label="What is shown">
        <Choice
          name="layer"
          value={layer}
          options={attentionTags.value.map((tag) => [tag.layer, tag.layer])}
          change={(value) => {
            chosenHead.value = `${value}#${name}`;
          }}
        />
        <Choice
          name="head"
          value={name}
          options={heads}
          change={(value) => {
            chosenHead.value = `${layer}#${value}`;
          }}
        />
        <ScaleChoice />
        <Choice
          name="sample"
          value={String(chosen)}
          options={Array.from({ length: samples }, (_, i) => [String(i), String(i + 1)])}
          change={(value) => {
            sample.value = Number(value);
          }}
        />
      </div>
    </>
  );
}

function GridFromFrames({ tag, layer, head }: { tag: string; layer: string; head: number }) {
  const frames = loadAttention(run.value, tag).loaded.value.value ?? [];
  const frame =
    frames[
      nearestIndex(
        frames.map((one) => one.step),
        step.value,
      )
    ];
  return frame ? <Grid rows={[headRow(layer, frame)]} chosen={{ layer, head }} shown={frame.step} /> : null;
}

interface Chosen {
  layer: string;
  head: number;
}

function HeadGrid({ found, chosen }: { found: Series; chosen: Chosen }) {
  const shown = at(found.firstSteps) ?? 0;
  const rows = useMemo(() => headGrid(found, shown), [found, shown]);
  return (
    <>
      <Grid rows={rows} chosen={chosen} shown={shown} />
      <EntropyLines found={found} layer={chosen.layer || rows.at(-1)!.layer} shown={shown} />
    </>
  );
}

/** A table of buttons: a picture, a table and the choice of a head in one. */
function Grid({ rows, chosen, shown }: { rows: readonly HeadRow[]; chosen: Chosen; shown: number }) {
  const heads = Math.max(...rows.map((row) => row.entropy.length));
  return (
    <section aria-labelledby="heads-title">
      <h1>{headFinding(rows)}</h1>
      <h2 id="heads-title" title={GLOSSARY['attention entropy']}>
        Heads by entropy at step {formatStep(shown)}
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Entropy of every head">
        <table class="heads">
          <thead>
            <tr>
              <th scope="col">layer</th>
              {Array.from({ length: heads }, (_, i) => (
                <th key={i} scope="col">
                  {i}
                </th>
              ))}
              <th scope="col">mean</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <HeadCells key={row.layer} row={row} heads={heads} chosen={chosen} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="legend" title={GLOSSARY['attention entropy']}>
        entropy: 0 one key
        <span class="legend-bar" style={{ background: gradient('cividis') }} />1 all keys alike
      </p>
    </section>
  );
}

function HeadCells({ row, heads, chosen }: { row: HeadRow; heads: number; chosen: Chosen }) {
  const mean = row.entropy.reduce((sum, one) => sum + one, 0) / row.entropy.length;
  return (
    <tr>
      <th scope="row" title={row.layer}>
        {row.layer}
      </th>
      {Array.from({ length: heads }, (_, head) => (
        <td key={head}>
          {row.entropy[head] !== undefined && (
            <HeadButton layer={row.layer} head={head} entropy={row.entropy[head]} chosen={chosen} />
          )}
        </td>
      ))}
      <td>
        <HeadButton layer={row.layer} head={-1} entropy={mean} chosen={chosen} />
      </td>
    </tr>
  );
}

function HeadButton({ layer, head, entropy, chosen }: Chosen & { entropy: number; chosen: Chosen }) {
  const { background, ink } = entropyColours(entropy);
  const name = head < 0 ? 'mean' : String(head);
  const said = Number.isFinite(entropy) ? entropy.toFixed(2) : 'NaN';
  return (
    <button
      type="button"
      class="head-cell"
      style={{ background, color: ink }}
      aria-pressed={chosen.layer === layer && chosen.head === head}
      title={`${layer}, ${head < 0 ? 'mean of the heads' : `head ${head}`}: entropy ${said}, ${spreadWord(entropy)}. Entropy: how spread the attention is.`}
      onClick={() => {
        chosenHead.value = `${layer}#${name}`;
      }}
    >
      {said}
      <span class="unseen">
        {' '}
        {layer} {name}
      </span>
    </button>
  );
}

function EntropyLines({ found, layer, shown }: { found: Series; layer: string; shown: number }) {
  const asTable = useSignal(false);
  const columns = found.firstSteps.length;
  const lines = useMemo(
    () =>
      found.names.flatMap((name, row) =>
        name.startsWith(`${layer}#`)
          ? [
              {
                name: `head ${name.slice(layer.length + 1)}`,
                values: found.mean.subarray(row * columns, (row + 1) * columns),
              },
            ]
          : [],
      ),
    [found, layer, columns],
  );
  return (
    <section aria-label="Entropy over steps">
      <div class="attention-title">
        <h2>Entropy of {layer} over steps</h2>
        <span class="spring" />
        <TableToggle on={asTable} />
      </div>
      {asTable.value ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Entropy over steps as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">step</th>
                {lines.map((line) => (
                  <th key={line.name} scope="col">
                    {line.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {found.firstSteps.map((one, i) => (
                <tr key={one}>
                  <td>{formatStep(one)}</td>
                  {lines.map((line) => (
                    <td key={line.name}>{line.values[i]!.toFixed(2)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <LineChart
          label={`Entropy of ${lines.length} heads of ${layer} over ${columns} steps; at step ${shown}: ${lines.map((line) => line.values[nearestIndex(found.firstSteps, shown)]!.toFixed(2)).join(', ')}.`}
          steps={found.firstSteps}
          lines={lines}
          log={false}
          step={shown}
        />
      )}
    </section>
  );
}
