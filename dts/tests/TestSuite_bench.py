# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bench: each command prints figures, as text and as JSON, and reports mistakes.

The tests do not check how good the figures are, because other load on the machine changes them.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from framework import cpu, paths

sys.path.insert(0, str(paths.ROOT / "app/vsr-bench"))
from bench import bridge, notify, pmd  # noqa: E402
from bench.common import Weather  # noqa: E402
from bench.side import Load, Setting  # noqa: E402

BENCH = paths.BUILD / "app/vsr-bench/vsr-bench"
COMMANDS = ("pmd", "bridge", "latency", "scale", "notify", "admin", "floor", "driver")
ROW = ("device", "profile", "ring", "size", "queues", "driver", "setting", "path", "mpps",
       "cycles_per_packet", "hidden_per_packet", "doorbells_per_1000", "sim_busy")
RATE_ROW = (*ROW, "rate", "rate_mpps", "drops_per_million", "drops", "offered", "runs", "p50_ns",
            "p99_ns")


def bench(*args, timeout=600):
    return subprocess.run([BENCH, *args], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False)


def two_processors():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("vsr-bench measures with two processors")


def answer(*args):
    if args[0] != "driver":
        two_processors()
    done = bench(*args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("file", [
    "drivers/net/vsr/librte_net_vsr.so", "app/vsr-bench/vsr-bench-meter.so"])
def test_plugins_load_from_below_a_folder_that_everyone_can_write_to(tmp_path, file):
    """Verify: EAL gets a copy that is below no such folder; a changed plug-in is copied again."""
    build = tmp_path / "build"
    original = build / file
    original.parent.mkdir(parents=True)
    tmp_path.chmod(0o777)
    copies = set()
    try:
        for content in (b"one", b"two"):
            original.write_bytes(content)
            paths.plugin.cache_clear()
            copy = pathlib.Path(paths.plugin(file, build))
            copies.add(copy)
            assert copy.name == original.name and copy.read_bytes() == content
            assert not any(folder.stat().st_mode & 0o002 for folder in copy.parents)
        assert len(copies) == 1
    finally:
        for copy in copies:
            shutil.rmtree(copy.parent)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_describes_the_figures(command):
    """Verify: --help describes the figures, within 100 columns; the list has the command."""
    done = bench(command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"vsr-bench {command}" in done.stdout and len(done.stdout.splitlines()) > 8
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert f"  {command} " in bench("--help").stdout


@pytest.mark.parametrize("args", [
    ["warp"], ["pmd", "--ring", "square"], ["pmd", "--size", "63"], ["pmd", "--rounds", "0"],
    ["pmd", "--device", "soft"], ["pmd", "--rate", "81"],
    ["pmd", "--ring-size", "100"], ["pmd", "--chart", "x.txt"], ["latency", "--seconds", "x"],
    ["scale", "--vfs", "2"], ["notify", "--samples", "9"], ["notify", "--chart", "x.txt"],
    ["bridge", "--device", "soft"], ["bridge", "--bridge", "vsr fast"],
    ["bridge", "--guests", "65"], ["bridge", "--guests", "1,"], ["bridge", "--chart", "x.txt"],
    ["admin", "--vfs", "2"], ["admin", "--depth", "65"], ["floor", "--rounds", "x"],
    ["floor", "--seconds", "nan"], ["floor", "more"], ["driver", "--burst", "3"],
    ["driver", "--profile", "x"], ["driver", "--size", "1519"],
], ids=" ".join)
def test_mistakes_are_one_sentence(args):
    done = bench(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("vsr-bench"), done.stderr


def test_no_command_is_a_mistake():
    assert bench().returncode == 2


def test_driver_measures_every_row():
    """Steps: few samples of all paths. Verify: cycles of each row of the path tables that this
    machine can run, in each profile whose features allow the row."""
    rows = answer("driver", "--samples", "20", "--no-instructions")["rows"]
    for direction in ("rx", "tx"):
        names = {profile: {row["path"] for row in rows if row["direction"] == direction
                           and row["profile"] == profile} for profile in ("full", "bluefield")}
        # A path for a device with fewer features also runs on a device with more.
        assert names["bluefield"] and names["bluefield"] <= names["full"]
        for ring in ("packed", "split"):
            assert any(row["accepted"].startswith(ring) for row in rows
                       if row["direction"] == direction)
    for row in rows:
        assert 0 < row["cycles_min"] <= row["cycles_median"]
        assert row["instructions"] is None


def test_driver_counts_instructions_exactly():
    """Verify: a second run counts the same number, and the number is plausible for a packet."""
    def counted():
        rows = answer("driver", "--samples", "10", "--path", "split", "--profile", "full")["rows"]
        return {(row["direction"], row["path"]): row["instructions"] for row in rows}

    first = counted()
    assert first and first == counted()
    assert all(10 < value < 2000 for value in first.values())


def test_driver_keeps_its_vector_steps_when_completions_are_shuffled():
    """Verify by counted instructions of the rows with vectors: a packet takes less than 1.7 times
    as many as with completions in order. A row that fell back to single buffers takes 2.4 to 3.7
    times as many."""
    def counted(order):
        found = answer("driver", "--samples", "10", "--path", "avx", "--profile", "bluefield",
                       "--completion", order)
        assert found["completion"] == order
        return {(row["direction"], row["path"]): row["instructions"] for row in found["rows"]}

    if "AVX2" not in cpu.flags():
        pytest.skip("the processor has no AVX2")
    ordered, shuffled = counted("ordered"), counted("shuffled")
    assert ordered.keys() == shuffled.keys()
    for row, instructions in shuffled.items():
        assert instructions < 1.7 * ordered[row], (row, ordered[row], instructions)


def test_floor_runs_both_ways():
    rows = answer("floor", "--rounds", "1", "--seconds", "0.05")["rows"]
    assert [row["name"] for row in rows] == ["plain", "prefetch"]
    for row in rows:
        assert row["mpps"] > 0.1 and row["busy"] <= row["cycles_per_packet"]
        assert row["cycles_min"] <= row["cycles_per_packet"]


def test_floor_measures_the_distance_of_the_cores():
    assert 10 < answer("floor", "--distance")["distance"] < 1000000


def test_pmd_compares_the_drivers(tmp_path):
    """Steps: one short turn of each side on both devices, two queues, one rate, with a chart.
    Verify: all keys of the JSON are present, each row and ratio names its device, net_virtio used
    its vector path if the processor has AVX-512, the chart is an SVG file, the table has all rows.
    """
    chart, table = tmp_path / "chart.svg", tmp_path / "table.rst"
    found = answer("pmd", "--quick", "--device", "kind,hard", "--rate", "80", "--profile", "full",
                   "--ring", "packed", "--queues", "1,2", "--table", str(table), "--rounds", "1",
                   "--seconds", "0.05", "--chart", str(chart))
    rows = [row for row in found["rows"] if "rate" not in row]
    limited = [row for row in found["rows"] if "rate" in row]
    assert {(row["device"], row["driver"], row["queues"]) for row in rows} == {
        (device, driver, queues) for device in ("kind", "hard")
        for driver in ("net_vsr", "net_virtio") for queues in (1, 2)}
    assert {(row["device"], row["driver"], row["queues"], row["rate"]) for row in limited} == {
        (device, driver, 1, 80) for device in ("kind", "hard")
        for driver in ("net_vsr", "net_virtio")}
    for row in limited:
        assert set(RATE_ROW) <= set(row)
        assert 0 <= row["drops"] <= row["offered"] and row["offered"] > 0
        assert 0 < row["p50_ns"] <= row["p99_ns"]
    for row in rows:
        assert set(ROW) <= set(row)
        assert row["mpps"] > 0.01 and row["cycles_per_packet"] > 1
        assert 0 <= row["hidden_per_packet"] < row["cycles_per_packet"]
        assert row["doorbells_per_1000"] > 0 and 0 < row["sim_busy"] <= 1
        assert row["size"] == 64
        if row["driver"] == "net_virtio":
            # Without AVX-512, net_virtio falls back to the other path.
            kind = "vectorized" if "AVX512F" in cpu.flags() else "standard"
            assert row["path"] == f"rx packed ring {kind}, tx packed ring {kind}"
        else:
            assert "packed" in row["path"]
    assert [(ratio["device"], ratio["queues"], "rate" in ratio) for ratio in found["ratios"]] == [
        (device, queues, limited) for device in ("kind", "hard")
        for queues, limited in ((1, False), (1, True), (2, False))]
    assert found["ratios"][1]["p99_ns"] > 0
    assert found["ratios"][0]["mpps"] > 0 and found["ratios"][0]["floor"] > 0
    assert len(found["floor"]) == 1
    assert chart.read_text().rstrip().endswith("</svg>")
    for row in found["rows"]:
        assert f"{row['driver']}, {row['setting']}" in table.read_text()


def test_pmd_takes_sizes_and_device_arguments():
    """Verify: two sides of net_vsr with different device arguments, two sizes without a restart."""
    found = answer("pmd", "--profile", "bluefield", "--ring", "split", "--queues", "1",
                   "--device", "hard", "--size", "1518,imix", "--setting", "default", "--rounds", "1",
                   "--seconds", "0.05", "--vsr", "rx_path=split_mrg", "--vsr", "mrg_rxbuf=0")
    assert [(row["size"], row["setting"]) for row in found["rows"]] == [
        (size, setting) for size in (1518, "imix")
        for setting in ("rx_path=split_mrg", "mrg_rxbuf=0", "default")]
    assert len(found["ratios"]) == 4 and found["floor"] == []


def test_bridge_compares_the_bridges(tmp_path):
    """Steps: one short turn of each bridge, with a chart. Verify: a row for each, with packets, or
    with the reason why there are none; those of vsr-bridge and of net_vhost are always there."""
    chart = tmp_path / "chart.svg"
    found = answer("bridge", "--quick", "--device", "kind,polled", "--rounds", "1",
                   "--seconds", "0.1", "--chart", str(chart))
    assert [(row["device"], row["ring"], f"{row['backend']} {row['mode']}")
            for row in found["rows"]] == [
        (device, "split", name) for device in ("kind", "polled") for name in bridge.NAMES]
    measured = [row for row in found["rows"] if "not_available" not in row]
    assert {"vsr direct", "vsr relay", "net_vhost net_virtio", "net_vhost net_vsr"} <= {
        f"{row['backend']} {row['mode']}" for row in measured}
    for row in found["rows"]:
        assert row in measured or len(row["not_available"]) > 20
    for row in measured:
        assert row["mpps_range"][0] <= row["mpps"] <= row["mpps_range"][1] and row["mpps"] > 0.001
        assert row["turns"] == 1 and row["bridge_cpu_percent"] >= 0 and row["trip_us"] > 0
        assert f"{row['backend']} {row['mode']}" in chart.read_text()
    ratios = [ratio for ratio in found["ratios"] if ratio["device"] == "kind"]
    assert len(ratios) == len(measured) / 2 - 1
    for ratio in ratios:
        assert ratio["against"] == "vsr direct"
        assert ratio["mpps_range"][0] <= ratio["mpps"] <= ratio["mpps_range"][1]
    # A thread that waits for doorbells does nothing without them; a loop that polls never rests.
    idle = {f"{row['backend']} {row['mode']}": row["idle_cpu_percent"] for row in measured}
    assert idle["vsr direct"] < 5 < idle["net_vhost net_vsr"]


def test_bridge_goes_on_without_the_example_of_dpdk(monkeypatch, capsys):
    """Verify: the row of a peer that is not built says so, and the command succeeds."""
    two_processors()
    monkeypatch.setattr(bridge, "EXAMPLE", pathlib.Path("/nowhere/dpdk-vdpa"))
    parser = argparse.ArgumentParser()
    bridge.options(parser)
    args = parser.parse_args(["--quick", "--bridge", "vdpa_ifc direct"])
    args.json = False
    assert bridge.run(args) == 0
    assert "dpdk-vdpa is not built: run devtools/build.sh" in capsys.readouterr().out


def test_bridge_brings_guests_up_and_down():
    """Verify: each guest received and sent all frames; times, memory and threads are plausible."""
    rows = answer("bridge", "--guests", "1,8")["guests"]
    assert [row["guests"] for row in rows] == [1, 8]
    for row in rows:
        assert row["received"] >= 16 and row["sent"] == 16
        assert 0 < row["add_ms"] <= row["up_ms"] and row["down_ms"] > 0
        assert 0 < row["memory_kb_per_guest"] < 8192
        assert row["threads_without"] <= row["threads"] <= row["threads_without"] + 8


def test_nothing_stays_behind_when_it_is_ended():
    """Steps: SIGTERM while sides are measured; at any time, all simulators but one are stopped
    (SIGSTOP). Verify: vsr-bench ends with 130, and none of its simulators is left."""
    two_processors()
    before = simulators()
    with subprocess.Popen([BENCH, "pmd", "--quick", "--seconds", "2"], stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, text=True) as child:
        assert "sides" in child.stderr.readline()
        mine = simulators() - before
        assert mine
        child.terminate()
        assert "interrupted" in child.communicate(timeout=60)[1]
        assert child.returncode == 130
    assert not mine & simulators()


def simulators():
    """Processes that run the simulator of this build."""
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == bytes(paths.VSR_SIM) and b"serve" in words:
            found.add(path.parent.name)
    return found


def test_latency_times_both_drivers():
    rows = answer("latency", "--profile", "bluefield", "--ring", "packed", "--setting",
                  "default", "--rounds", "1", "--seconds", "0.1")["rows"]
    # On bluefield net_vsr is measured twice: with its defaults, and with delayed doorbells.
    assert [row["driver"] for row in rows] == ["net_vsr", "net_vsr", "net_virtio"]
    for row in rows:
        assert row["trips"] > 10 and 0 < row["p50_ns"] <= row["p99_ns"]


def test_scale_measures_more_vfs_than_a_process_has_ports():
    rows = answer("scale", "--vfs", "1,64", "--rings", "256")["rows"]
    assert [(row["vfs"], row["driver"]) for row in rows] == [
        (count, driver) for count in (1, 64) for driver in ("net_vsr", "net_virtio")]
    for row in rows:
        assert row["create_ms"] > 0 and row["start_ms_per_vf"] > 0
        assert 10 < row["memory_kb_per_vf"] < 10000


def test_queues_take_no_more_memory_than_those_of_net_virtio():
    rows = answer("scale", "--vfs", "1")["rows"]
    memory = {(row["ring"], row["driver"]): row["memory_kb_per_vf"] for row in rows}
    for ring in (256, 1024):
        assert memory[ring, "net_vsr"] <= memory[ring, "net_virtio"], memory


def test_notify_measures_every_way(tmp_path):
    """Steps: a few doorbells of each way, with a chart. Verify: ways without waiting are faster
    than ways with waiting; the writer of a store goes on at once, the writer of a command waits.
    vsr-bench itself compares the number of doorbells with the count of the device."""
    chart = tmp_path / "chart.svg"
    found = answer("notify", "--rounds", "1", "--samples", "300", "--chart", str(chart))
    rows = {row["way"]: row for row in found["rows"]}
    assert list(rows) == list(notify.WAYS) and found["simulated"] is True
    for row in rows.values():
        assert 0 < row["p50_ns"] <= row["p99_ns"]
        assert 0 <= row["held_p50_ns"] <= row["held_p99_ns"]
        assert row["turns"] == 1 and row["distance"] > 0
        assert row["name"] in chart.read_text()
    assert rows["io"]["held_p50_ns"] > rows["io"]["p50_ns"]
    for store in ("memory", "memory_pf"):
        assert rows[store]["held_p50_ns"] < rows[store]["p50_ns"]
        for way in ("window", "pair", "admin", "io_near", "bar", "io", "io_admin"):
            assert rows[store]["p50_ns"] < rows[way]["p50_ns"], way
            assert rows[store]["held_p50_ns"] < rows[way]["held_p50_ns"], way
    assert rows["admin"]["p50_ns"] < rows["io_admin"]["p50_ns"]
    assert rows["io_near"]["p50_ns"] < rows["io"]["p50_ns"]
    assert [(factor["way"], factor["over"]) for factor in found["factors"]] == [
        ("io", "memory"), ("bar", "memory"), ("io_admin", "io"), ("admin", "memory")]
    assert found["factors"][0]["factor"] == pytest.approx(
        rows["io"]["p50_ns"] / rows["memory"]["p50_ns"], rel=0.02)


def test_notify_says_that_figures_are_of_the_simulator():
    two_processors()
    done = bench("notify", "--rounds", "1", "--samples", "10")
    assert done.returncode == 0, done.stderr
    assert "figures of the simulator" in done.stdout
    assert all(f"\n{name} " in done.stdout for name, _ in notify.WAYS.values())


def test_admin_counts_commands_one_at_a_time_and_pipelined():
    """Verify: rows for all commands, numbers of VFs and depths; of several outstanding commands,
    each waits for the earlier ones."""
    rows = answer("admin", "--vfs", "1,256", "--depth", "16", "--rounds", "1",
                  "--commands", "500")["rows"]
    kinds = ("legacy_common_cfg_read", "legacy_common_cfg_write", "legacy_dev_cfg_read",
             "legacy_notify_info")
    assert [(row["command"], row["vfs"], row["depth"]) for row in rows] == [
        (kind, vfs, depth) for kind in kinds for vfs in (1, 256) for depth in (1, 16)]
    for row in rows:
        assert row["per_second"] > 100 and 0 < row["p50_ns"] <= row["p99_ns"]
    for single, many in zip(rows[::2], rows[1::2]):
        assert many["p50_ns"] > 1.5 * single["p50_ns"]
    rows = answer("admin", "--vfs", "1", "--rounds", "1", "--commands", "100")["rows"]
    assert {row["depth"] for row in rows} == {1, 64}


# ------------------------------------------------------------------ figures from several turns


@pytest.fixture
def near(monkeypatch):
    monkeypatch.setattr(Weather, "best", 200)


def load(mpps, cycles, distance=200, disturbed=0.0):
    return Load(mpps=mpps, cycles_per_packet=cycles, doorbells_per_1000=10 * cycles,
                sim_busy=0.5, distance=distance, disturbed=disturbed)


def test_ratio_is_to_the_best_setting_of_each_figure(near):
    case = {"profile": "full"}
    sides = [
        (Setting("net_vsr", "ours"), "path", [load(30, 50), load(33, 44)]),
        (Setting("net_virtio", "fast"), "path", [load(20, 100), load(22, 110)]),
        (Setting("net_virtio", "lean"), "path", [load(15, 80), load(15, 88)]),
        (Setting("(floor)", "bare rings"), "none", [load(50, 40), load(50, 40)]),
    ]
    (ratio,) = pmd.ratios_of(case, sides)
    assert ratio["mpps"] == 1.5 and ratio["mpps_against"] == "fast"
    assert ratio["cycles_per_packet"] == pytest.approx((50 / 80 + 44 / 88) / 2, abs=0.001)
    assert ratio["cycles_per_packet_against"] == "lean"
    assert ratio["floor"] == pytest.approx((50 / 40 + 44 / 40) / 2, abs=0.001)


def test_turns_at_another_distance_do_not_count(near):
    """Verify: far or disturbed turns change no row and no ratio, unless there are no others."""
    case = {"profile": "full"}
    ours = [load(30, 50), load(10, 150, distance=800), load(10, 150, disturbed=0.2)]
    theirs = [load(20, 100), load(8, 200), load(8, 200)]
    sides = [(Setting("net_vsr", "ours"), "path", ours),
             (Setting("net_virtio", "theirs"), "path", theirs)]
    row = next(pmd.rows_of(case, sides))
    assert row["mpps"] == 30 and row["turns"] == 1
    (ratio,) = pmd.ratios_of(case, sides)
    assert ratio["mpps"] == 1.5 and ratio["cycles_per_packet"] == 0.5
    # No pair is near: pairs with equal distances count.
    far = [(sides[0][0], "path", [load(10, 150, distance=800), load(10, 150, distance=800)]),
           (sides[1][0], "path", [load(5, 300, distance=800), load(20, 100)])]
    (ratio,) = pmd.ratios_of(case, far)
    assert ratio["mpps"] == 10 / 5
    row = next(pmd.rows_of(case, [(sides[0][0], "path", ours[1:])]))
    assert row["mpps"] == 10 and row["turns"] == 2 and row["distance"] == 500


def doorbells(memory, io, distance=200):
    ways = {way: {figure: memory for figure in notify.FIGURES} for way in notify.WAYS}
    ways["io"]["p50_ns"] = io
    return notify.Doorbells(round_ns=30, ways=ways, distance=distance)


def test_doorbells_of_far_turns_do_not_count(near):
    """Verify: only near turns count for medians and factors; a factor is computed per turn."""
    turns = [doorbells(100, 1000), doorbells(200, 6000), doorbells(900, 1000, distance=800)]
    rows = {row["way"]: row for row in notify.rows_of(turns)}
    assert rows["memory"]["p50_ns"] == 150 and rows["io"]["p50_ns"] == 3500
    assert rows["memory"]["turns"] == 2 and rows["memory"]["distance"] == 200
    factors = {(factor["way"], factor["over"]): factor["factor"]
               for factor in notify.factors_of(turns)}
    assert factors["io", "memory"] == (10 + 30) / 2 and factors["admin", "memory"] == 1


def test_every_setting_of_net_virtio_is_a_different_one():
    """Verify: no two settings have the same features and arguments, and none for bluefield, which
    has no in_order, takes in_order away."""
    class Args:
        setting, quick = None, False

    for profile in pmd.PROFILES:
        for ring in pmd.RINGS:
            found = list(pmd.settings(profile, ring, Args))
            assert len({(s.off, s.devargs) for s in found}) == len(found) >= 2
            assert len({s.name for s in found}) == len(found)
            if profile == "bluefield":
                assert not any("in_order" in s.off for s in found)
            for name in pmd.QUICK[profile, ring]:
                assert name in [s.name for s in found]
