// What needs somebody, first of all: who is away or held, where it backs up, and what is dead.

import { get, queryOf, wasLeft } from './api.js';
import { filterOfGroup, groupTitle } from './dead-groups.js';
import { card, fail, h, loading, patchChildren, repeat, stateLine } from './dom.js';
import { ago, count } from './format.js';
import { BEHIND, heldBy, lagOf, lookAtMesh, serviceOf, stuckAt, system } from './system.js';

const REFRESH_MS = 4000;
const SHOWN_MOST = 5;

const item = (kind, href, title, ...text) =>
  h(
    'li',
    { class: `trouble ${kind}` },
    h('a', { href }, title),
    h('span', { class: 'hint' }, text),
  );

const linkTo = (service) => `#/mesh${queryOf({ service })}`;

const aways = () =>
  system.away.map(({ name, seenAt }) =>
    item('bad', linkTo(name), `${name} does not answer`, ...(seenAt ? ['last seen ', ago(seenAt)] : [])),
  );

const helds = ({ services }) =>
  heldBy(services).map(([name, words]) => item('bad', linkTo(name), `${name} is not ready`, words));

function backlogs({ consumers }) {
  const behind = consumers
    .filter((one) => stuckAt(one) || lagOf(one) >= BEHIND)
    .sort((a, b) => lagOf(b) - lagOf(a));
  return behind.slice(0, SHOWN_MOST).map((one) => {
    const at = stuckAt(one);
    return item(
      at ? 'bad' : 'wait',
      linkTo(serviceOf(one)),
      `${count(lagOf(one))} wait at ${one.stream} / ${one.name}`,
      ...(at ? ['and none gets done, noticed ', ago(at)] : []),
      ...(!at && one.perSecond > 0 ? ['and it goes on'] : []),
    );
  });
}

function deaths(groups) {
  const rest = groups.slice(SHOWN_MOST);
  const letters = rest.reduce((total, one) => total + one.count, 0);
  return [
    ...groups
      .slice(0, SHOWN_MOST)
      .map((one) =>
        item(
          'bad',
          `#/dead-letters${queryOf(filterOfGroup(one))}`,
          `${count(one.count)} dead at ${one.stream} / ${one.consumer}`,
          `${groupTitle(one)}: ${one.error}, last `,
          ago(one.lastFailedAt),
        ),
      ),
    ...(rest.length
      ? [item('bad', '#/dead-letters', `${count(letters)} more dead`, `of ${count(rest.length)} reasons`)]
      : []),
  ];
}

export function attention(signal) {
  const box = h('div', null, loading('what needs attention'));

  async function refresh() {
    try {
      const [mesh, { groups }] = await Promise.all([
        lookAtMesh(signal),
        get('/api/v1/admin/dlq/groups', signal),
      ]);
      const all = [...aways(), ...helds(mesh), ...backlogs(mesh), ...deaths(groups)];
      patchChildren(box, [
        all.length
          ? h('ul', { class: 'troubles' }, all)
          : stateLine('Nothing: all services answer, nothing backs up, nothing is dead.', 'good'),
      ]);
    } catch (error) {
      if (!wasLeft(error)) fail(box, error);
    }
  }

  repeat(REFRESH_MS, refresh, signal);
  return card('Needs attention', { class: 'attention' }, box);
}
