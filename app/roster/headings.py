"""Which column is what: headings as rosters really write them, the header row, and a guess at the mapping. Pure.

A target is ``household.FIELD``, ``member.FIELD`` or one of PLACES: where the
household lives, by code or by names. The person at the page has the last word.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forms.register import FIELDS

PLACES = {
    "place.code": ("村级区划代码", "Village code (12 digits)"),
    "place.county": ("县(区)", "County"),
    "place.township": ("乡镇", "Township"),
    "place.village": ("村", "Village"),
    "place.address": ("地址(里面有村名)", "Address with the village in it"),
    "household.key": ("户序号(同一户相同)", "Number of the household in this file"),
}
NOT_IMPORTED = frozenset({"household.code", "household.helper", "household.last_visit", "household.location",
                          "member.household_id"})  # fmt: skip

# As they stand in national exports, county ledgers and village rolls. The field's own name is always known.
SYNONYMS: dict[str, str] = {
    "place.code": "区划代码 行政区划代码 村代码 村编码 行政村代码 区划编码 统计用区划代码 行政区划",
    "place.county": "县 区县 县区 县市区 所在县 县名",
    "place.township": "乡 镇 乡镇 乡镇街道 镇乡 所在乡镇 乡镇名称 乡镇名",
    "place.village": "村 行政村 村居 村社区 所在村 村名 村名称 行政村名称 村委会",
    "place.address": "地址 家庭住址 家庭地址 住址 详细地址 户籍地址 现住址 居住地址",
    "household.key": "户序号 户号 户序 家庭编号 家庭序号",
    "household.national_no": "户编号 户编码 国家户编号 贫困户编号 家庭户编号",
    "household.group": "组 村民小组 小组 社 组别 组名 自然村 自然村组 所在组 村组 屯",
    "household.house_no": "门牌号 门牌 房号 门牌号码",
    "household.head_name": "户主 户主姓名 户主名 户主名字",
    "household.phone": "户主电话 户主联系电话 联系方式 户主联系方式 户主手机号 联系电话",
    "household.status": "户类型 户类别 农户类型 农户类别 户属性 家庭类型 脱贫状态 贫困户状态",
    "household.support": "低保特困 低保五保 低保类型 民政类别 是否低保特困 贫困户属性",
    "household.cause": "主要致贫原因 致贫原因 主要致贫返贫原因 主因",
    "household.other_causes": "其他致贫原因 次要致贫原因 其它致贫原因",
    "household.helper_name": "帮扶责任人 帮扶人 帮扶干部 结对帮扶人 帮扶责任人姓名 帮扶联系人",
    "household.helper_unit": "帮扶单位 帮扶责任人单位 帮扶人单位 结对单位",
    "household.helper_phone": "帮扶人电话 帮扶责任人电话 帮扶责任人联系电话 帮扶干部电话 帮扶人联系电话",
    "household.housing_level": "住房等级 危房等级 住房安全等级 房屋等级 住房鉴定等级",
    "household.housing_structure": "住房结构 房屋结构",
    "household.housing_area": "住房面积 房屋面积 住房建筑面积",
    "household.resettled": "易地搬迁 是否易地搬迁 是否易地扶贫搬迁户 易地扶贫搬迁 安置方式 搬迁方式",
    "household.water_source": "饮水来源 水源 供水方式 饮水方式",
    "household.water_safe": "饮水安全 是否饮水安全 是否解决安全饮用水 饮水是否安全",
    "household.toilet": "厕所 厕所类型 是否有卫生厕所 卫生厕所",
    "household.fuel": "主要燃料 燃料类型 主要燃料类型",
    "household.road": "入户路 入户路类型 入户路情况",
    "household.power": "通生活用电 是否通生活用电 生活用电",
    "household.power_work": "通生产用电 是否通生产用电 生产用电",
    "household.broadband": "通宽带 是否通宽带 宽带",
    "household.television": "通广播电视 是否通广播电视",
    "household.road_distance": "到村主干路的距离 与村主干路距离 距村主干路距离",
    "household.cropland": "耕地 耕地面积",
    "household.irrigated_land": "有效灌溉面积 灌溉面积",
    "household.forest_land": "林地 林地面积",
    "household.converted_land": "退耕还林 退耕还林面积",
    "household.pasture_land": "牧草地 牧草地面积 草地面积",
    "household.water_area": "水面 水面面积",
    "household.industry": "主要产业 产业 发展产业",
    "household.cooperative": "加入合作社 是否加入农民专业合作组织 是否加入合作社 是否加入农民专业合作社",
    "household.enterprise": "有龙头企业带动 是否有龙头企业带动",
    "household.income_wage": "工资性收入",
    "household.income_business": "生产经营性收入 经营性收入",
    "household.income_property": "财产性收入",
    "household.income_transfer": "转移性收入",
    "household.business_cost": "生产经营性支出 经营性支出",
    "household.income_per_head": "人均纯收入 家庭人均纯收入 年人均纯收入 人均可支配收入",
    "household.medical_cost": "自付医疗支出 医疗自付 合规自付医疗费用",
    "household.school_cost": "教育支出 上学支出",
    "household.id_standard": "识别标准",
    "household.monitor_type": "监测对象类别 监测户类别 监测对象类型 监测类别",
    "household.risks": "返贫致贫风险 风险类型 致贫返贫风险 返贫风险 主要风险",
    "household.monitored_since": "纳入监测日期 识别监测时间 监测对象认定时间 纳入监测时间 监测识别时间",
    "household.exit_year": "脱贫年度 脱贫年份 脱贫时间",
    "household.bank_name": "开户银行 开户行",
    "household.bank_account": "银行账号 银行卡号 一卡通账号 账号 社保卡账号 惠农一卡通",
    "household.measures": "帮扶措施",
    "household.policies": "已享受政策 享受政策",
    "household.language": "交流语言",
    "member.national_no": "人口编号 人口编码 人员编号 国家人口编号",
    "member.full_name": "姓名 成员姓名 家庭成员姓名 人员姓名 家庭成员",
    "member.line": "成员序号 户内序号",
    "member.relation": "与户主关系 与户主的关系 关系 户主关系 家庭关系",
    "member.sex": "性别",
    "member.id_no": "证件号码 身份证号 身份证号码 身份证 公民身份号码 证件号 身份证件号码 居民身份证号码 身份证编号",
    "member.birth_date": "出生日期 出生年月日 生日 出生年月 出生时间",
    "member.ethnic": "民族",
    "member.phone": "电话 手机 手机号 手机号码 本人电话 成员电话 电话号码",
    "member.education": "文化程度 学历 受教育程度 文化",
    "member.student_stage": "在校生状况 在校生情况 在校状况 就学阶段",
    "member.school": "就读学校 学校名称 所在学校",
    "member.school_state": "没有在校的情况 失学或辍学原因 失学辍学情况",
    "member.health": "健康状况 健康情况 身体状况 身体健康状况",
    "member.labour": "劳动能力 劳动技能 劳动力类型 劳动力情况",
    "member.work_area": "务工区域 务工地点 务工地区 务工所在地 务工状况 务工范围",
    "member.work_months": "务工时间 务工月数 务工时长",
    "member.medical_insurance": "医疗保险 基本医疗保险 医保 参加医疗保险 医保类型 参保情况",
    "member.pension_insurance": "养老保险 基本养老保险 参加养老保险 是否参加城乡居民基本养老保险",
    "member.serious_insurance": "参加大病保险 是否参加大病保险 大病保险",
    "member.disability_kind": "残疾类别 残疾类型",
    "member.disability_grade": "残疾等级",
    "member.political": "政治面貌",
    "member.mandarin": "会讲普通话 是否会讲普通话",
    "member.public_job": "公益性岗位 公益性岗位类型 公益岗位",
    "member.public_job_months": "公益性岗位几个月 公益性岗位月数 公益岗位月数 公益性岗位(月数)",
    "member.state": "在户状态 人员状态",
    "member.join_reason": "增加原因 新增原因",
    "member.change_date": "变更日期 变更时间 增减时间",
}
IGNORED = frozenset(
    word
    for line in ("序号 编号 备注 说明 合计 家庭人口 家庭人口数 人口数 户人数 年龄", "省 省份 市 地市 填表人 审核人 签字")
    for word in line.split()
)
LOOKED_AT = 20
"""Lines in which a header row is looked for: titles, units and dates stand above it."""
_ALIKE = 0.84


def bare(heading: str) -> str:
    """A heading without what is decoration: spaces, stars, units in brackets, the question's number."""
    text = unicodedata.normalize("NFKC", heading).replace("\ufeff", "")
    text = re.sub(r"[((\[【].*?[))\]】]|[\s*★:。、_/\\-]", "", text)
    return re.sub(r"^(?:[A-Z]\d{1,3}[a-z]?|\d{1,3}[.)])(?=\D)", "", text)


def _known() -> dict[str, str]:
    found: dict[str, str] = {}
    for target, words in SYNONYMS.items():
        for word in words.split():
            found.setdefault(bare(word), target)
    for entity in ("household", "member"):
        for field in FIELDS[entity]:
            target = f"{entity}.{field.name}"
            if target not in NOT_IMPORTED:
                found.setdefault(bare(field.zh), target)
                found.setdefault(field.name, target)
    return found


KNOWN = _known()


def target_of(heading: str) -> str:
    """The target a heading most likely names, '' for one to leave out or not understood."""
    word = bare(heading)
    if not word or word in IGNORED:
        return ""
    if word in KNOWN:
        return KNOWN[word]
    near = difflib.get_close_matches(word, KNOWN, n=1, cutoff=_ALIKE) if len(word) > 3 else []
    return KNOWN[near[0]] if near else ""


@dataclass(frozen=True)
class Header:
    """line: number of the last heading row as a spreadsheet counts, 0 when none was found. names: one a column."""

    line: int
    names: tuple[str, ...]


def find_header(first: Sequence[Sequence[str]]) -> Header:
    """The header among the first rows: the one that names most, read together with group titles above it."""
    best, most = Header(0, ()), 1
    for number in range(min(len(first), LOOKED_AT)):
        names = header_at(first, number + 1).names
        known = len({target_of(name) for name in names} - {""})
        if known > most:
            best, most = Header(number + 1, names), known
    return best


def header_at(first: Sequence[Sequence[str]], line: int) -> Header:
    """The headings when that line is the header. Where it is empty under a merged cell, the line above speaks."""
    names = list(first[line - 1])
    above = first[line - 2] if line > 1 else []
    if sum(bool(cell) for cell in above) > 1:
        names += [""] * (len(above) - len(names))
        names = [name or (above[at] if at < len(above) else "") for at, name in enumerate(names)]
    while names and not names[-1]:
        names.pop()
    return Header(line, tuple(" ".join(name.split()) for name in names))


def guess(names: Sequence[str], remembered: Mapping[str, str]) -> list[str]:
    """A target for every column; what this source was told before goes first, and no target twice."""
    found: list[str] = []
    for name in names:
        target = remembered[bare(name)] if bare(name) in remembered else target_of(name)
        found.append("" if target in found else target)
    of_people = {"household.head_name", "member.relation", "member.national_no", "household.key"}
    if "member.full_name" in found and not of_people & set(found):
        # One line a household, and its 姓名 is the head's.
        found[found.index("member.full_name")] = "household.head_name"
    return found


def is_by_person(targets: Sequence[str]) -> bool:
    """Whether a line of such a roster is a person rather than a household."""
    return "member.full_name" in targets


def missing(targets: Sequence[str]) -> list[str]:
    """What a mapping lacks to be of use: codes of app.roster.words."""
    found = set(targets)
    lacking = []
    if not found & {"household.head_name", "member.full_name"}:
        lacking.append("no_name_column")
    if is_by_person(targets) and not found & {
        "member.relation", "household.key", "household.national_no", "household.head_name"
    }:  # fmt: skip
        lacking.append("no_household_column")
    doubled = [target for target in found if target and list(targets).count(target) > 1]
    return lacking + (["column_twice"] if doubled else [])
