"""Paper: what is on it is read back from the finished PDF, by text and by camera's eye."""

from __future__ import annotations

import pypdfium2
import pytest
import zxingcpp

from app import codes
from app.config import ROOT
from app.print import fonts, pages, render
from app.print.sheet import Subject, sheet
from forms.library import load_library

KEY = b"k" * 32
CODE = codes.make_code(KEY, bytes(range(9)))
NUMBER = "XZH6R1YQ"
ADDRESS = "https://ruhu.example.cn"


@pytest.fixture(scope="session")
def font_folder():
    """The cut font, kept between test runs: cutting takes seconds."""
    return ROOT / ".tools" / "fonts"


@pytest.fixture(scope="session")
def renderer(font_folder):
    return render.Renderer(fonts.prepare(font_folder))


@pytest.fixture(scope="session")
def form():
    return load_library(ROOT / "forms" / "library").forms["visit"]


def household(**fields):
    return {
        "code": CODE, "group": "一组", "house_no": "12", "head_name": "冉光荣", "phone": "15400000001",
        "helper_name": "王珍", "last_visit": "2026-10-01", "water_source": "spring", "industry": "柑橘",
        "income_wage": "25200", **fields,
    }  # fmt: skip


def member(number, **fields):
    return {"line": str(number), "full_name": f"冉成员{number:02d}", "relation": "03", "sex": "1",
            "id_no": "999156198507284446", "birth_date": "1985-07-28", "health": "02 04", **fields}  # fmt: skip


def html(form, house, members, place="武隆区土坎镇清水村"):
    subject = Subject(house, members, dict.fromkeys(house, "2026-10-01"), place)
    words = {"status": "脱贫户", "support": ""}
    return pages.sheet_html(form, subject, number=NUMBER, address=ADDRESS, printed="2026-11-24", words=words)


def read(pdf: bytes) -> list[str]:
    """The text of each page, without spaces and line ends."""
    document = pypdfium2.PdfDocument(pdf)
    return ["".join(page.get_textpage().get_text_range().split()) for page in document]


def scan(pdf: bytes) -> list[str]:
    """What a decoder reads from the pictures of the pages."""
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        found += [code.text for code in zxingcpp.read_barcodes(page.render(scale=2).to_pil())]
    return found


def test_the_qr_on_paper_opens_that_household_form_and_sheet(form, renderer):
    pdf = renderer.pdf([html(form, household(), [member(1)])])
    assert [codes.parse(text) for text in scan(pdf)] == [codes.Scanned("sheet", CODE, "visit", NUMBER)]
    assert codes.verdict_of(KEY, codes.parse(scan(pdf)[0]).code) is codes.Verdict.OURS


def test_last_values_stand_beside_their_questions_with_their_dates(form, renderer):
    text = "".join(read(renderer.pdf([html(form, household(), [member(1)])])))
    assert "工资性收入25200(2026-10-01)" in text
    assert "主要产业柑橘(2026-10-01)" in text
    assert "✓山泉水" in text
    assert "✓水井" not in text
    for wanted in ("冉光荣", "武隆区土坎镇清水村一组12号", "被访人签字", codes.grouped(CODE).replace(" ", "")):
        assert wanted in text


def test_a_usual_household_takes_two_numbered_pages(form, renderer):
    texts = read(renderer.pdf([html(form, household(), [member(n) for n in range(1, 5)])]))
    assert len(texts) == 2
    for number, text in enumerate(texts, 1):
        assert f"第{number}页共2页·户码{CODE}" in text


def test_every_question_of_the_form_is_on_the_sheet(form, renderer):
    text = "".join(read(renderer.pdf([html(form, household(), [])])))
    for section in sheet(form, Subject(household(), [], {}, "")):
        assert section["title"].replace(" ", "") in text
        for item in section["items"]:
            if item["kind"] in ("line", "choice"):
                assert item["label"].replace(" ", "") in text, item["label"]


def test_nobody_registered_still_leaves_rows_to_write_in(form, renderer):
    assert len(read(renderer.pdf([html(form, household(), [])]))) <= 2


def test_twenty_members_flow_over_pages_and_none_is_cut(form, renderer):
    texts = read(renderer.pdf([html(form, household(), [member(n) for n in range(1, 21)])]))
    whole = "".join(texts)
    assert all(whole.count(f"冉成员{n:02d}") == 1 for n in range(1, 21))
    assert whole.count("999156198507284446") == 20
    # The table's head comes again on each page it reaches.
    assert sum("与户主关系" in text and "冉成员" in text for text in texts) >= 2


def test_an_answer_of_500_characters_is_printed_whole(form, renderer):
    long = "".join(chr(0x4E00 + n) for n in range(500))
    text = "".join(read(renderer.pdf([html(form, household(industry=long), [member(1)])])))
    assert long in text


def test_rare_characters_fall_back_to_the_installed_font(form, renderer):
    text = "".join(read(renderer.pdf([html(form, household(head_name="𬭊㛃䶮"), [member(1)])])))
    assert "𬭊㛃䶮" in text or "㛃䶮" in text


def test_text_is_never_markup(form, renderer):
    text = "".join(read(renderer.pdf([html(form, household(industry="<b>柑橘</b>"), [])])))
    assert "<b>柑橘</b>" in text


def test_each_household_has_its_own_page_numbers(form, renderer):
    page = html(form, household(), [member(1)])
    texts = read(renderer.pdf([page, page]))
    assert [text.count("第1页") for text in texts] == [1, 0, 1, 0]


CARD = {"place": "清水村", "group": "一组", "house_no": "3", "code": CODE, "helper": "王珍", "phone": "15400000002"}


def test_eight_door_cards_a_page_each_with_its_own_code(renderer):
    cards = [CARD | {"code": codes.make_code(KEY, bytes([n] * 9)), "house_no": str(n)} for n in range(1, 12)]
    pdf = renderer.pdf(list(pages.card_pages(cards, ADDRESS)))
    assert len(pypdfium2.PdfDocument(pdf)) == 2
    found = {codes.parse(text).code for text in scan(pdf)}
    assert found == {card["code"] for card in cards}


def test_a_door_card_shows_nothing_of_the_people(renderer):
    pdf = renderer.pdf(list(pages.card_pages([CARD | {"head_name": "冉光荣"}], ADDRESS)))
    text = "".join(read(pdf))
    assert "冉光荣" not in text
    assert all(word in text for word in ("清水村", "一组3号", "王珍", "15400000002"))


def test_a_household_without_a_code_has_no_card():
    assert list(pages.card_pages([CARD | {"code": ""}], ADDRESS)) == []


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="80"><text y="50" font-size="40">SECRET</text></svg>'
    )
    return path.as_uri()


def test_the_renderer_reads_no_file(renderer, secret):
    with pytest.raises(render.Blocked, match="refused: file"):
        renderer.pdf([f'<p>x</p><img src="{secret}">'])


def test_the_renderer_asks_no_server(renderer, monkeypatch):
    def opened(*_args, **_more):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", opened)
    for page in ('<img src="http://127.0.0.1:9/x.png">', '<link rel="stylesheet" href="https://example.cn/x.css">x',
                 "<style>@import url(http://127.0.0.1:9/)</style>x", '<p style="background:url(ftp://a/b)">x'):  # fmt: skip
        with pytest.raises(render.Blocked, match="refused"):
            renderer.pdf([page])


def test_without_the_guard_the_file_would_be_printed(renderer, secret, monkeypatch):
    """The safeguard's own test: WeasyPrint's plain fetcher does put the file on the page."""
    from weasyprint.urls import URLFetcher

    monkeypatch.setattr(renderer, "_fetcher", URLFetcher())
    assert "SECRET" in "".join(read(renderer.pdf([f'<img src="{secret}">'])))


def test_a_machine_without_a_chinese_font_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "_FACE", "No Such Face")
    with pytest.raises(fonts.PrintingMissing, match=r"apt-get install .*fonts-noto-cjk"):
        fonts.prepare(tmp_path)
