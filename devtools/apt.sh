# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
# shellcheck shell=bash

# Debian's archive, as apt on this machine is configured, for setup.sh and vm.sh. Sourced after
# lib.sh.

is_root() {
	[ "$(id -u)" -eq 0 ]
}

# Run apt-get. Its output is shown only when it fails.
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

# Print "URI SUITE COMPONENT" of every Debian archive that this machine installs from, one per line.
# apt reads its source lists itself, because they come in several formats.
debian_sources() {
	# shellcheck disable=SC2016 # apt-get expands these
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' \
			'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" { print $2, $3, $4 }' | sort -u
}

# Print the option of a source line that names Debian's keys, if they are at their usual place.
debian_signed_by() {
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ ! -e "$keys" ] || printf ' [signed-by=%s]' "$keys"
}

# End with an error when debian_sources prints nothing, even after apt-get update.
debian_sources_known() {
	[ -n "$(debian_sources)" ] && return
	! is_root || apt_quietly update || :
	[ -n "$(debian_sources)" ] ||
		vsr_die "apt knows no Debian archive: add one to /etc/apt/sources.list."
}

# private_apt DIR STATUS: write DIR/apt.conf, a configuration of apt that reads the source lists in
# DIR/parts and takes the packages in the file STATUS as installed. apt with this configuration
# changes nothing on the machine.
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
