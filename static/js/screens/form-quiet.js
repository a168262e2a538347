/**
 * What runs beside the questions of forms that ask for it: the log of filling, sound recorded meanwhile (only after
 * a yes, and always in sight), the place at the start, places taken when an answer is given.
 */

import { auditCsv, auditSettings, createAudit } from './audit.js';
import { nodePath, pathWithin } from './form-model.js';
import { button, element } from './widgets/dom.js';
import { sizeText, timeText } from './widgets/kept.js';
import { recordingOf, extensionOf } from './widgets/limits.js';
import { locate, whyNowhere } from './widgets/locate.js';
import { placeText } from './widgets/places.js';
import { records, startRecording, whyClosed } from './widgets/recorder.js';

/** @typedef {import('./form-bind.js').Screen} Screen */
/** @typedef {import('./form-types.d.ts').DefinitionNode} DefinitionNode */
/** @typedef {ReturnType<typeof createQuiet>} Quiet */

/** In the background a fix this good ends the wait at once. */
const ACCEPT_M = 20;

/**
 * @param {{screen: Screen, fresh: boolean, user: string, now: () => Date, place: HTMLElement, put: (path: string, value: string) => void}} use
 * place: where notices stand; put: an answer no person gave
 */
export function createQuiet({ screen, fresh, user, now, place, put }) {
  const { model, instance, draft, t } = screen;
  const of = (/** @type {string} */ type) => model.definition.nodes.filter((node) => node.type === type);
  const placeLine = element('p', {}, t('这份表单会记录位置,供核查参考。不允许定位也可以填。'));
  const audit = auditOf();
  const sound = soundOf();
  /** @type {Set<{stop: () => void}>} */
  const finding = new Set();
  const watched = of('background-geopoint');
  if (of('start-geopoint').length || watched.length || audit?.location) tellPlaces();
  if (fresh) for (const node of of('start-geopoint')) if (instance.value(node.path) === '') placeFor(node.path);

  /** @param {string} path */
  function placeFor(path) {
    if (!instance.isRelevant(path)) return;
    const search = locate({
      accept: ACCEPT_M,
      better: (best) => put(path, placeText(best)),
      done: (best, error) => {
        finding.delete(search);
        if (!best) placeLine.textContent = t(whyNowhere(error)).split('。')[0] + '。';
      },
    });
    finding.add(search);
  }

  function tellPlaces() {
    const notice = element('div', { class: 'quiet-notice quiet-place', role: 'status' }, placeLine,
      button(t('知道了'), () => notice.remove(), { class: 'quiet-known' }));
    place.append(notice);
  }

  function auditOf() {
    const asked = model.definition.audit;
    if (!asked) return null;
    const settings = auditSettings(asked.parameters);
    const rows = (draft.audit ??= []);
    const tracker = settings.location && navigator.geolocation ? trackPlaces(settings.location) : null;
    const log = createAudit({ rows, now: () => now().getTime(), settings, place: () => tracker?.place() ?? null });
    log.event(fresh ? 'form start' : 'form resume');
    return { ...log, settings, location: Boolean(settings.location), stop: () => tracker?.stop() };
  }

  /** @param {{priority: string, interval_s: number, max_age_s: number}} asked */
  function trackPlaces({ priority, interval_s, max_age_s }) {
    /** @type {{at: number, place: [number, number, number]}[]} */
    let seen = [];
    const watching = navigator.geolocation.watchPosition(({ coords }) => {
      const at = now().getTime();
      if (seen.length && at - /** @type {{at: number}} */ (seen[seen.length - 1]).at < interval_s * 1000) return;
      seen = [...seen, { at, place: /** @type {[number, number, number]} */ ([coords.latitude, coords.longitude, Math.round(coords.accuracy)]) }].slice(-50);
    }, () => {}, { enableHighAccuracy: priority === 'high-accuracy', maximumAge: priority === 'no-power' ? Infinity : max_age_s * 1000 });
    return {
      /** the most accurate one that is young enough */
      place() {
        const young = seen.filter(({ at }) => !max_age_s || now().getTime() - at <= max_age_s * 1000);
        return young.sort((a, b) => a.place[2] - b.place[2])[0]?.place ?? null;
      },
      stop: () => navigator.geolocation.clearWatch(watching),
    };
  }

  /** Sound recorded while the form is open. One sitting is one recording: the first one stands. */
  function soundOf() {
    const node = of('background-audio')[0];
    if (!node || !instance.isRelevant(node.path)) return null;
    const { path } = node;
    const how = recordingOf('audio', node.parameters);
    const pieces = screen.files.recording(path);
    const line = element('p', {});
    const acts = element('span', { class: 'buttons' });
    const notice = element('div', { class: 'quiet-notice quiet-sound', role: 'status' }, line, acts);
    place.append(notice);
    /** @type {Awaited<ReturnType<typeof startRecording>> | null} */
    let running = null;
    /** @type {Promise<void> | null} */
    let ending = null;
    void begin();

    /** @param {string} words @param {...HTMLElement} buttons */
    function tell(words, ...buttons) {
      line.textContent = words;
      acts.replaceChildren(...buttons);
    }

    async function begin() {
      const left = await pieces.left().catch(() => null);
      if (left && instance.value(path) === '') await kept(left);
      if (instance.value(path) !== '') {
        const found = await screen.files.open(instance.value(path));
        tell(t('上次填写时的录音已保存({size})。这次不再录。', { size: found ? sizeText(found.blob.size) : '?' }));
      } else if (!records()) tell(t('这份表单要求边填边录音,但这部手机的浏览器不能录音。答案照常可以填。'));
      else if (draft.consent === 'no') tell(t('没有同意录音,这份表单不录音。'), button(t('改为同意'), () => void record()));
      else {
        tell(t('这份表单要求在填写时录音,供核查参考。请先告诉在场的人。'),
          button(t('同意,开始录音'), () => void record(), { class: 'quiet-yes' }), button(t('不同意'), refuse, { class: 'quiet-no' }));
      }
    }

    function refuse() {
      draft.consent = 'no';
      put(path, '');
      tell(t('没有同意录音,这份表单不录音。'), button(t('改为同意'), () => void record()));
    }

    async function record() {
      draft.consent = 'yes';
      tell(t('正在打开话筒…'));
      try {
        running = await startRecording({
          kind: 'audio', ...how, pieces,
          tick: (seconds) => {
            line.textContent = `● ${t('正在录音')} ${timeText(seconds)}`;
          },
          failed: (error) => void stop(t(error.message)),
          full: () => void stop(t('已到最长时间,录到这里为止。')),
        });
        tell(`● ${t('正在录音')}`, button(t('停止录音'), () => void stop(t('录音已停止并保存。')), { class: 'quiet-stop' }));
      } catch (error) {
        tell(t(whyClosed(error, 'audio')), button(t('再试一次'), () => void record()));
      }
    }

    /** @param {string} [words] */
    function stop(words = '') {
      const was = running;
      running = null;
      if (!was) return ending ?? Promise.resolve();
      ending = was.stop().then(kept).then(() => tell(words || t('录音已停止并保存。')));
      return ending;
    }

    /** @param {Blob} blob */
    async function kept(blob) {
      if (!blob.size) return;
      put(path, await screen.files.keep(blob, extensionOf(blob.type)));
      await pieces.drop();
    }

    return { stop };
  }

  async function leave() {
    for (const one of finding) one.stop();
    finding.clear();
    audit?.leave();
    await sound?.stop();
  }

  return {
    /** @param {string} path of the page, or of the instance with its index */
    arrived: (path) => audit?.arrived(path),
    /** @param {string} path */
    at: (path) => audit?.at(path),
    /** @param {string} event @param {string} [path] */
    event: (event, path) => audit?.event(event, path),
    /** @param {string} path @param {string} old @param {string} value */
    answered(path, old, value) {
      audit?.answered(path, old, value);
      if (old === value) return;
      for (const node of watched) if (node.trigger?.includes(nodePath(path))) placeFor(pathWithin(node.path, path));
    },
    /** The form is left as a draft. */
    async leave() {
      audit?.event('form exit');
      await leave();
      audit?.stop();
    },
    /**
     * The form is done: what was recorded and logged becomes files of it.
     * @returns {Promise<string>} the log's name, '' when none is asked for @throws {import('../data/db.js').NotSaved}
     */
    async finish() {
      await leave();
      if (!audit) return '';
      audit.event('form finalize');
      const csv = new Blob([auditCsv(audit.rows, audit.settings, user)], { type: 'text/csv' });
      return screen.files.keep(csv, 'csv', { name: 'audit.csv' });
    },
    stop() {
      audit?.stop();
      place.remove();
    },
  };
}
