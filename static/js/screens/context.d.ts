/** What every screen is given. */
import type { Api } from '../data/api.js';
import type { Drafts } from '../data/drafts.js';
import type { Formstore } from '../data/formstore.js';
import type { Keeping } from '../data/keeping.js';
import type { Cipher } from '../data/cipher.js';
import type { Lock } from '../data/lock.js';
import type { Log } from '../data/log.js';
import type { Outbox } from '../data/outbox.js';
import type { Session } from '../data/session.js';
import type { Store } from '../data/store.js';
import type { Sync } from '../data/sync-loop.js';
import type { openDatabases } from '../data/db.js';

export interface Ctx {
  db: ReturnType<typeof openDatabases>;
  store: Store;
  outbox: Outbox;
  session: Session;
  lock: Lock;
  cipher: Cipher;
  formstore: Formstore & { file(name: string): Promise<null> };
  drafts: Drafts;
  sync: Sync;
  api: Api;
  log: Log;
  keeping: Keeping;
  /** a new version of the app that waits; apply answers false while a form is open in any window */
  update?: { ready: boolean; apply(): Promise<boolean> };
  readonly lang: string;
  t(zh: string, vars?: { [name: string]: any }): string;
  now(): Date;
  ids(): string;
  /** To another screen; with replace only the address changes. */
  go(hash: string, options?: { replace?: boolean }): void;
  back(): void;
  /** Everything typed goes to disk, then nothing is shown until the unlock code was typed. */
  lockNow(): Promise<void>;
  /** Show the present screen anew. */
  reload(): Promise<void>;
  /** The top bar; back: true is where we came from, a hash is there. */
  header(bar: { title?: string; back?: boolean | string; hide?: boolean }): void;
}
