# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Secondary processes beside a testpmd: dpdk-proc-info and dpdk-dumpcap, with net_vsr and without.

A secondary process without net_vsr gives the port to net_virtio, which has the same PCI ids.
"""

import re
import subprocess

import pytest
from scapy.utils import rdpcap

from framework import paths
from framework.sim import PF
from framework.wait import SLOW, wait_for

PROC_INFO = "/usr/bin/dpdk-proc-info"
DUMPCAP = "/usr/bin/dpdk-dumpcap"
FRAME = 64
REQUESTS = ("--stats", "--xstats", "--show-port", "--stats-reset", "--xstats-reset")


@pytest.fixture
def primary(sim, testpmd):
    """primary(vsr=...): a testpmd that sends everything back to the generator at its wire."""

    def make(vsr):
        host = sim(vfs=0, wires={"pf": f"gen:size={FRAME},rate=5000"})
        pmd = testpmd(host, [PF], vsr=vsr, args=["--port-topology=loop"])
        assert pmd.driver(0) == ("net_vsr" if vsr else "net_virtio")
        pmd.start_forwarding()
        moves_on(pmd)
        return host, pmd

    return make


def moves_on(pmd):
    """Wait until testpmd has received and sent 1000 packets more."""
    before = pmd.stats(0)

    def more():
        now = pmd.stats(0)
        return all(now[name] >= before[name] + 1000 for name in ("RX-packets", "TX-packets"))

    wait_for(more, "packets received and sent")


def run_beside(host, pmd, program, *args, preload=(), plugin=False):
    """Run a secondary process to its end. Returns exit code and output."""
    env = host.env
    if preload:
        env["LD_PRELOAD"] = ":".join(map(str, preload))
    command = [program, *(["-d", paths.plugin()] if plugin else [])]
    done = subprocess.run(
        host.wrap([*command, "--file-prefix", pmd.prefix, *args]), env=env, timeout=SLOW,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        check=False,
    )
    print(done.stdout)
    return done.returncode, done.stdout


def mempool_drivers():
    """The mempool drivers that testpmd is linked with.

    Debian's testpmd has some, its dumpcap none. Processes that share a mempool must load these
    drivers in the same order.
    """
    linked = subprocess.run(["ldd", paths.TESTPMD], capture_output=True, text=True, check=True)
    return re.findall(r"=> (\S+/librte_mempool_\S+)", linked.stdout)


@pytest.mark.parametrize("plugin", (True, False), ids=("with_plugin", "without_plugin"))
def test_monitoring_does_not_disturb_a_port(plugin, primary):
    """Steps: all requests of dpdk-proc-info beside a forwarding port, with -d net_vsr and without.

    Verify: none fails, the port forwards on, and only net_vsr itself can reset the counters.
    """
    host, pmd = primary(vsr=True)
    for request in REQUESTS:
        before = pmd.xstats(0)["tx_q0_packets"]
        code, text = run_beside(host, pmd, PROC_INFO, "--", request, plugin=plugin)
        assert code == 0, text
        after = pmd.xstats(0)
        if "reset" not in request or not plugin:
            assert after["tx_q0_packets"] >= before
        if request == "--stats":
            received = int(re.search(r"RX-packets: +(\d+)", text).group(1))
            assert (received >= 1000) == plugin, "net_virtio shows a port without queues"
        assert [name for name in after if "bad" in name and after[name]] == []
        moves_on(pmd)
    assert pmd.quit() == 0
    assert host.violations() == {}


@pytest.mark.parametrize("plugin", (True, False), ids=("with_plugin", "without_plugin"))
def test_dumpcap_captures(plugin, primary, tmp_path):
    """Steps: dpdk-dumpcap, which has no option -d, beside a forwarding port; net_vsr preloaded,
    and not.

    Verify: dumpcap writes the packets of the port, and the port forwards on.
    """
    host, pmd = primary(vsr=True)
    file = tmp_path / "capture.pcapng"
    preload = mempool_drivers() + ([paths.plugin()] if plugin else [])
    code, text = run_beside(host, pmd, DUMPCAP, "-i", "0", "-c", "50", "-s", "256", "-w", file,
                            preload=preload)
    assert code == 0, text
    frames = rdpcap(str(file))
    assert len(frames) >= 50
    assert {len(frame) for frame in frames} == {FRAME}
    moves_on(pmd)
    assert pmd.quit() == 0
    assert host.violations() == {}


def test_port_of_net_virtio_is_left_alone(primary):
    """Steps: net_virtio drives the port; dpdk-proc-info loads net_vsr with -d.

    Verify: net_vsr leaves the port to net_virtio, which shows the counters.
    """
    host, pmd = primary(vsr=False)
    for request in REQUESTS:
        code, text = run_beside(host, pmd, PROC_INFO, "--", request, plugin=True)
        assert code == 0, text
        if request == "--stats":
            assert int(re.search(r"RX-packets: +(\d+)", text).group(1)) >= 1000
        moves_on(pmd)
    assert pmd.quit() == 0


def test_secondary_outlives_the_port(sim, testpmd):
    """Steps: a secondary testpmd with net_vsr keeps the port open while the primary closes it.

    Verify: the secondary shows a port without queues, and ends in order.
    """
    host = sim(vfs=0)
    pmd = testpmd(host, [PF], vsr=True)
    second = testpmd.unstarted(host, [], vsr=True, eal=["--proc-type=secondary"], args=[
        "--num-procs=2", "--proc-id=1"])
    second.prefix = pmd.prefix
    second.command[second.command.index("--file-prefix") + 1] = pmd.prefix
    second.start()
    assert second.driver(0) == "net_vsr"
    pmd.cmd("port stop 0")
    pmd.cmd("port close 0")
    assert second.stats(0)["RX-packets"] == 0
    assert second.quit() == 0
    assert pmd.quit() == 0
