"""A benchmark's plan, arithmetic and figure, on made-up times."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import stack_of
from depthbench.bench import baseline
from depthbench.bench.document import Benchmark, to_csv, to_document
from depthbench.bench.figure import bench_figure
from depthbench.bench.machine import Peak
from depthbench.bench.markdown import speed_markdown
from depthbench.bench.measurement import (
    long_table,
    read_table,
    summaries,
    training_flop_per_image,
)
from depthbench.bench.plan import FULL, QUICK, Side, settings
from depthbench.cli.bench_tables import print_benchmark
from depthbench.runtime.environment import capture_environment

STACKS = tuple(stack.name for stack in NOTEBOOK_STACKS)


# Which work it is.


def test_each_side_takes_its_turn_at_each_comparison():
    todo = list(settings(FULL, data="mnist", device="cpu", has_fused=True, num_cores=2))
    parts = [setting.part for setting in todo]
    growth = ["depth"] * 7 + ["batch"] * 6
    assert parts == ["step"] * 4 + ["epoch"] * 4 + FULL.rounds * growth
    everyone = (Side.BASELINE, Side.REFERENCE, Side.FUSED)
    assert {setting.sides for setting in todo[:8]} == {everyone}
    assert {setting.sides for setting in todo[8:]} == {(Side.FUSED,)}
    assert {setting.processes(Side.BASELINE) for setting in todo[:4]} == {(1, 1)}
    assert {setting.processes(Side.BASELINE) for setting in todo[4:8]} == {(1, 2)}
    assert {setting.processes(Side.FUSED) for setting in todo[4:8]} == {(2, 1)}


def test_growth_goes_through_all_depths_and_batches_in_turns_of_one_length():
    todo = settings(FULL, data="mnist", device="cpu", has_fused=True, num_cores=2)
    growth = [setting for setting in todo if setting.part in ("depth", "batch")]
    for number in range(FULL.rounds):
        once = [setting for setting in growth if list(setting.rounds) == [number]]
        assert tuple(setting.spec.depth for setting in once[:7]) == FULL.depths
        assert tuple(setting.spec.batch_size for setting in once[7:]) == (
            FULL.batch_sizes
        )
    lengths = [
        setting.spec.depth * setting.num_train_images
        for setting in growth
        if setting.spec.depth != 1002  # one step is longer
    ]
    usual = FULL.batch_depth * FULL.num_steps * FULL.batch_size
    assert lengths == [pytest.approx(usual, rel=0.35)] * len(lengths)


def test_without_fused_kernels_the_others_stand_for_ours():
    todo = settings(FULL, data="toy", device="cpu", has_fused=False, num_cores=4)
    sides = {setting.part: setting.sides for setting in todo}
    assert sides["step"] == (Side.BASELINE, Side.REFERENCE)
    assert sides["depth"] == (Side.REFERENCE,)


def test_on_a_gpu_trials_do_not_share_it_and_whole_ones_are_timed():
    todo = list(
        settings(FULL, data="mnist", device="cuda", has_fused=True, num_cores=16)
    )
    assert {setting.num_trials for setting in todo} == {1}
    whole = [setting for setting in todo if setting.part == "trial"]
    assert [setting.spec.epochs for setting in whole] == [3] * 4
    assert whole[0].sides == (Side.BASELINE, Side.FUSED)


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_every_depth_of_a_plan_exists(plan):
    growth = [(plan.growth, depth) for depth in (*plan.depths, plan.batch_depth)]
    for name, depth in (*plan.cases, *growth):
        assert ARCHITECTURES[name].grid.contains(depth), (name, depth)


# Arithmetic.


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 12)])
@pytest.mark.parametrize("name", STACKS)
def test_operations_equal_those_that_torch_counts(name, shape):
    """Of forward and backward pass together, by the shapes that torch really sees."""
    stack = stack_of(ARCHITECTURES[name])
    model = baseline.Net(stack, 6, shape, 10)
    with FlopCounterMode(display=False) as counter:
        heads = model(torch.randn(2, *shape))
        sum(head.sum() for head in heads).backward()
    expected = 2 * training_flop_per_image(stack, 6, shape, 10)
    assert counter.get_total_flops() == expected


def measured(side, number, seconds, **changes):
    """What one process did in one turn."""
    values = {
        "part": "step",
        "architecture": "net",
        "depth": 6,
        "batch_size": 256,
        "num_processes": 1,
        "num_threads": 1,
        "cpu_seconds": 0.25,
        "num_steps": 4,
        "num_images": 1024,
        "flop_per_image": 10**7,
        "peak_memory_bytes": 10**9,
    }
    named = {"side": side, "round": number, "began": 0.0, "ended": seconds}
    return values | changes | named


def values_of(table, metric, side):
    mine = (table["metric"] == metric) & (table["side"] == side)
    return table.loc[mine, "value"].tolist()


def test_a_ratio_is_formed_within_its_round():
    """Medians 2 s and 0.75 s: their ratio, 2.7, belongs to no round."""
    times = {Side.BASELINE: (2.0, 8.0, 1.0), Side.FUSED: (0.5, 1.0, 0.75)}
    given = [
        measured(side, number, seconds)
        for side, mine in times.items()
        for number, seconds in enumerate(mine)
    ]
    table = long_table(given, 50.0, "cpu")
    assert values_of(table, "speedup", Side.FUSED) == pytest.approx([4, 8, 4 / 3])
    assert values_of(table, "speedup", Side.BASELINE) == []
    found = summaries(table)
    [summary] = found[found["metric"] == "speedup"].itertuples()
    assert summary.median == pytest.approx(4)
    assert (summary.low, summary.high) == pytest.approx((4 / 3, 8))
    assert summary.num_rounds == 3


def test_metrics_of_a_step():
    table = long_table([measured(Side.FUSED, 0, 0.5)], 50.0, "cpu")
    found = dict(zip(table["metric"], table["value"], strict=True))
    assert found == pytest.approx(
        {
            "ms_per_step": 125.0,
            "cpu_share": 0.5,
            "images_per_second": 2048.0,
            "gflop_per_second": 20.48,
            "share_of_peak": 0.4096,
            "peak_memory_bytes": 1e9,
        }
    )


@pytest.mark.parametrize(("device", "share"), [("cpu", 0.1024), ("cuda", 0.4096)])
def test_epochs_share_in_the_peak_of_all_threads_and_have_no_time_a_step(device, share):
    epoch = measured(Side.BASELINE, 0, 0.5, part="epoch", num_threads=4)
    table = long_table([epoch], 50.0, device)
    found = dict(zip(table["metric"], table["value"], strict=True))
    assert found["share_of_peak"] == pytest.approx(share)
    assert "ms_per_step" not in found


def test_a_whole_trial_states_its_seconds():
    whole = measured(Side.BASELINE, 0, 7.5, part="trial")
    assert values_of(long_table([whole], 1.0, "cuda"), "seconds", Side.BASELINE) == [
        7.5
    ]


def test_a_round_without_the_baseline_has_no_ratio():
    given = [
        measured(Side.BASELINE, 0, 1.0),
        measured(Side.FUSED, 0, 0.5),
        measured(Side.FUSED, 1, 0.5),
        measured(Side.FUSED, 0, 0.5, depth=9),
    ]
    assert values_of(long_table(given, 1.0, "cpu"), "speedup", Side.FUSED) == [2.0]


def test_linearity_looks_at_the_fastest_steps_of_depths_from_30_to_300_alone():
    times = {3: 9.0, 30: 3.0, 102: 10.2, 300: 33.0, 1002: 500.0}
    given = [
        measured(
            Side.FUSED,
            0,
            60.0,
            part="depth",
            depth=depth,
            fastest_step_seconds=seconds / 4,
        )
        for depth, seconds in times.items()
    ]
    disturbed = given[1] | {"round": 1, "fastest_step_seconds": 9.0}
    found = to_document(benchmark_of([*given, disturbed]))["linearity"]
    assert found["ms_per_layer"] == pytest.approx({30: 25.0, 102: 25.0, 300: 27.5})
    assert found["spread"] == pytest.approx(0.1)
    assert to_document(benchmark_of(given[:2]))["linearity"] is None


def test_the_csv_has_a_line_for_each_number():
    table = long_table([measured(Side.FUSED, 0, 0.5)], 50.0, "cpu")
    lines = to_csv(replace(benchmark_of([]), table=table)).splitlines()
    assert lines[0] == (
        "part,architecture,depth,batch_size,side,num_processes,num_threads,round,"
        "metric,value,data,device_name,instruction_set,num_cores,depthbench,git_commit,"
        "torch"
    )
    assert lines[1].startswith("step,net,6,256,fused,1,1,0,ms_per_step,125.0,toy,")
    assert len(lines) == 1 + 6


def test_the_csv_is_read_back(tmp_path):
    table = long_table([measured(Side.FUSED, 0, 0.5)], 50.0, "cpu")
    path = tmp_path / "bench.csv"
    path.write_text(to_csv(replace(benchmark_of([]), table=table)))
    assert summaries(read_table(path)).equals(summaries(table))
    path.write_text("part,value\n")
    with pytest.raises(ValueError, match="no benchmark of this version; run it again"):
        read_table(path)


# The tables and the figure.


def benchmark_of(given, plan=FULL):
    return Benchmark(
        plan=plan,
        data="toy",
        device="cpu",
        environment=capture_environment("cpu"),
        num_cores=2,
        load_average=0.0,
        peak=Peak(gflop_per_second=50.0, probe="made up"),
        without_fused=None,
        table=long_table(given, 50.0, "cpu"),
        failures=(),
        started_at="",
        seconds=1.0,
    )


MADE_UP = [
    measured(side, number, seconds * (1 + number / 10), part=part, architecture=name)
    for part in ("step", "epoch")
    for name in ("net", "other")
    for side, seconds in zip(Side, (2.0, 1.5, 0.25), strict=True)
    for number in range(3)
]
GROWTH = [
    measured(Side.FUSED, number, depth / 100, part="depth", depth=depth)
    for depth in FULL.depths
    for number in range(2)
]


def test_no_cell_of_the_tables_is_cut(capsys):
    named = {"architecture": "elu_multihead", "depth": 138, "num_images": 10}
    given = [
        measured(side, 0, 1 / (rank + 1), **named) for rank, side in enumerate(Side)
    ]
    print_benchmark(benchmark_of([each | {"num_steps": 1} for each in given]))
    out = capsys.readouterr().out
    assert "elu_multihead 138" in out
    assert "3.00 (3.00-3.00)" in out
    assert "1,000.0" in out
    assert "…" not in out
    assert "disturbed: a thread had a core for 25 % of its time" in out


def test_whole_trials_are_said_to_have_fewer_rounds(capsys):
    trials = [measured(Side.FUSED, number, 1.0, part="trial") for number in range(2)]
    print_benchmark(benchmark_of(trials))
    assert "medians of 5 rounds (2 of whole trials), range" in capsys.readouterr().out
    print_benchmark(benchmark_of(MADE_UP))
    assert "medians of 5 rounds, range" in capsys.readouterr().out


def test_the_table_of_a_readme_is_made_from_the_stored_file():
    """A step of 2 s against one of 0.25 s, four times 10.24 GFLOP in 50 a second."""
    alone = measured(Side.REFERENCE, 0, 0.5, architecture="alone")
    table = speed_markdown(long_table([*MADE_UP, alone], 50.0, "cpu"))
    head, rule, net, _, without_others = table.splitlines()
    assert head.count("|") == rule.count("|") == net.count("|")
    assert [cell.strip() for cell in net.strip("|").split("|")] == [
        "net 6",
        "550",
        "69",
        "74%",
        "8.0 (8.0-8.0)",
        "8.0 (8.0-8.0)",
    ]
    assert without_others.replace("|", "").strip() == "alone 6"


def test_the_figure_has_a_bar_for_each_side_as_long_as_its_median():
    figure = bench_figure(benchmark_of(MADE_UP))
    step, epoch = figure.axes
    assert len(step.patches) == len(epoch.patches) == 6
    widths = sorted({round(bar.get_width(), 6) for bar in step.patches})
    expected = [10.24 / (seconds * 1.1) for seconds in (2.0, 1.5, 0.25)]
    assert widths == pytest.approx(expected)
    texts = [text.get_text() for text in step.texts]
    assert texts.count("8.0x") == 2
    assert step.get_xlim()[1] > 50
    assert epoch.get_xlim()[1] > 100  # the peak of two threads


def test_the_figure_shows_time_a_layer_and_memory_in_gigabytes():
    figure = bench_figure(benchmark_of(MADE_UP + GROWTH))
    time, memory = figure.axes[2:]
    [line] = time.lines
    assert list(line.get_xdata()) == list(FULL.depths)
    assert list(line.get_ydata()) == pytest.approx([2.5] * len(FULL.depths))
    assert list(memory.lines[0].get_ydata()) == pytest.approx([1.0] * len(FULL.depths))
