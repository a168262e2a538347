/** Any file of the phone, with its name and size; opened again, removed, taken back. */

import { button, element } from './dom.js';
import { keeper, placed, removed, sizeText } from './kept.js';
import { LARGEST_FILE, extensionOf } from './limits.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function fileWidget(question, host) {
  const { t } = host;
  const accept = host.node.body?.accept;
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'file', hidden: true, ...(accept ? { accept } : {}) }));
  const named = element('b', { class: 'file-name' });
  const said = element('div', { class: 'media-said', role: 'status' });
  const kept = keeper(host, said);
  const pick = button(t('选文件'), () => void choose(), { class: 'file-pick' });
  const save = button(t('打开看'), () => void look(), { class: 'file-look' });
  const remove = button(t('删除文件'), () => removed(host, said, shown, t('文件已删除。')), { class: 'file-remove' });
  placed(question, named, said, element('div', { class: 'buttons' }, pick, save, remove), input);
  let shown = '';

  async function choose() {
    await host.beforeCamera();
    input.value = '';
    input.click();
  }

  input.addEventListener('change', (event) => {
    event.stopPropagation();
    const file = input.files?.[0];
    if (!file) return;
    if (file.size > LARGEST_FILE || file.size === 0) {
      said.replaceChildren(element('span', { role: 'alert' }, file.size
        ? t('这个文件 {size},超过 {limit},没有保存。', { size: sizeText(file.size), limit: sizeText(LARGEST_FILE) })
        : t('这个文件是空的,没有保存。')));
      return;
    }
    void kept.keep(file, extensionOf(file.type, file.name), { name: file.name });
  });

  /** As a download: what is in it is not ours, and must not run as a page of ours. */
  async function look() {
    const found = await host.files.open(shown);
    if (!found) return;
    const url = URL.createObjectURL(new Blob([found.blob], { type: 'application/octet-stream' }));
    const link = /** @type {HTMLAnchorElement} */ (element('a', { href: url, download: found.name ?? shown.slice(64 - 8) }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  return {
    show(value) {
      if (value !== shown) {
        shown = value;
        named.textContent = '';
        if (value !== '') {
          void host.files.open(value).then((found) => {
            if (shown !== value) return;
            const name = found?.name ?? value.replace(/^[0-9a-f]{58}/, '…');
            named.textContent = found ? `${name} · ${sizeText(found.blob.size)}` : t('文件不在这部手机上。');
          });
        }
      }
      save.hidden = remove.hidden = value === '';
      pick.textContent = t(value === '' ? '选文件' : '换文件');
    },
    lock(readonly) {
      for (const one of [pick, remove]) one.disabled = readonly;
    },
    flush: () => kept.settled(),
  };
}
