/** Before the first screen: whoever has an unlock code types it, whoever has none yet is led to one, and nobody is locked out. */
import { localDate } from '../data/ids.js';
import { peopleHere, turn } from './people-here.js';
import { showSetPin } from './set-pin.js';
import { showUnlock, signInAgain } from './unlock.js';
import { button, element } from './widgets/dom.js';

const SEND_EVERY_MS = 15_000;
/** The day on which the code was put off, in ruhu-data. */
const LATER = 'pin_later';

/**
 * @param {HTMLElement} root
 * @param {Pick<import('./context.js').Ctx, 't' | 'now' | 'ids' | 'db' | 'api' | 'session' | 'outbox' | 'store' | 'lock'>} ctx
 */
export async function passGate(root, ctx) {
  const { t, now, session, outbox, store, lock } = ctx;
  const { user } = session;
  if (!user || lock.state() === 'open') return;
  if (lock.state() === 'none') {
    const today = localDate(now());
    if (await store.meta(LATER) === today) return;
    if (await showSetPin(root, { t, keep: lock.setPin, later: true }) === 'later') await store.setMeta(LATER, today);
    return;
  }
  const again = signInAgain(t, async () => {
    await session.signOut(await outbox.unconfirmed({ mine: true }) > 0);
    location.hash = '#/signin';
    location.reload();
  });
  const waiting = await outbox.unconfirmed({ mine: true });
  const stop = keepSending(ctx);
  const someoneNew = button(t('别人用这部手机'), () => void turn(ctx), { 'data-name': 'someone-new' });
  await new Promise((done) => {
    const recovering = button(t('请办公室找回草稿'), () => recover(root, ctx, () => done(undefined)), { 'data-name': 'recovering' });
    void showUnlock(root, { t, lock, name: user.name, waiting, more: [...(waiting ? [exportCard(ctx)] : []), recovering, again], below: [peopleHere(ctx), someoneNew] })
      .then(done);
  });
  stop();
}

/** @param {HTMLElement} root @param {Parameters<typeof passGate>[1]} ctx @param {() => void} done */
async function recover(root, ctx, done) {
  const { t, lock } = ctx;
  const place = element('main', { class: 'screen' });
  root.replaceChildren(place);
  const { recoverCard } = await import('./recover.js');
  recoverCard(place, ctx, async (raw) => {
    await showSetPin(root, { t, keep: (pin) => lock.setPin(pin, raw) });
    done();
  });
  place.append(button(t('返回'), () => location.reload()));
}

/** Finished work goes up closed while the phone is locked. @param {Parameters<typeof passGate>[1]} ctx */
function keepSending(ctx) {
  const send = () => void import('../data/send-closed.js').then(({ sendClosed }) => sendClosed(ctx)).catch(() => {});
  addEventListener('online', send);
  const timer = setInterval(send, SEND_EVERY_MS);
  send();
  return () => {
    removeEventListener('online', send);
    clearInterval(timer);
  };
}

/** Out as a file without unlocking: only the centre opens it. @param {Parameters<typeof passGate>[1]} ctx */
function exportCard(ctx) {
  const { t } = ctx;
  const said = element('p', { role: 'status', 'data-name': 'export-said' });
  return element('div', {}, button(t('不开锁,导出封好的走访'), async () => {
    const { problemText, save } = await import('./courier.js');
    try {
      const { exportWork } = await import('../data/courier.js');
      const made = await exportWork(ctx);
      made.forEach(save);
      said.textContent = made.length ? t('已存到下载里。文件只有中心能打开,请交给中心。') : t('没有要导出的,全部已到中心。');
    } catch (error) {
      said.textContent = problemText(error, t);
    }
  }, { 'data-name': 'export-closed' }), said);
}
