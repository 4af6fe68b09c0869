"""Any flags and any file: an answer or a line that helps, and nothing written."""

from collections.abc import Iterable

import click
import pytest
import tomli_w
from fuzzed import QUIET, changed, contents, ends_well, tables, values
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import stored_folder

from depthbench import cli
from depthbench.architectures import ARCHITECTURES
from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import DataMissingError
from depthbench.spec import StudySpec
from depthbench.study.resolve import resolve_cells

# What takes long, or needs a network: a command that comes so far understood its flags.
SLOW = (
    "depthbench.report.write_report",
    "depthbench.calibration.plan.run_calibration",
    "depthbench.calibration.forecast_start.start_rows",
    "depthbench.bench.answer.answer_rows",
)
DATA = (
    "depthbench.datasets.stroke_digits.load",
    "depthbench.datasets.official_files.OfficialFiles.fetch",
)
# Shows tracebacks; opens connections.
NOT_TRIED = ("debug", "engine", "scheduler")
READERS = ["report", "forecast", "show", "check", "compare", "calibrate", "bench"]
READERS += ["data fetch", "data verify", "watch"]
TRIALS = "trials.jsonl"
OTHERS = {
    "mine.py": b"import depthbench\nmine = depthbench.Stack(name='mine')\n",
    "broken.py": b"import depthbench\n1 / 0\n",
    "notes.txt": b"\xff\xfe",
    "nothing/note": b"",
    "r/forecasts.json": b'[{"architecture": "elu", "data": "mnist", "lr": 0.05}]',
}
places = st.one_of(
    values,
    st.sampled_from([*OTHERS, "r", "r:elu", "r:elu@standard@mnist", "nothing"]),
    st.sampled_from([f"r/{TRIALS}", "no/such", ".", "folder:r"]),
)
CODES = {
    "run": (2, 3),
    "report": (0, 2, 3, 4),
    "watch": (0, 1, 2, 3, 4),
    "compare": (0, 2, 3, 4, 5),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, bytes]:
    """The files of a results folder with a whole search in it, and of others."""
    folder = tmp_path_factory.mktemp("results") / "r"
    study = StudySpec(name="r", arch=("elu",), device="cpu", kernels="reference")
    cells = resolve_cells(study, ARCHITECTURES, DATASETS, device="cpu")
    stored_folder(folder, study, cells)
    names = ("study.toml", TRIALS)
    return OTHERS | {f"r/{name}": (folder / name).read_bytes() for name in names}


@pytest.fixture
def ended(monkeypatch, capsys):
    """Run a command that may not come to what takes long."""

    def stop(*_: object, **__: object) -> None:
        raise SystemExit(0)

    def no_data(*_: object, **__: object) -> None:
        raise DataMissingError("no data in this test")

    for name in SLOW:
        monkeypatch.setattr(name, stop)
    for name in DATA:
        monkeypatch.setattr(name, no_data)

    def run(arguments: list[str], files: dict[str, bytes]) -> None:
        codes = CODES.get(arguments[0], (0, 2, 3))
        ends_well(arguments, files, capsys, codes)

    return run


# Flags


def options(
    params: Iterable[click.Parameter], given: st.SearchStrategy[str]
) -> st.SearchStrategy[list[str]]:
    """Some options with any values."""

    def written(option: click.Option) -> st.SearchStrategy[list[str]]:
        names = st.sampled_from([*option.opts, *option.secondary_opts])
        if option.is_flag:
            return names.map(lambda name: [name])
        return st.tuples(names, given).map(list)

    known = [each for each in params if isinstance(each, click.Option)]
    known = [each for each in known if each.name not in NOT_TRIED]
    if not known:
        return st.just([])
    some = st.lists(st.one_of([written(each) for each in known]), max_size=3)
    return some.map(lambda chosen: [text for each in chosen for text in each])


def command_of(name: str) -> click.Command:
    first, _, second = name.partition(" ")
    command = cli.cli.get_command(click.Context(cli.cli), first)
    return command.commands[second] if second else command


@pytest.mark.parametrize("name", READERS)
def test_any_flags(ended, results, name):
    @settings(QUIET, max_examples=15)
    @given(st.lists(places, max_size=2), options(command_of(name).params, places))
    def check(arguments, flags):
        ended([*name.split(), *arguments, *flags], results)

    check()


@pytest.mark.slow
@settings(QUIET, max_examples=40)
@given(options(command_of("run").params, values))
def test_any_flags_of_a_run(ended, flags):
    ended(["run", "--arch", "elu", "--dry-run", *flags], {})


# Studies


@pytest.mark.slow
@settings(QUIET, max_examples=40)
@given(tables)
def test_any_study_of_the_right_form(ended, table):
    study = tomli_w.dumps({"arch": "elu"} | table).encode(errors="surrogatepass")
    ended(["run", "s.toml", "--dry-run"], {"s.toml": study})


@pytest.mark.slow
@settings(QUIET, max_examples=40)
@given(contents)
def test_any_file_as_a_study(ended, content):
    ended(["run", "s.toml", "--dry-run"], {"s.toml": content})


# Files that commands read


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("report r", "r/study.toml"),
        ("report r", f"r/{TRIALS}"),
        ("watch r", "r/study.toml"),
        ("watch r", f"r/{TRIALS}"),
        ("compare r r", "r/study.toml"),
        ("compare r r", f"r/{TRIALS}"),
        ("calibrate --recorded r", "r/study.toml"),
        (f"calibrate --seeds-of r/{TRIALS}", f"r/{TRIALS}"),
        ("bench --answer --recorded r", "r/study.toml"),
        ("forecast --score r", "r/forecasts.json"),
        ("check mine.py", "mine.py"),
        ("show mine.py", "mine.py"),
    ],
)
def test_any_file(ended, results, line, name):
    @settings(QUIET, max_examples=10)
    @given(changed(results[name]))
    def check(content):
        ended(line.split(), results | {name: content})

    check()
