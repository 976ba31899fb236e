// SPDX-License-Identifier: Apache-2.0
// What each rule looks for, and whether it can: one hover or one key away from everything it says.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { ruleSummary, STATES } from '../model/findings';
import { spaced } from '../model/format';
import type { RuleState } from '../wire/schema_pb';
import { addStyle } from './styles/styles';
import css from './styles/rules.css?inline';

addStyle(css);

/** `children`, and a "?" that gives the rule's definition on hover, and below on click or Enter. */
export function Definition({
  rule,
  rules,
  children,
}: {
  rule: string;
  rules: readonly RuleState[];
  children?: ComponentChildren;
}) {
  const open = useSignal(false);
  const id = useId();
  const definition = rules.find((one) => one.rule === rule)?.definition;
  if (!definition) return <>{children}</>;
  const text = `Rule “${spaced(rule)}”: ${definition}`;
  return (
    <>
      <span>{children} </span>
      <button
        type="button"
        class="why"
        title={text}
        aria-label={`Definition of the rule ${spaced(rule)}`}
        aria-expanded={open.value}
        aria-controls={open.value ? id : undefined}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        ?
      </button>
      {open.value && (
        <p id={id} class="definition">
          {text}
        </p>
      )}
    </>
  );
}

const SIGN: Record<string, string> = { watching: '✓', waiting: '…', off: '–' };

/** All rules with their state; why some do not watch is said without opening it. */
export function Rules({ rules }: { rules: readonly RuleState[] }) {
  if (rules.length === 0) return null;
  return (
    <details class="rules">
      <summary>Rules: {ruleSummary(rules)}</summary>
      <dl class="rule-list">
        {inOrder(rules).map((rule) => [
          <dt key={rule.rule} title={rule.definition}>
            <span aria-hidden="true">{SIGN[rule.state] ?? '–'}</span> {spaced(rule.rule)}
          </dt>,
          <dd>
            {rule.state !== 'watching' && (
              <strong>
                {rule.state}
                {rule.reason && `: ${rule.reason}`}.{' '}
              </strong>
            )}
            <span class="soft">{rule.definition}</span>
          </dd>,
        ])}
      </dl>
    </details>
  );
}

/** Those that do not watch first: they are what a person opens the list for. */
function inOrder(rules: readonly RuleState[]): RuleState[] {
  const place = (rule: RuleState): number => STATES.length - STATES.indexOf(rule.state as 'off');
  return [...rules].sort((a, b) => place(a) - place(b));
}
