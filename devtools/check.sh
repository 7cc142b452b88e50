#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Checks of the sources: licence lines, what each file is, include direction, calls between files,
# headers that compile alone, format, width, words that do not belong here, scripts, documents.
# Prints one line per check: "ok NAME" or "FAIL NAME: where". Needs what setup.sh installs.
#
#   check.sh [NAME...]     run these checks (default: all)

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$VSR_ROOT"

# report NAME CODE TEXT: the check passed when it ended with 0 and TEXT is empty.
report() {
	[ "$2" -eq 0 ] || set -- "$1" "$2" "${3:-ended with $2}"
	if [ -z "$3" ]; then
		printf 'ok %s\n' "$1"
	else
		printf 'FAIL %s: %s\n' "$1" "$(printf '%s' "$3" | head -n 20 | tr '\n' ';')"
		return 1
	fi
}

# need TOOL...: end the check when a program, or a module of python3, is missing.
need() {
	local tool
	for tool in "$@"; do
		case $tool in
		python3-*) /usr/bin/python3 -c "import ${tool#python3-}" 2>/dev/null ;;
		*) command -v "$tool" >/dev/null ;;
		esac || vsr_die "$tool is not installed: run devtools/setup.sh."
	done
}

# Files of the tree, committed or about to be; in a tree without git, all but build folders.
# A list without files is an error: a check of nothing would pass.
tree() {
	local files
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		files=$(git ls-files --cached --others --exclude-standard "$@" | while read -r file; do
			if [ -e "$file" ]; then printf '%s\n' "$file"; fi
		done)
	else
		files=$(find . -path './build*' -prune -o -type f -print | sed 's|^\./||' |
			/usr/bin/python3 -c 'import fnmatch, sys
for line in sys.stdin:
    if any(fnmatch.fnmatch(line.strip(), p) for p in sys.argv[1:]): print(line.strip())' "$@")
	fi
	[ -n "$files" ] || vsr_die "the tree has no file $*."
	printf '%s\n' "$files"
}

licence_lines() {
	tree '*.c' '*.h' '*.py' '*.sh' '*.rst' '*meson.build' 'meson_options.txt' '.ci/*' | while read -r file; do
		head -n 4 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause$' &&
			head -n 5 "$file" | grep -q 'Copyright (c) 2026 The vsr authors$' ||
			printf '%s\n' "$file"
	done
}

# forbid WHERE PATTERN WHY: no file there includes anything that matches.
forbid() {
	local files
	files=$(tree "$1/*.c" "$1/*.h") || return
	# shellcheck disable=SC2086
	grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" $files |
		sed "s|\$| ($3)|" || :
}

# Apps over drivers over lib/virtio over lib/virtio_spec. The simulator is the oracle of the
# driver: the two share layouts and nothing else.
include_direction() {
	forbid lib/virtio_spec 'rte_|virtio/|vsim/|vfio_user/' 'wire layouts stand on nothing'
	forbid lib/base 'rte_|virtio|vsim/|vfio_user/|vpci/|linux/v' 'the base knows no device'
	forbid lib/vfio_user 'rte_|virtio/|virtio_spec/|vsim/' 'vfio-user knows no virtio'
	forbid lib/daemon 'rte_|virtio|vsim/|vfio_user/|vpci/|common/|vsrd/' 'the daemons share it'
	forbid lib/vsim 'rte_|virtio/|vfio_user/|linux/virtio' 'the NIC shares layouts only'
	forbid lib/virtio 'vsim/|vfio_user/' 'the driver side knows no simulator'
	forbid lib/vpci 'vsim/|app/|drivers/' 'a function shown to a guest knows no simulator'
	forbid drivers 'vsim/|vfio_user/|app/' 'drivers stand on lib/virtio'
	forbid app/vsr-bridge/gate 'rte_|virtio|vsim/|vfio_user/|common/|vsrd/' 'the gate knows no VF'
	forbid app/vsr-bridge 'vsrd/' 'it asks the owner of PFs through a socket'
	forbid app/vsrd 'vpci/|vfio_user/|vsr-bridge/' 'no guest talks to the owner of PFs'
	forbid app/vsrctl 'vsim/|vfio_user/' 'vsrctl works on any host'
	forbid app/vsr-sim 'rte_|virtio/' 'the simulator needs no DPDK'
	forbid app/vsr-sim 'vsim/' 'the host is a client of the NIC' | grep -v '^app/vsr-sim/nic' || :
}

# Compile a header alone: the first error, if there is one. Arguments: HEADER FLAG...
header_alone() {
	local header=$1 out
	shift
	out=$(gcc "$@" -iquote "$(dirname "$header")" -fsyntax-only -x c "$header" 2>&1) ||
		grep -m1 'error:' <<<"$out" || printf '%s: gcc failed\n' "$header"
}

headers_alone() {
	local flags dir
	need gcc pkg-config
	flags=(-std=gnu11 -D_GNU_SOURCE -DALLOW_INTERNAL_API -DALLOW_EXPERIMENTAL_API
		-DFUSE_USE_VERSION=31 -Wall -Werror -Wno-unused -Ilib -Iapp)
	read -ra dir < <(pkg-config --cflags libdpdk fuse3 jansson)
	flags+=("${dir[@]}")
	if ! vsr_sdk_installed; then
		for dir in lib/eal/include lib/ethdev lib/vhost lib/pci lib/kvargs lib/telemetry lib/mbuf lib/mempool \
				lib/net drivers/bus/pci; do
			flags+=("-I$(vsr_sdk_dir)/$dir")
		done
	fi
	export -f header_alone
	tree '*.h' | xargs -P "$(nproc)" -I '{}' bash -c 'header_alone "$@"' - '{}' "${flags[@]}"
}

# Every source says what it is, in the comment of its licence or in the next one.
titles() {
	tree '*.c' | while read -r file; do
		awk '
			!licence && FNR > 2 && /[a-z]/ { exit }
			/\*\// && !licence { licence = 1; next }
			!licence || /^[[:space:]]*$/ { next }
			{ if ($0 !~ /^\/\*/) print FILENAME; exit }
		' "$file"
	done
}

# No loop of calls between files, no call from a lower floor to a higher one.
calls() {
	devtools/calls.py
}

format() {
	need clang-format-14
	tree '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror 2>&1 |
		{ grep -E ': (warning|error):' || :; }
}

# A line that begins with a string may be longer: text to print is not broken for its width.
width() {
	tree '*.c' '*.h' '*.py' | while read -r file; do
		expand -t 8 "$file" | awk -v file="$file" 'length($0) > 100 && !/^ *(\.[a-z_]+ = )?"/ { print file ":" NR }'
	done
}

# Marks of unfinished work, and paths that exist on one machine only.
words() {
	tree '*.c' '*.h' '*.py' '*.sh' '*.rst' '*.md' '*.build' '*.txt' | grep -v '^devtools/check.sh$' |
		xargs -r grep -nHE '\b(TODO|FIXME|XXX|HACK)\b|(^|[^A-Za-z0-9_.~])/(home|work)/' || :
}

space() {
	tree '*.c' '*.h' '*.py' '*.sh' '*.rst' '*.md' '*.build' | xargs -r grep -nHE '[[:space:]]+$' || :
}

shell_scripts() {
	need shellcheck
	tree '*.sh' '.ci/*' | xargs shellcheck -f gcc
}

python_scripts() {
	need python3-pyflakes
	tree '*.py' | xargs /usr/bin/python3 -m pyflakes
}

documents_build() {
	local out code=0
	need python3-sphinx
	out=$(mktemp -d)
	/usr/bin/python3 -m sphinx -q -W --keep-going -b html doc "$out" || code=$?
	rm -rf "$out"
	return "$code"
}

documents_name_what_exists() {
	/usr/bin/python3 -B devtools/doc_names.py
}

CHECKS=(licence_lines titles include_direction calls headers_alone format width words space
	shell_scripts python_scripts documents_build documents_name_what_exists)

[ $# -gt 0 ] || set -- "${CHECKS[@]}"
for check in "$@"; do
	[[ " ${CHECKS[*]} " == *" $check "* ]] ||
		vsr_die "there is no check \"$check\": name some of ${CHECKS[*]}, or none for all."
done
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
declare -A pids
for check in "$@"; do
	"$check" >"$results/$check" 2>&1 &
	pids[$check]=$!
done
failed=0
for check in "$@"; do
	code=0
	wait "${pids[$check]}" || code=$?
	report "$check" "$code" "$(cat "$results/$check")" || failed=1
done
exit $failed
