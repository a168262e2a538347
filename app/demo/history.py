"""The demo as a stream of ops: areas, users, then household after household with what happened to it.

Nothing is kept but the household at hand, so that half a million of them need
no more memory than one. Each household has a chance of its own, drawn from the
seed and its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from random import Random

from app import codes
from app.demo import people as staff
from app.demo.areas import Village, places, plan
from app.demo.details import household_details, income_details, member_details, village_details
from app.demo.family import Person, family
from app.demo.living import income, living
from forms.register import FIELDS
from sync.author import with_hash
from sync.ids import uuid7
from sync.records import FieldChange, Op

CHINA = timezone(timedelta(hours=8))
GROUP_SIZE = 28
_NUMERALS = "一二三四五六七八九"

_DAYS_SINCE_VISIT = {"monitored": (3, 62), "exited": (8, 150), "ordinary": (40, 420)}
"""Spans of days since the last visit: some households of each status are due, most are not."""

_NOTES = ("家中一切正常。", "正在准备冬季用柴,身体都好。", "子女在外务工,老人在家。", "询问了医保缴费,已说明。", "")
_ISSUES = (
    ("medical", "慢性病门诊报销手续没有办好", "协助到镇卫生院办理慢病卡"),
    ("housing", "偏房屋檐渗水", "联系村里泥瓦工检修"),
    ("water", "冬季水压不足,隔天供水", "报镇水务站检查管道"),
    ("income", "今年生猪价格低,收入下降", "介绍附近公益性岗位"),
    ("job", "想在附近找工作", "登记务工意向,推荐园区岗位"),
    ("policy", "教育资助尚未到账", "向学校核对名单"),
)

Fields = dict[str, str]


@dataclass(frozen=True)
class Demo:
    """What a county is made from. today decides ages and how long ago the visits were."""

    households: int
    seed: int
    today: date
    key: bytes

    @property
    def villages(self) -> list[Village]:
        return plan(self.households)

    @property
    def users(self) -> dict[str, staff.User]:
        return staff.users(self.seed, self.villages)


def ops(demo: Demo) -> Iterator[Op]:
    """Every op of the county, from one install whose dseq runs without a gap."""
    writer = _Writer(demo)
    villages, users = demo.villages, demo.users
    began = datetime.combine(demo.today - timedelta(days=760), time(9), CHINA)
    yield from _places(writer, villages, began)
    yield from _accounts(writer, users, staff.password_hash(demo.seed), began)
    cadres, number = staff.cadre_of(users), 0
    for village in villages:
        details = village_details(Random(f"{demo.seed}:{village.code}"), village.name, village.households)
        yield writer.op("village", village.code12, "create", village.code12, details, began)
        for index in range(village.households):
            yield from _Household(demo, writer, village, cadres[village.code], index, number).ops()
            number += 1


class _Writer:
    """Gives ops their ids, numbers and hashes."""

    def __init__(self, demo: Demo) -> None:
        self.random = Random(f"{demo.seed}:ids")
        self.began = datetime.combine(demo.today - timedelta(days=761), time(8), CHINA)
        self.install_id, self.boot_id, self.actor = (self.new_id(self.began) for _ in range(3))
        self.user_ids: dict[str, str] = {}
        self.dseq = 0

    def new_id(self, at: datetime) -> str:
        return uuid7(int(at.timestamp() * 1000), self.random.randbytes(10))

    def user_id(self, username: str) -> str:
        return self.user_ids.setdefault(username, self.new_id(self.began))

    def op(
        self, entity: str, id: str, kind: str, area: str, fields: Fields, at: datetime,
        *, base: Fields | None = None, base_rev: int = 0, actor: str = "",
    ) -> Op:  # fmt: skip
        """An op that sets fields; base holds what they were, without it nothing was there."""
        self.dseq += 1
        changes = {
            name: FieldChange(None if base is None else base.get(name, ""), value) for name, value in fields.items()
        }
        return with_hash(
            Op(
                op_id=self.new_id(at),
                install_id=self.install_id,
                dseq=self.dseq,
                entity=entity,
                id=id,
                kind=kind,
                area=area,
                base_rev=base_rev,
                fields=changes,
                actor=actor or self.actor,
                device_time=at.isoformat(timespec="milliseconds"),
                monotonic_ms=self.dseq,
                boot_id=self.boot_id,
            )
        )


def _places(writer: _Writer, villages: list[Village], at: datetime) -> Iterator[Op]:
    for area in places(villages):
        above = {"county": "", "township": area.code[:6], "village": area.code[:9]}[area.level]
        fields = {
            "name": area.name,
            "full_name": area.full_name,
            "level": area.level,
            "parent": above and above.ljust(12, "0"),
        }
        yield writer.op("area", area.code12, "create", area.code12, fields, at)


def _accounts(writer: _Writer, users: dict[str, staff.User], secret: str, at: datetime) -> Iterator[Op]:
    for user in users.values():
        fields = {
            "username": user.username,
            "name": user.name,
            "role": user.role,
            "area": user.area.code12,
            "unit": user.unit,
            "phone": user.phone,
            "password_hash": secret,
        }
        id = writer.user_id(user.username)
        yield writer.op("user", id, "create", user.area.code12, fields, at)


class _Household:
    """One household and its past: registered, updated with the year's income, visited."""

    def __init__(
        self, demo: Demo, writer: _Writer, village: Village, cadre: staff.User, index: int, number: int
    ) -> None:
        self.demo, self.writer, self.village, self.cadre = demo, writer, village, cadre
        self.index, self.number = index, number
        self.random = Random(f"{demo.seed}:{number}")
        self.more = Random(f"{demo.seed}:{number}:details")
        self.people = family(self.random, village.county.code, demo.today)
        self.id = self._id()
        self.living = living(self.random, self.people)
        self.rev = 0

    def ops(self) -> Iterator[Op]:
        random = self.random
        fields = self._register_fields()
        registered = self._day(random.randint(500, 750))
        fields |= household_details(self.more, fields, self.people)
        older = income(random, self.people, fields, level=random.uniform(0.85, 1.0))
        older = fields | older | income_details(fields, older)
        yield self._household("create", older, registered)
        yield from self._members(registered)
        yield from self._past(fields, registered)
        updated = self._day(random.randint(40, 200))
        current = income(random, self.people, fields)
        current |= income_details(fields, current)
        fields |= current
        yield self._household("update", current, updated, base=older)
        last_visit = ""
        for visited in self._visit_days():
            yield from self._visit(visited)
            change, base = {"last_visit": visited.date().isoformat()}, {"last_visit": last_visit}
            yield self._household("update", change, visited, base=base)
            last_visit = change["last_visit"]

    def _register_fields(self) -> Fields:
        random, head = self.random, self.people[0].fields
        code = codes.make_code(self.demo.key, random.randbytes(codes.SHORT_BYTES))
        phones = [person.fields["phone"] for person in self.people if person.fields["phone"]]
        return {
            "code": code,
            "national_no": f"演示{self.number + 1:06d}",
            "group": f"{_NUMERALS[min(self.index // GROUP_SIZE, 8)]}组",
            "house_no": str(self.index % GROUP_SIZE + 1 + max(0, self.index // GROUP_SIZE - 8) * GROUP_SIZE),
            "head_name": head["full_name"],
            "phone": head["phone"] or (phones[0] if phones else ""),
            "helper": self.writer.user_id(self.cadre.username),
            "helper_name": self.cadre.name,
            "helper_unit": self.cadre.unit,
            "helper_phone": self.cadre.phone,
            **self.living,
            "last_visit": "",
        }

    def _members(self, registered: datetime) -> Iterator[Op]:
        for person in self.people:
            joined = registered
            if person.age < 2:  # registered a few days after birth
                born = date.fromisoformat(person.fields["birth_date"])
                joined = max(registered, self._at(min(born + timedelta(days=9), self.demo.today)))
            fields = {"household_id": self.id, **person.fields, **member_details(self.more, person)}
            fields["national_no"] = self._national_no(person)
            yield self.writer.op("member", self._id(), "create", self.village.code12, fields, joined)

    def _past(self, fields: Fields, registered: datetime) -> Iterator[Op]:
        """What it counted as before, with the days, and since when its helper comes. Ordinary households have neither."""
        if fields["status"] == "ordinary":
            return
        chance = Random(f"{self.demo.seed}:{self.number}:past")
        told = []
        if fields["exit_year"]:
            told.append(("identified", "poor", f"{chance.choice((2013, 2014))}-{chance.randint(10, 12)}-10"))
            told.append(("exited", "exited", f"{fields['exit_year']}-{chance.randint(10, 12)}-{chance.randint(10, 28)}"))
        if fields["monitored_since"] and fields["status"] == "monitored":
            told.append(("monitored", "monitored", fields["monitored_since"]))
        for what, status, day in told:
            blank = dict.fromkeys((field.name for field in FIELDS["event"]), "")
            event = blank | {"household_id": self.id, "what": what, "date": day, "status": status}
            yield self.writer.op("event", self.writer.new_id(registered), "create", self.village.code12, event, registered)
        started = registered.date() - timedelta(days=chance.randint(30, 900))
        pairing = {
            "household_id": self.id, "helper_role": "helper", "helper": fields["helper"], "helper_name": fields["helper_name"],
            "unit": fields["helper_unit"], "unit_level": chance.choice(("county", "township", "village")),
            "phone": fields["helper_phone"], "helper_relation": fields["helper_relation"], "started": started.isoformat(),
            "ended": "", "end_reason": "", "handover": "", "taken_from": "",
        }  # fmt: skip
        yield self.writer.op("pairing", self.writer.new_id(registered), "create", self.village.code12, pairing, registered)

    def _national_no(self, person: Person) -> str:
        return f"演示{self.number + 1:06d}{int(person.fields['line']):02d}"

    def _visit_days(self) -> list[datetime]:
        """One to three visits, oldest first. One household in twenty-five was never visited."""
        random = self.random
        if random.random() < 0.04:
            return []
        status = self.living["status"]
        near, far = _DAYS_SINCE_VISIT[status]
        days = [random.randint(near, far)]
        for _ in range({"monitored": 2, "exited": 1, "ordinary": 0}[status]):
            days.append(days[-1] + random.randint(24, 100))
        return [self._day(day) for day in reversed(days)]

    def _visit(self, at: datetime) -> Iterator[Op]:
        random = self.random
        outcome = random.choices(("met", "nobody", "away"), (92, 5, 3))[0]
        actor = self.writer.user_id(self.cadre.username)
        fields = {
            "household_id": self.id,
            "submission_id": "",
            "form_id": "visit",
            "date": at.date().isoformat(),
            "outcome": outcome,
            "cadre": actor,
            "cadre_name": self.cadre.name,
            "note": random.choice(_NOTES) if outcome == "met" else "",
        }
        yield self.writer.op("visit", self._id(), "create", self.village.code12, fields, at, actor=actor)
        if outcome == "met" and random.random() < (0.2 if self.living["status"] == "monitored" else 0.06):
            yield self._issue(at, actor)

    def _issue(self, at: datetime, actor: str) -> Op:
        random = self.random
        kind, description, action = random.choice(_ISSUES)
        deadline = at.date() + timedelta(days=random.choice((15, 30, 45)))
        past = deadline < self.demo.today
        fields = {
            "household_id": self.id,
            "submission_id": "",
            "problem_kind": kind,
            "description": description,
            "action": action,
            "owner": self.cadre.name,
            "deadline": deadline.isoformat(),
            "state": random.choice(("closed", "closed", "closed", "fixing")) if past else "open",
            **self._course(at, actor),
        }
        if fields["state"] == "closed":
            fields |= self._closing(deadline, actor)
        return self.writer.op("issue", self._id(), "create", self.village.code12, fields, at, actor=actor)

    def _course(self, at: datetime, actor: str) -> Fields:
        """Whose an issue is and where it comes from; nothing was done yet."""
        blank = ("member_id", "rule", "result", "evidence", "submitted_by", "submitted_on", "returned_why", "closed_by",
                 "closed_on", "closing_note")  # fmt: skip
        return {
            "owner_id": actor,
            "owner_unit": self.cadre.unit,
            "at_once": "no",
            "raised_by": actor,
            "raised_on": at.date().isoformat(),
            **dict.fromkeys(blank, ""),
        }

    def _closing(self, deadline: date, actor: str) -> Fields:
        """Handed in by its owner before the day, closed by the county."""
        county = self.writer.user_ids[staff.pinyin(self.village.county.name)]
        return {
            "result": "已按措施整改到位",
            "submitted_by": actor,
            "submitted_on": (deadline - timedelta(days=4)).isoformat(),
            "closed_by": county,
            "closed_on": (deadline - timedelta(days=2)).isoformat(),
            "closing_note": "已核实",
        }

    def _household(self, kind: str, fields: Fields, at: datetime, base: Fields | None = None) -> Op:
        base_rev, self.rev = self.rev, self.rev + 1
        actor = self.writer.user_id(self.cadre.username) if base else ""
        return self.writer.op(
            "household", self.id, kind, self.village.code12, fields, at, base=base, base_rev=base_rev, actor=actor
        )

    def _day(self, days_ago: int) -> datetime:
        return self._at(self.demo.today - timedelta(days=days_ago))

    def _at(self, day: date) -> datetime:
        minutes = self.random.randrange(8 * 60, 18 * 60)
        return datetime.combine(day, time(minutes // 60, minutes % 60), CHINA)

    def _id(self) -> str:
        days_ago = self.random.randint(0, 700)
        at = datetime.combine(self.demo.today - timedelta(days=days_ago), time(12), CHINA)
        return uuid7(int(at.timestamp() * 1000), self.random.randbytes(10))
