# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
# shellcheck shell=bash

# Completion of vsrctl for bash.

# Addresses of PFs, as sysfs has them.
_vsrctl_pfs() {
	local dir=${VSR_SYSFS:-/sys}/bus/pci/devices path
	for path in "$dir"/*/sriov_totalvfs; do
		[ -e "$path" ] || continue
		path=${path%/*}
		[ "$(cat "$path/vendor")" = 0x1af4 ] && printf '%s\n' "${path##*/}"
	done
}

_vsrctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} word words=() i
	local options='--json --sysfs --socket --sriov-ids --help' wanted=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--sysfs | --socket | --sriov-ids | --token | --group | --member | --result-len | --area | --count | \
			--owner | --mode | --vhost-user | --vfio-user | --variant | --queues | --mac | --doorbell | --socket-mode)
			i=$((i + 1)) ;;
		-*) ;;
		# Bash takes ":" for the end of a word.
		:) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case $before in
	--sysfs | --socket | --sriov-ids | --vhost-user | --vfio-user)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--group)
		[ "${words[0]}" = admin ] || return
		wanted='self sriov'
		;;
	--doorbell) wanted='relayed mapped' ;;
	--variant) wanted='legacy' ;;
	--area) wanted='common net' ;;
	--mode) wanted='direct relay copy' ;;
	--token | --member | --result-len | --count | --owner | --queues | --mac | --socket-mode) return ;;
	esac
	if [ -n "$wanted" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$wanted" -- "$cur")
		return
	fi
	word="${words[0]} ${words[1]}"
	case $word in
	' ') wanted='list pf vf admin guest legacy token health events top version' ;;
	'pf ') wanted='show attach release reset' ;;
	'vf ') wanted='create destroy show' ;;
	'admin ') wanted='list caps raw stats' ;;
	'legacy ') wanted='read write dump notify-info' ;;
	'guest ') wanted='add list show stats remove health events' ;;
	'guest add')
		options+=' --vhost-user --server --client --queues --mac --mode --doorbell'
		options+=' --vfio-user --variant --owner --group --socket-mode'
		;;
	'guest events') options+=' --follow' ;;
	'vf create') options+=' --token' ;;
	'admin raw')
		options+=' --group --member --result-len'
		[ ${#words[@]} -eq 3 ] && wanted='list_query cap_id_list_query device_cap_get
			driver_cap_set legacy_common_cfg_write legacy_common_cfg_read
			legacy_dev_cfg_write legacy_dev_cfg_read legacy_notify_info
			resource_obj_create resource_obj_query resource_obj_modify
			resource_obj_destroy dev_parts_metadata_get dev_parts_get dev_parts_set
			dev_mode_set'
		;;
	'legacy read' | 'legacy write') options+=' --area' ;;
	token*) options+=' --token --rotate' ;;
	events*) options+=' --follow' ;;
	top*) options+=' --count' ;;
	esac
	case ${words[0]}:${#words[@]} in
	pf:2 | vf:2 | admin:2 | guest:2 | legacy:2 | token:1 | top:1) wanted=$(_vsrctl_pfs) ;;
	esac
	[[ $cur == -* ]] && wanted=$options
	mapfile -t COMPREPLY < <(compgen -W "$wanted" -- "$cur")
	# A PCI address has colons: what stands before the last one is typed already.
	type -t __ltrimcolon_completions >/dev/null && __ltrimcolon_completions "$cur"
}

complete -F _vsrctl vsrctl
