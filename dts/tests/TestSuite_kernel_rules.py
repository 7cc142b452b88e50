# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""What the kernel allows with VFs. The real one judges the simulated one here: both get the same
questions and must give the same answers."""

import errno

import pytest

PARAMETER = "module/vfio_pci/parameters/enable_sriov"


def refusal(host, text, *words):
    """The errno with which the kernel refuses a write to sysfs; 0 when it does not."""
    try:
        host.write(text, *words)
    except OSError as error:
        return error.errno
    return 0


def test_numbers_of_vfs(make_host):
    """Verify: what sriov_numvfs takes and refuses, and with which error."""
    # VFs are enabled here behind the back of the device (virtio 1.4 6.1, VIRTIO_F_SR_IOV).
    host = make_host(judged=False, vfs=4)
    numvfs = ("bus/pci/devices", host.pf, "sriov_numvfs")
    assert refusal(host, 5, *numvfs) == errno.ERANGE
    assert refusal(host, "many", *numvfs) == errno.EINVAL
    assert refusal(host, 2, *numvfs) == 0
    assert refusal(host, 3, *numvfs) == errno.EBUSY
    assert refusal(host, 2, *numvfs) == 0
    assert host.read(*numvfs) == "2"
    assert refusal(host, 0, *numvfs) == 0
    assert refusal(host, 0, *numvfs) == 0
    assert host.read(*numvfs) == "0"


def test_pf_without_driver_has_no_vfs(make_host):
    host = make_host(vfs=4)
    host.write(host.pf, "bus/pci/devices", host.pf, "driver/unbind")
    assert refusal(host, 1, "bus/pci/devices", host.pf, "sriov_numvfs") == errno.ENOENT


def test_vfs_follow_their_pf_to_vfio(make_host):
    """Verify: VFs of a PF on vfio-pci are given to vfio-pci."""
    host = make_host(vfs=4)
    for vf in host.create_vfs(2):
        assert host.read("bus/pci/devices", vf, "driver_override") == "vfio-pci"
        assert host.read("bus/pci/devices", vf, "uevent").splitlines()[0] == "DRIVER=vfio-pci"


@pytest.mark.needs("kernel_parameters")
def test_vfio_may_forbid_vfs(make_host):
    """Steps: switch enable_sriov of vfio-pci off. Verify: vsrctl names the command that helps,
    which does."""
    host = make_host(vfs=4)
    host.write(0, PARAMETER)
    try:
        done = host.vsrctl("vf", "create", host.pf, 1)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
        command = done.stderr.split("allow it with: ")[1].strip()
        assert command == f"echo 1 > /sys/{PARAMETER}"
        assert host.run("sh", "-c", command).returncode == 0
        assert len(host.create_vfs(1)) == 1
    finally:
        host.write(1, PARAMETER)
