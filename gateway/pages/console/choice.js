// Rows of a table that are chosen by their boxes, and what is done with all of them.

import { h } from './dom.js';

const isBox = (element) => element?.matches?.('input[type="checkbox"][name="chosen"]');

// The column of boxes. keyOf(row) is the row's key; '' for one that cannot be chosen.
export const choiceColumn = (keyOf, labelOf) => ({
  name: 'Choose',
  cell(row) {
    const value = keyOf(row);
    return (
      value &&
      h('input', { type: 'checkbox', name: 'chosen', value, 'aria-label': `Choose ${labelOf(row)}` })
    );
  },
});

// Keeps the choice among the rows in `container`, whose boxes are set by show() after each drawing.
// onChange() is called when another row is chosen. While somebody chooses, rows should stay where they
// are: isHeld().
export function choice(container, onChange) {
  const keys = new Set();
  const boxes = () => [...container.querySelectorAll('input[name="chosen"]')];
  const all = h('input', { type: 'checkbox', name: 'all-shown' });
  const allText = h('span');

  function show() {
    const shown = boxes();
    for (const box of shown) box.checked = keys.has(box.value);
    const chosen = shown.filter(({ checked }) => checked).length;
    all.checked = shown.length > 0 && chosen === shown.length;
    all.indeterminate = chosen > 0 && !all.checked;
    allText.textContent = `Choose all ${shown.length} shown`;
    element.hidden = shown.length < 2;
  }

  function set(box, is) {
    if (is) keys.add(box.value);
    else keys.delete(box.value);
  }

  function changed() {
    show();
    onChange();
  }

  const element = h('label', { class: 'choose-all', hidden: true }, all, allText);
  all.addEventListener('change', () => {
    for (const box of boxes()) set(box, all.checked);
    changed();
  });
  container.addEventListener('change', ({ target }) => {
    if (!isBox(target)) return;
    set(target, target.checked);
    changed();
  });
  return {
    element,
    show,
    keys,
    clear() {
      keys.clear();
      changed();
    },
    isHeld: () => keys.size > 0 || (isBox(document.activeElement) && container.contains(document.activeElement)),
  };
}
