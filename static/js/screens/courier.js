/** On the sync page: work out as a file, receipts in from one. For weeks without a network. */
import { button, element } from './widgets/dom.js';

const TYPE = 'application/octet-stream';

/**
 * The card. It keeps its own state, since the page around it is painted anew with every change.
 * @param {import('./context.js').Ctx} ctx
 * @returns {{card: HTMLElement, paint: (waiting: number) => void}}
 */
export function courierCard(ctx) {
  const { t } = ctx;
  const about = element('p', { 'data-name': 'about' });
  const said = element('p', { role: 'status', 'data-name': 'courier-said' });
  const files = element('div', { 'data-name': 'courier-files' });
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'file', accept: '.ruhu,application/octet-stream', hidden: true, 'data-name': 'receipts' }));
  const out = /** @type {HTMLButtonElement} */ (button(t('导出到文件'), () => void exporting(), { 'data-name': 'export' }));
  const back = button(t('读入回执文件'), () => input.click());
  input.addEventListener('change', () => void reading());
  const card = element('section', { class: 'card', 'data-name': 'courier' }, element('h2', {}, t('没有网络时')), about, out, back, input, said, files,
    element('p', { class: 'hint' }, t('文件只有中心能打开,丢了也没人能看;别的手机和村里的节点只能代为转交。导出不等于送到:读入中心的回执,才会打三个勾。')));

  /** @param {string} text @param {boolean} [wrong] */
  function say(text, wrong = false) {
    said.textContent = text;
    said.className = wrong ? 'error' : '';
  }

  async function exporting() {
    out.disabled = true;
    files.replaceChildren();
    say(t('正在封装…'));
    try {
      const { exportWork } = await import('../data/courier.js');
      const made = await exportWork(ctx, (done, all) => say(t('正在封装 {done}/{all}', { done, all })));
      if (!made.length) say(t('没有要导出的,全部已到中心。'));
      for (const one of made) files.append(fileLine(one));
      if (made.length) {
        say(t('已导出。手机里的内容原样保留。'));
        save(made[0]);
      }
    } catch (error) {
      say(problemText(error, t), true);
    }
    out.disabled = false;
  }

  async function reading() {
    const file = input.files?.[0];
    input.value = '';
    if (!file) return;
    say(t('正在读入…'));
    try {
      const { readReceipts } = await import('../data/courier.js');
      const { confirmed, photos, problem } = await readReceipts(ctx, file);
      const left = await ctx.outbox.unconfirmed({ mine: true });
      if (!left) files.replaceChildren();
      const told = confirmed || photos ? t('中心确认了 {n} 份。', { n: confirmed }) : t('这个回执里没有新的确认。');
      say(`${told}${left ? t('还有 {n} 份没有到中心。', { n: left }) : ''}${problem ? ` ${problemOf(problem, t)}` : ''}`, Boolean(problem));
      await ctx.log.add(!problem, '读入回执文件,中心确认了 {n} 份', problem ? '请把回执文件重新拷一次再读' : '', { n: confirmed });
    } catch (error) {
      say(problemText(error, t), true);
    }
  }

  /** @param {import('../data/courier.js').Export} made */
  function fileLine(made) {
    const size = made.file.size >= 1e5 ? `${(made.file.size / 1e6).toFixed(1)} MB` : `${Math.ceil(made.file.size / 1000)} KB`;
    const line = element('p', {}, `${t('{works} 份走访,照片和附件 {photos} 个,{size}', { works: made.works, photos: made.photos, size })} `,
      button(t('再存一次'), () => save(made)));
    const shared = new File([made.file], made.name, { type: TYPE });
    if (navigator.canShare?.({ files: [shared] })) line.append(button(t('发送…'), () => void navigator.share({ files: [shared] }).catch(() => {})));
    return line;
  }

  return {
    card,
    paint(waiting) {
      about.textContent = waiting
        ? t('把还没到中心的 {n} 份走访连同照片存成一个封好的文件,用 U 盘或别人的手机带到中心。', { n: waiting })
        : t('全部已到中心,现在不用导出。');
      out.disabled = !waiting;
    },
  };
}

/** Into the phone's downloads. @param {import('../data/courier.js').Export} made */
export function save(made) {
  const address = URL.createObjectURL(made.file);
  const link = element('a', { href: address, download: made.name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the file after the click; a minute is more than it takes to begin.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {any} error @param {import('./context.js').Ctx['t']} t */
export const problemText = (error, t) => (error?.code ? problemOf(error.code, t) : t('没有成功:{error}。手机里的内容没有变。', { error: String(error?.message ?? error) }));

/** @param {string} code @param {import('./context.js').Ctx['t']} t */
function problemOf(code, t) {
  /** @type {Record<string, string>} */
  const texts = {
    courier_no_centre_key: t('手机还不知道中心的封装钥匙,不能导出。请联网同步一次,以后没有网也能导出。'),
    courier_foreign: t('这不是入户的回执文件,或文件已损坏。请选中心给的 .ruhu 回执文件。'),
    courier_is_export: t('这是导出的走访文件,不是回执。请把它交给中心,再读入中心给的回执。'),
    courier_version: t('这个文件来自更新的版本。请先联网更新应用,再读一次。'),
    courier_cut: t('回执文件不完整,断开之前的已经记下。请重新拷一次再读。'),
    courier_altered: t('回执文件有损坏或被改动,损坏之前的已经记下。请用原文件再读一次。'),
    courier_not_for_us: t('这个回执是封给节点的,手机打不开。请向中心要给手机的回执。'),
    courier_not_signed: t('回执不是本机认识的中心签发的,没有采用。请向中心重新要一份。'),
    courier_other_log: t('中心收到的内容和手机上的对不上,没有打勾。请马上告诉管理员;手机里的内容是安全的。'),
    courier_unsigned: t('回执没有中心的有效签名,没有采用。请向中心重新要一份。'),
    courier_cannot_sign: t('这部手机的签名密钥用不了,请联网重新登录,没有上传的数据会保留。'),
    courier_other_device: t('这个回执是给另一台手机的。请交给导出那份文件的手机。'),
  };
  return texts[code] ?? t('文件读不了({code})。', { code });
}
