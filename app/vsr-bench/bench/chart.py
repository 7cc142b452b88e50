# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Bars of throughput by size: net_vsr beside the best setting of net_virtio."""

from .common import Refused

COLOURS = {"net_vsr": "#1f5fa8", "net_virtio": "#c8ccd2"}


def bars(rows):
    """{(profile, ring, queues): {size: {driver: best row}}}, in the order measured."""
    panels = {}
    for row in rows:
        if row["driver"] not in COLOURS:
            continue
        sizes = panels.setdefault((row["profile"], row["ring"], row["queues"]), {})
        best = sizes.setdefault(row["size"], {})
        if row["driver"] not in best or row["mpps"] > best[row["driver"]]["mpps"]:
            best[row["driver"]] = row
    return panels


def draw(rows, path):
    try:
        import matplotlib
    except ImportError:
        raise Refused("there is no matplotlib: apt-get install python3-matplotlib") from None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "vsr-bench"
    from matplotlib import pyplot

    panels = bars(rows)
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure, grid = pyplot.subplots(lines, columns, figsize=(5.2 * columns, 2.7 * lines),
                                   squeeze=False, sharey=True)
    for axes, (name, sizes) in zip(grid.flat, panels.items()):
        profile, ring, queues = name
        for place, driver in enumerate(COLOURS):
            at = [i + 0.4 * place - 0.2 for i in range(len(sizes))]
            found = [best.get(driver) for best in sizes.values()]
            height = [row["mpps"] if row else 0 for row in found]
            around = [row["mpps_quartiles"] if row else [0, 0] for row in found]
            error = [[max(h - low, 0) for h, (low, _) in zip(height, around)],
                     [max(high - h, 0) for h, (_, high) in zip(height, around)]]
            axes.bar(at, height, 0.38, yerr=error, color=COLOURS[driver], ecolor="#555555",
                     error_kw={"elinewidth": 0.8}, label=driver)
        axes.set_xticks(range(len(sizes)), sizes)
        axes.set_title(f"{profile}, {ring}, {queues} queue{'s' * (queues > 1)}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("Mpps")
    for axes in list(grid.flat)[len(panels):]:
        axes.set_visible(False)
    grid.flat[0].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)
