/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Initialize, configure and reset a virtio device. */

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>

#include "virtio_spec/ring.h"
#include "vio_dev.h"
#include "vio_err.h"

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)
#define COMMON_LEN(field) \
	(COMMON(field) + (uint32_t)sizeof(((struct virtio_pci_common_cfg *)0)->field))

/* A device that needs longer than this to accept FEATURES_OK has refused the features. */
#define FEATURES_OK_US 100000
#define CONFIG_TRIES 1000

static uint32_t
common_read(struct vio_dev *dev, uint32_t offset, unsigned int width)
{
	return vio_read(dev->t, VIO_COMMON, offset, width);
}

static void
common_write(struct vio_dev *dev, uint32_t offset, unsigned int width, uint32_t value)
{
	vio_write(dev->t, VIO_COMMON, offset, width, value);
}

/* A 64-bit field is written in two halves (virtio 1.4 4.1.3.1). */
static void
common_write64(struct vio_dev *dev, uint32_t offset, uint64_t value)
{
	common_write(dev, offset, 4, (uint32_t)value);
	common_write(dev, offset + 4, 4, (uint32_t)(value >> 32));
}

void
vio_dev_init(struct vio_dev *dev, struct vio_transport *t)
{
	memset(dev, 0, sizeof(*dev));
	dev->t = t;
	dev->timeout_us = VIO_DEV_TIMEOUT_US;
	dev->slow_us = VIO_DEV_SLOW_US;
}

uint8_t
vio_dev_status(struct vio_dev *dev)
{
	return (uint8_t)common_read(dev, COMMON(device_status), 1);
}

static void
status_add(struct vio_dev *dev, uint8_t bits)
{
	common_write(dev, COMMON(device_status), 1, vio_dev_status(dev) | bits);
}

static int
device_gone(void)
{
	return vio_fail(-ENODEV, "the device is gone: its registers read as ones");
}

void
vio_dev_reset_begin(struct vio_dev *dev)
{
	dev->resetting = true;
	common_write(dev, COMMON(device_status), 1, 0);
}

int
vio_dev_reset_check(struct vio_dev *dev)
{
	const uint8_t status = vio_dev_status(dev);

	if (status != 0 && status != 0xff)
		return -EAGAIN;
	dev->resetting = false;
	return status == 0 ? 0 : device_gone();
}

int
vio_dev_reset(struct vio_dev *dev)
{
	struct vio_deadline deadline = vio_deadline_in(dev->timeout_us);
	const struct vio_deadline slow = vio_deadline_in(dev->slow_us);
	bool reported = dev->on_slow_reset == NULL;
	int ret;

	/* Begun again if an earlier reset timed out: a device whose firmware has restarted
	 * meanwhile knows nothing of that reset. */
	vio_dev_reset_begin(dev);
	while ((ret = vio_dev_reset_check(dev)) == -EAGAIN) {
		if (!vio_wait(dev->t, &deadline))
			return vio_fail(-ETIMEDOUT, "the device does not finish its reset");
		if (reported || vio_now_ns() < slow.end_ns)
			continue;
		reported = true;
		dev->on_slow_reset(dev->on_slow_reset_arg);
	}
	return ret;
}

static void
features_read(struct vio_dev *dev)
{
	for (unsigned int i = 0; i < VIRTIO_FEATURE_BITS / 32; i++) {
		uint64_t window;

		common_write(dev, COMMON(device_feature_select), 4, i);
		window = common_read(dev, COMMON(device_feature), 4);
		if (i % 2 == 0)
			dev->offered.w[i / 2] = window;
		else
			dev->offered.w[i / 2] |= window << 32;
	}
}

static void
features_write(struct vio_dev *dev)
{
	for (unsigned int i = 0; i < VIRTIO_FEATURE_BITS / 32; i++) {
		common_write(dev, COMMON(driver_feature_select), 4, i);
		common_write(dev, COMMON(driver_feature), 4,
				(uint32_t)(dev->accepted.w[i / 2] >> (32 * (i % 2))));
	}
}

/* Remove bits whose registers the device lacks, and SR_IOV without an SR-IOV capability (virtio 1.4
 * 6.2), even if the device offers them. */
static void
features_fit(const struct vio_dev *dev, struct vio_features *set)
{
	const uint32_t len = dev->t->len[VIO_COMMON];

	if (len < COMMON_LEN(queue_notif_config_data))
		vio_features_del(set, VIRTIO_F_NOTIF_CONFIG_DATA);
	if (len < COMMON_LEN(queue_reset))
		vio_features_del(set, VIRTIO_F_RING_RESET);
	if (len < COMMON_LEN(admin_queue_num))
		vio_features_del(set, VIRTIO_F_ADMIN_VQ);
	if (!dev->t->sriov)
		vio_features_del(set, VIRTIO_F_SR_IOV);
}

/* Admin queues come after the other queues, up to index 0xffff (virtio 1.4 4.1.4.3.1). */
static void
admin_queues_read(struct vio_dev *dev)
{
	uint16_t index, num;

	dev->admin_index = dev->num_admin = 0;
	if (!vio_dev_has(dev, VIRTIO_F_ADMIN_VQ))
		return;
	index = (uint16_t)common_read(dev, COMMON(admin_queue_index), 2);
	num = (uint16_t)common_read(dev, COMMON(admin_queue_num), 2);
	if (index < dev->num_queues || index + (uint32_t)num > UINT16_MAX + 1u)
		return;
	dev->admin_index = index;
	dev->num_admin = num;
}

static int
features_missing(struct vio_dev *dev, const struct vio_features *missing)
{
	char names[160];

	vio_features_format(missing, names, sizeof(names));
	vio_dev_fail(dev);
	return vio_fail(-EOPNOTSUPP, "the device does not offer what is needed: %s", names);
}

int
vio_dev_negotiate(struct vio_dev *dev, const struct vio_features *wanted,
		const struct vio_features *needed)
{
	const int ret = vio_dev_reset(dev);

	return ret != 0 ? ret : vio_dev_agree(dev, wanted, needed);
}

int
vio_dev_agree(struct vio_dev *dev, const struct vio_features *wanted,
		const struct vio_features *needed)
{
	struct vio_features must = VIO_FEATURES(VIRTIO_F_VERSION_1);
	struct vio_deadline deadline;
	struct vio_features set;

	status_add(dev, VIRTIO_STATUS_ACKNOWLEDGE);
	status_add(dev, VIRTIO_STATUS_DRIVER);
	features_read(dev);
	for (size_t i = 0; needed != NULL && i < sizeof(must.w) / sizeof(must.w[0]); i++)
		must.w[i] |= needed->w[i];
	for (size_t i = 0; i < sizeof(set.w) / sizeof(set.w[0]); i++)
		set.w[i] = (wanted->w[i] | must.w[i]) & dev->offered.w[i];
	features_fit(dev, &set);
	vio_features_close(&set);
	must = vio_features_minus(&must, &set);
	if (!vio_features_empty(&must))
		return features_missing(dev, &must);
	dev->accepted = set;
	features_write(dev);
	status_add(dev, VIRTIO_STATUS_FEATURES_OK);
	deadline = vio_deadline_in(FEATURES_OK_US);
	while ((vio_dev_status(dev) & VIRTIO_STATUS_FEATURES_OK) == 0) {
		char names[160];

		if (vio_wait(dev->t, &deadline))
			continue;
		vio_features_format(&set, names, sizeof(names));
		vio_dev_fail(dev);
		return vio_fail(-ECONNREFUSED, "the device refuses the features: %s", names);
	}
	/* Read num_queues after negotiation, since it may depend on the features: virtio 1.4
	 * 4.1.4.3 excludes the admin queues, and with QEMU it depends on VIRTIO_NET_F_MQ. */
	dev->num_queues = (uint16_t)common_read(dev, COMMON(num_queues), 2);
	admin_queues_read(dev);
	return 0;
}

static void
config_fields_read(struct vio_dev *dev, const struct vio_config_field *fields, size_t nb_fields,
		uint8_t *out)
{
	for (size_t i = 0; i < nb_fields; i++) {
		const struct vio_config_field *f = &fields[i];

		if (f->feature >= 0 && !vio_features_has(&dev->offered, (unsigned int)f->feature))
			continue;
		if ((uint32_t)f->offset + f->width * f->count > dev->t->len[VIO_DEVICE])
			continue;
		for (unsigned int n = 0; n < f->count; n++) {
			const uint32_t at = f->offset + n * f->width;
			const virtio_le32 value = rte_cpu_to_le_32(
					vio_read(dev->t, VIO_DEVICE, at, f->width));

			memcpy(out + at, &value, f->width);
		}
	}
}

int
vio_dev_config_read(struct vio_dev *dev, const struct vio_config_field *fields, size_t nb_fields,
		void *out)
{
	for (int i = 0; i < CONFIG_TRIES; i++) {
		const uint32_t before = common_read(dev, COMMON(config_generation), 1);

		config_fields_read(dev, fields, nb_fields, out);
		if (common_read(dev, COMMON(config_generation), 1) == before)
			return 0;
	}
	return vio_fail(-ETIMEDOUT, "the device configuration changes all the time");
}

uint16_t
vio_dev_queue_max(struct vio_dev *dev, uint16_t queue)
{
	uint16_t size;

	if (queue >= dev->num_queues &&
			(queue < dev->admin_index || queue - dev->admin_index >= dev->num_admin))
		return 0;
	common_write(dev, COMMON(queue_select), 2, queue);
	size = (uint16_t)common_read(dev, COMMON(queue_size), 2);
	return size > VIRTQ_SIZE_MAX ? 0 : size;
}

static int
doorbell_find(struct vio_dev *dev, uint16_t queue, struct vio_doorbell *doorbell)
{
	const bool with_data = vio_dev_has(dev, VIRTIO_F_NOTIFICATION_DATA);
	uint64_t offset = common_read(dev, COMMON(queue_notify_off), 2);

	offset *= dev->t->notify_multiplier;
	if (offset + (with_data ? 4 : 2) > dev->t->len[VIO_NOTIFY] ||
			offset % (with_data ? 4 : 2) != 0)
		return vio_fail(-EPROTO, "a doorbell lies outside of the notification region");
	doorbell->offset = (uint32_t)offset;
	doorbell->addr = NULL;
	if (dev->t->ops->doorbell != NULL)
		doorbell->addr = dev->t->ops->doorbell(dev->t, doorbell->offset);
	doorbell->id = queue;
	if (vio_dev_has(dev, VIRTIO_F_NOTIF_CONFIG_DATA))
		doorbell->id = (uint16_t)common_read(dev, COMMON(queue_notif_config_data), 2);
	return 0;
}

int
vio_dev_queue_setup(struct vio_dev *dev, uint16_t queue, const struct vio_queue_setup *setup,
		struct vio_doorbell *doorbell)
{
	const bool packed = vio_dev_has(dev, VIRTIO_F_RING_PACKED);
	uint16_t max;
	int ret;

	max = vio_dev_queue_max(dev, queue);
	if (max == 0)
		return vio_fail(-ENOENT, "the device has no such queue");
	if (setup->size == 0 || setup->size > VIRTQ_SIZE_MAX ||
			(!packed && (setup->size & (setup->size - 1)) != 0))
		return vio_fail(-EINVAL, "a queue cannot have that size");
	common_write(dev, COMMON(queue_size), 2, setup->size);
	if (common_read(dev, COMMON(queue_size), 2) != setup->size)
		return vio_fail(-EPROTO, "the device refuses the queue size");
	if (setup->vector != VIRTIO_MSI_NO_VECTOR || dev->t->nb_vectors != 0) {
		common_write(dev, COMMON(queue_msix_vector), 2, setup->vector);
		if (common_read(dev, COMMON(queue_msix_vector), 2) != setup->vector)
			return vio_fail(-ENOSPC, "the device refuses the vector of a queue");
	}
	common_write64(dev, COMMON(queue_desc), setup->desc);
	common_write64(dev, COMMON(queue_driver), setup->driver);
	common_write64(dev, COMMON(queue_device), setup->device);
	ret = doorbell_find(dev, queue, doorbell);
	if (ret != 0)
		return ret;
	common_write(dev, COMMON(queue_enable), 2, 1);
	return 0;
}

int
vio_dev_queue_reset(struct vio_dev *dev, uint16_t queue)
{
	struct vio_deadline deadline = vio_deadline_in(dev->timeout_us);

	if (!vio_dev_has(dev, VIRTIO_F_RING_RESET))
		return vio_fail(-EOPNOTSUPP, "queue reset was not negotiated");
	common_write(dev, COMMON(queue_select), 2, queue);
	common_write(dev, COMMON(queue_reset), 2, 1);
	/* The device may access the memory until both read 0 (virtio 1.4 2.6.1.2). */
	while (common_read(dev, COMMON(queue_reset), 2) != 0 ||
			common_read(dev, COMMON(queue_enable), 2) != 0) {
		if (vio_dev_status(dev) == 0xff)
			return device_gone();
		if (!vio_wait(dev->t, &deadline))
			return vio_fail(-ETIMEDOUT, "the device does not finish a queue reset");
	}
	return 0;
}

int
vio_dev_config_vector(struct vio_dev *dev, uint16_t vector)
{
	common_write(dev, COMMON(config_msix_vector), 2, vector);
	if (common_read(dev, COMMON(config_msix_vector), 2) != vector)
		return vio_fail(-ENOSPC, "the device refuses the configuration vector");
	return 0;
}

void
vio_dev_driver_ok(struct vio_dev *dev)
{
	status_add(dev, VIRTIO_STATUS_DRIVER_OK);
}

void
vio_dev_fail(struct vio_dev *dev)
{
	status_add(dev, VIRTIO_STATUS_FAILED);
}
