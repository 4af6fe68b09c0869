"""The pages of the documentation tell the truth: their code runs and prints as shown.

Every block marked `python` of a page is run, one after the other in one namespace, in a
folder of its own. A block marked `text` right behind one is what it prints.
"""

import contextlib
import io
import re
from dataclasses import dataclass

import notebook_table
import pytest
from places import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("**/*.md"))
_BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A block of Python, the line it begins in, and what is shown of its output."""

    code: str
    line: int
    shown: str | None


def examples(page: str) -> list[Example]:
    """The blocks of Python of a page, in order."""
    found = list(_BLOCK.finditer(page))
    return [
        Example(block[2], page.count("\n", 0, block.start(2)) + 1, _shown(page, block))
        for block in found
        if block[1] == "python"
    ]


def _shown(page: str, block: re.Match[str]) -> str | None:
    after = page[block.end() :]
    follows = _BLOCK.match(after, len(after) - len(after.lstrip("\n")))
    return follows[2] if follows and follows[1] == "text" else None


def run(page: str, name: str) -> None:
    """Run the examples of a page.

    Raises:
        AssertionError: If one prints something else than is shown.
        Exception: What one raises, at the line of the page.
    """
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in examples(page):
        # Blank lines in front, so that a traceback names the line of the page.
        code = "\n" * (example.line - 1) + example.code
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, name, "exec"), namespace)
        if example.shown is not None:
            assert printed.getvalue() == example.shown, f"{name}:{example.line}"


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_code_of_a_page_runs_and_prints_what_is_shown(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(path.read_text(encoding="utf-8"), str(path))


def test_a_page_that_shows_something_else_is_found():
    page = "# T\n\n```python\nx = 1\nprint(x + 1)\n```\n\n```text\n{}\n```\n"
    run(page.format(2), "right.md")
    with pytest.raises(AssertionError, match=r"wrong\.md:4"):
        run(page.format(3), "wrong.md")
    with pytest.raises(NameError) as caught:
        run("\n```python\nprint(y)\n```\n", "broken.md")
    assert caught.traceback[-1].lineno == 2  # counted from 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_file_a_page_points_to_is_there(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), target


def test_the_table_of_the_notebooks_is_fresh():
    text = notebook_table.PAGE.read_text(encoding="utf-8")
    assert notebook_table.page(text) == text
    numbers = [
        line.split("|")[1].strip() for line in notebook_table.table().splitlines()
    ]
    assert list(dict.fromkeys(numbers[2:])) == [str(n) for n in range(1, 26)]
