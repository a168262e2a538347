"""The fields of the register: what a household, a member, a visit and an issue hold.

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
    Field("language", "code", "交流语言", "Language spoken", "language_spoken"),
    Field("location", "text", "位置", "Location", personal=True),
    Field("last_visit", "date", "上次走访", "Last visit"),
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
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "household": HOUSEHOLD,
    "member": MEMBER,
    "visit": VISIT,
    "issue": ISSUE,
}


def field_of(entity: str, name: str) -> Field | None:
    """The field of that name, or None for a record kind or name not in the register."""
    return next((field for field in FIELDS.get(entity, ()) if field.name == name), None)
