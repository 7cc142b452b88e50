# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Guarantees for the owner of a PF and for the users of its VFs, with vsrd as the owner.

PF and VF differ in the SR-IOV capability only; VFs are enabled only after VIRTIO_F_SR_IOV was
accepted; VFs work without their owner; the owner changes nothing that is in use.
"""

import json
import os
import signal
import subprocess

import pytest

from framework import paths
from framework.child import Child
from framework.frames import check_crossing, flows
from framework.sim import PF
from framework.vsrd import Refused, refused, shown
from framework.wait import wait_for

CONFIG_EXT, SRIOV_ID, PASID_ID = 0x100, 0x10, 0x1B


def num_vfs(host) -> int:
    return int(host.read("bus/pci/devices", host.pf, "sriov_numvfs"))


def ext_capability(host, wanted) -> tuple[bytes, int]:
    """(configuration space of the PF, offset of an extended capability in it)."""
    config = host.sysfs("bus/pci/devices", PF, "config").read_bytes()
    at = CONFIG_EXT
    while at and int.from_bytes(config[at : at + 2], "little") != wanted:
        at = int.from_bytes(config[at + 2 : at + 4], "little") >> 4
    assert at, f"there is no extended capability {wanted:#x}"
    return config, at


def check_vf_enable_was_not_touched(host):
    """NumVFs and VF Enable read 0, and the device counted no write to VF Enable (violation
    C070)."""
    config, at = ext_capability(host, SRIOV_ID)
    assert config[at + 8] & 1 == 0 and config[at + 0x10 : at + 0x12] == b"\0\0"
    assert num_vfs(host) == 0
    assert not {name for name in host.violations() if name.endswith("C070")}


def cross(pmd, taps, count=20):
    """Check that frames from each tap arrive at the other."""
    left, right = taps
    check_crossing(left, right, flows(pmd.mac(0), left.mac, count))
    check_crossing(right, left, flows(pmd.mac(1), right.mac, count))


def forward(host, vfs, testpmd, closing):
    """A testpmd that forwards between VF 1 and VF 2, and the taps of the VFs."""
    taps = [closing(host.open_tap(name)) for name in ("vf1", "vf2")]
    pmd = testpmd(host, [host.device(vf) for vf in vfs], vsr=True)
    for port in range(2):
        pmd.wait_link(port)
    pmd.start_forwarding("io")
    cross(pmd, taps)
    return pmd, taps


# ---------------------------------------------------------------- VFs work without their owner


def use_everything(pmd, taps):
    """Use filters, addresses, MTU, counters, stop and start of the ports."""
    pmd.stop_forwarding()
    for command in ("set promisc 0 on", "set allmulti 0 on", "set promisc 0 off",
                    "mac_addr set 0 02:00:00:00:77:01", "port stop all", "port config mtu 0 1400",
                    "port start all"):
        answer = pmd.cmd(command)
        assert "rror" not in answer and "ail" not in answer, f"{command}: {answer}"
    assert pmd.mac(0) == "02:00:00:00:77:01"
    for port in range(2):
        pmd.wait_link(port)
    pmd.start_forwarding("io")
    cross(pmd, taps)
    assert pmd.xstats(0)["rx_good_packets"] > 0


def seen_by_pf(host):
    """State and counters of the PF, without the counter of register reads: the owner reads the
    status again and again."""
    pf = host.fn("pf")
    del pf["counters"]["register_reads"]
    return pf


@pytest.mark.parametrize("owner", ["absent", "without admin queue", "hanging", "dead"])
def test_vf_never_needs_its_owner(owner, sim, daemon, testpmd, closing):
    """Steps: VFs are used while their PF has no owner, an owner without an admin queue, an owner
    that does not answer, or an owner that was killed.

    Verify: the VFs work, and state and counters of the PF stay the same.
    """
    host = sim(taps=["vf1", "vf2"], vfs=2,
               features="-admin_vq" if owner == "without admin queue" else "")
    vsrd = daemon(host, keeper=owner != "dead") if owner != "absent" else None
    vfs = host.create_vfs(2)
    if owner == "dead":
        vsrd.kill()
        wait_for(lambda: host.fn("pf")["status"] == 0, "the host to reset the PF")
    pid = vsrd.pid if owner == "hanging" else None
    if pid:
        os.kill(pid, signal.SIGSTOP)
    before = seen_by_pf(host)
    try:
        pmd, taps = forward(host, vfs, testpmd, closing)
        use_everything(pmd, taps)
        assert pmd.quit() == 0
        assert seen_by_pf(host) == before
    finally:
        if pid:
            os.kill(pid, signal.SIGCONT)
    assert host.violations() == {}


def test_owner_can_be_replaced_during_vf_traffic(make_host, daemon, testpmd, closing):
    """Steps: two VFs forward; try to change the VFs; kill -9 vsrd, which has a keeper; reset the
    PF; kill -9 the user of the VFs.

    Verify: each change is refused, with the names of the users; frames cross after each step; the
    next vsrd owns the PF and its VFs; without users the VFs can be destroyed.
    """
    host = make_host(taps=["vf1", "vf2"], vfs=2)
    vsrd = daemon(host)
    vfs = host.create_vfs(2)
    pmd, taps = forward(host, vfs, testpmd, closing)
    before = shown(host, "health")["pid"]

    refused(host.vsrctl("vf", "create", host.pf, 1), "in use", "vf destroy")
    for command in (["vf", "destroy", host.pf], ["token", host.pf, "--rotate"],
                    ["pf", "release", host.pf]):
        done = host.vsrctl("--json", *command)
        refused(done, vfs[0], "dpdk-testpmd", "in use")
        users = json.loads(done.stdout)["users"]
        assert [(user["vf"], user["pci"]) for user in users] == list(enumerate(vfs, 1))
        assert len({user["pid"] for user in users}) == 1
    assert num_vfs(host) == 2

    vsrd.kill()
    cross(pmd, taps)
    pf = shown(host, "pf", "show", host.pf)
    assert pf["adopted"] and pf["kept"] and pf["state"] == "up" and pf["num_vfs"] == 2
    assert shown(host, "health")["pid"] != before
    assert shown(host, "pf", "reset", host.pf)["state"] == "up"
    cross(pmd, taps)

    pmd.kill()
    wait_for(lambda: not any(vf["assigned"] for vf in shown(host, "vf", "show", host.pf)["vfs"]),
             "the VFs to be free", host.patience, every=1)
    assert shown(host, "vf", "destroy", host.pf)["destroyed"] == 2
    assert num_vfs(host) == 0
    assert vsrd.stop() == 0


# ---------------------------------------------------------------- the feature bit


def test_vfs_wait_for_the_device_to_agree(sim, daemon):
    """Steps: the device refuses FEATURES_OK; later it accepts.

    Verify: while the device refuses, neither vsrctl alone nor vsrd creates VFs; when the device
    accepts, vsrd creates them.
    """
    host = sim(vfs=4, args=["--fault", "refuse-features-ok"])
    refused(host.vsrctl("vf", "create", PF, 2), "FEATURES_OK")
    vsrd = daemon(host)
    refused(host.vsrctl("vf", "create", PF, 2), "FEATURES_OK")
    refused(host.vsrctl("pf", "reset", PF), "FEATURES_OK")
    check_vf_enable_was_not_touched(host)
    assert host.cli("fault", "none").returncode == 0
    assert shown(host, "pf", "reset", PF)["sriov_allowed"]
    assert len(host.create_vfs(2)) == 2
    assert host.violations() == {}
    assert vsrd.stop() == 0


def test_permission_outlives_resets(sim, daemon, testpmd, closing):
    """Steps: create and destroy VFs; then reset the PF, which refuses FEATURES_OK from now on.

    Verify: VFs can be created all the same, by vsrd, and by the kernel alone after a function
    level reset; they carry frames; the device counts no violation.
    """
    host = sim(taps=["vf1", "vf2"], vfs=2)
    vsrd = daemon(host)
    host.create_vfs(2)
    host.destroy_vfs()
    assert host.cli("fault", "refuse-features-ok").returncode == 0
    refused(host.vsrctl("pf", "reset", PF), "FEATURES_OK")
    assert shown(host, "pf", "show", PF)["state"] == "refused"
    vfs = host.create_vfs(2)
    assert host.cli("fault", "none").returncode == 0
    pmd, taps = forward(host, vfs, testpmd, closing)
    assert pmd.quit() == 0
    host.destroy_vfs()
    assert vsrd.stop() == 0
    host.write(1, "bus/pci/devices", PF, "reset")
    host.write(2, "bus/pci/devices", PF, "sriov_numvfs")
    assert host.fn("pf")["accepted"] == []
    assert host.violations() == {}


@pytest.mark.parametrize("function", ["vf", "plain"])
def test_stray_feature_is_reported_and_not_accepted(function, sim, testpmd, closing):
    """Steps: a function without an SR-IOV capability (a VF, or a NIC without VFs) offers SR_IOV.

    Verify: net_vsr reports a faulty device, does not accept the feature, and works; vsrctl refuses
    to create VFs of the NIC without VFs; net_vsr reports no fault of a PF with the capability.
    """
    host = sim(vfs=2 if function == "vf" else 0, args=["--fault", "stray-sr-iov"],
               taps=["vf1" if function == "vf" else "pf"])
    name, address = ("vf1", host.create_vfs(1)[0]) if function == "vf" else ("pf", PF)
    tap = closing(host.open_tap(name))
    pmd = testpmd(host, [address], vsr=True)
    lines = [line for line in pmd.child.output.splitlines() if "faulty" in line]
    assert len(lines) == 1 and address in lines[0] and "VIRTIO_F_SR_IOV" in lines[0]
    assert "sr_iov" not in host.fn(name)["accepted"]
    pmd.wait_link(0)
    pmd.start_forwarding("io")
    frames = flows(pmd.mac(0), tap.mac, 20)
    check_crossing(tap, tap, frames)
    assert pmd.quit() == 0
    if function == "vf":
        pmd = testpmd(host, [PF], vsr=True)
        assert "faulty" not in pmd.child.output and "sr_iov" in host.fn("pf")["accepted"]
        assert pmd.quit() == 0
    else:
        refused(host.vsrctl("vf", "create", PF, 1), "no SR-IOV capability")
    assert host.violations() == {}


def test_driver_without_sr_iov_can_use_the_pf(make_host, testpmd, closing):
    """Steps: DPDK's own net_virtio, which does not support SR-IOV, drives the PF.

    Verify: frames cross, no VF exists, and neither simulator nor kernel reports a fault of SR-IOV.
    """
    # The simulator counts violations of other rules by net_virtio.
    host = make_host(judged=False, taps=["pf"], vfs=2)
    tap = closing(host.open_tap("pf"))
    pmd = testpmd(host, [host.pf])
    assert pmd.driver(0) == "net_virtio"
    pmd.wait_link(0)
    pmd.start_forwarding("io")
    check_crossing(tap, tap, flows(pmd.mac(0), tap.mac, 20))
    if host.kind == "simulated":
        assert "sr_iov" in host.fn("pf")["offered"] and "sr_iov" not in host.fn("pf")["accepted"]
        check_vf_enable_was_not_touched(host)
    else:
        host.check_clean()
    assert num_vfs(host) == 0
    assert pmd.quit() == 0


# ---------------------------------------------------------------- an owner without admin queue


def test_owner_without_admin_queue(make_host, daemon, closing):
    """Steps: all commands of vsrctl, on a PF without an admin queue.

    Verify: PFs, VFs, tokens, events, health and version work; commands that need the admin queue
    report in one sentence that there is none.
    """
    host = make_host(features="-admin_vq", vfs=2)
    pf = host.pf
    vsrd = daemon(host)
    assert shown(host, "version")["vsrd"]
    assert shown(host, "health")["pfs"] == [
        {"pf": pf, "state": "ok", "num_vfs": 0, "kept": True, "busy": None}]
    owned = shown(host, "pf", "show", pf)
    assert owned["state"] == "up" and owned["sriov_allowed"] and owned["admin_queues"] == 0
    assert "no admin queue" in owned["admin_why"] and "sr_iov" in owned["features"]

    command = host.wrap([paths.VSRCTL, "events", "--follow"])
    follower = closing(Child(command, env=host.env, name="vsrctl events"))

    def reset_is_seen():
        assert shown(host, "pf", "reset", pf)["state"] == "up"
        return "pf_reset" in follower.output

    wait_for(reset_is_seen, "vsrctl to follow", host.patience, every=0.5)
    vfs = host.create_vfs(2)
    (listed,) = [fn for fn in shown(host, "list")["functions"] if fn["pci"] == pf]
    assert listed["num_vfs"] == 2
    assert [(vf["pci"], vf["users"]) for vf in shown(host, "vf", "show", pf)["vfs"]] == [
        (vf, []) for vf in vfs]
    assert [vf["rx_per_s"] for vf in shown(host, "top", pf, "--count", 1)["vfs"]] == [None, None]
    refused(host.vsrctl("vf", "create", pf, 1), "2 VFs already")
    refused(host.vsrctl("vf", "create", pf, host.read("bus/pci/devices", pf, "sriov_totalvfs")
                        + "0"), "out of range")
    for command in ("admin list", "admin caps", "admin raw", "admin stats", "legacy read",
                    "legacy write", "legacy dump", "legacy notify-info"):
        more = {"admin raw": [0], "legacy read": [1, 0, 4], "legacy write": [1, 18, "01"],
                "legacy dump": [1], "legacy notify-info": [1]}.get(command, [])
        refused(host.vsrctl(*command.split(), pf, *more), f"{pf} has no admin queue")

    fresh = shown(host, "token", pf, "--rotate")["token"]
    assert fresh != host.token and shown(host, "token", pf)["token"] == fresh
    assert host.run("cat", host.run_dir / f"{pf}.token").stdout == fresh + "\n"
    assert shown(host, "vf", "destroy", pf)["destroyed"] == 2
    for event in ("vf_added", "vf_removed"):
        for number in (1, 2):
            follower.expect(f"{event} +{pf} +VF {number}", host.patience)
    assert vsrd.stop() == 0
    assert follower.wait(host.patience) == 3


def test_unbound_pf_is_closed(make_host, daemon):
    """Steps: unbind the PF, which has VFs, while vsrd owns it. Verify: vsrd closes the PF and its
    VFs are destroyed, vsrd reports this, goes on, and can attach the PF again."""
    host = make_host(vfs=2)
    pf = host.pf
    vsrd = daemon(host)
    host.create_vfs(2)
    host.write(pf, "bus/pci/drivers/vfio-pci/unbind")
    vsrd.child.expect(f"event pf_removed .*{pf}", host.patience)
    assert shown(host, "health")["pfs"] == []
    refused(host.vsrctl("pf", "reset", pf), "does not own", "pf attach")
    assert num_vfs(host) == 0
    host.write(pf, "bus/pci/drivers_probe")
    assert shown(host, "pf", "attach", pf)["state"] == "up"
    assert len(host.create_vfs(1)) == 1
    host.destroy_vfs()
    assert shown(host, "pf", "release", pf) == {"released": True}
    assert vsrd.stop() == 0


# ---------------------------------------------------------------- the shared PASID state

HOLDER = """
import json, socket, sys, time
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
ask = {"jsonrpc": "2.0", "id": 1, "method": "pasid.acquire",
       "params": {"pf": sys.argv[2], "vf": int(sys.argv[3])}}
link.sendall(json.dumps(ask).encode() + b"\\n")
print(link.makefile().readline(), flush=True)
time.sleep(600)
"""


def pasid_enable(host, on):
    """Write PASID Enable of the PF, as the host would. vsrd only reads it."""
    _, at = ext_capability(host, PASID_ID)
    with open(host.sysfs("bus/pci/devices", PF, "config"), "r+b", buffering=0) as config:
        os.pwrite(config.fileno(), bytes([on, 0]), at + 6)


def test_pasid_of_a_vf_is_that_of_its_pf(sim, daemon):
    """Steps: acquire and release PASID for a VF, while PASID of the PF is disabled and enabled.

    Verify: PASID can be acquired only while PASID of the PF is enabled, and can always be released;
    neither changes the PF.
    """
    host = sim(vfs=2, args=["--pasid", 16])
    vsrd = daemon(host)
    host.create_vfs(2)
    client = vsrd.client()

    def control():
        config, at = ext_capability(host, PASID_ID)
        return config[at + 6]

    state = client.call("pasid.show", pf=PF)
    assert state["present"] and not state["enabled"] and state["max_width"] == 16
    with pytest.raises(Refused) as refusal:
        client.call("pasid.acquire", pf=PF, vf=1)
    assert refusal.value.errno == "EINVAL" and control() == 0
    assert client.call("pasid.release", pf=PF, vf=1) and control() == 0
    pasid_enable(host, 1)
    assert client.call("pasid.show", pf=PF)["enabled"]
    assert client.call("pasid.acquire", pf=PF, vf=1) and control() == 1
    assert [user["vf"] for user in client.call("pasid.show", pf=PF)["users"]] == [1]
    assert client.call("pasid.release", pf=PF, vf=1) and control() == 1
    assert client.call("pasid.show", pf=PF)["users"] == []
    with pytest.raises(Refused) as refusal:
        client.call("pasid.acquire", pf=PF, vf=3)
    assert refusal.value.errno == "ENXIO"
    client.close()


@pytest.mark.parametrize("how", ["release", "disconnect", "kill"])
def test_user_of_pasid_keeps_its_pf_from_change(how, sim, daemon, closing):
    """Steps: a user of VF 2 acquires PASID; try to change the PF; the user releases PASID,
    disconnects or is killed.

    Verify: while PASID is in use, changes are refused and the refusal lists the users; afterwards
    changes work.
    """
    host = sim(vfs=4, args=["--pasid", 20])
    vsrd = daemon(host)
    pasid_enable(host, 1)
    host.create_vfs(2)
    user = client = None
    if how == "kill":
        user = subprocess.Popen(["/usr/bin/python3", "-c", HOLDER, vsrd.socket, PF, "2"],
                                stdout=subprocess.PIPE, text=True)
        assert json.loads(user.stdout.readline())["result"] == {"acquired": True}
        pid = user.pid
    else:
        client = vsrd.client()
        assert client.call("pasid.acquire", pf=PF, vf=2)
        pid = os.getpid()
    try:
        for command in (["vf", "destroy", PF], ["pf", "release", PF], ["token", PF, "--rotate"]):
            done = host.vsrctl("--json", *command)
            refused(done, "PASID", "VF 2", str(pid))
            assert json.loads(done.stdout)["users"] == [{"vf": 2, "pid": pid, "name": "pasid"}]
        refused(host.vsrctl("vf", "create", PF, 4), "2 VFs already")
        assert num_vfs(host) == 2
    finally:
        if user:
            user.kill()
            user.wait(20)
            user.stdout.close()
    if how == "release":
        assert client.call("pasid.release", pf=PF, vf=2)
    elif how == "disconnect":
        client.close()
    wait_for(lambda: vsrd.call("pasid.show", pf=PF)["users"] == [], "the user to be forgotten")
    assert shown(host, "vf", "destroy", PF)["destroyed"] == 2
    assert len(host.create_vfs(4)) == 4
    host.destroy_vfs()
    assert shown(host, "pf", "release", PF) == {"released": True}
    assert host.violations() == {}
