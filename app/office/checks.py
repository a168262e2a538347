"""What the checks find of the register: by rule and by place, each with the household, the fields and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.checks import amounts, change_settings
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page, words
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.tables import checks
from app.tables.checks import FindingWish, Settings, settings_by_county
from forms.register import field_of
from forms.rules.reading import SEVERITIES, Rule, shipped
from sync.scope import prefixes_of, within

SEVERITY = {"block": ("必须改", "Must be corrected"), "query": ("疑点", "Query"), "flag": ("要人定", "Needs a decision")}


@blueprint.get("/findings")
@office()
def findings() -> str:
    wish = _wish()
    tables, scope = page.tables(), page.scope()
    return page.show(
        "findings.html",
        found=checks.find_findings(tables, scope, wish, page.page_number()),
        counts=_counts(wish.area),
        wish=wish,
        villages=page.villages(),
        severities=[(name, words.pick(pair, language())) for name, pair in SEVERITY.items()],
        rules=[(rule.name, rule.message[_lang()]) for rule in shipped().rules.values() if rule.over != "visit"],
        told=told,
        due=checks.due(tables),
        settings=_may_set(),
    )


def told(row: dict[str, Any]) -> dict[str, Any]:
    """A finding in words: what is wrong, which fields, what to do."""
    rule = shipped().rules.get(row["rule"])
    if rule is None:  # of a newer version than this program
        return {"message": row["rule"], "todo": "", "fields": "", "severity": row.get("severity", "")}
    return {
        "message": rule.message[_lang()],
        "todo": rule.todo[_lang()],
        "fields": _("、").join(field_words(rule)),
        "severity": words.pick(SEVERITY[rule.severity], language()),
    }


def field_words(rule: Rule) -> list[str]:
    kinds = ("member", "household") if rule.over == "member" else ("household", "member")
    found = []
    for name in rule.fields:
        field = field_of(kinds[0], name) or field_of(kinds[1], name)
        found.append((field.en if language() == "en" else field.zh) if field else name)
    return found


def _counts(area: str) -> list[dict[str, Any]]:
    order = {name: place for place, name in enumerate(shipped().rules)}
    rows = checks.by_rule(page.tables(), page.scope(), area)
    rows.sort(key=lambda row: (SEVERITIES.index(row["severity"]), order.get(row["rule"], 999)))
    return [row | told(row) for row in rows]


def _wish() -> FindingWish:
    rule, severity = request.args.get("rule", ""), request.args.get("severity", "")
    return FindingWish(
        area=page.places_wish(),
        rule=rule if rule in shipped().rules else "",
        severity=severity if severity in SEVERITIES else "",
        exempt=request.args.get("exempt") == "1",
    )


def _lang() -> str:
    return "en" if language() == "en" else "zh"


# --- to hand on -------------------------------------------------------------------------------------------


@roll("findings", of=findings, title=_l("疑点清单"),
      head=(_l("程度"), _l("疑点"), *PLACE, _l("姓名"), _l("核对哪几项"), _l("怎么办"), _l("入户码"), _l("哪天发现"),
            _l("核查结果"), _l("核查人"), _l("核查日期")))  # fmt: skip
def _lines() -> Lines:
    return Lines(checks.find_findings(page.tables(), page.scope(), _wish()).total, _cells())


def _cells() -> Iterator[list[str]]:
    """The last three columns are for the hand that checks."""
    for row in checks.each_finding(page.tables(), page.scope(), _wish()):
        said = told(row)
        yield [said["severity"], said["message"], *place_of(row), row["full_name"] or "", said["fields"], said["todo"],
               row["code"] or "", row["since"], "", "", ""]  # fmt: skip


# --- the county's own amounts and switches ----------------------------------------------------------------


def _known_counties() -> set[str]:
    """Those of the villages that this person sees, six digits each."""
    return {row["code"][:6] for row in page.villages()}


def _counties() -> list[str]:
    """The counties whose settings this person may change, six digits each."""
    places = prefixes_of([grant for grant in current_user().grants if grant.role == "county"])
    return sorted(code for code in _known_counties() if within(code, places))


def _may_set() -> bool:
    return bool(_counties())


@blueprint.get("/findings/rules")
@office()
def check_rules() -> str:
    """Every rule with its source; a county manager may switch one off and set the amounts."""
    counties = _counties()
    county = _county_asked()
    own = _settings_of(county)
    defaults = {name: limit.amount for name, limit in shipped().limits.items()} | amounts()
    return page.show(
        "check_rules.html",
        rules=list(shipped().rules.values()),
        limits=shipped().limits.values(),
        defaults=defaults,
        own=own,
        county=county,
        counties=[(code, page.places().name(code.ljust(12, "0"))) for code in sorted(_known_counties())],
        may=county in counties,
        severity=lambda name: words.pick(SEVERITY[name], language()),
        fields=field_words,
        tongue=_lang(),
    )


def _county_asked() -> str:
    known = _known_counties()
    county = request.args.get("county", "")
    return county if county in known else next(iter(_counties() or sorted(known)), "")


def _settings_of(county: str) -> Settings:
    return settings_by_county(page.tables().reading().conn).get(county, Settings(frozenset(), {}))


@roll("check_rules", of=check_rules, title=_l("核对规则"),
      head=(_l("区县"), _l("用"), _l("疑点"), _l("程度"), _l("核对哪几项"), _l("怎么办"), _l("依据"), _l("式子")))  # fmt: skip
def _rule_lines() -> Lines:
    county = _county_asked()
    off, place = _settings_of(county).off, page.places().name(county.ljust(12, "0"))
    return Lines.of(
        [place, _("否") if rule.name in off else _("是"), rule.message[_lang()], words.pick(SEVERITY[rule.severity], language()),
         _("、").join(field_words(rule)), rule.todo[_lang()], rule.source, rule.text]
        for rule in shipped().rules.values()
    )  # fmt: skip


@blueprint.post("/findings/rules")
@office("county")
def set_check_rules() -> AnyResponse:
    county = request.form.get("county", "")
    if county not in _counties():
        raise Problem("not_found")
    limits = {}
    for name, limit in shipped().limits.items():
        typed = request.form.get(f"limit.{name}", "").strip()
        if not typed:
            continue
        if not typed.isascii() or not typed.replace(".", "", 1).isdigit() or len(typed) > 9:
            words_ = _("“%(label)s”应是数字,如 8800。没有改动。", label=limit.label[_lang()])
            raise Problem("bad_request", message=words_, next=_("退回上一页改好再保存。"))
        limits[name] = typed
    on = set(request.form.getlist("on"))
    off = [name for name in shipped().rules if name not in on]
    change_settings(node().store, county, current_user().id, off, limits, node().now)
    flash(_("已保存。户册正在按新的规则重新核对,手机下次同步后也用新的。"))
    return redirect(url_for("office.check_rules", county=county), 303)
