/** Whoever lays the phone down locks it, after some minutes; never over something that is not on disk. */

const KEY = 'ruhu-away';
export const AWAY_MINUTES = [1, 5, 15, 30];

export function awayMinutes() {
  const set = Number(localStorage.getItem(KEY));
  return AWAY_MINUTES.includes(set) ? set : 5;
}
/** @param {number} minutes */
export const setAwayMinutes = (minutes) => localStorage.setItem(KEY, String(minutes));

/** @param {import('./context.js').Ctx} ctx */
export function lockWhenAway(ctx) {
  let since = 0;
  /** @type {any} */
  let timer = null;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    const limit = awayMinutes() * 60_000;
    if (ctx.lock.state() !== 'open') return;
    if (document.visibilityState === 'hidden') {
      since = ctx.now().getTime();
      timer = setTimeout(() => void ctx.lockNow(), limit);
    } else if (since && ctx.now().getTime() - since >= limit) {
      // The phone slept through the timer.
      void ctx.lockNow();
    }
  });
}
