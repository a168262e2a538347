"""A roster against the register: what is new, what changes, what a person has to look at. Decides, writes nothing.

Lines of one household stand together in every roster seen so far, so a
household is settled when the next one begins; a household that goes on
further down is remembered by its key. What is decided comes out as planned
ops, the same for the same file, register and decisions.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from app.roster.cells import ASK, ERROR, WARNING, Finding
from app.roster.lines import HEAD, Line, Values, columns_of
from app.roster.places import Places

Row = dict[str, Any]

FILL, OVERWRITE = "fill", "overwrite"
SAME, NEW = "same", "new"
AHEAD = 400
"""So many lines are read before the register is asked about all of them."""


class Register(Protocol):
    """What is asked of `app.roster.known.Known`."""

    def expect(self, homes: set[str], people: set[str], ids: set[str]) -> None: ...
    def household(self, id: str) -> Row | None: ...
    def household_by_national(self, number: str) -> Row | None: ...
    def member_by_national(self, number: str) -> Row | None: ...
    def member_by_id(self, id_no: str) -> Row | None: ...
    def members(self, household_id: str) -> list[Row]: ...
    def village(self, area: str) -> Any: ...


@dataclass(frozen=True)
class Wish:
    """How the person at the page wants it. targets: one a column. decisions: first line of a household → same or new."""

    targets: tuple[str, ...]
    by_person: bool
    mode: str = FILL
    decisions: Mapping[int, str] = field(default_factory=dict)


class Planned(NamedTuple):
    """One op to make. fields: name → (old, new); old is None where nothing was there."""

    line: int
    kind: str
    entity: str
    id: str
    area: str
    base_rev: int
    fields: Mapping[str, tuple[str | None, str]]


@dataclass(slots=True)
class Home:
    """A household of the file once it is settled; kept in case more of its lines come."""

    id: str
    area: str
    known: bool
    heads: int = 0
    line: int = 0
    names: set[tuple[str, str]] = field(default_factory=set)
    asked: bool = False
    gaps: Mapping[str, str] = field(default_factory=dict)


_home, _member = attrgetter("home"), attrgetter("member")


class Comparison:
    """Takes the lines of a file one by one; hands on planned ops and lines that have something to be said.

    run: the id of this import, from which the ids of new records follow.
    """

    def __init__(
        self, run: str, wish: Wish, register: Register, places: Places, *,
        plan: Callable[[Planned], None], say: Callable[[Line], None],
    ) -> None:  # fmt: skip
        self.wish, self.register, self.places = wish, register, places
        self.counts: Counter[str] = Counter()
        self._run = f"ruhu-import:{run}:"
        self._plan, self._say = plan, say
        self._column = columns_of(wish.targets)
        self._ahead: list[Line] = []
        self._homes: dict[str, Home] = {}
        self._open: list[Line] = []
        self._key = ""

    def take(self, line: Line) -> None:
        """The next line that is about somebody."""
        self._ahead.append(line)
        if len(self._ahead) >= AHEAD:
            self._go_on()

    def finish(self) -> Counter[str]:
        self._go_on()
        self._settle()
        return self.counts

    def _go_on(self) -> None:
        lines, self._ahead = self._ahead, []
        homes, numbers, ids = (
            {value for line in lines if (value := of(line).get(name))}
            for of, name in ((_home, "national_no"), (_member, "national_no"), (_member, "id_no"))
        )
        self.register.expect(homes, numbers, ids)
        self.counts["lines"] += len(lines)
        for line in lines:
            key = self._key_of(line)
            if key != self._key:
                self._settle()
                self._key = key
            self._open.append(line)

    def _new_id(self, entity: str, line: int) -> str:
        """The same for the same line of the same import, and nobody else's.

        In the order of the lines: what is taken in together then lies together in every index.
        """
        begins = _digest(f"{self._run}{entity}")
        high, low = divmod(line, 0x1000)
        return f"{begins[:8]}-{begins[8:12]}-8{high:03x}-a{low:03x}-{_digest(f'{self._run}{entity}:{line}')[:12]}"

    # --- one household ------------------------------------------------------------------------------------

    def _key_of(self, line: Line) -> str:
        """What tells this line's household from the others in the file. An empty cell goes on with the one before."""
        home = line.home
        for name in ("national_no", "key"):
            if home.get(name):
                return f"{name}:{home[name]}"
        if not self.wish.by_person:
            return f"line:{line.number}"
        if line.member.get("relation") == HEAD and any(one.member.get("relation") == HEAD for one in self._open):
            return f"head:{line.number}"
        if home.get("head_name") and self._open:
            same = (line.place, home.get("group", "")) in {(one.place, one.home.get("group", "")) for one in self._open}
            heads = {one.home.get("head_name") or self._head_name([one]) for one in self._open}
            if same and home["head_name"] in heads:
                return self._key
        elif self._key:
            return self._key
        return f"name:{line.place}:{home.get('group', '')}:{home.get('head_name', '')}:{line.number}"

    def _settle(self) -> None:
        lines, self._open = self._open, []
        if not lines:
            return
        for line in lines:
            if line.member:
                self._match_member(line)
        home = self._homes.get(self._key)
        if home is not None and home.asked:
            self._ask(lines, home.line, home.gaps)
        home = home or self._match(lines)
        if home is not None:
            if self._key.startswith(("national_no:", "key:")):
                self._homes[self._key] = home
            if not home.asked:
                self._other_head(home, lines)
                self._take_household(home, lines)
                for line in lines:
                    if line.member and not line.bad:
                        self._take_member(home, line)
        for line in lines:
            self._report(line)

    def _report(self, line: Line) -> None:
        if not line.findings:
            return
        if line.bad:
            self.counts["refused"] += 1
        elif any(one.severity == ASK for one in line.findings):
            self.counts["asked"] += 1
        self.counts["noted"] += 1
        self._say(line)

    def _match(self, lines: Sequence[Line]) -> Home | None:
        """The household of the register that these lines are about, a new one, or None when none of them names a place."""
        national = next((one.home["national_no"] for one in lines if one.home.get("national_no")), "")
        row = self.register.household_by_national(national) if national else None
        if row is None:
            row = self._of_members(lines)
        placed = next((line for line in lines if line.place), None)
        if row is not None:
            self._same_village(row, lines)
            return self._home_of(row, lines)
        if placed is None:
            return None
        alike = self._alike(lines, placed.place)
        first = lines[0].number
        wanted = self.wish.decisions.get(first, "") if alike else NEW
        if alike and wanted == SAME:
            return self._home_of(alike, lines)
        home = Home(self._new_id("household", first), placed.place, False, line=first)
        if not wanted and alike:
            home.asked = True
            home.gaps = {"name": alike["head_name"], "group": alike["group"], "id": alike["id"]}
            self._ask(lines, first, home.gaps)
        return home

    def _ask(self, lines: Sequence[Line], first: int, gaps: Mapping[str, str]) -> None:
        for line in lines:
            line.findings.append(Finding(ASK, "same_household", -1, {**gaps, "first": str(first)}))

    def _home_of(self, row: Row, lines: Sequence[Line]) -> Home:
        return Home(row["id"], row["area"], True, line=lines[0].number)

    def _match_member(self, line: Line) -> None:
        member = line.member
        by_number = self.register.member_by_national(member["national_no"]) if member.get("national_no") else None
        by_id = self.register.member_by_id(member["id_no"]) if member.get("id_no") else None
        if by_number and by_id and by_number["id"] != by_id["id"]:
            at = self._column.get("member.id_no", -1)
            line.findings.append(Finding(ERROR, "two_people", at, {"one": by_number["full_name"], "other": by_id["full_name"]}))
            return
        line.match = by_number or by_id

    def _of_members(self, lines: Sequence[Line]) -> Row | None:
        """The register's household in which these people are: the head's, else where most of them are."""
        found = [(one.match["household_id"], one.member.get("relation") == HEAD) for one in lines if one.match]
        if not found:
            return None
        ids = Counter(id for id, _head in found)
        of_head = next((id for id, head in found if head), "")
        return self.register.household(of_head or ids.most_common(1)[0][0])

    def _same_village(self, row: Row, lines: Sequence[Line]) -> None:
        for line in lines:
            if line.place and line.place != row["area"]:
                gaps = {"value": self.places.path(row["area"])}
                line.findings.append(Finding(WARNING, "other_village", self._column.get("place.village", -1), gaps))

    def _alike(self, lines: Sequence[Line], area: str) -> Row | None:
        """A household of the village with a head of this name that could be the same, for a person to say."""
        name = self._head_name(lines)
        head = next((one.member for one in lines if one.member.get("relation") == HEAD), {})
        group = next((one.home["group"] for one in lines if one.home.get("group")), "")
        for row in self.register.village(area).by_head.get(name, ()) if name else ():
            if row["national_no"] and any(one.home.get("national_no") for one in lines):
                continue  # both are known to the national system, under other numbers
            people = [one for one in self.register.members(row["id"]) if one["full_name"] == name]
            born = {one["birth_date"] for one in people} - {""}
            if head.get("birth_date") and born:
                if head["birth_date"] in born:
                    return dict(row)
            elif not group or not row["group"] or group == row["group"]:
                return dict(row)
        return None

    def _head_name(self, lines: Sequence[Line]) -> str:
        for line in lines:
            if line.member.get("relation") == HEAD and line.member.get("full_name"):
                return line.member["full_name"]
        return next((one.home["head_name"] for one in lines if one.home.get("head_name")), "")

    def _other_head(self, home: Home, lines: Sequence[Line]) -> None:
        """A household of the register keeps one head: a new one only when the file says what the old one is now."""
        if not home.known:
            return
        coming = [one for one in lines if one.member.get("relation") == HEAD]
        told = {one.match["id"] for one in lines if one.match}
        names = {one.member.get("full_name") for one in lines}
        for row in self.register.members(home.id) if coming else ():
            here = row["relation"] == HEAD and row["state"] in ("", "active")
            if here and row["id"] not in told and row["full_name"] not in names:
                for line in coming:
                    at = self._column.get("member.relation", -1)
                    line.findings.append(Finding(ERROR, "another_head", at, {"name": row["full_name"]}))

    # --- planning -----------------------------------------------------------------------------------------

    def _take_household(self, home: Home, lines: Sequence[Line]) -> None:
        values: Values = {}
        for place, line in enumerate(lines):
            if place and line.home is lines[0].home:
                continue
            for name, value in line.home.items():
                if name == "key":
                    continue
                if values.setdefault(name, value) != value:
                    at = self._column.get(f"household.{name}", -1)
                    line.findings.append(Finding(WARNING, "household_differs", at, {"value": value, "kept": values[name]}))
        if name := self._head_name([line for line in lines if not (home.known and line.bad)]):
            values["head_name"] = name
        elif home.known:
            values.pop("head_name", None)
        if home.known:
            row = self.register.household(home.id) or {}
            self._change(lines[0], "household", home.id, home.area, row, values, "homes")
        elif not home.names and not home.heads:
            if all(line.bad for line in lines):
                return  # nothing of it can be taken in, and an empty household helps nobody
            if self.wish.by_person and not any(one.member.get("relation") == HEAD for one in lines):
                lines[0].findings.append(Finding(WARNING, "no_head", self._column.get("member.relation", -1)))
            fields = {name: (None, value) for name, value in values.items()}
            self._plan(Planned(home.line, "create", "household", home.id, home.area, 0, fields))
            self.counts["homes_new"] += 1

    def _take_member(self, home: Home, line: Line) -> None:
        member = dict(line.member)
        if member.get("relation") == HEAD:
            home.heads += 1
            if home.heads > 1:
                line.findings.append(Finding(ERROR, "two_heads", self._column.get("member.relation", -1)))
                return
        row = line.match or (self._by_name(home, member) if home.known else None)
        if row is not None and row["household_id"] != home.id:
            where = self.register.household(row["household_id"]) or {}
            gaps = {"name": where.get("head_name", ""), "place": self.places.path(row["area"])}
            line.findings.append(Finding(ERROR, "in_other_household", self._column.get("member.id_no", -1), gaps))
            return
        person = (member.get("full_name", ""), member.get("birth_date", ""))
        if person in home.names:
            line.findings.append(Finding(ERROR, "person_twice", self._column.get("member.full_name", -1)))
            return
        home.names.add(person)
        if row is not None:
            if row["state"] not in ("", "active") and not member.get("state"):
                gaps = {"name": row["full_name"]}
                line.findings.append(Finding(WARNING, "had_left", self._column.get("member.full_name", -1), gaps))
            self._change(line, "member", row["id"], row["area"], row, member, "people")
            return
        member = {"household_id": home.id, "line": str(len(home.names)), "state": "active"} | member
        id = self._new_id("member", line.number)
        fields = {name: (None, value) for name, value in member.items()}
        self._plan(Planned(line.number, "create", "member", id, home.area, 0, fields))
        self.counts["people_new"] += 1

    def _by_name(self, home: Home, member: Values) -> Row | None:
        """In a household that is the same one, a person of the same name whose birth date does not speak against it."""
        for row in self.register.members(home.id):
            born = {row["birth_date"], member.get("birth_date", "")} - {""}
            both_numbered = row["id_no"] and member.get("id_no")
            if row["full_name"] == member["full_name"] and len(born) < 2 and not both_numbered:
                return row
        return None

    def _change(self, line: Line, entity: str, id: str, area: str, row: Row, values: Values, what: str) -> None:
        """An update of what differs; an empty cell of the roster says nothing."""
        fields: dict[str, tuple[str | None, str]] = {}
        differing = 0
        for name, value in values.items():
            old = row.get(name) or ""
            if old == value or name in ("line", "household_id"):
                continue
            if old and self.wish.mode == FILL:
                differing += 1
                at = self._column.get(f"{entity}.{name}", -1)
                line.findings.append(Finding(WARNING, "differs", at, {"entity": entity, "field": name, "old": old, "new": value}))
                continue
            fields[name] = (old, value)
        if fields:
            self._plan(Planned(line.number, "update", entity, id, area, int(row.get("rev") or 0), fields))
        self.counts[f"{what}_{'changed' if fields else 'differ' if differing else 'same'}"] += 1


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
