"""How stop rules get their constants, how often they are wrong, and which are in use.

Constants are chosen on one half of stored full trainings and judged on the other.
"""

from depthbench.early_stopping.fit import fit_rules
from depthbench.early_stopping.fitted import (
    CONFIDENCE,
    Fit,
    FittedRule,
    Settings,
    Tally,
    fit_from_json,
    packaged_fit,
    rules_for,
)

__all__ = [
    "CONFIDENCE",
    "Fit",
    "FittedRule",
    "Settings",
    "Tally",
    "fit_from_json",
    "fit_rules",
    "packaged_fit",
    "rules_for",
]
