/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * vdpa_serve EAL-ARGUMENTS -- BDF=SOCKET...: the smallest application of vdpa_vsr. It shows each
 * device to one guest, on a vhost-user socket, and prints the events of the driver. Commands on
 * standard input, one a line, each with one line of JSON as its answer:
 *
 *   info BDF | queue BDF N | mode BDF direct|relay | unserve BDF | remove BDF | quit
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "rte_pmd_vdpa_vsr.h"

#define DEVICES_MAX 256

static struct device {
	char bdf[32];
	const char *socket;
} devices[DEVICES_MAX];
static unsigned int nb_devices;

static const char *const modes[] = {
	[RTE_PMD_VDPA_VSR_NONE] = "none",
	[RTE_PMD_VDPA_VSR_DIRECT] = "direct",
	[RTE_PMD_VDPA_VSR_RELAY] = "relay",
};
static const char *const signals[] = {
	[RTE_PMD_VDPA_VSR_OFF] = "off",
	[RTE_PMD_VDPA_VSR_MAPPED] = "mapped",
	[RTE_PMD_VDPA_VSR_RELAYED] = "relayed",
};
static const char *const events[] = {
	[RTE_PMD_VDPA_VSR_EVENT_REMOVE] = "remove",
	[RTE_PMD_VDPA_VSR_EVENT_MODE] = "mode",
	[RTE_PMD_VDPA_VSR_EVENT_CONFIG] = "config",
	[RTE_PMD_VDPA_VSR_EVENT_REPAIRED] = "repaired",
};

static void
on_event(const char *name, enum rte_pmd_vdpa_vsr_event event, void *arg)
{
	printf("event %s %s\n", name, events[event]);
}

static int
on_new(int vid)
{
	printf("guest %d came\n", vid);
	return 0;
}

static void
on_destroy(int vid)
{
	printf("guest %d left\n", vid);
}

static const struct rte_vhost_device_ops guest_ops = {
	.new_device = on_new,
	.destroy_device = on_destroy,
};

/* All bits that a front end may ask for; the driver removes what its VF lacks. Those of rte_vhost
 * alone lack STATUS, MAC and others. */
static int
serve(struct device *device)
{
	struct rte_vdpa_device *vdpa = rte_vdpa_find_device_by_name(device->bdf);
	const uint64_t config = UINT64_C(1) << VHOST_USER_PROTOCOL_F_CONFIG;
	uint64_t protocol;

	if (vdpa == NULL) {
		fprintf(stderr, "vdpa_serve: there is no vDPA device %s\n", device->bdf);
		return -1;
	}
	if (rte_vhost_driver_register(device->socket, 0) != 0 ||
			rte_vhost_driver_callback_register(device->socket, &guest_ops) != 0 ||
			rte_vhost_driver_get_protocol_features(device->socket, &protocol) != 0 ||
			rte_vhost_driver_set_protocol_features(device->socket, protocol | config) !=
					0 ||
			rte_vhost_driver_attach_vdpa_device(device->socket, vdpa) != 0 ||
			rte_vhost_driver_start(device->socket) != 0) {
		fprintf(stderr, "vdpa_serve: cannot serve %s\n", device->socket);
		return -1;
	}
	return 0;
}

static void
info(const char *bdf)
{
	struct rte_pmd_vdpa_vsr_info i;

	if (rte_pmd_vdpa_vsr_info_get(bdf, &i) != 0) {
		printf("{\"error\": \"no device\"}\n");
		return;
	}
	printf("{\"wanted\": \"%s\", \"running\": \"%s\", \"reason\": \"%s\", \"vid\": %d, "
	       "\"max_pairs\": %u, \"nb_pairs\": %u, \"nb_queues\": %u, \"link_up\": %s, "
	       "\"packed\": %s, \"logging\": %s, \"mac\": \"%02x:%02x:%02x:%02x:%02x:%02x\", "
	       "\"mtu\": %u, \"speed\": %u, ",
			modes[i.wanted], modes[i.running], i.reason, i.vid, i.max_pairs, i.nb_pairs,
			i.nb_queues, i.link_up ? "true" : "false", i.packed ? "true" : "false",
			i.logging ? "true" : "false", i.mac[0], i.mac[1], i.mac[2], i.mac[3],
			i.mac[4], i.mac[5], i.mtu, i.speed);
	printf("\"features_device\": %" PRIu64 ", \"features_offered\": %" PRIu64
	       ", \"features_guest\": %" PRIu64 ", \"features_vf\": %" PRIu64
	       ", \"nb_attached\": %" PRIu64 ", \"nb_repaired\": %" PRIu64
	       ", \"nb_slow_resets\": %" PRIu64 "}\n",
			i.features_device, i.features_offered, i.features_guest, i.features_vf,
			i.nb_attached, i.nb_repaired, i.nb_slow_resets);
}

static void
queue(const char *bdf, unsigned int n)
{
	struct rte_pmd_vdpa_vsr_queue_info i;

	if (rte_pmd_vdpa_vsr_queue_info_get(bdf, (uint16_t)n, &i) != 0) {
		printf("{\"error\": \"no queue\"}\n");
		return;
	}
	printf("{\"running\": %s, \"enabled\": %s, \"size\": %u, \"position\": %u, "
	       "\"doorbell\": \"%s\", \"interrupt\": \"%s\", \"nb_doorbells\": %" PRIu64
	       ", \"nb_interrupts\": %" PRIu64 ", \"nb_buffers\": %" PRIu64 "}\n",
			i.running ? "true" : "false", i.enabled ? "true" : "false", i.size,
			i.position, signals[i.doorbell], signals[i.interrupt], i.nb_doorbells,
			i.nb_interrupts, i.nb_buffers);
}

static void
done(int ret)
{
	printf("{\"result\": %d}\n", ret);
}

static void
unserve(const char *bdf)
{
	for (unsigned int i = 0; i < nb_devices; i++)
		if (strcmp(devices[i].bdf, bdf) == 0) {
			done(rte_vhost_driver_unregister(devices[i].socket));
			return;
		}
	done(-ENODEV);
}

static void
commands(void)
{
	char line[128], bdf[32], word[16];
	unsigned int n;

	while (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "quit\n") != 0) {
		if (sscanf(line, "info %31s", bdf) == 1)
			info(bdf);
		else if (sscanf(line, "queue %31s %u", bdf, &n) == 2)
			queue(bdf, n);
		else if (sscanf(line, "mode %31s %15s", bdf, word) == 2)
			done(rte_pmd_vdpa_vsr_mode_set(bdf,
					word[0] == 'r' ? RTE_PMD_VDPA_VSR_RELAY :
							 RTE_PMD_VDPA_VSR_DIRECT));
		else if (sscanf(line, "unserve %31s", bdf) == 1)
			unserve(bdf);
		else if (sscanf(line, "remove %31s", bdf) == 1)
			done(rte_eal_hotplug_remove("pci", bdf));
		else
			printf("{\"error\": \"no such command\"}\n");
	}
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);

	if (used < 0) {
		fprintf(stderr, "vdpa_serve: EAL does not start: %s\n", rte_strerror(rte_errno));
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	rte_pmd_vdpa_vsr_event_set(on_event, NULL);
	for (int i = used + 1; i < argc && nb_devices < DEVICES_MAX; i++) {
		struct device *device = &devices[nb_devices++];
		char *socket = strchr(argv[i], '=');

		if (socket == NULL)
			return 2;
		snprintf(device->bdf, sizeof(device->bdf), "%.*s", (int)(socket - argv[i]),
				argv[i]);
		device->socket = socket + 1;
		if (serve(device) != 0)
			return 2;
	}
	printf("vdpa_serve is ready\n");
	commands();
	for (unsigned int i = 0; i < nb_devices; i++)
		rte_vhost_driver_unregister(devices[i].socket);
	rte_eal_cleanup();
	return 0;
}
