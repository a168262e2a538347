"""The parameters column: known names for the type of the question."""

from __future__ import annotations

import re

from pyxform import constants as px

from forms.checks.report import Report
from forms.suggest import nearest

_GEO = tuple(one.value for one in px.ParametersGeo.value_list())
ACCEPTED: dict[str, tuple[str, ...]] = {
    "audio": ("quality",), "background-audio": ("quality",), "image": ("app", "max-pixels"), "text": ("rows",),
    "range": ("end", "placeholder", "start", "step", "tick_interval", "tick_labelset"),
    "select_one": ("randomize", "seed"), "select_multiple": ("randomize", "seed"), "rank": ("randomize", "seed"),
    "geopoint": ("allow-mock-accuracy", "capture-accuracy", "reference-geometry", "warning-accuracy"),
    "geotrace": _GEO, "geoshape": _GEO,
    "audit": ("identify-user", "location-max-age", "location-min-interval", "location-priority", "track-changes",
              "track-changes-reasons"),
}  # fmt: skip
FROM_FILE = ("label", "randomize", "seed", "value")
_PAIR = re.compile(r"([\w-]+)\s*=\s*(\$\{[^}]*\}|[^\s,;]+)[\s,;]*")


def check(report: Report) -> None:
    for line in report.outline.questions():
        given = line.get("parameters")
        accepted = ACCEPTED.get(line.type.name)
        if "from_file" in line.get("type") or "from file" in line.get("type"):
            accepted = FROM_FILE
        if not given:
            continue
        if _PAIR.sub("", given).strip():
            report.problem("bad_parameters", line, "parameters", given)
            continue
        for name, _ in _PAIR.findall(given):
            if accepted and name not in accepted:
                near = nearest(name, accepted)
                report.problem("unknown_parameter", line, "parameters", name, accepted=", ".join(accepted), near=near)
