# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""What doc/interop.rst says of a run: who was run against whom, what passed, what was skipped."""

import collections
import re
import subprocess

from . import paths, qemu

DOCUMENT = paths.ROOT / "doc/interop.rst"
BEGIN = ".. Made by the test run, from here on.\n"
OURS = "net_vsr, vsrctl and vsrd on QEMU virtio-net, through Linux VFIO"


def versions():
    """What the other side consists of: {what: version}, without what changes every month."""
    emulator, kernel = qemu.version()
    package = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "dpdk"], capture_output=True, text=True,
        check=True, timeout=20,
    ).stdout

    def series(version):
        return re.match(r"(?:\d+:)?(\d+\.\d+)", version).group(1)

    return {
        "QEMU (Debian)": series(emulator),
        "Linux (Debian, cloud flavour)": series(kernel),
        "dpdk-testpmd (Debian)": series(package),
    }


class Record:
    """Results of the run so far, by group and test function, in the order of their running."""

    def __init__(self):
        self.tests = collections.OrderedDict()
        self.why = collections.OrderedDict()

    def add(self, group, suite, name, case, outcome, reason):
        counts = self.tests.setdefault((group, suite, name), collections.OrderedDict())
        # Setup, call and end of a test each have their say: the worst counts.
        worst = {"passed": 0, "skipped": 1, "failed": 2}
        if case not in counts or worst[outcome] > worst[counts[case]]:
            counts[case] = outcome
        if outcome == "skipped":
            self.why.setdefault((group, suite, name), set()).add(reason)

    def failed(self):
        return any(o == "failed" for counts in self.tests.values() for o in counts.values())

    def text(self):
        """The generated half of the document."""
        lines = [BEGIN, table(("what", "version"), versions().items())]
        groups = collections.OrderedDict()
        for (group, suite, name), counts in sorted(self.tests.items()):
            tally = collections.Counter(counts.values())
            said = ", ".join(f"{tally[o]} {o}" for o in ("passed", "skipped") if tally[o])
            row = (f"{suite}: {name.removeprefix('test_').replace('_', ' ')}", said,
                   "; ".join(sorted(self.why.get((group, suite, name), ()))))
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
    """What is wrong with the document, and whether it is no more than that the others have moved
    on: ("", False) when it says what the run showed."""
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
            " write it anew, see devtools/test.sh", results(old) == results(now))
