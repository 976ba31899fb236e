// SPDX-License-Identifier: Apache-2.0
// The Overview's first lines: one sentence, then what the rules found, the worst first.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { type Incident, keyOf, MARK, measured, sentenceOf, severityOf, titleOf, whenOf } from '../../model/findings';
import { board, openFinding, ruled, toggleAcknowledged, toggleMuted } from '../../state/drawer';
import { shownFinding } from '../../state/selection';
import { Definition, Rules } from '../../ui/rules';
import { addStyle } from '../../ui/styles/styles';
import type { Finding, Findings } from '../../wire/schema_pb';
import css from './findings.css?inline';

addStyle(css);

export function FindingsCard({ found }: { found: Findings }) {
  const { open, acknowledged, muted } = board.value;
  return (
    <section aria-label="Findings" class="findings">
      <Sentence found={found} />
      {open.length + acknowledged.length > 0 && (
        <ul class="incidents">
          {open.map((one) => (
            <IncidentItem key={one.key} incident={one} step={found.step} />
          ))}
          {acknowledged.map((one) => (
            <IncidentItem key={one.key} incident={one} step={found.step} acknowledged />
          ))}
        </ul>
      )}
      {muted.length > 0 && <Muted findings={muted} step={found.step} />}
      <Rules rules={found.rules} />
    </section>
  );
}

function Sentence({ found }: { found: Findings }) {
  const first = board.value.open[0] ?? board.value.acknowledged[0];
  const watching = found.rules.some((one) => one.state === 'watching');
  const kind = first ? severityOf(first.finding) : watching ? 'fine' : 'unknown';
  const mark = first ? MARK[severityOf(first.finding)] : watching ? '✓' : '…';
  return (
    <h1 class={`sentence ${kind}`}>
      <span aria-hidden="true">{mark} </span>
      {sentenceOf(board.value, found)}
    </h1>
  );
}

interface ItemProps {
  incident: Incident;
  step: number;
  acknowledged?: boolean;
}

function IncidentItem({ incident, step, acknowledged = false }: ItemProps) {
  const { finding, consequences } = incident;
  return (
    <li class={`incident ${severityOf(finding)}${acknowledged ? ' seen' : ''}`}>
      <FindingLine finding={finding} step={step}>
        <button
          type="button"
          class="toggle"
          aria-pressed={acknowledged}
          title={acknowledged ? 'Not seen after all: back among the open ones' : 'Seen: greyed, at the end of the list'}
          onClick={() => toggleAcknowledged(incident.key)}
        >
          {acknowledged ? 'Acknowledged' : 'Acknowledge'}
        </button>
        <button
          type="button"
          title="Set aside; the link you share keeps it so"
          onClick={() => toggleMuted(incident.key)}
        >
          Mute
        </button>
      </FindingLine>
      {consequences.length > 0 && <Consequences findings={consequences} step={step} />}
    </li>
  );
}

function Consequences({ findings, step }: { findings: readonly Finding[]; step: number }) {
  return (
    <details class="consequences">
      <summary>
        and {findings.length} {findings.length === 1 ? 'consequence' : 'consequences'}
      </summary>
      <ul>
        {findings.map((one) => (
          <li key={keyOf(one)} class={severityOf(one)}>
            <FindingLine finding={one} step={step}>
              <button type="button" onClick={() => toggleMuted(keyOf(one))}>
                Mute
              </button>
            </FindingLine>
          </li>
        ))}
      </ul>
    </details>
  );
}

interface LineProps {
  finding: Finding;
  step: number;
  children: ComponentChildren;
}

/** Mark, title, since when, what was measured; then what can be done with it. */
function FindingLine({ finding, step, children }: LineProps) {
  const open = shownFinding.value === keyOf(finding);
  return (
    <div class={`finding${open ? ' open' : ''}`} data-finding={keyOf(finding)}>
      <span class="finding-mark" role="img" aria-label={severityOf(finding)}>
        {MARK[severityOf(finding)]}
      </span>
      <div class="finding-words" title={finding.message}>
        <p>
          <strong>{titleOf(finding)}</strong> <span class="soft">{whenOf(finding, step)}</span>
        </p>
        <div class="soft small">
          <Definition rule={finding.rule} rules={ruled.value?.record.rules ?? []}>
            {measured(finding)}
          </Definition>
        </div>
      </div>
      <div class="finding-acts" role="group" aria-label={titleOf(finding)}>
        <button type="button" class="primary" aria-pressed={open} onClick={() => openFinding(finding)}>
          Open
        </button>
        {children}
      </div>
    </div>
  );
}

/** What a person has set aside, one click away. */
function Muted({ findings, step }: { findings: readonly Finding[]; step: number }) {
  const shown = useSignal(false);
  return (
    <div class="muted">
      <p class="soft small">
        {findings.length} muted ·{' '}
        <button
          type="button"
          class="link"
          aria-expanded={shown.value}
          onClick={() => {
            shown.value = !shown.value;
          }}
        >
          {shown.value ? 'hide' : 'show'}
        </button>
      </p>
      {shown.value && (
        <ul class="incidents">
          {findings.map((one) => (
            <li key={keyOf(one)} class={`incident seen ${severityOf(one)}`}>
              <FindingLine finding={one} step={step}>
                <button type="button" onClick={() => toggleMuted(keyOf(one))}>
                  Unmute
                </button>
              </FindingLine>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
