/** The address after # names the screen; each is loaded when it is first wanted. The head bar is here. */
import { parse } from '../core/code.js';
import * as formScreen from './form.js';
import { button, element } from './widgets/dom.js';

/** @type {Record<string, () => Promise<{show: (root: HTMLElement, ctx: any, params: any) => Promise<any>}>>} */
const SCREENS = {
  today: () => import('./today.js'),
  register: () => import('./register.js'),
  household: () => import('./household.js'),
  issues: () => import('./issues.js'),
  issue: () => import('./issue.js'),
  scan: () => import('./scan.js'),
  sync: () => import('./sync.js'),
  settings: () => import('./settings.js'),
  signin: () => import('./signin.js'),
  enrol: () => import('./enrol.js'),
  pin: () => import('./pin.js'),
  move: () => import('./move.js'),
  clear: () => import('./clear.js'),
  lost: () => import('./lost.js'),
  // With the first file: a printed code or a link opens a form in one round trip.
  form: async () => formScreen,
};

/** While it is held no new version of the app takes over. @returns {() => void} gives it back */
function holdForm() {
  /** @type {(value?: unknown) => void} */
  let end = () => {};
  const closed = new Promise((done) => { end = done; });
  void navigator.locks?.request('ruhu-form', { mode: 'shared' }, () => closed);
  return () => end();
}

/** @param {HTMLElement} root @param {any} ctx */
export function createRouter(root, ctx) {
  const bar = element('header', { class: 'bar' });
  const body = element('div', { class: 'screen' });
  const tabs = element('nav', { class: 'tabs' });
  root.replaceChildren(bar, body, tabs);
  /** @type {(() => Promise<boolean | void> | boolean | void) | null} */
  let leave = null;
  /** Of the screen that stands. */
  let address = location.href;
  let name = '';
  /** Tells the worker, from whichever window, that a form is open. @type {() => void} */
  let formClosed = () => {};
  let turn = 0;
  let stands = false;

  ctx.go = (/** @type {string} */ hash, /** @type {{replace?: boolean}} */ { replace = false } = {}) => {
    if (!replace) return void (location.hash = hash);
    history.replaceState(null, '', hash);
    address = location.href;
  };
  ctx.back = () => (history.length > 1 ? history.back() : ctx.go('#/today'));
  ctx.header = (/** @type {{title?: string, back?: boolean | string, hide?: boolean}} */ { title = '', back = false, hide = false }) => {
    bar.hidden = tabs.hidden = hide;
    if (hide) return;
    const badge = button('…', () => ctx.go('#/sync'), { class: 'badge', 'data-name': 'unconfirmed' });
    bar.replaceChildren(...(back ? [button('‹', () => (typeof back === 'string' ? ctx.go(back) : ctx.back()), { class: 'back', 'aria-label': ctx.t('返回') })] : []),
      element('h1', {}, title), badge);
    // The first screen is not kept waiting for a count over all work.
    if (stands) void showCount();
    const tab = (/** @type {string} */ hash, /** @type {string} */ text) =>
      element('a', { href: hash, 'aria-current': location.hash.startsWith(hash) ? 'page' : 'false' }, text);
    tabs.hidden = !ctx.session.user;
    tabs.replaceChildren(tab('#/today', ctx.t('今日')), tab('#/register', ctx.t('登记册')), tab('#/scan', ctx.t('扫码')),
      tab('#/sync', ctx.t('同步')), tab('#/settings', ctx.t('我的')));
  };

  async function showCount() {
    const badge = bar.querySelector('.badge');
    if (!badge) return;
    // A phone whose databases were thrown away has nothing left to count, and must not say that all is safe.
    if (ctx.session.lost) return badge.remove();
    const count = await ctx.outbox.unconfirmed({ mine: true });
    badge.textContent = count ? ctx.t('未到中心 {n}', { n: count }) : ctx.t('全部到中心 ✓✓✓');
    badge.classList.toggle('waiting', count > 0);
  }
  ctx.outbox.subscribe(() => void showCount());

  /** Where the address leads: the hash, or a printed code's path. @returns {{screen: string, params: any}} */
  function wanted() {
    const [, screen = '', rest = ''] = /^#\/([a-z]+)\/?(.*)$/.exec(location.hash) ?? [];
    const query = new URLSearchParams(location.hash.split('?')[1] ?? '');
    const params = /** @type {any} */ ({ ...Object.fromEntries(query), id: decodeURIComponent(rest.split('?')[0]) });
    if (SCREENS[screen]) return { screen, params };
    const trial = /^\/F\/([a-z0-9-]+)$/.exec(location.pathname);
    if (trial) return { screen: 'form', params: { form_id: trial[1], trial: !ctx.session.user } };
    const code = parse(location.href.split('#')[0]);
    if (code && ctx.session.user) return { screen: 'scan', params: { text: location.href } };
    return { screen: 'today', params: {} };
  }

  async function show() {
    const mine = ++turn;
    // Something typed is not saved: the person stays with it, whatever was tapped.
    if (await leave?.() === false) return void (location.href !== address && history.pushState(null, '', address));
    leave = null;
    address = location.href;
    let { screen, params } = wanted();
    if (ctx.session.lost && !['signin', 'enrol', 'settings'].includes(screen)) [screen, params] = ['lost', {}];
    else if (!ctx.session.user && !['settings', 'enrol'].includes(screen) && !params.trial) [screen, params] = ['signin', {}];
    formClosed();
    if (screen === 'form') formClosed = holdForm();
    const module = await SCREENS[screen]();
    if (mine !== turn) return;
    name = screen;
    // Each screen has a place of its own: one that was left and paints late must not paint over the next.
    const place = element('div', {});
    body.replaceChildren(place);
    window.scrollTo(0, 0);
    const left = await module.show(place, ctx, params);
    if (!stands) void showCount();
    stands = true;
    if (mine === turn) leave = left ?? null;
    else if (await left?.() === false) leave = left;
  }
  ctx.reload = show;
  addEventListener('hashchange', () => void show());
  addEventListener('pagehide', () => void leave?.());
  return {
    show, busy: () => name === 'form',
    /** What is typed goes to disk; false: it could not. */
    rest: async () => await leave?.() !== false,
  };
}
