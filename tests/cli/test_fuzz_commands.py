"""Any flags and any study file: an answer or a line that helps, and nothing written."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depthbench import cli
from depthbench.cli.options import study_options
from depthbench.spec.study import STUDY_KEYS

QUIET = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

numbers = st.one_of(
    st.integers(-3, 400),
    st.integers(),
    st.floats(),
    st.sampled_from(["inf", "-0", "1e400", "0x10", "3:6", "6:3", "::", "1,2", "1e-3"]),
).map(str)
words = st.one_of(
    st.sampled_from(
        ["elu", "elu*", "mnist", "standard", "notebook", "grid", "posterior", "adam"]
    ),
    st.text(max_size=12),
    st.sampled_from(["", " ", "../x", "a/b", "\0", "\n", "ü", "%s", "{}", "-", "--"]),
)
values = st.one_of(numbers, words).filter(lambda text: "\0" not in text)


def flags() -> list[str]:
    """The flags of `depthbench run` that set a field of a study."""
    command = study_options(lambda: None)
    options = command.__click_params__  # type: ignore[attr-defined]
    return sorted({name for option in options for name in option.opts})


pairs = st.lists(
    st.tuples(st.sampled_from(flags()), values), min_size=1, max_size=4
).map(lambda chosen: [text for pair in chosen for text in pair])

plain = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=9)
)
tables = st.dictionaries(
    st.one_of(st.sampled_from(STUDY_KEYS), st.text(max_size=9)),
    st.one_of(plain, words, st.lists(plain, max_size=3), st.dictionaries(words, plain)),
    max_size=5,
)


@pytest.fixture
def ended(monkeypatch, capsys):
    """Run a command line in a folder of its own; give what it says and leaves there."""
    monkeypatch.delenv("DEPTHBENCH_PLUGINS", raising=False)

    def run(arguments: list[str], study: bytes | None = None) -> None:
        with TemporaryDirectory() as folder:
            place = Path(folder)
            monkeypatch.chdir(place)
            monkeypatch.setenv("DEPTHBENCH_DATA", str(place / "no-data"))
            if study is not None:
                (place / "s.toml").write_bytes(study)
            monkeypatch.setattr(
                sys, "argv", ["depthbench", "run", *arguments, "--dry-run"]
            )
            with pytest.raises(SystemExit) as end:
                cli.main()
            err = capsys.readouterr().err
            monkeypatch.chdir("/")
            assert end.value.code in (2, 3), err
            assert err.startswith(("depthbench: ", "note: ", "not loaded: ")), err
            assert "Traceback" not in err
            assert "unexpected" not in err
            assert {path.name for path in place.iterdir()} <= {"s.toml"}

    return run


@QUIET
@given(pairs)
def test_any_flags(ended, arguments):
    ended(["--arch", "elu", *arguments])


@QUIET
@given(tables)
def test_any_study_of_the_right_form(ended, table):
    ended([], tomli_w.dumps({"arch": "elu"} | table).encode(errors="surrogatepass"))


@QUIET
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_file_as_a_study(ended, content):
    ended([], content)
