/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Initialization of a device, with a toy device that records writes in order. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "virtio/vio_dev.h"
#include "virtio/vio_err.h"
#include "virtio_spec/net.h"
#include "test/fixture/vtest.h"

#define AT(field) offsetof(struct virtio_pci_common_cfg, field)

/* The registers of the toy device, and its faults. */
static struct toy {
	struct vio_transport t; /* First. */
	struct vio_features offered, driver;
	uint8_t common[64], device[28];
	unsigned int nb_bad_width;
	char log[512];
	/* faults */
	bool gone, stuck, refuse, fickle, deaf_vector, deaf_size, slow_reset;
	unsigned int polls; /**< Reads until a slow reset is done. */
} toy;

static uint32_t
window(const struct vio_features *set, uint32_t select)
{
	return select < 4 ? (uint32_t)(set->w[select / 2] >> (32 * (select % 2))) : 0;
}

static uint32_t
get(uint32_t at, unsigned int width)
{
	virtio_le32 value = 0;

	memcpy(&value, toy.common + at, width);
	return le32toh(value);
}

static uint32_t
toy_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	virtio_le32 value = 0;

	if (toy.gone)
		return UINT32_MAX >> (32 - 8 * width);
	if (region == VIO_DEVICE) {
		if (toy.fickle)
			toy.common[AT(config_generation)]++;
		memcpy(&value, toy.device + offset, width);
		return le32toh(value);
	}
	if (offset == AT(device_feature))
		return window(&toy.offered, get(AT(device_feature_select), 4));
	/* As in QEMU, the number of queues depends on the accepted features. */
	if (offset == AT(num_queues) &&
			(toy.common[AT(device_status)] & VIRTIO_STATUS_FEATURES_OK) == 0)
		return 1;
	if (offset == AT(queue_reset) && toy.polls > 0)
		toy.polls--;
	if (offset == AT(queue_reset) && toy.polls == 0 && !toy.stuck) {
		toy.common[AT(queue_reset)] = 0;
		toy.common[AT(queue_enable)] = 0;
	}
	if (offset == AT(device_status) && toy.polls > 0 && --toy.polls == 0 && !toy.stuck)
		toy.common[AT(device_status)] = 0;
	return get(offset, width);
}

static void
toy_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	const virtio_le32 raw = htole32(value);
	const size_t used = strlen(toy.log);

	if (offset == AT(device_status)) {
		snprintf(toy.log + used, sizeof(toy.log) - used, "%x ", value);
		if (value == 0 && toy.slow_reset)
			toy.polls = 5;
		if (value == 0 && (toy.stuck || toy.slow_reset))
			return;
		if (toy.refuse)
			value &= ~(uint32_t)VIRTIO_STATUS_FEATURES_OK;
		toy.common[offset] = (uint8_t)value;
		return;
	}
	if (offset == AT(driver_feature)) {
		const uint32_t select = get(AT(driver_feature_select), 4);

		toy.driver.w[select / 2] |= (uint64_t)value << (32 * (select % 2));
		return;
	}
	if (offset == AT(queue_msix_vector) && toy.deaf_vector)
		return;
	if (offset == AT(queue_size) && toy.deaf_size)
		return;
	if (offset == AT(queue_enable) || offset == AT(queue_select))
		snprintf(toy.log + used, sizeof(toy.log) - used, "%s%x ",
				offset == AT(queue_enable) ? "e" : "s", value);
	memcpy(toy.common + offset, &raw, width);
}

static const struct vio_transport_ops toy_ops = { .read = toy_read, .write = toy_write };

static struct vio_dev
begin(struct vio_features offered)
{
	struct vio_dev dev;

	memset(&toy, 0, sizeof(toy));
	toy.t = (struct vio_transport){ .ops = &toy_ops,
		.len = { 64, 1, 28, 16 },
		.notify_multiplier = 4,
		.nb_vectors = 4 };
	toy.offered = offered;
	toy.common[AT(num_queues)] = 3;
	toy.common[AT(queue_size)] = 64;
	vio_dev_init(&dev, &toy.t);
	dev.timeout_us = 5000000;
	return dev;
}

static void
steps_come_in_their_order(void)
{
	const struct vio_features offered = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MAC,
			VIRTIO_NET_F_IPSEC, VIRTIO_F_ADMIN_VQ);
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_NET_F_MAC, VIRTIO_NET_F_IPSEC,
			VIRTIO_NET_F_MTU);
	struct vio_dev dev = begin(offered);

	VTEST_EQ(vio_dev_negotiate(&dev, &wanted, NULL), 0);
	vio_dev_driver_ok(&dev);
	VTEST(strcmp(toy.log, "0 1 3 b f ") == 0);
	VTEST(vio_dev_has(&dev, VIRTIO_F_VERSION_1));
	VTEST(vio_dev_has(&dev, VIRTIO_NET_F_IPSEC)); /* above bit 63 */
	VTEST(!vio_dev_has(&dev, VIRTIO_NET_F_MTU));
	VTEST(!vio_dev_has(&dev, VIRTIO_F_ADMIN_VQ));
	VTEST(memcmp(&toy.driver, &dev.accepted, sizeof(toy.driver)) == 0);
	VTEST_EQ(dev.num_queues, 3);
}

static void
bits_without_prerequisite_are_left_out(void)
{
	const struct vio_features set = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MQ,
			VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_RSS_CONTEXT, VIRTIO_NET_F_GUEST_ECN);
	struct vio_dev dev = begin(set);

	VTEST_EQ(vio_dev_negotiate(&dev, &set, NULL), 0);
	VTEST_EQ(dev.accepted.w[0], UINT64_C(1) << VIRTIO_F_VERSION_1);
	VTEST_EQ(dev.accepted.w[1], 0);
}

static void
bits_without_register_are_left_out(void)
{
	const struct vio_features set = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_NOTIF_CONFIG_DATA,
			VIRTIO_F_RING_RESET, VIRTIO_F_ADMIN_VQ, VIRTIO_F_SR_IOV);
	static const struct {
		uint32_t len;
		bool notif, reset, admin;
	} rows[] = {
		{ 56, false, false, false },
		{ 57, false, false, false },
		{ 58, true, false, false },
		{ 60, true, true, false },
		{ 62, true, true, false },
		{ 64, true, true, true },
		{ 80, true, true, true },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vio_dev dev = begin(set);

		toy.t.len[VIO_COMMON] = rows[i].len;
		toy.t.sriov = i % 2 == 0;
		VTEST_EQ(vio_dev_negotiate(&dev, &set, NULL), 0);
		VTEST_EQ(vio_dev_has(&dev, VIRTIO_F_NOTIF_CONFIG_DATA), rows[i].notif);
		VTEST_EQ(vio_dev_has(&dev, VIRTIO_F_RING_RESET), rows[i].reset);
		VTEST_EQ(vio_dev_has(&dev, VIRTIO_F_ADMIN_VQ), rows[i].admin);
		VTEST_EQ(vio_dev_has(&dev, VIRTIO_F_SR_IOV), i % 2 == 0);
		VTEST_EQ(vio_dev_sriov_stray(&dev), i % 2 != 0);
	}
}

static void
missing_needs_are_named(void)
{
	const struct vio_features none = { { 0 } };
	const struct vio_features mac = VIO_FEATURES(VIRTIO_NET_F_MAC);
	struct vio_dev dev = begin(none);

	VTEST_EQ(vio_dev_negotiate(&dev, &none, NULL), -EOPNOTSUPP);
	VTEST(strstr(vio_err(), "version_1") != NULL);
	VTEST(strcmp(toy.log, "0 1 3 83 ") == 0);
	dev = begin(VIO_FEATURES(VIRTIO_F_VERSION_1));
	VTEST_EQ(vio_dev_negotiate(&dev, &none, &mac), -EOPNOTSUPP);
	VTEST(strstr(vio_err(), "mac") != NULL);
}

static void
refused_features_end_it(void)
{
	const struct vio_features set = VIO_FEATURES(VIRTIO_F_VERSION_1);
	struct vio_dev dev = begin(set);

	toy.refuse = true;
	VTEST_EQ(vio_dev_negotiate(&dev, &set, NULL), -ECONNREFUSED);
	VTEST(strstr(vio_err(), "refuses") != NULL);
	VTEST(strcmp(toy.log, "0 1 3 b 83 ") == 0);
}

static void
reset_is_waited_for_but_not_for_ever(void)
{
	struct vio_dev dev = begin(VIO_FEATURES(VIRTIO_F_VERSION_1));

	toy.common[AT(device_status)] = 0xf;
	toy.slow_reset = true;
	VTEST_EQ(vio_dev_reset(&dev), 0);
	VTEST_EQ(toy.polls, 0);
	toy.common[AT(device_status)] = 0xf;
	toy.stuck = true;
	dev.timeout_us = 5000;
	VTEST_EQ(vio_dev_reset(&dev), -ETIMEDOUT);
	toy.gone = true;
	VTEST_EQ(vio_dev_reset(&dev), -ENODEV);
}

static void
count(void *arg)
{
	unsigned int *calls = arg;

	(*calls)++;
}

static void
device_in_reset_is_known_until_it_answers(void)
{
	struct vio_dev dev = begin(VIO_FEATURES(VIRTIO_F_VERSION_1));

	toy.common[AT(device_status)] = 0xf;
	toy.stuck = true;
	dev.timeout_us = 1000;
	VTEST(!dev.resetting);
	VTEST_EQ(vio_dev_reset(&dev), -ETIMEDOUT);
	VTEST(dev.resetting);
	/* The reset is asked for again: the firmware may have restarted. */
	VTEST_EQ(vio_dev_reset(&dev), -ETIMEDOUT);
	VTEST(dev.resetting);
	VTEST(strcmp(toy.log, "0 0 ") == 0);
	toy.stuck = false;
	VTEST_EQ(vio_dev_reset(&dev), 0);
	VTEST(!dev.resetting);
}

static void
slow_reset_is_reported_once(void)
{
	struct vio_dev dev = begin(VIO_FEATURES(VIRTIO_F_VERSION_1));
	unsigned int calls = 0;

	dev.on_slow_reset = count;
	dev.on_slow_reset_arg = &calls;
	VTEST_EQ(vio_dev_reset(&dev), 0);
	VTEST_EQ(calls, 0);
	dev.slow_us = 0;
	toy.common[AT(device_status)] = 0xf;
	toy.slow_reset = true;
	VTEST_EQ(vio_dev_reset(&dev), 0);
	VTEST_EQ(calls, 1);
}

static void
queue_reset_is_waited_for_but_not_for_ever(void)
{
	const struct vio_features set = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_RING_RESET);
	struct vio_dev dev = begin(set);

	VTEST_EQ(vio_dev_queue_reset(&dev, 0), -EOPNOTSUPP);
	VTEST_EQ(vio_dev_negotiate(&dev, &set, NULL), 0);
	toy.common[AT(queue_enable)] = 1;
	toy.polls = 5;
	VTEST_EQ(vio_dev_queue_reset(&dev, 2), 0);
	VTEST_EQ(toy.common[AT(queue_select)], 2);
	toy.polls = 0;
	toy.common[AT(queue_enable)] = 1;
	toy.stuck = true;
	dev.timeout_us = 5000;
	VTEST_EQ(vio_dev_queue_reset(&dev, 2), -ETIMEDOUT);
	toy.gone = true;
	VTEST_EQ(vio_dev_queue_reset(&dev, 2), -ENODEV);
}

static void
queue_is_enabled_last(void)
{
	const struct vio_features set = VIO_FEATURES(VIRTIO_F_VERSION_1);
	struct vio_queue_setup setup = { .size = 32,
		.vector = 1,
		.desc = 0x1122334455667700,
		.driver = 0x10000,
		.device = 0x20000 };
	struct vio_doorbell doorbell;
	struct vio_dev dev = begin(set);

	VTEST_EQ(vio_dev_negotiate(&dev, &set, NULL), 0);
	toy.log[0] = '\0';
	toy.common[AT(queue_notify_off)] = 2;
	VTEST_EQ(vio_dev_queue_setup(&dev, 2, &setup, &doorbell), 0);
	VTEST(strcmp(toy.log, "s2 e1 ") == 0);
	VTEST_EQ(get(AT(queue_size), 2), 32);
	VTEST_EQ(get(AT(queue_desc), 4), 0x55667700);
	VTEST_EQ(get(AT(queue_desc) + 4, 4), 0x11223344);
	VTEST_EQ(doorbell.offset, 8);
	VTEST_EQ(doorbell.id, 2);
	VTEST(doorbell.addr == NULL);
	VTEST_EQ(vio_dev_queue_setup(&dev, 3, &setup, &doorbell), -ENOENT);
	setup.size = 24;
	VTEST_EQ(vio_dev_queue_setup(&dev, 2, &setup, &doorbell), -EINVAL);
	setup.size = 0;
	VTEST_EQ(vio_dev_queue_setup(&dev, 2, &setup, &doorbell), -EINVAL);
	setup.size = 32;
	toy.common[AT(queue_notify_off)] = 4; /* offset 16 in a region of 16 bytes */
	VTEST_EQ(vio_dev_queue_setup(&dev, 2, &setup, &doorbell), -EPROTO);
	toy.common[AT(queue_notify_off)] = 0;
	toy.deaf_vector = true;
	setup.vector = 3;
	VTEST_EQ(vio_dev_queue_setup(&dev, 2, &setup, &doorbell), -ENOSPC);
	toy.deaf_vector = false;
	toy.deaf_size = true;
	setup.size = 16;
	VTEST_EQ(vio_dev_queue_setup(&dev, 2, &setup, &doorbell), -EPROTO);
	/* none of the failures enabled anything */
	VTEST(strstr(toy.log + 6, "e1") == NULL);
}

static void
configuration_is_read_whole_or_not(void)
{
	const struct vio_config_field fields[] = {
		{ offsetof(struct virtio_net_config, mac), 1, 6, -1 },
		{ offsetof(struct virtio_net_config, mtu), 2, 1, VIRTIO_NET_F_MTU },
		{ offsetof(struct virtio_net_config, speed), 4, 1, VIRTIO_NET_F_SPEED_DUPLEX },
	};
	const struct vio_features set = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MTU);
	struct virtio_net_config config;
	struct vio_dev dev = begin(set);

	VTEST_EQ(vio_dev_negotiate(&dev, &set, NULL), 0);
	memset(toy.device, 0x5a, sizeof(toy.device));
	memset(&config, 0, sizeof(config));
	VTEST_EQ(vio_dev_config_read(&dev, fields, 3, &config), 0);
	VTEST_EQ(config.mac[5], 0x5a);
	VTEST_EQ(config.mtu, 0x5a5a);
	VTEST_EQ(config.speed, 0); /* not offered: not read */
	/* a shorter device */
	toy.t.len[VIO_DEVICE] = 11;
	memset(&config, 0, sizeof(config));
	VTEST_EQ(vio_dev_config_read(&dev, fields, 3, &config), 0);
	VTEST_EQ(config.mac[5], 0x5a);
	VTEST_EQ(config.mtu, 0);
	toy.fickle = true;
	dev.timeout_us = 5000;
	VTEST_EQ(vio_dev_config_read(&dev, fields, 3, &config), -ETIMEDOUT);
}

static void
names_are_listed(void)
{
	const struct vio_features set = VIO_FEATURES(VIRTIO_NET_F_MAC, 127, VIRTIO_F_RING_RESET);
	const struct vio_features none = { { 0 } };
	char buf[64], little[6];

	vio_features_format(&set, buf, sizeof(buf));
	VTEST(strcmp(buf, "mac ring_reset bit127") == 0);
	vio_features_format(&set, little, sizeof(little));
	VTEST(strcmp(little, "mac") == 0);
	vio_features_format(&none, buf, sizeof(buf));
	VTEST(strcmp(buf, "none") == 0);
	VTEST(vio_feature_name(127) == NULL);
	VTEST(vio_feature_name(1000) == NULL);
	VTEST(!vio_features_has(&set, 1000));
}

static const struct vtest_case cases[] = {
	{ "steps_come_in_their_order", steps_come_in_their_order },
	{ "bits_without_prerequisite_are_left_out", bits_without_prerequisite_are_left_out },
	{ "bits_without_register_are_left_out", bits_without_register_are_left_out },
	{ "missing_needs_are_named", missing_needs_are_named },
	{ "refused_features_end_it", refused_features_end_it },
	{ "reset_is_waited_for_but_not_for_ever", reset_is_waited_for_but_not_for_ever },
	{ "device_in_reset_is_known_until_it_answers", device_in_reset_is_known_until_it_answers },
	{ "slow_reset_is_reported_once", slow_reset_is_reported_once },
	{ "queue_reset_is_waited_for_but_not_for_ever",
			queue_reset_is_waited_for_but_not_for_ever },
	{ "queue_is_enabled_last", queue_is_enabled_last },
	{ "configuration_is_read_whole_or_not", configuration_is_read_whole_or_not },
	{ "names_are_listed", names_are_listed },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
