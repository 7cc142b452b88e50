/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The admin queue of a PF. */

#include <errno.h>

#include <rte_errno.h>

#include "virtio/vio_err.h"
#include "daemon/events.h"
#include "daemon/log.h"

#include "owner_admin.h"
#include "owner_keep.h"

static void
admin_dead(void *arg, unsigned int queue, const char *err)
{
	struct owner_pf *pf = arg;

	pf->admin_dead = true;
	log_error("%s: admin queue %u is dead: %s", pf->fn.bdf, queue, err);
	events_emit("admin_queue_dead",
			json_pack("{s:s, s:i, s:s}", "pf", pf->fn.bdf, "queue", (int)queue, "why",
					err));
}

/* Create the memory of queues and map it for DMA. */
static int
memory_ready(struct owner_pf *pf, struct err *err)
{
	int ret;

	if (pf->memory.addr != NULL)
		return 0;
	if (pf->map_left && (ret = owner_memory_unmap(pf)) != 0)
		return err_set(err, ret, "it may still reach the memory of its old queues: %s",
				vio_err());
	ret = memory_create(&pf->memory, pf->fn.bdf, -1, err);
	if (ret != 0)
		return ret;
	ret = vio_vfio_dma_map(&pf->vfio, pf->memory.addr, MEMORY_BYTES, MEMORY_IOVA);
	if (ret == 0)
		return 0;
	memory_free(&pf->memory);
	return err_set(err, ret, "%s", vio_err());
}

static int
admin_enable(struct owner_pf *pf, struct err *err)
{
	const struct vio_admin_conf conf = { .name = pf->memory.heap,
		.socket = pf->memory.socket,
		.max_queues = 4,
		.on_dead = admin_dead,
		.on_dead_arg = pf,
		.stop = &pf->owner->stopping };
	int ret = vio_vfio_bus_master(&pf->vfio);

	if (ret != 0)
		return err_set(err, ret, "%s", vio_err());
	if (pf->admin == NULL)
		pf->admin = vio_admin_create(&pf->dev, &conf);
	if (pf->admin == NULL)
		return err_set(err, -rte_errno, "%s", vio_err());
	ret = vio_admin_enable(pf->admin);
	return ret == 0 ? 0 : err_set(err, ret, "%s", vio_err());
}

void
owner_admin_agree(struct owner_pf *pf)
{
	int ret;

	pf->agree_again = false;
	if (pf->admin == NULL)
		return;
	ret = vio_admin_agree(pf->admin, VIO_SELF, VIRTIO_ADMIN_LIST_ALL, NULL);
	pf->agree_again = ret == -EBUSY;
	if (ret != 0)
		log_warn("%s: no commands for the PF itself: %s", pf->fn.bdf, vio_err());
	if (pf->fn.num_vfs == 0) {
		vio_admin_forget(pf->admin, VIO_SRIOV);
		return;
	}
	ret = vio_admin_agree(pf->admin, VIO_SRIOV, VIRTIO_ADMIN_LIST_ALL, NULL);
	pf->agree_again = pf->agree_again || ret == -EBUSY;
	if (ret != 0)
		log_warn("%s: no commands for its VFs: %s", pf->fn.bdf, vio_err());
}

void
owner_admin_start(struct owner_pf *pf)
{
	int ret = 0;

	if (!vio_dev_has(&pf->dev, VIRTIO_F_ADMIN_VQ)) {
		err_set(&pf->admin_err, 0,
				"%s has no admin queue (it does not offer "
				"VIRTIO_F_ADMIN_VQ)",
				pf->fn.bdf);
		return;
	}
	ret = memory_ready(pf, &pf->admin_err);
	if (ret == 0)
		ret = admin_enable(pf, &pf->admin_err);
	if (ret == 0) {
		vio_dev_driver_ok(&pf->dev);
		owner_admin_agree(pf);
		return;
	}
	/* The device was reset, and uses no queue before DRIVER_OK (virtio 1.4 3.1.1). */
	vio_admin_free(pf->admin);
	pf->admin = NULL;
	log_error("%s: cannot use its admin queue: %s", pf->fn.bdf, pf->admin_err.text);
}

int
owner_admin_ready(struct owner_pf *pf, unsigned int vf, struct err *err)
{
	if (pf->admin == NULL) {
		*err = pf->admin_err;
		return -EOPNOTSUPP;
	}
	if (vf > pf->fn.num_vfs)
		return err_set(err, -ENXIO, "%s has no VF %u: it has %u VFs", pf->fn.bdf, vf,
				pf->fn.num_vfs);
	return 0;
}
