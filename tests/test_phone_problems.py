"""Every way a server says no has words for the phone, in both languages.

tests/vectors/problems.json holds what Python knows; tests/js/explain.test.js asks the phone about each.
When this fails: python tests/test_phone_problems.py writes the file anew.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.errors import CATALOGUE as ANSWERS
from app.errors import SYNC_STATUS
from sync.problems import CATALOGUE

VECTORS = Path(__file__).parent / "vectors" / "problems.json"
HAN = re.compile("[\u4e00-\u9fff]")


def told() -> list[dict[str, object]]:
    """Code, status (0: one op of many, or never sent to a phone), message and next as the phone gets them."""
    ours = {code: (status, str(message), str(next)) for code, (status, message, next) in ANSWERS.items()}
    ours |= {
        code: (SYNC_STATUS.get(code, 0), entry.message.zh, entry.next.zh)
        for code, entry in CATALOGUE.items()
    }
    return [
        {"code": code, "status": status, "message": message, "next": next}
        for code, (status, message, next) in sorted(ours.items())
    ]


def written() -> str:
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in told()) + "\n]\n"


def test_the_phone_is_asked_about_every_problem() -> None:
    assert VECTORS.read_text(encoding="utf-8") == written()


def test_every_problem_has_both_languages() -> None:
    for code, entry in CATALOGUE.items():
        for text in (entry.message, entry.next):
            assert HAN.search(text.zh), code
            assert text.en and not HAN.search(text.en), code


if __name__ == "__main__":
    VECTORS.write_text(written(), encoding="utf-8")
