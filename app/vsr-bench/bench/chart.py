# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Charts: throughput of net_vsr and of the best setting of net_virtio by size; doorbell times."""

from .common import Refused

SHORTEST = 10  # ns; shorter times cannot be measured
PANEL = ("device", "profile", "ring", "queues")
COLOURS = {"net_vsr": "#1f5fa8", "net_virtio": "#c8ccd2"}


def bars(rows):
    """{(device, profile, ring, queues): {size: {driver: best row}}}, in the order measured. Rows of
    fixed rates are left out."""
    panels = {}
    for row in rows:
        if row["driver"] not in COLOURS or "rate" in row:
            continue
        sizes = panels.setdefault(tuple(row[name] for name in PANEL), {})
        best = sizes.setdefault(row["size"], {})
        if row["driver"] not in best or row["mpps"] > best[row["driver"]]["mpps"]:
            best[row["driver"]] = row
    return panels


def plotter():
    try:
        import matplotlib
    except ImportError:
        raise Refused("matplotlib is not installed: run devtools/setup.sh") from None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "vsr-bench"
    from matplotlib import pyplot
    return pyplot


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def draw(rows, path):
    pyplot = plotter()
    panels = bars(rows)
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure, grid = pyplot.subplots(lines, columns, figsize=(5.2 * columns, 2.7 * lines),
                                   squeeze=False, sharey=True)
    for axes, (name, sizes) in zip(grid.flat, panels.items()):
        device, profile, ring, queues = name
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
        axes.set_title(f"{device}, {profile}, {ring}, {queues} queue{'s' * (queues > 1)}",
                       fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("Mpps")
    for axes in list(grid.flat)[len(panels):]:
        axes.set_visible(False)
    grid.flat[0].legend(frameon=False, fontsize=9)
    save(figure, path)


def times(rows, path):
    """One line per way of a doorbell: the time until the device has seen the doorbell, median and
    99th percentile, and the time until the writer goes on; ns, on a logarithmic scale."""
    pyplot = plotter()
    figure, axes = pyplot.subplots(figsize=(7.6, 0.9 + 0.42 * len(rows)))
    for at, row in enumerate(rows):
        axes.barh(at, row["p50_ns"], 0.56, color=COLOURS["net_vsr"],
                  label="seen by the device, median" if at == 0 else None)
        axes.plot([row["p50_ns"], row["p99_ns"]], [at, at], color="#555555", linewidth=1,
                  marker="|", markevery=[1], markersize=9,
                  label="99 % seen" if at == 0 else None)
        axes.plot(max(row["held_p50_ns"], SHORTEST), at, "o", color="#d9822b", markersize=5,
                  label="writer held up, median" if at == 0 else None)
    axes.set_xscale("log")
    axes.set_xlim(left=0.8 * SHORTEST)
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("ns, of the simulator and not of a card")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncol=3)
    save(figure, path)


def bridges(rows, path):
    """A panel per device and ring: packets per second of each bridge, and its processor time."""
    pyplot = plotter()
    panels = {}
    for row in rows:
        panels.setdefault((row["device"], row["ring"]), []).append(row)
    figure, grid = pyplot.subplots(len(panels), 2, squeeze=False, sharex="col",
                                   figsize=(8.4, 0.7 + 1.9 * len(panels)))
    for line, ((device, ring), found) in zip(grid, panels.items()):
        names = [f"{row['backend']} {row['mode']}" for row in found]
        for axes, name, label in ((line[0], "mpps", "Mpps"),
                                  (line[1], "bridge_cpu_percent", "% of a processor")):
            value = [row[name] for row in found]
            error = [[max(row[name] - row[name + "_range"][0], 0) for row in found],
                     [max(row[name + "_range"][1] - row[name], 0) for row in found]]
            colours = [COLOURS["net_vsr" if row["backend"] == "vsr" else "net_virtio"]
                       for row in found]
            axes.barh(names, value, 0.6, xerr=error, color=colours, ecolor="#555555",
                      error_kw={"elinewidth": 0.8})
            axes.invert_yaxis()
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_title(f"{device}, {ring}: {label}", fontsize=10)
        line[1].set_yticklabels([])
    save(figure, path)
