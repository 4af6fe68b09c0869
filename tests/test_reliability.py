"""The page on faults names tests that exist, one at least for each of the 42."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """The cells of the table's rows."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| \d", line)]
    return [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]


def test_each_of_the_faults_has_a_test() -> None:
    assert [int(row[0]) for row in rows()] == list(range(1, 43))
    assert all(_NAMED.search(row[3]) for row in rows())


def test_every_test_that_is_named_exists() -> None:
    named = _NAMED.findall(PAGE)
    assert len(named) == PAGE.count("test_") / 2
    for file, name in named:
        (path,) = TESTS.rglob(file)
        assert f"def {name}(" in path.read_text(encoding="utf-8"), (file, name)
