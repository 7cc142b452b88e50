# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
# shellcheck shell=bash

# Debian's archive as this machine's own apt knows it, for setup.sh and vm.sh. Sourced after lib.sh.

is_root() {
	[ "$(id -u)" -eq 0 ]
}

# apt's own words are shown only when it fails.
apt_quietly() {
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" \
			>"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

# "URI SUITE COMPONENT" of every Debian archive this machine installs from, one a line; apt itself
# reads its sources, whatever their format.
debian_sources() {
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' \
			'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" { print $2, $3, $4 }' | sort -u
}

# The option of a source line that names Debian's keys, where they are at their usual place.
debian_signed_by() {
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ ! -e "$keys" ] || printf ' [signed-by=%s]' "$keys"
}

# Make sure that debian_sources names some.
debian_sources_known() {
	[ -n "$(debian_sources)" ] && return
	! is_root || apt_quietly update || :
	[ -n "$(debian_sources)" ] ||
		vsr_die "apt knows no Debian archive: add one to /etc/apt/sources.list."
}

# private_apt DIR STATUS: a configuration of apt in a folder of ours, DIR/apt.conf, that reads the
# source lists in DIR/parts and believes what the file STATUS says is installed. Nothing that is
# done with it touches the machine's own apt.
private_apt() {
	local dir=$1 status=$2
	debian_sources_known
	mkdir -p "$dir"/{parts,preferences.d,lists/partial,cache/archives/partial}
	cat >"$dir/apt.conf" <<-END
		Dir::Etc::sourcelist "none";
		Dir::Etc::sourceparts "$dir/parts";
		Dir::Etc::preferences "$dir/preferences";
		Dir::Etc::preferencesparts "$dir/preferences.d";
		Dir::State "$dir";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$status";
		Dir::Cache "$dir/cache";
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
	END
}
