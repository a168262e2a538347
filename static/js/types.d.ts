/** Shapes shared by the phone's modules; types only, nothing of this is shipped. */

// --- expressions -------------------------------------------------------------------------------

/** number and string literals, or an operator, function, reference or path with its parts */
export type Tree = number | string | any[];

export type Value = number | string | boolean | XNode[];

/** A node that expressions can reach: of the form, of an external row, or a step above rows. */
export interface XNode {
  name: string;
  /** stored text */
  v?: string;
  up?: XNode;
  /** false: not relevant, reads as blank */
  rel?: boolean;
  /** an answer that counts as none (0 0 0 0 as a place, a whole number beyond 32 bits) */
  void?: boolean;
  kids?: Map<string, XNode>;
  /** of a repeat: its instances */
  list?: XNode[];
  /** of a repeat instance: the repeat it belongs to */
  slot?: XNode;
  row?: Record<string, string>;
  /** of a row: its place in the list */
  at?: number;
  d?: Schema;
  /** own relevance, before what is above it */
  own?: boolean;
  readonly?: boolean;
  required?: boolean;
  /** what recalculates this node, by part */
  cells?: Record<string, Cell>;
  /** what has to be evaluated again when this node changes */
  watch?: Set<Cell>;
  /** instances that a smaller repeat_count put aside */
  spare?: XNode[];
  gone?: boolean;
  /** of a shuffled select without a seed of its own */
  seed?: number;
}

/** A definition node with its children. */
export interface Schema extends NodeDefinition {
  children: Schema[];
  parts: [string, number][];
  /** in a repeat, so that there may be none or several of it */
  repeated: boolean;
}

/** One expression of one node of the instance. */
export interface Cell {
  node: XNode;
  part: string;
  /** place in the order of evaluation; -1: evaluated only when asked */
  rank: number;
  reads: Set<XNode>;
  value?: any;
  /** of a calculation: what it gave last */
  last?: string;
  /** of a calculation: its node holds a loaded answer that a person may have typed */
  kept?: boolean;
}

/** A list that `instance('x')` reads. */
export interface ExternalInstance {
  document: XNode;
  /** items whose column has that text, by a hash index */
  find(column: string, text: string): XNode[];
}

/** What an expression may ask of the form instance it is evaluated in. */
export interface Env {
  root?: XNode;
  /** the nodes of which there is exactly one, by path */
  placed?: Map<string, XNode>;
  lang?: string;
  version: string;
  now(): number;
  random(): number;
  ids(): string;
  instance(id: string): ExternalInstance;
  choiceName(value: string, question: string): string;
  /** nodes read by the evaluation under way */
  reads?: Set<XNode>;
  steps?: number;
  stepLimit?: number;
}

export interface Scope {
  env: Env;
  node: XNode;
  current: XNode;
  /** the choice under test, in a choice_filter */
  item?: XNode;
  position: number;
  size: number;
}

// --- definitions -------------------------------------------------------------------------------

/** language → text, or parts when the text shows answers */
export type Text = Record<string, string | (string | { tree: Tree })[]>;

export interface NodeDefinition {
  path: string;
  name: string;
  kind: 'group' | 'repeat' | 'question';
  type?: string;
  parent: string;
  label?: Text;
  hint?: Text;
  guidance?: Text;
  appearance?: string[];
  parameters?: Record<string, any>;
  seed?: Tree;
  rows?: number;
  media?: Record<string, any>;
  required?: Tree | true;
  required_message?: Text;
  constraint?: Tree;
  constraint_message?: Text;
  relevant?: Tree;
  readonly?: Tree | true;
  calculation?: Tree;
  default?: string;
  dynamic_default?: Tree;
  trigger?: string[];
  list?: string;
  items?: { repeat?: string; instance?: string; value?: string; label?: string; fixed?: ChoiceDefinition[] };
  choice_filter?: Tree;
  /** of a shuffled list */
  seed?: Tree;
  count?: Tree;
  carried?: { list: string; property: string };
  reads_register?: boolean;
  save_to?: string;
}

export interface ChoiceDefinition {
  name: string;
  label?: Text;
  extra?: Record<string, string>;
  media?: Record<string, any>;
}

export interface EntityDefinition {
  list: string;
  scope: string;
  entity_id?: Tree | null;
  label?: Tree | null;
  create_if?: Tree | null;
  update_if?: Tree | null;
  /** property → path of the question */
  save_to: Record<string, string>;
}

export interface Definition {
  format: number;
  form_id: string;
  version: string;
  title: Text;
  languages: string[];
  default_language: string;
  style?: string[];
  root: string;
  instance_name?: Tree | null;
  nodes: NodeDefinition[];
  lists: Record<string, ChoiceDefinition[]>;
  instances: Record<string, { kind: string; file?: string }>;
  /** rows of attached lists, by instance */
  tables?: Record<string, Record<string, string>[]>;
  entities: EntityDefinition[];
  order: [string, string][];
}

// --- the form instance -------------------------------------------------------------------------

/** question → text, group → object, repeat → list of objects */
export type Answers = { [name: string]: string | Answers | Answers[] };

export interface Choice {
  name: string;
  label: string;
  extra?: Record<string, string>;
  media?: Record<string, any>;
}

export interface Violation {
  path: string;
  code: 'required' | 'constraint';
  message: string;
}

export type SetResult = 'ok' | 'constraint' | 'required' | 'readonly' | 'not allowed';

export interface Finished {
  valid: boolean;
  violations: Violation[];
  answers: Answers;
  instanceName: string;
}

export interface InstanceOptions {
  /** ms since 1970, or a clock */
  now: number | (() => number);
  external?: Record<string, Record<string, string>[]>;
  /** question name → text; wins over defaults */
  prefill?: Record<string, string>;
  /** a draft's answers, with the hidden ones */
  answers?: Answers;
  ids: () => string;
  random?: () => number;
  lang?: string;
}

export interface Instance {
  readonly definition: Definition;
  set(path: string, text: string): SetResult;
  /** 1-based index of the new instance, or 0 when adding is not allowed */
  addRepeat(path: string): number;
  removeRepeat(path: string, index?: number): boolean;
  /** Puts the instance removed last back where it was. */
  restoreRepeat(): boolean;
  count(path: string): number;
  isFixed(path: string): boolean;
  has(path: string): boolean;
  value(path: string): string;
  isRelevant(path: string): boolean;
  isReadonly(path: string): boolean;
  isRequired(path: string): boolean;
  violation(path: string): Violation | null;
  choices(path: string): Choice[];
  label(path: string): string;
  hint(path: string): string;
  /** any other text of the question: guidance, required_message, constraint_message */
  text(path: string, which: 'label' | 'hint' | 'guidance' | 'required_message' | 'constraint_message'): string;
  /** the same in pieces: what an author wrote, and values */
  parts(path: string, which: 'label' | 'hint' | 'guidance'): (string | { value: string })[];
  setLanguage(lang: string): void;
  readonly lang: string;
  /** relevant answers only: what a submission holds */
  answers(options?: { all?: boolean }): Answers;
  /** answers({all: true}) */
  draft(): Answers;
  instanceName(): string;
  finalize(): Finished;
  subscribe(fn: (changed: Set<string>) => void): () => void;
  /** paths of all question instances in order */
  paths(): string[];
  errors(): { path: string; part: string; message: string }[];
  /** paths, with indexes, of all instances of a path without */
  instancesOf(path: string): string[];
  /** value of any tree at a path (for entities and tests) */
  evaluate(tree: Tree, path: string): Value;
}

// --- records and ops ---------------------------------------------------------------------------

/** A record as it travels, and as a person sees it with pending ops on top. */
export interface RuhuRecord {
  kind: string;
  id: string;
  area: string;
  rev: number;
  seq: number;
  fields: Record<string, any>;
  since: Since;
  pending?: number;
  deleted?: boolean;
}

/** field → local date it was last set or confirmed; brief where every field has one (core/since.js) */
export type Since = Record<string, string> | [usual: string, others: Record<string, string>];

/** One immutable statement by one actor on one device. */
export interface Op {
  v: number;
  op_id: string;
  install_id: string;
  dseq: number;
  entity: string;
  id: string;
  kind: 'create' | 'update' | 'void';
  area: string;
  base_rev: number;
  fields: Record<string, { old: any; new: any }>;
  submission: string | null;
  form_id: string | null;
  form_version: string | null;
  form_hash: string | null;
  actor: string;
  device_time: string;
  monotonic_ms: number;
  boot_id: string;
  blobs: { sha256: string; size: number }[];
  hash: string;
  sig: string | null;
}

export interface Receipt {
  server_id: string;
  epoch: string;
  tier: 'node' | 'centre';
  op_id: string;
  hash: string;
  seq: number;
  time: string;
  sig: string | null;
}

/** A server's signed word that it holds an install's log up to dseq, with its chain there. */
/** The centre's signed word that it holds a blob whole. */
export interface BlobWord {
  sha256: string;
  server_id: string;
  epoch: string;
  sig: string;
}

export interface ServerHead {
  install_id: string;
  dseq: number;
  chain: string;
  server_id: string;
  epoch: string;
  tier: 'node' | 'centre';
  time: string;
  sig: string;
}

/** One page of a pull. */
export interface Page {
  server_id: string;
  epoch: string;
  scope_version: any;
  cursor: string;
  more: boolean;
  records: RuhuRecord[];
  confirmed_dseq: Record<string, number>;
  time: string;
}

export interface EntityChange {
  entity: string;
  id: string;
  kind: 'create' | 'update';
  fields: Record<string, { old: string | null; new: string }>;
}
