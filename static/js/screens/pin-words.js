/** Words about PINs that several screens say. */

/** @param {import('./form-frame.js').Translate} t @param {number} ms */
export function waitText(t, ms) {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? t('{n} 秒', { n: seconds }) : t('{n} 分钟', { n: Math.ceil(seconds / 60) });
}

/** @param {import('./form-frame.js').Translate} t @param {'length' | 'simple'} why */
export const unfitText = (t, why) => (why === 'length' ? t('开锁码是 6 位数字') : t('太简单,别人一猜就中。不要用连号、重复的数字。'));
