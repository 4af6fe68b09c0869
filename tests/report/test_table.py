"""One list of columns makes every form of a table."""

from typing import NamedTuple

import pytest

from depthbench.report.table import NOTHING, Column, Table, shown


class Net(NamedTuple):
    name: str
    depth: int | None
    error: float | None
    data: str = "mnist"


COLUMNS: tuple[Column[Net], ...] = (
    Column("name", "text", "registered name", title="architecture"),
    Column("data", "text", "data set", title="data", left_out="same"),
    Column("depth", "k", "deepest", title="k"),
    Column("error", "fraction", "after it", lambda net: net.error, is_brief=False),
    Column("margin", "fraction", "to guessing", lambda net: None, title="margin"),
    shown("shout", "text", lambda net: net.name.upper()),
)
NETS = [Net("a|b", 63, 0.25), Net("plain", None, None)]
TABLE = Table(COLUMNS, NETS)


def test_a_gap_leaves_other_depths_whole() -> None:
    assert TABLE.csv.splitlines() == [
        "name,data,depth,error,margin",
        "a|b,mnist,63,0.25,",
        "plain,mnist,,,",
    ]
    assert Table(COLUMNS, []).frame["depth"].dtype == "Int64"


def test_values_go_to_json_by_name_and_what_is_only_shown_does_not() -> None:
    assert TABLE.dicts[1] == {
        "name": "plain",
        "data": "mnist",
        "depth": None,
        "error": None,
        "margin": None,
    }


def test_readers_see_titled_columns_with_numbers_to_the_right_and_names_escaped() -> (
    None
):
    assert TABLE.markdown().splitlines() == [
        "| architecture | k | margin | shout |",
        "| --- | ---: | ---: | --- |",
        f"| a\\|b | 63 | {NOTHING} | A\\|B |",
        f"| plain | {NOTHING} | {NOTHING} | PLAIN |",
    ]


@pytest.mark.parametrize(("left_out", "is_there"), [("never", True), ("empty", False)])
def test_a_column_without_any_value_can_be_left_out(
    left_out: str, is_there: bool
) -> None:
    column: Column[Net] = Column(
        "margin",
        "fraction",
        read=lambda net: None,
        title="margin",
        left_out=left_out,  # type: ignore[arg-type]
    )
    headings = Table((*COLUMNS[:1], column), NETS).display().headings
    assert ("margin" in [each.title for each in headings]) == is_there


def test_data_sets_are_named_where_there_are_several() -> None:
    nets = [*NETS, Net("plain", 6, 0.5, data="cifar10")]
    assert "| plain | cifar10 | 6 |" in Table(COLUMNS, nets).markdown()
