# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""net_vsr with Debian's dpdk-testpmd: each profile, split and packed rings, and each feature.

Every test ends with no violation of the specification counted by the simulator.
"""

import re
import subprocess

import pytest
from scapy.all import Ether

from framework import cpu, paths
from framework.frames import check_crossing, frame_to, frames_of_all_sizes
from framework.sim import PF
from framework.traffic import bridge
from framework.wait import wait_for

RINGS = {"split": "-ring_packed", "packed": "+ring_packed"}
PROFILES = ("full", "ifc", "bluefield", "minimal")


@pytest.fixture
def clean(closing):
    """clean(sim): at the end of the test the simulator must have counted no violation."""
    hosts = []
    yield hosts.append
    for host in hosts:
        if host.child.alive():
            assert host.violations() == {}


@pytest.fixture
def cabled(make_host, testpmd, closing):
    """cabled(n, features=...): a testpmd with net_vsr on n VFs, each with a tap as its wire."""

    def make(nb_ports=2, args=(), devargs="", eal=(), **conf):
        functions = [f"vf{i}" for i in range(1, nb_ports + 1)]
        host = make_host(taps=functions, vfs=nb_ports, **conf)
        vfs = [host.device(vf, devargs) for vf in host.create_vfs(nb_ports)]
        taps = [closing(host.open_tap(function)) for function in functions]
        pmd = testpmd(host, vfs, vsr=True, args=args, eal=eal)
        for port in range(nb_ports):
            pmd.wait_link(port)
        return host, pmd, taps

    return make


# ---------------------------------------------------------------- every profile, both rings


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_carries_tcp(profile, ring, sim, testpmd, namespaces, clean):
    """Steps: two VFs of the profile forward between two taps.

    Verify: ping and TCP without loss, the wanted ring layout, net_vsr as the driver.
    """
    b = bridge(sim, testpmd, namespaces, profile=profile, features=RINGS[ring])
    clean(b.sim)
    assert b.pmd.driver(0) == "net_vsr" and b.pmd.driver(1) == "net_vsr"
    for name in b.functions:
        assert ("ring_packed" in b.sim.fn(name)["accepted"]) == (ring == "packed")
    assert ring in b.pmd.burst_mode("rx") and ring in b.pmd.burst_mode("tx")
    b.check_ping()
    b.check_ping(count=5, size=1400)
    b.check_tcp()
    assert b.pmd.quit() == 0
    assert b.sim.violations() == {}
    assert b.sim.stop() == 0


@pytest.mark.parametrize("ring", RINGS)
def test_pf_and_vf_alike(ring, sim, testpmd, namespaces, clean):
    """Steps: the PF and a VF of it forward to each other. Verify: TCP without loss."""
    b = bridge(sim, testpmd, namespaces, ("pf", "vf1"), features=RINGS[ring])
    clean(b.sim)
    assert b.pmd.driver(0) == "net_vsr"
    b.check_ping()
    b.check_tcp()
    assert b.pmd.quit() == 0
    # Closing the PF has reset it. Its VFs must still exist.
    assert b.sim.sysfs("bus/pci/devices", PF, "sriov_numvfs").read_text().strip() == "1"


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize(
    "features", ["", "-mrg_rxbuf", "-in_order", "-in_order,-mrg_rxbuf", "-indirect_desc",
                 "-event_idx", "-notification_data", "-notif_config_data"]
)
def test_contents_survive(features, ring, cabled):
    """Steps: frames of all sizes go in at one tap. Verify: they leave the other, byte for byte."""
    wanted = ",".join(filter(None, [RINGS[ring], features]))
    _, pmd, (left, right) = cabled(features=wanted)
    pmd.start_forwarding("io")
    check_crossing(left, right, frames_of_all_sizes(pmd.mac(0), left.mac))
    assert pmd.quit() == 0


# ---------------------------------------------------------------- queues


@pytest.mark.parametrize("ring", RINGS)
def test_all_queue_pairs_carry_traffic(ring, sim, testpmd, namespaces, clean):
    """Steps: four queue pairs, eight TCP streams, then many UDP flows. Verify: every pair carried
    packets, no loss."""
    b = bridge(
        sim, testpmd, namespaces, features=RINGS[ring], queue_pairs=4,
        args=["--rxq=4", "--txq=4"],
    )
    clean(b.sim)
    b.check_tcp(streams=8, window="32K")
    b.check_flows()
    for name in b.functions:
        fn = b.sim.fn(name)
        assert fn["queue_pairs"] == 4
        for kind, numbers in (("rx", [0, 2, 4, 6]), ("tx", [1, 3, 5, 7])):
            busy = [q["queue"] for q in fn["queues"] if q["kind"] == kind and q.get("packets", 0)]
            assert busy == numbers
    assert b.pmd.quit() == 0


def test_more_queues_than_the_device_has_are_refused(cabled):
    """Verify: one sentence that names both numbers, and the ports stay usable with fewer."""
    _, pmd, _ = cabled(1, queue_pairs=2)
    pmd.cmd("port stop 0")
    assert re.search(r"(?i)fail|invalid|max", pmd.cmd("port config all rxq 3"))
    pmd.cmd("port config all rxq 2")
    pmd.cmd("port config all txq 2")
    pmd.cmd("port start 0")
    pmd.wait_link(0)
    assert pmd.quit() == 0


@pytest.mark.parametrize(
    "size", [64, 256, pytest.param(1024, marks=pytest.mark.needs("queue_size"))]
)
def test_queue_sizes_reach_the_device(size, cabled):
    """Verify: the number of descriptors asked for is in use, and traffic runs."""
    _, pmd, (left, right) = cabled(args=[f"--rxd={size}", f"--txd={size}"])
    assert re.search(rf"Number of RXDs: {size}\b", pmd.cmd("show rxq info 0 0"))
    assert re.search(rf"Number of TXDs: {size}\b", pmd.cmd("show txq info 0 0"))
    pmd.start_forwarding("io")
    frames = frames_of_all_sizes(pmd.mac(0), left.mac)[::15]
    # A batch must fit into a ring that is not refilled meanwhile.
    check_crossing(left, right, frames, batch=min(64, size // 4))
    assert pmd.quit() == 0


@pytest.mark.parametrize("ring", RINGS)
def test_frames_of_many_segments(ring, cabled):
    """Steps: testpmd sends frames of five segments. Verify: each arrives as one frame."""
    _, pmd, (left, _) = cabled(features=RINGS[ring], args=["--tx-offloads=0x8000"])
    pmd.cmd("set fwd txonly")
    pmd.cmd("set txpkts 64,100,1,200,400")
    pmd.cmd("set burst 8")
    pmd.cmd("start")
    try:
        got = left.receive(50)
    finally:
        pmd.stop_forwarding()
    assert len(got) == 50 and all(len(frame) == 765 for frame in got)
    assert all(Ether(frame).type == 0x800 for frame in got)
    assert pmd.quit() == 0


# ---------------------------------------------------------------- addresses and modes


def arrivals(pmd, tap, frames, address):
    """How many of the frames port 0 received. `address` must be one that the filter accepts."""
    control = frame_to(address, tap.mac, b"c" * 15)
    assert len(control) > sum(map(len, frames))
    before = pmd.stats(0)
    tap.send([*frames, control])
    wait_for(
        lambda: pmd.stats(0)["RX-bytes"] >= before["RX-bytes"] + len(control),
        "the control frame",
    )
    # The wire keeps the order: all other frames have passed the filter by now.
    return pmd.stats(0)["RX-packets"] - before["RX-packets"] - 1


@pytest.mark.parametrize("ring", RINGS)
def test_receive_modes_filter(ring, cabled):
    """Verify: promiscuous and all-multicast mode accept the right frames and no others."""
    _, pmd, (tap, _) = cabled(features=RINGS[ring])
    pmd.start_forwarding("rxonly")
    own = pmd.mac(0)
    other = [frame_to("02:00:00:00:99:99", tap.mac)] * 10
    group = [frame_to("01:00:5e:01:02:03", tap.mac)] * 10
    pmd.cmd("set promisc 0 off")
    pmd.cmd("set allmulti 0 off")
    assert arrivals(pmd, tap, other, own) == 0
    assert arrivals(pmd, tap, group, own) == 0
    pmd.cmd("set allmulti 0 on")
    assert arrivals(pmd, tap, group, own) == 10
    assert arrivals(pmd, tap, other, own) == 0
    pmd.cmd("set allmulti 0 off")
    pmd.cmd("set promisc 0 on")
    assert arrivals(pmd, tap, other, own) == 10
    assert arrivals(pmd, tap, group, own) == 10
    assert pmd.quit() == 0


def test_mac_set_moves_the_address(cabled):
    """Verify: frames to the new address are received, others are not; also after a restart."""
    _, pmd, (tap, _) = cabled()
    old, new = pmd.mac(0), "02:11:22:33:44:55"
    pmd.cmd("set promisc 0 off")
    pmd.cmd(f"mac_addr set 0 {new}")
    assert pmd.mac(0) == new
    for _ in range(2):
        pmd.start_forwarding("rxonly")
        assert arrivals(pmd, tap, [frame_to(new, tap.mac)] * 5, new) == 5
        assert arrivals(pmd, tap, [frame_to(old, tap.mac)] * 5, new) == 0
        pmd.stop_forwarding()
        pmd.cmd("port stop 0")
        pmd.cmd("port start 0")
        pmd.wait_link(0)
    assert pmd.quit() == 0


# ---------------------------------------------------------------- link, MTU, counters


def test_link_follows_the_cable(cabled):
    host, pmd, _ = cabled(1)
    for up in (False, True, False, True):
        host.set_link("vf1", up)
        pmd.wait_link(0, up)
    assert "Link speed:" in pmd.info(0)
    assert pmd.quit() == 0


@pytest.mark.parametrize("speed, shown", [("unknown", "Unknown"), ("25000", "25 Gbps")])
def test_link_speed_is_that_of_the_device(speed, shown, sim, testpmd):
    """Verify: the port shows the speed of the device, and no number for one that is unknown."""
    host = sim(vfs=1, profile="full", args=["--speed", speed])
    pmd = testpmd(host, [host.device(vf) for vf in host.create_vfs(1)], vsr=True)
    pmd.wait_link(0)
    assert f"Link speed: {shown}\n" in pmd.info(0).replace("\r", "")
    assert pmd.quit() == 0


def test_mtu_is_that_of_the_device(cabled):
    """Verify: the port has the MTU of the device, and refuses a larger one."""
    _, pmd, _ = cabled(1, args=[], **{"profile": "full"})
    mtu = int(re.search(r"^MTU: (\d+)", pmd.info(0), re.M).group(1))
    most = int(re.search(r"^Max possible MTU: (\d+)", pmd.info(0) + "\nMax possible MTU: 0", re.M)
               .group(1)) or mtu
    assert 68 <= mtu <= most
    pmd.cmd("port stop 0")
    answer = pmd.cmd(f"port config mtu 0 {most + 1}")
    assert re.search(r"(?i)fail|invalid|exceed|larger|bigger|> ", answer), answer
    assert pmd.quit() == 0


@pytest.mark.needs("counters")
@pytest.mark.parametrize("ring", RINGS)
def test_counters_agree_with_the_simulator(ring, cabled):
    """Verify: net_vsr and the NIC count the same packets, bytes and doorbells."""
    host, pmd, (left, right) = cabled(features=RINGS[ring])
    pmd.start_forwarding("io")
    frames = frames_of_all_sizes(pmd.mac(0), left.mac)[::5]
    check_crossing(left, right, frames)
    pmd.stop_forwarding()
    nbytes = sum(map(len, frames))
    rx, tx = pmd.stats(0), pmd.stats(1)
    assert (rx["RX-packets"], rx["RX-bytes"]) == (len(frames), nbytes)
    assert (tx["TX-packets"], tx["TX-bytes"]) == (len(frames), nbytes)
    vf1, vf2 = host.fn("vf1"), host.fn("vf2")
    assert (vf1["rx_packets"], vf1["rx_bytes"]) == (len(frames), nbytes)
    assert (vf2["tx_packets"], vf2["tx_bytes"]) == (len(frames), nbytes)
    xstats = pmd.xstats(1)
    doorbells = sum(value for name, value in xstats.items() if "doorbell" in name)
    assert 0 < doorbells <= len(frames) + 64
    # The device may count two writes to a doorbell once, but never one write twice.
    assert vf2["doorbells"] - control_doorbells(vf2) <= doorbells
    assert pmd.quit() == 0


def control_doorbells(fn):
    return sum(q.get("doorbells", 0) for q in fn["queues"] if q["kind"] == "control")


# ---------------------------------------------------------------- paths, generator

# Row of the path table, and features with which this row can be used.
RX_PATHS = {
    "packed_avx512": "+ring_packed,+mrg_rxbuf",
    "split_avx512": "-ring_packed,-mrg_rxbuf",
    "packed_avx2": "+ring_packed,-mrg_rxbuf",
    "split_avx2": "-ring_packed,+mrg_rxbuf",
    "packed": "+ring_packed,-mrg_rxbuf",
    "packed_mrg": "+ring_packed,+mrg_rxbuf",
    "split": "-ring_packed,-mrg_rxbuf",
    "split_mrg": "-ring_packed,+mrg_rxbuf",
}
TX_PATHS = [path for path in RX_PATHS if not path.endswith("_mrg")]
SIMD_FLAGS = {"avx2": {"AVX2"}, "avx512": {"AVX512F", "AVX512BW", "AVX512DQ", "AVX512VL"}}


def test_path_table_is_known():
    """Verify: RX_PATHS and TX_PATHS list all rows, as in the parameter string of the driver."""
    with open(paths.plugin(), "rb") as file:
        said = re.search(rb"rx_path=([a-z_|0-9]+) tx_path=([a-z_|0-9]+)", file.read())
    assert said.group(1).decode().split("|") == list(RX_PATHS)
    assert said.group(2).decode().split("|") == TX_PATHS


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.needs("simd"))
        if path.split("_")[-1] in SIMD_FLAGS else path
        for path in RX_PATHS
    ],
)
def test_forced_path_is_taken(path, cabled):
    """Verify: the driver uses the row, and frames arrive unchanged."""
    tx = path if path in TX_PATHS else path.split("_")[0]
    missing = SIMD_FLAGS.get(path.split("_")[-1], set()) - cpu.flags()
    if missing:
        pytest.skip(f"the processor has no {', '.join(sorted(missing))}")
    _, pmd, (left, right) = cabled(
        features=RX_PATHS[path],
        devargs=f",rx_path={path},tx_path={tx}",
        eal=["--force-max-simd-bitwidth=512"],
    )
    assert pmd.burst_mode("rx") == path and pmd.burst_mode("tx") == tx
    pmd.start_forwarding("io")
    frames = frames_of_all_sizes(pmd.mac(0), left.mac)[::20]
    check_crossing(left, right, frames)
    assert pmd.quit() == 0


@pytest.mark.needs("counters")
@pytest.mark.parametrize(
    "devargs, absent",
    [("packed=0", "ring_packed"), ("mrg_rxbuf=0", "mrg_rxbuf"), ("in_order=0", "in_order")],
)
def test_devargs_leave_features_out(devargs, absent, cabled):
    """Verify: the device offers the feature, and it was not accepted."""
    host, pmd, _ = cabled(devargs=f",{devargs}")
    fn = host.fn("vf1")
    assert absent in fn["offered"] and absent not in fn["accepted"]
    assert pmd.quit() == 0


def test_ports_stop_and_start_again(sim, testpmd, namespaces, clean):
    b = bridge(sim, testpmd, namespaces)
    clean(b.sim)
    for _ in range(10):
        b.pmd.stop_forwarding()
        b.pmd.cmd("port stop all")
        b.pmd.cmd("port start all")
        b.pmd.start_forwarding()
        for port in (0, 1):
            b.pmd.wait_link(port)
        b.check_ping(count=3)
    assert b.pmd.quit() == 0


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("profile", PROFILES)
def test_generator_at_full_speed(profile, ring, sim, testpmd, clean):
    """Steps: generators on both VFs, 64 bytes. Verify: both ports forward, no violation."""
    host = sim(profile=profile, features=RINGS[ring], vfs=2,
               wires={"vf1": "gen:size=64", "vf2": "gen:size=64"})
    clean(host)
    pmd = testpmd(host, host.create_vfs(2), vsr=True)
    pmd.start_forwarding("io")
    for port in (0, 1):
        wait_for(lambda: pmd.stats(port)["TX-packets"] > 200000, f"traffic on port {port}", 60)
    pmd.stop_forwarding()
    for port in (0, 1):
        stats = pmd.stats(port)
        assert stats["RX-errors"] == 0 and stats["TX-errors"] == 0
        assert stats["RX-bytes"] == 60 * stats["RX-packets"] or (
            stats["RX-bytes"] == 64 * stats["RX-packets"]
        )
    assert pmd.quit() == 0


def test_driver_names_its_devices():
    """Verify: dpdk-pmdinfo.py finds the PCI ids of the driver in the plug-in."""
    done = subprocess.run(
        ["/usr/bin/python3", "/usr/bin/dpdk-pmdinfo.py", paths.plugin()],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "net_vsr" in done.stdout
    assert re.search(r"(?i)1af4.*1041|6900.*4161", done.stdout, re.S), done.stdout
