/** The unlock code is changed: the old one first, then the new one twice. On a phone of before: only the new one. */
import { waitText } from './pin-words.js';
import { showSetPin } from './set-pin.js';
import { element } from './widgets/dom.js';
import { pinPad } from './widgets/pin-pad.js';

/** @param {HTMLElement} root @param {import('./context.js').Ctx} ctx */
export async function show(root, ctx) {
  const { t, lock } = ctx;
  ctx.header({ title: t('开锁码'), back: '#/settings' });
  if (lock.state() === 'none') return void fresh(lock.setPin);
  const { pad, say } = pinPad({
    t,
    async typed(old) {
      const raw = await lock.proves(old);
      if (raw.kind === 'open') return void fresh((pin) => lock.changePin(old, pin).then(() => {}));
      if (raw.kind === 'burnt') return location.reload();
      say(raw.wait_ms ? t('输错太多次,请等 {time}再试', { time: waitText(t, raw.wait_ms) }) : t('开锁码不对,还能试 {n} 次', { n: raw.kind === 'wrong' ? raw.left : 0 }));
    },
  });
  root.replaceChildren(element('section', { class: 'lock' }, element('p', {}, t('先输入现在的开锁码')), pad));

  /** @param {(pin: string) => Promise<void>} keep */
  async function fresh(keep) {
    await showSetPin(root, { t, keep });
    ctx.go('#/settings');
    await ctx.reload();
    const { sealOld } = await import('../data/seal-old.js');
    void sealOld(ctx).catch(() => {});
  }
}
