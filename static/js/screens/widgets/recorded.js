/** Sound or a video: recorded here with time and level in sight, or chosen from the phone; played back, removed, taken back. */

import { FRONT } from './camera.js';
import { button, element } from './dom.js';
import { keeper, placed, removed, sizeText, timeText } from './kept.js';
import { LARGEST_FILE, extensionOf, recordingOf } from './limits.js';
import { records, startRecording, whyClosed } from './recorder.js';

/** @typedef {import('./index.js').Host} Host */
/** @typedef {import('./index.js').Widget} Widget */

const WORDS = {
  audio: { record: '录音', again: '重新录音', pick: '从手机选录音', stop: '停止录音', remove: '删除录音', gone: '录音已删除。', left: '上次录音被打断,停之前的都还在。', use: '用这段录音', alt: '已录的音' },
  video: { record: '录像', again: '重新录像', pick: '从手机选录像', stop: '停止录像', remove: '删除录像', gone: '录像已删除。', left: '上次录像被打断,停之前的都还在。', use: '用这段录像', alt: '已录的像' },
};

/** @param {HTMLElement} question @param {Host} host @returns {Widget} */
export function recordedWidget(question, host) {
  const { t } = host;
  const kind = host.node.type === 'video' ? 'video' : 'audio';
  const words = WORDS[kind];
  const looks = host.node.appearance ?? [];
  const how = recordingOf(kind, host.node.parameters);
  const inside = records() && !how.external;
  const player = /** @type {HTMLMediaElement} */ (element(kind, { controls: true, preload: 'metadata', class: `media-player`, 'aria-label': t(words.alt), hidden: true }));
  const live = /** @type {HTMLVideoElement | null} */ (kind === 'video' ? element('video', { class: 'media-player', muted: true, playsinline: true, hidden: true }) : null);
  const facts = element('small', { class: 'media-facts' });
  const time = element('b', { class: 'record-time' }, '0:00');
  const meter = /** @type {HTMLMeterElement} */ (element('meter', { min: '0', max: '1', 'aria-label': t('音量') }));
  const pause = button(t('暂停'), pauseOrGoOn, { class: 'record-pause' });
  const stop = button(t(words.stop), () => void finish(), { class: 'record-stop' });
  const under = element('div', { class: 'recording', hidden: true }, element('span', { class: 'record-dot', 'aria-hidden': 'true' }), time, meter, element('div', { class: 'buttons' }, pause, stop));
  const said = element('div', { class: 'media-said', role: 'status' });
  const start = button(t(words.record), () => void begin(), { class: 'record-start' });
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'file', accept: `${kind}/*`, hidden: true }));
  const pick = button(t(inside ? words.pick : words.record), () => void choose(), { class: 'record-pick' });
  const remove = button(t(words.remove), () => removed(host, said, shown, t(words.gone)), { class: 'record-remove' });
  placed(question, player, ...(live ? [live] : []), facts, under, said, element('div', { class: 'buttons' }, start, pick, remove), input);
  const kept = keeper(host, said, () => void pieces.drop().catch(() => {}));
  const pieces = host.files.recording(host.path);
  let shown = '';
  let locked = false;
  /** @type {Awaited<ReturnType<typeof startRecording>> | null} */
  let running = null;
  /** @type {Promise<boolean> | null} */
  let ending = null;
  let opening = false;

  void pieces.left().then((found) => found && shown === '' && !running && offerLeft(found), () => {});

  async function begin() {
    if (opening || running) return;
    opening = true;
    said.textContent = t(kind === 'audio' ? '正在打开话筒…' : '正在打开摄像头…');
    try {
      await host.beforeCamera();
      await pieces.drop();
      running = await startRecording({
        kind, ...how, front: looks.some((look) => FRONT.has(look)), pieces,
        tick: (seconds, level) => {
          time.textContent = `${timeText(seconds)} / ${timeText(how.seconds)}`;
          meter.value = level;
        },
        failed: (error) => {
          void finish();
          said.replaceChildren(element('b', { role: 'alert' }, t('没有保存!')), ' ', t(error.message));
        },
        full: () => {
          void finish();
          said.textContent = t('已到最长时间,录到这里为止。');
        },
      });
      if (live) {
        live.srcObject = running.stream;
        void live.play().catch(() => {});
      }
      said.textContent = '';
    } catch (error) {
      said.replaceChildren(element('span', { role: 'alert' }, t(whyClosed(error, kind))));
    } finally {
      opening = false;
      paint();
    }
  }

  function pauseOrGoOn() {
    if (!running) return;
    if (running.paused()) running.resume();
    else running.pause();
    paint();
  }

  function finish() {
    if (!running) return ending ?? Promise.resolve(true);
    const was = running;
    running = null;
    const seconds = was.seconds();
    ending = was.stop().then((blob) => {
      if (live) live.srcObject = null;
      paint();
      return blob.size ? kept.keep(blob, extensionOf(blob.type), { name: timeText(seconds) }) : true;
    }).finally(() => {
      ending = null;
    });
    return ending;
  }

  /** @param {Blob} found */
  function offerLeft(found) {
    said.replaceChildren(t(words.left), ` ${sizeText(found.size)} `, element('span', { class: 'buttons' },
      button(t(words.use), () => void kept.keep(found, extensionOf(found.type)), { class: 'record-left' }),
      button(t('丢弃'), () => {
        said.replaceChildren();
        void pieces.drop();
      })));
  }

  async function choose() {
    await host.beforeCamera();
    if (!inside || looks.some((look) => look.startsWith('new'))) input.setAttribute('capture', 'environment');
    input.value = '';
    input.click();
  }

  input.addEventListener('change', (event) => {
    event.stopPropagation();
    const file = input.files?.[0];
    if (!file) return;
    if (file.size > LARGEST_FILE) {
      said.replaceChildren(element('span', { role: 'alert' }, t('这个文件 {size},超过 {limit},没有保存。', { size: sizeText(file.size), limit: sizeText(LARGEST_FILE) }), ' ',
        t(kind === 'video' ? '请录短一些,或点“录像”在这里录,文件会小得多。' : '请录短一些,或点“录音”在这里录,文件会小得多。')));
      return;
    }
    void kept.keep(file, extensionOf(file.type, file.name), { name: file.name });
  });

  function forget() {
    if (player.src) URL.revokeObjectURL(player.src);
    player.removeAttribute('src');
    facts.textContent = '';
  }

  function paint() {
    under.hidden = !running;
    if (live) live.hidden = !running;
    player.hidden = shown === '' || Boolean(running);
    start.hidden = !inside || Boolean(running) || locked;
    pick.hidden = Boolean(running) || locked || (inside && looks.some((look) => look.startsWith('new')));
    remove.hidden = shown === '' || Boolean(running) || locked;
    start.textContent = t(shown === '' ? words.record : words.again);
    pause.textContent = t(running?.paused() ? '继续' : '暂停');
    under.classList.toggle('paused', Boolean(running?.paused()));
  }
  paint();

  return {
    show(value) {
      if (value !== shown) {
        shown = value;
        forget();
        if (value !== '') {
          void host.files.open(value).then((found) => {
            if (shown !== value) return;
            if (found) player.src = URL.createObjectURL(found.blob);
            facts.textContent = found ? [found.name, sizeText(found.blob.size)].filter(Boolean).join(' · ') : t('文件不在这部手机上。');
          });
        }
      }
      paint();
    },
    lock(readonly) {
      locked = readonly;
      paint();
    },
    async flush(stay) {
      // Leaving the page ends a recording as the stop button would; a screen that goes dark does not.
      if (running && !stay) await finish();
      await ending;
      return kept.settled();
    },
    destroy() {
      if (running) void finish();
      forget();
    },
  };
}
