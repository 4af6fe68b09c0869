"""SVG files: drawn alike, small, and indifferent to last digits."""

import re

from fixtures.report.synthetic import World, cell, search
from matplotlib.figure import Figure

from depthbench.report import study_result
from depthbench.report.figures import errors_figure, render
from depthbench.report.figures.vector import tidy_svg
from depthbench.spec import StudySpec

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" width="9" height="9" '
    'xmlns:xlink="http://www.w3.org/1999/xlink">'
)


def tidied(body: str) -> str:
    return tidy_svg(f"{HEAD}{body}</svg>").partition(">")[2]


def test_lengths_differ_only_if_they_differ_by_more_than_rounding() -> None:
    for length in (1.005, 2.345, 0.125, 27.365, 100.0):
        drawn = {
            tidied(f'<path d="M {length + noise:.12f} 0"/>')
            for noise in (-1e-9, 0.0, 1e-9)
        }
        assert len(drawn) == 1
    assert tidied('<path d="M 1.25 -0.001 L 3 4.5 L 5 6"/>').startswith(
        '<path d="M1.25 0 3 4.5 5 6"'
    )
    assert tidied("<text>1.23456</text>").startswith("<text>1.23456<")


def test_references_still_meet_their_targets() -> None:
    text = tidied(
        '<defs><clipPath id="p12ab"><rect width="1"/></clipPath></defs>'
        '<g id="axes_1"><g><path clip-path="url(#p12ab)" d="M 0 0"/></g></g>'
        '<g id="trial-7"><use xlink:href="#p12ab"/></g>'
    )
    assert set(re.findall(r'id="([^"]*)"', text)) == {"i0", "trial-7"}
    assert set(re.findall(r"#([\w-]+)", text)) == {"i0"}
    assert text.count("<g") == 1 and "rect" in text


def test_a_real_figure_loses_no_mark_and_most_of_its_bytes() -> None:
    study = StudySpec(name="made_up", arch=("net",), cap=48)
    net = cell("net", study=study)
    records = search([net], lambda _: World(20, 0.3))
    figure = errors_figure(study_result(study, [net], records))
    raw = raw_svg(figure)
    tidy = render(figure, "svg").decode()
    assert tidy.count("<text") == raw.count("<text") > 0
    assert num_marks(tidy) == num_marks(raw) > len(records)
    assert len(tidy) < 0.7 * len(raw)
    used = set(re.findall(r"#(i\d+)", tidy))
    assert used == set(re.findall(r'id="(i\d+)"', tidy))


def num_marks(svg: str) -> int:
    drawn = re.sub("<defs>.*?</defs>", "", svg, flags=re.DOTALL)
    return drawn.count("<use ") + drawn.count("<path ")


def raw_svg(figure: Figure) -> str:
    from io import StringIO

    from depthbench.report.figures.style import figure_style

    buffer = StringIO()
    with figure_style():
        figure.savefig(buffer, format="svg")
    return buffer.getvalue()
