"""The CPU kernel against the reference, and the reference against arithmetic."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_cases import (
    KERNELS,
    Case,
    cast,
    compare_with,
    distance_from_kinks,
    drawn,
    results,
    twin,
)
from torch import Tensor

from depthbench.kernels import cpu, reference
from depthbench.kernels.compiled import ACTIVATIONS, kernels, missing
from depthbench.kernels.memory import Memory

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def compare(name: str, case: Case) -> None:
    """A kernel agrees with the reference in float64."""
    images, blocks, grad_out = drawn(case)
    straight = [replace(block, activation="identity") for block in blocks]
    exact, steep = (
        results(reference.conv_blocks, images, run, case.pool, grad_out, torch.float64)
        for run in (blocks, straight)
    )
    compare_with(exact, steep, name, case)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("skip", [False, True])
def test_every_kind_of_block_equals_the_reference(
    name: str, norm: str, activation: str, skip: bool
) -> None:
    for pool, channels in itertools.product(
        [False, True], [(1, 4), (4, 4, 4), (4, 8, 8, 8), (3, 3, 17), (16, 16, 2, 2)]
    ):
        case = Case(channels=channels, activation=activation, norm=norm, skip=skip)
        compare(name, replace(case, num_images=19, height=7, width=9, pool=pool))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 9), (28, 14)])
def test_factors_and_circular_padding_equal_the_reference(
    name: str, norm: str, size: tuple[int, int]
) -> None:
    for channels, factor in itertools.product([(4, 4, 4), (3, 8, 8, 5)], [None, -0.7]):
        case = Case(channels=channels, norm=norm, skip=True, factor=factor)
        height, width = size
        compare(
            name,
            replace(
                case, num_images=19, height=height, width=width, padding="circular"
            ),
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", KERNELS)
@settings(deadline=None, max_examples=40)
@given(
    case=st.builds(
        Case,
        channels=st.lists(st.integers(1, 17), min_size=2, max_size=4).map(tuple),
        num_images=st.integers(1, 40),
        height=st.integers(2, 30),
        width=st.integers(2, 30),
        activation=st.sampled_from(list(ACTIVATIONS)),
        norm=st.sampled_from(["none", "batch", "running"]),
        skip=st.booleans(),
        factor=st.sampled_from([None, 0.0, 0.6]),
        padding=st.sampled_from(["zeros", "circular"]),
        pool=st.booleans(),
        seed=st.integers(0, 2**20),
    )
)
def test_any_shape_equals_the_reference(name: str, case: Case) -> None:
    has_kink = case.activation in ("relu", "selu", "leaky_relu")
    assume(not has_kink or distance_from_kinks(case) > 1e-5)
    compare(name, case)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("num_images", [1, 3, 4, 15, 16, 17, 96, 255, 256, 257])
def test_any_batch_size_equals_the_reference(name: str, num_images: int) -> None:
    compare(name, Case(num_images=num_images, norm="batch", height=7, width=7))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 28), (28, 14)])
def test_thin_and_long_images_equal_the_reference(
    name: str, size: tuple[int, int]
) -> None:
    height, width = size
    compare(name, Case(height=height, width=width, norm="batch", skip=True))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("width", range(1, 18))
def test_any_number_of_pixels_left_over_equals_the_reference(
    name: str, width: int
) -> None:
    for channels in ((1, 2, 5), (3, 6, 9)):
        compare(name, Case(channels=channels, num_images=9, height=3, width=width))


@pytest.mark.parametrize("name", KERNELS)
def test_a_mean_of_a_hundred_deviations_costs_no_accuracy(name: str) -> None:
    images, blocks, grad_out = drawn(Case(norm="batch", offset=100.0, num_images=33))
    run = (images, blocks, False, grad_out)
    exact = results(reference.conv_blocks, *run, torch.float64)
    fused = results(twin(name), *run)
    # Values near 100 are rounded to 8e-6 before anything can be done about it.
    torch.testing.assert_close(fused["out"].double(), exact["out"], rtol=0, atol=1e-4)
    variance = fused["running_var 0"].double()
    torch.testing.assert_close(variance, exact["running_var 0"], rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("planted", [float("nan"), float("inf"), 1e20, 1e30])
def test_what_is_not_finite_is_so_at_the_same_places(
    name: str, norm: str, activation: str, planted: float
) -> None:
    for skip in (False, True):
        case = Case(norm=norm, activation=activation, skip=skip, channels=(4, 4, 4))
        images, blocks, grad_out = drawn(case)
        if planted < 1e30:
            images[2, 1, 3, 3] = planted
        else:
            images *= planted
        run = (images, blocks, False, grad_out)
        fused = results(twin(name), *run)
        usual = results(reference.conv_blocks, *run)
        # A sum of squares may overflow in one order of operations and not in another.
        exact = results(reference.conv_blocks, *run, torch.float64)
        for key, ours in fused.items():
            assert any(
                torch.equal(ours.isnan(), right.isnan())
                and torch.equal(ours.isinf(), right.isinf())
                for right in (usual[key], exact[key].float())
            ), (key, skip)


@pytest.mark.parametrize("name", KERNELS)
def test_one_image_s_nan_stays_its_own_without_a_batch_s_statistics(name: str) -> None:
    images, blocks, _ = drawn(Case(num_images=20, norm="running"))
    clean = twin(name)(images, blocks, True)
    images[7] = float("nan")
    dirty = twin(name)(images, blocks, True)
    others = [image for image in range(20) if image != 7]
    assert dirty[7].isnan().all()
    assert torch.equal(dirty[others], clean[others])


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes all new memory NaN, so that an unwritten element shows."""
    floats = Memory.floats
    monkeypatch.setattr(
        Memory, "floats", lambda self, count: floats(self, count).fill_(torch.nan)
    )
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.usefixtures("poison")
def test_every_element_is_written(name: str, norm: str, skip: bool) -> None:
    for pool, num_images in itertools.product([False, True], [3, 16, 21]):
        case = Case(norm=norm, skip=skip, channels=(3, 5, 5, 8))
        compare(name, replace(case, num_images=num_images, pool=pool))


@pytest.mark.parametrize("name", KERNELS)
def test_the_same_call_twice_gives_the_same_bits(name: str) -> None:
    images, blocks, grad_out = drawn(Case(norm="batch", skip=True, num_images=40))
    first = results(twin(name), images, blocks, False, grad_out)
    again = results(twin(name), images, blocks, False, grad_out)
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("skip", [False, True])
def test_evaluation_gives_the_outputs_of_training(
    name: str, norm: str, skip: bool
) -> None:
    channels = (4, 4, 4, 7, 7, 4, 4, 9)  # memory is used in turn: no block may be late
    images, blocks, _ = drawn(Case(norm=norm, skip=skip, channels=channels))
    with_gradients = twin(name)(images, [cast(b, torch.float32) for b in blocks], False)
    assert torch.equal(twin(name)(images, blocks, False), with_gradients.detach())


@pytest.mark.parametrize("name", KERNELS)
def test_running_statistics_stay_where_they_may_not_move(name: str) -> None:
    images, (block, *_), _ = drawn(Case(norm="batch"))
    assert block.norm is not None
    before = block.norm.running_mean.clone(), block.norm.running_var.clone()
    still = replace(block, norm=replace(block.norm, updates_running=False))
    twin(name)(images, [still], False)
    assert torch.equal(block.norm.running_mean, before[0])
    assert torch.equal(block.norm.running_var, before[1])
    twin(name)(images, [block], False)
    assert not torch.equal(block.norm.running_mean, before[0])


def test_gradients_go_only_where_they_are_wanted() -> None:
    images, blocks, grad_out = drawn(Case())
    first, second = (cast(block, torch.float32) for block in blocks)
    second.bias.requires_grad_(False)
    conv_blocks = cpu.CpuConvBlocks()
    conv_blocks(images, [first, second], False).backward(grad_out)
    assert images.grad is None and second.bias.grad is None
    everywhere = results(conv_blocks, images, blocks, False, grad_out)
    assert torch.equal(first.weight.grad, everywhere["weight 0"])


def test_a_weight_changed_before_backward_is_an_error() -> None:
    images, blocks, grad_out = drawn(Case())
    copies = [cast(block, torch.float32) for block in blocks]
    out = cpu.CpuConvBlocks()(images, copies, False)
    with torch.no_grad():
        copies[0].weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward(grad_out)


def test_a_copy_of_a_network_computes_the_same_in_memory_of_its_own() -> None:
    images, blocks, _ = drawn(Case())
    ours = cpu.CpuConvBlocks()
    copied = copy.deepcopy(ours)
    assert copied._memory is not ours._memory
    assert torch.equal(copied(images, blocks, True), ours(images, blocks, True))


def test_what_c_cannot_read_is_refused() -> None:
    images, blocks, _ = drawn(Case())
    wide = replace(
        blocks[0], weight=blocks[0].weight.to(memory_format=torch.channels_last)
    )
    double = replace(blocks[0], bias=blocks[0].bias.double())
    gelu = replace(blocks[0], activation="gelu")
    for signal, run, pool, message in (
        (images.double(), blocks, False, "float64"),
        (images, [wide], False, "contiguous"),
        (images, [double], False, "float32"),
        (images, [gelu], False, "gelu"),
        (images, blocks[1:], False, "after 3 channels"),
        (images, [replace(blocks[0], adds_input=True)], False, "from 3 to 4"),
        (images[:, :, :1], blocks, True, "too small"),
    ):
        with pytest.raises(ValueError, match=message):
            cpu.CpuConvBlocks()(signal, run, pool)


def test_one_value_a_channel_has_no_variance() -> None:
    case = Case(norm="batch", num_images=1, height=1, width=1)
    images, blocks, _ = drawn(case)
    for conv_blocks in (cpu.CpuConvBlocks(), reference.conv_blocks):
        with pytest.raises(ValueError, match=r"more than (one|1) value"):
            conv_blocks(images, blocks, False)


@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("activation", ["tanh", "elu", "gelu"])
def test_the_reference_s_gradients_are_those_of_its_outputs(
    norm: str, activation: str
) -> None:
    case = Case(channels=(2, 3, 3), num_images=3, height=4, width=3, skip=True)
    images, blocks, _ = drawn(replace(case, norm=norm, activation=activation))
    doubled = [cast(block, torch.float64) for block in blocks]
    inner = doubled[1]

    def run(signal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        last = replace(inner, weight=weight, bias=bias)
        return reference.conv_blocks(signal, [doubled[0], last], True)

    signal = images.double().requires_grad_()
    assert torch.autograd.gradcheck(run, (signal, inner.weight, inner.bias))


def test_the_widest_vectors_are_used_first() -> None:
    names = [kernel.name for kernel in kernels()]
    assert names[-1] == "baseline"
    order = ["avx512", "avx2", "baseline"]
    assert names == [name for name in order if name in names]


@pytest.mark.parametrize("name", KERNELS)
def test_a_multiply_add_loop_counts_what_it_does(name: str) -> None:
    assert KERNELS[name].multiply_add(2000) == 2 * KERNELS[name].multiply_add(1000) > 0
