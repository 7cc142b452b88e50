#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Print which share of the code of each folder the tests ran; called by test.sh --coverage.

The programs of a build folder with -Db_coverage count what they run; gcovr reads the counts.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "doc/coverage.rst"
MARK = ".. Made by the test run, from here on.\n"

Count = collections.namedtuple("Count", "lines ran branches taken")


def folders():
    """The folders with code of the product: lib/*, drivers/net/*, app/* without the tests."""
    found = {
        path.parent.relative_to(ROOT).parts[:depth]
        for top, depth in (("lib", 2), ("drivers", 3), ("app", 2))
        for path in (ROOT / top).rglob("*.[ch]")
    }
    return sorted("/".join(parts) for parts in found - {("app", "test"), ("drivers",)})


def folder_of(name, known):
    return next((folder for folder in known if name.startswith(folder + "/")), None)


def counts(build):
    """{folder: Count}; a folder whose code no program contains has no lines."""
    text = subprocess.run(
        ["gcovr", "--root", str(ROOT), "--object-directory", str(build), "--json-summary",
         "--exclude-unreachable-branches", "--exclude", "app/test/", str(build)],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    known = folders()
    total = {folder: Count(0, 0, 0, 0) for folder in known}
    for file in json.loads(text)["files"]:
        folder = folder_of(file["filename"], known)
        if folder is not None:
            more = (file["line_total"], file["line_covered"], file["branch_total"],
                    file["branch_covered"])
            total[folder] = Count(*map(sum, zip(total[folder], more)))
    return total


def percent(part, whole):
    return f"{100 * part / whole:.1f}" if whole else "-"


def rows(total):
    """(folder, lines, line %, branch %) as text, with a last row for all folders."""
    everything = Count(*map(sum, zip(*total.values())))
    for name, count in [*total.items(), ("all", everything)]:
        yield (name, str(count.lines), percent(count.ran, count.lines),
               percent(count.taken, count.branches))


def write(table, levels):
    text = DOCUMENT.read_text()
    head = text[:text.index(MARK) + len(MARK)]
    lines = ["", f"Levels of the run: {' '.join(levels)}.", "", ".. list-table::",
             "   :header-rows: 1", ""]
    for row in [("folder", "lines", "lines that ran, %", "branches that were taken, %"), *table]:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    DOCUMENT.write_text(head + "\n".join(lines) + "\n")


def check():
    """Verify: the document has one row for each folder, and no others."""
    text = DOCUMENT.read_text()
    shown = re.findall(r"^   \* - (\S+/\S+)$", text[text.index(MARK):], re.MULTILINE)
    wrong = set(shown) ^ set(folders())
    if wrong or len(shown) != len(set(shown)):
        print(f"FAIL document_has_every_folder: doc/coverage.rst differs in {sorted(wrong)}: "
              "run devtools/test.sh --coverage")
        return 1
    print("ok document_has_every_folder")
    return 0


def clear(build):
    """Remove all counts, and the notes of objects that are no longer built."""
    for path in build.rglob("*.gcda"):
        path.unlink()
    subprocess.run(["ninja", "-C", str(build), "-t", "cleandead"], check=True,
                   stdout=subprocess.DEVNULL)
    for path in build.rglob("*.gcno"):
        if not path.with_suffix(".o").exists():
            path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-coverage")
    parser.add_argument("--clear", action="store_true", help="remove the counts of earlier runs")
    parser.add_argument("--write", action="store_true", help="write the table to doc/coverage.rst")
    parser.add_argument("--check", action="store_true", help="check the folders of this document")
    parser.add_argument("levels", nargs="*", help="levels that were run, for the document")
    args = parser.parse_args()
    if args.check:
        return check()
    if args.clear:
        clear(args.build)
        return 0
    total = counts(args.build.resolve())
    if not any(count.lines for count in total.values()):
        parser.error(f"{args.build} has counted no line")
    table = list(rows(total))
    print("\ncoverage:")
    for name, lines, ran, taken in [("folder", "lines", "ran %", "branches %"), *table]:
        print(f"  {name:24} {lines:>8} {ran:>8} {taken:>12}")
    if args.write:
        write(table, args.levels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
