/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The NIC as a whole, built from its configuration.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsim/core/vsim_fn.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/core/vsim_profile.h"
#include "vsim/nic/vsim_fns.h"
#include "vsim/nic/vsim_worker.h"
#include "vsim/regs/vsim_config_layout.h"
#include "vsim/regs/vsim_status.h"

static int
conf_check(const struct vsim_nic_conf *conf, char *err, size_t err_len)
{
	static const uint8_t no_mac[6];

	if (conf->profile == NULL)
		snprintf(err, err_len, "no profile is given");
	else if (conf->total_vfs > VSIM_MAX_VFS)
		snprintf(err, err_len, "%u VFs: at most %u are possible", conf->total_vfs,
				VSIM_MAX_VFS);
	else if (conf->queue_pairs < 1 || conf->queue_pairs > VSIM_MAX_QUEUE_PAIRS)
		snprintf(err, err_len, "%u queue pairs: give 1 to %u", conf->queue_pairs,
				VSIM_MAX_QUEUE_PAIRS);
	else if (conf->queue_size < 2 || conf->queue_size > VIRTQ_SIZE_MAX ||
			(conf->queue_size & (conf->queue_size - 1)) != 0)
		snprintf(err, err_len, "queue size %u: give a power of two from 2 to %u",
				conf->queue_size, VIRTQ_SIZE_MAX);
	else if (conf->mtu < VIRTIO_NET_MTU_MIN)
		snprintf(err, err_len, "MTU %u: give %u or more", conf->mtu, VIRTIO_NET_MTU_MIN);
	else if (conf->speed > VIRTIO_NET_SPEED_MAX && conf->speed != VIRTIO_NET_SPEED_UNKNOWN)
		snprintf(err, err_len, "speed %u Mb/s: give %u or less", conf->speed,
				VIRTIO_NET_SPEED_MAX);
	else if ((conf->mac[0] & 1) || memcmp(conf->mac, no_mac, sizeof(no_mac)) == 0)
		snprintf(err, err_len,
				"the MAC address is zero or a group address: give a unicast address");
	else if (conf->workers < 1 || conf->workers > VSIM_MAX_WORKERS)
		snprintf(err, err_len, "%u workers: give 1 to %u", conf->workers, VSIM_MAX_WORKERS);
	else if (conf->admin_queues > VSIM_MAX_ADMIN_QUEUES)
		snprintf(err, err_len, "%u admin queues: at most %u are possible",
				conf->admin_queues, VSIM_MAX_ADMIN_QUEUES);
	else
		return 0;
	return -EINVAL;
}

static uint64_t
power_of_two(uint64_t at_least)
{
	uint64_t size = 1;

	while (size < at_least)
		size *= 2;
	return size;
}

static int
pf_create(struct vsim_nic *nic, const struct vsim_features *offered)
{
	struct vsim_fn *pf;
	int ret;

	vsim_nic_lock(nic);
	ret = vsim_fn_create(nic, 0, &pf);
	if (ret == 0) {
		nic->bar_size = power_of_two(VSIM_BAR_DOORBELLS + pf->mem_size);
		vsim_config_build(nic, pf->mem_size);
		vsim_fn_power_up(pf, offered);
		nic->all[0] = pf;
		nic->fns[0] = pf;
	}
	vsim_nic_unlock(nic);
	return ret;
}

struct vsim_nic *
vsim_nic_create(const struct vsim_nic_conf *conf, char *err, size_t err_len)
{
	struct vsim_features vf, pf;
	struct vsim_nic *nic = NULL;
	unsigned int w;
	int ret;

	ret = conf_check(conf, err, err_len);
	if (ret == 0)
		ret = vsim_features_resolve(conf, &vf, &pf, err, err_len);
	if (ret < 0)
		goto fail;
	ret = -ENOMEM;
	nic = calloc(1, sizeof(*nic));
	if (nic == NULL)
		goto no_resources;
	nic->conf = *conf;
	nic->fault = conf->fault;
	if (conf->admin_queues == 0)
		nic->conf.admin_queues = 1;
	nic->doorbell_len = vsim_doorbell_len(&nic->conf);
	/* A vector for each data queue, the control queue and configuration changes. */
	nic->nb_vectors = 2 * conf->queue_pairs + 2;
	pthread_mutex_init(&nic->lock, NULL);
	for (w = 0; w < conf->workers; w++) {
		ret = vsim_worker_create(nic, w);
		if (ret < 0)
			goto destroy_workers;
	}
	ret = pf_create(nic, &pf);
	if (ret < 0)
		goto destroy_workers;
	return nic;

destroy_workers:
	while (w-- > 0)
		vsim_worker_destroy(nic, w);
	pthread_mutex_destroy(&nic->lock);
	free(nic);
no_resources:
	snprintf(err, err_len, "cannot make the simulated NIC: %s", strerror(-ret));
fail:
	errno = -ret;
	return NULL;
}

void
vsim_nic_destroy(struct vsim_nic *nic)
{
	if (nic == NULL)
		return;
	vsim_nic_lock(nic);
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		struct vsim_fn *fn = nic->all[i];

		if (fn == NULL)
			continue;
		vsim_fn_virtio_reset(fn);
		nic->fns[i] = NULL;
		nic->all[i] = NULL;
		vsim_fn_destroy(fn);
	}
	nic->num_vfs = 0;
	vsim_nic_unlock(nic);
	for (unsigned int w = nic->conf.workers; w-- > 0;)
		vsim_worker_destroy(nic, w);
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++)
		free(nic->wire_spec[i]);
	pthread_mutex_destroy(&nic->lock);
	free(nic);
}
