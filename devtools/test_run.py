#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Run levels of tests on a finished build and count their cases. test.sh calls this.

Programs print one line per case: "ok NAME", "FAIL NAME: reason" or "skip NAME: reason". If a
program ends with an error but names no failed case, the program itself counts as a failed case.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "dts"))

from framework.signals import default_for_children  # noqa: E402

JOBS = max(1, min(4, os.cpu_count() or 1))
FUZZ_SECONDS = 20
# Timeouts end a test that hangs. A machine may be several times slower than the one of a developer.
SLOWER = 4  # factor for the timeouts in meson.build
CHECK_TIMEOUT = 15 * 60
LINT_TIMEOUT = 60 * 60
BUILD_TIMEOUT = 60 * 60
SYSTEM_TIMEOUT = 90 * 60
FUZZ_SPARE = 4 * 60
LINE = re.compile(r"^(ok|FAIL|skip) ([^:\n]+?)(?:: (.*))?$", re.MULTILINE)

Case = collections.namedtuple("Case", "name result reason seconds")
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
RESULTS = {"ok": PASSED, "FAIL": FAILED, "skip": SKIPPED}


RUNNING = set()  # the children of run_bounded()


def say(*words):
    print(*words, flush=True)


# ---------------------------------------------------------------- programs


def go_last(pid):
    """Let a process have the time that tests leave. With autogroups, nice values count within a
    session only, and each session has a nice value of its own."""
    os.setpriority(os.PRIO_PROCESS, pid, 19)
    group = pathlib.Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text("19")


def run_bounded(command, timeout, env=None, cwd=None, last=False):
    """Run a command that may hang or leave children. Returns (exit code or None, output)."""
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True,
        )
        RUNNING.add(child)
        if last:
            with contextlib.suppress(OSError):
                go_last(child.pid)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        RUNNING.discard(child)
        # Its children are in the session that the command led.
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        out.seek(0)
        return code, out.read()


def cases_of(label, code, output, seconds, timeout):
    """The cases that a program reported, and one more when it failed without naming a case."""
    cases = [
        Case(f"{label}/{name}", RESULTS[result], reason or "", 0.0)
        for result, name, reason in LINE.findall(output)
    ]
    tail = " | ".join(output.strip().splitlines()[-6:])
    failed = any(case.result == FAILED for case in cases)
    if code == 77 and not cases:
        return [Case(label, SKIPPED, tail, seconds)]
    if code is None:
        cases.append(Case(label, FAILED, f"did not end in {timeout} s; {tail}", seconds))
    elif code != 0 and not failed:
        cases.append(Case(label, FAILED, f"ended with {code}; {tail}", seconds))
    elif code == 0 and not cases:
        cases.append(Case(label, PASSED, "", seconds))
    return cases


def run_program(label, command, timeout, env=None, cwd=None, last=False):
    start = time.monotonic()
    code, output = run_bounded(command, timeout, env, cwd, last)
    seconds = time.monotonic() - start
    cases = cases_of(label, code, output, seconds, timeout)
    count = collections.Counter(case.result for case in cases)
    bad = count[FAILED]
    say(
        f"  {'FAIL' if bad else 'ok':4} {label:40} {seconds:6.1f} s  {len(cases):4} cases"
        + (f", {bad} failed" if bad else "")
        + (f", {count[SKIPPED]} skipped" if count[SKIPPED] else "")
    )
    if bad:
        say("\n".join("       " + line for line in output.splitlines()[-40:]))
    return cases, (label, seconds)


def meson_tests(build, suite):
    """(name, command, timeout, env, folder) of the tests of a suite; tests without one are unit."""
    tests = json.loads((pathlib.Path(build) / "meson-info/intro-tests.json").read_text())
    for test in tests:
        suites = {name.split(":")[-1] for name in test["suite"]} & {"unit", "rig", "fuzz"}
        if suite in (suites or {"unit"}):
            yield test["name"], test["cmd"], test["timeout"], test["env"], test["workdir"] or build


def run_suite(level, build, suite, slower=SLOWER, env=None):
    """Run all programs of a suite, JOBS at a time."""
    results, times = [], []
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        running = [
            pool.submit(
                run_program, f"{level}/{name}", command, timeout * slower,
                {**own, **(env or {})}, cwd,
            )
            for name, command, timeout, own, cwd in meson_tests(build, suite)
        ]
        for done in running:
            cases, took = done.result()
            results += cases
            times.append(took)
    if not results:
        say(f"  no {suite} program was built in {build}")
        results.append(Case(f"{level}/{suite}", FAILED, f"no {suite} program in {build}", 0.0))
    return results, times


# ---------------------------------------------------------------- levels


def level_unit(args):
    cases, took = run_program("unit/check.sh", [str(ROOT / "devtools/check.sh")], CHECK_TIMEOUT)
    more, times = run_suite("unit", args.build, "unit")
    return cases + more, [took] + times


def level_rig(args):
    return run_suite("rig", args.build, "rig")


def level_host(args):
    return system_tests("host", args, ["--host", "sim"])


def level_machine(args):
    return system_tests(
        "machine", args, ["--host", "machine", *(["--interop"] if args.interop else [])],
    )


def system_tests(level, args, options):
    """Run pytest. It prints the name of each test at once, and writes the results to a file."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        child = subprocess.Popen(
            ["/usr/bin/python3", "-B", "-m", "pytest", "-v", "--tb=short", f"--junitxml={report}",
             "-o", "console_output_style=count", *options, *args.pytest],
            cwd=ROOT / "dts", stdin=subprocess.DEVNULL,
            env={**os.environ, "VSR_BUILD": str(args.build)}, start_new_session=True,
        )
        try:
            code = child.wait(SYSTEM_TIMEOUT)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            # Fixtures clean up on an interrupt.
            child.send_signal(signal.SIGINT)
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            if isinstance(error, KeyboardInterrupt):
                raise
            code = None
        cases = read_junit(level, report) if os.path.exists(report) else []
    if code is None:
        cases.append(Case(level, FAILED, f"pytest did not end in {SYSTEM_TIMEOUT} s", 0.0))
    elif code != 0 and not any(case.result == FAILED for case in cases):
        cases.append(Case(level, FAILED, f"pytest ended with {code}", 0.0))
    return cases, [(case.name, case.seconds) for case in cases]


def read_junit(level, path):
    cases = []
    for node in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        suite = node.get("classname", "").replace("tests.", "").replace("TestSuite_", "")
        name = f"{level}/{suite}/{node.get('name')}"
        result, reason = PASSED, ""
        for child in node:
            if child.tag in ("failure", "error"):
                result, reason = FAILED, child.get("message", "")
            elif child.tag == "skipped":
                result, reason = SKIPPED, child.get("message", "")
        reason = reason.splitlines()[0] if reason else ""
        cases.append(Case(name, result, reason, float(node.get("time", 0))))
    return cases


def level_hostile(args):
    cases, took = args.beside.pop("hostile").result()
    times = [took]
    if any(case.result == FAILED for case in cases):
        return cases, times
    sanitize = {
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    for suite in ("unit", "rig"):
        more, took = run_suite(f"hostile/{suite}", args.hostile, suite, 4 * SLOWER, sanitize)
        cases += more
        times += took
    fuzzers = sorted(
        path for path in pathlib.Path(args.hostile).glob("app/test/fuzz/fuzz_*")
        if path.is_file() and os.access(path, os.X_OK)
    )
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        running = [pool.submit(run_fuzzer, path, sanitize) for path in fuzzers]
        for done in running:
            more, took = done.result()
            cases += more
            times.append(took)
    if not fuzzers:
        cases.append(Case("hostile/fuzz", FAILED, f"no fuzzer in {args.hostile}", 0.0))
    return cases, times


def run_fuzzer(path, env):
    with tempfile.TemporaryDirectory() as folder:
        return run_program(
            f"hostile/{path.name}",
            [str(path), f"-max_total_time={FUZZ_SECONDS}", "-timeout=30", "-print_final_stats=0",
             "-verbosity=0", f"-artifact_prefix={folder}/", folder],
            FUZZ_SECONDS + FUZZ_SPARE, env,
        )


# ---------------------------------------------------------------- beside the levels


def lint(args):
    return run_program("unit/lint.py", [str(ROOT / "devtools/lint.py"), "--build",
                                        str(args.build)], LINT_TIMEOUT, last=True)


def build_hostile(args):
    """Build with sanitizers and fuzzers."""
    say(f"  building in {args.hostile}, with sanitizers")
    return run_program(
        "hostile/build",
        [str(ROOT / "devtools/build.sh"), "-Db_sanitize=address,undefined", "-Db_lundef=false",
         "-Dfuzz=true"],
        BUILD_TIMEOUT, {"CC": "clang", "VSR_BUILD": args.hostile}, last=True,
    )


# Work of a level that needs no quiet machine: started at once, with its result in the end.
BESIDE = {"unit": lint, "hostile": build_hostile}

LEVELS = {
    "unit": level_unit, "rig": level_rig, "host": level_host, "machine": level_machine,
    "hostile": level_hostile,
}


# ---------------------------------------------------------------- report


def report(cases, times, seconds):
    times = sorted(times, key=lambda item: -item[1])[:8]
    if times:
        say("\nslowest:")
        for name, took in times:
            say(f"  {took:6.1f} s  {name}")
    by_result = collections.defaultdict(list)
    for case in cases:
        by_result[case.result].append(case)
    for result in (SKIPPED, FAILED):
        if by_result[result]:
            say(f"\n{result}:")
            for case in by_result[result]:
                say(f"  {case.name}: {case.reason}")
    say(f"\ntook {seconds:.0f} s")
    say(", ".join(f"{len(by_result[result])} {result}" for result in (PASSED, FAILED, SKIPPED)))
    return 1 if by_result[FAILED] or not by_result[PASSED] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--hostile", help="build folder for sanitizers and fuzzers")
    parser.add_argument("--pytest", action="append", default=[], help="argument for pytest")
    parser.add_argument("--interop", action="store_true", help="write doc/interop.rst")
    parser.add_argument("levels", nargs="+", choices=LEVELS)
    args = parser.parse_args()
    default_for_children()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    args.build = pathlib.Path(args.build).resolve()
    start = time.monotonic()
    cases, times = [], []
    with concurrent.futures.ThreadPoolExecutor(len(BESIDE)) as pool:
        args.beside = {level: pool.submit(BESIDE[level], args)
                       for level in BESIDE if level in args.levels}
        try:
            for level in dict.fromkeys(args.levels):
                say(f"\n== {level}")
                more, took = LEVELS[level](args)
                cases += more
                times += took
            for done in args.beside.values():
                more, took = done.result()
                cases += more
                times.append(took)
        except KeyboardInterrupt:
            for child in list(RUNNING):
                os.killpg(child.pid, signal.SIGKILL)
            raise
    return report(cases, times, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
