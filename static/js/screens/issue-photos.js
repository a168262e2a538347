/** Photos of an issue: scaled down when taken, shown small, taken out again; they go into the outbox with the op that names them. */
import { sha256Hex } from '../data/sha256.js';
import { photoLimits, smallPhoto } from './widgets/images.js';
import { button, element } from './widgets/dom.js';

const MOST = 6;

/** @param {import('./context.js').Ctx} ctx */
export function photoPick({ t }) {
  /** @type {Set<import('../data/outbox.js').NewBlob>} */
  const kept = new Set();
  /** @type {Promise<unknown>} */
  let working = Promise.resolve();
  const shown = element('div', { class: 'thumbs' });
  const said = element('p', { class: 'hint', role: 'status' });
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'file', accept: 'image/*', multiple: true, hidden: true, 'data-name': 'photos' }));
  input.addEventListener('change', () => {
    const files = [...input.files ?? []];
    working = working.then(() => take(files));
  });

  /** @param {File[]} files */
  async function take(files) {
    for (const file of files) {
      if (kept.size >= MOST) return void (said.textContent = t('一次最多 {n} 张照片。', { n: MOST }));
      said.textContent = t('正在处理照片…');
      try {
        const small = await smallPhoto(file, photoLimits(undefined));
        const bytes = await small.arrayBuffer();
        show({ sha256: await sha256Hex(bytes), size: bytes.byteLength, type: small.type, bytes });
        said.textContent = '';
      } catch {
        said.textContent = t('这张照片读不出来,没有保存。请重拍一张。');
      }
    }
  }

  /** @param {import('../data/outbox.js').NewBlob} blob */
  function show(blob) {
    if ([...kept].some((one) => one.sha256 === blob.sha256)) return;
    kept.add(blob);
    const address = URL.createObjectURL(new Blob([blob.bytes], { type: blob.type }));
    const one = element('span', { class: 'thumb' }, element('img', { src: address, alt: t('已拍的照片') }), button('✕', () => {
      kept.delete(blob);
      URL.revokeObjectURL(address);
      one.remove();
    }, { 'aria-label': t('删除照片') }));
    shown.append(one);
  }

  return {
    place: element('div', {}, shown, said, input, button(t('拍照或选照片(佐证)'), () => {
      input.value = '';
      input.click();
    })),
    /** All photos, once those at work are ready. */
    async taken() {
      await working;
      return [...kept];
    },
  };
}
