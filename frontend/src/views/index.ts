// SPDX-License-Identifier: Apache-2.0
// All views, one row each; a row's place is its key. Header, app, keys and address take everything from here.
import type { ComponentType } from 'preact';
import { declareViews, view, type ViewFacts } from '../state/shown_view';
import { numbersTags } from '../state/store';
import { lazily } from '../ui/lazy';
import { Attention } from './attention/attention';
import { Layers } from './layers/layers';
import { Overview } from './overview/overview';

export interface ViewRow extends ViewFacts {
  title: string;
  /** `lazily` where few people open it: its code is then a file of its own, fetched when somebody does. */
  component: ComponentType;
  /** Whether the run shown has anything for it; without it always. */
  offered?: () => boolean;
}

export const VIEWS: readonly ViewRow[] = [
  { id: 'overview', title: 'Overview', component: Overview },
  {
    id: 'explanations',
    title: 'Explanations',
    component: lazily('Explanations', () => import('./explanations/explanations').then((one) => one.Explanations)),
    pictures: true,
  },
  { id: 'layers', title: 'Layers', component: Layers },
  { id: 'attention', title: 'Attention', component: Attention, pictures: true },
  {
    id: 'compare',
    title: 'Compare',
    component: lazily('Compare', () => import('./compare/compare').then((one) => one.Compare)),
    pictures: true,
    compares: true,
  },
  {
    id: 'more',
    title: 'More',
    component: lazily('More', () => import('./more/more').then((one) => one.More)),
    offered: () => numbersTags.value.length > 0,
  },
];

declareViews(VIEWS);

/** Whether a view has a tab and a key: it has something to show, or is shown already. */
export const isOffered = (row: ViewRow): boolean => (row.offered?.() ?? true) || row.id === view.value;

/** The row of the view on screen. */
export const shownRow = (): ViewRow => VIEWS.find((one) => one.id === view.value) ?? VIEWS[0]!;
