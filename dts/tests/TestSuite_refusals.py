# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Errors are reported in one sentence, with an exit code other than 0."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from framework import paths
from framework.sim import PF


def one_sentence(done, *words):
    """Check that the exit code is not 0 and that stderr is one line with these words."""
    assert done.returncode > 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"


def plain(*command, **kw):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, check=False, **kw,
    )


# ---------------------------------------------------------------- bad arguments


@pytest.mark.parametrize(
    "args, word",
    [
        (["--profile", "none-such"], "none-such"),
        (["--features", "+none_such"], "none_such"),
        (["--features", "mrg_rxbuf"], "mrg_rxbuf"),
        (["--vfs", "257"], "257"),
        (["--vfs", "many"], "many"),
        (["--queue-pairs", "0"], "0"),
        (["--mtu", "0x5dc0000000000000000"], "0x5dc0"),
        (["--mtu", "4294968796"], "4294968796"),
        (["--mtu", "+1500"], "+1500"),
        (["--speed", "fast"], "fast"),
        (["--speed", "4294967295"], "4294967295"),
        (["--cpu", "4294967296"], "4294967296"),
        (["--cpu", "0-"], "0-"),
        (["--cpu", "0,,1"], "0,,1"),
        (["--cpu", " 0"], " 0"),
        (["--mac", "2:0:0:0:0: 1"], "2:0"),
        (["--mac", "+2:0:0:0:0:1"], "+2"),
        (["--wire", "vf-1=null"], "vf-1"),
        (["--wire", "vf0=null"], "vf0"),
        (["--wire", "vf+1=null"], "vf+1"),
        (["--wire", "vf4294967297=null"], "vf4294967297"),
        (["--wire", "vf1=string:x"], "string"),
        (["--wire", "vf1"], "vf1"),
        (["--wire", "vf9=null", "--vfs", "4"], "vf9"),
        (["--fault", "none-such"], "none-such"),
        (["--completion", "backwards"], "backwards"),
        (["--doorbell", "loud"], "lenient, strict or none"),
        (["--frobnicate"], "frobnicate"),
        (["surplus"], "surplus"),
    ],
)
def test_serve_refuses_bad_arguments(args, word, tmp_path):
    one_sentence(plain(paths.VSR_SIM, "serve", "--dir", tmp_path / "d", *args), word)


@pytest.mark.parametrize("command", ["stats", "stop", "run"])
def test_commands_without_a_simulator_are_refused(command, tmp_path):
    more = ["--", "true"] if command == "run" else []
    one_sentence(plain(paths.VSR_SIM, command, "--dir", tmp_path, *more), str(tmp_path))


def test_unknown_command_is_refused():
    one_sentence(plain(paths.VSR_SIM, "frobnicate"), "frobnicate")


def test_commands_that_cannot_run_are_refused(sim):
    host = sim()
    one_sentence(host.run("/nowhere/no-such-program"), "no-such-program")
    for command in (["link", "vf9", "up"], ["mac", "vf9", "02:00:00:00:00:01"],
                    ["mtu", "vf9", "1400"], ["break", "vf9"]):
        one_sentence(host.cli(*command), "vf9")
    for value in ("1:2", "01:00:00:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00:01x"):
        one_sentence(host.cli("mac", "pf", value), "unicast MAC address")
    one_sentence(host.cli("mtu", "pf", "1501"), "68 to 1500")
    one_sentence(host.cli("mtu", "pf", "67"), "67")
    one_sentence(host.cli("break", "pf"), "no driver")


def test_each_fault_of_the_help_is_accepted(sim):
    """Verify: vsr-sim fault --help names the faults, and each of them can be set."""
    host = sim(vfs=1)
    text = host.cli("fault", "--help").stdout
    names = re.findall(r"^  ([a-z-]+(?:=[A-Z]+)?)  +[A-Za-z]", text, re.MULTILINE)
    assert len(names) >= 10
    for name in names:
        done = host.cli("fault", re.sub("=.*", "=1", name))
        assert done.returncode == 0, (name, done.stderr)
    assert host.cli("fault", "none").returncode == 0


@pytest.mark.parametrize("devargs", ["rx_path=none-such", "frobnicate=1"])
def test_net_vsr_refuses_bad_devargs(devargs, sim, testpmd):
    """Verify: the driver names the argument, and testpmd ends with an error."""
    host = sim(vfs=1)
    (vf,) = host.create_vfs(1)
    pmd = testpmd.unstarted(host, [f"{vf},{devargs}"], vsr=True, args=["--nb-ports=1"])
    code, output = pmd.run_to_end()
    assert code != 0
    assert devargs.split("=")[0] in output


@pytest.mark.parametrize("level", ["none-such", "Unit"])
def test_test_command_refuses_unknown_levels(level):
    one_sentence(plain(paths.ROOT / "devtools/test.sh", level), level)


# ---------------------------------------------------------------- hugepages


def without_hugetlbfs(*command):
    """The command line that runs a command in a mount namespace without a hugetlbfs."""
    return ["unshare", "-m", "sh", "-c", 'umount -a -t hugetlbfs && exec "$@"', "sh", *command]


def test_missing_hugepage_mount_is_named(sim):
    """Verify: testpmd does not start, and names what is missing."""
    host = sim(vfs=1)
    done = plain(*without_hugetlbfs(*host.wrap([paths.TESTPMD, "-a", PF, "--", "-i"])))
    assert done.returncode > 0
    assert "hugepage" in (done.stdout + done.stderr).lower()


@pytest.fixture
def public_setup():
    """A copy of setup.sh that any user can run, with sources of DPDK beside it. The tree itself
    may be in a folder that only its owner can enter."""
    devtools = paths.ROOT / "devtools"
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = pathlib.Path(name)
        shutil.copytree(devtools, folder / "devtools")
        sdk = plain("bash", "-c", 'VSR_DEPS=; . "$0/lib.sh"; vsr_sdk_dir', folder / "devtools")
        for file in ("lib/ethdev/ethdev_driver.h", "examples/vdpa/main.c"):
            path = pathlib.Path(sdk.stdout) / file
            assert folder in path.parents, sdk
            path.parent.mkdir(parents=True)
            path.touch()
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True, timeout=60)
        yield folder / "devtools/setup.sh"


def test_setup_names_the_missing_hugepage_mount(public_setup):
    """Verify: without the right to mount, setup.sh says which command helps."""
    nobody = ["env", "-u", "VSR_DEPS", "setpriv", "--reuid=65534", "--regid=65534",
              "--clear-groups"]
    done = plain(*without_hugetlbfs(*nobody, public_setup))
    one_sentence(done, "mount -t hugetlbfs", "root")


def test_setup_names_a_folder_that_it_cannot_write(public_setup):
    """Verify: without the sources of DPDK, and without the right to fetch them, setup.sh says so."""
    shutil.rmtree(public_setup.parents[1] / "build-deps")
    (public_setup.parents[1] / "build-deps").mkdir(mode=0o755)
    nobody = ["env", "-u", "VSR_DEPS", "setpriv", "--reuid=65534", "--regid=65534",
              "--clear-groups"]
    one_sentence(plain(*nobody, public_setup), "cannot write", "VSR_DEPS")


def test_setup_mounts_what_is_missing():
    setup = paths.ROOT / "devtools/setup.sh"
    script = '"$0" && grep -q " /dev/hugepages hugetlbfs " /proc/mounts && "$0"'
    done = plain(*without_hugetlbfs("bash", "-c", script, setup))
    assert done.returncode == 0, done.stderr
    # The second run has nothing to do and prints nothing.
    assert done.stdout.splitlines() == ["setup: mounted hugetlbfs at /dev/hugepages"]


# ---------------------------------------------------------------- the PF and the device


def test_unbound_pf_is_refused(make_host):
    """Verify: vsrctl refuses, and names the commands that help."""
    host = make_host(vfs=1)
    host.write(host.pf, "bus/pci/devices", host.pf, "driver/unbind")
    one_sentence(host.vsrctl("vf", "create", host.pf, 1), "no driver", "vfio-pci", "drivers_probe")


def test_device_that_refuses_features_is_named(sim, testpmd):
    """Verify: net_vsr prints an error that names the device; testpmd ends with an error."""
    host = sim(vfs=1, args=["--fault", "refuse-features-ok"])
    pmd = testpmd.unstarted(host, [PF], vsr=True, args=["--nb-ports=1"])
    code, output = pmd.run_to_end()
    assert code > 0
    lines = [line for line in output.splitlines() if "the device refuses the features" in line]
    assert len(lines) == 1 and PF in lines[0], output
    one_sentence(host.vsrctl("vf", "create", PF, 1), "FEATURES_OK", PF)


@pytest.mark.parametrize("token", [None, "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"])
def test_missing_token_is_named(token, make_host, testpmd):
    """Verify: testpmd cannot open a VF without its token, and the log of the host gives the reason,
    as the log of a kernel does."""
    host = make_host(vfs=1)
    (vf,) = host.create_vfs(1)
    host.token = token
    pmd = testpmd.unstarted(host, [vf], vsr=True, args=["--nb-ports=1"])
    code, output = pmd.run_to_end()
    assert code > 0 and "No probed ethernet devices" in output
    assert vf in host.log() and "token" in host.log().lower()


def test_memory_that_no_device_can_reach_is_named(sim, testpmd):
    """Steps: testpmd has its packet buffers in memory that cannot be shared with the device.

    Verify: the map is refused; the device stops at the first packet, and net_vsr reports it.
    """
    host = sim(vfs=1, wires={"vf1": "gen:size=64"})
    (vf,) = host.create_vfs(1)
    pmd = testpmd(host, [vf], vsr=True, args=["--mp-alloc=anon"])
    assert "unable to register" in pmd.child.output
    pmd.start_forwarding("rxonly")
    pmd.child.expect(f"{vf}: the device has stopped and asks for a reset")
    assert host.fn("vf1")["counters"]["dma_faults"] > 0
    assert pmd.quit() == 0


def test_descriptor_outside_the_dma_map_stops_the_device(sim, testpmd):
    """Steps: a driver posts a descriptor that points to memory which is not mapped.

    Verify: the device stops and asks for a reset, the driver reports this and ends with an error,
    the fault is counted, and other functions and the next driver of this function work.
    """
    host = sim(vfs=2)
    vfs = host.create_vfs(2)
    other = testpmd(host, [vfs[1]], vsr=True)
    done = host.run(paths.BUILD / "app/test/tools/bad_dma", vfs[0], host.token)
    one_sentence(done, vfs[0], "outside of its DMA map")
    assert done.returncode == 1
    assert host.fn("vf1")["counters"]["dma_faults"] == 1
    assert host.fn("vf2")["counters"].get("dma_faults", 0) == 0
    assert other.link_up(0)
    assert other.quit() == 0
    again = testpmd(host, [vfs[0]], vsr=True)
    again.wait_link(0)
    assert again.quit() == 0
