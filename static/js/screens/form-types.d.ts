/** Shapes the form screen works with. Types only. */

export type Text = { [lang: string]: string | (string | { tree: unknown })[] };

export interface DefinitionNode {
  path: string;
  name: string;
  kind: 'group' | 'repeat' | 'question';
  type: string;
  parent: string;
  label?: Text;
  hint?: Text;
  guidance?: Text;
  media?: { [kind: string]: string | { [lang: string]: string } };
  items?: { repeat?: string; instance?: string };
  appearance?: string[];
  parameters?: { [name: string]: string };
  /** body:: extras */
  body?: { [name: string]: string };
  required?: unknown;
  constraint?: unknown;
  readonly?: unknown;
  relevant?: unknown;
  calculation?: unknown;
  default?: string;
  dynamic_default?: unknown;
  list?: string;
  choice_filter?: unknown;
  count?: unknown;
  trigger?: string[];
  carried?: { list: string; property: string };
  reads_register?: boolean;
  save_to?: string;
}

export interface EntityDeclaration {
  list: string;
  scope: string;
  entity_id?: unknown;
  label?: unknown;
  save_to: { [property: string]: string };
}

export interface Definition {
  format: number;
  form_id: string;
  version: string;
  title: Text;
  languages: string[];
  default_language: string;
  root: string;
  nodes: DefinitionNode[];
  lists: { [name: string]: { name: string; label: Text; media?: { [kind: string]: unknown }; extra?: { [column: string]: string } }[] };
  instances?: { [name: string]: { kind: string; file?: string } };
  tables?: { [name: string]: { [column: string]: string }[] };
  entities?: EntityDeclaration[];
  /** the log of filling, where the form asks for one */
  audit?: { path: string; parameters: { [name: string]: string } };
}

export interface Violation {
  path: string;
  code: string;
  message: string;
}

export interface Choice {
  name: string;
  label: string;
  media?: { [kind: string]: string | { [lang: string]: string } };
}

/** What core/instance.js gives. */
export interface Instance {
  set(path: string, text: string): unknown;
  addRepeat(path: string): unknown;
  removeRepeat(path: string, index: number): boolean;
  /** Puts the instance removed last back where it was. */
  restoreRepeat(): boolean;
  has(path: string): boolean;
  count(path: string): number;
  value(path: string): string;
  isRelevant(path: string): boolean;
  isReadonly(path: string): boolean;
  isRequired(path: string): boolean;
  violation(path: string): Violation | null;
  choices(path: string): Choice[];
  label(path: string): string;
  hint(path: string): string;
  parts(path: string, which: 'label' | 'hint' | 'guidance'): (string | { value: string })[];
  answers(): unknown;
  draft(): unknown;
  finalize(): { valid: boolean; violations: Violation[]; answers: unknown; instanceName?: string };
  setLanguage(lang: string): void;
  subscribe(listener: (changed: Iterable<string>) => void): () => void;
}

/** A question whose value came from the register, and what the cadre said of it. */
export interface Carried {
  value: string;
  date: string;
  state: 'unconfirmed' | 'same' | 'changed';
}

export interface RegisterRecord {
  kind: string;
  id: string;
  area: string;
  rev: number;
  fields: { [name: string]: string };
  since?: import('../types.js').Since;
}

/** The records as they were when the form was opened. */
export interface Base {
  household: RegisterRecord | null;
  member: RegisterRecord[];
  visit: RegisterRecord[];
  issue: RegisterRecord[];
  /** The village of whoever fills the form; absent in drafts of older versions. */
  village?: RegisterRecord[];
}

export interface Draft {
  draft_id: string;
  form_id: string;
  version: string;
  hash: string;
  title: Text;
  household_id: string;
  household_label: string;
  sheet: string;
  answers: unknown;
  carried: { [path: string]: Carried };
  position: { page: string; path: string };
  base: Base;
  /** how it was filled, where the form asks for it */
  audit?: import('./audit.js').AuditRow[];
  /** to being recorded */
  consent?: 'yes' | 'no';
  started: string;
  updated: string;
  /** Answers of an older version that have no place in this one, in the words they were read in. */
  unplaced?: { path: string; name: string; label: string; value: string; words: string; version: string }[];
  /** Why what the checks doubt is right, by rule|member. */
  reasons?: { [key: string]: string };
  /** Who began it; absent in drafts of older versions. */
  user_id?: string;
}

export interface StoredBlob {
  sha256: string;
  size: number;
  type: string;
  bytes: ArrayBuffer;
}

export interface Page {
  path: string;
  /** paths (without indexes) of everything the page's markup holds */
  paths: Set<string>;
}

export interface Op {
  entity: string;
  id: string;
  kind: 'create' | 'update';
  area: string;
  base_rev: number;
  fields: { [name: string]: { old: unknown; new: unknown } };
  blobs?: { sha256: string; size: number }[];
}

export interface EntityChange {
  entity: string;
  id: string;
  kind: 'create' | 'update';
  fields: { [name: string]: { old: string | null; new: string } };
}

export interface Session {
  user: { id: string; name: string; username: string; area: string; phone?: string; email?: string } | null;
  install_id: string;
}

/** The part of the app's context the form screen uses. */
export interface Context {
  lang: string;
  now(): Date;
  ids(): string;
  t(zh: string, vars?: { [name: string]: string | number }): string;
  go(hash: string, options?: { replace?: boolean }): void;
  back?: () => void;
  reload?: () => Promise<void>;
  header?: (options: { title?: string; back?: string; hide?: boolean }) => void;
  toast?: (message: string, action?: { label: string; run: () => void }) => void;
  session: Session;
  store: {
    all?: (kind: string) => Promise<{ id: string; fields: { [name: string]: any } }[]>;
    get(kind: string, id: string): Promise<RegisterRecord | null | undefined>;
    members(householdId: string): Promise<RegisterRecord[]>;
    visits(householdId: string): Promise<RegisterRecord[]>;
    issues(householdId: string): Promise<RegisterRecord[]>;
    ofHousehold?: (kind: string, householdId: string) => Promise<RegisterRecord[]>;
    meta?: (key: string) => Promise<any>;
    setMeta?: (key: string, value: unknown) => Promise<void>;
  };
  formstore: {
    retired?: (formId: string) => Promise<boolean>;
    open(formId: string, version?: string): Promise<{ version: string; html: string } | null>;
    /** a picture, sound or film of the form that is on this phone */
    attachment?: (formId: string, version: string, name: string) => Promise<Blob | null>;
    file?: (formId: string, version: string, name: string) => Promise<{ [column: string]: string }[] | null>;
  };
  drafts: import('../data/drafts.js').Drafts;
  outbox: {
    finish(work: { submission: object; ops: Op[]; blobs: StoredBlob[] }): Promise<unknown>;
  };
  sync?: { soon?: (reason: string) => void };
  keeping?: { ask(): Promise<boolean> };
}

export interface Params {
  form_id?: string;
  household_id?: string;
  sheet?: string;
  draft_id?: string;
  trial?: boolean;
}
