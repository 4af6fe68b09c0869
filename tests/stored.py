"""A results folder with whole searches in it."""

from builders import under
from study_cases import record_of

from depthbench.search import plan_cell
from depthbench.spec import write_study
from depthbench.store import open_store


def stored_folder(folder, study, cells, limit=6):
    """A results folder with a whole search of each cell in it."""
    with open_store(folder) as store:
        (folder / "study.toml").write_text(write_study(study, cells))
        for cell in cells:
            while (
                plan := plan_cell(under(study, cell), store.records.values())
            ).wanted:
                for spec in plan.wanted:
                    store.append(record_of(spec, spec.depth <= limit))
