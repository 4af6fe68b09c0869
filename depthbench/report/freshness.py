"""Whether a report still says what the records say."""

from pathlib import Path

from depthbench.store import TRIALS_NAME

_SOURCES = ("study.toml", TRIALS_NAME, "forecasts.json")
_TABLES = ("depths.csv", "trials.csv", "epochs.csv")


def is_up_to_date(folder: Path) -> bool:
    """Whether the page of a results folder, written last, is newer than its sources.

    Tables that a clone of a repository lacks are to be written again.
    """
    page = folder / "report.html"
    derived = (page, folder / "figures", *(folder / name for name in _TABLES))
    if not all(path.exists() for path in derived):
        return False
    sources = [path for name in _SOURCES if (path := folder / name).exists()]
    return all(path.stat().st_mtime_ns < page.stat().st_mtime_ns for path in sources)
