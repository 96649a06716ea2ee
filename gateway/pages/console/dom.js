// Making and changing elements. Texts become text nodes: nothing is ever parsed as HTML.

import { session } from './api.js';
import { culprits } from './system.js';

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

// h('a', { href: '#/' }, 'Home'): functions are listeners, null and false leave an attribute out.
export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

// Brings `old` to what `fresh` is and keeps what is the same, so that focus and selection stay. For
// content without listeners.
export function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  patchChildren(old, [...fresh.childNodes]);
}

export function patchChildren(parent, fresh) {
  const olds = [...parent.childNodes];
  fresh.forEach((node, index) =>
    index < olds.length ? patch(olds[index], node) : parent.append(node),
  );
  olds.slice(fresh.length).forEach((node) => node.remove());
}

let announcing;
// Says it to who listens to the page rather than looks at it.
export function announce(text) {
  clearTimeout(announcing);
  byId('announcer').textContent = text;
  announcing = setTimeout(() => (byId('announcer').textContent = ''), 10000);
}

// Columns are { name, cell(row), numeric? }. On a narrow screen each row is a card and its cells
// bear their column's name; the roles keep it a table for screen readers there, too.
export function table(caption, columns, rows) {
  const head = columns.map((column) =>
    h(
      'th',
      { scope: 'col', role: 'columnheader', class: column.numeric && 'numeric' },
      column.name,
    ),
  );
  const body = rows.map((row) =>
    h(
      'tr',
      { role: 'row' },
      columns.map((column) =>
        h(
          'td',
          { role: 'cell', 'data-label': column.name, class: column.numeric && 'numeric' },
          column.cell(row),
        ),
      ),
    ),
  );
  return h(
    'table',
    { role: 'table' },
    h('caption', { class: 'unseen' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)),
    h('tbody', { role: 'rowgroup' }, body),
  );
}

export const stateLine = (text, kind = 'empty') => h('p', { class: `state ${kind}` }, text);
export const loading = (what) => stateLine(`Loading ${what}…`, 'loading');

// What is said under the title of what went wrong: what the problem says, or else what is known to be
// broken, or else nothing, since the title says it all.
function detailOf({ title, detail, scope, status, message }) {
  if (detail) return detail;
  if (scope) return `It would need the scope ${scope}.`;
  if (status === 503) return culprits();
  return title ? '' : message;
}

// What went wrong, and a way to go on. `retry` may be absent.
export function failure(error, retry) {
  const detail = detailOf(error);
  const box = h(
    'div',
    { class: 'state error', role: 'alert' },
    h('strong', null, error.title ?? 'That did not work'),
    detail && h('span', null, detail),
  );
  for (const { field, message } of error.errors ?? [])
    box.append(h('span', null, h('code', null, field), ` ${message}`));
  if (error.type?.startsWith('/problems/'))
    box.append(h('a', { href: error.type }, 'What this means'));
  if (error.scope || error.status === 401)
    box.append(
      h(
        'button',
        { type: 'button', onclick: () => session.dispatchEvent(new Event('wanted')) },
        error.scope ? 'Use another token' : 'Enter a token',
      ),
    );
  else if (retry) box.append(h('button', { type: 'button', onclick: retry }, 'Try again'));
  return box;
}

// The same in place of what a box shows, for what is tried again and again: what is told already is
// not told anew.
export function fail(box, error, retry) {
  const fresh = failure(error, retry);
  if (box.firstElementChild?.textContent !== fresh.textContent) box.replaceChildren(fresh);
}

// A question in the middle of the page: closed by its buttons, Escape, or when its view is left.
// `attributes` and `children` are its form's.
export function ask(title, { signal, ...attributes }, ...children) {
  const id = `ask-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`;
  const dialog = h(
    'dialog',
    { 'aria-labelledby': id, onclose: leave },
    h('form', attributes, h('h2', { id }, title), children),
  );
  // The focus goes back to what opened it, unless that is hidden or disabled since.
  function leave() {
    dialog.remove();
    if (document.activeElement === document.body) document.querySelector('main h1')?.focus();
  }
  signal.addEventListener('abort', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// What begins something, and is not to be pressed again before it has ended. It keeps the focus, which
// a disabled button would lose.
export async function whileBusy(button, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  await work().finally(() => button.removeAttribute('aria-disabled'));
}

export const card = (title, attributes, ...children) => {
  const id = `card-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`;
  return h(
    'section',
    { ...attributes, class: `card ${attributes?.class ?? ''}`, 'aria-labelledby': id },
    h('h2', { id }, title),
    ...children,
  );
};

// A label and its field; `attributes` are the field's, which is a select where there are options:
// [value, text].
export function field(label, name, attributes, options) {
  const id = `field-${name}`;
  const input = options
    ? h(
        'select',
        { id, name, ...attributes },
        options.map(([value, text]) => h('option', { value }, text)),
      )
    : h('input', { id, name, ...attributes });
  return h('div', { class: `field field-${name}` }, h('label', { for: id }, label), input);
}

// Calls it now and then again `ms` after each call has ended, while the page can be seen.
export function repeat(ms, call, signal) {
  let timer;
  const turn = async () => {
    if (!document.hidden) await call();
    if (!signal.aborted) timer = setTimeout(turn, ms);
  };
  signal.addEventListener('abort', () => clearTimeout(timer));
  return turn();
}
