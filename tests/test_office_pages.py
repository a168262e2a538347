"""The office in a browser that is signed in.

1. every page opens, empty or not, for every role; nobody sees another area
2. what somebody typed is text, never markup
3. ID numbers and phones: masked in lists and for those who need not see them
4. a search never stands in an address
5. photos open only through a submission one may see, and never as a page
6. the download holds one's own area only
"""

from __future__ import annotations

import csv
import io
import re

import pytest
from conftest import HOUSEHOLD, NEXT_VILLAGE, OTHER_HOUSEHOLD, VILLAGE
from office_story import EVIL, JPEG, author_of, tell

LISTS = ["", "register", "submissions", "visits", "issues", "conflicts", "quarantined", "forms", "devices", "users"]
OLD = {"head_name": "冉光荣", "group": "1", "water_safe": "no"}


@pytest.fixture
def story(here):
    return tell(here.store, actor="u-cadre", area=VILLAGE, household=HOUSEHOLD, old=OLD)


def text_of(page):
    assert page.status_code == 200, page.text
    return page.text


@pytest.mark.parametrize("path", LISTS)
def test_every_page_opens_without_anything_in_it(office, cast, path):
    text_of(office(cast.cadre).get(f"/office/{path}"))


@pytest.mark.parametrize("path", LISTS)
def test_every_page_opens_in_both_languages_with_something_in_it(office, cast, story, path):
    browser = office(cast.county)
    text_of(browser.get(f"/office/{path}"))
    assert '<html lang="en">' in text_of(browser.get(f"/office/{path}?lang=en"))


def test_devices_and_people_are_not_for_auditors(office, cast):
    browser = office(cast.auditor)
    assert browser.get("/office/devices").status_code == 403
    assert "/office/devices" not in text_of(browser.get("/office/"))


@pytest.mark.parametrize("person", ["stranger", "neighbour"])
@pytest.mark.parametrize("path", LISTS)
def test_strangers_see_nothing_of_it(office, cast, story, path, person):
    page = text_of(office(getattr(cast, person)).get(f"/office/{path}"))
    for word in ("冉光荣", "冉村干", HOUSEHOLD, "s-1", "onerror"):
        assert word not in page


@pytest.mark.parametrize("person", ["stranger", "neighbour"])
def test_strangers_get_404_for_what_is_not_theirs(office, cast, story, person):
    browser = office(getattr(cast, person))
    for path in (f"households/{HOUSEHOLD}", "submissions/s-1", f"submissions/s-1/files/{story['photo']}"):
        assert browser.get(f"/office/{path}").status_code == 404
    assert "s-1" not in text_of(browser.get("/office/submissions.csv?form=visit"))
    assert browser.get("/office/households/no-such").status_code == 404


def test_nobody_signed_in_is_sent_to_sign_in(client, story):
    for path in (f"households/{HOUSEHOLD}", "register", "submissions.csv?form=visit"):
        assert client.get(f"/office/{path}").status_code == 303


@pytest.mark.parametrize(
    "path", ["", "register", f"households/{HOUSEHOLD}", "submissions", "submissions/s-1", "visits", "issues"]
)
def test_what_was_typed_is_text(office, cast, story, path):
    page = text_of(office(cast.cadre).get(f"/office/{path}"))
    assert EVIL not in page
    assert "<script" not in page
    assert not re.search(r"<img[^>]+onerror", page)
    assert "&lt;script&gt;" in page


def test_no_inline_style_or_script_anywhere(office, cast, story):
    browser = office(cast.county)
    for path in (*LISTS, f"households/{HOUSEHOLD}", "submissions/s-1"):
        page = text_of(browser.get(f"/office/{path}"))
        assert not re.search(r"<[^>]+\sstyle=|<style|<script|\son[a-z]+=[\"']", page), path


def test_the_record_says_who_said_it_and_from_which_visit(office, cast, story):
    page = text_of(office(cast.cadre).get(f"/office/households/{HOUSEHOLD}"))
    water = page[page.index("<dt>饮水安全</dt>") :][:400]
    assert "<dd>是</dd>" in water
    assert "冉村干" in water
    assert "/office/submissions/s-1" in water
    history = page[page.index("变更记录") :]
    assert "饮水安全:<del>否</del> → <ins>是</ins>" in history
    group = page[page.index("<dt>组</dt>") :][:300]
    assert "确认" in group


def test_a_member_says_who_said_it_and_names_another_where_one_said_more(office, cast, story, here):
    later = author_of("u-township", "i-office", day=9)
    here.store.load([later.update("member", "m-1", VILLAGE, {"phone": ("13800001234", "13700009999")}, base_rev=1)])
    here.tables.catch_up()
    page = text_of(office(cast.cadre).get(f"/office/households/{HOUSEHOLD}"))
    person = page[page.index('<article class="person') :].split("</article>")[0]
    phone = person[person.index("13700009999") :].split("</div>")[0]
    assert "田镇管 登记 · 2026-11-09" in phone and "/office/submissions/" not in phone
    number = person[person.index("50023219700101002X") :].split("</div>")[0]
    assert "登记" not in number  # said with the rest, once for all
    usual = person[person.index("</dl>") :]
    assert "冉村干 登记 · 2026-11-02" in usual and "/office/submissions/s-1" in usual


def test_a_submission_is_told_in_the_forms_words(office, cast, story):
    page = text_of(office(cast.cadre).get("/office/submissions/s-1"))
    for words in ("饮水安全吗", "低保、雨露计划", "已改,上次:否", "7K2M9QXA", "家庭成员"):
        assert words in page
    assert f"/office/submissions/s-1/files/{story['photo']}" in page


def test_what_does_not_follow_from_the_answers_is_told(office, cast, story):
    browser = office(cast.cadre)
    page = text_of(browser.get("/office/submissions/s-1"))
    assert "按答卷应为“不变”,送来的是“是”" in page
    assert "有疑点的答卷" in text_of(browser.get("/office/"))
    assert "s-1" in text_of(browser.get("/office/submissions?flagged=1"))


def test_a_submission_of_an_unknown_version_is_shown_as_sent(office, cast, story, here, monkeypatch):
    monkeypatch.setattr(here.forms, "get", lambda *_: None)
    page = text_of(office(cast.cadre).get("/office/submissions/s-1"))
    assert "没有表单 visit 的 1 版本" in page
    assert "a b" in page


def test_lists_show_the_last_four_and_the_household_all(office, cast, story):
    browser = office(cast.cadre)
    register = text_of(browser.get("/office/register"))
    assert "139****5678" in register
    assert "13900005678" not in register
    household = text_of(browser.get(f"/office/households/{HOUSEHOLD}"))
    assert "13900005678" in household
    assert "50023219700101002X" in household


def test_an_auditor_sees_no_number_in_full(office, cast, story):
    browser = office(cast.auditor)
    pages = ("register", f"households/{HOUSEHOLD}", "submissions/s-1", "submissions.csv?form=visit",
             "submissions.csv?form=visit&repeat=/data/member")  # fmt: skip
    for path in pages:
        page = text_of(browser.get(f"/office/{path}"))
        assert "50023219700101002X" not in page, path
        assert "13900005678" not in page, path
    assert "500232********002X" in text_of(browser.get("/office/submissions/s-1"))


def token_of(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)


def search(browser, **fields):
    token = token_of(text_of(browser.get("/office/register")))
    return browser.post("/office/register", data={"csrf_token": token, **fields})


def test_a_search_leaves_no_name_in_the_address(office, cast, here, phone):
    browser = office(cast.cadre)
    answer = search(browser, text="冉光荣", status="")
    assert answer.status_code == 303
    where = answer.headers["Location"]
    assert "冉" not in where and "%" not in where
    assert HOUSEHOLD in text_of(browser.get(where))
    other = text_of(office(cast.county).get(where))
    assert "没有保留下来" in other
    nothing = text_of(browser.get(search(browser, text='NEAR("*%').headers["Location"]))
    assert "没有找到这样的户" in nothing
    assert HOUSEHOLD not in nothing


def test_a_search_from_another_site_is_refused(office, cast):
    assert office(cast.cadre).post("/office/register", data={"text": "x"}).status_code == 400


def test_filters_and_orders_that_make_no_sense_are_ignored(office, cast, story):
    browser = office(cast.cadre)
    for query in ("page=-1", "page=99999", "page=x", "sort=1;DROP", "village=' OR 1=1", "village=%25"):
        assert HOUSEHOLD in text_of(browser.get(f"/office/register?{query}"))
    assert "s-1" in text_of(browser.get("/office/submissions?since=x&until=9999-99-99'"))
    assert OTHER_HOUSEHOLD not in text_of(browser.get("/office/register?village=500110103201"))


def test_pictures_open_and_pages_do_not(office, cast, story):
    browser = office(cast.cadre)
    photo = browser.get(f"/office/submissions/s-1/files/{story['photo']}")
    assert photo.data == JPEG
    assert photo.mimetype == "image/jpeg"
    page = browser.get(f"/office/submissions/s-1/files/{story['signature']}")
    assert page.mimetype == "application/octet-stream"
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_a_player_gets_the_part_it_asks_for(office, cast, story):
    browser = office(cast.cadre)
    url = f"/office/submissions/s-1/files/{story['photo']}"
    whole = browser.get(url)
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = browser.get(url, headers={"Range": "bytes=2-5"})
    assert part.status_code == 206
    assert part.data == whole.data[2:6]
    assert part.headers["Content-Range"] == f"bytes 2-5/{len(whole.data)}"
    assert "sandbox" in part.headers["Content-Security-Policy"]


def test_a_file_the_submission_does_not_name_is_not_given(office, cast, story):
    assert office(cast.cadre).get(f"/office/submissions/s-1/files/{story['stray']}").status_code == 404


def rows_of(page):
    text = text_of(page)
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def test_the_download(office, cast, story):
    browser = office(cast.cadre)
    page = browser.get("/office/submissions.csv?form=visit")
    assert page.mimetype == "text/csv"
    assert page.headers["Content-Disposition"].startswith('attachment; filename="visit-')
    head, line = rows_of(page)
    told = dict(zip(head, line, strict=True))
    assert told["饮水安全吗"] == "是"
    assert told["已享受政策"] == "低保、雨露计划"
    assert (told["乡镇"], told["村"], told["走访人"]) == ("土坎镇", "清水村", "冉村干")
    assert told["区划代码"] == "\t" + VILLAGE


def test_the_download_of_a_repeat_is_guarded(office, cast, story):
    head, line = rows_of(office(cast.cadre).get("/office/submissions.csv?form=visit&repeat=/data/member"))
    told = dict(zip(head, line, strict=True))
    assert told["身份证号"] == "500232********002X"
    assert told["…身体怎样…"] == "'=1+1"
    assert told["答卷编号"] == "s-1"


def test_the_download_for_programs(office, cast, story):
    head, line = rows_of(office(cast.cadre).get("/office/submissions.csv?form=visit&heads=names&values=codes"))
    told = dict(zip(head, line, strict=True))
    assert (told["living/water"], told["living/policies"], told["village"]) == ("yes", "a b", "清水村")


def test_a_download_needs_a_form_and_a_repeat_of_it(office, cast, story):
    browser = office(cast.cadre)
    assert browser.get("/office/submissions.csv").status_code == 400
    assert browser.get("/office/submissions.csv?form=visit&repeat=/etc").status_code == 404


def test_a_broken_form_of_the_library_is_told_in_words(office, cast, here):
    class Broken:
        file, sheet, row, column = "bad.md", "survey", 12, "relevant"

        def message(self, lang):
            return f"括号没有闭合 {lang}"

        def next(self, lang):
            return "补上括号"

    here.library.problems.append(Broken())
    page = text_of(office(cast.county).get("/office/forms"))
    for words in ("bad.md", "第 12 行", "括号没有闭合 zh", "补上括号"):
        assert words in page


# --- finding people and exemptions ------------------------------------------------------------------------------


def listed(page):
    return set(re.findall(r"<td data-label=\"用户名\">([^<]+)", text_of(page)))


def test_people_are_found_by_name_unit_place_and_role(office, cast, here):
    browser = office(cast.county)
    everyone = listed(browser.get("/office/users"))
    assert {"cadre", "township", "neighbour"} <= everyone and "stranger" not in everyone
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/office/users").text)[1]

    def search(**typed):
        reply = browser.post("/office/users", data={"csrf_token": token} | typed)
        assert reply.status_code == 303 and "冉" not in reply.location and "%E5" not in reply.location
        return browser.get(reply.location)

    assert listed(search(text="冉村干")) == {"cadre"}
    assert listed(search(text="CADRE")) == {"cadre"}
    assert listed(search(role="township")) == {"township"}
    assert listed(search(village=VILLAGE)) == {"cadre", "village-node"}
    assert listed(search(village=NEXT_VILLAGE, role="cadre")) == {"neighbour"}
    assert "没有找到这样的人" in search(text="100%").text and "没有找到这样的人" in search(text="' or 1=1 --").text


def test_exemptions_are_listed_by_place(office, cast, here):
    author = author_of("u-township", "i-office")
    said = {"rule": "r", "member_id": "", "state": "requested", "reason": "在外住院"}
    small = {"name": "另一片", "villages": NEXT_VILLAGE}
    here.store.load([
        author.create("exemption", "e-1", VILLAGE, said | {"household_id": HOUSEHOLD}),
        author.create("small_area", "s-1", NEXT_VILLAGE[:9] + "000", small),
    ])  # fmt: skip
    here.tables.catch_up()
    browser = office(cast.county)
    there = {path: "在外住院" in text_of(browser.get(f"/office/exemptions{path}"))
             for path in ("", f"?village={VILLAGE}", f"?village={NEXT_VILLAGE}", "?small=s-1", "?small=no-such")}  # fmt: skip
    assert list(there.values()) == [True, True, False, False, False]


def test_every_page_tells_where_it_is_in_the_menu(office, cast, here):
    browser = office(cast.county)
    pages = {"areas": "户册", f"households/{HOUSEHOLD}": "户册", "exemptions": "疑点", "retention": "查看记录", "print/": "打印",
             f"issues/new?household={HOUSEHOLD}": "整改事项", "": "首页", "users/new": "人员"}  # fmt: skip
    for path, entry in pages.items():
        text = text_of(browser.get(f"/office/{path}"))
        assert re.findall(r'aria-current="page">([^<]+)</a>\n', text.partition("</header>")[0]) == [entry], path
    from app.office.page import MENU

    known = {str(rule) for rule in browser.application.url_map.iter_rules()}
    gone = [one for starts in MENU.values() for one in starts.split() if not one.startswith("export/")
            and not any(rule.startswith(f"/office/{one}") for rule in known)]  # fmt: skip
    assert gone == []


def test_exemptions_and_helpers_are_handed_on_as_files(office, cast, here):
    author = author_of("u-township", "i-office")
    here.store.load([
        author.create("exemption", "e-1", VILLAGE, {"household_id": HOUSEHOLD, "rule": "r", "member_id": "", "state": "requested",
                      "reason": "=1+1 13900001111", "asked_by": "u-cadre", "asked_on": "2026-11-01"}),
        author.create("pairing", "p-1", VILLAGE, {"household_id": HOUSEHOLD, "helper_role": "helper", "helper_name": "冉村干",
                      "phone": "13912345678", "started": "2024-03-01", "ended": "", "unit": "农业局"}),
        author.create("pairing", "p-2", VILLAGE, {"household_id": "", "helper_role": "first_secretary", "helper_name": "李书记",
                      "started": "2025-01-01", "ended": ""}),
    ])  # fmt: skip
    here.tables.catch_up()
    county, stranger = office(cast.county), office(cast.stranger)
    exemptions = rows_of(county.get("/office/exemptions.csv"))
    assert len(exemptions) == 2 and {"待审", "'=1+1 139****1111", "冉村干", "2026-11-01"} <= set(exemptions[1])
    helpers = rows_of(county.get("/office/helpers.csv"))
    assert [row[6] for row in helpers[1:]] == ["第一书记", "帮扶责任人"] and "冉光荣" in helpers[2]
    assert "139****5678" in helpers[2] and "13912345678" not in str(helpers)
    assert "李书记" in text_of(county.get("/office/helpers")) and "花名册 xlsx" in text_of(county.get("/office/helpers"))
    for name in ("exemptions", "helpers"):
        assert len(rows_of(stranger.get(f"/office/{name}.csv"))) == 1, "only the head"
        assert len(rows_of(county.get(f"/office/{name}.csv?village={NEXT_VILLAGE}"))) == 1
        assert county.get(f"/office/{name}.xlsx").data[:2] == b"PK"
    assert "结对帮扶花名册" in text_of(county.get("/office/sights"))
