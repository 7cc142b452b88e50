# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Fixtures of the system tests."""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from framework import paths  # noqa: E402
from framework.net import Namespace, tap_name  # noqa: E402
from framework.sim import Sim  # noqa: E402
from framework.testpmd import Testpmd  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def machine():
    """What every test here needs; without it no test can say anything."""
    missing = [str(p) for p in (paths.VSR_SIM, paths.VSRCTL) if not p.exists()]
    if missing:
        pytest.exit(f"not built: {', '.join(missing)}; run devtools/build.sh", 1)
    for tool in (paths.TESTPMD, "ip", "iperf3", "ping", "fusermount3"):
        if not shutil.which(tool):
            pytest.exit(f"there is no {tool}: run devtools/setup.sh", 1)
    if os.geteuid() != 0:
        pytest.exit("the system tests make network namespaces: run them as root", 1)


@pytest.fixture
def closing():
    """Things to close at the end of the test, last first."""
    things = []
    yield lambda thing: things.append(thing) or thing
    for thing in reversed(things):
        child = getattr(thing, "child", None)
        if child is not None:
            # Shown by pytest when the test failed.
            print(f"---- {child.name}\n" + "\n".join(child.output.splitlines()[-60:]))
        thing.close()


@pytest.fixture
def sim(closing):
    """Make simulated hosts: sim(profile=..., features=..., vfs=..., wires=...)."""

    def make(**conf):
        host = closing(Sim(**conf))
        return host.start()

    return make


@pytest.fixture
def testpmd(closing):
    """Make testpmds: testpmd(sim, [devices], vsr=True, args=[...]) is at its first prompt,
    testpmd.unstarted(...) not yet started."""

    def unstarted(host, devices, **conf):
        return closing(Testpmd(host, devices, **conf))

    def make(host, devices, **conf):
        return unstarted(host, devices, **conf).start()

    make.unstarted = unstarted
    return make


@pytest.fixture
def namespaces(closing):
    """Two namespaces, 192.168.77.1 and .2, and the names of two taps for them."""
    left, right = closing(Namespace("192.168.77.1")), closing(Namespace("192.168.77.2"))
    return left, right, tap_name(), tap_name()
