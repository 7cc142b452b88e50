#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Tests of calls.py: small trees, each with one call that must or must not be found."""

import pathlib
import subprocess
import sys
import tempfile

CALLS = pathlib.Path(__file__).resolve().parent / "calls.py"
HEADERS = {"lib/a.h": "int a(void);\nint a2(void);\n", "lib/b.h": "int b(void);\n"}
B_CALLS_A = '#include "a.h"\n#include "b.h"\nint\nb(void)\n{\n\treturn a();\n}\n'


def a_file(body, before=""):
    return f'#include "a.h"\n#include "b.h"\n{before}\nint\na(void)\n{{\n{body}\n}}\n'


def check(name, files, *wanted):
    """Run calls.py on a tree: no output without wanted, else each wanted part of it."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        done = subprocess.run(
            [sys.executable, "-B", str(CALLS), "--root", folder], capture_output=True, text=True)
    good = (
        done.returncode == bool(wanted) and not done.stderr and
        all(part in done.stdout for part in wanted) and bool(done.stdout) == bool(wanted)
    )
    said = " | ".join((done.stdout + done.stderr).splitlines())
    print(f"ok {name}" if good else f"FAIL {name}: exit code {done.returncode}, printed: {said}")
    return good


def pair(body, before="", headers=None):
    """A tree in which b.c calls a.c, and a.c is as given."""
    return {**HEADERS, **(headers or {}), "lib/a.c": a_file(body, before), "lib/b.c": B_CALLS_A}


LOOP = "lib: calls form a loop of 2: a, b"

FLOORS = {
    "devtools/floors.txt": "lib: low high\n",
    "lib/low/a.h": "int a(void);\n", "lib/high/b.h": "int b(void);\n",
    "lib/high/b.c": '#include "lib/low/a.h"\n#include "b.h"\nint\nb(void)\n{\n\treturn a();\n}\n',
}

CASES = [
    ("one_way_passes", pair("\treturn 0;"), ()),
    ("loop_is_found_with_its_calls", pair("\treturn b();"),
     (LOOP, "a -> b: lib/a.c:7: a -> b", "b -> a: lib/b.c:6: b -> a")),
    ("loop_through_three_files_is_found", {
        **pair("\treturn c();", '#include "c.h"'), "lib/c.h": "int c(void);\n",
        "lib/c.c": '#include "b.h"\n#include "c.h"\nint\nc(void)\n{\n\treturn b();\n}\n'},
     ("loop of 3: a, b, c",)),
    ("pointer_to_a_function_is_a_call", pair("\treturn use(b);"), (LOOP,)),
    ("table_is_a_call", pair("\treturn 0;", "static int (*const row[])(void) = { b };"), (LOOP,)),
    ("table_of_designators_is_a_call",
     pair("\treturn 0;", "static const struct ops ops = {\n\t.open = b,\n};"), (LOOP,)),
    ("table_of_another_file_is_a_call", {
        **HEADERS, "lib/b.h": "extern const struct ops b_ops, other;\n",
        "lib/a.c": a_file("\treturn b_ops.open();"),
        "lib/b.c": '#include "a.h"\n#include "b.h"\nconst struct ops b_ops = { .open = a };\n'},
     (LOOP, "b -> a: lib/b.c:3: b_ops -> a")),
    ("macro_is_a_call", pair("\treturn CALL_B;", "#define CALL_B (1 + \\\n\tb())"), (LOOP,)),
    ("macro_of_a_header_is_a_call",
     pair("\treturn CALL(2);", '#include "m.h"',
          {"lib/m.h": '#include "b.h"\n#define CALL(x) (b() + (x))\n'}),
     ("loop of 3: a, b, m",)),
    ("joined_name_is_a_call", {
        **pair("\treturn CALL(b);", "#define CALL(x) x##x()",
               {"lib/b.h": "int b(void);\nint bb(void);\n"}),
        "lib/b.c": B_CALLS_A + "int\nbb(void)\n{\n\treturn 0;\n}\n"}, (LOOP,)),
    ("function_made_by_a_macro_is_one",
     pair("\treturn 0;", "#define MAKE(n) int n(void) { return b(); }\nMAKE(a2)"), (LOOP,)),
    ("inline_of_a_header_is_a_call",
     pair("\treturn 0;", "",
          {"lib/a.h": '#include "b.h"\nint a(void);\nstatic inline int\na2(void)\n'
                      "{\n\treturn b();\n}\n"}),
     (LOOP,)),
    ("comment_and_string_are_no_calls",
     pair('\t/* b(); */ // b();\n\treturn puts("b();");'), ()),
    ("static_hides_a_function_of_that_name",
     pair("\treturn b();", "static int\nb(void)\n{\n\treturn 0;\n}"), ()),
    ("member_and_local_hide_a_function",
     pair("\tint b = x->b + y.b;\n\n\treturn b;"), ()),
    ("parameter_hides_a_function",
     pair("\treturn 0;", "static int\nc(int b)\n{\n\treturn b;\n}"), ()),
    ("number_of_a_macro_is_no_call", {
        **HEADERS, "lib/b.h": "#define B_MAX 3\nint b(void);\n",
        "lib/a.c": a_file("\treturn B_MAX;"), "lib/b.c": B_CALLS_A}, ()),
    ("what_no_header_declares_is_no_call", {
        **pair("\treturn open();"),
        "lib/b.c": B_CALLS_A + "int\nopen(void)\n{\n\treturn 0;\n}\n"}, ()),
    ("header_sees_its_own_includes_only", {
        "x/s.h": "struct s {\n\tint a;\n};\nCHECK(s, a);\nint s(void);\n",
        "x/s.c": '#include "x/s.h"\nint\ns(void)\n{\n\treturn 0;\n}\n',
        "y/t.h": "static inline int\na(void)\n{\n\treturn 0;\n}\n",
        "y/t.c": '#include "y/t.h"\n#include "x/s.h"\nint\nt(void)\n{\n\treturn s();\n}\n'}, ()),
    ("both_branches_of_an_if_count",
     pair("#ifdef X\n\tif (1) {\n#else\n\tif (2) {\n#endif\n\t}\n\treturn 0;\n}\nint\na2(void)\n{\n"
          "#ifdef X\n\treturn b();\n#endif"), (LOOP, "a2 -> b")),
    ("folders_form_no_loop", {
        "x/a.h": "int a(void);\n", "y/b.h": "int b(void);\n",
        "x/a.c": '#include "x/a.h"\n#include "y/b.h"\nint\na(void)\n{\n\treturn b();\n}\n',
        "y/b.c": '#include "x/a.h"\n#include "y/b.h"\nint\nb(void)\n{\n\treturn a();\n}\n'},
     (".: calls form a loop of 2: x, y",)),
    ("function_of_the_headers_folder_is_meant", {
        "x/a.h": "int a(void);\n", "z/c.h": "int c(void);\n",
        "x/a.c": '#include "x/a.h"\nint\na(void)\n{\n\treturn 0;\n}\n',
        "z/c.c": '#include "x/a.h"\nint\nc(void)\n{\n\treturn a();\n}\n',
        "y/t.c": '#include "x/a.h"\n#include "z/c.h"\nint\na(void)\n{\n\treturn c();\n}\n'}, ()),
    ("call_to_a_lower_floor_passes",
     {**FLOORS, "lib/low/a.c": '#include "a.h"\nint\na(void)\n{\n\treturn 0;\n}\n'}, ()),
    ("call_to_a_higher_floor_is_found", {
        **FLOORS, "lib/low/a.c": "int b(void);\nint\nc(void)\n{\n\treturn b();\n}\n",
        "lib/low/a.h": '#include "lib/high/b.h"\n',
        "lib/high/b.c": "int\nb(void)\n{\n\treturn 0;\n}\n"},
     ("a call to a higher floor",
      "lib: an include from a higher floor: lib/low/a.h:1: lib/high/b.h")),
    ("include_of_a_higher_floor_is_found", {
        **FLOORS, "lib/low/a.c": '#include "lib/high/b.h"\nint\nc(void)\n{\n\treturn b();\n}\n',
        "lib/high/b.c": '#include "b.h"\nint\nb(void)\n{\n\treturn 0;\n}\n'},
     ("a call to a higher floor", "low/a -> high/b: lib/low/a.c:5: c -> b",
      "an include from a higher floor: lib/low/a.c:1")),
    ("loop_across_floors_is_found",
     {**FLOORS,
      "lib/low/a.c": '#include "a.h"\n#include "../high/b.h"\nint\na(void)\n{\n\treturn b();\n}\n'},
     ("lib: calls form a loop of 2: high/b, low/a",)),
    ("header_and_source_may_be_on_two_floors", {
        "devtools/floors.txt": "lib: top.h low top\n", "lib/top.h": "int top(void);\n",
        "lib/top.c": '#include "low/a.h"\n#include "top.h"\nint\ntop(void)\n{\n\treturn a();\n}\n',
        "lib/low/a.h": '#include "../top.h"\nint a(void);\n',
        "lib/low/a.c": '#include "a.h"\nint\na(void)\n{\n\treturn 0;\n}\n'}, ()),
    ("file_on_no_floor_is_found",
     {**FLOORS, "lib/low/a.c": "", "lib/c.c": "int c;\n"}, ("lib: lib/c.c is on no floor",)),
    ("floor_without_files_is_found",
     {**FLOORS, "devtools/floors.txt": "lib: low middle high\n", "lib/low/a.c": ""},
     ("the floor middle of floors.txt holds no file",)),
    ("folder_without_files_is_found",
     {**FLOORS, "devtools/floors.txt": "lib: low high\nlob: . x\n", "lib/low/a.c": ""},
     ("floors.txt: lob has no C file",)),
    ("tree_without_files_is_found", {"lib/a.txt": ""}, ("has no C file",)),
]


def main():
    results = [check(name, files, *wanted) for name, files, wanted in CASES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
