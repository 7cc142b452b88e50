#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The guide's table of paths and the text for dpdk-pmdinfo.py say what the list of paths says.

Arguments: the header with the list, the guide, the shared object of the driver.
"""

import re
import sys

PACKETS = {True: "one or several mbufs", False: "one mbuf each"}
VECTORS = {"512": "AVX-512", "256": "AVX2"}


def rows_of_list(text):
    """(direction, name, layout, packets, vectors) of each path, in the order of the list."""
    rows = []
    macros = re.findall(r"^#define VSR_([RT]X)_(?:AVX512|AVX2|SCALAR)\(ROW, BETWEEN\)(.*?[^\\])$",
                        text, re.M | re.S)
    for direction, body in macros:
        for row in re.findall(r"ROW\(([^)]*)\)", body):
            name, layout, *flags, simd = [word.strip() for word in row.split(",")]
            several = direction == "TX" or flags[0] == "true"
            rows.append((direction, name, layout, PACKETS[several], VECTORS.get(simd)))
    return rows


def rows_of_guide(text):
    """The same of the guide's table, with the column "needs" as the last element."""
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("direction  name"))
    columns = [match.span() for match in re.finditer("=+", lines[head - 1])]
    rows = []
    for line in lines[head + 2:]:
        if line.startswith("="):
            return rows
        cells = [line[start:end].strip() for start, end in columns[:-1]]
        cells.append(line[columns[-1][0]:].strip())
        if cells[0]:
            rows.append(tuple(cells))
        else:
            rows[-1] = (*rows[-1][:-1], " ".join((rows[-1][-1], cells[-1])))
    raise ValueError("the table of the guide has no end")


def verify_guide(listed, guide):
    """Verify: the same rows in the same order; what needs vectors says so, nothing else does."""
    assert [row[:4] for row in listed] == [row[:4] for row in guide], (listed, guide)
    for (*_, vectors), shown in zip(listed, guide):
        if vectors is None:
            assert shown[4] == "", shown
        else:
            assert vectors in shown[4] or shown[4] in ("the same", "as for RX"), shown


def verify_parameters(listed, library):
    """Verify: the parameter text of the shared object has all names in their order."""
    text = re.search(rb"PMD_INFO_STRING= [^\0]*", library).group(0).decode()
    for direction in "RX", "TX":
        names = "|".join(row[1] for row in listed if row[0] == direction)
        assert f"{direction.lower()}_path={names} " in text, text


def main(header, guide, library):
    with open(header, encoding="utf-8") as file:
        listed = rows_of_list(file.read())
    with open(guide, encoding="utf-8") as file:
        in_guide = rows_of_guide(file.read())
    with open(library, "rb") as file:
        binary = file.read()
    failed = False
    for name, verify, argument in (
        ("guide_shows_the_paths", verify_guide, in_guide),
        ("parameters_name_the_paths", verify_parameters, binary),
    ):
        try:
            assert listed, "the list of paths has no row"
            verify(listed, argument)
            print(f"ok {name}")
        except AssertionError as error:
            print(f"FAIL {name}: {error}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
