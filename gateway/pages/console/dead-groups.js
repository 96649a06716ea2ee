// Dead letters by what went wrong: how many there are of each kind, to be chosen together.

import { bar } from './charts.js';
import { choiceColumn } from './choice.js';
import { queryOf } from './api.js';
import { h, table } from './dom.js';
import { ago, count, words } from './format.js';

// What means a group, as a filter.
export const filterOfGroup = ({ stream, consumer, reason, errorCode, error }) => ({
  stream,
  consumer,
  reason,
  ...(errorCode ? { code: errorCode } : {}),
  error,
});
export const keyOfGroup = (group) => JSON.stringify(filterOfGroup(group));

export const groupTitle = ({ reason, errorCode }) =>
  [words(reason), errorCode].filter(Boolean).join(' · ');

// `more` is what a link to a group keeps of the filter in use.
export function groupsTable(groups, { more = {}, isChoosable = false } = {}) {
  const most = Math.max(...groups.map((one) => one.count), 1);
  return table(
    'Dead letters by reason',
    [
      ...(isChoosable
        ? [choiceColumn(keyOfGroup, (one) => `${count(one.count)} of ${one.stream} / ${one.consumer}`)]
        : []),
      {
        name: 'Why',
        cell: (group) => [
          h(
            'a',
            { href: `#/dead-letters${queryOf({ ...more, ...filterOfGroup(group) })}` },
            groupTitle(group),
          ),
          h('small', { class: 'clip', title: group.error }, group.error),
        ],
      },
      { name: 'Consumer', cell: ({ stream, consumer }) => `${stream} / ${consumer}` },
      {
        name: 'Letters',
        numeric: true,
        cell: (group) => [
          h('strong', null, count(group.count)),
          bar([{ to: group.count / most, kind: 'failed' }]),
        ],
      },
      { name: 'First', cell: ({ firstFailedAt }) => ago(firstFailedAt) },
      { name: 'Last', cell: ({ lastFailedAt }) => ago(lastFailedAt) },
    ],
    groups,
  );
}
