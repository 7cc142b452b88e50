#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Check that what the documents name exists.

A document names a C function, table or macro, a Python function or a shell function as
``file:name``. The file is a path of the tree, or the end of a path that is unique.

doc/spec_map.rst is also compared with the rules of lib/virtio_spec/rules.h, in both directions:
each rule has a row with its section, title and sentence, and the row names all symbols of lib/vsim
that mention the rule.
"""

import argparse
import collections
import pathlib
import re
import sys

CODE = {".c", ".h", ".py", ".sh"}
NAMED = re.compile(r"``([\w./-]+\.(?:c|h|py|sh)):([A-Za-z_]\w*)``")


def files(root):
    """All source files of the tree, without build folders."""
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if path.suffix in CODE and not parts[0].startswith(("build", ".")) and path.is_file():
            yield "/".join(parts)


def definitions(path, text):
    """{name: (first line, last line)} of the functions, tables and macros that a file defines."""
    found, open_name, start = {}, None, 0
    if path.endswith(".py"):
        return {name: (0, 0) for name in re.findall(r"^\s*def (\w+)\(", text, re.M)}
    if path.endswith(".sh"):
        return {name: (0, 0) for name in re.findall(r"^(\w+)\(\)", text, re.M)}
    lines = text.split("\n")
    for number, line in enumerate(lines):
        # The style puts the name of a function in the first column, and "}" at its end.
        function = re.match(r"([A-Za-z_]\w*)\(", line)
        table = re.match(r"[^\s/*#].*?\b(\w+)(?:\[[^]]*\])* = \{", line)
        if function and not line.rstrip().endswith(";"):
            open_name, start = function[1], number
        elif table:
            open_name, start = table[1], number
        elif line.startswith("#define "):
            found.setdefault(re.match(r"#define (\w+)", line)[1], (number, number))
        if line.startswith("}") and not re.search(r"= \{$", line):
            if open_name:
                found[open_name] = (start, number)
            open_name = None
        elif line.startswith("}"):  # "} name[] = {" after a struct
            open_name, start = re.match(r"\} (\w+)", line)[1], number
        elif table and line.rstrip().endswith("};"):
            found[open_name] = (start, number)
            open_name = None
    return found


class Tree:
    def __init__(self, root):
        self.root = root
        self.texts = {}
        self.paths = sorted(files(root))
        self.defined = {}

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = (self.root / path).read_text()
        return self.texts[path]

    def definitions(self, path):
        if path not in self.defined:
            self.defined[path] = definitions(path, self.text(path))
        return self.defined[path]

    def find(self, name):
        """The paths that a document can mean by this name."""
        return [path for path in self.paths if path == name or path.endswith("/" + name)]

    def wrong(self, file, name):
        """What is wrong with file:name, or None."""
        paths = self.find(file)
        if not paths:
            return f"there is no {file}"
        if len(paths) > 1:
            return f"{file} can be {' or '.join(paths)}"
        if name not in self.definitions(paths[0]):
            return f"{paths[0]} defines no {name}"
        return None


def check_names(tree):
    documents = sorted((tree.root / "doc").rglob("*.rst"))
    if not documents:
        yield f"{tree.root / 'doc'} has no document"
    if not tree.paths:
        yield f"{tree.root} has no source file"
    for document in documents:
        for number, line in enumerate(document.read_text().split("\n"), 1):
            for file, name in NAMED.findall(line):
                wrong = tree.wrong(file, name)
                if wrong:
                    yield f"{document.relative_to(tree.root)}:{number}: {wrong}"


def rules_of(text):
    """{name: (number, section, title, sentence)} of RULE(name, number, "...", "...", "...")."""
    return {
        name: (int(number), section, title, "".join(re.findall(r'"([^"]*)"', sentence)))
        for name, number, section, title, sentence in re.findall(
            r'\bRULE\(\s*(\w+),\s*(\d+),\s*"([^"]*)",\s*"([^"]*)",\s*((?:"[^"]*"\s*)+)',
            text.replace("\\\n", " "),
        )
    }


def check_rules(tree, required):
    """The table of doc/spec_map.rst against the rules and their uses.

    A tree may have neither the table nor the rules, unless they are required.
    """
    header, document = tree.root / "lib/virtio_spec/rules.h", tree.root / "doc/spec_map.rst"
    missing = [path for path in (header, document) if not path.exists()]
    if missing:
        if required or len(missing) == 1:
            yield from (f"there is no {path.relative_to(tree.root)}" for path in missing)
        return
    rules = rules_of(header.read_text())
    rows = dict(re.findall(r"^   \* - C(\d+)\n((?:(?!   \* - ).*\n)*)", document.read_text(), re.M))
    rows = {int(number): " ".join(row.split()) for number, row in rows.items()}
    if not rules:
        yield "lib/virtio_spec/rules.h: no rule was found"
    uses = collections.defaultdict(set)
    for path in tree.paths:
        if path.startswith("lib/vsim/"):
            lines = tree.text(path).split("\n")
            for name, (first, last) in tree.definitions(path).items():
                body = "\n".join(lines[first : last + 1])
                for rule in rules:
                    if re.search(rf"\bVIRTIO_RULE_{rule}\b", body):
                        uses[rule].add((path, name))
    for rule, (number, section, title, sentence) in rules.items():
        row = rows.pop(number, None)
        if row is None:
            yield f"doc/spec_map.rst: no row for C{number:03} ({rule})"
            continue
        if f'{section} "{title}"' not in row:
            yield f'doc/spec_map.rst: C{number:03} is not of {section} "{title}"'
        if sentence not in row:
            yield f"doc/spec_map.rst: C{number:03} does not say: {sentence}"
        for path, name in sorted(uses[rule]):
            if not any(n == name and path in tree.find(f) for f, n in NAMED.findall(row)):
                yield f"doc/spec_map.rst: C{number:03} does not name {path}:{name}"
        if "test_" not in row and "TestSuite_" not in row:
            yield f"doc/spec_map.rst: C{number:03} names no test"
    for number in rows:
        yield f"doc/spec_map.rst: there is no rule C{number:03}"


def main():
    here = pathlib.Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description="Check that what the documents name exists.")
    parser.add_argument("--root", type=pathlib.Path, help="of the tree (default: this one)")
    root = parser.parse_args().root
    tree = Tree(root or here)
    wrong = [*check_names(tree), *check_rules(tree, required=root is None)]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
