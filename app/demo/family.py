"""Who lives in a demo household: people whose relations, ages, schooling, health and work fit each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from app.demo import names
from app.demo.id_numbers import id_number

MAN, WOMAN = "1", "2"
STUDENT_COST_FROM = 15
"""Age from which schooling is a burden that may be a cause of poverty."""

_ETHNIC = {"500240": (("15", 0.72), ("06", 0.05)), "500156": (("15", 0.08), ("06", 0.1)), "500110": ()}


@dataclass
class Person:
    """A member in the making. fields holds the register's member fields except household_id."""

    relation: str
    sex: str
    age: int
    surname: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def is_student(self) -> bool:
        """At school, pre-school not counted."""
        return self.fields["student_stage"] not in ("", "02")

    @property
    def works_away(self) -> bool:
        """Earns wages outside the household."""
        return self.fields["work_area"] != "none"


def family(random: Random, county: str, today: date) -> list[Person]:
    """The members of one household, the head first."""
    people = _composition(random)
    ethnic = _ethnic(random, county)
    used: set[str] = set()
    for line, person in enumerate(people, 1):
        born = today - timedelta(days=person.age * 365 + person.age // 4 + random.randint(1, 364))
        person.age = _age_on(born, today)
        person.fields = {
            "line": str(line),
            "full_name": _unused_name(random, person, born.year, used),
            "relation": person.relation,
            "sex": person.sex,
            "id_no": id_number(county, born, random.randrange(500) * 2 + (person.sex == MAN)),
            "birth_date": born.isoformat(),
            "ethnic": ethnic if random.random() < 0.93 else "01",
            "phone": "",
        }
        _schooling(random, person)
        _health(random, person)
        _work(random, person)
        _insurance(random, person)
        if 16 <= person.age < 75 and random.random() < 0.85:
            person.fields["phone"] = phone(random)
        person.fields["state"] = "active"
        newborn = person.age == 0
        person.fields["join_reason"] = "born" if newborn else ""
        person.fields["change_date"] = born.isoformat() if newborn else ""
    return people


def phone(random: Random) -> str:
    """A mobile number that no network has given out: the 154 block is unassigned."""
    return f"154{random.randrange(10**8):08d}"


def _composition(random: Random) -> list[Person]:
    kind = random.random()
    head = Person("01", WOMAN if random.random() < 0.16 else MAN, 0, names.surname(random))
    people = [head]
    if kind < 0.09:  # one old person
        head.age = random.randint(62, 88)
        head.sex = random.choice((MAN, MAN, WOMAN))
    elif kind < 0.24:  # an old couple
        head.age = random.randint(58, 82)
        people.append(_spouse(random, head))
    elif kind < 0.47:  # parents and children
        head.age = random.randint(28, 50)
        people.append(_spouse(random, head))
        people += _children(random, people, random.choice((1, 1, 2, 2, 2, 3)))
    elif kind < 0.75:  # three generations, the middle one heads
        head.age = random.randint(30, 55)
        people.append(_spouse(random, head))
        people += _children(random, people, random.choice((1, 1, 2, 2, 3)))
        people += _parents(random, head)
    elif kind < 0.90:  # three generations, the oldest heads
        head.age = random.randint(52, 76)
        people.append(_spouse(random, head))
        people += _next_generations(random, people)
    elif kind < 0.95:  # one parent, with a child or two
        head.age = random.randint(30, 52)
        people += _children(random, people, random.choice((1, 1, 2)))
    else:  # single, with an old parent
        head.age = random.randint(36, 58)
        people += _parents(random, head)[:1]
    return people


def _spouse(random: Random, head: Person) -> Person:
    sex = WOMAN if head.sex == MAN else MAN
    return Person("02", sex, max(24, head.age + random.randint(-5, 4)), names.surname(random))


def _children(random: Random, parents: list[Person], count: int) -> list[Person]:
    children, age = [], min(parent.age for parent in parents) - random.randint(21, 26)
    for _ in range(count):
        if age < 0:
            break
        sex = random.choice((MAN, WOMAN))
        children.append(Person("03" if sex == MAN else "04", sex, age, parents[0].surname))
        age -= random.randint(2, 6)
    return children


def _parents(random: Random, head: Person) -> list[Person]:
    age = head.age + random.randint(20, 30)
    father = Person("11", MAN, age, head.surname)
    mother = Person("12", WOMAN, max(head.age + 19, age + random.randint(-5, 2)), names.surname(random))
    alive = random.random()
    parents = [father, mother] if alive < 0.4 else [mother] if alive < 0.8 else [father]
    return [parent for parent in parents if parent.age <= 93] or [
        Person("12", WOMAN, head.age + 20, names.surname(random))
    ]


def _next_generations(random: Random, parents: list[Person]) -> list[Person]:
    """A grown son with wife and children of their own."""
    surname = parents[0].surname
    son = Person("03", MAN, min(parent.age for parent in parents) - random.randint(22, 27), surname)
    people = [son]
    if son.age < 24:
        return people
    wife = Person("05", WOMAN, max(23, son.age + random.randint(-4, 2)), names.surname(random))
    age = min(son.age, wife.age) - random.randint(21, 25)
    people.append(wife)
    for _ in range(random.choice((1, 1, 2))):
        if age < 0:
            break
        sex = random.choice((MAN, WOMAN))
        people.append(Person("07" if sex == MAN else "08", sex, age, surname))
        age -= random.randint(2, 5)
    return people


def _unused_name(random: Random, person: Person, born_year: int, used: set[str]) -> str:
    while (name := person.surname + names.given_name(random, person.sex, born_year)) in used:
        pass
    used.add(name)
    return name


def _age_on(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _ethnic(random: Random, county: str) -> str:
    draw = random.random()
    for code, share in _ETHNIC[county]:
        if draw < share:
            return code
        draw -= share
    return "01"


def _schooling(random: Random, person: Person) -> None:
    """Exactly one of education and student_stage, as the national check wants."""
    stage, education, school, age = "", "", "", person.age
    if age < 6:
        stage, school = "02", "村幼儿园" if age >= 3 else ""
    elif age < 12:
        stage, school = "03", "镇中心小学"
    elif age < 15:
        stage, school = "04", "镇初级中学"
    elif age < 18 and (age == 15 or random.random() < 0.88):
        stage, school = random.choice((("07", "区第一中学"), ("07", "区第二中学"), ("10", "区职业教育中心")))
    elif 18 <= age < 22 and random.random() < 0.55:
        stage, school = random.choice((("13", "市职业技术学院"), ("16", "市师范大学")))
    elif age < 30:
        education = random.choice(("03", "03", "04", "05", "07"))
    elif age < 50:
        education = random.choice(("02", "03", "03", "03", "04"))
    elif age < 68:
        education = random.choice(("01", "02", "02", "03"))
    else:
        education = random.choice(("01", "01", "02"))
    person.fields |= {"education": education, "student_stage": stage, "school": school}


def _health(random: Random, person: Person) -> None:
    age, found = person.age, []
    if random.random() < (0.42 if age >= 70 else 0.22 if age >= 55 else 0.05 if age >= 30 else 0.01):
        found.append("02")
    if random.random() < (0.03 if age >= 40 else 0.006):
        found.append("03")
    if random.random() < (0.05 if age >= 40 else 0.015):
        found.append("04")
    person.fields["health"] = " ".join(found) or "01"


def _work(random: Random, person: Person) -> None:
    age, health = person.age, person.fields["health"].split()
    if age < 16 or person.is_student or age >= 75:
        labour = "04"
    elif {"03", "04"} & set(health):
        labour = random.choice(("03", "05")) if age < 60 else "03"
    elif age >= 60 or ("02" in health and random.random() < 0.5):
        labour = "05"
    else:
        labour = "02" if random.random() < 0.18 else "01"
    area, months = "none", "0"
    if labour in ("01", "02") and random.random() < (0.72 if age < 50 else 0.45):
        area = random.choice(("01", "02", "03", "03", "04", "04"))
        months = str(random.choice((6, 8, 9, 10, 10, 11, 11, 12)) if area != "01" else random.randint(3, 10))
    person.fields |= {"labour": labour, "work_area": area, "work_months": months}


def _insurance(random: Random, person: Person) -> None:
    medical, pension = "resident", "resident"
    if person.age == 0:
        medical = "pending"
    elif person.works_away and person.fields["work_area"] != "01" and random.random() < 0.25:
        medical = pension = "employee"
    elif random.random() < 0.012:
        medical = "none"
    if person.age < 16 or person.is_student:
        pension = ""
    elif person.age >= 60:
        pension = "drawing"
    elif pension == "resident" and random.random() < 0.06:
        pension = "none"
    person.fields |= {"medical_insurance": medical, "pension_insurance": pension}
