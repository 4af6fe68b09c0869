"""Figures inside a page: several SVGs share one document with its styles and ids."""

import re

from markupsafe import Markup, escape

from depthbench.report.figures import style

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
_PIXELS_PER_POINT = 96 / 72


def inline_svg(svg: bytes, name: str, title: str) -> Markup:
    """An SVG file as an element of an HTML page.

    Its ids get `name` in front, so that two figures do not use each other's clip
    paths; its neutral colours become variables of the page. Text nodes are left alone.
    """
    root, _, rest = svg.decode("utf-8").partition(">")
    body = _TAG.sub(lambda tag: _scoped(tag[0], name), rest)
    width, height = _size(root)
    view = f"0 0 {width:g} {height:g}"
    return Markup(
        f'<svg class="figure" viewBox="{view}" '
        f'width="{width * _PIXELS_PER_POINT:.0f}" '
        f'height="{height * _PIXELS_PER_POINT:.0f}" '
        f'role="img" aria-labelledby="{name}-title">'
        f'<title id="{name}-title">{escape(title)}</title>{body.strip()}'
    )


def _size(root: str) -> tuple[float, float]:
    """Width and height of the drawing in its own units, points."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', root)
    if found is None:
        raise ValueError(f"an SVG without a view box: {root[:200]}")
    return float(found[1]), float(found[2])


def _scoped(tag: str, name: str) -> str:
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-")
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag)
    return _COLOR.sub(lambda color: f"var(--fig-{_VARIABLES[color[0]]})", tag)
