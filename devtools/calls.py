#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Check that calls between the files of a folder form no loop, and go down its floors only.

A unit is X.c and X.h together. Every mention of a function counts as a call: in a function body,
in a table (an initialiser) and in a macro. A mention of a table or macro that mentions functions
counts as a call too. Each folder is a graph of its own; a folder in floors.txt is one graph with
all folders below it, and its files call and include files of the same or of a lower floor only.
"""

import argparse
import collections
import pathlib
import posixpath
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAX_CALLS = 4  # calls printed for each pair of units

COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.DOTALL)
TOKEN = re.compile(r"\n|[A-Za-z_]\w*|\.?\d[\w.]*|\"\"|##|->|\S")
DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)", re.DOTALL)
NAME = re.compile(r"[A-Za-z_]\w*$")
KEYWORDS = set(
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register return short signed sizeof static struct switch typedef union "
    "unsigned void volatile while _Atomic _Bool _Static_assert static_assert _Thread_local "
    "__thread defined".split()
)
TYPES = set(
    "char const double float int long short signed unsigned void volatile _Bool _Atomic "
    "static register inline".split()
)

Token = collections.namedtuple("Token", "text line column")
Call = collections.namedtuple("Call", "path line caller callee to")


class Macro:
    def __init__(self, path, line, name, params, body):
        self.path, self.line, self.name = path, line, name
        self.params, self.body = params, body


class Symbol:
    """A function, a table or a macro, with the names that it mentions."""

    def __init__(self, path, name, kind, local):
        self.path, self.name, self.kind, self.local = path, name, kind, local
        self.mentions = []  # of (name, line)
        self.calls = kind == "function"


def strip(text):
    """Comments become blanks and strings become empty; lines keep their numbers."""

    def blank(match):
        lines = "\n" * match.group(0).count("\n")
        return '""' if match.group(1) else " " + lines

    return COMMENT.sub(blank, text)


def tokens_of(text, line=1):
    start = 0
    for match in TOKEN.finditer(text):
        if match.group() == "\n":
            line, start = line + 1, match.end()
        else:
            yield Token(match.group(), line, match.start() - start)


def pieces_of(text):
    """Split a stripped source: (True, line, directive) and (False, line, code)."""
    code, first, lines = [], 1, text.split("\n")
    i = 0
    while i < len(lines):
        if not lines[i].lstrip().startswith("#"):
            code.append(lines[i])
            i += 1
            continue
        if code:
            yield False, first, "\n".join(code)
        start, directive = i, lines[i]
        while directive.endswith("\\") and i + 1 < len(lines):
            i += 1
            directive = directive[:-1] + " " + lines[i]
        yield True, start + 1, directive
        i += 1
        code, first = [], i + 1
    if code:
        yield False, first, "\n".join(code)


def macro_of(path, line, rest):
    match = re.match(r"(\w+)(\(([^)]*)\))?(.*)", rest, re.DOTALL)
    params = None
    if match.group(2) is not None:
        params = [word.strip() for word in match.group(3).split(",") if word.strip()]
        params = ["__VA_ARGS__" if word == "..." else word.replace("...", "") for word in params]
    return Macro(path, line, match.group(1), params, list(tokens_of(match.group(4), line)))


def arguments(tokens, i):
    """The arguments of the call whose "(" is tokens[i]: a list of token lists, and the end."""
    found, depth = [[]], 0
    while i < len(tokens):
        text = tokens[i].text
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
        if depth == 0:
            return found, i + 1
        if depth == 1 and text == ",":
            found.append([])
        elif not (depth == 1 and text == "(" and found == [[]]):
            found[-1].append(tokens[i])
        i += 1
    return None, i


def substitute(macro, args, at):
    """The body of a macro with its arguments in place and the parts that "##" joins joined."""
    values = {}
    if macro.params:
        if macro.params[-1] == "__VA_ARGS__" or len(args) > len(macro.params):
            count = len(macro.params) - 1
            rest = [token for arg in args[count:] for token in [*arg, Token(",", 0, 1)]][:-1]
            args = args[:count] + [rest]
        values = dict(zip(macro.params, args))
    out, paste = [], False
    for token in macro.body:
        if token.text == "##":
            paste = True
            continue
        words = [word.text for word in values.get(token.text, [token])]
        if paste and out and words and NAME.match(out[-1]) and re.match(r"\w", words[0]):
            out[-1] += words.pop(0)
        out += words
        paste = False
    # No token of a macro is in the first column: that place is kept for ends of functions.
    return [Token(text, at.line, 1) for text in out]


class Source:
    """One file: its symbols and its includes."""

    def __init__(self, path, text, shared):
        self.path, self.symbols, self.includes = path, [], []
        self.declared = set()  # names with a declaration or a definition here
        self.macros, self.shared = {}, shared
        stream = []
        for is_directive, line, piece in pieces_of(strip_includes(text, self.includes)):
            if is_directive:
                self.directive(line, piece)
            else:
                stream += self.expand(list(tokens_of(piece, line)), frozenset())
        self.parse(stream)

    def directive(self, line, text):
        word, rest = DIRECTIVE.match(text).groups()
        if word == "define":
            macro = macro_of(self.path, line, rest)
            self.declared.add(macro.name)
            self.macros.setdefault(macro.name, []).append(macro)
            symbol = Symbol(self.path, macro.name, "macro", self.path.endswith(".c"))
            # Parts of a joined name count where the macro is used.
            around = [Token("", 0, 0), *macro.body, Token("", 0, 0)]
            symbol.mentions = [
                (token.text, line)
                for before, token, after in zip(around, around[1:], around[2:])
                if NAME.match(token.text) and token.text not in (macro.params or ()) and
                "##" not in (before.text, after.text)
            ]
            self.symbols.append(symbol)
        elif word == "undef":
            self.macros[rest.strip()] = []

    def expand(self, tokens, busy):
        """Expand macros of the tree; "\\0NAME" notes that a macro was used."""
        out, i = [], 0
        while i < len(tokens):
            token = tokens[i]
            found = self.macros.get(token.text)
            if found is None:
                found = self.shared.get(token.text, [])
            member = out and out[-1].text in (".", "->")
            i += 1
            if not found or token.text in busy or member:
                out.append(token)
                continue
            args = None
            if found[0].params is not None:
                if i >= len(tokens) or tokens[i].text != "(":
                    out.append(token)
                    continue
                args, end = arguments(tokens, i)
                if args is None:
                    out.append(token)
                    continue
                i = end
            out.append(Token("\0" + token.text, token.line, 1))
            bodies = [
                self.expand(substitute(macro, args or [], token), busy | {token.text})
                for macro in found
            ]
            # Where #if chooses between definitions, one is parsed; of the others, names count.
            bodies.sort(key=len)
            for body in bodies[:-1]:
                out += [Token("\0" + t.text, t.line, 1) for t in body if NAME.match(t.text)]
            out += bodies[-1]
        return out

    def parse(self, tokens):
        chunk, i = [], 0
        while i < len(tokens):
            text = tokens[i].text
            if text == ";":
                self.declaration(chunk)
                chunk = []
            elif text == "{":
                end = block_end(tokens, i)
                body = tokens[i + 1 : end]
                if any(token.text == "=" for token in chunk):
                    chunk += body
                elif has_parens(chunk):
                    self.function(chunk, body)
                    chunk = []
                # Else a struct, union or enum, whose members are no calls.
                i = end
            elif text != "}":
                chunk.append(tokens[i])
            i += 1
        self.declaration(chunk)

    def function(self, head, body):
        head = without_attributes(head)
        at = last_group(head)
        name = function_name(head, at)
        self.declared.add(name)
        local = self.path.endswith(".c") and any(token.text == "static" for token in head)
        symbol = Symbol(self.path, name, "function", local)
        symbol.mentions = mentions(body, parameters(head[at:]) | locals_of(body))
        symbol.mentions += [(t.text[1:], t.line) for t in head if t.text[0] == "\0"]
        self.symbols.append(symbol)

    def declaration(self, chunk):
        """A variable with an initialiser; a plain declaration mentions no function."""
        texts = [token.text for token in chunk]
        if "=" not in texts or "typedef" in texts:
            # A macro that is not of this tree, such as RTE_INIT_PRIO(f, x), registers a name.
            if len(texts) > 1 and texts[1] == "(" and NAME.match(texts[0]):
                symbol = Symbol(self.path, "(%s)" % texts[0], "table", True)
                symbol.mentions = mentions(chunk[1:], set())
                self.symbols.append(symbol)
            elif has_parens(chunk):
                chunk = without_attributes(chunk)
                self.declared.add(function_name(chunk, last_group(chunk)))
            elif "extern" in texts:
                self.declared |= {
                    text for text, after in zip(texts, [*texts[1:], ";"]) if after in ",;["
                }
            return
        equals = texts.index("=")
        at = equals - 1
        while at > 0 and texts[at] == "]":
            while at > 0 and texts[at] != "[":
                at -= 1
            at -= 1
        local = self.path.endswith(".c") and "static" in texts[:equals]
        self.declared.add(texts[at])
        symbol = Symbol(self.path, texts[at], "table", local)
        symbol.mentions = mentions(chunk[equals:], set())
        self.symbols.append(symbol)


def strip_includes(text, includes):
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text, re.MULTILINE):
        includes.append((match.group(1), text.count("\n", 0, match.start()) + 1))
    return strip(text)


def block_end(tokens, i):
    """Index of the "}" that closes the "{" at i. One in the first column closes any block."""
    depth = 0
    for j in range(i, len(tokens)):
        if tokens[j].text == "{":
            depth += 1
        elif tokens[j].text == "}":
            depth -= 1
            if depth == 0 or tokens[j].column == 0:
                return j
    return len(tokens) - 1


def has_parens(chunk):
    chunk = without_attributes(chunk)
    at = last_group(chunk)
    return at is not None and at > 0 and function_name(chunk, at) is not None


def function_name(head, at):
    """The name before the "(" at; "NAME_*" for MACRO(NAME)(...) of a macro from elsewhere."""
    if NAME.match(head[at - 1].text):
        return head[at - 1].text
    if at > 3 and head[at - 1].text == ")" and NAME.match(head[at - 2].text):
        return head[at - 2].text + "_*"
    return None


def without_attributes(chunk):
    out, i = [], 0
    while i < len(chunk):
        if chunk[i].text in ("__attribute__", "_Alignas", "__rte_aligned", "__typeof__") and (
                i + 1 < len(chunk) and chunk[i + 1].text == "("):
            i = arguments(chunk, i + 1)[1]
        else:
            out.append(chunk[i])
            i += 1
    return out


def last_group(chunk):
    """Index of the "(" of the last group of parentheses that is in no other group."""
    depth, found = 0, None
    for i, token in enumerate(chunk):
        if token.text == "(":
            if depth == 0:
                found = i
            depth += 1
        elif token.text == ")":
            depth -= 1
    return found


def parameters(group):
    return {
        token.text for token, after in zip(group, group[1:])
        if NAME.match(token.text) and after.text in ",)["
    } | {
        group[i + 2].text for i in range(len(group) - 2)
        if group[i].text == "(" and group[i + 1].text == "*"
    }


def locals_of(body):
    """Names that a body declares: TYPE NAME, TYPE *NAME, before one of ; = , [ ) or a colon."""
    found = set()
    for i in range(1, len(body) - 1):
        name = body[i].text
        if not NAME.match(name) or name in KEYWORDS or body[i + 1].text not in ";=,[":
            continue
        j = i - 1
        while j > 0 and (body[j].text in ("*", "const") or body[j].text[0] == "\0"):
            j -= 1
        before = body[j].text
        if not NAME.match(before) or (before in KEYWORDS and before not in TYPES):
            continue
        if j == i - 1 or before in TYPES:
            found.add(name)
        elif j == 0 or body[j - 1].text in ("struct", "union", "enum", "const", ";", "{", "}", "("):
            found.add(name)
    return found


def mentions(tokens, hidden):
    found = []
    before = ""
    for token in tokens:
        text = token.text
        if text[0] == "\0":
            found.append((text[1:], token.line))
            continue
        if NAME.match(text) and text not in KEYWORDS and text not in hidden and (
                before not in (".", "->", "struct", "union", "enum", "goto")):
            found.append((text, token.line))
        before = text
    return found


def parent(path):
    return str(pathlib.PurePosixPath(path).parent)


class Graph:
    """The units of a folder, or of a folder with floors, and the calls between them."""

    def __init__(self, folder, sources, seen, floors=None, unit=None):
        self.folder, self.sources, self.floors = folder, sources, floors
        self.seen = seen
        if unit is not None:
            self.unit = unit
        self.units = sorted({self.unit(source.path) for source in sources})
        self.calls = collections.defaultdict(list)  # (unit, unit) -> [Call]
        symbols = [symbol for source in sources for symbol in source.symbols]
        self.public = collections.defaultdict(list)
        self.own = collections.defaultdict(list)
        for symbol in symbols:
            self.own[symbol.path, symbol.name].append(symbol)
            if not symbol.local:
                self.public[symbol.name].append(symbol)
        self.made = [name for name in self.public if name.endswith("_*")]
        # A table or macro counts when a function is behind it.
        changed = True
        while changed:
            changed = False
            for symbol in symbols:
                if not symbol.calls and any(
                        target.calls
                        for name, _ in symbol.mentions for target in self.find(symbol, name)):
                    symbol.calls = changed = True
        for symbol in symbols:
            noted = set()
            for name, line in symbol.mentions:
                for target in self.find(symbol, name):
                    pair = self.unit(symbol.path), self.unit(target.path)
                    if target.calls and pair[0] != pair[1] and (name, pair) not in noted:
                        noted.add((name, pair))
                        self.calls[pair].append(
                            Call(symbol.path, line, symbol.name, name, target.path))

    def unit(self, path):
        return str(pathlib.PurePosixPath(path).relative_to(self.folder).with_suffix(""))

    def find(self, symbol, name):
        """What a name means there: a symbol of the file hides all others, one of the unit next."""
        own = self.own.get((symbol.path, name))
        if own:
            return [target for target in own if target is not symbol]
        # A name that no included header declares is that of another library, or a member.
        if name not in self.seen[symbol.path]:
            return []
        found = self.public.get(name, [])
        if not found:
            found = [
                target for made in self.made if name.startswith(made[:-1])
                for target in self.public[made]
            ]
        mine = [target for target in found if self.unit(target.path) == self.unit(symbol.path)]
        # A program for tests may define a function of another folder for itself.
        near = [target for target in found if parent(target.path) in self.seen.homes[name]]
        return mine or near or found

    def loops(self):
        """Sets of units that reach each other, by Tarjan's algorithm."""
        after = collections.defaultdict(list)
        for a, b in sorted(self.calls):
            after[a].append(b)
        index, low, stack, found = {}, {}, [], []

        def visit(unit):
            index[unit] = low[unit] = len(index)
            stack.append(unit)
            for other in after[unit]:
                if other not in index:
                    visit(other)
                    low[unit] = min(low[unit], low[other])
                elif other in stack:
                    low[unit] = min(low[unit], index[other])
            if low[unit] == index[unit]:
                at = stack.index(unit)
                if len(stack) - at > 1:
                    found.append(sorted(stack[at:]))
                del stack[at:]

        for unit in self.units:
            if unit not in index:
                visit(unit)
        return found

    def holds(self, name, path):
        """True when an entry of floors.txt is the file, its name without suffix, or its folder."""
        unit = self.unit(path)
        return name in (unit, path[len(self.folder) + 1 :]) or unit.startswith(name + "/") or (
            name == "." and "/" not in unit)

    def floor(self, path):
        """Index of the floor of a file, or None: of entries that hold it, the longest counts."""
        best = None
        for i, names in enumerate(self.floors):
            for name in names:
                size = 0 if name == "." else len(name)
                if self.holds(name, path) and (best is None or size > best[0]):
                    best = size, i
        return None if best is None else best[1]

    def loop_errors(self):
        for loop in self.loops():
            yield f"{self.folder}: calls form a loop of {len(loop)}: {', '.join(loop)}"
            for (a, b), calls in sorted(self.calls.items()):
                if a in loop and b in loop:
                    yield from self.some(a, b, calls)

    @staticmethod
    def some(a, b, calls):
        for call in calls[:MAX_CALLS]:
            yield f"  {a} -> {b}: {call.path}:{call.line}: {call.caller} -> {call.callee}"
        if len(calls) > MAX_CALLS:
            yield f"  {a} -> {b}: and {len(calls) - MAX_CALLS} more"

    def floor_errors(self):
        if self.floors is None:
            return
        place = {source.path: self.floor(source.path) for source in self.sources}
        for names in self.floors:
            for name in names:
                if not any(self.holds(name, path) for path in place):
                    yield f"{self.folder}: the floor {name} of floors.txt holds no file"
        for path, floor in place.items():
            if floor is None:
                yield f"{self.folder}: {path} is on no floor of floors.txt"

        def goes_up(path, target):
            floors = place[path], place[target]
            return None not in floors and floors[0] < floors[1]

        for (a, b), calls in sorted(self.calls.items()):
            calls = [call for call in calls if goes_up(call.path, call.to)]
            if calls:
                yield f"{self.folder}: a call to a higher floor"
                yield from self.some(a, b, calls)
        for source in self.sources:
            for name, line in source.includes:
                target = include_target(source.path, name, place)
                if target is not None and goes_up(source.path, target):
                    yield (f"{self.folder}: an include from a higher floor: "
                           f"{source.path}:{line}: {name}")

    def dot(self):
        yield f'digraph "{self.folder}" {{'
        yield "\trankdir=BT;"
        yield "\tnode [shape=box];"
        groups = collections.defaultdict(list)
        where = {self.unit(source.path): source.path for source in self.sources}
        for unit, path in sorted(where.items()):
            groups[self.floor(path) if self.floors else None].append(unit)
        for floor, units in sorted(groups.items(), key=lambda item: (item[0] is None, item[0])):
            if floor is not None:
                yield f"\tsubgraph cluster_{floor} {{"
                yield f'\t\tlabel="{" ".join(self.floors[floor])}";'
            for unit in units:
                yield f'\t\t"{unit}";'
            if floor is not None:
                yield "\t}"
        for a, b in sorted(self.calls):
            yield f'\t"{a}" -> "{b}" [label="{len(self.calls[a, b])}"];'
        yield "}"


def include_target(path, name, paths):
    """The file that an include means: next to the includer, else the one nearest to it."""
    folder = pathlib.PurePosixPath(path).parent
    near = posixpath.normpath(str(folder / name))
    if near in paths:
        return near
    parents = [folder, *folder.parents]
    for parent in parents:
        found = [
            other for other in paths if ("/" + other).endswith("/" + name) and
            pathlib.PurePosixPath(other).is_relative_to(parent)
        ]
        if found:
            return min(found, key=lambda other: (other.count("/"), other))
    return None


class Seen(dict):
    """For each file, the names that it and the headers it includes declare."""

    def __init__(self, sources):
        super().__init__(names_seen(sources))
        # For each name, the folders of the headers that declare it.
        self.homes = collections.defaultdict(set)
        for source in sources:
            if source.path.endswith(".h"):
                for name in source.declared:
                    self.homes[name].add(parent(source.path))


def names_seen(sources):
    by_path = {source.path: source for source in sources}
    includes = {
        source.path: [
            target for name, _ in source.includes
            if (target := include_target(source.path, name, by_path)) is not None
        ]
        for source in sources
    }
    reach = {}
    for path in by_path:
        reach[path], pending = {path}, [path]
        while pending:
            new = set(includes[pending.pop()]) - reach[path]
            reach[path] |= new
            pending += new
    return {
        path: set().union(*(by_path[other].declared for other in paths))
        for path, paths in reach.items()
    }


def read_floors(root):
    floors = {}
    path = root / "devtools/floors.txt"
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.strip() and not line.startswith("#"):
            folder, names = line.split(":")
            floors[folder.strip()] = [name.split("+") for name in names.split()]
    return floors


def list_files(root):
    try:
        out = subprocess.run(
            ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard",
             "*.c", "*.h"],
            check=True, capture_output=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        out = [
            str(path.relative_to(root)) for path in root.rglob("*.[ch]")
            if not path.relative_to(root).parts[0].startswith("build")
        ]
    return sorted({path for path in out if (root / path).is_file()})


def read_graphs(root):
    floors = read_floors(root)
    texts = {path: (root / path).read_text() for path in list_files(root)}
    # Macros of headers, which any file may use.
    shared = collections.defaultdict(list)
    for path, text in texts.items():
        if path.endswith(".h"):
            for is_directive, line, piece in pieces_of(strip(text)):
                match = is_directive and DIRECTIVE.match(piece)
                if match and match.group(1) == "define":
                    macro = macro_of(path, line, match.group(2))
                    if macro.body:
                        shared[macro.name].append(macro)
    groups = collections.defaultdict(list)
    for path, text in texts.items():
        folder = parent(path)
        above = [tree for tree in floors if folder == tree or folder.startswith(tree + "/")]
        groups[max(above, key=len) if above else folder].append(Source(path, text, shared))
    every = [source for group in groups.values() for source in group]
    seen = Seen(every)
    graphs = [
        Graph(folder, sources, seen, floors.get(folder))
        for folder, sources in sorted(groups.items())
    ]
    # The folders themselves, as the units of one more graph.
    home = {source.path: folder for folder, group in groups.items() for source in group}
    return [*graphs, Graph(".", every, seen, unit=home.get)]


def list_errors(root, graphs):
    """Lists that hold nothing: a check of them would pass."""
    if not list_files(root):
        yield f"{root} has no C file"
    known = {graph.folder for graph in graphs if graph.sources}
    for folder in read_floors(root):
        if folder not in known:
            yield f"floors.txt: {folder} has no C file"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="top of the tree")
    parser.add_argument("--dot", metavar="FOLDER", help="print the graph of a folder for dot(1)")
    parser.add_argument("folders", nargs="*", help="folders to check (default: all)")
    args = parser.parse_args()
    root = args.root.resolve()
    graphs = read_graphs(root)
    wanted = [args.dot] if args.dot else args.folders
    for folder in wanted:
        if folder.rstrip("/") not in {graph.folder for graph in graphs}:
            parser.error(f"{folder} has no graph: name . or a folder with C files or with floors")
    wanted = [folder.rstrip("/") for folder in wanted]
    errors = list(list_errors(root, graphs))
    for graph in graphs:
        if args.dot:
            if graph.folder in wanted:
                print("\n".join(graph.dot()))
        elif not wanted or graph.folder in wanted:
            errors += [*graph.loop_errors(), *graph.floor_errors()]
    if errors:
        print("\n".join(errors))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    sys.exit(main())
