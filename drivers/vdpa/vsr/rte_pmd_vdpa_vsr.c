/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Functions of this driver that applications may call directly. */

#include <errno.h>
#include <string.h>

#include "base/vdpa_dev.h"
#include "base/vdpa_features.h"
#include "rte_pmd_vdpa_vsr.h"

void
rte_pmd_vdpa_vsr_event_set(rte_pmd_vdpa_vsr_event_fn fn, void *arg)
{
}

int
rte_pmd_vdpa_vsr_info_get(const char *name, struct rte_pmd_vdpa_vsr_info *info)
{
	const struct vdpa_dev *dev = vdpa_dev_find_name(name);

	if (dev == NULL)
		return -ENODEV;
	*info = (struct rte_pmd_vdpa_vsr_info){
		.wanted = dev->args.relay ? RTE_PMD_VDPA_VSR_RELAY : RTE_PMD_VDPA_VSR_DIRECT,
		.vid = -1,
		.max_pairs = dev->max_pairs,
		.link_up = dev->config.link_up,
		.mtu = dev->config.mtu,
		.speed = dev->config.speed,
		.features_device = dev->device.w[0],
		.features_offered = vdpa_features_offered(&dev->device),
	};
	memcpy(info->mac, dev->config.mac, sizeof(info->mac));
	vdpa_dev_list_unlock();
	return 0;
}

int
rte_pmd_vdpa_vsr_queue_info_get(const char *name, uint16_t queue,
		struct rte_pmd_vdpa_vsr_queue_info *info)
{
	const struct vdpa_dev *dev = vdpa_dev_find_name(name);
	int ret;

	if (dev == NULL)
		return -ENODEV;
	ret = queue < 2 * dev->max_pairs ? 0 : -EINVAL;
	if (ret == 0)
		*info = (struct rte_pmd_vdpa_vsr_queue_info){ 0 };
	vdpa_dev_list_unlock();
	return ret;
}

int
rte_pmd_vdpa_vsr_mode_set(const char *name, enum rte_pmd_vdpa_vsr_mode wanted)
{
	struct vdpa_dev *dev = vdpa_dev_find_name(name);
	int ret = 0;

	if (dev == NULL)
		return -ENODEV;
	if (wanted == RTE_PMD_VDPA_VSR_DIRECT || wanted == RTE_PMD_VDPA_VSR_RELAY)
		dev->args.relay = wanted == RTE_PMD_VDPA_VSR_RELAY;
	else
		ret = -EINVAL;
	vdpa_dev_list_unlock();
	return ret;
}
