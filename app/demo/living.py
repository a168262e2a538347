"""How a demo household lives: status, cause, house, water, land, and the income of a year, worked out.

Income per head is exactly (wages + business + property + transfers − costs) ÷
members, in yuan with two decimals.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from random import Random

from app.demo.family import STUDENT_COST_FROM, Person

INDUSTRIES = ("柑橘", "生态鱼", "生猪", "山羊", "茶叶", "榨菜", "黄连", "辣椒", "花椒", "玉米", "高山蔬菜")
MONITORING_LINE = 8800
"""Yuan per head under which a demo household is monitored. A county enters its own."""

_RANGE = {"monitored": (5200, 8600), "exited": (9300, 19000), "ordinary": (10500, 34000)}
_SCHOOL_COST = {"02": 1200, "03": 800, "04": 1100, "07": 4200, "10": 3200, "13": 11000, "16": 12500}


def living(random: Random, people: list[Person]) -> dict[str, str]:
    """The household's fields that describe how it lives, for people with their fields set."""
    status = _status(random, people)
    support = _support(random, people, status)
    fields = {"status": status, "support": support}
    fields |= _causes(random, people, status) | _house(random, status)
    fields |= _land(random, people)
    fields["policies"] = _policies(random, people, fields)
    return fields


def income(
    random: Random, people: list[Person], fields: dict[str, str], level: float = 1.0
) -> dict[str, str]:
    """One year's income and burdens; level 0.9 is a year that was a tenth poorer."""
    wage = sum(
        int(person.fields["work_months"]) * random.randrange(1800, 4600, 50)
        for person in people
        if person.works_away
    )
    at_home = sum(person.fields["labour"] in ("01", "02", "05") for person in people)
    cropland = float(fields["cropland"])
    business = (int(cropland * random.randint(900, 1900)) + random.randint(0, 9000)) if at_home else 0
    pensioners = sum(person.fields["pension_insurance"] == "drawing" for person in people)
    transfer = pensioners * 12 * random.randint(125, 190) + int(cropland * 105)
    transfer += len(people) * random.randrange(2400, 4200, 120) if fields["support"] == "dibao" else 0
    transfer += 11460 if fields["support"] == "tekun" else 0
    wage, business, transfer = _into_range(random, fields, len(people), wage, business, transfer)
    wage, business = int(wage * level), int(business * level)
    prop = random.choice((0, 0, 120, 240, 350, 600, 1200))
    cost = int(business * random.uniform(0.32, 0.45))
    return {
        "income_wage": str(wage),
        "income_business": str(business),
        "income_property": str(prop),
        "income_transfer": str(transfer),
        "business_cost": str(cost),
        "income_per_head": per_head(wage + business + prop + transfer - cost, len(people)),
        "medical_cost": str(_medical_cost(random, people)),
        "school_cost": str(_school_cost(random, people)),
    }


def per_head(net: int, members: int) -> str:
    """Net income per head in yuan, at most two decimals, as the form computes it."""
    share = (Decimal(net) / members).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{share:f}".rstrip("0").rstrip(".")


def _into_range(
    random: Random, fields: dict[str, str], members: int, wage: int, business: int, transfer: int
) -> tuple[int, int, int]:
    """Earnings scaled so that the household's status and income agree.

    Where there is nothing to scale up, support paid by children who live
    elsewhere (a transfer) makes up the rest.
    """
    low, high = _RANGE[fields["status"]]
    net = wage + business * 0.6 + transfer
    if low <= net / members <= high:
        return wage, business, transfer
    target = random.uniform(low, low + (high - low) * 0.5) * members
    earned = wage + business * 0.6
    scale = max(0.0, (target - transfer) / earned) if earned else 1.0
    scale = min(scale, 1.6)
    wage, business = int(wage * scale), int(business * scale)
    missing = target - (wage + business * 0.6 + transfer)
    if missing > 0 and fields["status"] != "monitored":
        transfer += int(missing // 100 * 100)
    return wage, business, transfer


def _status(random: Random, people: list[Person]) -> str:
    burden = any({"03", "04"} & set(person.fields["health"].split()) for person in people)
    workers = any(person.fields["labour"] in ("01", "02") for person in people)
    draw = random.random()
    monitored = 0.05 + 0.09 * burden + 0.05 * (not workers)
    if draw < monitored:
        return "monitored"
    return "exited" if draw < monitored + 0.3 else "ordinary"


def _support(random: Random, people: list[Person], status: str) -> str:
    if len(people) == 1 and people[0].age >= 65 and random.random() < 0.4:
        return "tekun"
    if (status == "monitored" and random.random() < 0.45) or (status == "exited" and random.random() < 0.12):
        return "dibao"
    return "none"


def _causes(random: Random, people: list[Person], status: str) -> dict[str, str]:
    if status == "ordinary":
        return {"cause": "", "other_causes": ""}
    health = {code for person in people for code in person.fields["health"].split()}
    found = []
    if {"02", "03"} & health:
        found.append("01")
    if "04" in health:
        found.append("02")
    if any(person.is_student and person.age >= STUDENT_COST_FROM for person in people):
        found.append("03")
    if not any(person.fields["labour"] in ("01", "02") for person in people):
        found.append("08")
    found += random.sample(["05", "07", "09", "10"], 2)
    return {"cause": found[0], "other_causes": " ".join(sorted(found[1 : random.choice((1, 2, 3))]))}


def _house(random: Random, status: str) -> dict[str, str]:
    poor = status == "monitored"
    resettled = "none"
    structure = random.choice(("brick", "brick", "brick", "timber", "earth"))
    level = random.choices("ABCD", (40, 54, 6, 1) if poor else (48, 51, 1, 0))[0]
    if status == "exited" and random.random() < 0.16:
        resettled, structure, level = random.choice(("central", "scattered")), "brick", "A"
    water = random.choices(("piped", "well", "spring", "cistern"), (76, 8, 13, 3))[0]
    return {
        "housing_level": level,
        "housing_structure": structure,
        "housing_area": str(random.randrange(60, 190, 5)),
        "resettled": resettled,
        "water_source": water,
        "water_safe": "no" if poor and water != "piped" and random.random() < 0.3 else "yes",
        "toilet": random.choices(("flush", "dry"), (84, 16))[0],
        "fuel": random.choices(("04", "01", "03"), (78, 20, 2))[0],
        "road": random.choices(("03", "02", "01", "04"), (74, 11, 5, 10))[0],
        "power": "yes",
        "broadband": random.choices(("yes", "no"), (70, 30))[0],
        "food_ok": "yes",
        "clothing_ok": "yes",
        "language": random.choices(("dialect", "mandarin"), (82, 18))[0],
        "location": "",
    }


def _land(random: Random, people: list[Person]) -> dict[str, str]:
    at_home = any(person.fields["labour"] in ("01", "02", "05") for person in people)
    return {
        "cropland": _mu(random, 0.4 * len(people), 1.4 * len(people)),
        "forest_land": _mu(random, 0, 9),
        "converted_land": random.choice(("0", "0", _mu(random, 0.5, 4))),
        "industry": random.choice(INDUSTRIES) if at_home else "",
        "cooperative": "yes" if at_home and random.random() < 0.3 else "no",
    }


def _policies(random: Random, people: list[Person], fields: dict[str, str]) -> str:
    found = ["dibao"] if fields["support"] != "none" else []
    if fields["status"] != "ordinary":
        stages = {person.fields["student_stage"] for person in people}
        found += ["industry"] * (fields["industry"] != "" and random.random() < 0.6)
        found += ["job"] * any(person.works_away for person in people)
        found += ["health"] * any(person.fields["health"] != "01" for person in people)
        found += ["education"] * bool(stages & {"03", "04", "07"})
        found += ["yulu"] * bool(stages & {"10", "13"})
        found += ["credit"] * (random.random() < 0.1)
        found += ["resettle"] * (fields["resettled"] != "none")
    return " ".join(sorted(found)) or "none"


def _medical_cost(random: Random, people: list[Person]) -> int:
    total = 0
    for person in people:
        health = person.fields["health"].split()
        total += random.randrange(0, 500, 20)
        total += random.randrange(1200, 4800, 50) if "02" in health else 0
        total += random.randrange(6000, 24000, 100) if "03" in health else 0
    return total


def _school_cost(random: Random, people: list[Person]) -> int:
    stages = [person.fields["student_stage"] for person in people if person.fields["school"]]
    return sum(int(_SCHOOL_COST[stage] * random.uniform(0.8, 1.3) // 10 * 10) for stage in stages)


def _mu(random: Random, low: float, high: float) -> str:
    return f"{random.uniform(low, high):.1f}".removesuffix(".0")
