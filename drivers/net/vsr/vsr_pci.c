/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Probe and remove virtio network devices on the PCI bus. */

#include <errno.h>

#include <bus_pci_driver.h>
#include <ethdev_pci.h>
#include <rte_pci.h>

#include "../../common_class.h"
#include "../../common_pmdinfo.h"
#include "virtio/vio_err.h"
#include "vsr_ethdev.h"
#include "vsr_pmdinfo.h"

static const struct rte_pci_id vsr_ids[] = {
	VSR_PCI_IDS,
	{ .vendor_id = 0 },
};

static int
config_read(void *arg, uint32_t offset, void *data, size_t len)
{
	const int n = rte_pci_read_config(arg, data, len, offset);

	if (n < 0)
		return -EIO;
	return (size_t)n == len ? 0 : -EINVAL;
}

static int
transport_init(struct rte_pci_device *pci_dev, struct vsr_dev *dev)
{
	uint64_t bar_len[VIO_PCI_BARS];
	void *bar[VIO_PCI_BARS];
	struct vio_pci_layout layout;
	int ret;

	for (int i = 0; i < VIO_PCI_BARS; i++) {
		bar[i] = pci_dev->mem_resource[i].addr;
		bar_len[i] = bar[i] == NULL ? 0 : pci_dev->mem_resource[i].len;
	}
	ret = vio_pci_layout_read(config_read, pci_dev, bar_len, &layout);
	if (ret == -ENODEV) { /* legacy device, for other drivers: virtio 1.4 4.1.2.1 */
		VSR_LOG(NOTICE, dev, "%s, which is left to others", vio_err());
		return 1;
	}
	if (ret != 0) {
		VSR_LOG(ERR, dev, "%s", vio_err());
		return ret;
	}
	return vio_pci_init(&dev->pci, &layout, bar);
}

/* A device that has not finished its reset may still access memory. It cannot without bus
 * mastering, which the kernel switches off too when it closes the device. */
static void
pci_close(struct rte_eth_dev *eth_dev)
{
	if (vsr_dev_of(eth_dev)->vio.resetting)
		rte_pci_set_bus_master(RTE_ETH_DEV_TO_PCI(eth_dev), false);
	rte_pci_unmap_device(RTE_ETH_DEV_TO_PCI(eth_dev));
}

static int
port_init(struct rte_eth_dev *eth_dev)
{
	struct rte_pci_device *pci_dev = RTE_ETH_DEV_TO_PCI(eth_dev);
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const char *args = pci_dev->device.devargs == NULL ? NULL : pci_dev->device.devargs->args;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		ret = vsr_eth_init_secondary(eth_dev);
		/* Another driver has the port in the primary process, and so in this one. */
		return ret == -ENODEV ? 1 : ret;
	}
	snprintf(dev->name, sizeof(dev->name), "%s", pci_dev->device.name);
	dev->socket = pci_dev->device.numa_node;
	ret = transport_init(pci_dev, dev);
	if (ret != 0)
		return ret;
	/* Without ACCESS_PLATFORM the device bypasses the IOMMU (virtio 1.4 6.2). */
	dev->platform_only = rte_eal_iova_mode() == RTE_IOVA_VA;
	ret = vsr_eth_init(eth_dev, &dev->pci.t, args);
	if (ret != 0)
		return ret;
	dev->bus_close = pci_close;
	dev->intr = pci_dev->intr_handle;
	/* No link interrupts if the device or VFIO cannot report a change. */
	if (!vsr_has(dev, VIRTIO_NET_F_STATUS) || dev->vio.t->nb_vectors == 0 ||
			rte_intr_type_get(dev->intr) != RTE_INTR_HANDLE_VFIO_MSIX)
		eth_dev->data->dev_flags &= ~RTE_ETH_DEV_INTR_LSC;
	return 0;
}

/* Log an error if the user named the device with -a; else the device is just one of the machine. */
static void
log_if_named(const struct rte_pci_device *pci_dev, const char *err)
{
	if (pci_dev->device.devargs != NULL)
		rte_log(RTE_LOG_ERR, (uint32_t)vsr_logtype, "net_vsr: %s: %s\n",
				pci_dev->device.name, err);
}

static int
map(struct rte_pci_device *pci_dev)
{
	int ret;

	if (pci_dev->kdrv == RTE_PCI_KDRV_NONE || pci_dev->kdrv == RTE_PCI_KDRV_UNKNOWN) {
		log_if_named(pci_dev,
				"the device is not bound to vfio-pci: "
				"bind it with dpdk-devbind.py -b vfio-pci");
		return 1;
	}
	ret = rte_pci_map_device(pci_dev);
	if (ret != 0)
		log_if_named(pci_dev,
				"the device cannot be opened: it is in use elsewhere, or its PF "
				"has a VF token (--vfio-vf-token)");
	return ret;
}

static int
vsr_probe(struct rte_pci_driver *driver, struct rte_pci_device *pci_dev)
{
	const bool primary = rte_eal_process_type() == RTE_PROC_PRIMARY;
	int ret = 0;

	if (vsr_class_is_vdpa(pci_dev->device.devargs))
		return 1; /* of vdpa_vsr */
	if (primary)
		ret = map(pci_dev);
	if (ret != 0)
		return ret;
	ret = rte_eth_dev_pci_generic_probe(pci_dev, sizeof(struct vsr_dev), port_init);
	if (ret != 0 && primary)
		rte_pci_unmap_device(pci_dev);
	return ret;
}

static int
vsr_remove(struct rte_pci_device *pci_dev)
{
	return rte_eth_dev_pci_generic_remove(pci_dev, vsr_eth_close);
}

static struct rte_pci_driver vsr_pmd = {
	.id_table = vsr_ids,
	.drv_flags = RTE_PCI_DRV_INTR_LSC,
	.probe = vsr_probe,
	.remove = vsr_remove,
};

RTE_PMD_REGISTER_PCI(net_vsr, vsr_pmd);
RTE_PMD_REGISTER_PCI_TABLE(net_vsr, vsr_ids);
RTE_PMD_REGISTER_KMOD_DEP(net_vsr, VSR_KMODS);
RTE_PMD_REGISTER_PARAM_STRING(net_vsr, VSR_PARAMS);

/* Read from the file by dpdk-pmdinfo.py, never by the program. */
static const char vsr_pmdinfo[] __rte_used = VSR_PMDINFO("net_vsr", VSR_PARAMS);
