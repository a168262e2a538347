/** Several people, one phone: each goes on behind a code of their own. */
import { button, element } from './widgets/dom.js';

/**
 * The others who use this phone, by name: the only thing one person sees of another.
 * @param {Pick<import('./context.js').Ctx, 't' | 'session'>} ctx
 */
export function peopleHere({ t, session }) {
  const { others } = session;
  return element('section', { class: 'card', 'data-name': 'people-here', hidden: !others.length },
    element('h2', {}, t('这部手机上的其他人')), ...others.map(({ install_id, user }) =>
      button(user.name, () => void turn({ session }, install_id), { 'data-user': user.username })));
}

/** The page goes with what it knows. @param {Pick<import('./context.js').Ctx, 'session'>} ctx @param {string} [installId] '' for somebody new */
export async function turn({ session }, installId = '') {
  await session.turnTo(installId);
  location.hash = installId ? '#/today' : '#/signin';
  location.reload();
}
