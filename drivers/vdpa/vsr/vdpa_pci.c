/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Probe and remove VFs on the PCI bus. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bus_pci_driver.h>
#include <rte_eal.h>
#include <rte_pci.h>

#include "../../common_class.h"
#include "../../common_pmdinfo.h"
#include "virtio/vio_err.h"
#include "vdpa_control.h"
#include "vdpa_ops.h"
#include "vdpa_pmdinfo.h"

static const struct rte_pci_id vdpa_ids[] = {
	VSR_PCI_IDS,
	{ .vendor_id = 0 },
};

/* A device that is in the list, and that rte_vdpa does not know. */
static void
dev_destroy(struct vdpa_dev *dev)
{
	vdpa_dev_list_del(dev);
	vdpa_control_del(dev);
	vdpa_dev_close(dev);
	vdpa_dev_free(dev);
}

static int
dev_create(struct rte_pci_device *pci_dev)
{
	struct vdpa_dev *dev = vdpa_dev_create(pci_dev->device.name, rte_pci_get_sysfs_path());
	int ret;

	if (dev == NULL)
		return -ENOMEM;
	ret = vdpa_args_parse(&dev->args, dev->name, pci_dev->device.devargs->args);
	if (ret != 0) {
		vdpa_dev_free(dev);
		return ret;
	}
	ret = vdpa_dev_open(dev);
	if (ret == 0)
		ret = vdpa_control_add(dev);
	if (ret != 0) {
		VDPA_LOG(ERR, dev->name, "%s", vio_err());
		vdpa_dev_close(dev);
		vdpa_dev_free(dev);
		return ret;
	}
	/* From here on rte_vhost may ask. */
	vdpa_dev_list_add(dev);
	dev->vdpa = rte_vdpa_register_device(&pci_dev->device, &vdpa_ops);
	if (dev->vdpa != NULL)
		return 0;
	VDPA_LOG(ERR, dev->name, "rte_vdpa does not accept the device");
	dev_destroy(dev);
	return -EEXIST;
}

static int
vdpa_probe(struct rte_pci_driver *driver, struct rte_pci_device *pci_dev)
{
	if (!vsr_class_is_vdpa(pci_dev->device.devargs))
		return 1; /* of net_vsr */
	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VDPA_LOG(ERR, pci_dev->device.name, "a device is of the primary process only");
		return -EPERM;
	}
	return dev_create(pci_dev);
}

/* rte_vhost keeps a pointer to the device as long as a guest is attached. */
static int
vdpa_remove(struct rte_pci_device *pci_dev)
{
	struct vdpa_dev *dev = vdpa_dev_get_name(pci_dev->device.name);
	bool busy;

	if (dev == NULL)
		return -ENODEV;
	pthread_mutex_lock(&dev->lock);
	busy = dev->state != VDPA_IDLE;
	pthread_mutex_unlock(&dev->lock);
	vdpa_dev_put(dev);
	if (busy) {
		VDPA_LOG(ERR, dev->name, "the device has a guest: detach it first");
		return -EBUSY;
	}
	rte_vdpa_unregister_device(dev->vdpa);
	dev_destroy(dev);
	return 0;
}

static struct rte_pci_driver vdpa_driver = {
	.id_table = vdpa_ids,
	.probe = vdpa_probe,
	.remove = vdpa_remove,
};

RTE_PMD_REGISTER_PCI(vdpa_vsr, vdpa_driver);
RTE_PMD_REGISTER_PCI_TABLE(vdpa_vsr, vdpa_ids);
RTE_PMD_REGISTER_KMOD_DEP(vdpa_vsr, VSR_KMODS);
RTE_PMD_REGISTER_PARAM_STRING(vdpa_vsr, VDPA_PARAMS);

/* Read from the file by dpdk-pmdinfo.py, never by the program. */
static const char vdpa_pmdinfo[] __rte_used = VSR_PMDINFO("vdpa_vsr", VDPA_PARAMS);
