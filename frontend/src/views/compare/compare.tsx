// SPDX-License-Identifier: Apache-2.0
// Which run or step differs: the same method, layer and samples side by side, on one scale.
import { useMemo } from 'preact/hooks';
import { commonTags, sameProbe, sampleCountOf, type Side } from '../../model/maps/compare';
import { chosenTag } from '../../model/methods';
import { nearestIndex } from '../../model/steps';
import { methodName } from '../../state/descriptions';
import { compareMode, compareUnit, layer, method, sample, stepA, stepB, versus } from '../../state/selection';
import {
  attributionTags,
  catalog,
  compared,
  loadAttributions,
  probe,
  run,
  runs,
  snapshotSteps,
  step,
  tagsOf,
} from '../../state/store';
import { Empty, Failed, Missing, Skeleton } from '../../ui/async';
import { ExportButtons } from '../../ui/files/menu';
import { runColour } from '../../ui/runs';
import { addStyle } from '../../ui/styles/styles';
import type { Tag } from '../../wire/api';
import { CompareControls, RunChips } from './controls';
import { CompareGrid } from './grid';
import { CompareLarge } from './large';
import css from './compare.css?inline';

addStyle(css);

const LETTERS = 'ABCD';

export function Compare() {
  if (attributionTags.value.length === 0)
    return (
      <>
        <RunChips />
        <Missing signal="explanations" />
      </>
    );
  const others = compared.value.slice(1);
  if (versus.value === 'runs' && others.length === 0) return <OnlyRun />;
  const waiting = others.some(
    (one) => catalog(one).loaded.value.value === undefined && catalog(one).loaded.value.state === 'loading',
  );
  if (waiting) return <Skeleton height={480} />;
  const tags = sharedTags(others);
  const tag = chosenTag(tags, method.value, layer.value);
  if (!tag)
    return (
      <>
        <RunChips />
        <NothingShared others={others} />
      </>
    );
  return <Loaded tag={tag} tags={tags} of={compared.value.filter((one) => holds(one, tag))} />;
}

const attributionsOf = (of: string): Tag[] => tagsOf(of).filter((tag) => tag.kind === 'Attribution');
const holds = (of: string, tag: Tag): boolean => attributionsOf(of).some((one) => one.tag === tag.tag);
const nameOf = (of: string): string => runs.loaded.value.value?.runs.find((one) => one.run === of)?.name ?? of;

/** What the run shown has in common with all others, else with one of them. */
function sharedTags(others: readonly string[]): Tag[] {
  const own = attributionTags.value;
  const all = commonTags([own, ...others.map(attributionsOf)]);
  return all.length || !others.length ? all : own.filter((tag) => others.some((one) => holds(one, tag)));
}

function OnlyRun() {
  return (
    <Empty title="This log directory holds one run only: there is no other one to compare it with.">
      <p>
        Record a second one below it, or{' '}
        <button
          type="button"
          class="link"
          onClick={() => {
            versus.value = 'steps';
          }}
        >
          compare two steps of this run
        </button>
        .
      </p>
    </Empty>
  );
}

function NothingShared({ others }: { others: readonly string[] }) {
  const said = [run.value, ...others].map((one) => {
    const found = attributionsOf(one).map((tag) => `${methodName(tag.method)} of ${tag.layer || 'the input'}`);
    return `${nameOf(one)}: ${found.length ? found.join(', ') : 'no explanations'}`;
  });
  return (
    <Empty title="These runs have no method at a layer of the same name in common.">
      <p>
        {said.join(' · ')}. Choose another run above, or{' '}
        <button
          type="button"
          class="link"
          onClick={() => {
            versus.value = 'steps';
          }}
        >
          compare two steps of this run
        </button>
        .
      </p>
    </Empty>
  );
}

/** The sides with their frames once these are here. */
function Loaded({ tag, tags, of }: { tag: Tag; tags: readonly Tag[]; of: readonly string[] }) {
  const two = versus.value === 'steps';
  const places = two ? [of[0]!, of[0]!] : of;
  const resources = of.map((one) => loadAttributions(one, tag.tag));
  const loaded = resources.map((one) => one.loaded.value);
  const probes = of.map((one) => probe(one).loaded.value.value?.record);
  const wanted = two
    ? [stepA.value ?? snapshotSteps.value[0] ?? 0, stepB.value ?? step.value]
    : places.map(() => step.value);
  const failed = loaded.findIndex((one) => one.state === 'error');
  const missing = compared.value.filter((one) => !of.includes(one));
  const frames = loaded.map((one) => one.value);
  const sides = useMemo(
    () =>
      frames.every((one) => one?.length)
        ? places.map((one, i): Side => {
            const at = two ? 0 : i;
            const own = frames[at]!;
            const index = nearestIndex(
              own.map((frame) => frame.step),
              wanted[i]!,
            );
            return {
              letter: LETTERS[i]!,
              run: one,
              name: nameOf(one),
              colour: runColour(one),
              frames: own,
              index,
              wanted: wanted[i]!,
              probe: probes[at],
            };
          })
        : null,
    [...frames, ...probes, ...wanted, places.join(' ')],
  );
  return (
    <div class="compare">
      <CompareControls tag={tag} tags={tags} signed={sides?.[0]?.frames[0]?.record.signed ?? false} />
      {failed >= 0 && (
        <Failed
          what={`Explanations of ${nameOf(of[failed]!)}`}
          error={loaded[failed]!.error}
          retry={resources[failed]!.retry}
        />
      )}
      {missing.map((one) => (
        <p key={one} class="compare-missing">
          {nameOf(one)} holds no {methodName(tag.method)} of {tag.layer || 'the input'}: it is left out.
        </p>
      ))}
      {sides ? <Body sides={sides} /> : failed < 0 && <Skeleton height={480} />}
    </div>
  );
}

function Body({ sides }: { sides: readonly Side[] }) {
  const count = sampleCountOf(sides);
  const same = sameProbe(sides);
  const unit = compareUnit.value;
  return (
    <>
      <ProbeWarning same={same} sides={sides} />
      <p class="compare-export">
        <ExportButtons
          what="this comparison"
          write={async (kind) =>
            (await import('./export')).exportCompare(
              kind,
              sides,
              Math.min(Math.max(0, sample.value), count - 1),
              unit,
              same !== false,
            )
          }
        />
      </p>
      {compareMode.value === 'grid' ? (
        <CompareGrid sides={sides} count={count} unit={unit} same={same !== false} />
      ) : (
        <CompareLarge sides={sides} count={count} unit={unit} same={same !== false} />
      )}
    </>
  );
}

function ProbeWarning({ same, sides }: { same: boolean | undefined; sides: readonly Side[] }) {
  if (same === true) return null;
  const counts = new Set(sides.map((side) => side.frames[side.index]!.record.shape[0]));
  return (
    <div class="compare-warning" role="note">
      <strong>
        ▲{' '}
        {same === false
          ? 'The probes differ: these runs were asked about different inputs.'
          : 'These logs do not say which inputs were explained.'}
      </strong>{' '}
      Samples are matched by their place in the probe only; a difference between maps may come from the input, not from
      the run.
      {counts.size > 1 && ` Only the first ${sampleCountOf(sides)} samples exist in all of them.`}
      {same === false && ' Give both runs the same probe to compare them.'}
    </div>
  );
}
