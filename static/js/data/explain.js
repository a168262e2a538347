/** What a person is told of an answer that is not `ok`. Source texts, which the screens translate. */

/**
 * One cause and one next step (source texts) for an answer that is not `ok`.
 * @param {import('./api.js').Offline | import('./api.js').Refused} answer
 * @returns {{text: string, next: string, values: Record<string, any>}}
 */
export function explain(answer) {
  if (answer.kind === 'offline') return OFFLINE[answer.cause];
  const known = REFUSED[answer.code] ?? REFUSED[String(answer.status)];
  if (known) return known;
  if (answer.message) return { text: answer.message.replace(/[。.]$/, ''), next: answer.next || '稍后会自动再试', values: {} };
  if (answer.status >= 500) return line('服务器出错了', '数据留在手机上，稍后会自动再试；一直这样请告诉管理员');
  return { text: '服务器没有接受（错误 {code}）', next: '稍后会自动再试；一直这样请告诉管理员', values: { code: answer.code } };
}

/**
 * The same for something that was thrown on this phone.
 * @param {unknown} error
 * @returns {ReturnType<typeof explain>}
 */
export function explainError(error) {
  if (error instanceof Error && error.name === 'NotSaved') return { text: error.message, next: '没送出的内容还在手机里，有了空间会自动再试', values: {} };
  return { text: '同步时出错：{error}', next: '数据在手机上是安全的，稍后会自动再试', values: { error: String(error) } };
}

const line = (/** @type {string} */ text, /** @type {string} */ next) => ({ text, next, values: {} });

/** @type {Record<import('./api.js').OfflineCause, ReturnType<typeof explain>>} */
const OFFLINE = {
  network: line('连不上服务器', '有网络时会自动再试，数据在手机上是安全的'),
  timeout: line('网络太慢，等了一分钟没有回应', '会减小每批数量自动再试'),
  captive: line('这个 Wi-Fi 要先登录，返回的不是服务器的答复', '先在浏览器里登录 Wi-Fi，或换用手机流量'),
  not_json: line('服务器的答复没有传完整', '会自动再试'),
  wrong_key: line('服务器出示的密钥和登记的不一样，可能有人冒充', '先不要重新登录，问管理员；数据在手机上是安全的'),
  unsigned: line('服务器的回执没有有效签名，不算数', '会自动再试；一直这样请告诉管理员，数据在手机上'),
  other_log: line('服务器收到的内容和手机上的对不上', '请马上告诉管理员；数据在手机上是安全的，没有打勾'),
  wrong_server: line('这个网址上换了一台服务器', '不要重新登录，先问管理员'),
};

/** @type {Record<string, ReturnType<typeof explain>>} */
const REFUSED = {
  retry: line('服务器没有收下这一批，编号接不上', '会从缺的一条起自动再送；一直这样请告诉管理员'),
  format_unknown: line('服务器的版本比手机旧，读不懂', '请管理员更新服务器；内容留在手机上'),
  device_revoked: line('这台手机已被停用', '请找乡镇管理员；没送出的内容仍会送出，由管理员核对'),
  not_found: line('服务器上没有要找的内容', '稍后会自动再试；一直这样请告诉管理员'),
  epoch_changed: line('服务器换过或从备份恢复过', '会自动从缺的一条起补送，不用重填'),
  cursor_stale: line('负责的区域有变动，或服务器恢复过', '会自动重新下载登记册；没送出的内容不受影响'),
  blob_offset: line('照片传到一半断了', '会自动接着传'),
  blob_digest: line('一张照片在路上损坏了', '会自动从头重传'),
  blob_size: line('有一个文件的大小和答卷写的不一样，服务器没有收', '其他内容不受影响；请把这份答卷告诉管理员'),
  bad_json: line('上传的数据在路上损坏了', '会自动再试；换一个网络更好'),
  bad_op: line('服务器读不懂这部手机送的内容', '请到“今日”更新应用；内容留在手机上'),
  bad_request: line('服务器读不懂这部手机的请求', '请到“今日”更新应用；内容留在手机上'),
  unsupported_type: line('服务器读不懂这部手机的请求', '请到“今日”更新应用；内容留在手机上'),
  length_required: line('这个网络改动了上传的数据', '请换一个网络再试'),
  store_failed: line('服务器暂时写不进硬盘', '数据留在手机上，稍后会自动再试'),
  404: line('这个网址上找不到入户的服务', '请告诉管理员；内容留在手机上'),
  401: line('登录已失效', '请重新登录，没有上传的数据会保留'),
  length_mismatch: line('上传的数据被截断了', '会自动再试'),
  digest_mismatch: line('上传的数据在路上被改动了', '会自动再试；换一个网络更好'),
  cannot_sign: line('这部手机的签名密钥用不了', '请重新登录，没有上传的数据会保留'),
  413: line('一批数据太大', '会减小每批数量自动再试'),
  429: line('服务器忙', '稍后会自动再试'),
  503: line('服务器忙', '稍后会自动再试'),
  507: line('服务器硬盘快满了', '请告诉管理员；数据留在手机上'),
};
