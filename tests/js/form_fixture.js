/** A small form as the compiler makes it, and the household it is opened for. */

/** @param {string} list @param {any} key @param {string} property */
const fromRegister = (list, key, property) =>
  ['path', ['fn', 'instance', list], ['child', 'root'], ['child', 'item', ['=', ['path', '.', ['child', 'name']], key]], ['child', property]];

const householdId = ['ref', '/data/household_id'];
const memberId = ['ref', '/data/people/member/member_id'];
const met = ['=', ['ref', '/data/outcome'], 'met'];
/** @param {string} zh @param {string} en */
const text = (zh, en) => ({ zh, en });

export const definition = {
  format: 1, form_id: 'small', version: '1', title: text('小表', 'Small form'), languages: ['zh', 'en'], default_language: 'zh',
  style: ['pages'], root: '/data', instance_name: null,
  nodes: [
    { path: '/data/household_id', name: 'household_id', kind: 'question', type: 'hidden', parent: '/data' },
    { path: '/data/outcome', name: 'outcome', kind: 'question', type: 'select_one', list: 'outcome', parent: '/data', default: 'met', label: text('见到人了吗', 'Met') },
    { path: '/data/people', name: 'people', kind: 'group', parent: '/data', label: text('成员', 'Members'), relevant: met },
    { path: '/data/people/joined', name: 'joined', kind: 'question', type: 'integer', parent: '/data/people', default: '0', label: text('新增几人', 'Joined') },
    { path: '/data/people/total', name: 'total', kind: 'question', type: 'calculate', parent: '/data/people', calculation: ['+', 2, ['ref', '/data/people/joined']] },
    { path: '/data/people/member', name: 'member', kind: 'repeat', parent: '/data/people', count: ['ref', '/data/people/total'], label: text('成员', 'Member') },
    { path: '/data/people/member/line', name: 'line', kind: 'question', type: 'calculate', parent: '/data/people/member',
      calculation: ['fn', 'position', ['path', '.', ['parent', '*']]] },
    { path: '/data/people/member/member_id', name: 'member_id', kind: 'question', type: 'calculate', parent: '/data/people/member',
      calculation: ['path', ['fn', 'instance', 'member'], ['child', 'root'], ['child', 'item', ['=', ['path', '.', ['child', 'line']], ['ref', '/data/people/member/line']]], ['child', 'name']] },
    { path: '/data/people/member/full_name', name: 'full_name', kind: 'question', type: 'text', parent: '/data/people/member', required: true,
      dynamic_default: fromRegister('member', memberId, 'full_name'), carried: { list: 'member', property: 'full_name' }, label: text('姓名', 'Name') },
    { path: '/data/people/member/health', name: 'health', kind: 'question', type: 'select_one', list: 'health', parent: '/data/people/member',
      dynamic_default: fromRegister('member', memberId, 'health'), carried: { list: 'member', property: 'health' }, label: text('健康', 'Health') },
    { path: '/data/living', name: 'living', kind: 'group', parent: '/data', label: text('生活', 'Living'), relevant: met },
    { path: '/data/living/water', name: 'water', kind: 'question', type: 'select_one', list: 'water', parent: '/data/living',
      dynamic_default: fromRegister('household', householdId, 'water'), carried: { list: 'household', property: 'water' }, label: text('饮水', 'Water') },
  ],
  lists: {
    outcome: [{ name: 'met', label: text('见到', 'Met') }, { name: 'nobody', label: text('无人', 'Nobody') }],
    health: [{ name: '01', label: text('健康', 'Healthy') }, { name: '02', label: text('慢性病', 'Ill') }],
    water: [{ name: 'well', label: text('井水', 'Well') }, { name: 'tap', label: text('自来水', 'Tap') }],
  },
  instances: { household: { kind: 'records' }, member: { kind: 'records' } },
  entities: [{ list: 'member', scope: '/data/people/member', entity_id: memberId, label: ['ref', '/data/people/member/full_name'],
    create_if: null, update_if: null, save_to: { health: '/data/people/member/health' } }],
  order: [['/data/people', 'relevant'], ['/data/living', 'relevant'], ['/data/people/total', 'calculation'], ['/data/people/member', 'count'], ['/data/people/member/line', 'calculation'], ['/data/people/member/member_id', 'calculation']],
};

export const household = { kind: 'household', id: 'h1', area: '500156101203', rev: 4, seq: 9,
  fields: { head_name: '张三', water: 'well', last_visit: '2026-03-12' }, since: { water: '2026-03-12' } };

export const members = [
  { kind: 'member', id: 'm1', area: '500156101203', rev: 2, seq: 3, fields: { line: '1', full_name: '张三', health: '01' }, since: { health: '2025-01-01' } },
  { kind: 'member', id: 'm2', area: '500156101203', rev: 7, seq: 4, fields: { line: '2', full_name: '李四', health: '02' }, since: { health: '2025-01-01' } },
];

export const external = {
  household: [{ name: 'h1', label: '张三', ...household.fields }],
  member: members.map(({ id, fields }) => ({ name: id, label: fields.full_name, ...fields })),
};
