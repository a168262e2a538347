"""One cell of a roster as a register value, or why it cannot be one. Pure."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple

from app.idnumber import BIRTH, CHECKSUM, EMPTY, LENGTH, OK, ROUNDED, SCIENTIFIC, read_id
from forms.register import Field, field_of

ERROR, WARNING, ASK = "error", "warning", "ask"
"""error: the line is not taken in. warning: the value is left out, the line goes in. ask: a person has to say."""

Lists = Mapping[str, Mapping[str, tuple[str, str]]]
"""Code list → code → (zh, en)."""

DIFFERENT = frozenset({"id_no", "national_no", "full_name", "phone", "bank_account"})
"""Hardly two cells alike: not worth remembering."""
BLANKS = frozenset({"", "/", "-", "--", "—", "——", "无数据", "NULL", "null", "None", "#N/A", "空"})

# What rosters write instead of the list's own label.
LABELS: dict[str, dict[str, str]] = {
    "relation": {
        "01": "本人 本人或户主 户主本人 家长", "02": "妻 妻子 丈夫 夫 爱人 妻子之配偶",
        "03": "子 儿子 长子 次子 三子 四子 五子 独子 大儿子 二儿子 养子", "04": "女 女儿 长女 次女 三女 四女 五女 独女 养女",
        "05": "儿媳 媳妇 儿媳妇", "06": "女婿", "07": "孙子 长孙 孙", "08": "孙女 长孙女", "09": "外孙子 外孙",
        "10": "外孙女", "11": "父 父亲 爸爸", "12": "母 母亲 妈妈", "13": "岳父", "14": "岳母", "15": "公公",
        "16": "婆婆", "17": "祖父 爷爷", "18": "祖母 奶奶", "19": "外祖父 外公", "20": "外祖母 外婆",
        "21": "兄弟姐妹 兄 弟 姐 妹 哥哥 弟弟 姐姐 妹妹 之兄 之弟 之姐 之妹", "99": "其它 其他亲属 非亲属",
    },
    "sex": {"1": "男性 1 M", "2": "女性 2 F"},
    "ethnic": {"01": "汉", "06": "苗", "15": "土家"},
    "yes_no": {"yes": "有 √ 对 已 已通 通 安全 达标 Y 1", "no": "无 × 没有 未 未通 不通 不安全 不达标 N 0"},
    "household_status": {
        "poor": "贫困户 未脱贫", "exited": "已脱贫户 已脱贫 脱贫 稳定脱贫 稳定脱贫户 建档立卡户 建档立卡脱贫户",
        "monitored": "监测对象 监测户 脱贫不稳定户 边缘易致贫户 突发严重困难户 边缘户 未消除风险",
        "ordinary": "一般户 普通户 普通农户 非贫困户 非建档立卡户 农户",
    },
    "support_type": {"none": "否 一般 一般户 没有", "dibao": "低保户 低保贫困户 最低生活保障 农村低保 是",
                     "tekun": "特困 五保 五保户 特困户 特困供养户 特困人员 五保贫困户"},
    "cause": {"11": "缺动力 内生动力不足 自身发展动力不足", "08": "缺劳力 无劳动力", "09": "缺资金 缺钱", "99": "其它"},
    "education": {"01": "文盲 半文盲 不识字", "02": "小学文化", "03": "初级中学", "04": "高级中学 中专 高中中专",
                  "05": "专科 大专及以上", "07": "本科 大学 大学本科 研究生 硕士"},
    "student_stage": {"02": "学前 幼儿园", "04": "初中 七年级 八年级 九年级", "07": "高一 高二 高三", "10": "中专",
                      "16": "大专 本科 大学 硕士及以上 高职高专一年级"},
    "health": {"01": "良好 正常 一般", "02": "慢性病 患有慢性病 长期慢性病患者", "03": "患有大病 重大疾病 重病",
               "04": "残疾人 残"},
    "labour": {"01": "普通 有劳动力 有", "02": "技能", "05": "弱劳动力 半劳动力 弱", "03": "丧失", "04": "无 无劳力 没有劳动力"},
    "work_area": {"none": "无 否 未外出 不务工", "01": "镇内 本乡镇 乡镇内务工", "02": "县内 县内镇外 乡镇外县内务工",
                  "03": "省内 市内 县外省内务工", "04": "外省 省外务工"},
    "medical_insurance": {"resident": "城乡居民基本医疗保险 居民医保 新农合 城乡居民 是 已参保 参保 有",
                          "employee": "城镇职工基本医疗保险 城镇职工 职工", "none": "否 无 未参加 没有"},
    "pension_insurance": {"resident": "城乡居民基本养老保险 居民养老 城乡居民 是 已参保 参保 有",
                          "employee": "城镇职工基本养老保险 职工", "none": "否 无 未参加 没有", "drawing": "领取 已领取"},
    "housing_level": {"A": "A A级 安全", "B": "B B级", "C": "C C级 C级危房", "D": "D D级 D级危房"},
    "resettled": {"none": "无 不是", "central": "集中", "scattered": "分散"},
    "housing_structure": {"brick": "砖混结构 砖瓦 砖木 钢混", "timber": "木 木房 木制", "earth": "土木 土坯房 土墙 泥土"},
    "toilet": {"flush": "是 有 水冲式", "dry": "否", "none": "无 没有"},
    "fuel": {"04": "清洁能源 电 气 天然气 液化气", "01": "柴 木柴"},
    "road": {"01": "泥土", "02": "砂石", "03": "水泥 混凝土 硬化", "04": "沥青 柏油 柏油路"},
    "political": {"party": "党员", "masses": "一般群众", "league": "团员"},
    "member_state": {"active": "正常 在", "dead": "去世 已死亡"},
}  # fmt: skip


class Finding(NamedTuple):
    """What is to be said about a line. column: its place, -1 for the line itself. values: for the words' gaps."""

    severity: str
    code: str
    column: int = -1
    values: Mapping[str, str] = MappingProxyType({})


class Read(NamedTuple):
    """value '' with no fault: there was nothing. fault: a code of app.roster.words with the values of its gaps."""

    value: str
    fault: str = ""
    gaps: Mapping[str, str] | None = None


class Reader:
    """Reads cells with the code lists and the day of today."""

    def __init__(self, lists: Lists, today: date) -> None:
        self.today = today
        self._lists = {name: _spellings(name, lists[name]) for name in lists}
        self._labels = {name: [pair[0] for pair in lists[name].values()] for name in lists}

    def of(self, entity: str, name: str) -> Callable[[str], Read]:
        """What reads the cells of one column. Few different texts stand in most of them, so they are remembered."""
        field = field_of(entity, name)
        if field is None:
            return lambda text: Read("")
        parse = self._parser(field)
        nothing = Read("")
        read = lambda text: nothing if text in BLANKS else parse(text)  # noqa: E731
        return lru_cache(maxsize=20_000)(read) if field.name not in DIFFERENT else read

    def _parser(self, field: Field) -> Callable[[str], Read]:
        if field.name in _TEXTS:
            return _TEXTS[field.name]
        if field.name == "id_no":
            return self._id_no
        if field.type in ("code", "codes"):
            return partial(self._codes, field)
        if field.type == "date":
            return partial(_date, today=self.today)
        if field.type in ("number", "money", "mu"):
            return partial(_number, name=field.name)
        return lambda text: Read(_even(text))

    def _id_no(self, text: str) -> Read:
        found = read_id(text, self.today)
        if found.fault in (OK, EMPTY):
            return Read(found.text)
        code = {SCIENTIFIC: "id_scientific", ROUNDED: "id_rounded", LENGTH: "id_length", CHECKSUM: "id_checksum",
                BIRTH: "id_birth"}[found.fault]  # fmt: skip
        return Read("", code, {"value": text[:30], "n": str(len(found.text))})

    def _codes(self, field: Field, text: str) -> Read:
        spellings = self._lists.get(field.list, {})
        parts = re.split(r"[,,、;;\s+/|]+", text) if field.type == "codes" else [text]
        found: list[str] = []
        for part in parts:
            if not part:
                continue
            code = spellings.get(_plain(part))
            if code is None:
                return Read("", "unknown_label", {"value": part[:40], "near": "、".join(self._near(field.list, part))})
            if code not in found:
                found.append(code)
        if len(found) > 1 and "none" in found:
            found.remove("none")
        return Read(" ".join(found))

    def _near(self, list_name: str, text: str) -> list[str]:
        labels = self._labels.get(list_name, [])
        holding = [label for label in labels if _plain(text) in _plain(label) or _plain(label) in _plain(text)]
        return list(dict.fromkeys(holding + difflib.get_close_matches(text, labels, n=3, cutoff=0.3)))[:3] or labels[:4]


def _plain(text: str) -> str:
    return re.sub(r"[\s()()·]", "", unicodedata.normalize("NFKC", text)).upper()


def _spellings(name: str, codes: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Every way to write a label of the list → its code; the list's own labels win."""
    found: dict[str, str] = {}
    for code, (label, _en) in codes.items():
        found[_plain(label)] = code
        found.setdefault(_plain(label.removeprefix("之")), code)
        found.setdefault(_plain(re.sub(r"\(.*?\)", "", label)), code)
    for code, words in LABELS.get(name, {}).items():
        for word in words.split():
            found.setdefault(_plain(word), code)
    return found


MOST_LETTERS = 500
_SPREAD = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+\d+")
_PHONE = re.compile(r"[+\d/、,,;()()*]{3,60}")


def _even(text: str) -> str:
    """In one spelling, with single spaces."""
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if not text.isalnum():  # then no space is in it
        text = " ".join(text.split())
    return text[:MOST_LETTERS]


def _name(text: str) -> Read:
    text = _even(text)
    if " " in text:
        text = _SPREAD.sub("", text)  # 张 三, spread to look even
    if text.isascii() and any(letter.isdigit() for letter in text):
        return Read("", "not_a_name", {"value": text[:30]})
    return Read(text)


def _phone(text: str) -> Read:
    text = _even(text)
    if not text.isalnum():
        text = re.sub(r"[\s-]", "", text)
    return Read(text) if _PHONE.fullmatch(text) else Read("", "not_a_phone", {"value": text[:30]})


def _long_number(text: str) -> Read:
    text = _even(text)
    return Read("", "number_scientific", {"value": text[:30]}) if _SCIENTIFIC.fullmatch(text) else Read(text)


_TEXTS: dict[str, Callable[[str], Read]] = {
    "full_name": _name, "head_name": _name, "helper_name": _name, "phone": _phone, "helper_phone": _phone,
    "national_no": _long_number, "bank_account": _long_number,
}  # fmt: skip


_DATE = re.compile(r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T].*)?$")
_TIGHT = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_EPOCH = date(1899, 12, 30)


def _date(text: str, *, today: date) -> Read:
    shape = _DATE.match(text) or _TIGHT.match(text)
    try:
        if shape:
            found = date(int(shape[1]), int(shape[2]), int(shape[3]))
        elif re.fullmatch(r"[1-6]\d{4}", text):  # the serial number of a day, with its format lost
            found = _EPOCH + timedelta(days=int(text))
        else:
            return Read("", "not_a_date", {"value": text[:30]})
    except ValueError:
        return Read("", "not_a_date", {"value": text[:30]})
    if found > today or found.year < 1880:
        return Read("", "impossible_date", {"value": text[:30]})
    return Read(found.isoformat())


def _number(text: str, *, name: str) -> Read:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").replace(",", "")
    plain = re.sub(r"\s*(?:元|亩|平方米|平米|㎡|m2|公里|km|个?月|年|人|岁)$", "", plain)
    if not re.fullmatch(r"-?\d{1,12}(?:\.\d{1,6})?", plain):
        return Read("", "not_a_number", {"value": text[:30]})
    if name.endswith("_months") and not 0 <= float(plain) <= 12:
        return Read("", "too_many_months", {"value": text[:30]})
    whole, _dot, rest = plain.partition(".")
    rest = rest.rstrip("0")
    return Read(f"{int(whole)}.{rest}" if rest else str(int(whole)))
