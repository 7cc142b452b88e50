#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Run clang-tidy, with the checks of .clang-tidy, on every source that a build folder compiles.

The checks contain clang's static analyzer. Prints each finding once; without any, prints nothing.
A result is kept in BUILD/lint under a hash of all that it depends on: a source that did not change,
and whose headers and flags did not change, is not analyzed again.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEPS = pathlib.Path(os.environ.get("VSR_DEPS") or ROOT / "build-deps").resolve()
TIDY = "clang-tidy-14"
JOBS = max(1, os.cpu_count() or 1)
CONFIGS = (".", "app/test", "app/vsr-sim/shim")  # folders with a .clang-tidy
TIMEOUT = 240  # seconds for a source
# Most states of a function that the static analyzer looks at. Its own default is DEEP, with which
# the analysis of the tree takes five times as long.
NODES = 20000
DEEP = 225000
FINDING = re.compile(r"^[^\s:][^:]*:\d+:\d+: (warning|error): .*\[[\w.,-]+\]$")
PATHS = ("-idirafter", "-isystem", "-iquote", "-include", "-I")  # flags with a path


def flags_of(command, folder):
    """The flags of a compiler, started in a folder, that matter to an analysis.

    Their paths are made absolute: clang-tidy compares the path of a header, as the flags make it,
    with --header-filter.
    """

    def absolute(path):
        # The value of -include may also be the name of a header that is looked for.
        return os.path.normpath(folder / path) if (folder / path).exists() else path

    words = shlex.split(command)
    flags = []
    skip = {"-o", "-MF", "-MQ", "-MT"}
    i = next(i for i, word in enumerate(words) if word.startswith("-"))
    while i < len(words):
        word = words[i]
        if word in skip:
            i += 1
        elif word in PATHS:
            flags += [word, absolute(words[i + 1])]
            i += 1
        elif word in ("-D", "-U"):
            flags += words[i : i + 2]
            i += 1
        elif word.startswith(PATHS):
            flag = next(flag for flag in PATHS if word.startswith(flag))
            flags.append(flag + absolute(word[len(flag) :]))
        elif re.match(r"-(D|U|std=|m|O|pthread|f(PIC|visibility))", word):
            flags.append(word)
        i += 1
    return [*flags, "-Wno-unknown-warning-option", "-Wno-unused-command-line-argument"]


def units_of(build):
    """(source, flags, dependencies or None): each source once for each instruction set.

    An example of DPDK is built too, and is not ours.
    """
    deps = dependencies_of(build)
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        folder = pathlib.Path(entry["directory"])
        source = (folder / entry["file"]).resolve()
        if source.suffix != ".c" or build in source.parents or DEPS in source.parents:
            continue
        flags = flags_of(entry["command"], folder)
        kind = source, *(flag for flag in flags if flag.startswith("-m"))
        found.setdefault(kind, (source, flags, deps.get(entry["output"])))
    return [found[kind] for kind in sorted(found)]


def dependencies_of(build):
    """The files that went into each object that is up to date, as ninja noted them."""
    out = subprocess.run(["ninja", "-C", str(build), "-t", "deps"],
                         capture_output=True, text=True, check=True).stdout
    deps, name = {}, None
    for line in out.splitlines():
        if line.startswith("    "):
            deps[name].append((build / line.strip()).resolve())
        elif ": #deps" in line:
            name = line.split(": #deps")[0]
            deps[name] = []
    return {name: paths for name, paths in deps.items() if up_to_date(build / name, paths)}


def up_to_date(output, paths):
    """True when no file of paths is newer than the output: ninja notes them when it builds."""
    try:
        return bool(paths) and max(path.stat().st_mtime_ns for path in paths) <= (
            output.stat().st_mtime_ns)
    except FileNotFoundError:
        return False


class Files:
    """Hashes of files: of the contents of those in the tree, of place and date of all others."""

    def __init__(self):
        self.known = {}

    def hash(self, path):
        if path not in self.known:
            if ROOT in path.parents:
                data = path.read_bytes()
            else:
                stat = path.stat()
                data = f"{path} {stat.st_size} {stat.st_mtime_ns}".encode()
            self.known[path] = hashlib.sha256(data).hexdigest()
        return self.known[path]


def key_of(unit, files, common):
    """The name of the result of a unit, or None: without dependencies no result can be kept."""
    source, flags, deps = unit
    if deps is None:
        return None
    parts = [common, str(source), *flags, *(files.hash(path) for path in sorted({source, *deps}))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def analyze(build, unit, nodes):
    """The findings of one source, a line each."""
    source, flags, _ = unit
    flags = [*flags, *f"-Xclang -analyzer-config -Xclang max-nodes={nodes}".split()]
    headers = f"{re.escape(str(ROOT))}/(app|drivers|lib)/.*"
    done = subprocess.run(
        [TIDY, "--quiet", f"--header-filter={headers}", str(source), "--", *flags],
        cwd=build, capture_output=True, text=True, timeout=TIMEOUT)
    found = [line for line in done.stdout.splitlines() if FINDING.match(line)]
    if done.returncode != 0 and not found:
        found = [f"{source}: error: {TIDY} ended with {done.returncode}: "
                 f"{' '.join(done.stderr.split())[-300:]}"]
    lines = []
    for line in found:
        path, rest = line.split(":", 1)
        path = pathlib.Path(os.path.normpath(build / path))
        lines.append(f"{path.relative_to(ROOT) if ROOT in path.parents else path}:{rest}")
    return lines


def starts(unit, prefix):
    source = unit[0]
    return ROOT in source.parents and str(source.relative_to(ROOT)).startswith(prefix)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path,
                        default=os.environ.get("VSR_BUILD", ROOT / "build"), help="build folder")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes (default: processors)")
    parser.add_argument("--deep", action="store_true", help="let the static analyzer look deeper")
    parser.add_argument("paths", nargs="*", help="analyze only sources whose path begins so")
    args = parser.parse_args()
    build = pathlib.Path(args.build).resolve()
    every = units_of(build)
    if not every:
        parser.error(f"{build} compiles no source")
    for prefix in args.paths:
        if not any(starts(unit, prefix) for unit in every):
            parser.error(f"no source that {build} compiles has a path that begins with {prefix}")
    cache = build / "lint"
    cache.mkdir(exist_ok=True)
    files = Files()
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    nodes = DEEP if args.deep else NODES
    common = f"{version}{nodes}" + pathlib.Path(__file__).read_text() + "".join(
        (ROOT / folder / ".clang-tidy").read_text() for folder in CONFIGS)
    units = [
        unit for unit in every
        if not args.paths or any(starts(unit, prefix) for prefix in args.paths)
    ]
    keys = [key_of(unit, files, common) for unit in units]
    # Results that no source has any more are removed.
    if not args.paths and not args.deep:
        for path in cache.iterdir():
            if path.name not in keys:
                path.unlink()

    def result(unit, key):
        if key is None:
            return analyze(build, unit, nodes)
        path = cache / key
        if not path.exists():
            lines = analyze(build, unit, nodes)
            new = path.with_suffix(".new")
            new.write_text("".join(line + "\n" for line in lines))
            new.replace(path)
        return path.read_text().splitlines()

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        found = {line for lines in pool.map(result, units, keys) for line in lines}
    print("".join(line + "\n" for line in sorted(found)), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
