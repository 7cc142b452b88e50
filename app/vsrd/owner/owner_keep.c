/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Descriptors of PFs that outlive the process. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtio/vio_err.h"
#include "daemon/log.h"

#include "owner_keep.h"

static const char *const kept_parts[OWNER_KEPT_PARTS] = { "container", "group", "device" };

/* Names in systemd's store have no ':'. */
static void
kept_name(char name[64], const char *bdf, const char *part)
{
	snprintf(name, 64, "%s.%s", bdf, part);
	for (char *at = name; *at != '\0'; at++)
		if (*at == ':')
			*at = '-';
}

bool
owner_is_sent(const struct owner_pf *pf)
{
	return pf->nb_sent == OWNER_KEPT_PARTS && (pf->memory.addr == NULL || pf->memory_kept);
}

void
owner_keep(struct owner_pf *pf)
{
	const int fds[] = { pf->vfio.container, pf->vfio.group, pf->vfio.device };
	char name[64];
	int ret = 0;

	/* Each one once: a name that the keeper has twice takes two of its places. */
	while (pf->nb_sent < OWNER_KEPT_PARTS && ret == 0) {
		kept_name(name, pf->fn.bdf, kept_parts[pf->nb_sent]);
		ret = fdstore_keep(name, fds[pf->nb_sent]);
		pf->nb_sent += ret == 0;
	}
	/* The container has the memory of the queues mapped: keep both or neither. */
	if (ret == 0 && pf->memory.addr != NULL && !pf->memory_kept) {
		kept_name(name, pf->fn.bdf, "memory");
		ret = fdstore_keep(name, pf->memory.fd);
		pf->memory_kept = ret == 0;
	}
	if (ret == 0)
		ret = fdstore_flush();
	pf->kept = ret == 0;
	pf->keep_again = ret == -ETIMEDOUT;
	/* What was sent to a keeper that is gone is gone too. */
	if (ret != 0 && ret != -ETIMEDOUT) {
		pf->nb_sent = 0;
		pf->memory_kept = false;
	}
	if (ret == -ETIMEDOUT)
		log_warn("%s: the keeper does not answer: it is asked again whether it has the "
			 "descriptors",
				pf->fn.bdf);
	else if (!pf->kept)
		log_warn("%s: nobody keeps its descriptors: when vsrd ends it is reset, and its "
			 "VFs lose their state; run vsrd by systemd or vsrd-keeper",
				pf->fn.bdf);
}

void
owner_forget(const struct owner_pf *pf)
{
	char name[64];

	for (unsigned int i = 0; i < 3; i++) {
		kept_name(name, pf->fn.bdf, kept_parts[i]);
		fdstore_forget(name);
	}
	kept_name(name, pf->fn.bdf, "memory");
	fdstore_forget(name);
	fdstore_flush();
}

void
owner_memory_left_free(struct owner_pf *pf)
{
	vio_admin_free(pf->left_admin);
	pf->left_admin = NULL;
	if (pf->left.addr != NULL)
		memory_free(&pf->left);
	pf->map_left = false;
}

int
owner_memory_unmap(struct owner_pf *pf)
{
	const int ret = vio_vfio_dma_unmap_all(&pf->vfio);

	if (ret == 0)
		owner_memory_left_free(pf);
	return ret;
}

void
owner_memory_drop(struct owner_pf *pf)
{
	char name[64];

	/* If the IOMMU keeps the map, the device may still write: leave the memory as it is, so
	 * that nobody else gets it. There is no second one: while a map is left, no memory is made
	 * (owner_admin_start()). */
	if (owner_memory_unmap(pf) != 0) {
		log_error("%s: the memory of its queues cannot be taken away from it: %s",
				pf->fn.bdf, vio_err());
		pf->map_left = true;
		if (pf->memory.addr != NULL) {
			pf->left = pf->memory;
			pf->left_admin = pf->admin;
			pf->memory = (struct memory){ .fd = -1 };
			pf->admin = NULL;
		}
	}
	vio_admin_free(pf->admin);
	pf->admin = NULL;
	memory_free(&pf->memory);
	kept_name(name, pf->fn.bdf, "memory");
	fdstore_forget(name);
	pf->memory_kept = false;
}

/*
 * Take over the memory of queues of an earlier process, once the device does not use it any more.
 * Otherwise drop it: a reset that does not end, or memory of another version of vsrd.
 */
static void
memory_take(struct owner_pf *pf, int fd)
{
	struct err err;

	vio_dev_init(&pf->dev, &pf->vfio.t);
	if (fd >= 0 && !memory_fits(fd)) {
		log_info("%s: the memory of its queues is of another version of vsrd and is "
			 "replaced",
				pf->fn.bdf);
		close(fd);
	} else if (fd >= 0 && vio_dev_reset(&pf->dev) == 0) {
		pf->memory_kept = memory_create(&pf->memory, pf->fn.bdf, fd, &err) == 0;
		if (!pf->memory_kept)
			log_error("%s: %s", pf->fn.bdf, err.text);
	} else if (fd >= 0) {
		close(fd);
	}
	if (!pf->memory_kept)
		owner_memory_drop(pf);
}

bool
owner_take_kept(struct owner_pf *pf, struct fdstore *store)
{
	int fds[3] = { -1, -1, -1 }, memory;
	char name[64];
	bool all = true;

	for (unsigned int i = 0; i < 3; i++) {
		kept_name(name, pf->fn.bdf, kept_parts[i]);
		fds[i] = fdstore_take(store, name);
		all = all && fds[i] >= 0;
	}
	kept_name(name, pf->fn.bdf, "memory");
	memory = fdstore_take(store, name);
	if (all && vio_vfio_adopt(&pf->vfio, fds[0], fds[1], fds[2]) != 0) {
		log_error("%s: its kept descriptors cannot be used: %s", pf->fn.bdf, vio_err());
		all = false;
	} else if (!all) {
		for (unsigned int i = 0; i < 3; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (all) {
		memory_take(pf, memory);
		return true;
	}
	if (memory >= 0)
		close(memory);
	owner_forget(pf);
	return false;
}

bool
owner_has_kept(const struct fdstore *store, const char *bdf)
{
	char name[64];

	for (unsigned int part = 0; part < 3; part++) {
		kept_name(name, bdf, kept_parts[part]);
		for (size_t i = 0; i < store->nb; i++)
			if (strcmp(store->fds[i].name, name) == 0)
				return true;
	}
	return false;
}
