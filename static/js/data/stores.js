/** What the databases of the phone are made of. */

/**
 * As much of a database as is needed to make it, the browser's own or idb's.
 * @typedef {{createObjectStore: (name: string, how?: IDBObjectStoreParameters) =>
 *   {createIndex: (name: string, path: string | string[], how?: IDBIndexParameters) => unknown}}} Making
 */

/** @param {Making} db @param {number} from the version that is here; 0 on a new phone */
function upgradeData(db, from) {
  // The register, some tens of records to a pack, and what each pack holds; `record` has the small kinds, and packed kinds of before.
  if (from < 4) for (const name of ['pack', 'place']) db.createObjectStore(name, { keyPath: 'id' });
  // Search rows, some at a time; `row` holds those of before.
  if (from < 3) db.createObjectStore('block', { keyPath: 'n', autoIncrement: true });
  // The pictures, sounds and films of forms, by their bytes: versions share what did not change.
  if (from < 2) db.createObjectStore('form_file', { keyPath: 'sha256' });
  if (from >= 1) return;
  db.createObjectStore('meta', { keyPath: 'key' });
  const record = db.createObjectStore('record', { keyPath: ['kind', 'id'] });
  record.createIndex('by_household', ['kind', 'fields.household_id']);
  record.createIndex('by_code', 'fields.code');
  record.createIndex('by_kind', 'kind');
  db.createObjectStore('row', { keyPath: 'id' });
  db.createObjectStore('form', { keyPath: ['form_id', 'version'] });
  const draft = db.createObjectStore('draft', { keyPath: 'draft_id' });
  draft.createIndex('household_id', 'household_id');
  db.createObjectStore('photo', { keyPath: 'sha256' });
  db.createObjectStore('log', { keyPath: 'n', autoIncrement: true });
}

/** @param {Making} db */
function upgradeOutbox(db) {
  const op = db.createObjectStore('op', { keyPath: ['install_id', 'dseq'] });
  op.createIndex('op_id', 'op_id', { unique: true });
  op.createIndex('submission', 'submission');
  // Rows carry these marks only while they are true, so the indexes stay as short as the work left.
  op.createIndex('offer', 'offer');
  op.createIndex('unconfirmed', 'unconfirmed');
  op.createIndex('overlaid', 'overlaid');
  const blob = db.createObjectStore('blob', { keyPath: 'sha256' });
  blob.createIndex('unsent', 'unsent');
  db.createObjectStore('counter', { keyPath: 'key' });
}

export const DATA = { name: 'ruhu-data', version: 4, upgrade: upgradeData };
export const OUTBOX = { name: 'ruhu-outbox', version: 1, upgrade: upgradeOutbox };
