# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The generated half of doc/interop.rst: what ran with what, what passed, what was skipped."""

import collections
import re
import subprocess

from . import paths, qemu

DOCUMENT = paths.ROOT / "doc/interop.rst"
BEGIN = ".. Made by the test run, from here on.\n"
OURS = "net_vsr, vsrctl and vsrd on QEMU virtio-net, through Linux VFIO"


def versions():
    """{component: version} of the software of other projects, without patch levels."""
    emulator, kernel, backports = qemu.version()
    package = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "dpdk"], capture_output=True, text=True,
        check=True, timeout=60,
    ).stdout

    def series(version):
        return re.match(r"(?:\d+:)?(\d+\.\d+)", version).group(1)

    return {
        "QEMU (Debian)": series(emulator),
        "Linux (Debian, cloud flavour)": series(kernel),
        "Linux (Debian backports, cloud flavour)": series(backports),
        "dpdk-testpmd (Debian)": series(package),
    }


class Record:
    """Results of the run so far, by group and test function, in the order in which they ran."""

    def __init__(self):
        self.tests = collections.OrderedDict()
        self.reasons = collections.OrderedDict()

    def add(self, group, suite, name, case, outcome, reason):
        counts = self.tests.setdefault((group, suite, name), collections.OrderedDict())
        # A test reports set-up, call and clean-up: the worst of them counts.
        worst = {"passed": 0, "skipped": 1, "failed": 2}
        if case not in counts or worst[outcome] > worst[counts[case]]:
            counts[case] = outcome
        if outcome == "skipped":
            self.reasons.setdefault((group, suite, name), set()).add(reason)

    def failed(self):
        return any(o == "failed" for counts in self.tests.values() for o in counts.values())

    def text(self):
        """The generated half of the document."""
        lines = [BEGIN, table(("what", "version"), versions().items())]
        groups = collections.OrderedDict()
        for (group, suite, name), counts in sorted(self.tests.items()):
            tally = collections.Counter(counts.values())
            result = ", ".join(f"{tally[o]} {o}" for o in ("passed", "skipped") if tally[o])
            row = (f"{suite}: {name.removeprefix('test_').replace('_', ' ')}", result,
                   "; ".join(sorted(self.reasons.get((group, suite, name), ()))))
            groups.setdefault(group, []).append(row)
        for group, rows in groups.items():
            lines += [group, "-" * len(group), "",
                      table(("what was run", "result", "why not all"), rows)]
        return "\n".join(lines).rstrip() + "\n"


def table(head, rows):
    rows = [tuple(map(str, row)) for row in rows]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [head, *rows]:
        lines += [f"   {'*' if i == 0 else ' '} -{' ' if cell else ''}{cell}"
                  for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def results(text):
    """The generated half without the table of versions."""
    return text.split(".. list-table::", 2)[-1]


def check(record, write):
    """Compare the document with the run, or write the document.

    Returns what differs ("" if nothing does), and whether only versions of other projects differ.
    """
    now = record.text()
    text = DOCUMENT.read_text()
    head, found, old = text.partition(BEGIN)
    old = found + old
    if write:
        DOCUMENT.write_text(head + now)
        return "", False
    if old == now:
        return "", False
    gone = [line for line in old.splitlines() if line not in now.splitlines()]
    new = [line for line in now.splitlines() if line not in old.splitlines()]
    return (f"doc/interop.rst says {gone[:6]}, the run showed {new[:6]}:"
            " write it again with VSR_INTEROP=1 devtools/test.sh machine",
            results(old) == results(now))
