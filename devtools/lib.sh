# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
# shellcheck shell=bash

# Functions and settings that the scripts of this folder share. Sourced, never run.
#
# VSR_BUILD (environment): build folder; default <tree>/build.
# VSR_DEPS  (environment): folder for the driver-SDK headers; default <tree>/build-deps.
# VSR_VM    (environment): folder for the pieces of the virtual machine; default $VSR_BUILD/vm.

set -euo pipefail

VSR_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VSR_BUILD=${VSR_BUILD:-$VSR_ROOT/build}
VSR_DEPS=${VSR_DEPS:-$VSR_ROOT/build-deps}
VSR_VM=${VSR_VM:-$VSR_BUILD/vm}
# The distribution's python3 and meson come first: a python3 from elsewhere lacks its modules.
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
export LC_ALL=C.UTF-8

vsr_say() {
	printf '%s\n' "$*"
}

vsr_warn() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Print one sentence that says what to do, and exit with 1.
vsr_die() {
	vsr_warn "$@"
	exit 1
}

# True when the installed libdpdk carries the headers that drivers are built with.
vsr_sdk_installed() {
	local dir
	for dir in $(pkg-config --cflags-only-I libdpdk 2>/dev/null); do
		[ -e "${dir#-I}/ethdev_driver.h" ] && return 0
	done
	return 1
}

# Version of the Debian source package that libdpdk-dev was built from.
vsr_dpdk_source_version() {
	dpkg-query -W -f '${source:Version}' libdpdk-dev
}

# Where the driver-SDK headers are kept, for the installed version.
vsr_sdk_dir() {
	local version
	version=$(vsr_dpdk_source_version)
	printf '%s/dpdk-%s' "$VSR_DEPS" "${version#*:}"
}

# Run meson by the distribution's interpreter, whatever python3 on PATH is.
vsr_meson() {
	/usr/bin/python3 /usr/bin/meson "$@"
}

# Configure (once) and build a folder: vsr_build FOLDER [MESON OPTION...]
vsr_build() {
	local dir=$1 log=$1.log want program how=()
	shift
	mkdir -p "$(dirname "$dir")"
	vsr_sdk_installed || set -- "-Ddriver_sdk=$(vsr_sdk_dir)" "$@"
	want="$VSR_ROOT $*"
	if [ "$(cat "$dir/.vsr-options" 2>/dev/null)" != "$want" ]; then
		if [ -e "$dir/meson-private/coredata.dat" ]; then
			how=(--reconfigure)
		elif [ -d "$dir/meson-private" ]; then
			rm -rf "$dir" # an interrupted configuration
		elif [ -e "$dir" ] && [ -n "$(ls -A "$dir")" ]; then
			vsr_die "$dir exists and is no build folder: remove it or set VSR_BUILD."
		fi
		if ! vsr_meson setup "${how[@]}" "$dir" "$VSR_ROOT" "$@" >"$log" 2>&1; then
			tail -n 30 "$log" >&2
			vsr_die "$dir could not be configured (see above; the whole output is in $log)."
		fi
		printf '%s\n' "$want" >"$dir/.vsr-options"
	fi
	if ! ninja -C "$dir" >"$log" 2>&1; then
		grep -v '^\[[0-9]*/[0-9]*\]' "$log" | tail -n 30 >&2
		vsr_die "the build in $dir failed (see above; the whole output is in $log)."
	fi
	# One folder for the PATH.
	mkdir -p "$dir/bin"
	for program in vsr-sim/vsr-sim vsrctl/vsrctl vsrd/vsrd vsrd/vsrd-keeper vsr-bridge/vsr-bridge \
			vsr-bench/vsr-bench; do
		ln -sfn "../app/$program" "$dir/bin/"
	done
}

# True when everyone can write to a folder of this path. EAL loads no library from below such a
# folder.
vsr_world_writable() {
	local path=$1
	while :; do
		[ -n "$(find "$path" -maxdepth 0 -perm -o+w ! -type l)" ] && return 0
		[ "$path" = / ] && return 1
		path=$(dirname "$path")
	done
}

# vsr_plugin [FILE]: print the path of a plug-in in the build folder, by default net_vsr, for EAL's
# -d. For a build folder below a folder that everyone can write to (a clone in /tmp), this is the
# path of a copy in /var/lib/vsr.
vsr_plugin() {
	local lib copy name
	lib=$(readlink -f "$VSR_BUILD")/${1:-drivers/net/vsr/librte_net_vsr.so}
	name=$(basename "$lib")
	[ -e "$lib" ] || vsr_die "$lib is not built: run devtools/build.sh."
	if vsr_world_writable "$(readlink -f "$lib")"; then
		copy=/var/lib/vsr/$(printf '%s' "$lib" | cksum | cut -d' ' -f1)
		(umask 022 && mkdir -p "$copy")
		cmp -s "$lib" "$copy/$name" || {
			install -m 0755 "$lib" "$copy/.$name.$$"
			mv "$copy/.$name.$$" "$copy/$name"
		}
		lib=$copy/$name
	fi
	printf '%s\n' "$lib"
}
