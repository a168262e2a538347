"""Issues 整改事项 from being raised until closed 销号, and what keeps the owner from closing an own one.

1. states, steps and lateness are one rule in both languages (tests/vectors/issues.json)
2. nobody closes what they own or handed in, at the page and in the protocol; nobody signs for another
3. a finding becomes an issue by one button, once
4. lists by place and lateness, both files, evidence: within the reader's area only
5. a phone's steps reach the centre with their photo
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import HOUSEHOLD, VILLAGE
from office_story import picture

from app.codelists import code_lists
from app.config import ROOT
from app.tables import issues
from app.tables.checks import check_some
from forms.issues import changes, lateness, steps
from sync.records import BlobRef, FieldChange, Grant, Op, Record, Scope
from sync.scope import refusal

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "issues.json").read_text("utf-8"))
ALL = Scope(area_prefixes=("",))
TOWNSHIP_GRANT, CADRE_GRANT = [Grant("township", VILLAGE[:9])], [Grant("cadre", VILLAGE)]


@pytest.fixture
def forms_dir() -> Path:
    """The shipped lists: kinds and states of issues are looked up in them."""
    return ROOT / "forms" / "library"


@pytest.mark.parametrize("case", CASES["lateness"], ids=str)
def test_lateness(case: dict[str, Any]) -> None:
    assert lateness(case["issue"], CASES["today"]) == case["late"]


@pytest.mark.parametrize("case", CASES["steps"], ids=str)
def test_who_may_take_which_step(case: dict[str, Any]) -> None:
    assert steps(case["issue"], case["actor"], office=case["office"]) == case["steps"]


@pytest.mark.parametrize("case", CASES["changes"], ids=lambda one: one["step"])
def test_what_a_step_writes(case: dict[str, Any]) -> None:
    made = changes(case["step"], case["issue"], actor="a", today=CASES["today"], note=case["note"], evidence=case["evidence"])
    assert made == case["set"]


# --- the protocol -----------------------------------------------------------------------------------------


def held(**fields: str) -> Record:
    return Record(kind="issue", id="i-1", area=VILLAGE, rev=1, seq=1, fields=fields, since={})


def an_op(actor: str, **fields: tuple[str, str]) -> Op:
    from datetime import UTC, datetime

    from sync.author import Author

    author = Author("i-test", actor, clock=lambda: datetime(2026, 11, 28, tzinfo=UTC))
    return author.op("update", "issue", "i-1", VILLAGE, {name: FieldChange(*step) for name, step in fields.items()})


CLOSE = ("submitted", "closed")


@pytest.mark.parametrize(("actor", "grants", "stands", "why"), [
    ("boss", TOWNSHIP_GRANT, {"state": "submitted", "submitted_by": "a", "owner_id": "a"}, ""),
    ("boss", TOWNSHIP_GRANT, {"state": "submitted", "submitted_by": "boss"}, "not_allowed"),
    ("boss", TOWNSHIP_GRANT, {"state": "submitted", "submitted_by": "a", "owner_id": "boss"}, "not_allowed"),
    ("boss", TOWNSHIP_GRANT, {"state": "fixing"}, "not_allowed"),
    ("a", CADRE_GRANT, {"state": "submitted", "submitted_by": "b"}, "not_allowed"),
])  # fmt: skip
def test_closing_is_for_another_person_of_an_office(actor: str, grants: list[Grant], stands: dict[str, str], why: str) -> None:
    assert refusal(an_op(actor, state=CLOSE), grants, held(**stands)) == why


def test_nobody_signs_for_another_or_opens_what_is_closed() -> None:
    now = held(state="fixing")
    assert refusal(an_op("a", state=("fixing", "submitted"), submitted_by=("", "a")), CADRE_GRANT, now) == ""
    assert refusal(an_op("a", state=("fixing", "submitted"), submitted_by=("", "b")), CADRE_GRANT, now) == "not_allowed"
    assert refusal(an_op("a", state=("fixing", "submitted")), CADRE_GRANT, now) == "not_allowed"
    assert refusal(an_op("a", state=("closed", "fixing")), CADRE_GRANT, held(state="closed")) == "not_allowed"
    assert refusal(an_op("a", state=("closed", "fixing")), TOWNSHIP_GRANT, held(state="closed")) == ""
    # Offline while the office closed it: a difference for a person, not a refusal.
    assert refusal(an_op("a", state=("open", "fixing")), CADRE_GRANT, held(state="closed")) == ""
    made = replace_kind(an_op("a", state=("", "closed")))
    assert refusal(made, TOWNSHIP_GRANT, None) == "not_allowed"


def replace_kind(op: Op) -> Op:
    import msgspec

    return msgspec.structs.replace(op, kind="create")


# --- the office -------------------------------------------------------------------------------------------


class Desk:
    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def post(self, path: str, **data: Any) -> Any:
        page = self.browser.get("/office/register").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.browser.post(path, data={"csrf_token": token} | data, content_type="multipart/form-data")

    def text(self, path: str) -> str:
        return str(self.browser.get(path).text)


class Desks(dict[str, Desk]):
    """Signed in when first asked for: a password takes its time to check."""

    def __init__(self, office: Any, cast: Any) -> None:
        super().__init__()
        self.office, self.cast = office, cast

    def __missing__(self, name: str) -> Desk:
        self[name] = Desk(self.office(getattr(self.cast, name)))
        return self[name]


@pytest.fixture
def desks(office: Any, cast: Any) -> Desks:
    return Desks(office, cast)


TYPED = {"household": HOUSEHOLD, "problem_kind": "water", "description": "水管冻裂", "action": "换管", "owner_id": "u-cadre",
         "deadline": "2020-01-01"}  # fmt: skip


def raised(here: Any, desk: Desk, **more: Any) -> str:
    reply = desk.post("/office/issues", **TYPED | more)
    assert reply.status_code == 303, reply.text
    here.tables.catch_up()
    return str(reply.location.rpartition("/")[2])


def now(here: Any, id: str) -> dict[str, Any]:
    return dict(here.store.get("issue", id).fields)


def photo() -> tuple[io.BytesIO, str]:
    return io.BytesIO(picture()), "a.jpg"


def test_from_raised_to_closed_and_back(here: Any, desks: Any) -> None:
    id = raised(here, desks["township"])
    assert now(here, id)["owner"] == "冉村干" and now(here, id)["raised_by"] == "u-township"
    path = f"/office/issues/{id}"
    assert "已逾期" in desks["cadre"].text(path)
    assert desks["cadre"].post(path, step="submit", note="").status_code == 400
    assert desks["cadre"].post(path, step="submit", note="管子换好了", evidence=photo()).status_code == 303
    assert now(here, id)["state"] == "submitted"
    assert desks["cadre"].post(path, step="close").status_code == 400
    assert desks["township"].post(path, step="return").status_code == 400, "a return needs its reason"
    desks["township"].post(path, step="return", note="照片看不清")
    assert now(here, id)["state"] == "fixing" and "照片看不清" in desks["cadre"].text(path)
    desks["cadre"].post(path, step="submit", note="重新拍了")
    desks["township"].post(path, step="close", note="已核实")
    done = now(here, id)
    assert (done["state"], done["closed_by"], done["closing_note"]) == ("closed", "u-township", "已核实")
    assert desks["township"].post(f"{path}/change", **TYPED).status_code == 404
    desks["county"].post(path, step="reopen", note="又裂了")
    assert (now(here, id)["state"], now(here, id)["closed_by"]) == ("fixing", "")
    page = desks["county"].text(path)
    for words in ("水管冻裂", "管子换好了", "照片看不清", "已核实", "又裂了", "新附佐证 1 份"):
        assert words in page


def test_who_fixed_it_at_once_does_not_close_it(here: Any, desks: Any) -> None:
    assert desks["township"].post("/office/issues", **TYPED, at_once="1").status_code == 400
    id = raised(here, desks["township"], at_once="1", result="当场换好")
    assert now(here, id)["state"] == "submitted" and now(here, id)["at_once"] == "yes"
    assert desks["township"].post(f"/office/issues/{id}", step="close").status_code == 400
    assert "等乡镇或区县的另一个人销号" in desks["township"].text(f"/office/issues/{id}")
    desks["county"].post(f"/office/issues/{id}", step="close")
    assert now(here, id)["state"] == "closed"


@pytest.mark.parametrize("wrong", [{"problem_kind": "?"}, {"description": ""}, {"owner_id": "u-stranger"}, {"deadline": "soon"},
                                   {"owner_id": ""}, {"household": "h-far"}])  # fmt: skip
def test_what_is_missing_is_not_saved(here: Any, desks: Any, wrong: dict[str, str]) -> None:
    assert desks["township"].post("/office/issues", **TYPED | wrong).status_code in (400, 404)
    here.tables.catch_up()
    assert issues.counts(here.tables, ALL, "2026-11-28").get("unclosed") == 0


def test_a_finding_becomes_one_issue(here: Any, desks: Any) -> None:
    from sync.own import write_own

    write_own(here.store, "test", "u-county", lambda a: [
        a.create("member", "m-1", VILLAGE, {"household_id": HOUSEHOLD, "state": "active", "full_name": "冉光荣", "id_no": "12345"}),
        a.update("household", HOUSEHOLD, VILLAGE, {"helper": ("", "u-cadre"), "helper_name": ("", "冉村干")}),
    ], clock=here.now)  # fmt: skip
    here.tables.catch_up()
    while check_some(here.tables, here.now()):
        pass
    assert "转为整改事项" in desks["township"].text("/office/findings?rule=id_length")
    assert desks["neighbour"].post("/office/issues/from-finding", key=f"{HOUSEHOLD}|m-1|id_length").status_code == 404
    first = desks["township"].post("/office/issues/from-finding", key=f"{HOUSEHOLD}|m-1|id_length")
    again = desks["township"].post("/office/issues/from-finding", key=f"{HOUSEHOLD}|m-1|id_length")
    assert first.status_code == 303 and first.location == again.location
    made = now(here, first.location.rpartition("/")[2])
    assert made["owner_id"] == "u-cadre" and "位数不对" in made["description"] and made["action"]
    assert "12345" not in made["description"]


def test_lists_files_and_evidence_obey_the_area(here: Any, desks: Any) -> None:
    id = raised(here, desks["township"])
    desks["cadre"].post(f"/office/issues/{id}", step="progress", note="在修", evidence=photo())
    sha = now(here, id)["evidence"]
    here.tables.catch_up()
    for name, sees in (("cadre", True), ("township", True), ("auditor", True), ("neighbour", False)):
        desk = desks[name]
        assert ("水管冻裂" in desk.text("/office/issues?late=overdue")) is sees, name
        assert desk.browser.get(f"/office/issues/{id}").status_code == (200 if sees else 404)
        assert desk.browser.get(f"/office/issues/{id}/evidence/{sha}").status_code == (200 if sees else 404)
        with desk.browser.get("/office/issues/list.xlsx") as reply:
            book = openpyxl.load_workbook(io.BytesIO(reply.data))
        cells = [str(cell) for row in book.active.iter_rows(values_only=True) for cell in row]
        assert ("水管冻裂" in cells) is sees and ("冉村干" in cells) is sees
    assert desks["township"].browser.get(f"/office/issues/{id}/evidence/{sha}").mimetype == "image/jpeg"
    assert desks["township"].browser.get(f"/office/issues/{id}/evidence/{'0' * 64}").status_code == 404
    assert desks["neighbour"].post(f"/office/issues/{id}", step="submit", note="x").status_code == 404
    assert desks["auditor"].post(f"/office/issues/{id}", step="submit", note="x").status_code in (403, 404)
    assert "水管冻裂" not in desks["township"].text("/office/issues?late=soon")
    assert "水管冻裂" in desks["cadre"].text("/office/issues?mine=1")
    assert "水管冻裂" not in desks["township"].text("/office/issues?mine=1")


def test_counts_by_place(here: Any, desks: Any) -> None:
    raised(here, desks["township"])
    raised(here, desks["township"], deadline="2999-01-01")
    raised(here, desks["township"], at_once="1", result="好了")
    (row,) = issues.by_place(here.tables, ALL, "2026-11-28")
    assert {name: row[name] for name in ("overdue", "soon", "submitted", "unclosed", "closed")} == {
        "overdue": 1, "soon": 0, "submitted": 1, "unclosed": 3, "closed": 0}  # fmt: skip
    assert issues.counts(here.tables, ALL, "2998-12-30")["soon"] == 1


def test_the_table_of_what_is_closed(here: Any, desks: Any) -> None:
    id = raised(here, desks["township"], owner_id="", owner="=危险()", at_once="1", result="好了")
    desks["county"].post(f"/office/issues/{id}", step="close", note="属实")
    raised(here, desks["township"])
    here.tables.catch_up()
    with desks["county"].browser.get("/office/issues/closed.xlsx") as reply:
        sheet = openpyxl.load_workbook(io.BytesIO(reply.data)).active
    head, *lines = [list(row) for row in sheet.iter_rows(values_only=True)]
    (line,) = lines
    told = dict(zip(head, line, strict=True))
    assert (told["销号人"], told["是否按期"], told["责任人"], told["销号意见"]) == ("谭县管", "逾期", "=危险()", "属实")
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_printed_as_a_job(here: Any, app: Any, desks: Any) -> None:
    raised(here, desks["township"])
    reply = desks["township"].post("/office/issues/list/print")
    assert reply.status_code == 303, reply.text
    with app.app_context():
        from app.office.printing import jobs_here

        job = jobs_here().wait(reply.location.rpartition("/")[2], 120)
    assert (job.state, job.error) == ("done", "")
    assert desks["neighbour"].browser.get(f"/office/print/jobs/{job.id}/result.pdf").status_code == 404
    with desks["township"].browser.get(f"/office/print/jobs/{job.id}/result.pdf") as paper:
        assert paper.data.startswith(b"%PDF")
    assert desks["neighbour"].post("/office/issues/list/print").status_code == 400, "nothing of it is theirs"


# --- the phone --------------------------------------------------------------------------------------------


def test_a_phones_photo_and_note_arrive_and_it_cannot_close(here: Any, desks: Any, phone: Any, cast: Any) -> None:
    id = raised(here, desks["township"])
    cadre = phone(cast.cadre)
    (seen,) = [one for one in cadre.pull_all() if one["kind"] == "issue"]
    body = picture()
    sha = hashlib.sha256(body).hexdigest()
    values = changes("submit", seen["fields"], actor="u-cadre", today="2026-11-28", note="换好了", evidence=[sha])
    steps_ = {name: (seen["fields"].get(name, ""), value) for name, value in values.items()}
    op = cadre.author.update("issue", id, VILLAGE, steps_, base_rev=seen["rev"], blobs=[BlobRef(sha, len(body))])
    assert [one["status"] for one in cadre.push([op]).json["results"]] == ["applied"]
    put = cadre.client.put(f"/sync/v1/blob/{sha}", data=body, headers=cadre.headers | {
        "Upload-Offset": "0", "Upload-Length": str(len(body)), "Content-Type": "application/octet-stream"})  # fmt: skip
    assert put.status_code in (200, 201, 204), put.text
    page = desks["township"].text(f"/office/issues/{id}")
    assert "换好了" in page and f"/evidence/{sha}" in page and "<img" in page
    close = cadre.author.update("issue", id, VILLAGE, {"state": ("submitted", "closed")}, base_rev=2)
    assert cadre.push([close]).json["results"][0]["status"] == "quarantined"
    assert now(here, id)["state"] == "submitted"


def test_every_state_has_its_word() -> None:
    assert set(code_lists()["issue_state"]) == {"open", "fixing", "submitted", "closed"}
