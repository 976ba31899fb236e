// SPDX-License-Identifier: Apache-2.0
// What the rules found, ordered and folded for people: causes before consequences, the worst first,
// acknowledged ones last, muted ones aside. Arithmetic on records, no state.
import type { Finding, Findings, RuleState } from '../wire/schema_pb';
import { formatValue } from './format';
import { formatStep } from './steps';

export type Severity = 'error' | 'warning' | 'info';

/** The mark of a severity: a shape, so that it does not depend on colour. */
export const MARK: Record<Severity, string> = { error: '■', warning: '▲', info: '●' };

const RANK: Record<Severity, number> = { error: 0, warning: 1, info: 2 };

/** A finding that stands for itself, with all that follows from it. */
export interface Incident {
  key: string;
  finding: Finding;
  consequences: Finding[];
}

/** The Overview's list. */
export interface Board {
  open: Incident[];
  acknowledged: Incident[];
  /** Muted findings, consequences of muted ones not counted. */
  muted: Finding[];
}

/** RULE@LAYER, or RULE where it is of the whole network; as `Finding.root` names another one. */
export function keyOf(finding: Pick<Finding, 'rule' | 'layer'>): string {
  return finding.layer ? `${finding.rule}@${finding.layer}` : finding.rule;
}

/** Anything but error and warning counts as info. */
export function severityOf(finding: Pick<Finding, 'severity'>): Severity {
  return finding.severity === 'error' || finding.severity === 'warning' ? finding.severity : 'info';
}

/** Worst first; of the same severity the earlier one. Ties keep the recorder's order. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => RANK[severityOf(a)] - RANK[severityOf(b)] || a.firstStep - b.firstStep);
}

/** Consequences below the finding that they follow from, however long the chain. */
export function fold(findings: readonly Finding[]): Incident[] {
  const byKey = new Map(findings.map((one) => [keyOf(one), one]));
  const incidents = new Map<string, Incident>();
  const ordered = worstFirst(findings);
  const roots = new Map(ordered.map((one) => [one, rootOf(one, byKey)]));
  for (const one of ordered)
    if (roots.get(one) === one) incidents.set(keyOf(one), { key: keyOf(one), finding: one, consequences: [] });
  for (const one of ordered) if (roots.get(one) !== one) incidents.get(keyOf(roots.get(one)!))?.consequences.push(one);
  return [...incidents.values()];
}

/** Follows `root` to its end; a finding whose root is not there, or that leads back to itself, stands for itself. */
function rootOf(finding: Finding, byKey: ReadonlyMap<string, Finding>): Finding {
  const seen = new Set([finding]);
  let found = finding;
  for (let next = byKey.get(found.root); next; next = byKey.get(found.root)) {
    if (seen.has(next)) return finding;
    seen.add(next);
    found = next;
  }
  return found;
}

/** Who is shown where, given the keys that a person has muted or acknowledged. */
export function boardOf(
  findings: readonly Finding[],
  muted: ReadonlySet<string>,
  acknowledged: ReadonlySet<string>,
): Board {
  const isMuted = (one: Finding): boolean => muted.has(keyOf(one));
  const shown = fold(findings).filter((one) => !isMuted(one.finding));
  const audible = shown.map((one) => ({ ...one, consequences: one.consequences.filter((child) => !isMuted(child)) }));
  return {
    open: audible.filter((one) => !acknowledged.has(one.key)),
    acknowledged: audible.filter((one) => acknowledged.has(one.key)),
    muted: worstFirst(findings.filter(isMuted)),
  };
}

/** All findings of a board in the order in which they are read: what "next finding" walks. */
export function readingOrder(board: Board): Finding[] {
  return [...board.open, ...board.acknowledged].flatMap((one) => [one.finding, ...one.consequences]);
}

/** The step before the first for which something is no longer seen counts as over after this share of the run. */
const OVER = 0.9;

/** since step 206; at step 0; from step 206 to 410 */
export function whenOf(finding: Pick<Finding, 'firstStep' | 'lastStep'>, lookedUpTo: number): string {
  const { firstStep, lastStep } = finding;
  const over = lastStep < lookedUpTo * OVER;
  if (!over) return `since step ${formatStep(firstStep)}`;
  return firstStep >= lastStep
    ? `at step ${formatStep(firstStep)}`
    : `from step ${formatStep(firstStep)} to ${formatStep(lastStep)}`;
}

/** "share of dead units 100 %, limit 95 %"; empty where the rule measured nothing. */
export function measured(finding: Pick<Finding, 'value' | 'threshold' | 'statistic'>): string {
  const value = valueText(finding);
  if (!value) return '';
  const limit = Number.isFinite(finding.threshold)
    ? `, limit ${formatValue(kindOf(finding.statistic), finding.threshold)}`
    : '';
  return `${value}${limit}`;
}

/** "share of dead units 100 %" */
export function valueText({ value, statistic }: Pick<Finding, 'value' | 'statistic'>): string {
  return statistic ? `${statistic} ${formatValue(kindOf(statistic), value)}` : '';
}

function kindOf(statistic: string): 'share' | 'log' {
  return /\b(share|fraction)\b/i.test(statistic) ? 'share' : 'log';
}

/** What a finding is called; logs of older recorders have only the message. */
export function titleOf(finding: Finding): string {
  return finding.title || finding.message.replace(/\.$/, '');
}

/** The Overview's sentence: the first finding of the list, or how far nothing was found. */
export function sentenceOf(board: Board, found: Pick<Findings, 'rules' | 'step'>): string {
  const first = board.open[0] ?? board.acknowledged[0];
  if (!first) return nothingFound(board, found);
  const finding = first.finding;
  if (!finding.title) return titleOf(finding);
  const value = valueText(finding);
  return `${finding.title} ${whenOf(finding, found.step)}${value ? ` — ${value}` : ''}`;
}

function nothingFound({ muted }: Board, { rules, step }: Pick<Findings, 'rules' | 'step'>): string {
  const idle = idleReasons(rules)[0];
  if (idle && !rules.some((one) => one.state === 'watching')) return `${capital(idle.reason)}: ${ruleCounts(rules)}`;
  const besides = muted.length ? ` besides ${muted.length} muted` : '';
  return `Nothing found up to step ${formatStep(step)}${besides}: ${ruleCounts(rules)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const STATES = ['watching', 'waiting', 'off'] as const;

/** "14 watching · 3 waiting: not enough data yet (12 of 50 steps) · 2 off: gradients are not captured" */
export function ruleSummary(rules: readonly RuleState[]): string {
  return STATES.flatMap((state) => {
    const count = rules.filter((one) => one.state === state).length;
    const reasons = idleReasons(rules).filter((one) => one.state === state);
    const why = reasons
      .map((one) => (reasons.length > 1 ? `${one.reason} (${one.rules.length})` : one.reason))
      .join('; ');
    return count ? [`${count} ${state}${why && `: ${why}`}`] : [];
  }).join(' · ');
}

/** "14 rules watching, 3 waiting, 2 off" */
export function ruleCounts(rules: readonly RuleState[]): string {
  const counts = STATES.map((state) => [state, rules.filter((one) => one.state === state).length] as const).filter(
    ([, count]) => count > 0,
  );
  if (counts.length === 0) return 'no rule is watching';
  return counts
    .map(([state, count], i) => `${count}${i === 0 ? (count === 1 ? ' rule' : ' rules') : ''} ${state}`)
    .join(', ');
}

/** Why rules wait or are off, each reason once with the rules it concerns, the most frequent first. */
export function idleReasons(rules: readonly RuleState[]): { state: string; reason: string; rules: string[] }[] {
  const reasons = new Map<string, { state: string; reason: string; rules: string[] }>();
  for (const rule of rules) {
    if (rule.state === 'watching' || !rule.reason) continue;
    const key = `${rule.state} ${rule.reason}`;
    const found = reasons.get(key) ?? { state: rule.state, reason: rule.reason, rules: [] };
    found.rules.push(rule.rule);
    reasons.set(key, found);
  }
  return [...reasons.values()].sort(
    (a, b) => STATES.indexOf(a.state as 'off') - STATES.indexOf(b.state as 'off') || b.rules.length - a.rules.length,
  );
}
