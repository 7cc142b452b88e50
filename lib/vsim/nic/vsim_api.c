/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The public functions of vsim.h for functions of the NIC. Each takes the lock of the NIC.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/base_eventfd.h"
#include "vsim/vsim.h"
#include "vsim/core/vsim_dma.h"
#include "vsim/core/vsim_irq.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/data/vsim_filter.h"
#include "vsim/nic/vsim_config.h"
#include "vsim/nic/vsim_fns.h"
#include "vsim/regs/vsim_bar.h"
#include "vsim/ring/vsim_queue.h"

struct vsim_fn *
vsim_nic_fn(struct vsim_nic *nic, unsigned int index)
{
	return index < VSIM_MAX_FNS ? __atomic_load_n(&nic->fns[index], __ATOMIC_ACQUIRE) : NULL;
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

/* ---------------------------------------------------------------- DMA */

static int
dma_map(struct vsim_fn *fn, struct vsim_dma_piece *piece, int fd, uint64_t offset)
{
	int ret;

	piece->prot &= PROT_READ | PROT_WRITE;
	if (piece->size == 0 || piece->iova > UINT64_MAX - piece->size || piece->prot == 0)
		return -EINVAL;
	vsim_nic_lock(fn->nic);
	ret = vsim_dma_add(fn->dma, piece, fd, offset);
	if (ret == 0)
		vsim_queues_remap(fn);
	vsim_nic_unlock(fn->nic);
	return ret;
}

int
vsim_fn_dma_map(struct vsim_fn *fn, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct vsim_dma_piece piece = { .iova = iova, .size = size, .prot = prot };

	if (((iova | size | offset) & (VSIM_DMA_PAGE - 1)) != 0 || offset > INT64_MAX - size)
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	return dma_map(fn, &piece, fd, offset);
}

int
vsim_fn_dma_map_ptr(struct vsim_fn *fn, uint64_t iova, uint64_t size, int prot, void *ptr)
{
	struct vsim_dma_piece piece = { .iova = iova,
		.size = size,
		.prot = prot,
		.ptr = ptr,
		.window = -1 };

	if (ptr == NULL)
		return -EINVAL;
	return dma_map(fn, &piece, -1, 0);
}

int
vsim_fn_dma_unmap(struct vsim_fn *fn, uint64_t iova, uint64_t size)
{
	int ret;

	if (size == 0 || iova > UINT64_MAX - size)
		return -EINVAL;
	vsim_nic_lock(fn->nic);
	ret = vsim_dma_remove(fn->dma, iova, size);
	if (ret == 0)
		vsim_queues_remap(fn);
	vsim_nic_unlock(fn->nic);
	return ret;
}

void
vsim_fn_dma_unmap_all(struct vsim_fn *fn)
{
	vsim_nic_lock(fn->nic);
	vsim_dma_clear(fn->dma);
	vsim_queues_remap(fn);
	vsim_nic_unlock(fn->nic);
}

/* ---------------------------------------------------------------- interrupts */

int
vsim_fn_irq_set(struct vsim_fn *fn, uint16_t vector, int eventfd)
{
	int fd = -1;

	if (vector >= fn->nic->nb_vectors)
		return -EINVAL;
	if (eventfd >= 0) {
		if (!base_is_eventfd(eventfd))
			return -EINVAL;
		fd = fcntl(eventfd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	}
	vsim_nic_lock(fn->nic);
	if (fn->irq_fd[vector] >= 0) {
		close(fn->irq_fd[vector]);
		fn->nb_irq_fds--;
	}
	fn->irq_fd[vector] = fd;
	if (fd >= 0)
		fn->nb_irq_fds++;
	vsim_msix_connect(fn, vector, fd >= 0);
	vsim_nic_unlock(fn->nic);
	return 0;
}

int
vsim_fn_irq_trigger(struct vsim_fn *fn, uint16_t vector)
{
	if (vector >= fn->nic->nb_vectors)
		return -EINVAL;
	vsim_nic_lock(fn->nic);
	vsim_irq_raise(fn, vector);
	vsim_nic_unlock(fn->nic);
	return 0;
}

/* ---------------------------------------------------------------- VFs come and go */

/* Change of the VFs by an access: collected under the lock, handled without it. */
struct vfs_change {
	uint16_t before, after;
	bool holds[VSIM_MAX_FNS]; /**< VFs that were removed and still have maps or eventfds. */
};

/* Call at the end of the access, under the lock. */
static void
vfs_change_note(struct vfs_change *change, const struct vsim_nic *nic, uint16_t before)
{
	change->before = before;
	change->after = nic->num_vfs;
	if (change->before == change->after)
		return;
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++)
		change->holds[i] = nic->all[i] != NULL && nic->fns[i] == NULL &&
				(nic->all[i]->nb_irq_fds > 0 || vsim_dma_bytes(nic->all[i]) > 0);
}

/* Remove maps and eventfds of VFs that were removed. Without the lock. */
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
}

void
vsim_nic_faults(struct vsim_nic *nic, const struct vsim_faults *faults)
{
	vsim_nic_lock(nic);
	nic->fault = *faults;
	vsim_nic_unlock(nic);
}

/* ---------------------------------------------------------------- regions */

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
	int ret = -EINVAL;

	vsim_nic_lock(nic);
	if (nic->fns[fn->index] != fn)
		ret = -ENODEV;
	else if (region == VSIM_REGION_CONFIG)
		ret = vsim_config_read(fn, offset, data, len);
	else if (region == VSIM_BAR)
		ret = vsim_bar_read(fn, offset, data, len);
	vsim_nic_unlock(nic);
	if (ret < 0)
		memset(data, 0xff, len);
	return ret;
}

int
vsim_fn_write(struct vsim_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len)
{
	struct vsim_nic *nic = fn->nic;
	struct vfs_change change;
	uint16_t before;
	int ret = -EINVAL;

	vsim_nic_lock(nic);
	before = nic->num_vfs;
	if (nic->fns[fn->index] != fn)
		ret = -ENODEV;
	else if (region == VSIM_REGION_CONFIG)
		ret = vsim_config_write(fn, offset, data, len);
	else if (region == VSIM_BAR)
		ret = vsim_bar_write(fn, offset, data, len);
	vfs_change_note(&change, nic, before);
	vsim_nic_unlock(nic);
	vfs_change_settle(&change, nic);
	return ret;
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
	/* Without VIRTIO_NET_F_MAC the configuration has no address, but the function has one. */
	memcpy(state->mac,
			vsim_features_has(&fn->offered, VIRTIO_NET_F_MAC) ? fn->net_config.mac :
									    fn->mac,
			6);
	vsim_nic_unlock(nic);
}

int
vsim_fn_mem_fd(const struct vsim_fn *fn, uint64_t *size)
{
	if (size != NULL)
		*size = fn->mem_size;
	return fn->mem_fd;
}

int
vsim_fn_mem_renew(struct vsim_fn *fn)
{
	int ret;

	vsim_nic_lock(fn->nic);
	ret = fn->nic->fns[fn->index] == fn ? vsim_fn_mem_create(fn) : -ENODEV;
	vsim_nic_unlock(fn->nic);
	return ret;
}

/* ---------------------------------------------------------------- cable, address, MTU, error */

/* A field of a feature changed. A driver that did not accept the feature gets no interrupt. */
static void
config_changed(struct vsim_fn *fn, unsigned int feature)
{
	if (vsim_features_has(&fn->accepted, feature))
		vsim_fn_config_changed(fn);
	else
		fn->config_stale = true;
}

void
vsim_fn_link_set(struct vsim_fn *fn, bool up)
{
	struct vsim_nic *nic = fn->nic;
	uint16_t status;

	vsim_nic_lock(nic);
	if (fn->link_up == up)
		goto unlock;
	fn->link_up = up;
	if (!vsim_features_has(&fn->offered, VIRTIO_NET_F_STATUS))
		goto unlock;
	status = up ? VIRTIO_NET_S_LINK_UP : 0;
	/* The cable may be connected to another network, which has to learn the address (virtio
	 * 1.4 5.1.9.5.4 "Gratuitous Packet Sending"). */
	if (up && vsim_features_has(&fn->accepted, VIRTIO_NET_F_STATUS) &&
			(fn->status & VIRTIO_STATUS_DRIVER_OK) &&
			vsim_features_has(&fn->accepted, VIRTIO_NET_F_GUEST_ANNOUNCE))
		status |= VIRTIO_NET_S_ANNOUNCE;
	fn->net_config.status = htole16(status);
	config_changed(fn, VIRTIO_NET_F_STATUS);
unlock:
	vsim_nic_unlock(nic);
}

int
vsim_fn_mac_set(struct vsim_fn *fn, const uint8_t mac[6])
{
	static const uint8_t none[6];

	if ((mac[0] & 1) || memcmp(mac, none, sizeof(none)) == 0)
		return -EINVAL;
	vsim_nic_lock(fn->nic);
	memcpy(fn->mac, mac, sizeof(fn->mac));
	vsim_filter_set_own_mac(fn, mac);
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MAC)) {
		memcpy(fn->net_config.mac, mac, sizeof(fn->net_config.mac));
		config_changed(fn, VIRTIO_NET_F_MAC);
	}
	vsim_nic_unlock(fn->nic);
	return 0;
}

int
vsim_fn_mtu_set(struct vsim_fn *fn, uint16_t mtu)
{
	/* Wires have buffers for the MTU of the configuration. */
	if (mtu < VIRTIO_NET_MTU_MIN || mtu > fn->nic->conf.mtu)
		return -EINVAL;
	vsim_nic_lock(fn->nic);
	fn->mtu = mtu;
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MTU)) {
		fn->net_config.mtu = htole16(mtu);
		config_changed(fn, VIRTIO_NET_F_MTU);
	}
	vsim_nic_unlock(fn->nic);
	return 0;
}

int
vsim_fn_break(struct vsim_fn *fn)
{
	int ret = -ENOTCONN;

	vsim_nic_lock(fn->nic);
	if (fn->status != 0) {
		vsim_fn_broken(fn);
		ret = 0;
	}
	vsim_nic_unlock(fn->nic);
	return ret;
}
