"""A form with every kind of question that is not a picture, sound, place or code; its longest list is made here."""

from __future__ import annotations

from pathlib import Path

from forms.compile import compile_form
from forms.definition import Form

HERE = Path(__file__).parent
PLACES = 5000
FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏"
KIND = "家坪湾坝沟岭寨堡溪桥"


def every_question() -> Form:
    """The compiled form, with its list of five thousand places."""
    rows = [
        f"| | place | p{number:04d} | {FAMILY[number % 30]}{KIND[number // 30 % 10]}{number // 300}组 | Place {number} | | |"
        for number in range(PLACES)
    ]
    text = (HERE / "every_question.md").read_text("utf-8")
    return compile_form(text.replace("\n\n| settings |", "\n" + "\n".join(rows) + "\n\n| settings |"), "every_question.md")
