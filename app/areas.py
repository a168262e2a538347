"""The tree of places as the office changes it: lists that come in, codes that change, small areas. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sync.records import Record
from sync.scope import prefix_of

LEVELS = {2: "province", 4: "city", 6: "county", 9: "township", 12: "village"}
GROUP = "group"
_ENDS = (2, 4, 6, 9, 12)


def level_of(code: str) -> str:
    """province, city, county, township, village, or group (组, natural village) below a village."""
    return GROUP if len(code) > 12 else LEVELS.get(len(prefix_of(code)), "")


def parent_of(code: str) -> str:
    """The code of the place this one lies in, 12 digits; '' for a province."""
    prefix = prefix_of(code)
    if len(prefix) > 12:
        return prefix[:12]
    above = [end for end in _ENDS if end < len(prefix)]
    return prefix[: above[-1]].ljust(12, "0") if above else ""


# --- lists ----------------------------------------------------------------------------------------------------


class Listed(NamedTuple):
    code: str
    name: str


@dataclass(frozen=True)
class AreaList:
    """What a spreadsheet of codes and names says. faults: (line, what was found there)."""

    places: tuple[Listed, ...]
    faults: tuple[tuple[int, str], ...]


def read_list(rows: Iterable[Sequence[str]]) -> AreaList:
    """Codes and names wherever they stand in the lines. Six, nine and twelve digits are taken; the name is the next text.

    A line without any code is a title or a heading and says nothing.
    """
    found: dict[str, str] = {}
    faults: list[tuple[int, str]] = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        at = next((at for at, cell in enumerate(cells) if re.fullmatch(r"\d{6,}", cell)), -1)
        if at < 0:
            continue
        name = next((cell for cell in cells[at + 1 :] if re.search(r"[\u3400-\u9fff]", cell)), "")
        name = name or next((cell for cell in reversed(cells[:at]) if re.search(r"[\u3400-\u9fff]", cell)), "")
        code = cells[at].ljust(12, "0")
        if len(cells[at]) not in (6, 9, 12) or not name or found.get(code, name) != name:
            faults.append((number, " ".join(cell for cell in cells if cell)[:60]))
            continue
        found[code] = name
    return AreaList(tuple(Listed(*one) for one in sorted(found.items())), tuple(faults))


def fields_of(code: str, name: str, day: str) -> dict[str, str]:
    """A new area record."""
    return {"name": name, "level": level_of(code), "parent": parent_of(code), "valid_from": day}


def next_code(parent: str, taken: Iterable[str]) -> str:
    """The next free code for a place somebody adds by hand: a group under a village, else the official three digits.

    New townships and villages of ours begin at 9xx, where the official lists have none. '' when all are taken.
    """
    prefix, known = prefix_of(parent), set(taken)
    if len(prefix) == 12:
        wanted = (f"{prefix}{number:02d}" for number in range(1, 100))
    elif len(prefix) in (6, 9):
        wanted = (f"{prefix}{number:03d}".ljust(12, "0") for number in range(901, 1000))
    else:
        return ""
    return next((code for code in wanted if code not in known), "")


# --- codes that change -----------------------------------------------------------------------------------------


def recoded(code: str, mapping: Mapping[str, str]) -> str:
    """The code after a change: the longest old prefix that holds it gives way to the new one. Itself when none does."""
    fitting = [old for old in mapping if code.startswith(old)]
    if not fitting:
        return code
    old = max(fitting, key=len)
    whole = mapping[old] + code[len(old) :]
    return whole if len(whole) <= 20 else code


def current(code: str, successors: Mapping[str, str]) -> str:
    """The place that stands for a code now, following every change; a code of 6 or 9 digits stays as short."""
    seen = {code}
    while (padded := code.ljust(12, "0")) in successors:
        following = successors[padded]
        code = following if len(code) >= 12 else prefix_of(following)
        if code in seen:
            break
        seen.add(code)
    return code


class Step(NamedTuple):
    """One op to make. fields: name → (old, new)."""

    kind: str
    entity: str
    id: str
    area: str
    fields: dict[str, tuple[Any, Any]]


def steps_for(record: Record, mapping: Mapping[str, str], day: str) -> list[Step]:
    """What a change of codes does to one record; [] for one that is not concerned or was done before.

    An area stays under its code, closed and with its successor, and a new one
    is made. A person's grant follows. What a village's record says moves to
    the record of the new code. Everything else is filed under the new area.
    """
    to = recoded(record.area, mapping)
    if record.kind == "area":
        return _area_steps(record, mapping, day)
    steps: list[Step] = []
    fields = record.fields
    if record.kind == "user" and not record.deleted:
        own, more = str(fields.get("area") or ""), fields.get("grants")
        changes = {"area": (own, recoded(own, mapping)), "grants": (more, recoded_grants(more, mapping))}
        steps += _update("user", record, changes)
    if record.kind == "small_area" and not record.deleted:
        old = str(fields.get("villages") or "")
        new_ones = sorted({recoded(code, mapping) for code in old.split()})
        steps += _update("small_area", record, {"villages": (old, " ".join(new_ones))} if set(new_ones) != set(old.split()) else {})
    if to == record.area:
        return steps
    if record.kind == "village":
        if record.deleted:
            return []
        new = {name: (None, value) for name, value in fields.items()}
        seen = {name: (value, value) for name, value in fields.items()} | {"void_reason": (None, "区划代码变更")}
        made = Step("create", "village", recoded(record.id, mapping), to, new)
        return [made, Step("void", "village", record.id, record.area, seen)]
    return [*steps, Step("move", record.kind, record.id, record.area, {"area": (record.area, to)})]


def recoded_grants(given: Any, mapping: Mapping[str, str]) -> Any:
    """A person's further grants after a change of codes; what is no list of them stays as it is."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        return given
    return [
        one | {name: recoded(one[name], mapping) for name in ("area",) if isinstance(one.get(name), str)}
        | {name: list(dict.fromkeys(recoded(code, mapping) for code in one[name] if isinstance(code, str)))
           for name in ("villages",) if isinstance(one.get(name), list)}
        for one in given
    ]  # fmt: skip


def _update(entity: str, record: Record, changes: Mapping[str, tuple[Any, Any]]) -> list[Step]:
    changed = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    return [Step("update", entity, record.id, record.area, changed)] if changed else []


def merged_steps(steps: Iterable[Step], stands: Callable[[str, str], bool]) -> list[Step]:
    """The steps where the new code is a place that is there already: it keeps its own name and what is said of it.

    What is said of the village that goes stays under its closed code. stands: (kind, id) → whether there is such a record.
    """
    left: list[Step] = []
    stays = False
    for one in steps:
        if one.kind == "create" and one.entity in ("area", "village") and stands(one.entity, one.id):
            stays = one.entity == "village"
        elif stays and (one.kind, one.entity) == ("void", "village"):
            stays = False
        else:
            left.append(one)
    return left


def group_step(record: Record, mapping: Mapping[str, str], prefixes: Mapping[str, str]) -> list[Step]:
    """The group of a household of a village that joins another, with its old village's name in front: both have a 1组.

    prefixes: old village code → what stands in front from now on.
    """
    said, group = prefixes.get(record.area[:12], ""), str(record.fields.get("group") or "")
    if record.kind != "household" or record.deleted or not said or not group or recoded(record.area, mapping) == record.area:
        return []
    return _update("household", record, {"group": (group, group if group.startswith(said) else said + group)})


def _area_steps(record: Record, mapping: Mapping[str, str], day: str) -> list[Step]:
    to = recoded(record.id, mapping)
    if to == record.id or record.deleted or record.fields.get("successor"):
        return []
    kept = {name: value for name, value in record.fields.items() if name not in ("valid_until", "successor")}
    new = kept | {"level": level_of(to), "parent": parent_of(to), "valid_from": day}
    closed = {name: (record.fields.get(name, ""), value) for name, value in (("successor", to), ("valid_until", day))}
    return [
        Step("create", "area", to, to, {name: (None, value) for name, value in new.items()}),
        Step("update", "area", record.id, record.area, closed),
    ]


# --- small areas (小片区) ------------------------------------------------------------------------------------------


def villages_of(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The villages of a small area's record, as prefixes: what a grant, a filter or a print job over it means."""
    return tuple(dict.fromkeys(code for code in str(fields.get("villages") or "").split() if re.fullmatch(r"\d{12,20}", code)))


def common_area(codes: Sequence[str]) -> str:
    """The smallest place that holds all these villages: under it their small area is filed. '' for none."""
    if not codes:
        return ""
    first, last = min(codes), max(codes)  # what these two share, all between them share
    shared = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    end = max((end for end in _ENDS if end <= shared), default=0)
    return codes[0][:end].ljust(12, "0") if end else ""
