"""Lines of a roster read one after the other: what stands in each, and where its household is. Decides nothing of the register.

Most cells repeat what the line above says of the same household: those are
read once. Lines can be spelled out for another process, which then has what it
would have read itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

import msgspec

from app.idnumber import read_id
from app.roster.cells import ERROR, WARNING, Finding, Read, Reader
from app.roster.places import Places

Values = dict[str, str]

HEAD = "01"
_PLACE = ("code", "county", "township", "village", "address")


_TOTALS = ("合计", "总计", "小计", "填表", "审核", "制表", "备注", "说明", "注:", "注:")


class Line(msgspec.Struct, array_like=True, gc=False):
    """One line as it was read. home: the same object in lines that say the same of their household.

    cells: as they came, or as JSON from another process.
    """

    number: int
    cells: Any
    home: Values
    member: Values
    findings: list[Finding] = msgspec.field(default_factory=list)
    place: str = ""
    match: dict[str, Any] | None = None

    @property
    def bad(self) -> bool:
        return bool(self.findings) and any(one.severity == ERROR for one in self.findings)


class Part:
    """The columns of one entity."""

    def __init__(self, columns: Sequence[tuple[int, str, Callable[[str], Read]]]) -> None:
        self._columns = columns
        places = [at for at, _name, _read in columns]
        self.width = max(places, default=-1) + 1
        self._texts: Callable[[Sequence[str]], Any] = itemgetter(*places) if places else lambda cells: ()
        self._last: Any = None
        self._said: tuple[Values, list[Finding]] = ({}, [])

    def read(self, cells: Sequence[str], findings: list[Finding]) -> Values:
        """The values by name; what cannot be one is added to the findings."""
        values: Values = {}
        for at, name, read in self._columns:
            if text := cells[at]:
                value, fault, gaps = read(text)
                if value:
                    values[name] = value
                elif fault:
                    severity = ERROR if name in ("id_no", "full_name") else WARNING
                    findings.append(Finding(severity, fault, at, dict(gaps or {})))
        return values

    def read_like_above(self, cells: Sequence[str], findings: list[Finding]) -> tuple[Values, bool]:
        """As `read`, and whether it is what the line above had; then the values are the same object, not to be changed."""
        texts = self._texts(cells)
        again = texts == self._last
        if not again:
            self._last = texts
            found: list[Finding] = []
            self._said = (self.read(cells, found), found)
        values, said = self._said
        if said:
            findings += said
        return values, again


class Lines:
    """targets: one a column (`app.roster.headings`). by_person: a line is a person, else a household by its head."""

    def __init__(self, targets: Sequence[str], by_person: bool, reader: Reader, places: Places, today: date) -> None:
        self.column = columns_of(targets)
        self._by_person, self._reader, self._places, self._today = by_person, reader, places, today
        self._home, self._member, self._named = (self._part(targets, one) for one in ("household", "member", "place"))
        self._width = max(self._home.width, self._member.width, self._named.width)
        self._asked: tuple[str, ...] = ()
        self._place, self._nowhere = "", Finding("", "")
        self._ids: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    def _part(self, targets: Sequence[str], entity: str) -> Part:
        split = [(at, *target.split(".", 1)) for at, target in enumerate(targets) if target]
        return Part([(at, name, self._reading(entity, name)) for at, one, name in split if one == entity])

    def _reading(self, entity: str, name: str) -> Callable[[str], Read]:
        return Read if entity == "place" or name == "key" else self._reader.of(entity, name)

    def each(self, rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Line]:
        """The lines that are about somebody, of rows with their numbers in the spreadsheet."""
        for number, cells in rows:
            filled = len(cells) - cells.count("")
            if filled and not (filled <= 3 and next(filter(None, cells)).startswith(_TOTALS)):
                yield self.read(number, cells)

    def read(self, number: int, cells: Sequence[str]) -> Line:
        """The next line, by its number in the spreadsheet."""
        short = self._width - len(cells)
        whole = [*cells, *[""] * short] if short > 0 else cells
        findings: list[Finding] = []
        home, _again = self._home.read_like_above(whole, findings)
        member = self._member.read(whole, findings)
        if len(findings) > 1:
            findings.sort(key=lambda one: one.column)
        if member and not self._by_person:
            member.setdefault("full_name", home.get("head_name", ""))
            member.setdefault("relation", HEAD)
        line = Line(number, cells, home, member, findings)
        self._find_place(line, whole)
        if member:
            self._check_person(line)
        return line

    def _find_place(self, line: Line, cells: Sequence[str]) -> None:
        named, again = self._named.read_like_above(cells, line.findings)
        if not again:
            asked = tuple(named.get(name, "") for name in _PLACE)
            if not any(asked) and self._asked:
                asked = self._asked  # a merged cell speaks once for all lines below it
            self._asked = asked
            found = self._places.find(*asked)
            self._place = found.code
            value = asked[0] or asked[3] or asked[4]
            self._nowhere = Finding(ERROR, found.fault, self._place_column(), {"value": value[:40], "near": "、".join(found.near)})
        line.place = self._place
        if self._nowhere.code:
            line.findings.append(self._nowhere)

    def _place_column(self) -> int:
        names = (f"place.{name}" for name in ("code", "village", "address", "township"))
        return next((self.column[name] for name in names if name in self.column), -1)

    def _check_person(self, line: Line) -> None:
        member = line.member
        id_no = member.get("id_no", "")
        if not member.get("full_name"):
            line.findings.append(Finding(ERROR, "no_name", self.column.get("member.full_name", -1)))
        if not id_no:
            return
        found = read_id(id_no, self._today)
        for name, said, code in (("birth_date", found.born, "birth_differs"), ("sex", found.sex, "sex_differs")):
            own = member.get(name, "")
            if own and own != said:
                line.findings.append(Finding(WARNING, code, self.column.get(f"member.{name}", -1), {"value": own}))
            member[name] = said
        self._once(line, self._ids, id_no, "member.id_no", "id_twice")
        if number := member.get("national_no"):
            self._once(line, self._numbers, number, "member.national_no", "national_twice")

    def _once(self, line: Line, seen: dict[str, int], value: str, target: str, code: str) -> None:
        before = seen.setdefault(value, line.number)
        if before != line.number:
            line.findings.append(Finding(ERROR, code, self.column.get(target, -1), {"line": str(before)}))


def columns_of(targets: Sequence[str]) -> dict[str, int]:
    """Where the column of each target is."""
    return {target: at for at, target in enumerate(targets) if target}


# --- from one process to another --------------------------------------------------------------------------


class _Sent(Line, array_like=True, gc=False):
    cells: msgspec.Raw
    home: Values | None


_encoded = msgspec.json.Encoder(enc_hook=dict).encode
_decoded = msgspec.json.Decoder(list[_Sent]).decode


class Spelling:
    """Lines as bytes, a piece at a time. A household that goes on is not spelled again: the one who reads has it."""

    def __init__(self) -> None:
        self._home: Values | None = None

    def bytes_of(self, lines: Sequence[Line]) -> bytes:
        """The lines themselves are of no use afterwards."""
        for line in lines:
            if line.home is self._home:
                line.home = None  # type: ignore[assignment]
            else:
                self._home = line.home
        return _encoded(lines)

    def lines_of(self, piece: bytes) -> Sequence[Line]:
        lines = _decoded(piece)
        for line in lines:
            self._home = line.home = self._home if line.home is None else line.home
        return lines
