#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Tests of doc_names.py: small trees, each with one name or rule that must or must not be found."""

import pathlib
import subprocess
import sys
import tempfile

DOC_NAMES = pathlib.Path(__file__).resolve().parent / "doc_names.py"
CODE = """static const struct row {
	int a;
} rows[] = {
	{ VIRTIO_RULE_ONE },
};

#define LIMIT 4

int
one(void)
{
	return VIRTIO_RULE_ONE;
}
"""
RULES = """#define RULES(RULE) \\
	RULE(ONE, 1, "2.1", "Title one", "Say one.") \\
	RULE(TWO, 2, "2.2", \\
		"Title two", "Say " \\
		"two.")
"""
ROW = """   * - C001
     - 2.1 "Title one"
     - Say one.
     - ``a.c:one``, ``a.c:rows``, ``test_a.c:shown``
   * - C002
     - 2.2 "Title two"
     - Say two.
     - ``test_a.c:shown``
"""
TREE = {
    "lib/vsim/a.c": CODE,
    "lib/vsim/test_a.c": "void\nshown(void)\n{\n}\n",
    "lib/virtio_spec/rules.h": RULES,
    "doc/spec_map.rst": ROW,
    "doc/page.rst": "``a.c:one``, ``lib/vsim/a.c:rows``, ``a.c:LIMIT`` and plain words.\n",
}


def check(name, changes, *wanted):
    """Run doc_names.py on a tree: no output without wanted, else each wanted part of it.

    A change to None leaves the file out.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**TREE, **changes}.items():
            if text is None:
                continue
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        done = subprocess.run(
            [sys.executable, "-B", str(DOC_NAMES), "--root", folder],
            capture_output=True, text=True, check=False)
    good = (
        done.returncode == bool(wanted) and not done.stderr and
        all(part in done.stdout for part in wanted) and bool(done.stdout) == bool(wanted)
    )
    said = " | ".join((done.stdout + done.stderr).splitlines())
    print(f"ok {name}" if good else f"FAIL {name}: exit code {done.returncode}, printed: {said}")
    return good


def main():
    return 0 if all([
        check("good_tree_passes", {}),
        check("missing_file_is_found", {"doc/page.rst": "``b.c:one``"}, "page.rst:1", "no b.c"),
        check("missing_function_is_found", {"doc/page.rst": "``a.c:two``"}, "a.c defines no two"),
        check("declaration_is_no_function",
              {"lib/vsim/a.c": CODE + "int\ntwo(void);\n", "doc/page.rst": "``a.c:two``"},
              "a.c defines no two"),
        check("ambiguous_file_is_found", {"app/a.c": CODE}, "a.c can be app/a.c or lib/vsim/a.c"),
        check("missing_row_is_found", {"doc/spec_map.rst": ROW.partition("   * - C002")[0]},
              "no row for C002 (TWO)"),
        check("row_without_rule_is_found", {"doc/spec_map.rst": ROW + "   * - C003\n     - x\n"},
              "there is no rule C003"),
        check("wrong_title_is_found", {"doc/spec_map.rst": ROW.replace("Title two", "Title")},
              'C002 is not of 2.2 "Title two"'),
        check("wrong_sentence_is_found",
              {"doc/spec_map.rst": ROW.replace("Say two.", "Say three.")},
              "C002 does not say: Say two."),
        check("use_that_is_not_named_is_found",
              {"doc/spec_map.rst": ROW.replace("``a.c:one``, ", "")},
              "C001 does not name lib/vsim/a.c:one"),
        check("row_without_test_is_found",
              {"doc/spec_map.rst": ROW.replace("``test_a.c:shown``", "--")}, "C002 names no test"),
        check("rules_without_table_are_found", {"doc/spec_map.rst": None},
              "there is no doc/spec_map.rst"),
        check("table_without_rules_is_found", {"lib/virtio_spec/rules.h": None},
              "there is no lib/virtio_spec/rules.h"),
        check("tree_without_rules_and_table_passes",
              {"doc/spec_map.rst": None, "lib/virtio_spec/rules.h": None}),
        check("tree_without_files_is_found", dict.fromkeys(TREE), "has no document",
              "has no source file"),
    ]) else 1


if __name__ == "__main__":
    sys.exit(main())
