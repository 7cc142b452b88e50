# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Fixtures of the system tests.

--host sim (the default) runs the tests for the simulated host, --host machine those for a real
kernel in a virtual machine. The fixtures of a test decide on which host it runs: with make_host on
both, with sim on the simulated host only, with machine, linux, vm_command or vhost_guests with
virtual machines only. pytest.mark.needs says what else a test needs.
"""

import os
import shutil
import signal
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
ON_MACHINE = {"make_host", "machine", "linux", "vm_command", "interop", "vhost_guests"}
ONLY_MACHINE = ON_MACHINE - {"make_host"}


def pytest_addoption(parser):
    parser.addoption("--host", choices=HOSTS, default="sim", help="kind of host to test on")
    parser.addoption("--interop", action="store_true", help="write doc/interop.rst")
    parser.addoption("--every-row", action="store_true",
                     help="TestSuite_vhost_guests: run the rows that the level machine leaves out")


def pytest_configure(config):
    default_for_children()
    # SIGTERM ends the run like SIGINT: fixtures clean up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.record = document.Record()
    config.addinivalue_line("markers", f"needs(what, ...): one of {', '.join(NEEDS)}")
    config.addinivalue_line("markers", "further: runs only with --every-row")


def pytest_collection_modifyitems(config, items):
    """Deselect tests for the other kind of host; skip tests that need what this kind lacks."""
    kind = config.getoption("--host")
    mine, others = [], []
    for item in items:
        fixtures = set(item.fixturenames)
        fits = fixtures & ON_MACHINE if kind == "machine" else not fixtures & ONLY_MACHINE
        if item.get_closest_marker("further") and not config.getoption("--every-row"):
            fits = False
        (mine if fits else others).append(item)
        needs = [need for mark in item.iter_markers("needs") for need in mark.args]
        assert set(needs) <= set(NEEDS), f"{item.nodeid} has an unknown need: {needs}"
        reason = HOSTS[kind].lacks(needs)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
    # The check of the document about this run comes last.
    mine.sort(key=lambda item: "interop" in item.fixturenames)
    config.whole = not (config.option.keyword or config.option.markexpr or any(
        "::" in arg or arg.endswith(".py") for arg in config.args))
    items[:] = mine
    config.hook.pytest_deselected(items=others)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Record the result of each test for the document."""
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
    """(results so far, write the document?, are all tests in this run?)."""
    config = request.config
    return config.record, config.getoption("--interop"), config.whole


@pytest.fixture(scope="session", autouse=True)
def surroundings():
    """Stop when something that every test needs is missing."""
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
    """closing(thing): close things at the end of the test, in reverse order."""
    things = []
    yield lambda thing: things.append(thing) or thing
    for thing in reversed(things):
        child = getattr(thing, "child", None)
        if child is not None:
            # pytest shows this when the test failed.
            print(f"---- {child.name}\n" + "\n".join(child.output.splitlines()[-60:]))
        thing.close()


@pytest.fixture
def sim(closing):
    """sim(profile=..., features=..., vfs=..., wires=...): make a simulated host."""

    def make(**conf):
        host = closing(Sim(**conf))
        return host.start()

    return make


@pytest.fixture(scope="session")
def booted():
    """booted(): the virtual machine of the run; booted again when a test has ended it."""
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
    """machine(features=...): a host with a real kernel, in the virtual machine."""

    def make(**conf):
        reason = Machine.refuses(**conf)
        if reason:
            pytest.skip(reason)
        return closing(Machine(booted(), **conf))

    return make


@pytest.fixture
def make_host(request):
    """make_host(profile=..., features=..., vfs=..., taps=...): a host of the kind under test.

    At the end of the test, the simulator must have counted no violation, and the kernel must have
    logged no fault. judged=False leaves this check out, for a test that causes violations.
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
    """testpmd(host, [devices], vsr=True, args=[...]): a testpmd at its first prompt;
    testpmd.unstarted(...): one that is not started yet."""

    def unstarted(host, devices, **conf):
        return closing(Testpmd(host, devices, **conf))

    def make(host, devices, **conf):
        return unstarted(host, devices, **conf).start()

    make.unstarted = unstarted
    return make


@pytest.fixture
def daemon(closing):
    """daemon(host, keeper=True, args=[...]): a vsrd that owns the PF of the host."""

    def make(host, **conf):
        return closing(Vsrd(host, **conf)).start()

    return make


@pytest.fixture
def namespaces(closing):
    """Two namespaces, 192.168.77.1 and .2, and the names of two taps for them."""
    left, right = closing(Namespace("192.168.77.1")), closing(Namespace("192.168.77.2"))
    return left, right, tap_name(), tap_name()
