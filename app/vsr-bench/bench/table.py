# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Tables for doc/datapath.rst from the figures of vsr-bench pmd."""

# Title of a column, and its text from a row
CASE = [("device", "{device}"), ("profile", "{profile}"), ("ring", "{ring}"),
        ("queues", "{queues}"), ("size", "{size}")]
ROWS = [*CASE, ("driver and setting", "{driver}, {setting}"), ("Mpps", "{mpps:.1f}"),
        ("cycles", "{cycles_per_packet:.0f}"), ("hidden", "{hidden_per_packet:.1f}"),
        ("doorbells", "{doorbells_per_1000:.1f}"), ("simulator", "{sim_busy:.0%}")]
LIMITED = [*CASE[:3], ("rate", "{rate} %"), ("driver and setting", "{driver}, {setting}"),
           ("Mpps", "{mpps:.2f}"), ("drops", "{drops_per_million:.1f}"), ("runs", "{runs}"),
           ("median", "{p50_ns:.0f} ns"), ("99 %", "{p99_ns:.0f} ns"),
           ("cycles", "{cycles_per_packet:.0f}")]
RATIOS = [*CASE, ("setting", "{setting}"), ("throughput", "{mpps:.2f}"),
          ("cycles", "{cycles_per_packet:.2f}"), ("doorbells", "{doorbells_per_1000:.3f}"),
          ("against", "{mpps_against}")]


def table(columns, rows):
    """A simple table of reStructuredText."""
    lines = [[title for title, _ in columns],
             *([text.format(**row) for _, text in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    rule = " ".join("=" * width for width in widths)
    text = [" ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip()
            for line in lines]
    return "\n".join([rule, text[0], rule, *text[1:], rule])


def write(rows, ratios, path):
    """All tables of one measurement into a file."""
    parts = [table(RATIOS, [ratio for ratio in ratios if "rate" not in ratio and "mpps" in ratio]),
             table(ROWS, [row for row in rows if "rate" not in row]),
             table(LIMITED, [row for row in rows if "rate" in row])]
    paths = dict.fromkeys(f"* {row['driver']}, {row['profile']}, {row['ring']}, {row['setting']}:"
                          f" {row['path']}" for row in rows)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n\n".join([*parts, "\n".join(paths)]) + "\n")
