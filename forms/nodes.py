"""The nodes of a filled form, and what its users get to see of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forms.expression.values import to_number

UNREADABLE = {"geopoint", "integer"}
"""Types of which some texts read as no answer (``readable``)."""
NOT_TYPED = {"calculate", "hidden", "note", "start", "end", "today"}
_NOWHERE = re.compile(r"0(?:\.0*)?(?: 0(?:\.0*)?)+")

Answers = dict[str, Any]
"""question → text, group → object, repeat → list of objects."""


class Node:
    """A question, group, repeat instance, or (``instances`` set) the repeat itself.

    What most nodes never need stands in the class, so that a form of a
    hundred questions is built in a tenth of a millisecond.
    """

    instances: list[Node] | None = None
    slot: Node | None = None
    text = ""
    readable = ""
    own_relevant = True
    own_readonly = False
    required = False
    position = 1
    gone = False
    seed: int | None = None
    last: str | None = None
    """The last calculated value: an edit is overwritten only when that changes."""
    spare: Sequence[Node] = ()
    """Instances that a smaller repeat_count took out; a larger one brings them back."""

    kids: dict[str, Node] = {}  # noqa: RUF012 - for questions, which have none; never written to

    def __init__(
        self, name: str, path: str, definition: Mapping[str, Any], parent: Node | None, relevant: bool
    ) -> None:
        self.name = name
        self.path = path
        self.definition = definition
        self.parent = parent
        self.relevant = relevant

    @property
    def value(self) -> str:
        return self.readable if self.relevant else ""

    def named(self, name: str) -> Sequence[Node]:
        if self.instances is not None:
            return [kid for instance in self.instances for kid in instance.named(name)]
        kid = self.kids.get(name)
        if kid is None:
            return ()
        return kid.instances if kid.instances is not None else (kid,)

    def all(self) -> Sequence[Node]:
        return [one for name in self.kids for one in self.named(name)]

    def below(self) -> Iterator[Node]:
        """Everything inside, repeats and their instances included."""
        for kid in self.instances if self.instances is not None else self.kids.values():
            yield kid
            yield from kid.below()


@dataclass(frozen=True)
class Violation:
    """path with indexes; code required or constraint."""

    path: str
    code: str
    message: str


@dataclass(frozen=True)
class Finished:
    valid: bool
    violations: list[Violation]
    answers: Answers
    instance_name: str


@dataclass(frozen=True)
class Choice:
    name: str
    label: str
    row: Mapping[str, Any] = field(default_factory=dict)


def readable(node: Node, text: str) -> str:
    """As expressions read it: no place, and no integer beyond 32 bits, is no answer."""
    kind = node.definition.get("type")
    if kind == "geopoint" and _NOWHERE.fullmatch(text):
        return ""
    if kind == "integer" and text:
        number = to_number(text)
        return "" if abs(number + 0.5) > 2_147_483_648 else text
    return text


def several(definition: Mapping[str, Any]) -> bool:
    return str(definition["type"]).startswith("select_multiple") or definition["type"] == "rank"


def typed(definition: Mapping[str, Any]) -> bool:
    """Whether a person can type the answer."""
    return definition["type"] not in NOT_TYPED and definition.get("readonly") is not True
