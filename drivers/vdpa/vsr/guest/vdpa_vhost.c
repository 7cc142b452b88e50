/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Copy what rte_vhost knows of a guest. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vdpa_driver.h>

#include "vdpa_vhost.h"

/* ------------------------------------------------------------------ memory */

int
vdpa_vhost_memory(int vid, struct vdpa_regions *regions)
{
	struct rte_vhost_memory *mem;

	*regions = (struct vdpa_regions){ 0 };
	if (rte_vhost_get_mem_table(vid, &mem) != 0)
		return -ENODEV;
	regions->at = calloc(mem->nregions + 1, sizeof(*regions->at));
	for (uint32_t i = 0; regions->at != NULL && i < mem->nregions; i++) {
		const struct rte_vhost_mem_region *from = &mem->regions[i];
		struct stat st = { 0 };

		if (fstat(from->fd, &st) != 0)
			st.st_ino = 0;
		regions->at[regions->nb++] = (struct vdpa_region){
			.gpa = from->guest_phys_addr,
			.size = from->size,
			.va = (uint8_t *)(uintptr_t)from->host_user_addr,
			.dev = st.st_dev,
			.ino = st.st_ino,
			.offset = from->host_user_addr - (uintptr_t)from->mmap_addr,
		};
	}
	free(mem);
	return regions->at == NULL ? -ENOMEM : 0;
}

void
vdpa_regions_free(struct vdpa_regions *regions)
{
	free(regions->at);
	*regions = (struct vdpa_regions){ 0 };
}

/* Guest physical address of len bytes at va. @return false: they are not in one region. */
static bool
gpa_of(const struct vdpa_regions *memory, const void *va, uint64_t len, uint64_t *gpa)
{
	for (unsigned int i = 0; i < memory->nb; i++) {
		const struct vdpa_region *r = &memory->at[i];
		const uint64_t at = (uintptr_t)va - (uintptr_t)r->va;

		if ((uintptr_t)va < (uintptr_t)r->va || at >= r->size || len > r->size - at)
			continue;
		*gpa = r->gpa + at;
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ rings */

void
vdpa_ring_clear(struct vdpa_ring *ring)
{
	if (ring->kick_fd >= 0)
		close(ring->kick_fd);
	if (ring->call_fd >= 0)
		close(ring->call_fd);
	*ring = (struct vdpa_ring){ .kick_fd = -1, .call_fd = -1 };
}

/* A copy, since rte_vhost closes its own descriptors without saying so. */
static int
fd_copy(int fd, int *copy)
{
	*copy = -1;
	if (fd < 0)
		return 0;
	*copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return *copy < 0 ? -errno : 0;
}

static bool
areas_find(const struct vdpa_regions *memory, bool packed, struct vdpa_ring *ring)
{
	const uint64_t event = sizeof(struct pvirtq_event_suppress);

	if (ring->desc_va == NULL || ring->driver_va == NULL || ring->device_va == NULL)
		return false;
	return gpa_of(memory, ring->desc_va, VIRTQ_DESC_BYTES(ring->size), &ring->desc) &&
			gpa_of(memory, ring->driver_va,
					packed ? event : VIRTQ_AVAIL_BYTES(ring->size),
					&ring->driver) &&
			gpa_of(memory, ring->device_va,
					packed ? event : VIRTQ_USED_BYTES(ring->size),
					&ring->device);
}

int
vdpa_vhost_ring(int vid, const struct vdpa_regions *memory, uint16_t index, bool packed,
		struct vdpa_ring *ring)
{
	struct rte_vhost_vring from;
	uint16_t used;
	int ret;

	vdpa_ring_clear(ring);
	memset(&from, 0, sizeof(from));
	if (index >= rte_vhost_get_vring_num(vid) ||
			rte_vhost_get_vhost_vring(vid, index, &from) != 0)
		return 0;
	ring->size = (uint16_t)from.size;
	if (from.size == 0 || from.size > VIRTQ_SIZE_MAX ||
			(!packed && (from.size & (from.size - 1)) != 0) || from.kickfd < 0)
		return 0;
	ring->desc_va = (uint8_t *)from.desc;
	ring->driver_va = (uint8_t *)from.avail;
	ring->device_va = (uint8_t *)from.used;
	if (!areas_find(memory, packed, ring) ||
			rte_vhost_get_vring_base(vid, index, &ring->base, &used) != 0)
		return 0;
	ret = fd_copy(from.kickfd, &ring->kick_fd);
	if (ret == 0)
		ret = fd_copy(from.callfd, &ring->call_fd);
	if (ret != 0) {
		vdpa_ring_clear(ring);
		return ret;
	}
	ring->set_up = true;
	return 0;
}

void
vdpa_vhost_base_set(int vid, uint16_t index, uint16_t base)
{
	rte_vhost_set_vring_base(vid, index, base, base);
}

/* ------------------------------------------------------------------ features */

uint64_t
vdpa_vhost_features(int vid)
{
	uint64_t features = 0;

	return rte_vhost_get_negotiated_features(vid, &features) == 0 ? features : 0;
}

bool
vdpa_vhost_says_complete(int vid)
{
	uint64_t protocol = 0;

	return rte_vhost_get_negotiated_protocol_features(vid, &protocol) == 0 &&
			(protocol >> VHOST_USER_PROTOCOL_F_STATUS & 1) != 0;
}

bool
vdpa_vhost_logs(uint64_t features)
{
	return (features >> VHOST_F_LOG_ALL & 1) != 0;
}

void
vdpa_vhost_log(int vid, uint64_t gpa, uint64_t len)
{
	rte_vhost_log_write(vid, gpa, len);
}

bool
vdpa_vhost_notifier(int vid, uint16_t index, bool on)
{
	return rte_vhost_host_notifier_ctrl(vid, index, on) == 0;
}
