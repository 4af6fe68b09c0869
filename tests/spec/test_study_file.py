"""Studies as TOML files: what comes back, and what is refused in which words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.spec import (
    Cell,
    DepthGrid,
    StudySpec,
    TrialSpec,
    read_cells,
    read_study,
    write_study,
)

names = st.text(min_size=1, max_size=8)
rates = st.floats(0, 1e6, exclude_min=True)


@st.composite
def studies(draw: st.DrawFn) -> StudySpec:
    low = draw(st.integers(1, 1000))
    bracket = (low, draw(st.integers(low + 1, 10_000)))
    protocols = st.sampled_from(["standard", "notebook"])
    return StudySpec(
        name=draw(st.just("") | st.from_regex(r"\w[\w.+-]*", fullmatch=True)),
        arch=tuple(draw(st.lists(names, min_size=1))),
        data=tuple(draw(st.lists(names, min_size=1))),
        protocol=tuple(draw(st.lists(protocols, min_size=1))),
        init=draw(st.none() | names),
        epochs=draw(st.integers(1, 100)),
        batch=draw(st.integers(1, 10_000)),
        lr=draw(st.none() | rates),
        momentum=draw(st.floats(0, 1, exclude_max=True)),
        weight_decay=draw(st.floats(0, 1e6)),
        threshold=draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
        criterion=draw(st.sampled_from(["either", "train", "test"])),
        seeds=draw(st.sampled_from([1, 3, 5, 7])),
        first_seed=draw(st.integers(0, 2**40)),
        depths=draw(st.none() | st.just(bracket)),
        cap=draw(st.integers(1, 10_000)),
        device=draw(st.sampled_from(["auto", "cpu", "cuda"])),
    )


@st.composite
def cells(draw: st.DrawFn, study: StudySpec) -> Cell:
    grid = DepthGrid(draw(st.integers(1, 50)), draw(st.integers(1, 50)))
    protocol = draw(st.sampled_from(study.protocol))
    return Cell(
        protocol=protocol,
        template=TrialSpec(
            architecture=draw(names),
            depth=grid.start,
            data=draw(names),
            seed=0,
            lr=draw(rates),
            initializer=draw(st.none() | names),
            epochs=study.epochs,
            train_mode=draw(st.sampled_from(["every_epoch", "first_epoch"])),
            plugin_sha256=draw(st.none() | names),
        ),
        criterion=study.criterion_of(protocol),
        grid=grid,
        description=draw(st.text()),
        reference=draw(st.none() | st.just((6, 9))),
        search=study.search_spec,
    )


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_studies_and_cells_come_back_from_toml(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    study = data.draw(studies())
    resolved = tuple(data.draw(st.lists(cells(study), max_size=3)))
    path = tmp_path_factory.getbasetemp() / "study.toml"
    path.write_bytes(write_study(study, resolved).encode())
    assert read_study(path) == study
    assert read_cells(path) == resolved


def write(folder: Path, text: str) -> Path:
    path = folder / "quick.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scalar_stands_for_a_list_of_one_and_a_whole_number_for_a_rate(
    tmp_path: Path,
) -> None:
    study = read_study(write(tmp_path, 'arch = "elu"\nlr = 1\ndepths = [3, 9]'))
    assert study == StudySpec(name="quick", arch=("elu",), lr=1.0, depths=(3, 9))
    assert type(study.lr) is float


def test_flags_go_before_the_file_and_may_complete_it(tmp_path: Path) -> None:
    path = write(tmp_path, "seeds = 5\nepochs = 2")
    study = read_study(path, {"arch": ("elu",), "seeds": 1})
    assert study == StudySpec(name="quick", arch=("elu",), seeds=1, epochs=2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("epoch = 3", "unknown key epoch; did you mean epochs?"),
        ("zzz = 3", "unknown key zzz; known: name, arch, data, protocol, init, "),
        ('epochs = "3"', "epochs = '3': a whole number is expected"),
        ("epochs = true", "epochs = True: a whole number is expected"),
        ("epochs = 3.0", "epochs = 3.0: a whole number is expected"),
        ("epochs = 0", "epochs = 0: a whole number of at least 1"),
        ("batch = -1", "batch = -1: a whole number of at least 1"),
        ("cap = 0", "cap = 0: a whole number of at least 1"),
        ("first_seed = -1", "first_seed = -1: a whole number of at least 0"),
        ("seeds = 0", "seeds = 0: a whole number of at least 1"),
        ("lr = nan", "lr = nan: a finite number above 0"),
        ("lr = inf", "lr = inf: a finite number above 0"),
        ("lr = 0", "lr = 0.0: a finite number above 0"),
        ('lr = "0.1"', "lr = '0.1': a number is expected"),
        ("lr = true", "lr = True: a number is expected"),
        (f"lr = 1{400 * '0'}", "int too large to convert to float"),
        ("momentum = 1.0", "momentum = 1.0: from 0 to below 1"),
        ("momentum = nan", "momentum = nan: from 0 to below 1"),
        ("weight_decay = -0.1", "weight_decay = -0.1: a finite number of at least 0"),
        ("weight_decay = inf", "weight_decay = inf: a finite number of at least 0"),
        (
            "threshold = 20",
            "threshold = 20.0: an error is a fraction above 0 and below",
        ),
        ("threshold = nan", "threshold = nan: an error is a fraction"),
        (
            'criterion = "loss"',
            "criterion = 'loss': allowed are either, train, train_after, test",
        ),
        (
            "criterion = 5",
            "criterion = 5: allowed are either, train, train_after, test",
        ),
        ('protocol = "std"', "protocol = std: one of standard, notebook"),
        ("protocol = [3]", "protocol = 3: one of standard, notebook"),
        ("protocol = []", "protocol = nothing: name at least one"),
        ("data = []", "data = nothing: name at least one"),
        ("data = [3]", "data = 3: a text is expected"),
        ("init = 3", "init = 3: a text is expected"),
        ('device = "gpu"', "device = gpu: one of auto, cpu, cuda"),
        ("depths = 9", "depths = 9: [LOW, HIGH]"),
        ("depths = [9]", "depths = [9]: [LOW, HIGH]"),
        ("depths = [3.0, 9]", "depths = 3.0: a whole number is expected"),
        ("depths = [9, 6]", "depths = 9:6: LOW:HIGH with 0 < LOW < HIGH"),
        ("depths = [0, 9]", "depths = 0:9: LOW:HIGH with 0 < LOW < HIGH"),
        ('name = ".."', "name = '..': letters, digits, '_', '-', '+' and '.', not "),
        ('name = "a/b"', "name = 'a/b': letters, digits, "),
        ("name = 3", "name = 3: a text is expected"),
        ("epochs =", "Invalid value"),
    ],
)
@pytest.mark.parametrize("with_cells", [False, True])
def test_a_mistake_in_a_file_is_told_with_file_key_value_and_cure(
    tmp_path: Path, line: str, message: str, with_cells: bool
) -> None:
    end = '\n[[cells]]\nprotocol = "standard"\n' if with_cells else ""
    path = write(tmp_path, f'arch = "elu"\n{line}{end}')
    with pytest.raises(ValueError) as caught:
        read_study(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_file_that_is_no_text_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(b"arch = '\xff'")
    with pytest.raises(ValueError, match=r"study\.toml: .*can't decode"):
        read_study(path)
    with pytest.raises(ValueError, match="arch = nothing: name at least one"):
        read_study(write(tmp_path, ""))


@pytest.mark.parametrize(
    "cells_text",
    [
        "",
        "cells = 3",
        "[[cells]]",
        "cells = ['x']",
        "[[cells]]\nprotocol = 'standard'\ngrid = [3]",
        "[[cells]]\nprotocol = 'standard'\ngrid = [3, 3]\ndescription = ''\nx = 1",
    ],
)
def test_cells_of_a_study_that_is_not_resolved(tmp_path: Path, cells_text: str) -> None:
    path = write(tmp_path, f"arch = 'elu'\n{cells_text}")
    with pytest.raises(ValueError, match=r"quick\.toml: not a resolved study"):
        read_cells(path)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my study.toml", "my-study"),
        ("-a.toml", "a"),
        ("(1).toml", "1"),
        ("+.toml", "study"),
    ],
)
def test_any_file_name_makes_a_name(tmp_path: Path, file: str, name: str) -> None:
    path = tmp_path / file
    path.write_text('arch = "elu"\n')
    assert read_study(path).name == name


def test_an_error_names_the_file_only_if_it_is_the_file_s(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('arch = "elu"\n')
    with pytest.raises(ValueError, match=r"^epochs = 0: a whole number"):
        read_study(path, {"epochs": 0})
    path.write_text('arch = "elu"\nepochs = 0\n')
    with pytest.raises(ValueError, match=r"s\.toml: epochs = 0: a whole number"):
        read_study(path, {"seeds": 1})
