/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The NIC as a whole: built from its configuration, VFs that come and go with VF Enable, and the
 * doors through which the outside reaches a function's registers.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsim/regs/vsim_regs.h"

/* ---------------------------------------------------------------- functions */

/* The PF's address plus the number of the VF, as a 48-bit number. */
static void
mac_of(const struct vsim_nic *nic, unsigned int index, uint8_t mac[6])
{
	unsigned int carry = index;

	memcpy(mac, nic->conf.mac, 6);
	for (int i = 5; i >= 0; i--) {
		carry += mac[i];
		mac[i] = carry & 0xff;
		carry >>= 8;
	}
}

static void
fn_free(struct vsim_fn *fn)
{
	if (fn == NULL)
		return;
	vsim_admin_free(fn->admin);
	free(fn->filter);
	free(fn->counters);
	free(fn);
}

/* Called with the lock held; what is not reset yet is left to the caller. */
static int
fn_create(struct vsim_nic *nic, unsigned int index, struct vsim_fn **out)
{
	struct vsim_fn *fn = calloc(1, sizeof(*fn));
	int rc = -ENOMEM;

	if (fn == NULL)
		return -ENOMEM;
	fn->nic = nic;
	fn->index = index;
	fn->worker = index % nic->conf.workers;
	fn->mem_fd = -1;
	fn->link_up = true;
	for (unsigned int v = 0; v < VSIM_MAX_VECTORS; v++)
		fn->irq_fd[v] = -1;
	mac_of(nic, index, fn->mac);
	fn->counters = calloc(1, sizeof(*fn->counters));
	fn->filter = vsim_filter_create();
	/* The owner of VFs alone has admin queues. */
	fn->admin = index == 0 ? vsim_admin_create() : NULL;
	if (fn->counters == NULL || fn->filter == NULL || (index == 0 && fn->admin == NULL))
		goto free_fn;
	rc = vsim_fn_data_init(fn);
	if (rc < 0)
		goto free_fn;
	*out = fn;
	return 0;
free_fn:
	fn_free(fn);
	return rc;
}

/* First life of a function: offers, and everything as after power-up. */
static void
fn_power_up(struct vsim_fn *fn, const struct vsim_features *offered)
{
	fn->offered = *offered;
	vsim_config_reset(fn, true);
	vsim_fn_virtio_reset(fn);
	fn->counters->resets = 0;
}

struct vsim_fn *
vsim_nic_fn(struct vsim_nic *nic, unsigned int index)
{
	return index < VSIM_MAX_FNS ? __atomic_load_n(&nic->fns[index], __ATOMIC_ACQUIRE) : NULL;
}

unsigned int
vsim_fn_index(const struct vsim_fn *fn)
{
	return fn->index;
}

uint16_t
vsim_nic_num_vfs(const struct vsim_nic *nic)
{
	return __atomic_load_n(&nic->num_vfs, __ATOMIC_RELAXED);
}

void
vsim_fn_ids(const struct vsim_fn *fn, struct vsim_ids *ids)
{
	const struct vsim_profile *profile = fn->nic->conf.profile;

	*ids = (struct vsim_ids){
		.vendor = VIRTIO_PCI_VENDOR_ID,
		.device = VIRTIO_PCI_DEVICE_ID_NET,
		.subsys_vendor = profile->subsys_vendor,
		.subsys = fn->index > 0 ? profile->vf_subsys : profile->pf_subsys,
		.revision = profile->revision,
		.class_code = PCI_CLASS_ETHERNET,
	};
}

/* ---------------------------------------------------------------- VFs come and go */

static void
vfs_remove(struct vsim_nic *nic)
{
	for (unsigned int i = 1; i < VSIM_MAX_FNS; i++) {
		if (nic->fns[i] == NULL)
			continue;
		vsim_fn_virtio_reset(nic->fns[i]);
		vsim_config_reset(nic->fns[i], true);
		__atomic_store_n(&nic->fns[i], NULL, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&nic->num_vfs, 0, __ATOMIC_RELAXED);
}

int
vsim_nic_vfs_set(struct vsim_nic *nic, uint16_t n)
{
	struct vsim_fn *pf = nic->all[0];

	vsim_admin_vfs_changed(pf);
	vfs_remove(nic);
	for (unsigned int i = 1; i <= n; i++) {
		struct vsim_fn *fn = nic->all[i];
		struct vsim_features offered = pf->offered;

		if (fn == NULL) {
			int rc = fn_create(nic, i, &fn);

			if (rc < 0) {
				vfs_remove(nic);
				return rc;
			}
			vsim_features_put(&offered, VIRTIO_F_SR_IOV, false);
			vsim_features_put(&offered, VIRTIO_F_ADMIN_VQ, false);
			fn_power_up(fn, &offered);
			__atomic_store_n(&nic->all[i], fn, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&nic->fns[i], fn, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&nic->num_vfs, n, __ATOMIC_RELAXED);
	return 0;
}

/* What an access did to the VFs, noted under the lock and acted upon without it. */
struct vfs_change {
	uint16_t before, after;
	bool holds[VSIM_MAX_FNS]; /**< VFs that went and still hold maps or eventfds. */
	vsim_vfs_changed told;
	void *arg;
};

/* At the end of the access, with the lock still held. */
static void
vfs_change_note(struct vfs_change *change, const struct vsim_nic *nic, uint16_t before)
{
	change->before = before;
	change->after = nic->num_vfs;
	change->told = nic->vfs_changed;
	change->arg = nic->vfs_changed_arg;
	if (change->before == change->after)
		return;
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++)
		change->holds[i] = nic->all[i] != NULL && nic->fns[i] == NULL &&
				(nic->all[i]->nb_irq_fds > 0 || vsim_dma_bytes(nic->all[i]) > 0);
}

/* Take from VFs that went what their users had given them, and tell the owner. */
static void
vfs_change_settle(const struct vfs_change *change, struct vsim_nic *nic)
{
	if (change->before == change->after)
		return;
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		if (!change->holds[i])
			continue;
		vsim_fn_dma_unmap_all(nic->all[i]);
		for (uint16_t v = 0; v < nic->nb_vectors; v++)
			vsim_fn_irq_set(nic->all[i], v, -1);
	}
	if (change->told != NULL)
		change->told(change->arg, change->after);
}

void
vsim_nic_on_vfs_changed(struct vsim_nic *nic, vsim_vfs_changed fn, void *arg)
{
	vsim_nic_lock(nic);
	nic->vfs_changed = fn;
	nic->vfs_changed_arg = arg;
	vsim_nic_unlock(nic);
}

void
vsim_nic_faults(struct vsim_nic *nic, const struct vsim_faults *faults)
{
	vsim_nic_lock(nic);
	nic->fault = *faults;
	vsim_nic_unlock(nic);
}

void
vsim_fn_flr(struct vsim_fn *fn)
{
	vsim_fn_virtio_reset(fn);
	vsim_config_reset(fn, false);
	if (fn->index == 0)
		vsim_nic_vfs_set(fn->nic, 0);
}

void
vsim_fn_reset(struct vsim_fn *fn)
{
	struct vsim_nic *nic = fn->nic;
	struct vfs_change change;
	uint16_t before;

	vsim_nic_lock(nic);
	before = nic->num_vfs;
	if (nic->fns[fn->index] == fn)
		vsim_fn_flr(fn);
	vfs_change_note(&change, nic, before);
	vsim_nic_unlock(nic);
	vfs_change_settle(&change, nic);
}

/* ---------------------------------------------------------------- regions */

uint64_t
vsim_fn_region_size(const struct vsim_fn *fn, unsigned int region)
{
	switch (region) {
	case VSIM_BAR:
		return fn->nic->bar_size;
	case VSIM_REGION_CONFIG:
		return PCI_CFG_EXT_SIZE;
	default:
		return 0;
	}
}

uint16_t
vsim_fn_nb_vectors(const struct vsim_fn *fn)
{
	return fn->nic->nb_vectors;
}

int
vsim_fn_read(struct vsim_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len)
{
	struct vsim_nic *nic = fn->nic;
	int rc = -EINVAL;

	vsim_nic_lock(nic);
	if (nic->fns[fn->index] != fn)
		rc = -ENODEV;
	else if (region == VSIM_REGION_CONFIG)
		rc = vsim_config_read(fn, offset, data, len);
	else if (region == VSIM_BAR)
		rc = vsim_bar_read(fn, offset, data, len);
	vsim_nic_unlock(nic);
	if (rc < 0)
		memset(data, 0xff, len);
	return rc;
}

int
vsim_fn_write(struct vsim_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len)
{
	struct vsim_nic *nic = fn->nic;
	struct vfs_change change;
	uint16_t before;
	int rc = -EINVAL;

	vsim_nic_lock(nic);
	before = nic->num_vfs;
	if (nic->fns[fn->index] != fn)
		rc = -ENODEV;
	else if (region == VSIM_REGION_CONFIG)
		rc = vsim_config_write(fn, offset, data, len);
	else if (region == VSIM_BAR)
		rc = vsim_bar_write(fn, offset, data, len);
	vfs_change_note(&change, nic, before);
	vsim_nic_unlock(nic);
	vfs_change_settle(&change, nic);
	return rc;
}

void
vsim_fn_get_state(const struct vsim_fn *fn, struct vsim_fn_state *state)
{
	struct vsim_nic *nic = fn->nic;

	vsim_nic_lock(nic);
	*state = (struct vsim_fn_state){
		.device_status = fn->status,
		.offered = fn->offered,
		.accepted = fn->accepted,
		.queue_pairs = fn->pairs_in_use,
		.link_up = fn->link_up,
		.dma_bytes = vsim_dma_bytes(fn),
	};
	/* Without VIRTIO_NET_F_MAC the device has none to tell, but still one of its own. */
	memcpy(state->mac,
			vsim_features_has(&fn->offered, VIRTIO_NET_F_MAC) ? fn->net_config.mac :
									    fn->mac,
			6);
	vsim_nic_unlock(nic);
}

/* ---------------------------------------------------------------- the NIC */

static int
conf_check(const struct vsim_nic_conf *conf, char *err, size_t err_len)
{
	static const uint8_t no_mac[6];

	if (conf->profile == NULL)
		snprintf(err, err_len, "no profile is given");
	else if (conf->total_vfs > VSIM_MAX_VFS)
		snprintf(err, err_len, "%u VFs are more than %u", conf->total_vfs, VSIM_MAX_VFS);
	else if (conf->queue_pairs < 1 || conf->queue_pairs > VSIM_MAX_QUEUE_PAIRS)
		snprintf(err, err_len, "%u queue pairs are not in 1..%u", conf->queue_pairs,
				VSIM_MAX_QUEUE_PAIRS);
	else if (conf->queue_size < 2 || conf->queue_size > VIRTQ_SIZE_MAX ||
			(conf->queue_size & (conf->queue_size - 1)) != 0)
		snprintf(err, err_len, "queue size %u is not a power of two in 2..%u",
				conf->queue_size, VIRTQ_SIZE_MAX);
	else if (conf->mtu < VIRTIO_NET_MTU_MIN)
		snprintf(err, err_len, "MTU %u is below %u", conf->mtu, VIRTIO_NET_MTU_MIN);
	else if (conf->speed > VIRTIO_NET_SPEED_MAX && conf->speed != VIRTIO_NET_SPEED_UNKNOWN)
		snprintf(err, err_len, "speed %u Mb/s is above %u", conf->speed,
				VIRTIO_NET_SPEED_MAX);
	else if ((conf->mac[0] & 1) || memcmp(conf->mac, no_mac, sizeof(no_mac)) == 0)
		snprintf(err, err_len, "the MAC address is not one of a single station");
	else if (conf->workers < 1 || conf->workers > VSIM_MAX_WORKERS)
		snprintf(err, err_len, "%u workers are not in 1..%u", conf->workers,
				VSIM_MAX_WORKERS);
	else if (conf->admin_queues > VSIM_MAX_ADMIN_QUEUES)
		snprintf(err, err_len, "%u admin queues are more than %u", conf->admin_queues,
				VSIM_MAX_ADMIN_QUEUES);
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
	int rc;

	vsim_nic_lock(nic);
	rc = fn_create(nic, 0, &pf);
	if (rc == 0) {
		nic->bar_size = power_of_two(VSIM_BAR_DOORBELLS + pf->mem_size);
		vsim_config_build(nic, pf->mem_size);
		fn_power_up(pf, offered);
		nic->all[0] = pf;
		nic->fns[0] = pf;
	}
	vsim_nic_unlock(nic);
	return rc;
}

struct vsim_nic *
vsim_nic_create(const struct vsim_nic_conf *conf, char *err, size_t err_len)
{
	struct vsim_features vf, pf;
	struct vsim_nic *nic = NULL;
	unsigned int w;
	int rc;

	rc = conf_check(conf, err, err_len);
	if (rc == 0)
		rc = vsim_features_resolve(conf, &vf, &pf, err, err_len);
	if (rc < 0)
		goto fail;
	rc = -ENOMEM;
	nic = calloc(1, sizeof(*nic));
	if (nic == NULL)
		goto no_resources;
	nic->conf = *conf;
	nic->fault = conf->fault;
	if (conf->admin_queues == 0)
		nic->conf.admin_queues = 1;
	/* A vector for each queue, the control queue and configuration changes. */
	nic->nb_vectors = 2 * conf->queue_pairs + 2;
	pthread_mutex_init(&nic->lock, NULL);
	for (w = 0; w < conf->workers; w++) {
		rc = vsim_worker_create(nic, w);
		if (rc < 0)
			goto destroy_workers;
	}
	rc = pf_create(nic, &pf);
	if (rc < 0)
		goto destroy_workers;
	return nic;

destroy_workers:
	while (w-- > 0)
		vsim_worker_destroy(nic, w);
	pthread_mutex_destroy(&nic->lock);
	free(nic);
no_resources:
	snprintf(err, err_len, "no resources for the simulated NIC: %s", strerror(-rc));
fail:
	errno = -rc;
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
		vsim_fn_data_free(fn);
		fn_free(fn);
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
