/**
 * The outbox: every op this phone ever made, until the centre has kept it for a week.
 *
 * An op row holds the immutable op and what is known of its way:
 *   offer        1 while it must still be pushed
 *   unconfirmed  1 until the centre's receipt (②) is here
 *   overlaid     1 while it is drawn over the pulled record
 *   result       the node's answer {status, rev, seq, server_id, epoch, message}
 *   receipt1     the node's receipt (①);  receipt2 the centre's (②)
 *   chain        of the log up to this op; stubs keep it
 * On a phone with a PIN the op itself lies in `box`, as `bodies.js` says, and `about` is all that can be read of it.
 * The marks are deleted, not set to 0, so their indexes hold only open work.
 */
import { opHash } from '../core/canonical.js';
import { chainNext, chainStart } from '../core/chain.js';
import { aboutOf, createBodies } from './bodies.js';
import { sent, whole } from './db.js';
import { localTime } from './ids.js';
import { createLines } from './outbox-lines.js';

/**
 * @typedef {{entity: string, id: string, kind: 'create'|'update'|'void', area?: string, base_rev?: number,
 *   fields: Record<string, {old: any, new: any}>, blobs?: {sha256: string, size: number}[]}} Change
 * @typedef {{id: string, form_id: string, form_version: string, form_hash: string, area: string,
 *   household_id?: string}} SubmissionInfo
 * @typedef {{sha256: string, size: number, type: string, bytes: ArrayBuffer}} NewBlob
 * @typedef {import('../types.js').Op} Op
 * @typedef {import('../types.js').Receipt} Receipt
 * @typedef {{status: string, rev: number|null, seq: number|null, server_id: string, epoch: string,
 *   message?: string}} Result
 * @typedef {{install_id: string, dseq: number, op_id: string, hash: string, submission: string|null,
 *   household: string|null, made: string, op?: Op|null, about?: import('./bodies.js').About,
 *   box?: import('./envelope.js').Closed, key?: import('./bodies.js').WorkKey, chain?: string|null, offer?: 1, unconfirmed?: 1, overlaid?: 1,
 *   result?: Result, receipt1?: Receipt, receipt2?: Receipt, confirmed_at?: string}} Row
 * @typedef {'queued' | 'sent' | 'confirmed'} SyncState
 * @typedef {{key: string, submission: string|null, household: string|null, entity: string, made: string,
 *   state: SyncState, attention: string, message: string, ops: number, undo: boolean}} Work
 */

/** How long bodies stay after ②: longer than the next tier's oldest restorable backup. */
export const KEEP_DAYS = 7;
const RACE_LIMIT = 20;
/** How rows of the counter store begin that remember what was erased. */
const ERASED = 'erased:';
/** What a blob's mark says while the centre is not known to have it: it is here only, or the node has it too. */
const HERE_ONLY = 1;
const AT_NODE = 2;

/**
 * @param {{db: {outbox: import('./db.js').Connection}, session: import('./session.js').Session,
 *   now: () => Date, ids: () => string, bootId: string, monotonic?: () => number, cipher?: import('./cipher.js').Cipher}} parts
 */
export function createOutbox({ db, session, now, ids, bootId, cipher, monotonic = () => performance.now() }) {
  const bodies = createBodies({ cipher, centre: () => session.server?.keys?.centre?.seal ?? '' });
  /** @type {Set<() => void>} */
  const listeners = new Set();
  const lines = createLines({ db });
  const changed = () => {
    lines.forget();
    listeners.forEach((listener) => listener());
  };

  /**
   * Build the ops outside the transaction (hashing is asynchronous, IndexedDB is
   * not) against the counter as read, and store them only if no other tab moved it.
   * @param {(first: number, install: import('./session.js').Install) => Promise<Row[]>} build
   * @param {NewBlob[]} blobs
   * @param {string | null} submission
   * @returns {Promise<Row[]>}
   */
  async function store(build, blobs, submission) {
    const install = session.install;
    if (!install) throw new Error('nobody is signed in');
    const key = `dseq:${install.install_id}`;
    for (let race = 0; race < RACE_LIMIT; race++) {
      const last = await lastDseq(install.install_id);
      const rows = await build(last + 1, install);
      const closed = await bodies.closeWork(rows, blobs, workKey(rows[0]));
      const stored = await db.outbox.run((idb) => whole(idb, ['op', 'blob', 'counter'], async (tx) => {
        const ops = tx.objectStore('op');
        if (submission) {
          const before = await ops.index('submission').getAll(submission);
          if (before.length) return before;
        }
        // A repeat after a lost connection must find its own first try, not store it twice.
        if (await ops.index('op_id').get(rows[0].op_id)) return rows;
        if (((await tx.objectStore('counter').get(key))?.value ?? 0) !== last) return null;
        let chain = await chainIn(ops, install.install_id, last);
        for (const row of closed.rows) {
          row.chain = chain = chain && chainNext(chain, row.hash);
          sent(ops.add(row));
        }
        for (const blob of closed.blobs) sent(tx.objectStore('blob').put({ ...blob, unsent: 1, work: workKey(rows[0]) }));
        const counter = await tx.objectStore('counter').get(key);
        sent(tx.objectStore('counter').put({ ...counter, key, value: last + rows.length }));
        return rows;
      }));
      if (stored) {
        changed();
        return bodies.openRows(stored);
      }
    }
    throw new Error('the outbox counter never came to rest');
  }

  /** The chain of an install's log at a number; null where this phone has no such log. @param {string} installId @param {number} dseq */
  const chainAt = (installId, dseq) => db.outbox.run((idb) => chainIn(idb.transaction('op').store, installId, dseq));

  /** @param {string} installId highest dseq ever made by that install */
  const lastDseq = (installId) => db.outbox.run(async (idb) =>
    (await idb.get('counter', `dseq:${installId}`))?.value ?? 0);

  /**
   * @param {Change[]} changes
   * @param {SubmissionInfo | null} submission
   * @param {string} household
   */
  function builder(changes, submission, household) {
    const opIds = changes.map(() => ids());
    const moment = now();
    const tick = Math.round(monotonic());
    return (/** @type {number} */ first, /** @type {import('./session.js').Install} */ install) =>
      Promise.all(changes.map(async (change, index) => {
        /** @type {any} */
        const op = {
          v: 1, op_id: opIds[index], install_id: install.install_id, dseq: first + index,
          entity: change.entity, id: change.id, kind: change.kind,
          area: change.area ?? submission?.area ?? install.user.grants[0]?.area ?? '',
          base_rev: change.base_rev ?? 0, fields: change.fields,
          submission: submission?.id ?? null, form_id: submission?.form_id ?? null,
          form_version: submission?.form_version ?? null, form_hash: submission?.form_hash ?? null,
          actor: install.user.id, device_time: localTime(moment), monotonic_ms: tick, boot_id: bootId,
          blobs: change.blobs ?? [], sig: null,
        };
        op.hash = await opHash(op);
        return rowOf(op, household);
      }));
  }

  /**
   * Store a finished form: all its ops and blobs, or nothing. Doing it twice gives the first result.
   * @param {{submission: SubmissionInfo, ops: Change[], blobs?: NewBlob[]}} finished
   * @throws {import('./db.js').NotSaved}
   */
  async function finish({ submission, ops, blobs = [] }) {
    const rows = await store(builder(ops, submission, submission.household_id ?? ''), blobs, submission.id);
    return { ops: rows.map((row) => /** @type {Op} */ (row.op)) };
  }

  /**
   * Store ops that belong to no form, such as a visit where nobody was met.
   * @param {Change[]} changes
   * @param {string} household
   * @param {NewBlob[]} blobs
   * @throws {import('./db.js').NotSaved}
   */
  async function append(changes, household = '', blobs = []) {
    const rows = await store(builder(changes, null, household), blobs, null);
    return { ops: rows.map((row) => /** @type {Op} */ (row.op)) };
  }

  /**
   * Take back the newest op, if it is this one and was never offered to a server.
   * Only the last can go: dseq has no gaps.
   * @param {string} opId
   * @returns {Promise<boolean>}
   */
  async function undo(opId) {
    const done = await db.outbox.run((idb) => whole(idb, ['op', 'counter'], async (tx) => {
      const row = /** @type {Row | undefined} */ (await tx.objectStore('op').index('op_id').get(opId));
      if (!row || row.result || row.submission) return false;
      const key = `dseq:${row.install_id}`;
      const counter = await tx.objectStore('counter').get(key);
      if (counter.value !== row.dseq || (counter.offered ?? 0) >= row.dseq) return false;
      sent(tx.objectStore('op').delete([row.install_id, row.dseq]));
      sent(tx.objectStore('counter').put({ ...counter, value: row.dseq - 1 }));
      return true;
    }));
    if (done) changed();
    return done;
  }

  /**
   * Remember, before the bytes leave, that ops up to dseq may be at a server: they can't be undone now.
   * @param {string} installId
   * @param {number} dseq
   */
  const noteOffered = (installId, dseq) => db.outbox.run((idb) => whole(idb, ['counter'], async (tx) => {
    const counters = tx.objectStore('counter');
    const counter = await counters.get(`dseq:${installId}`);
    sent(counters.put({ ...counter, offered: Math.max(counter?.offered ?? 0, dseq) }));
  }));

  /** Ops of an install still to be pushed, in order, as far as they are ours to open. @param {string} installId @param {number} limit */
  const toOffer = (installId, limit) => db.outbox.run(async (idb) => {
    const keys = /** @type {[string, number][]} */ (await idb.getAllKeysFromIndex('op', 'offer'));
    const mine = keys.filter(([install]) => install === installId).sort((a, b) => a[1] - b[1]).slice(0, limit);
    return /** @type {Row[]} */ (await Promise.all(mine.map((key) => idb.get('op', key))));
  }).then(opened);

  /** @param {Row[]} rows @returns {Promise<Row[]>} up to the first that another person closed: a log has no gaps */
  async function opened(rows) {
    const open = await bodies.openRows(rows);
    const closed = open.findIndex((row) => !row.op);
    return closed < 0 ? open : open.slice(0, closed);
  }

  /**
   * Apply change(row) to rows in one transaction.
   * @param {[string, number][]} keys
   * @param {(row: Row) => void} change
   */
  async function update(keys, change) {
    if (!keys.length) return;
    await db.outbox.run((idb) => whole(idb, ['op'], async (tx) => {
      const ops = tx.objectStore('op');
      for (const key of keys) {
        const row = await ops.get(key);
        if (!row) continue;
        change(row);
        sent(ops.put(row));
      }
    }));
    changed();
  }

  /**
   * Note the node's answers to a batch. An answer without a receipt that names this very op, in the server's own
   * word, is no answer.
   * @param {Row[]} batch
   * @param {{server_id: string, epoch: string, results: any[]}} reply
   * @param {Date} at
   * @param {import('./word.js').Word} word
   * @returns {Promise<Row[]>} the rows that stay unanswered
   */
  async function noteResults(batch, reply, at, word) {
    const answers = new Map(reply.results.map((result) => [result.op_id, result]));
    const final = batch.filter((row) => {
      const answer = answers.get(row.op_id);
      return answer && answer.status !== 'retry' && vouchesFor(answer.receipt, row) && word.counts(row.dseq, answer.receipt);
    });
    await update(final.map(keyOf), (row) => {
      const { status, first, rev, seq, receipt, message } = answers.get(row.op_id);
      delete row.offer;
      row.result = {
        status: status === 'duplicate' ? first ?? 'applied' : status, rev, seq, message,
        server_id: reply.server_id, epoch: reply.epoch,
      };
      if (NEVER_SHOWN.has(row.result.status)) delete row.overlaid;
      row.receipt1 = receipt;
      if (receipt.tier === 'centre') confirm(row, receipt, at);
    });
    return batch.filter((row) => !final.includes(row));
  }

  /**
   * Note the centre's receipts. Only one whose hash is ours, in the centre's own word, counts as ②.
   * @param {string} installId
   * @param {any[]} receipts
   * @param {Date} at
   * @param {import('./word.js').Word} word
   */
  async function noteReceipts(installId, receipts, at, word) {
    const byDseq = new Map(receipts.map((one) => [one.dseq, one]));
    await update(receipts.map((one) => [installId, one.dseq]), (row) => {
      const { receipt, status, message } = byDseq.get(row.dseq);
      if (receipt?.tier !== 'centre' || !vouchesFor(receipt, row) || !word.counts(row.dseq, receipt)) return;
      if (row.result && status) row.result = { ...row.result, status, message: message ?? row.result.message };
      confirm(row, receipt, at);
    });
  }

  /**
   * The server lost everything past `acked` (a restore gave it a new epoch): offer it again from there.
   * A ② that this server itself had given in its former life counts no more.
   * @param {string} installId
   * @param {number} acked
   * @param {{server_id: string, epoch: string}} server
   */
  async function offerAgain(installId, acked, server) {
    const keys = await db.outbox.run((idb) => idb.getAllKeys('op', range(installId, acked + 1)));
    await db.outbox.run((idb) => whole(idb, ['op', 'blob'], async (tx) => {
      // What these ops name may have been lost with them; a node that has it says so before a byte travels.
      const blobs = tx.objectStore('blob');
      for (const row of await tx.objectStore('op').getAll(range(installId, acked + 1))) {
        for (const { sha256 } of aboutOf(row)?.blobs ?? []) {
          const held = await blobs.get(sha256);
          if (held) sent(blobs.put({ ...held, unsent: HERE_ONLY }));
        }
      }
    }));
    await update(/** @type {any} */ (keys), (row) => {
      if (!aboutOf(row)) return;
      row.offer = 1;
      row.overlaid = 1;
      delete row.result;
      delete row.receipt1;
      const centre = row.receipt2;
      if (centre && centre.server_id === server.server_id && centre.epoch !== server.epoch) {
        delete row.receipt2;
        delete row.confirmed_at;
      }
      if (!row.receipt2) row.unconfirmed = 1;
    });
  }

  /** Ops still drawn over the pulled records, in the order they were made; another person's stay closed. */
  const overlaid = async () => opsOf(await overlaidLines());
  /** The same without what they say. */
  const overlaidLines = async () => (await lines.all()).filter((line) => line.overlaid && isMine(line)).sort(byMaking);
  /** With what they say, in their order; those that are not ours to open come without. @param {Pick<Row, 'install_id' | 'dseq'>[]} some @returns {Promise<Row[]>} */
  const opsOf = async (some) => bodies.openRows(some.length ? await db.outbox.run((idb) => rowsAt(idb.transaction('op').objectStore('op'), some.map(keyOf))) : []);
  /** Which ops are drawn over records and which are unanswered, told briefly and read without a row. */
  const openMarks = () => db.outbox.run(async (idb) => {
    const ops = idb.transaction('op').objectStore('op');
    const [overlaid, offer] = await Promise.all([ops.index('overlaid').getAllKeys(), ops.index('offer').getAllKeys()]);
    return /** @type {const} */ ([runsOf(/** @type {any} */ (overlaid)), runsOf(/** @type {any} */ (offer)), session.server?.epoch ?? '']);
  });
  /** Whether nobody else on this phone made it. @param {Pick<Row, 'install_id'>} row */
  const isMine = (row) => {
    const maker = session.installs.find((one) => one.install_id === row.install_id);
    return !maker || maker.user.id === session.user?.id;
  };

  /**
   * "kind id" of the records with an op that is still drawn over them, or that the centre has not confirmed, and of
   * the households such ops belong to.
   * @param {('overlaid' | 'unconfirmed')[]} marks
   */
  const openRecords = async (marks = ['overlaid', 'unconfirmed']) => new Set((await lines.all())
    .filter((line) => line.about && marks.some((mark) => line[mark]))
    .flatMap(({ about, household }) => [`${about?.entity} ${about?.id}`, ...(household ? [`household ${household}`] : [])]));

  /** The pulled record has caught up with these. @param {[string, number][]} keys */
  const settle = (keys) => update(keys, (row) => { delete row.overlaid; });

  /** Install ids with something to push or to be confirmed, oldest work first. */
  const openInstalls = () => db.outbox.run(async (idb) => {
    const offered = await idb.getAllKeysFromIndex('op', 'offer');
    const waiting = await idb.getAllKeysFromIndex('op', 'unconfirmed');
    return [...new Set([...offered, ...waiting].map((/** @type {any} */ key) => key[0]))];
  });

  /** Lowest unconfirmed dseq of an install, or null. @param {string} installId */
  const firstUnconfirmed = (installId) => db.outbox.run(async (idb) => {
    const keys = /** @type {[string, number][]} */ (await idb.getAllKeysFromIndex('op', 'unconfirmed'));
    const mine = keys.filter(([install]) => install === installId).map(([, dseq]) => dseq);
    return mine.length ? Math.min(...mine) : null;
  });

  /**
   * How many pieces of work (forms, lone visits) the centre has not confirmed.
   * @param {{mine?: boolean}} [which] mine: only of whoever is signed in, the number on the badge
   */
  async function unconfirmed({ mine = false } = {}) {
    const all = await lines.all();
    const counts = (/** @type {Pick<Row, 'install_id'>} */ line) => !mine || isMine(line);
    const works = new Set(all.filter((line) => line.unconfirmed && counts(line)).map(workKey));
    // A form whose ops are safe but whose photo is still here, or at the node only, is not safe.
    for (const work of (await photosWaiting(all, counts)).keys()) works.add(work);
    return works.size;
  }

  /**
   * Works with a photo that the centre is not known to have, each with how far its least safe one came. Not a byte of
   * a photo is read for it.
   * @param {import('./outbox-lines.js').Line[]} all @param {(line: Pick<Row, 'install_id'>) => boolean} counts
   * @returns {Promise<Map<string, number>>}
   */
  async function photosWaiting(all, counts) {
    const [here, below] = await Promise.all([blobsToSend(), blobsBelow()]);
    const marks = new Map([...below.map((sha256) => /** @type {const} */ ([sha256, AT_NODE])), ...here.map((sha256) => /** @type {const} */ ([sha256, HERE_ONLY]))]);
    /** @type {Map<string, number>} */
    const works = new Map();
    if (!marks.size) return works;
    const named = new Set();
    const least = (/** @type {string} */ work, /** @type {number} */ mark) => works.set(work, Math.min(mark, works.get(work) ?? AT_NODE));
    for (const line of all) {
      for (const { sha256 } of line.about?.blobs ?? []) {
        const mark = marks.get(sha256);
        if (mark) named.add(sha256);
        if (mark && counts(line)) least(workKey(line), mark);
      }
    }
    // One that no op here names any more is still somebody's.
    for (const [sha256, mark] of marks) if (!named.has(sha256)) least((await db.outbox.run((idb) => idb.get('blob', sha256)))?.work ?? sha256, mark);
    return works;
  }

  /** What the centre has not confirmed of an install, in order. @param {string} installId */
  const unconfirmedRows = async (/** @type {string} */ installId) => opened(await closedRows(installId));
  const closedRows = (/** @type {string} */ installId) => db.outbox.run(async (idb) => {
    const rows = /** @type {Row[]} */ (await idb.getAllFromIndex('op', 'unconfirmed'));
    return rows.filter((row) => aboutOf(row) && row.install_id === installId).sort((a, b) => a.dseq - b.dseq);
  });

  /** Photos and files that are still here of these ops, or that no server has yet. @param {Row[]} rows */
  const blobsOf = (rows) => db.outbox.run(async (idb) => {
    const named = new Set(rows.flatMap((row) => aboutOf(row)?.blobs ?? []).map((blob) => blob.sha256));
    const wanted = [...named, ...await idb.getAllKeysFromIndex('blob', 'unsent')];
    const here = new Set(await idb.getAllKeys('blob'));
    return /** @type {string[]} */ ([...new Set(wanted)].filter((sha256) => here.has(sha256)));
  });

  /** How many ops of an install are unconfirmed: the office wants to know. @param {string} installId */
  const unconfirmedOps = (installId) => db.outbox.run(async (idb) =>
    (await idb.getAllKeysFromIndex('op', 'unconfirmed')).filter((/** @type {any} */ key) => key[0] === installId).length);

  /** Everything whoever is signed in made on this phone, newest first, one line per form or lone visit; stubs stay for ever. */
  async function works() {
    const [all, counters] = await Promise.all([lines.all(), db.outbox.run((idb) => idb.getAll('counter'))]);
    return worksOf(all.filter(isMine), await photosWaiting(all, isMine), new Map(counters.map((one) => [one.key, one])));
  }

  /**
   * Blobs the node has not taken yet.
   * @param {Set<string>} [others] installs that bring their own: without what only their ops name
   * @returns {Promise<string[]>}
   */
  async function blobsToSend(others) {
    const here = /** @type {string[]} */ (await db.outbox.run((idb) => idb.getAllKeysFromIndex('blob', 'unsent', HERE_ONLY)));
    if (!others?.size || !here.length) return here;
    const [ours, theirs] = [new Set(), new Set()];
    for (const line of await lines.all()) for (const { sha256 } of line.about?.blobs ?? []) (others.has(line.install_id) ? theirs : ours).add(sha256);
    return here.filter((sha256) => ours.has(sha256) || !theirs.has(sha256));
  }
  /**
   * Blobs a node has and the centre may not have.
   * @param {string} [installId] without those that only ops of another install name: it may be asked about by that one alone
   * @returns {Promise<string[]>}
   */
  async function blobsBelow(installId) {
    const below = /** @type {string[]} */ (await db.outbox.run((idb) => idb.getAllKeysFromIndex('blob', 'unsent', AT_NODE)));
    if (!installId || !below.length) return below;
    const [ours, theirs] = [new Set(), new Set()];
    for (const line of await lines.all()) for (const { sha256 } of line.about?.blobs ?? []) (line.install_id === installId ? ours : theirs).add(sha256);
    return below.filter((sha256) => ours.has(sha256) || !theirs.has(sha256));
  }
  /** @param {string} sha256 @returns {Promise<NewBlob | undefined>} undefined also where another person closed it */
  const blob = async (sha256) => bodies.openBlob(await db.outbox.run((idb) => idb.get('blob', sha256)));
  /** @param {string} sha256 @returns {Promise<import('./bodies.js').ClosedBlob | undefined>} */
  const blobAsKept = (sha256) => db.outbox.run((idb) => idb.get('blob', sha256));
  /** How far a blob has come: nowhere, to the node, to the centre. @param {string} sha256 @param {'' | 'here' | 'centre'} place */
  async function markBlob(sha256, place) {
    await db.outbox.run((idb) => whole(idb, ['blob'], async (tx) => {
      const held = await tx.objectStore('blob').get(sha256);
      if (!held) return;
      const { unsent, ...row } = held;
      sent(tx.objectStore('blob').put(place === 'centre' ? row : { ...row, unsent: place === 'here' ? AT_NODE : HERE_ONLY }));
    }));
    changed();
  }

  /**
   * Drop bodies the centre has had for KEEP_DAYS; a stub (id, household, date, state) stays.
   * @param {Date} at
   */
  async function prune(at) {
    const before = new Date(at.getTime() - KEEP_DAYS * 86_400_000).toISOString();
    const erased = new Set(await db.outbox.run((idb) => idb.getAllKeys('counter', IDBKeyRange.bound(ERASED, `${ERASED}\uffff`))));
    /** @param {Pick<Row, 'about' | 'unconfirmed' | 'offer' | 'confirmed_at'>} line */
    const isOver = ({ about, unconfirmed: open, offer, confirmed_at: since }) => Boolean(about && !open && !offer && since
      && (since <= before || erased.has(`${ERASED}${about.entity} ${about.id}`)));
    const over = (await lines.all()).filter(isOver);
    if (!over.length) return;
    await db.outbox.run((idb) => whole(idb, ['op', 'blob'], async (tx) => {
      for (const line of over) {
        const row = /** @type {Row} */ (await tx.objectStore('op').get(keyOf(line)));
        const about = aboutOf(row);
        // Read once more: another window may have offered it again.
        if (!about || !isOver({ ...row, about })) continue;
        const gone = erased.has(`${ERASED}${about.entity} ${about.id}`);
        for (const { sha256 } of about.blobs) {
          const held = await tx.objectStore('blob').get(sha256);
          if (held && (gone || !held.unsent)) sent(tx.objectStore('blob').delete(sha256));
        }
        const { about: _about, box: _box, key: _key, ...stub } = row;
        sent(tx.objectStore('op').put({ ...stub, op: null, overlaid: undefined }));
      }
    }));
    lines.forget();
  }

  /** These records were erased by law: what was said of them goes once the centre has it. @param {string[]} keys "kind id" */
  async function noteErased(keys) {
    if (!keys.length) return;
    await db.outbox.run((idb) => whole(idb, ['counter'], async (tx) => {
      for (const key of keys) sent(tx.objectStore('counter').put({ key: `${ERASED}${key}`, value: 1 }));
    }));
  }

  /** Which of these are submissions stored here; a draft with such an id was finished. @param {string[]} ids @returns {Promise<string[]>} */
  const finished = (ids) => db.outbox.run(async (idb) => {
    const bySubmission = idb.transaction('op').objectStore('op').index('submission');
    const found = await Promise.all(ids.map((id) => bySubmission.getKey(id)));
    return ids.filter((_id, i) => found[i]);
  });

  return {
    finish, append, undo, noteOffered, toOffer, noteResults, noteReceipts, offerAgain, overlaid, openRecords, settle,
    openInstalls, firstUnconfirmed, unconfirmed, unconfirmedOps, works, blobsToSend, blob, blobAsKept, blobsBelow, markBlob, prune, noteErased,
    finished, lastDseq, chainAt, unconfirmedRows, closedRows, blobsOf, overlaidLines, opsOf, openMarks, bodies,
    /** @param {() => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** @typedef {ReturnType<typeof createOutbox>} Outbox */

/** A quarantined op changed nothing at the server and will change nothing here. */
const NEVER_SHOWN = new Set(['quarantined']);

/** @param {Op} op @param {string} household @returns {Row} */
function rowOf(op, household) {
  return {
    install_id: op.install_id, dseq: op.dseq, op_id: op.op_id, hash: op.hash, submission: op.submission,
    household: household || op.fields.household_id?.new || null, made: op.device_time, op,
    offer: 1, unconfirmed: 1, overlaid: 1,
  };
}

/**
 * Rows made by older versions carry no chain: it follows from the hashes, which stubs keep.
 * @param {any} ops the object store
 * @param {string} installId
 * @param {number} dseq
 * @returns {Promise<string | null>} null where a row is missing
 */
async function chainIn(ops, installId, dseq) {
  if (!dseq) return chainStart(installId);
  const row = /** @type {Row | undefined} */ (await ops.get([installId, dseq]));
  if (!row) return null;
  if (row.chain) return row.chain;
  const rows = /** @type {Row[]} */ (await ops.getAll(IDBKeyRange.bound([installId, 1], [installId, dseq])));
  if (rows.length !== dseq) return null;
  return rows.reduce((chain, one) => one.chain ?? chainNext(chain, one.hash), chainStart(installId));
}

/** @param {any} receipt @param {Row} row */
function vouchesFor(receipt, row) {
  return Boolean(receipt) && receipt.op_id === row.op_id && receipt.hash === row.hash;
}

/** @param {Row} row @param {Receipt} receipt @param {Date} at */
function confirm(row, receipt, at) {
  delete row.unconfirmed;
  row.receipt2 = receipt;
  row.confirmed_at = at.toISOString();
}

/** @param {Pick<Row, 'install_id' | 'dseq'>} row @returns {[string, number]} */
export const keyOf = (row) => [row.install_id, row.dseq];
/** @typedef {import('./outbox-lines.js').Line} Line */

/** Numbers that follow each other are one stretch. @param {[string, number][]} keys @returns {[string, number, number][]} install, first and last */
function runsOf(keys) {
  /** @type {[string, number, number][]} */
  const runs = [];
  for (const [install, dseq] of [...keys].sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1))) {
    const last = runs[runs.length - 1];
    if (last && last[0] === install && last[2] === dseq - 1) last[2] = dseq;
    else runs.push([install, dseq, dseq]);
  }
  return runs;
}

/**
 * Rows in the places of their keys; a stretch is read at once, for one question a row takes longer than the row.
 * @param {any} ops the object store @param {[string, number][]} keys @returns {Promise<Row[]>}
 */
async function rowsAt(ops, keys) {
  const found = await Promise.all(runsOf(keys).map(([install, first, last]) => ops.getAll(IDBKeyRange.bound([install, first], [install, last]))));
  const rows = new Map(found.flat().map((row) => [String(keyOf(row)), row]));
  return keys.map((key) => rows.get(String(key)));
}

/** @param {Line} a @param {Line} b */
const byMaking = (a, b) => (a.install_id === b.install_id ? a.dseq - b.dseq : a.made < b.made ? -1 : 1);
/** @param {Pick<Row, 'submission' | 'op_id'>} row */
const workKey = (row) => row.submission ?? row.op_id;
/** @param {string} installId @param {number} from */
const range = (installId, from) => IDBKeyRange.bound([installId, from], [installId, Infinity]);

/**
 * One line per form or lone op. A form is only as far as its slowest op or photo.
 * @param {Line[]} rows
 * @param {Map<string, number>} photosWaiting works with a photo that is only here (1) or at the node (2)
 * @param {Map<string, {value: number, offered?: number}>} counters
 * @returns {Work[]}
 */
export function worksOf(rows, photosWaiting, counters) {
  /** @type {Map<string, Line[]>} */
  const groups = new Map();
  for (const row of rows) {
    const key = workKey(row);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const works = [...groups].map(([key, group]) => {
    const [first] = group.sort((a, b) => a.dseq - b.dseq);
    const troubled = group.find((row) => ATTENTION.has(row.result?.status ?? ''));
    const counter = counters.get(`dseq:${first.install_id}`);
    return {
      key, submission: first.submission, household: first.household, made: first.made, ops: group.length,
      entity: first.about?.entity ?? (first.submission ? 'submission' : 'visit'),
      state: slower(stateOf(group), PHOTO_STATES[photosWaiting.get(key) ?? 0]),
      attention: troubled?.result?.status ?? '', message: troubled?.result?.message ?? '',
      undo: !first.submission && !first.result && counter?.value === first.dseq && (counter.offered ?? 0) < first.dseq,
    };
  });
  return works.sort((a, b) => (a.made < b.made ? 1 : -1));
}

/** Answers that a person at the office has to look at; the op itself is safe. */
const ATTENTION = new Set(['conflict', 'held', 'quarantined']);

/** How safe a work can be at most by its least safe photo: none waits, one is here only, one is at the node. @type {SyncState[]} */
const PHOTO_STATES = ['confirmed', 'queued', 'sent'];
/** @type {SyncState[]} */
const BY_SAFETY = ['queued', 'sent', 'confirmed'];

/** @param {SyncState} a @param {SyncState} b */
const slower = (a, b) => (BY_SAFETY.indexOf(a) < BY_SAFETY.indexOf(b) ? a : b);

/** @param {Line[]} group @returns {SyncState} */
function stateOf(group) {
  if (group.every((row) => row.receipt2)) return 'confirmed';
  return group.every((row) => row.receipt1 || row.receipt2) ? 'sent' : 'queued';
}
