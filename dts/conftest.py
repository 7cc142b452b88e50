# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Fixtures of the system tests.

--host sim (the default) runs what the simulated host can run, --host machine what a real kernel in
a virtual machine can. A test says by its fixtures where it belongs: make_host to both, sim to the
first, machine, linux or vm_command to the second. What else it needs it says with
pytest.mark.needs.
"""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from framework import paths  # noqa: E402
from framework import interop as document  # noqa: E402
from framework.host import NEEDS  # noqa: E402
from framework.machine import Booted, Machine  # noqa: E402
from framework.net import Namespace, tap_name  # noqa: E402
from framework.signals import default_for_children  # noqa: E402
from framework.sim import Sim  # noqa: E402
from framework.testpmd import Testpmd  # noqa: E402
from framework.vsrd import Vsrd  # noqa: E402

HOSTS = {"sim": Sim, "machine": Machine}
ON_MACHINE = {"make_host", "machine", "linux", "vm_command", "interop"}
ONLY_MACHINE = ON_MACHINE - {"make_host"}


def pytest_addoption(parser):
    parser.addoption("--host", choices=HOSTS, default="sim", help="kind of host to test on")
    parser.addoption("--interop", action="store_true", help="write doc/interop.rst anew")


def pytest_configure(config):
    default_for_children()
    config.record = document.Record()
    config.addinivalue_line("markers", f"needs(what, ...): one of {', '.join(NEEDS)}")


def pytest_collection_modifyitems(config, items):
    """Leave out what belongs to the other kind of host, skip what this one cannot do."""
    kind = config.getoption("--host")
    mine, others = [], []
    for item in items:
        fixtures = set(item.fixturenames)
        fits = fixtures & ON_MACHINE if kind == "machine" else not fixtures & ONLY_MACHINE
        (mine if fits else others).append(item)
        needs = [need for mark in item.iter_markers("needs") for need in mark.args]
        assert set(needs) <= set(NEEDS), f"{item.nodeid} needs something unheard of: {needs}"
        why = HOSTS[kind].lacks(needs)
        if why:
            item.add_marker(pytest.mark.skip(reason=why))
    # What is written about the run comes last.
    mine.sort(key=lambda item: "interop" in item.fixturenames)
    config.whole = not (config.option.keyword or config.option.markexpr or any(
        "::" in arg or arg.endswith(".py") for arg in config.args))
    items[:] = mine
    config.hook.pytest_deselected(items=others)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Note for the document what became of each test."""
    report = (yield).get_result()
    if "interop" in item.fixturenames or (report.when != "call" and report.passed):
        return
    suite = item.module.__name__.rpartition(".")[2].removeprefix("TestSuite_")
    group = getattr(item.module, "INTEROP", document.OURS)
    if group is None:
        return
    reason = report.longrepr[2].removeprefix("Skipped: ") if report.skipped else ""
    item.config.record.add(group, suite, item.originalname, item.name, report.outcome, reason)


@pytest.fixture
def interop(request):
    """What the run showed so far, whether to write it down, and whether it is all there is."""
    config = request.config
    return config.record, config.getoption("--interop"), config.whole


@pytest.fixture(scope="session", autouse=True)
def surroundings():
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


@pytest.fixture(scope="session")
def booted():
    """The one machine of the run; booted anew when a test has brought it down."""
    now = []

    def get():
        if now and not now[-1].alive():
            now.pop().close()
        if not now:
            now.append(Booted())
        return now[-1]

    yield get
    for machine in now:
        machine.close()


@pytest.fixture
def machine(closing, booted):
    """The machine as a host, for what only a real kernel can judge: machine(features=...)."""

    def make(**conf):
        why = Machine.refuses(**conf)
        if why:
            pytest.skip(why)
        return closing(Machine(booted(), **conf))

    return make


@pytest.fixture
def make_host(request):
    """Make hosts of the kind under test: make_host(profile=..., features=..., vfs=..., taps=...).

    At the end of the test none has a complaint about the driver: the simulator counted no
    violation, the kernel wrote none into its log. judged=False: it may, the test is at fault.
    """
    make = request.getfixturevalue(request.config.getoption("--host"))
    hosts = []

    def make_one(judged=True, **conf):
        host = make(**conf)
        if judged:
            hosts.append(host)
        return host

    yield make_one
    for host in hosts:
        host.check_clean()


@pytest.fixture
def testpmd(closing):
    """Make testpmds: testpmd(host, [devices], vsr=True, args=[...]) is at its first prompt,
    testpmd.unstarted(...) not yet started."""

    def unstarted(host, devices, **conf):
        return closing(Testpmd(host, devices, **conf))

    def make(host, devices, **conf):
        return unstarted(host, devices, **conf).start()

    make.unstarted = unstarted
    return make


@pytest.fixture
def daemon(closing):
    """Make vsrds: daemon(host, keeper=True, args=[...]) owns the PF of the host."""

    def make(host, **conf):
        return closing(Vsrd(host, **conf)).start()

    return make


@pytest.fixture
def namespaces(closing):
    """Two namespaces, 192.168.77.1 and .2, and the names of two taps for them."""
    left, right = closing(Namespace("192.168.77.1")), closing(Namespace("192.168.77.2"))
    return left, right, tap_name(), tap_name()
