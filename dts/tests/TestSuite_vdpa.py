# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vdpa_vsr: guests on VFs through vhost-user."""

import pytest

from framework import paths
from framework.vdpa import PLUGIN, VdpaServe

INTEROP = None


@pytest.fixture
def vdpa(closing):
    """vdpa(host, {address: further arguments}): start vdpa_serve."""

    def make(host, devices, eal=()):
        return closing(VdpaServe(host, devices, eal)).start()

    return make


# ------------------------------------------------------------ which driver has a device


@pytest.mark.parametrize("order", ["net first", "vdpa first"])
def test_each_driver_has_the_devices_of_its_class(order, sim, testpmd):
    """Steps: load both drivers, in both orders; give VF 1 class=vdpa, VF 2 class=net, VF 3 none.

    Verify: vdpa_vsr has VF 1 and no other, net_vsr has VF 2 and VF 3 as ports.
    """
    host = sim(vfs=3)
    one, two, three = host.create_vfs(3)
    plugins = [paths.plugin(), paths.plugin(PLUGIN)]
    if order == "vdpa first":
        plugins.reverse()
    pmd = testpmd(host, [f"{one},class=vdpa", f"{two},class=net", three],
                  eal=[word for plugin in plugins for word in ("-d", plugin)])
    assert f"Probe PCI driver: vdpa_vsr (1af4:1041) device: {one}" in pmd.child.output
    for vf in (two, three):
        assert f"Probe PCI driver: net_vsr (1af4:1041) device: {vf}" in pmd.child.output
    for port in range(2):
        assert pmd.driver(port) == "net_vsr"
    assert "Invalid port 2" in pmd.info(2)
    assert pmd.quit() == 0


def test_net_vsr_alone_leaves_a_vdpa_device(sim, testpmd):
    """Steps: load net_vsr only, with a device of class=vdpa and one without a class.

    Verify: net_vsr has a port for the second, and has not opened the first.
    """
    host = sim(vfs=2)
    one, two = host.create_vfs(2)
    pmd = testpmd(host, [f"{one},class=vdpa", two], vsr=True)
    drivers = [pmd.driver(port) for port in range(2) if "Invalid port" not in pmd.info(port)]
    assert drivers.count("net_vsr") == 1 and pmd.mac(drivers.index("net_vsr")).endswith("02")
    assert pmd.quit() == 0


def test_an_unknown_class_is_refused(sim, testpmd):
    """Steps: load both drivers, with a device of class=disk.

    Verify: net_vsr says which argument is wrong.
    """
    host = sim(vfs=1)
    (vf,) = host.create_vfs(1)
    pmd = testpmd.unstarted(host, [f"{vf},class=disk"],
                            eal=["-d", paths.plugin(), "-d", paths.plugin(PLUGIN)])
    pmd.launch().child.expect("device argument class has a bad value")


def test_a_device_says_what_it_has(sim, vdpa):
    """Steps: start vdpa_serve on two VFs, one of them with mode=relay.

    Verify: the state has address, link and features of the VF, and no guest; the mode can be
    changed; a device that was removed is gone.
    """
    host = sim(vfs=2, queue_pairs=3)
    one, two = host.create_vfs(2)
    serve = vdpa(host, {one: [], two: ["mode=relay"]})
    info = serve.info(one)
    assert info["wanted"] == "direct" and info["running"] == "none" and info["reason"] == ""
    assert info["vid"] == -1 and info["max_pairs"] == 3 and info["link_up"]
    assert info["mac"] == "02:76:73:72:00:01" and info["mtu"] == 1500
    version_1, access_platform = 1 << 32, 1 << 33
    assert info["features_device"] & version_1 and info["features_device"] & access_platform
    assert info["features_offered"] & version_1
    assert not info["features_offered"] & access_platform
    assert serve.info(two)["wanted"] == "relay"
    assert serve.ask(f"mode {two} direct")["result"] == 0
    assert serve.info(two)["wanted"] == "direct"
    assert serve.queue(one, 5)["running"] is False
    assert "error" in serve.queue(one, 6)
    assert serve.ask(f"unserve {two}")["result"] == 0
    assert serve.ask(f"remove {two}")["result"] == 0
    assert "error" in serve.info(two)
    assert serve.quit() == 0
    host.check_clean()
