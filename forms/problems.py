"""What can be wrong with a form, told to the person who wrote it: where, what, what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

CATALOGUE: dict[str, tuple[str, str, str, str]] = {
    # code: (what zh, what en, next zh, next en); {detail} is the name, character or text at fault
    "unreadable": ("打不开这个文件:{detail}", "the file cannot be read: {detail}",
                   "请用 Excel 或 WPS 另存为 .xlsx 再试。", "Save it again as .xlsx and retry."),
    "xlsform": ("{detail}", "{detail}", "请按提示改表,再检查一次。", "Change the sheet as told and check again."),
    "syntax": ("表达式写错了,在第 {position} 个字符附近:{detail}", "syntax error near character {position}: {detail}",
               "请检查括号、引号和运算符。", "Check brackets, quotes and operators."),
    "unclosed": ("括号或引号没有配对,从第 {position} 个字符起:{detail}",
                 "unclosed bracket or quote from character {position}: {detail}",
                 "请补上配对的括号或引号。", "Add its partner."),
    "unknown_name": ("引用的题目不存在:${{{detail}}}", "there is no question ${{{detail}}}",
                     "请改成表里有的 name,或补上这道题。", "Use a name of the survey sheet, or add the question."),
    "unknown_function": ("没有这个函数:{detail}()", "there is no function {detail}()",
                         "请核对函数名的拼写。", "Check its spelling."),
    "axis": ("不支持的路径写法:{detail}", "this path axis is not supported: {detail}",
             "请用 . 、.. 或 ${{名字}}。", "Use ., .. or ${{name}}."),
    "too_long": ("表达式太长", "the expression is too long", "请拆成几个 calculate。", "Split it into several calculates."),
    "too_deep": ("表达式嵌套太深", "the expression is nested too deep",
                 "请拆成几个 calculate。", "Split it into several calculates."),
    "empty": ("表达式是空的", "the expression is empty", "请填写或删去这一格。", "Fill the cell or clear it."),
    "reference": ("引用写错了,从第 {position} 个字符起:{detail}", "malformed reference at character {position}: {detail}",
                  "引用题目写作 ${{名字}}。", "Write ${{name}}."),
    "ambiguous_name": ("有几道题都叫 {detail},引用不明确", "several questions are called {detail}",
                       "请改成不同的 name。", "Give them different names."),
    "argument_count": ("函数 {detail}() 的参数个数不对", "{detail}() has a wrong number of arguments",
                       "请补上或删去参数。", "Add or remove arguments."),
    "argument_type": ("函数 {detail}() 要引用题目,不能是文字或数字", "{detail}() needs a reference to questions",
                      "请写成 ${{名字}}。", "Write ${{name}}."),
    "bad_regex": ("正则表达式写错了:{detail}", "the regular expression cannot be read: {detail}",
                  "请检查括号和反斜杠。", "Check brackets and backslashes."),
    "unknown_path": ("路径不存在:{detail}", "there is no node {detail}",
                     "请改用 ${{名字}},或更正路径。", "Use ${{name}}, or correct the path."),
    "unknown_instance": ("没有这个外部列表:{detail}", "there is no list {detail}",
                         "请加 csv-external 行,或在 choices 表定义它。",
                         "Add a csv-external row, or define it on the choices sheet."),
    "unknown_list": ("选项表里没有这个 list_name:{detail}", "there is no choice list {detail}",
                     "请在 choices 表加上它,或改正名字。", "Add it to the choices sheet, or correct the name."),
    "cycle": ("几道题互相引用,成了死循环:{detail}", "these questions depend on each other in a circle: {detail}",
              "请去掉其中一处引用。", "Remove one of the references."),
    "unknown_type": ("不认识的题型:{detail}", "unknown question type: {detail}",
                     "请改成支持的题型。", "Use a supported type."),
    "bad_form_id": ("form_id 只能用小写字母、数字和 - :{detail}", "form_id takes small letters, digits and - only: {detail}",
                    "请在 settings 表改 form_id。", "Change form_id on the settings sheet."),
    "same_form_id": ("form_id 和另一个文件相同:{detail}", "another file has the same form_id: {detail}",
                     "请给其中一个换 form_id。", "Give one of them another form_id."),
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One fault and its place. row counts as the spreadsheet does, with the header as row 1; None when unknown."""

    code: str
    file: str
    sheet: str = ""
    row: int | None = None
    column: str = ""
    detail: str = ""
    position: int = 0

    def message(self, lang: str = "zh") -> str:
        zh, en, _, _ = CATALOGUE[self.code]
        return (en if lang == "en" else zh).format(detail=self.detail, position=self.position)

    def next(self, lang: str = "zh") -> str:
        _, _, zh, en = CATALOGUE[self.code]
        return (en if lang == "en" else zh).format(detail=self.detail)


class FormProblems(Exception):
    """A form that cannot be used, with all that was found wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.file} {p.sheet} {p.row or ''}: {p.message('en')}" for p in problems))
        self.problems = problems


def from_pyxform(text: str, file: str) -> Problem:
    """A pyxform message as a problem, with the row, sheet and column it names."""
    row = re.search(r"\[row\s*:\s*(\d+)\]|[Rr]ow\s+(\d+)", text)
    sheet = re.search(
        r"(?:On the )?'(survey|choices|settings|entities|external_choices)' sheet|(survey|choices|settings|entities) sheet",
        text,
    )
    column = re.search(r"the '([\w: ()]+)' (?:value|column)", text)
    return Problem(
        "xlsform",
        file,
        sheet=next((part for part in (sheet.groups() if sheet else ()) if part), "survey"),
        row=int(next(part for part in row.groups() if part)) if row else None,
        column=column[1] if column else "",
        detail=" ".join(text.split()),
    )
