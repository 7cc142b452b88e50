# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Start, stop, close and crash: nothing leaks, and no program hangs."""

import collections
import errno
import os
import random
import re
import shutil
import subprocess
import time

import pytest

from framework import paths
from framework.child import Child
from framework.sim import PF, Sim, mounted
from framework.testpmd import PROMPT, huge_files
from framework.vfio_user import MMAP, NB_REGIONS, Guest
from framework.wait import wait_for

CYCLES = 100
CRASHES = 20
RINGS = {"split": "-ring_packed", "packed": "+ring_packed"}


def fds(pid):
    """Number of open descriptors by kind, so that a failure shows what leaked."""
    kinds = collections.Counter()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            kinds[re.sub(r"\d+", "N", os.readlink(f"/proc/{pid}/fd/{fd}"))] += 1
        except FileNotFoundError:  # closed meanwhile
            pass
    return kinds


def wait_released(host, before):
    """Wait until the simulator has closed what it opened for a client that has ended."""
    try:
        wait_for(lambda: not fds(host.pid) - before, "vsr-sim to close descriptors")
    except TimeoutError as error:
        raise AssertionError(f"{error}: {dict(fds(host.pid) - before)}") from None


def resources(pmd, host):
    """Numbers that must not grow from cycle to cycle."""
    zones = pmd.cmd("dump_memzone").count("Zone ")
    return {
        "testpmd": fds(pmd.pid), "vsr-sim": fds(host.pid),
        "hugepages": len(huge_files(pmd.prefix)), "memzones": zones,
    }


def assert_no_growth(now, then):
    for what, value in now.items():
        if isinstance(value, collections.Counter):
            assert not value - then[what], f"{what} has more open: {dict(value - then[what])}"
        else:
            assert value <= then[what], f"{what}: {then[what]}, then {value}"


def wait_closed(host):
    """vsr-sim closes group and memory of a detached device a moment after testpmd has done so."""
    def still_open():
        return {name for name in fds(host.pid) if "hugepages" in name or "/dev/vfio/N" in name}

    wait_for(lambda: not still_open(), "vsr-sim to close group and memory of the detached device")


def mbufs_in_pool(pmd):
    """(free, all) mbufs of testpmd's pool. Mbufs in the caches of lcores are free."""
    text = pmd.cmd("dump_mempool mb_pool_0")
    size = int(re.search(r"\bsize=(\d+)", text).group(1))
    cached = int(re.search(r"total_cache_count=(\d+)", text).group(1))
    common = int(re.search(r"common_pool_count=(\d+)", text).group(1))
    return cached + common, size


def crash_moment(pmd, crash, rng):
    """Wait until the moment of a crash: even ones are during traffic, odd ones during start-up."""
    if crash % 2 == 0:
        pmd.child.expect(PROMPT)
        pmd.start_forwarding("io")
        time.sleep(rng.uniform(0, 0.3))
    else:
        time.sleep(rng.uniform(0, 1.0))


def dma_bytes(host):
    return [fn["dma_bytes"] for fn in host.stats()["functions"]]


@pytest.mark.parametrize("ring", RINGS)
def test_stop_and_start_leak_nothing(ring, sim, testpmd):
    """Steps: 100 times forward, stop, start, with generator traffic on both ports.

    Verify: descriptors, hugepages, memzones are those of the tenth cycle; all mbufs are back.
    """
    host = sim(features=RINGS[ring], vfs=2, wires={"vf1": "gen:size=64", "vf2": "gen:size=64"})
    pmd = testpmd(host, host.create_vfs(2), vsr=True)
    first = None
    for cycle in range(CYCLES):
        pmd.start_forwarding("io")
        before = pmd.stats(0)["RX-packets"]
        wait_for(lambda: pmd.stats(0)["RX-packets"] > before, f"traffic in cycle {cycle}")
        pmd.stop_forwarding()
        pmd.cmd("port stop all")
        free, size = mbufs_in_pool(pmd)
        assert free == size, f"{size - free} mbufs are missing after cycle {cycle}"
        if cycle == 10:
            first = resources(pmd, host)
        elif cycle == CYCLES - 1:
            assert_no_growth(resources(pmd, host), first)
        pmd.cmd("port start all")
    assert pmd.quit() == 0
    assert host.violations() == {}
    assert set(dma_bytes(host)) == {0}
    assert host.stop() == 0


@pytest.mark.parametrize("ring", RINGS)
def test_close_and_probe_leak_nothing(ring, sim, testpmd):
    """Steps: 100 times start, forward, stop, close, detach and attach the device again.

    Verify: the same as above, and the device has no DMA map at the end.
    """
    host = sim(features=RINGS[ring], vfs=1, wires={"vf1": "gen:size=64"})
    (vf,) = host.create_vfs(1)
    pmd = testpmd(host, [vf], vsr=True)
    first = None
    for cycle in range(CYCLES):
        pmd.start_forwarding("rxonly")
        wait_for(lambda: pmd.stats(0)["RX-packets"] > 0, f"traffic in cycle {cycle}")
        pmd.stop_forwarding()
        pmd.cmd("port stop 0")
        pmd.cmd("port close 0")
        pmd.cmd(f"device detach {vf}")
        free, size = mbufs_in_pool(pmd)
        assert free == size, f"{size - free} mbufs are missing after cycle {cycle}"
        if cycle in (10, CYCLES - 1):
            wait_closed(host)
        if cycle == 10:
            first = resources(pmd, host)
        elif cycle == CYCLES - 1:
            assert_no_growth(resources(pmd, host), first)
        answer = pmd.cmd(f"port attach {vf}")
        assert "Port 0 is attached" in answer, answer
        pmd.cmd("port start 0")
        pmd.wait_link(0)
    assert pmd.quit() == 0
    assert host.violations() == {}
    assert set(dma_bytes(host)) == {0}
    assert host.stop() == 0


def test_whole_runs_leak_nothing(sim, testpmd):
    """Steps: ten times create VFs, run testpmd, destroy the VFs. Verify: vsr-sim has no more
    descriptors open than after the first run."""
    host = sim(vfs=4)
    for cycle in range(10):
        pmd = testpmd(host, host.create_vfs(4), vsr=True)
        assert pmd.quit() == 0
        host.destroy_vfs()
        if cycle == 0:
            # The first run opens descriptors that vsr-sim keeps for later ones.
            before = fds(host.pid)
    wait_released(host, before)
    assert host.violations() == {}
    assert host.stop() == 0


def test_testpmd_killed_at_any_moment(sim, testpmd):
    """Steps: 20 times kill -9 testpmd at a random moment.

    Verify: vsr-sim goes on, closes memory and functions of testpmd, and the next run works.
    """
    rng = random.Random(20)
    host = sim(vfs=2, wires={"vf1": "gen:size=64", "vf2": "gen:size=64"})
    vfs = host.create_vfs(2)
    assert testpmd(host, vfs, vsr=True).quit() == 0
    before = fds(host.pid)
    for crash in range(CRASHES):
        pmd = testpmd.unstarted(host, vfs, vsr=True).launch()
        crash_moment(pmd, crash, rng)
        pmd.kill()
        assert host.child.alive(), host.child.output
        wait_for(lambda: set(dma_bytes(host)) == {0}, f"the memory of crash {crash} to be unmapped")
        wait_released(host, before)
    pmd = testpmd(host, vfs, vsr=True)
    pmd.start_forwarding("io")
    wait_for(lambda: pmd.stats(1)["TX-packets"] > 10000, "traffic after the last crash")
    assert pmd.quit() == 0
    assert host.stop() == 0


def test_sim_killed_at_any_moment(closing, testpmd, tmp_path):
    """Steps: 20 times kill -9 vsr-sim while testpmd uses it, always in the same folder.

    Verify: testpmd quits on command, or has ended with a message; the next serve starts.
    """
    rng = random.Random(21)
    host = closing(Sim(vfs=2, wires={"vf1": "gen:size=64", "vf2": "gen:size=64"}))
    for crash in range(CRASHES):
        host.start()
        pmd = testpmd.unstarted(host, host.create_vfs(2), vsr=True).launch()
        crash_moment(pmd, crash, rng)
        host.kill()
        # Either testpmd comes to its prompt and reads the commands, or it has ended.
        if pmd.child.alive():
            pmd.child.send("\nstop\nquit\n")
        code = pmd.child.wait(60)
        output = pmd.child.output[-2000:]
        assert code >= 0, f"crash {crash}: testpmd was killed by signal {-code}\n{output}"
        if code != 0:
            assert re.search(r"(?i)error|fail|cannot|gone|lost|no probed", pmd.child.output), (
                f"crash {crash}: ended with {code} without a message"
            )
        pmd.close()
        host.child.close()
    host.start()
    assert host.stop() == 0
    assert not mounted(host.dir / "sys")


def test_sim_stopped_under_testpmd(sim, testpmd):
    """Steps: vsr-sim stop while testpmd forwards. Verify: both end."""
    host = sim(vfs=2, wires={"vf1": "gen:size=64", "vf2": "gen:size=64"})
    pmd = testpmd(host, host.create_vfs(2), vsr=True)
    pmd.start_forwarding("io")
    assert host.cli("stop").returncode == 0
    host.child.wait()
    pmd.child.send("stop\nquit\n")
    assert pmd.child.wait() >= 0


def test_run_works_from_a_path_with_a_space(sim, tmp_path):
    """Steps: copy vsr-sim and its library to a folder with a space in its name; run a command.
    Verify: the command sees the simulated host; a directory that others can write to is refused,
    because the library is loaded by a link there."""
    host = sim()
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("vsr-sim", "libvsr_vfio.so"):
        shutil.copy(paths.VSR_SIM.parent / name, folder)
    for _ in range(2):
        done = subprocess.run(
            [folder / "vsr-sim", "run", "--dir", host.dir, "--",
             "/usr/bin/python3", "-c", "import os; os.open('/dev/vfio/vfio', os.O_RDWR)"],
            capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0 and done.stderr == ""
    assert [path.name for path in host.dir.glob("*.so")] == ["preload.so"]
    host.dir.chmod(0o777)
    done = subprocess.run(
        [folder / "vsr-sim", "run", "--dir", host.dir, "--", "true"],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 1 and "must not be writable for other users" in done.stderr
    host.dir.chmod(0o700)


def test_second_serve_is_refused(sim, closing):
    """Verify: one sentence, exit code not 0, and the first serve still answers."""
    host = sim()
    second = closing(Sim(directory=host.dir))
    second.child = Child(second.serve_command(), name="second serve")
    assert second.child.wait(20) > 0
    assert len(second.child.output.strip().splitlines()) == 1
    assert str(host.dir) in second.child.output
    assert host.stats()["functions"]
    second.child = None


def test_client_of_a_socket_keeps_no_doorbell(sim, closing):
    """Steps: a client of the vfio-user socket of a function asks for the memory of the doorbells,
    keeps it, and leaves; the next client asks too.

    Verify: the next client gets other memory, so that the first one rings no doorbell any more.
    """
    host = sim(vfs=1, args=["--vfio-user"])
    path = host.dir / "fn" / f"{PF}.sock"
    clients = []
    try:
        for _ in range(2):
            client = closing(Guest(path))
            clients.append(client)
            maps = [r for r in range(NB_REGIONS) if client.region_flags(r) & MMAP]
            assert len(maps) == len(client.kept) == 1
            client.close()
        first, second = (os.fstat(client.kept[0]).st_ino for client in clients)
        assert first != second
    finally:
        for client in clients:
            client.drop()


def test_client_of_a_socket_maps_only_memory(sim, closing):
    """Steps: a client of the vfio-user socket of a function maps a file of another kind, whose file
    system might never answer, then memory.

    Verify: the file is refused with a sentence, the memory is mapped."""
    host = sim(vfs=1, args=["--vfio-user"])
    client = closing(Guest(host.dir / "fn" / f"{PF}.sock"))
    with open("/dev/zero", "r+b") as file, pytest.raises(OSError) as refusal:
        client.map_file(0x100000, 0x1000, file.fileno())
    assert refusal.value.errno == errno.EINVAL
    wait_for(lambda: "a client maps a file that is no memory" in host.log(), "the sentence")
    os.close(client.map_memory(0x100000, 0x1000))
    assert host.fn("pf")["dma_bytes"] == 0x1000
