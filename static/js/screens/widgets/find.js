/**
 * One or several choices out of a list too long to show: a field that finds, with at most twenty hits below it.
 * A list that a filter made short is shown as it is.
 */

import { choose } from '../../core/choose.js';
import { button, element } from './dom.js';
import { bare } from './texts.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */
/** @typedef {import('./index.js').Choice} Choice */

const SHOWN = 20;
/** So many fit on a phone: nobody needs to search among them. */
const FEW = 8;
/** Shown of a long list before anything is typed. */
const FIRST = 5;
let made = 0;

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function findWidget(question, host) {
  const { t, node } = host;
  const many = node.type.startsWith('select_multiple');
  const quick = (node.appearance ?? []).includes('quick');
  const box = /** @type {HTMLElement} */ (question.querySelector('.finder'));
  const id = `find-${++made}`;
  const chosen = element('ul', { class: 'found-now' });
  const field = /** @type {HTMLInputElement} */ (element('input', {
    type: 'search', class: 'find', autocomplete: 'off', enterkeyhint: 'search', placeholder: t('汉字、拼音首字母或编号'),
    role: 'combobox', 'aria-expanded': 'false', 'aria-controls': id, 'aria-autocomplete': 'list',
    'aria-label': `${bare(question.querySelector('.label')?.textContent ?? '')} ${t('查找')}`,
  }));
  const found = element('div', { class: 'found', role: 'listbox', id, ...(many ? { 'aria-multiselectable': 'true' } : {}) });
  const said = element('p', { class: 'count', role: 'status' });
  box.append(chosen, field, found, said);
  /** @type {((character: string) => string) | undefined} */
  let lettersOf;
  let value = '';
  let locked = false;
  let at = -1;
  let open = false;

  const values = () => (value === '' ? [] : many ? value.split(' ') : [value]);
  /** @param {string} name */
  const labelOf = (name) => bare(host.choices().find((one) => one.name === name)?.label ?? '') || name;
  const rows = () => /** @type {HTMLElement[]} */ ([...found.querySelectorAll('[role=option]')]);

  /** @param {string} name */
  function pick(name) {
    const now = values();
    const has = now.includes(name);
    host.set(many ? (has ? now.filter((one) => one !== name) : [...now, name]).join(' ') : has && !node.required ? '' : name);
    field.value = '';
    if (!many) {
      open = false;
      if (quick && !has) host.advance?.();
    }
    list();
    if (!many && !quick) chosen.querySelector('button')?.focus({ preventScroll: true });
  }

  function list() {
    const all = host.choices();
    const few = all.length <= FEW;
    const query = field.value.trim();
    field.hidden = few;
    at = -1;
    field.removeAttribute('aria-activedescendant');
    const { hits, count } = few ? { hits: all, count: all.length }
      : open || query !== '' ? choose(all, query, query === '' ? FIRST : SHOWN, lettersOf) : { hits: [], count: all.length };
    const now = values();
    found.replaceChildren(...hits.map((one, i) => {
      const row = element('button', {
        type: 'button', class: 'found-row', role: 'option', id: `${id}-${i}`, 'aria-selected': String(now.includes(one.name)),
        'data-value': one.name, ...(few ? {} : { tabindex: '-1' }),
      }, element('span', {}, bare(one.label) || one.name));
      /** @type {HTMLButtonElement} */ (row).disabled = locked;
      return row;
    }));
    field.setAttribute('aria-expanded', String(hits.length > 0));
    said.textContent = few ? (all.length ? '' : t('现在没有可选的;请先回答前面的题。'))
      : query === '' ? t('共 {n} 项,请输入几个字查找', { n: all.length })
      : !count ? t('没有找到,换个写法试试。')
      : count > hits.length ? t('找到 {n} 项,先列 {m} 项,再输几个字', { n: count, m: hits.length }) : t('找到 {n} 项', { n: count });
  }

  function paintChosen() {
    const now = values();
    chosen.hidden = !now.length;
    chosen.replaceChildren(...now.map((name) => {
      const out = button('✕', () => {
        host.set(now.filter((one) => one !== name).join(' '));
        if (!field.hidden) field.focus();
      }, { class: 'found-out', 'aria-label': t('去掉 {what}', { what: labelOf(name) }) });
      out.disabled = locked;
      return element('li', {}, element('span', {}, labelOf(name)), out);
    }));
  }

  /** @param {number} step */
  function move(step) {
    const all = rows();
    if (!all.length) return;
    at = (at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length;
    all.forEach((row, i) => row.classList.toggle('here', i === at));
    const row = /** @type {HTMLElement} */ (all[at]);
    field.setAttribute('aria-activedescendant', row.id);
    row.scrollIntoView({ block: 'nearest' });
  }

  found.addEventListener('click', (event) => {
    const row = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest('[data-value]'));
    if (row && !locked) pick(row.dataset.value ?? '');
  });
  field.addEventListener('focus', () => {
    if (open) return;
    open = true;
    list();
  });
  field.addEventListener('input', async () => {
    if (/[a-z]/i.test(field.value) && !lettersOf) ({ lettersOf } = await import('../../core/pinyin.js'));
    list();
  });
  field.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') move(event.key === 'ArrowDown' ? 1 : -1);
    else if (event.key === 'Enter') {
      const row = rows()[at] ?? (field.value.trim() !== '' && rows().length === 1 ? rows()[0] : undefined);
      if (row) pick(row.dataset.value ?? '');
    } else if (event.key === 'Escape' && field.value !== '') {
      field.value = '';
      list();
    } else return;
    event.preventDefault();
  });

  return {
    show(next) {
      value = next;
      paintChosen();
      list();
    },
    lock(readonly) {
      locked = readonly;
      field.disabled = readonly;
      paintChosen();
      for (const row of rows()) /** @type {HTMLButtonElement} */ (row).disabled = readonly;
    },
    offer() {
      paintChosen();
      list();
    },
  };
}
