"""SVG files that are small, and the same bytes on every machine."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_NAMESPACE = re.compile(r"^\{.*\}")
_XLINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"#([\w.-]+)")
_SPACE_BY_LETTER = re.compile(r" ?([A-Za-z]) ?")
_NO_TURN = re.compile(r"rotate\(-0 [^)]*\)")
_FONT = re.compile(r"font-family:[^;]*;?\s*")
_FONTS = "DejaVu Sans, Verdana, Arial, sans-serif"

# Lengths of a layout end in few digits, so they lie on the border between two
# hundredths more often than chance would have it, and there the last bit decides.
# Rounded a little to one side, they do not.
_ASIDE = 0.0137


def tidy_svg(text: str) -> str:
    """What matplotlib wrote, drawn alike, with lengths to a hundredth of a point.

    Identities that nothing refers to go, and so do groups that do nothing; the others
    are numbered as they come. An identity that begins with a small letter and holds a
    hyphen stays: it was asked for.
    """
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = _name(element)
        element.attrib.pop("target", None)  # a link within the page stays in its window
    same = _merge_marks(root)
    used = {same.get(name, name) for name in _referenced(root)}
    _simplify(root, used)
    names = {old: f"i{place}" for place, old in enumerate(_identities(root, used))}
    names |= {old: names[one] for old, one in same.items() if one in names}
    for element in root.iter():
        _tidy(element, names)
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "xmlns:xlink": "http://www.w3.org/1999/xlink",
        "viewBox": root.attrib["viewBox"],
        "width": root.attrib["width"],
        "height": root.attrib["height"],
        "font-family": _FONTS,
    }
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _name(element: Element) -> str:
    return _NAMESPACE.sub("", element.tag)


def _referenced(root: Element) -> set[str]:
    values = (value for each in root.iter() for value in each.attrib.values())
    return {name for value in values for name in _REFERENCE.findall(value)}


def _merge_marks(root: Element) -> dict[str, str]:
    """Drop marks that are drawn as an earlier one; by their identity, that one's."""
    first: dict[tuple[str, str], str] = {}
    same: dict[str, str] = {}
    for group in (each for each in root.iter() if each.tag == "defs"):
        for mark in [each for each in group if each.tag == "path"]:
            name, style = mark.get("id", ""), mark.get("style", "")
            look = (_tidy_value("d", mark.get("d", ""), {}), style)
            if look in first:
                same[name] = first[look]
                group.remove(mark)
            first.setdefault(look, name)
    return same


def _is_asked_for(name: str) -> bool:
    return "-" in name and name[0].islower()


def _identities(root: Element, used: set[str]) -> Iterator[str]:
    for element in root.iter():
        name = element.get("id", "")
        if name in used and not _is_asked_for(name):
            yield name


def _simplify(parent: Element, used: set[str]) -> None:
    """Drop identities without use; a group without attributes becomes its members."""
    kept: list[Element] = []
    for element in parent:
        if element.tag in ("metadata", "style"):
            continue
        name = element.get("id", "")
        if name and name not in used and not _is_asked_for(name):
            del element.attrib["id"]
        _simplify(element, used)
        is_group = element.tag in ("g", "defs") and not element.attrib
        if is_group and (element.tag == "g" or len(element) == 0):
            kept.extend(element)
        else:
            kept.append(element)
    parent[:] = kept


def _tidy(element: Element, names: dict[str, str]) -> None:
    if element.tag != "text":
        element.text = None
    element.tail = None
    attributes = {
        "xlink:href" if key == _XLINK else key: _tidy_value(key, value, names)
        for key, value in element.attrib.items()
    }
    element.attrib = {key: value for key, value in attributes.items() if value}


def _tidy_value(key: str, value: str, names: dict[str, str]) -> str:
    if key == "id":
        return names.get(value, value)
    text = _REFERENCE.sub(lambda found: f"#{names.get(found[1], found[1])}", value)
    text = " ".join(_NUMBER.sub(_rounded, text).split())
    match key:
        case "d":
            return _SPACE_BY_LETTER.sub(r"\1", text.replace(" L ", " "))
        case "style":
            return _FONT.sub("", text).replace(": ", ":").replace("; ", ";").rstrip(";")
        case "transform":
            return _NO_TURN.sub("", text)
        case _:
            return text


def _rounded(number: re.Match[str]) -> str:
    """To hundredths, as short as it can be written."""
    text = f"{float(number[0]) + _ASIDE / 100:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
