"""The registry: names, patterns, and help with a wrong name."""

import pytest

from depthbench.registry import Registry

NAMES = ("elu", "elu_bn", "elu_multihead", "resnet", "tanh_naive")
REGISTRY = Registry("architecture", {name: name.upper() for name in NAMES})


def test_entries_by_name_in_order() -> None:
    assert tuple(REGISTRY) == NAMES
    assert [REGISTRY[name] for name in NAMES] == [name.upper() for name in NAMES]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["elu"], ("elu",)),
        (["*"], NAMES),
        (["elu*"], ("elu", "elu_bn", "elu_multihead")),
        (["resnet", "elu*", "*"], ("resnet", *NAMES[:3], "tanh_naive")),
        (["elu_??", "elu_bn"], ("elu_bn",)),
        (["[rt]*"], ("resnet", "tanh_naive")),
        ([], ()),
    ],
)
def test_patterns_name_each_entry_once_in_their_order(
    patterns: list[str], names: tuple[str, ...]
) -> None:
    assert REGISTRY.match(patterns) == names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnt", "unknown architecture 'resnt'; did you mean resnet?"),
        ("elu_b", "unknown architecture 'elu_b'; did you mean elu_bn or elu"),
        ("ELU", "unknown architecture 'ELU'; known: elu, elu_bn, elu_multihead, "),
        ("", "unknown architecture ''; known: elu, elu_bn, "),
        ("zzz*", "no architecture matches 'zzz*'; known: elu, elu_bn, "),
        ("a/../b", "unknown architecture 'a/../b'; known: "),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(name: str, message: str) -> None:
    with pytest.raises(ValueError, match="architecture") as caught:
        REGISTRY.match(["elu", name])
    assert str(caught.value).startswith(message)


def test_a_broken_entry_hurts_only_those_who_ask_for_it() -> None:
    registry = REGISTRY.extended({"mine": "MINE"}, {"bad": "bad.py:3: SyntaxError"})
    assert registry["mine"] == "MINE"
    assert registry.match(["*"]) == (
        *sorted({*NAMES, "mine"}, key=list(registry).index),
    )
    with pytest.raises(ValueError, match=r"'bad': bad\.py:3: SyntaxError"):
        registry.match(["bad"])
    # The name may be one that the broken file would have defined.
    with pytest.raises(ValueError, match=r"(?s)unknown.*not loaded:.*bad\.py:3"):
        registry["other"]
    assert "bad" not in registry.match(["*"])


def test_nobody_can_take_the_place_of_an_entry() -> None:
    registry = REGISTRY.extended({"elu": "MINE", "other": "OTHER"}, {})
    assert (registry["elu"], registry["other"]) == ("ELU", "OTHER")
    assert tuple(REGISTRY) == NAMES
