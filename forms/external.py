"""Lists outside the answers: register records, choice lists, attached tables; what ``instance('x')`` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forms.expression.values import Element


class Cell:
    """One column of a row, or a nested element of an attached XML."""

    __slots__ = ("kids", "name", "parent", "position", "value")
    relevant = True

    def __init__(self, name: str, content: Any, parent: Element, position: int = 1) -> None:
        self.name = name
        self.parent: Element | None = parent
        self.position = position
        self.kids: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        self.value = "" if isinstance(content, Mapping) else str(content)

    def named(self, name: str) -> Sequence[Element]:
        return cells(self.kids, name, self)

    def all(self) -> Sequence[Element]:
        return [cell for name in self.kids for cell in self.named(name)]


def cells(content: Mapping[str, Any], name: str, parent: Element) -> Sequence[Element]:
    """The elements of a name; a list stands for several."""
    found = content.get(name)
    if found is None:
        return ()
    if isinstance(found, list):
        return [Cell(name, each, parent, i) for i, each in enumerate(found, 1)]
    return (Cell(name, found, parent),)


class Row:
    """One item. Its cells are made when asked for."""

    __slots__ = ("made", "parent", "position", "row")
    name = "item"
    value = ""
    relevant = True

    def __init__(self, row: Mapping[str, Any], parent: Element, position: int) -> None:
        self.row = row
        self.parent: Element | None = parent
        self.position = position
        self.made: dict[str, Sequence[Element]] = {}

    def named(self, name: str) -> Sequence[Element]:
        found = self.made.get(name)
        if found is None:
            found = self.made[name] = cells(self.row, name, self)
        return found

    def all(self) -> Sequence[Element]:
        return [cell for name in self.row for cell in self.named(name)]


class _Root:
    name = "root"
    value = ""
    relevant = True
    position = 1

    def __init__(self, table: Table) -> None:
        self.table = table

    @property
    def parent(self) -> Element | None:
        return self.table

    def named(self, name: str) -> Sequence[Element]:
        return self.table.items if name == "item" else ()

    def all(self) -> Sequence[Element]:
        return self.table.items


class Table:
    """A list as a document: ``root/item/column``. ``where`` goes through an index, never a scan."""

    name = ""
    value = ""
    relevant = True
    position = 1
    parent: Element | None = None

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.root = _Root(self)
        self.items: list[Row] = [Row(row, self.root, i) for i, row in enumerate(rows, 1)]
        self.indexes: dict[str, dict[str, list[Row]]] = {}

    def named(self, name: str) -> Sequence[Element]:
        return (self.root,) if name == "root" else ()

    def all(self) -> Sequence[Element]:
        return (self.root,)

    def where(self, column: str, texts: Sequence[str]) -> list[Row]:
        """Items whose column is one of the texts, in list order."""
        index = self.indexes.get(column)
        if index is None:
            index = self.indexes[column] = {}
            for item in self.items:
                found = item.row.get(column)
                for each in found if isinstance(found, list) else (found,):
                    if each is not None and not isinstance(each, Mapping):
                        index.setdefault(str(each), []).append(item)
        if len(texts) == 1:
            return index.get(texts[0], [])
        items = {id(item): item for text in texts for item in index.get(text, ())}
        return sorted(items.values(), key=lambda item: item.position)
