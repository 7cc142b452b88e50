/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The modes of guests on vhost-user. */

#include <errno.h>
#include <stdio.h>

#include <rte_pmd_vdpa_vsr.h>

#include "mode.h"
#include "vhost.h"

#define COPY_RESET_MS 10000 /* Longest reset of a VF in mode copy. */

static int
check_pairs(const struct guest *guest, unsigned int max_pairs, struct err *err)
{
	if (guest->conf.pairs <= max_pairs)
		return 0;
	return err_set(err, -EINVAL, "VF %u of %s has %u queue pairs, not %u", guest->conf.vf,
			guest->conf.pf, max_pairs, guest->conf.pairs);
}

/* ---------------------------------------------------------------- modes: direct and relay */

static void
vdpa_args(const struct guest *guest, const char *token, char *args, size_t size)
{
	snprintf(args, size, "class=vdpa,vf_token=%s,mode=%s,host_notifier=%d", token,
			guest_mode_names[guest->conf.mode], guest->conf.doorbell_mapped);
}

static int
vdpa_begin(struct guest *guest, struct err *err)
{
	struct rte_pmd_vdpa_vsr_info info;
	int ret;

	if (rte_pmd_vdpa_vsr_info_get(guest->bdf, &info) != 0)
		return err_set(err, -ENODEV, "%s is no device of vdpa_vsr", guest->bdf);
	ret = check_pairs(guest, info.max_pairs, err);
	return ret == 0 ? vhost_start(guest->back_path, guest->bdf, err) : ret;
}

/* ---------------------------------------------------------------- mode copy */

static void
copy_args(const struct guest *guest, const char *token, char *args, size_t size)
{
	snprintf(args, size, "class=net,reset_timeout_ms=%d", COPY_RESET_MS);
}

static void
copy_release(struct guest *guest)
{
	if (guest->copy != NULL)
		copy_free(guest->copy);
	guest->copy = NULL;
}

static int
copy_begin(struct guest *guest, struct err *err)
{
	const struct guest_conf *conf = &guest->conf;
	int ret = check_pairs(guest, copy_port_max_pairs(guest->bdf), err);

	if (ret != 0)
		return ret;
	guest->copy = copy_open(guest->back_path, guest->bdf, conf->pairs, conf->mac, &ret, err);
	if (guest->copy == NULL)
		return ret;
	ret = copy_start(guest->copy, err);
	if (ret == 0)
		ret = vhost_start_rings(guest->back_path, copy_features_off(), err);
	if (ret != 0)
		copy_stop(guest->copy);
	return ret;
}

static void
copy_end(struct guest *guest)
{
	copy_stop(guest->copy);
}

const struct mode guest_modes[GUEST_NB_MODES] = {
	[GUEST_DIRECT] = { vdpa_args, vdpa_begin, NULL, NULL },
	[GUEST_RELAY] = { vdpa_args, vdpa_begin, NULL, NULL },
	[GUEST_COPY] = { copy_args, copy_begin, copy_end, copy_release },
};
