/**
 * On a first visit by a link: the databases are made while the app's code is still on its way, and the phone has nothing
 * else to do. The app then finds them; what goes wrong here it meets, and tells.
 */
import { DATA, OUTBOX } from './data/stores.js';

for (const { name, version, upgrade } of [DATA, OUTBOX]) {
  try {
    const asked = indexedDB.open(name, version);
    asked.onupgradeneeded = ({ oldVersion }) => upgrade(asked.result, oldVersion);
    asked.onsuccess = () => asked.result.close();
    asked.onerror = (event) => event.preventDefault();
  } catch {
    // Storage is forbidden.
  }
}
