"""Figures inside a page: several SVGs share one document with its styles and ids."""

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from depthbench.report.figures import style
from depthbench.report.figures.style import TRIAL_URL

# The page's dark mode gives these variables other values.
_VARIABLES = {
    style.INK: "ink",
    style.MUTED: "muted",
    style.RULE: "rule",
    style.SHADE: "shade",
    style.BRACKET: "bracket",
    style.PAPER: "paper",
    style.BLUE: "blue",
}
_COLOR = re.compile("|".join(_VARIABLES))
_TAG = re.compile(r"<[^>]*>")
_STYLE = re.compile(r'style="([^"]*)"')
_LINK = re.compile(rf'<a xlink:href="{re.escape(TRIAL_URL)}([^"]*)">')
_PIXELS_PER_POINT = 96 / 72


class PageFigures:
    """Figures of one page, and the styles that they share.

    Args:
        tooltips: What to say of a point, by the identity of its trial's row.
    """

    def __init__(self, tooltips: Mapping[str, str]) -> None:
        self._tooltips = tooltips
        self._classes: dict[str, str] = {}
        self._num_added = 0

    @property
    def css(self) -> Markup:
        """Rules for the figures that were added."""
        return Markup(
            "".join(f".{name}{{{text}}}\n" for text, name in self._classes.items())
        )

    def add(self, svg: bytes, name: str, title: str) -> Markup:
        """An SVG file as an element of an HTML page.

        Its ids get a prefix, so that two figures do not use each other's clip paths;
        its neutral colours become variables of the page; styles become classes. A
        point that belongs to a trial leads to the row of that trial. Text nodes are
        left alone.
        """
        root, _, rest = svg.decode("utf-8").partition(">")
        self._num_added += 1
        scope = f"g{self._num_added}"
        body = _TAG.sub(lambda tag: self._scoped(tag[0], scope), rest)
        width, height = _size(root)
        return Markup(
            f'<svg class="figure" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width * _PIXELS_PER_POINT:.0f}" '
            f'height="{height * _PIXELS_PER_POINT:.0f}" '
            f'role="img" aria-labelledby="{name}-title">'
            f'<title id="{name}-title">{escape(title)}</title>{body.strip()}'
        )

    def _scoped(self, tag: str, scope: str) -> str:
        link = _LINK.fullmatch(tag)
        if link:
            said = escape(self._tooltips.get(link[1], ""))
            return f'<a href="#{link[1]}"><title>{said}</title>'
        tag = re.sub(r'\bid="', f'id="{scope}-', tag)
        tag = tag.replace("url(#", f"url(#{scope}-").replace(" />", "/>")
        tag = re.sub(r'(?:xlink:)?href="#', f'href="#{scope}-', tag)
        return _STYLE.sub(lambda found: f'class="{self._class(found[1])}"', tag)

    def _class(self, text: str) -> str:
        text = _COLOR.sub(lambda color: f"var(--fig-{_VARIABLES[color[0]]})", text)
        return self._classes.setdefault(text, f"f{len(self._classes)}")


def _size(root: str) -> tuple[float, float]:
    """Width and height of the drawing in its own units, points."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', root)
    if found is None:
        raise ValueError(f"an SVG without a view box: {root[:200]}")
    return float(found[1]), float(found[2])
