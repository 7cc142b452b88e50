# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Rules of the kernel for VFs. The same tests run on the real kernel and on the simulated host,
which must behave alike."""

import errno

import pytest

PARAMETER = "module/vfio_pci/parameters/enable_sriov"


def refusal(host, text, *words):
    """Write to sysfs. Returns the errno of the kernel, 0 when the write succeeds."""
    try:
        host.write(text, *words)
    except OSError as error:
        return error.errno
    return 0


def test_numbers_of_vfs(make_host):
    """Verify: which numbers sriov_numvfs accepts, and the errors for others."""
    # This enables VFs without VIRTIO_F_SR_IOV accepted (virtio 1.4 6.1), which is a violation.
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
    """Verify: VFs of a PF that is bound to vfio-pci are bound to vfio-pci."""
    host = make_host(vfs=4)
    for vf in host.create_vfs(2):
        assert host.read("bus/pci/devices", vf, "driver_override") == "vfio-pci"
        assert host.read("bus/pci/devices", vf, "uevent").splitlines()[0] == "DRIVER=vfio-pci"


@pytest.mark.needs("kernel_parameters")
def test_vfio_may_forbid_vfs(make_host):
    """Steps: switch enable_sriov of vfio-pci off. Verify: vsrctl names a command, and this command
    helps."""
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
