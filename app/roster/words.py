"""What is told of a file, a line or a cell of a roster: what is wrong and what to do, by code."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

Said = str | LazyString

# About the whole file: what is wrong, what to do next.
FILES: dict[str, tuple[Said, Said]] = {
    "not_a_workbook": (_l("这个文件读不出表格。"), _l("用 Excel 或 WPS 打开它,另存为 .xlsx 再上传。")),
    "locked": (_l("这个表格设了密码,读不了。"), _l("在 Excel 或 WPS 里去掉密码,另存后再上传。")),
    "not_csv": (_l("这个文件不是文本表格(CSV)。"), _l("如果是 Excel 文件,请把后缀改回 .xlsx 或 .xls 再上传。")),
    "encoding": (_l("认不出这个 CSV 的文字编码。"), _l("用 WPS 打开,另存为 .xlsx,或另存为 UTF-8 的 CSV。")),
    "too_large": (_l("表格太大,没有读取。"), _l("一次最多 64 MB。请按乡镇分开,或删去图片和空白的格式后再上传。")),
    "too_many_rows": (_l("行数超过 20 万,没有读取。"), _l("请按乡镇或按村分成几个文件。")),
    "empty_file": (_l("这个文件里没有内容。"), _l("检查是不是选错了文件。")),
    "worker": (_l("核对中途停了,没有改动任何数据。"), _l("再点一次“开始核对”;还不行,请把文件交给管理员。")),
    "timeout": (_l("核对超过时限,已停止,没有改动任何数据。"), _l("请分成几个文件再试。")),
}

# About the mapping of columns.
MAPPINGS: dict[str, Said] = {
    "no_name_column": _l("没有一列是“户主”或“姓名”。请告诉我们哪一列是名字。"),
    "no_household_column": _l("看不出哪些人是一户。请指明“与户主关系”“户编号”“户序号”或“户主”中的一列。"),
    "column_twice": _l("有两列对应了同一项。请把其中一列改成“不导入”。"),
    "no_header": _l("没有认出表头。请在上面选表头在第几行。"),
}

# About a line. Gaps are filled with the finding's values.
LINES: dict[str, Said] = {
    "id_scientific": _l("证件号码被表格软件变成了科学计数法(%(value)s),后面的数字已丢失。把这一列设成“文本”,从原件重新录入。"),
    "id_rounded": _l("证件号码后三位变成了 000(%(value)s),是表格软件只保留了 15 位。把这一列设成“文本”,从原件重新录入。"),
    "id_length": _l("证件号码是 %(n)s 位(%(value)s),应是 18 位,残疾证 20 或 22 位。请核对原件。"),
    "id_checksum": _l("证件号码校验不对(%(value)s),多半有一位抄错。请核对原件。"),
    "id_birth": _l("证件号码里的出生日期不可能(%(value)s)。请核对原件。"),
    "id_twice": _l("证件号码和第 %(line)s 行相同。请查是重复登记,还是抄错(常见于出嫁没有销户)。"),
    "national_twice": _l("人口编号和第 %(line)s 行相同。请核对。"),
    "person_twice": _l("这一户里已有同名同生日的人。请查是否重复。"),
    "no_name": _l("没有姓名。请补上。"),
    "not_a_name": _l("“%(value)s”不像姓名。请核对。"),
    "unknown_label": _l("“%(value)s”不在选项里,这一格没有导入。可以写:%(near)s"),
    "not_a_date": _l("“%(value)s”不是完整的日期,这一格没有导入。写成 2026-11-27 的样子。"),
    "impossible_date": _l("日期“%(value)s”在今天以后或太早,这一格没有导入。"),
    "not_a_number": _l("“%(value)s”不是数字,这一格没有导入。只写数字,不写单位。"),
    "too_many_months": _l("“%(value)s”不在 0 到 12 个月之间,这一格没有导入。"),
    "not_a_phone": _l("“%(value)s”不像电话号码,这一格没有导入。"),
    "number_scientific": _l("号码被表格软件变成了科学计数法(%(value)s),这一格没有导入。把这一列设成“文本”重新录入。"),
    "birth_differs": _l("出生日期“%(value)s”和证件号码不一致,已按证件号码。"),
    "sex_differs": _l("性别和证件号码不一致,已按证件号码。"),
    "no_place": _l("没有写是哪个村。补上村名,或在导入页面选定一个村。"),
    "unknown_place": _l("您的范围里没有“%(value)s”这个村。%(near)s"),
    "many_places": _l("有几个村都叫“%(value)s”(%(near)s)。请加上乡镇,或写 12 位区划代码。"),
    "unknown_code": _l("区划代码“%(value)s”不认识。应是 12 位的村级代码。"),
    "outside": _l("“%(value)s”不在您负责的范围里。请由那里的人员导入。"),
    "other_village": _l("册里这一户在 %(value)s,和这里写的村不同。户仍留在原处;要搬,请在户的页面上办。"),
    "two_people": _l("人口编号是 %(one)s,证件号码却是 %(other)s。请核对这两个号码。"),
    "in_other_household": _l("这个人已在 %(place)s %(name)s 户里。请先查清是不是出嫁、分户,再到户的页面上迁移。"),
    "two_heads": _l("这一户有两个户主。请核对“与户主关系”。"),
    "another_head": _l("册里这一户的户主是 %(name)s。要换户主,请把他(她)也写进来,并写明新的关系。"),
    "no_head": _l("这一户没有写户主,先照样导入。请核对“与户主关系”。"),
    "household_differs": _l("同一户的几行写得不一样:这里是“%(value)s”,已按前面的“%(kept)s”。"),
    "had_left": _l("%(name)s 在册里已不在户。只更新了资料,在户状态没有改。"),
    "same_household": _l("册里 %(group)s 已有户主 %(name)s,可能是同一户,要您来定。"),
    "differs": _l("%(field)s:册里是“%(old)s”,这里是“%(new)s”。没有改。"),
}


def line_words(code: str, values: Mapping[str, str]) -> str:
    """One finding in the reader's language."""
    words = LINES.get(code)
    if words is None:
        return code
    return str(words) % values if values else str(words)
