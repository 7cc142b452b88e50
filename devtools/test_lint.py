#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Tests of lint.py: a small tree with a source whose header may have a fault."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = '#include <a.h>\n\nint b(int n);\n\nint\nb(int n)\n{\n\treturn a(n);\n}\n'
GOOD = "static inline int\na(int n)\n{\n\treturn n + 1;\n}\n"
NULL = "static inline int\na(int n)\n{\n\tint *p = 0;\n\n\treturn n ? *p : 1;\n}\n"
ELSE = "static inline int\na(int n)\n{\n\tif (n)\n\t\treturn 1;\n\telse\n\t\treturn 2;\n}\n"
FLAGS = "-I../lib"
NINJA = f"""rule cc
  command = gcc {FLAGS} -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
build b.o: cc ../app/b.c
"""


class Tree:
    """A tree with lint.py, app/b.c and lib/a.h, and the folder in which ninja builds it."""

    def __init__(self, folder, header):
        self.root = pathlib.Path(folder).resolve()
        self.build = self.root / "build"
        for path in ("devtools", "lib", "build", "app/test", "app/vsr-sim/shim"):
            (self.root / path).mkdir(parents=True)
        for path in ("devtools/lint.py", ".clang-tidy", "app/test/.clang-tidy",
                     "app/vsr-sim/shim/.clang-tidy"):
            shutil.copy(HERE.parent / path, self.root / path)
        (self.root / "app/b.c").write_text(SOURCE)
        self.header = self.root / "lib/a.h"
        self.header.write_text(header)
        (self.build / "build.ninja").write_text(NINJA)
        (self.build / "compile_commands.json").write_text(json.dumps([{
            "directory": str(self.build), "file": "../app/b.c", "output": "b.o",
            "command": f"gcc {FLAGS} -o b.o -c ../app/b.c"}]))

    def ninja(self):
        subprocess.run(["ninja", "-C", str(self.build)], check=True, stdout=subprocess.DEVNULL)

    def lint(self, *args):
        return subprocess.run(
            [sys.executable, "-B", str(self.root / "devtools/lint.py"), "--build", str(self.build),
             *args], capture_output=True, text=True, check=False)

    def kept(self):
        return len(list((self.build / "lint").iterdir()))


def good_tree_passes(tree):
    done = tree.lint()
    return done.returncode == 0 and not done.stdout and tree.kept() == 1, done


def null_pointer_in_a_header_is_found(tree):
    tree.header.write_text(NULL)
    tree.ninja()
    done = tree.lint()
    return done.returncode == 1 and "lib/a.h:6:13: warning" in done.stdout and (
        "NullDereference" in done.stdout), done


def style_of_a_header_is_found(tree):
    tree.header.write_text(ELSE)
    tree.ninja()
    done = tree.lint()
    return done.returncode == 1 and done.stdout.startswith("lib/a.h:6:2: warning"), done


def kept_result_is_not_used_before_a_build(tree):
    tree.lint()
    (tree.root / "app/b.c").write_text(SOURCE.replace("a.h", "c.h"))
    (tree.root / "lib/c.h").write_text(GOOD)
    first = tree.lint()
    (tree.root / "lib/c.h").write_text(ELSE)
    done = tree.lint()
    return first.returncode == 0 and done.stdout.startswith("lib/c.h:6:2: warning"), done


def source_that_does_not_compile_is_found(tree):
    (tree.root / "app/b.c").write_text("#include <none.h>\n")
    done = tree.lint()
    return done.returncode == 1 and done.stdout.startswith("app/b.c:1:10: error"), done


def unknown_path_is_found(tree):
    done = tree.lint("app/c")
    return done.returncode == 2 and "begins with app/c" in done.stderr, done


def build_folder_without_sources_is_found(tree):
    (tree.build / "compile_commands.json").write_text("[]")
    done = tree.lint()
    return done.returncode == 2 and "compiles no source" in done.stderr, done


def main():
    results = []
    for case in (good_tree_passes, null_pointer_in_a_header_is_found, style_of_a_header_is_found,
                 kept_result_is_not_used_before_a_build, source_that_does_not_compile_is_found,
                 unknown_path_is_found, build_folder_without_sources_is_found):
        with tempfile.TemporaryDirectory() as folder:
            tree = Tree(folder, GOOD)
            tree.ninja()
            good, done = case(tree)
        said = " | ".join((done.stdout + done.stderr).splitlines())
        print(f"ok {case.__name__}" if good else
              f"FAIL {case.__name__}: exit code {done.returncode}, printed: {said}")
        results.append(good)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
