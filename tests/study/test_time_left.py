"""The time left, on searches that were made: as it was said, and as it came."""

from itertools import accumulate
from pathlib import Path

import pytest

from depthbench.search import CellSearch
from depthbench.spec import read_resolved
from depthbench.store import read_records
from depthbench.study.cost import eta_seconds

NOTEBOOK = Path(__file__).parents[2] / "results/notebook"
RECORDS = {r.spec.id: r for r in read_records(NOTEBOOK).records.values()}


SEARCHES = {
    cell.architecture: CellSearch.over(cell, RECORDS.values())
    for cell in read_resolved(NOTEBOOK / "study.toml")[1]
    if cell.protocol == "standard"
}


@pytest.mark.parametrize("name", ["tanh_naive", "resnet_nobn", "elu"])
def test_after_a_quarter_of_a_search_the_time_left_is_right_within_a_factor_of_2(name):
    """One trial after the other, each as long as its record says."""
    search = SEARCHES[name]
    assert search.plan.is_done
    records = [RECORDS[spec.id] for spec in search.plan.asked]
    spent = list(accumulate(record.seconds for record in records))
    number = next(n for n, s in enumerate(spent, start=1) if s >= spent[-1] / 4)
    plan = CellSearch.over(search.cell, records[:number]).plan
    said = eta_seconds([plan], records[:number], num_workers=1)
    came = spent[-1] - spent[number - 1]
    assert said is not None
    assert came / 2 <= said <= 2 * came
