"""The fields of the register: what a household, a member, a visit, an issue and a village hold.

One home for names, labels and code lists. Tables, pages, sheets, exports and
the demo county read it; forms reach the same fields through
``instance('household')`` and ``save_to``. Labels of coded values live in
``forms/library/lists.md``. No field is called ``name`` or ``label``: ODK
Entities keep those two for the record's id and its title.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One property of a record.

    type: text | code | codes | number | money | date | mu | user | record.
    ``codes`` holds several codes divided by spaces, ``number``, ``money``
    (yuan) and ``mu`` are decimal text, ``date`` is YYYY-MM-DD, ``record`` is
    the id of another record. Every value on the wire is text; '' is unknown.
    list: name of the code list for code and codes.
    personal: masked for those who need not see it in full.
    """

    name: str
    type: str
    zh: str
    en: str
    list: str = ""
    personal: bool = False


HOUSEHOLD = (
    Field("code", "text", "入户码", "Household code"),
    Field("national_no", "text", "户编号", "National household no.", personal=True),
    Field("group", "text", "组", "Group"),
    Field("house_no", "text", "门牌号", "House number"),
    Field("head_name", "text", "户主", "Head"),
    Field("phone", "text", "联系电话", "Phone", personal=True),
    Field("status", "code", "户类型", "Status", "household_status"),
    Field("support", "code", "低保特困", "Support", "support_type"),
    Field("cause", "code", "主要致贫原因", "Main cause of poverty", "cause"),
    Field("other_causes", "codes", "其他致贫原因", "Other causes", "cause"),
    Field("helper", "user", "帮扶责任人账号", "Helper's account"),
    Field("helper_name", "text", "帮扶责任人", "Helper"),
    Field("helper_unit", "text", "帮扶单位", "Helper's unit"),
    Field("helper_phone", "text", "帮扶人电话", "Helper's phone", personal=True),
    Field("housing_level", "code", "住房等级", "Housing grade", "housing_level"),
    Field("housing_structure", "code", "住房结构", "Housing structure", "housing_structure"),
    Field("housing_area", "number", "住房面积(平方米)", "Floor area (m²)"),
    Field("resettled", "code", "易地搬迁", "Relocated", "resettled"),
    Field("water_source", "code", "饮水来源", "Water source", "water_source"),
    Field("water_safe", "code", "饮水安全", "Water safe", "yes_no"),
    Field("toilet", "code", "厕所", "Toilet", "toilet"),
    Field("fuel", "code", "主要燃料", "Main fuel", "fuel"),
    Field("road", "code", "入户路", "Road to the door", "road"),
    Field("power", "code", "通生活用电", "Electricity", "yes_no"),
    Field("broadband", "code", "通宽带", "Broadband", "yes_no"),
    Field("food_ok", "code", "吃得饱吃得好", "Food assured", "yes_no"),
    Field("clothing_ok", "code", "穿衣有保障", "Clothing assured", "yes_no"),
    Field("cropland", "mu", "耕地(亩)", "Cropland (mu)"),
    Field("forest_land", "mu", "林地(亩)", "Forest land (mu)"),
    Field("converted_land", "mu", "退耕还林(亩)", "Land returned to forest (mu)"),
    Field("industry", "text", "主要产业", "Main produce"),
    Field("cooperative", "code", "加入合作社", "In a cooperative", "yes_no"),
    Field("policies", "codes", "已享受政策", "Policies received", "policy"),
    Field("income_wage", "money", "工资性收入(元)", "Wages (yuan)"),
    Field("income_business", "money", "生产经营性收入(元)", "Production and business (yuan)"),
    Field("income_property", "money", "财产性收入(元)", "Property (yuan)"),
    Field("income_transfer", "money", "转移性收入(元)", "Transfers (yuan)"),
    Field("business_cost", "money", "生产经营性支出(元)", "Production costs (yuan)"),
    Field("income_per_head", "money", "人均纯收入(元)", "Net income per head (yuan)"),
    Field("medical_cost", "money", "自付医疗支出(元)", "Self-paid medical costs (yuan)"),
    Field("school_cost", "money", "教育支出(元)", "Schooling costs (yuan)"),
    Field("helper_visits", "code", "帮扶人多久来一次", "How often the helper comes", "helper_visits"),
    Field("id_standard", "code", "识别标准", "Identified by", "id_standard"),
    Field("monitor_type", "code", "监测对象类别", "Kind of monitoring", "monitor_type"),
    Field("risks", "codes", "返贫致贫风险", "Risks", "risk_kind"),
    Field("monitored_since", "date", "纳入监测日期", "Monitored since"),
    Field("exit_year", "number", "脱贫年度", "Year of exit"),
    Field("bank_name", "text", "开户银行", "Bank"),
    Field("bank_account", "text", "银行账号", "Account number", personal=True),
    Field("measures", "codes", "帮扶措施", "Measures", "measure"),
    Field("housing_basis", "code", "安全住房怎么保障的", "How safe housing is assured", "housing_basis"),
    Field("power_work", "code", "通生产用电", "Power for production", "yes_no"),
    Field("television", "code", "通广播电视", "Radio and television", "yes_no"),
    Field("road_distance", "number", "到村主干路的距离(公里)", "Distance to the main road (km)"),
    Field("irrigated_land", "mu", "有效灌溉面积(亩)", "Irrigated land (mu)"),
    Field("pasture_land", "mu", "牧草地(亩)", "Pasture (mu)"),
    Field("water_area", "mu", "水面(亩)", "Water (mu)"),
    Field("enterprise", "code", "有龙头企业带动", "Works with an enterprise", "yes_no"),
    Field("water_quantity", "code", "水量够用", "Enough water", "yes_no"),
    Field("water_quality", "code", "水质好", "Clean water", "yes_no"),
    Field("water_near", "code", "取水方便", "Water is near", "yes_no"),
    Field("income_away", "money", "外出务工工资(元)", "Wages from work away (yuan)"),
    Field("income_local", "money", "本地务工工资(元)", "Wages from local work (yuan)"),
    Field("income_public_job", "money", "公益性岗位工资(元)", "Public-welfare job (yuan)"),
    Field("income_grain", "money", "粮食收入(元)", "Grain (yuan)"),
    Field("income_cash_crop", "money", "其他作物收入(元)", "Other crops (yuan)"),
    Field("income_fruit", "money", "果园收入(元)", "Fruit (yuan)"),
    Field("income_livestock", "money", "养殖收入(元)", "Livestock (yuan)"),
    Field("income_trade", "money", "小生意和加工(元)", "Trade and crafts (yuan)"),
    Field("income_land_rent", "money", "土地流转(元)", "Land rent (yuan)"),
    Field("income_dividend", "money", "分红(元)", "Dividends (yuan)"),
    Field("income_interest", "money", "利息和租金(元)", "Interest and rent (yuan)"),
    Field("income_pension", "money", "养老金(元)", "Pensions (yuan)"),
    Field("income_dibao", "money", "低保和特困金(元)", "Subsistence allowance (yuan)"),
    Field("income_subsidy", "money", "惠农补贴(元)", "Farm subsidies (yuan)"),
    Field("income_family", "money", "子女赡养费(元)", "Support from children (yuan)"),
    Field("income_other", "money", "其他转移收入(元)", "Other transfers (yuan)"),
    Field("cost_crop", "money", "种植成本(元)", "Cost of crops (yuan)"),
    Field("cost_livestock", "money", "养殖成本(元)", "Cost of livestock (yuan)"),
    Field("cost_trade", "money", "小生意成本(元)", "Cost of trade (yuan)"),
    Field("cost_method", "code", "成本怎么算", "How costs are worked out", "cost_method"),
    Field("helper_relation", "code", "帮扶人和农户的关系", "Helper's relation to the household", "helper_relation"),
    Field("language", "code", "交流语言", "Language spoken", "language_spoken"),
    Field("location", "text", "位置", "Location", personal=True),
    Field("last_visit", "date", "上次走访", "Last visit"),
    Field("other_codes", "text", "并入户的入户码", "Codes of households merged in"),
    Field("merged_into", "record", "并入了哪一户", "Merged into"),
    Field("split_from", "record", "从哪一户分出", "Split from"),
)

MEMBER = (
    Field("household_id", "record", "所属户", "Household"),
    Field("line", "number", "序号", "Line"),
    Field("national_no", "text", "人口编号", "National person no.", personal=True),
    Field("full_name", "text", "姓名", "Name"),
    Field("relation", "code", "与户主关系", "Relation to head", "relation"),
    Field("sex", "code", "性别", "Sex", "sex"),
    Field("id_no", "text", "证件号码", "ID number", personal=True),
    Field("birth_date", "date", "出生日期", "Birth date"),
    Field("ethnic", "code", "民族", "Ethnic group", "ethnic"),
    Field("phone", "text", "电话", "Phone", personal=True),
    Field("education", "code", "文化程度", "Education", "education"),
    Field("student_stage", "code", "在校生状况", "In school", "student_stage"),
    Field("school", "text", "就读学校", "School"),
    Field("health", "codes", "健康状况", "Health", "health"),
    Field("labour", "code", "劳动能力", "Labour", "labour"),
    Field("work_area", "code", "务工区域", "Works where", "work_area"),
    Field("work_months", "number", "务工时间(月)", "Months worked"),
    Field("medical_insurance", "code", "医疗保险", "Medical insurance", "medical_insurance"),
    Field("pension_insurance", "code", "养老保险", "Pension insurance", "pension_insurance"),
    Field("school_state", "code", "没有在校的情况", "Why not at school", "school_state"),
    Field("disability_kind", "code", "残疾类别", "Disability", "disability_kind"),
    Field("disability_grade", "code", "残疾等级", "Grade of disability", "disability_grade"),
    Field("political", "code", "政治面貌", "Political status", "political"),
    Field("mandarin", "code", "会讲普通话", "Speaks Mandarin", "yes_no"),
    Field("public_job", "code", "公益性岗位", "Public-welfare job", "public_job"),
    Field("public_job_months", "number", "公益性岗位几个月", "Months in the public-welfare job"),
    Field("serious_insurance", "code", "参加大病保险", "Serious-illness insurance", "yes_no"),
    Field("state", "code", "在户状态", "State", "member_state"),
    Field("join_reason", "code", "增加原因", "Reason joined", "join_reason"),
    Field("change_date", "date", "变更日期", "Date of change"),
)

VISIT = (
    Field("household_id", "record", "所属户", "Household"),
    Field("submission_id", "record", "答卷", "Submission"),
    Field("form_id", "text", "表单", "Form"),
    Field("date", "date", "走访日期", "Date"),
    Field("outcome", "code", "结果", "Outcome", "outcome"),
    Field("cadre", "user", "走访人账号", "Visitor's account"),
    Field("cadre_name", "text", "走访人", "Visitor"),
    Field("note", "text", "备注", "Note"),
)

ISSUE = (
    Field("household_id", "record", "所属户", "Household"),
    Field("submission_id", "record", "答卷", "Submission"),
    Field("problem_kind", "code", "问题类型", "Kind", "problem_kind"),
    Field("description", "text", "问题描述", "Description"),
    Field("action", "text", "拟采取措施", "Action"),
    Field("owner", "text", "责任人", "Owner"),
    Field("deadline", "date", "整改期限", "Deadline"),
    Field("state", "code", "整改状态", "State", "issue_state"),
    Field("owner_id", "user", "责任人账号", "Owner's account"),
    Field("owner_unit", "text", "责任单位", "Owner's unit"),
    Field("at_once", "code", "立行立改", "Fixed at once", "yes_no"),
    Field("member_id", "record", "成员", "Member"),
    Field("rule", "text", "疑点规则", "Check"),
    Field("raised_by", "user", "提出人", "Raised by"),
    Field("raised_on", "date", "提出日期", "Raised on"),
    Field("result", "text", "整改情况", "What was done"),
    Field("evidence", "text", "佐证材料", "Evidence"),
    Field("submitted_by", "user", "申请销号人", "Handed in by"),
    Field("submitted_on", "date", "申请销号日期", "Handed in on"),
    Field("returned_why", "text", "退回原因", "Why it went back"),
    Field("closed_by", "user", "销号人", "Closed by"),
    Field("closed_on", "date", "销号日期", "Closed on"),
    Field("closing_note", "text", "销号意见", "Closing note"),
)

PAIRING = (
    Field("household_id", "record", "所属户", "Household"),
    Field("helper_role", "code", "帮扶身份", "Post", "helper_role"),
    Field("helper", "user", "账号", "Account"),
    Field("helper_name", "text", "姓名", "Name"),
    Field("unit", "text", "单位", "Unit"),
    Field("unit_level", "code", "单位级别", "Level of the unit", "unit_level"),
    Field("phone", "text", "电话", "Phone", personal=True),
    Field("helper_relation", "code", "和农户的关系", "Relation to the household", "helper_relation"),
    Field("started", "date", "开始日期", "From"),
    Field("ended", "date", "结束日期", "Until"),
    Field("end_reason", "code", "结束原因", "Why it ended", "pairing_end"),
    Field("handover", "text", "交接批次", "Handover"),
    Field("taken_from", "user", "从谁接手", "Taken over from"),
)
"""Who helps whom, from when until when. Without a household it is a post in the village the record is filed under."""

EVENT = (
    Field("household_id", "record", "所属户", "Household"),
    Field("what", "code", "变动", "What happened", "household_event"),
    Field("date", "date", "日期", "Date"),
    Field("status", "code", "户类型", "Status", "household_status"),
    Field("member_id", "record", "成员", "Member"),
    Field("member_name", "text", "姓名", "Name"),
    Field("reason", "text", "变更原因", "Reason"),
    Field("other_id", "record", "另一户", "Other household"),
    Field("other_name", "text", "另一户的户主", "Head of the other household"),
    Field("place", "text", "去向或来处", "Where to or from"),
    Field("place_name", "text", "地名", "Name of the place"),
    Field("code", "text", "入户码", "Household code"),
    Field("note", "text", "说明", "Note"),
)
"""One dated entry in the life of a household. reason: a code of member_state or join_reason."""

VILLAGE = (
    Field("village_title", "text", "村名", "Name of the village"),
    Field("groups_count", "number", "村民小组(个)", "Groups"),
    Field("hamlets", "number", "自然村(个)", "Natural villages"),
    Field("households_count", "number", "总户数", "Households"),
    Field("people_total", "number", "总人口", "People"),
    Field("exited_count", "number", "脱贫户(户)", "Exited households"),
    Field("monitored_count", "number", "监测户(户)", "Monitored households"),
    Field("dibao_count", "number", "低保特困(户)", "Households with allowance"),
    Field("workers_away", "number", "外出务工(人)", "People working away"),
    Field("village_cropland", "mu", "耕地(亩)", "Cropland (mu)"),
    Field("village_forest", "mu", "林地(亩)", "Forest (mu)"),
    Field("altitude", "number", "海拔(米)", "Altitude (m)"),
    Field("village_road", "code", "通村路硬化", "Road to the village is paved", "yes_no"),
    Field("groups_with_road", "number", "通硬化路的组(个)", "Groups with a paved road"),
    Field("village_water", "code", "供水方式", "Water supply", "water_supply"),
    Field("unsafe_water_count", "number", "饮水还不安全的户", "Households without safe water"),
    Field("village_power", "code", "通动力电", "Three-phase power", "yes_no"),
    Field("village_broadband", "code", "通宽带", "Broadband", "yes_no"),
    Field("mobile_signal", "code", "手机信号全覆盖", "Mobile signal everywhere", "yes_no"),
    Field("unsafe_houses", "number", "危房(户)", "Dangerous houses"),
    Field("clinic", "code", "有标准化村卫生室", "Village clinic", "yes_no"),
    Field("doctors", "number", "村医(人)", "Village doctors"),
    Field("primary_school", "code", "村里有小学", "Primary school in the village", "yes_no"),
    Field("school_distance", "number", "到最近小学(公里)", "Distance to the nearest school (km)"),
    Field("dropout_count", "number", "失学辍学(人)", "Children out of school"),
    Field("activity_room", "code", "有综合服务中心", "Service centre", "yes_no"),
    Field("elder_care", "code", "有养老照料服务", "Care for the elderly", "yes_no"),
    Field("chains", "codes", "主导产业", "Main production", "chain"),
    Field("industry_households", "number", "产业带动(户)", "Households taking part"),
    Field("cooperatives", "number", "合作社(个)", "Cooperatives"),
    Field("enterprises", "number", "龙头企业(个)", "Enterprises"),
    Field("leaders", "number", "致富带头人(人)", "Local entrepreneurs"),
    Field("ecommerce", "code", "有电商服务点", "Online-trade point", "yes_no"),
    Field("training", "number", "今年培训(人次)", "Trained this year"),
    Field("collective_income", "money", "上年集体经济收入(元)", "Collective income last year (yuan)"),
    Field("collective_plan", "text", "发展集体经济的打算", "Plan for the collective"),
    Field("collective_assets", "money", "集体资产(元)", "Collective assets (yuan)"),
    Field("collective_projects", "text", "集体经济项目", "Projects"),
    Field("shares_total", "money", "股权化改革持股金额(元)", "Shares held (yuan)"),
    Field("dividend_rate", "number", "分红比例(%)", "Dividend rate (%)"),
    Field("dividend_paid", "money", "已分红(元)", "Dividends paid (yuan)"),
    Field("first_secretary", "text", "第一书记", "First secretary"),
    Field("team_size", "number", "驻村工作队(人)", "Resident team"),
    Field("committee_size", "number", "村两委(人)", "Village committees"),
    Field("weaknesses", "codes", "短板", "Weak points", "village_weakness"),
    Field("weakness_plan", "text", "一村一策", "Plan for the village"),
)
"""What is known of a village; the id of its record is its 12-digit area code."""

FIELDS: dict[str, tuple[Field, ...]] = {
    "household": HOUSEHOLD,
    "member": MEMBER,
    "visit": VISIT,
    "issue": ISSUE,
    "village": VILLAGE,
    "pairing": PAIRING,
    "event": EVENT,
}


def field_of(entity: str, name: str) -> Field | None:
    """The field of that name, or None for a record kind or name not in the register."""
    return next((field for field in FIELDS.get(entity, ()) if field.name == name), None)
