// SPDX-License-Identifier: Apache-2.0
// Header, the chosen view, and the states in which there is nothing to choose from yet.
import { chosenRun, drawerLayer, shownFinding } from '../state/selection';
import { catalog, run, runs } from '../state/store';
import { Empty, Failed, Skeleton } from '../ui/async';
import { addStyle } from '../ui/styles/styles';
import { shownRow } from '../views/index';
import { Drawer } from '../views/layers/drawer';
import { Header } from './header';
import { Help } from './help';
import { NoData } from './no_data';
import headerCss from './header.css?inline';

addStyle(headerCss);

export function App() {
  return (
    <>
      <Header />
      <div class="below-header">
        <main class="main" id="main">
          <Content />
        </main>
        {run.value && (drawerLayer.value || shownFinding.value) && <Drawer />}
      </div>
      <Help />
    </>
  );
}

function Content() {
  const { state, value, error } = runs.loaded.value;
  if (!value)
    return state === 'error' ? (
      <Failed what="The list of runs" error={error} retry={runs.retry} />
    ) : (
      <Skeleton height={320} />
    );
  if (value.runs.length === 0) return <NoData logdir={value.logdir} />;
  return (
    <>
      {state === 'error' && <Failed what="New data" error={error} retry={runs.retry} />}
      <UnknownRun />
      <Problems />
      <ChosenView />
    </>
  );
}

function ChosenView() {
  const listing = catalog(run.value);
  const { state, value, error } = listing.loaded.value;
  if (!value && state === 'error') return <Failed what={`The run ${run.value}`} error={error} retry={listing.retry} />;
  if (!value) return <Skeleton height={320} />;
  const { component: Chosen } = shownRow();
  return <Chosen key={run.value} />;
}

/** A shared link may name a run that is not in this log directory. */
function UnknownRun() {
  const wanted = chosenRun.value;
  const known = runs.loaded.value.value?.runs ?? [];
  if (!wanted || known.some((one) => one.run === wanted || one.name === wanted)) return null;
  return (
    <Empty title={`There is no run “${wanted}” in this log directory.`}>
      <p>Showing the newest run instead.</p>
    </Empty>
  );
}

/** What the server could not read: newer schemas, torn files. */
function Problems() {
  const problems = catalog(run.value).loaded.value.value?.problems ?? [];
  if (problems.length === 0) return null;
  return (
    <ul class="problems" aria-label="Problems with this log">
      {problems.map((one) => (
        <li key={one}>{one}</li>
      ))}
    </ul>
  );
}
