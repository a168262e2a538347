"""The names an expression may call. Kept apart so that checking a form needs no evaluator."""

KNOWN_FUNCTIONS = frozenset(
    """true false boolean not boolean-from-string if coalesce once checklist weighted-checklist number string int round
    abs pow sqrt exp exp10 log log10 sin cos tan asin acos atan atan2 pi random count count-non-empty sum min max concat
    join substr substring-before substring-after contains starts-with ends-with translate string-length normalize-space
    regex digest base64-decode extract-signed uuid selected selected-at count-selected jr:choice-name position
    indexed-repeat current instance pulldata randomize area distance geofence intersects version today now date date-time
    decimal-date-time decimal-time format-date format-date-time last name local-name jr:itext""".split()
)
