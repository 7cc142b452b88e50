/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The PASID state of a PF, which its VFs share. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtio_spec/pci.h"

#include "vsrd/owner/pasid.h"

#define EXT_START 0x100
#define CFG_BYTES 4096

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

/* Offset of an extended capability, 0: none. The list may be a circle: limit the steps. */
static unsigned int
find_ext(const uint8_t *cfg, uint16_t id)
{
	unsigned int at = EXT_START;

	for (unsigned int steps = 0; steps < (CFG_BYTES - EXT_START) / 4; steps++) {
		if (at < EXT_START || at > CFG_BYTES - 8)
			return 0;
		if (get16(cfg + at) == id)
			return at;
		at = get16(cfg + at + 2) >> 4 & ~3u;
	}
	return 0;
}

int
pasid_read(const char *sysfs, const char *bdf, struct pasid_state *state)
{
	uint8_t cfg[CFG_BYTES] = { 0 };
	char path[PATH_MAX];
	unsigned int at;
	uint16_t control;
	ssize_t len;
	int fd;

	memset(state, 0, sizeof(*state));
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", sysfs, bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, cfg, sizeof(cfg));
	close(fd);
	if (len < 0)
		return -EIO;
	at = find_ext(cfg, PCI_EXT_CAPABILITY_PASID);
	if (at == 0)
		return 0;
	control = get16(cfg + at + PCI_PASID_CTRL);
	state->present = true;
	state->max_width = cfg[at + PCI_PASID_CAP + 1] & 0x1f;
	state->enabled = (control & PCI_PASID_CTRL_ENABLE) != 0;
	state->execute = state->enabled && (control & PCI_PASID_CTRL_EXEC) != 0;
	state->privileged = state->enabled && (control & PCI_PASID_CTRL_PRIV) != 0;
	return 0;
}

int
pasid_acquire(struct pasid_users *users, const struct pasid_state *state, const void *owner,
		unsigned int vf, int pid)
{
	if (!state->enabled)
		return -EINVAL;
	for (size_t i = 0; i < users->nb; i++)
		if (users->v[i].owner == owner && users->v[i].vf == vf)
			return 0;
	if (users->nb == PASID_MAX_USERS)
		return -ENOSPC;
	users->v[users->nb++] = (struct pasid_user){ .owner = owner, .vf = vf, .pid = pid };
	return 0;
}

bool
pasid_has(const struct pasid_users *users, const void *owner)
{
	for (size_t i = 0; i < users->nb; i++)
		if (users->v[i].owner == owner)
			return true;
	return false;
}

void
pasid_release(struct pasid_users *users, const void *owner, unsigned int vf)
{
	for (size_t i = 0; i < users->nb;) {
		if (users->v[i].owner == owner && (vf == 0 || users->v[i].vf == vf))
			users->v[i] = users->v[--users->nb];
		else
			i++;
	}
}
