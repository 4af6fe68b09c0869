"""Forecasts: which limit, from what, and for whom."""

import json
import math

import pytest
import torch
from torch import nn

import depthbench as db
from depthbench.forecasting.limit import (
    AtDepth,
    first_step_limit,
    signal_limit,
    success_probability,
    thresholds,
)
from depthbench.runtime import generator


def falling(slope, spread=0.0, depths=(3, 12, 24, 48)):
    return [
        AtDepth(
            k,
            tuple(-slope * k + z * spread for z in (-1, 0, 1)),
            (0.9,) * 3,
        )
        for k in depths
    ]


def test_the_signal_ends_where_its_nats_reach_the_threshold():
    assert signal_limit(falling(0.5), (10, 18), 0.5) == pytest.approx(20, abs=0.5)
    assert signal_limit(falling(-0.5), (10, 18), 0.5) == pytest.approx(36, abs=0.5)
    assert signal_limit(falling(0.1), (10, 18), 0.5) is None


def test_a_spread_between_seeds_makes_the_reliable_depth_shallower():
    measured = falling(0.5, spread=2.0)
    k50 = signal_limit(measured, (10, 18), 0.5)
    k90 = signal_limit(measured, (10, 18), 0.9)
    # 1.28 deviations of 2 nats at half a nat a layer are 5 layers.
    assert k50 - k90 == pytest.approx(1.28 * 2 / 0.5, abs=1.0)


def test_a_gradient_that_is_zero_or_infinite_is_beyond_every_threshold():
    measured = [
        *falling(0.1, depths=(3, 6)),
        AtDepth(9, (-math.inf,) * 3, (1.0,) * 3),
    ]
    assert 6 <= signal_limit(measured, (10, 18), 0.5) <= 9


def test_the_chance_is_that_of_a_normal_number_between_two_edges():
    draws = torch.randn(200_000, generator=generator(0, "chance")) * 2 - 9
    inside = ((draws > -10) & (draws < 18)).double().mean().item()
    assert success_probability(-9, 2, (10, 18)) == pytest.approx(inside, abs=0.005)
    assert success_probability(-9, 0, (10, 18)) == 1


def test_a_longer_training_at_a_higher_rate_reaches_through_more_nats():
    short, long = thresholds(0.01, 0.9, 100)[0], thresholds(0.01, 0.9, 1000)[0]
    assert long - short == pytest.approx(2 * math.log(10))
    assert thresholds(0.1, 0.9, 100)[0] == pytest.approx(long)


def test_a_step_that_raises_the_loss_is_one_too_large():
    measured = [AtDepth(k, (0.0,) * 3, (0.5, ratio, ratio))
                for k, ratio in ((6, 0.9), (12, 0.99), (24, 40.0))]  # fmt: skip
    assert first_step_limit(measured) == pytest.approx(math.sqrt(12 * 24))
    assert first_step_limit(measured[:2]) is None
    blown = AtDepth(3, (0.0,), (math.nan,))
    assert first_step_limit([blown]) == 3


@db.architecture("shrinking", lr=0.05, start=2, step=1, has_train_mode=False)
def shrinking(depth, *, image_shape, num_classes, generator):
    """A user's network: each layer keeps a hundredth of the signal's square."""
    size = math.prod(image_shape)
    layers = [nn.Flatten(), nn.Linear(size, 30, bias=False)]
    for _ in range(depth - 1):
        layers += [nn.Tanh(), nn.Linear(30, 30, bias=False)]
    layers += [nn.Tanh(), nn.Linear(30, num_classes)]
    for layer in layers[3::2]:
        if isinstance(layer, nn.Linear) and layer.out_features == 30:
            nn.init.normal_(layer.weight, 0, 0.1 / math.sqrt(30), generator=generator)
    return nn.Sequential(*layers)


@pytest.mark.slow
def test_a_users_network_gets_a_forecast_without_a_line_of_its_own():
    (found,) = db.forecast(
        shrinking, data="stroke_digits", depths=(2, 12), num_networks=3, probe=False
    )
    assert found.limited_by == "signal vanishes"
    # Each layer costs ln 100 = 4.6 nats; D counts from the first layer's output.
    expected = 1 + found.threshold[0] / math.log(100)
    assert found.k50 == pytest.approx(expected, rel=0.2)
    assert found.low < found.k90 <= found.k50 < found.high
    (again,) = db.forecast(
        shrinking, data="stroke_digits", depths=(2, 12), num_networks=3, probe=False
    )
    assert again == found


def test_a_rate_that_is_far_too_large_limits():
    (found,) = db.forecast(
        "elu", lr=3.0, depths=(3, 6), num_networks=2, data="stroke_digits"
    )
    assert found.limited_by == "learning rate too large"
    assert found.k50 <= 6 and found.probes[0].ended == "failed"


def test_depths_off_the_grid_are_refused():
    with pytest.raises(db.UsageError, match="not on the depth grid"):
        db.forecast("elu", data="stroke_digits", depths=(3, 100))


@pytest.mark.slow
def test_the_command_prints_what_the_function_returns():
    from click.testing import CliRunner

    from depthbench.cli.forecast import command

    asked = ["tanh_naive", "--depths", "3:6", "--networks", "2", "--no-probe"]
    ran = CliRunner().invoke(command, [*asked, "--json"], catch_exceptions=False)
    (document,) = json.loads(ran.output)
    assert [row["depth"] for row in document["measured"]] == [3, 6]
    assert document["closed_form"][1][1] == pytest.approx(
        sum(document["measured"][1]["nats"]) / 2, rel=0.15
    )
    shown = CliRunner().invoke(command, asked, catch_exceptions=False).output
    assert "tanh_naive on stroke_digits" in shown


def test_show_prints_and_draws_the_profile_of_one_depth(tmp_path):
    from click.testing import CliRunner

    from depthbench.cli.show import command

    drawn = tmp_path / "profile.png"
    asked = ["elu", "--depth", "6", "--plot", str(drawn)]
    ran = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert (
        ran.output.startswith("elu, k=6, untrained")
        and len(ran.output.split("\n")) == 9
    )
    off = CliRunner().invoke(command, ["elu", "--depth", "7"])
    assert off.exit_code == 2 and "nearest: 6 and 9" in off.output


def test_behind_a_classifier_of_zeros_the_signal_is_that_after_a_step():
    """Fixup's passes no gradient to any block before the first step."""
    (found,) = db.forecast(
        "resnet_fixup",
        data="stroke_digits",
        depths=(9, 15),
        num_networks=1,
        probe=False,
    )
    assert [row.depth for row in found.measured] == [9, 15]
    assert all(abs(row.nats[0]) < 6 for row in found.measured)
