"""What the collection forms ask beyond the yearly visit: kinds of monitoring, items of income, how housing is safe.

Drawn from a chance of its own, so that the county stays the one it was.
"""

from __future__ import annotations

from random import Random

from app.demo.family import Person

_RISKS = {"01": "01", "02": "03", "03": "02", "04": "04", "08": "08"}
"""Cause of poverty → the risk it is."""


def household_details(random: Random, fields: dict[str, str], people: list[Person]) -> dict[str, str]:
    """For fields as ``living`` made them."""
    status, housing = fields["status"], fields["housing_level"]
    monitored = status == "monitored"
    cropland = float(fields["cropland"] or 0)
    return {
        "helper_visits": {"monitored": "monthly", "exited": "quarterly"}.get(status, "rarely"),
        "helper_relation": "none",
        "id_standard": "" if status == "ordinary" else "national",
        "monitor_type": random.choice(("unstable", "marginal")) if monitored else "",
        "risks": _RISKS.get(fields["cause"], "99") if monitored else "none",
        "monitored_since": f"202{random.randint(1, 5)}-{random.randint(1, 12):02d}-15" if monitored else "",
        "exit_year": str(random.randint(2015, 2020)) if status == "exited" else "",
        "bank_name": "农村商业银行(演示)",
        "bank_account": "",
        "measures": {"monitored": "industry job", "exited": "job"}.get(status, ""),
        "housing_basis": "unsafe" if housing in "CD" else ("resettled" if fields["resettled"] != "none" else "assessed"),
        "power_work": random.choice(("yes", "yes", "yes", "no")),
        "television": "yes",
        "road_distance": f"{random.randint(1, 30) / 10:g}",
        "irrigated_land": f"{int(cropland * random.uniform(0, 0.8) * 10) / 10:g}",
        "pasture_land": "0",
        "water_area": random.choice(("0", "0", "0", "0.5")),
        "enterprise": random.choice(("yes", "no", "no")),
        "water_quantity": "yes",
        "water_quality": fields["water_safe"],
        "water_near": "yes",
    }


def income_details(fields: dict[str, str], income: dict[str, str]) -> dict[str, str]:
    """The items of a year's totals: their sums are the totals."""
    wage, business = int(income["income_wage"]), int(income["income_business"])
    transfer, cost, prop = (int(income[name]) for name in ("income_transfer", "business_cost", "income_property"))
    grain, stock = business // 2, business - business // 2
    allowance = min(transfer, transfer // 2) if fields["support"] in ("dibao", "tekun") else 0
    crop_cost = cost // 2
    return {
        "income_away": str(wage),
        "income_local": "0" if wage else "",
        "income_public_job": "",
        "income_grain": str(grain),
        "income_cash_crop": "",
        "income_fruit": "",
        "income_livestock": str(stock),
        "income_trade": "",
        "cost_method": "book",
        "cost_crop": str(crop_cost),
        "cost_livestock": str(cost - crop_cost),
        "cost_trade": "",
        "income_land_rent": str(prop),
        "income_dividend": "",
        "income_interest": "",
        "income_pension": str(transfer - allowance),
        "income_dibao": str(allowance),
        "income_subsidy": "",
        "income_family": "",
        "income_other": "",
    }


def member_details(random: Random, person: Person) -> dict[str, str]:
    """For a person with their fields set."""
    fields, age = person.fields, person.age
    disabled = "04" in fields["health"].split()
    return {
        "school_state": "home" if 6 <= age <= 15 and not fields["student_stage"] else "",
        "disability_kind": random.choice("1244") if disabled else "",
        "disability_grade": random.choice("1234") if disabled else "",
        "political": "" if age < 14 else random.choices(("masses", "party"), (92, 8))[0],
        "mandarin": "" if age < 6 else ("yes" if age < 60 or random.random() < 0.6 else "no"),
        "public_job": "none" if age >= 16 else "",
        "public_job_months": "",
        "serious_insurance": "no" if fields["medical_insurance"] == "none" else "yes",
    }


def village_details(random: Random, name: str, households: int) -> dict[str, str]:
    """What the village form asked last year."""
    return {
        "village_title": name,
        "groups_count": str(-(-households // 28)),
        "households_count": str(households),
        "people_total": str(int(households * 3.4)),
        "village_road": "yes",
        "village_water": "mixed",
        "village_power": "yes",
        "village_broadband": "yes",
        "clinic": "yes",
        "doctors": str(random.randint(1, 3)),
        "chains": random.choice(("citrus pigs", "tea herbs", "vegetables")),
        "cooperatives": str(random.randint(1, 4)),
        "collective_income": str(random.randrange(20000, 180000, 1000)),
        "team_size": "3",
        "weaknesses": random.choice(("industry", "collective", "none")),
    }
