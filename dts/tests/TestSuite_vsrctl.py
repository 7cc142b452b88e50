# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsrctl: what it shows, creates, destroys and refuses."""

import json
import os
import re
import subprocess

import pytest

from framework import paths
from framework.sim import PF

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"


def refused(done, *words):
    """Check for one sentence on stderr with these words, and exit code 1."""
    assert done.returncode == 1, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("vsrctl: "), done.stderr
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"


def here(*args, **env):
    """Run vsrctl on this machine, without a simulated host."""
    return subprocess.run(
        [str(paths.VSRCTL), *map(str, args)], capture_output=True, text=True, timeout=60,
        env={**os.environ, **env}, check=False,
    )


# ---------------------------------------------------------------- command line


@pytest.mark.parametrize(
    "args, word",
    [
        ([], "no command"),
        (["vf"], "unknown command \"vf\""),
        (["frobnicate"], "frobnicate"),
        (["vf", "create", PF], "takes 2 arguments"),
        (["vf", "create", PF, "1", "2"], "takes 2 arguments"),
        (["list", "x"], "takes 0 arguments"),
        (["list", "--token", TOKEN], "takes no --token"),
        (["--frob"], "--frob"),
        (["--sysfs"], "needs a value"),
    ],
)
def test_bad_command_line_is_refused(args, word):
    """Verify: one sentence that names the error, exit code 2, nothing on stdout."""
    done = here(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and word in done.stderr


def test_help_names_every_command():
    done = here("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("list", "vf create PF N", "vf destroy PF", "--json", "--sysfs"):
        assert word in done.stdout


# ---------------------------------------------------------------- any sysfs


def make_fn(root, bdf, driver="vfio-pci", group=7, vendor="0x1af4", device="0x1041", **files):
    """Make a function in a folder that looks like sysfs."""
    fn = root / "bus/pci/devices" / bdf
    fn.mkdir(parents=True)
    values = {
        "vendor": vendor, "device": device, "subsystem_vendor": "0x1af4",
        "subsystem_device": "0x1041", **files,
    }
    for name, value in values.items():
        (fn / name).write_text(f"{value}\n")
    if driver:
        (fn / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
    if group is not None:
        (fn / "iommu_group").symlink_to(f"../../../kernel/iommu_groups/{group}")
    return fn


def test_list_shows_what_sysfs_holds(tmp_path):
    """A PF with two VFs, a plain function of another driver, and one that is no virtio-net."""
    pf = make_fn(tmp_path, "0000:01:00.0", sriov_totalvfs=8, sriov_numvfs=2)
    for vf in (1, 2):
        fn = make_fn(tmp_path, f"0000:01:00.{vf}", group=7 + vf)
        (fn / "physfn").symlink_to("../0000:01:00.0")
        (pf / f"virtfn{vf - 1}").symlink_to(f"../0000:01:00.{vf}")
    make_fn(tmp_path, "0000:00:03.0", driver="virtio-pci", group=None)
    make_fn(tmp_path, "0000:00:04.0", driver=None, device="0x1042")
    shown = json.loads(here("--json", "--sysfs", tmp_path, "list").stdout)["functions"]
    assert [fn["pci"] for fn in shown] == [
        "0000:00:03.0", "0000:01:00.0", "0000:01:00.1", "0000:01:00.2",
    ]
    plain, pf, vf1, vf2 = shown
    assert (plain["kind"], plain["driver"]) == ("function", "virtio-pci")
    assert plain["iommu_group"] is None
    assert (pf["kind"], pf["num_vfs"], pf["total_vfs"]) == ("pf", 2, 8)
    assert (vf1["kind"], vf1["pf"], vf1["vf"], vf1["iommu_group"]) == ("vf", "0000:01:00.0", 1, 8)
    assert (vf2["vf"], vf2["subsystem_vendor"], vf2["subsystem_device"]) == (2, "1af4", "1041")
    text = here("list", VSR_SYSFS=str(tmp_path)).stdout.splitlines()
    assert len(text) == 5 and "2 of 8" in text[2] and "VF 2" in text[4]


@pytest.mark.parametrize("vfs", [0, 1, 2, 3, 6, 7, 8, 13])
def test_vfs_are_counted_by_their_links(vfs, tmp_path):
    """Verify: vsrctl does not read sriov_numvfs, because the kernel may block the reader until an
    owner has closed the PF."""
    pf = make_fn(tmp_path, "0000:01:00.0", sriov_totalvfs=16)
    os.mkfifo(pf / "sriov_numvfs")
    for vf in range(vfs):
        (pf / f"virtfn{vf}").symlink_to(f"../0000:01:{vf // 8:02x}.{vf % 8}")
    (shown,) = json.loads(here("--json", "--sysfs", tmp_path, "list").stdout)["functions"]
    assert (shown["num_vfs"], shown["total_vfs"]) == (vfs, 16)


def test_list_without_functions_says_so(tmp_path):
    (tmp_path / "bus/pci/devices").mkdir(parents=True)
    done = here("--sysfs", tmp_path, "list")
    assert done.returncode == 0 and "no virtio-net function" in done.stdout
    refused(here("--sysfs", tmp_path / "none", "list"), "cannot read", "No such file")


def test_functions_that_cannot_have_vfs_are_refused(tmp_path):
    """No such function, not virtio, no SR-IOV, a VF, another driver, no driver, no IOMMU."""
    make_fn(tmp_path, "0000:01:00.0", driver="virtio-pci", sriov_totalvfs=8, sriov_numvfs=0)
    make_fn(tmp_path, "0000:01:00.1", driver=None, sriov_totalvfs=8, sriov_numvfs=0)
    make_fn(tmp_path, "0000:01:00.2")
    make_fn(tmp_path, "0000:01:00.3", vendor="0x8086", sriov_totalvfs=8, sriov_numvfs=0)
    make_fn(tmp_path, "0000:01:00.4", group=None, sriov_totalvfs=8, sriov_numvfs=0)
    (make_fn(tmp_path, "0000:01:00.5") / "physfn").symlink_to("../0000:01:00.0")

    def create(pf, count=1):
        return here("--sysfs", tmp_path, "vf", "create", pf, count)

    refused(create("0000:02:00.0"), "no PCI function 0000:02:00.0")
    refused(create("nic"), "no PCI address")
    refused(create("0000:01:00.0"), "virtio-pci, not to vfio-pci", "driver/unbind", "drivers_probe")
    refused(create("0000:01:00.1"), "no driver, not to vfio-pci", "driver_override")
    refused(create("0000:01:00.2"), "no SR-IOV capability")
    refused(create("0000:01:00.3"), "no virtio network device")
    refused(create("0000:01:00.4"), "no IOMMU group")
    refused(create("0000:01:00.5"), "is a VF", "0000:01:00.0")


# ---------------------------------------------------------------- both kinds of host


def functions_of(host):
    """The functions of the NIC under test, as vsrctl lists them. A host may have other NICs."""
    shown = json.loads(host.vsrctl("--json", "list").stdout)["functions"]
    return [fn for fn in shown if host.pf in (fn["pci"], fn.get("pf"))]


def test_create_and_destroy(make_host):
    """Steps: create 4 of 4 VFs, list, destroy, list.

    Verify: the VFs exist, are bound to vfio-pci, and have their own IOMMU groups; the token is in a
    file that only its owner can read, and is printed as an option for dpdk-testpmd; VFs and file
    are gone at the end.
    """
    host = make_host(vfs=4)
    done = host.vsrctl("vf", "create", host.pf, 4)
    assert done.returncode == 0, done.stderr
    token = UUID4.search(done.stdout).group()
    assert f"--vfio-vf-token={token}" in done.stdout
    kept = re.search(r"kept in (\S+);", done.stdout).group(1)
    assert host.run("cat", kept).stdout == token + "\n"
    modes = host.run("stat", "-c", "%a", kept, os.path.dirname(kept)).stdout.split()
    assert modes == ["600", "700"]

    shown = functions_of(host)
    assert [fn["kind"] for fn in shown] == ["pf"] + 4 * ["vf"]
    assert all(fn["driver"] == "vfio-pci" for fn in shown)
    assert len({fn["iommu_group"] for fn in shown}) == 5
    assert shown[0]["num_vfs"] == 4

    done = host.vsrctl("--json", "vf", "destroy", host.pf)
    assert done.returncode == 0 and json.loads(done.stdout)["destroyed"] == 4
    assert host.run("cat", kept).returncode != 0
    assert [fn["kind"] for fn in functions_of(host)] == ["pf"]


def test_token_given_is_the_token_set(make_host, testpmd):
    """Steps: create with a token (in capitals). Verify: VFs open with it and with no other."""
    host = make_host(vfs=2)
    short = host.pf.removeprefix("0000:")
    done = host.vsrctl("--json", "vf", "create", short, 1, "--token", TOKEN.upper())
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["token"] == TOKEN
    assert answer["testpmd_option"] == f"--vfio-vf-token={TOKEN}"
    vf = answer["vfs"][0]["pci"]
    host.token = TOKEN
    pmd = testpmd(host, [vf], vsr=True)
    assert pmd.quit() == 0


def test_counts_out_of_range_are_refused(make_host):
    host = make_host(vfs=4)
    refused(host.vsrctl("vf", "create", host.pf, 0), "0 VFs", "vf destroy")
    refused(host.vsrctl("vf", "create", host.pf, 5), "out of range", "1 to 4")
    refused(host.vsrctl("vf", "create", host.pf, "010"), "out of range", "1 to 4")
    refused(host.vsrctl("vf", "create", host.pf, 4294967297), "out of range", "1 to 4")
    refused(host.vsrctl("vf", "create", host.pf, "--", -1), "not a number")
    refused(host.vsrctl("vf", "create", host.pf, "four"), "not a number of VFs")
    refused(host.vsrctl("vf", "create", host.pf, "99999999999999999999"), "out of range", "1 to 4")
    assert host.read("bus/pci/devices", host.pf, "sriov_numvfs") == "0"


@pytest.mark.parametrize(
    "token",
    ["", "1234", TOKEN[:-1], TOKEN + "0", TOKEN.replace("-", "_"), re.sub("[0-9a-f]", "0", TOKEN)],
)
def test_bad_tokens_are_refused(token):
    """vsrctl checks the token first, so this needs no simulated host."""
    refused(here("vf", "create", PF, 1, f"--token={token}"), "no UUID")


def test_second_create_is_refused(make_host):
    host = make_host(vfs=4)
    host.create_vfs(2)
    refused(host.vsrctl("vf", "create", host.pf, 4), "2 VFs already", f"vf destroy {host.pf}")
    assert host.read("bus/pci/devices", host.pf, "sriov_numvfs") == "2"


def test_destroy_without_vfs_is_refused(make_host):
    host = make_host(vfs=4)
    refused(host.vsrctl("vf", "destroy", host.pf), "has no VFs")


def test_open_vf_keeps_its_pf_from_change(make_host, testpmd):
    """Steps: testpmd has VF 2 open; destroy and create VFs. Verify: both are refused, VF 2 is named
    and still works."""
    host = make_host(vfs=4)
    vfs = host.create_vfs(4)
    pmd = testpmd(host, [vfs[1]], vsr=True)
    refused(host.vsrctl("vf", "destroy", host.pf), vfs[1], "in use")
    refused(host.vsrctl("vf", "create", host.pf, 2), vfs[1], "in use")
    assert pmd.link_up(0)
    assert pmd.quit() == 0
    host.destroy_vfs()


def test_pf_in_use_is_refused(make_host, testpmd):
    host = make_host(vfs=4)
    pmd = testpmd(host, [host.pf], vsr=True)
    refused(host.vsrctl("vf", "create", host.pf, 2), "in use by another program")
    assert pmd.quit() == 0
    assert len(host.create_vfs(2)) == 2


def test_device_without_the_feature_keeps_its_vfs_off(sim):
    """Verify: the reason is named, and VF Enable was not written."""
    host = sim(vfs=4, features="-sr_iov")
    refused(host.vsrctl("vf", "create", PF, 2), "VIRTIO_F_SR_IOV", "does not offer")
    assert host.sysfs("bus/pci/devices", PF, "sriov_numvfs").read_text().strip() == "0"
    assert not (host.dir / "run" / f"{PF}.token").exists()
    assert not host.violations()


def test_device_that_refuses_features_keeps_its_vfs_off(sim):
    host = sim(vfs=4, args=["--fault", "refuse-features-ok"])
    refused(host.vsrctl("vf", "create", PF, 2), "FEATURES_OK")
    assert host.sysfs("bus/pci/devices", PF, "sriov_numvfs").read_text().strip() == "0"


def test_pf_of_another_driver_is_refused_with_the_way_out(make_host):
    """Steps: bind the PF to virtio-pci, create VFs, then run the commands in the message. Verify:
    VFs can be created."""
    host = make_host(vfs=4)
    host.write(host.pf, "bus/pci/devices", host.pf, "driver/unbind")
    host.write("virtio-pci", "bus/pci/devices", host.pf, "driver_override")
    host.write(host.pf, "bus/pci/drivers_probe")
    done = host.vsrctl("vf", "create", host.pf, 2)
    refused(done, "virtio-pci, not to vfio-pci")
    commands = done.stderr.split("bind it with: ")[1].strip()
    typed = ["sh", "-ec", commands]
    # The sysfs of the simulated host is a folder on this machine.
    done = subprocess.run(typed if host.kind == "simulated" else host.wrap(typed), timeout=60,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(host.create_vfs(2)) == 2


def test_json_refusals_are_json(make_host):
    host = make_host(vfs=4)
    done = host.vsrctl("--json", "vf", "create", host.pf, 9)
    assert done.returncode == 1
    assert "out of range" in json.loads(done.stdout)["error"]
