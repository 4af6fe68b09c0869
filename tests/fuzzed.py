"""Values, flags and files that nobody foresaw, and how a command must end on them."""

import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from depthbench import cli
from depthbench.spec.study import STUDY_KEYS

QUIET = settings(
    deadline=None,
    derandomize=True,
    database=None,
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
plain = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=9)
)
tables = st.dictionaries(
    st.one_of(st.sampled_from(STUDY_KEYS), st.text(max_size=9)),
    st.one_of(plain, words, st.lists(plain, max_size=3), st.dictionaries(words, plain)),
    max_size=5,
)
contents = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(str.encode),
    st.sampled_from(
        [b"", b"3", b"[1]", b"[{}]", b'{"a": []}', b"a,b\n1,2\n", b"a = 1"]
    ),
)


def changed(content: bytes) -> st.SearchStrategy[bytes]:
    """A file with some of its bytes replaced, or cut off."""
    places = st.sampled_from([0, len(content)]) | st.integers(0, len(content))
    return st.tuples(places, places, contents).map(
        lambda drawn: content[: min(drawn[:2])] + drawn[2] + content[max(drawn[:2]) :]
    )


def ends_well(
    arguments: list[str],
    files: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    codes: tuple[int, ...],
) -> None:
    """See that a command ends with one of the codes and a line that helps.

    Unless the code is 0, it leaves the files as they are, and no other.
    """
    with (
        TemporaryDirectory() as folder,
        chdir(folder),
        pytest.MonkeyPatch.context() as m,
    ):
        place = Path(folder)
        m.delenv("DEPTHBENCH_PLUGINS", raising=False)
        m.setenv("DEPTHBENCH_DATA", str(place / "no-data"))
        m.setattr(sys, "argv", ["depthbench", *arguments])
        for name, content in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_bytes(content)
        with pytest.raises(SystemExit) as end:
            cli.main()
        err = capsys.readouterr().err
        assert end.value.code in codes, err
        assert "Traceback" not in err
        assert "a defect of depthbench" not in err, err
        if end.value.code != 0:
            assert err
            assert files == {
                str(path.relative_to(place)): path.read_bytes()
                for path in place.rglob("*")
                if path.is_file()
            }
