/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Version messages: limits of both sides as JSON text. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "vuser_priv.h"

/* Limit of a text: ours has 110 bytes, those of known peers have less than 300. */
#define MAX_TEXT 4096

/* The default of the specification. */
#define DEFAULT_MAX_FDS 1

/*
 * Migration, twin sockets and REGION_WRITE_MULTI are not offered. QEMU refuses a server that takes
 * more than 16 descriptors, has pages smaller than 4 KiB, or allows more than 65535 maps.
 */
int
vuser_version_put(struct vuser_msg *msg, uint16_t minor, uint32_t max_maps)
{
	const struct vuser_version version = { .major = VUSER_PROTO_MAJOR, .minor = minor };
	char text[256];
	int len, ret;

	len = snprintf(text, sizeof(text),
			"{\"capabilities\":{\"max_msg_fds\":%u,\"max_data_xfer_size\":%u,"
			"\"max_dma_maps\":%u,\"pgsizes\":%u}}",
			VUSER_MAX_FDS, VUSER_MAX_DATA, max_maps, VUSER_PAGE_SIZE);
	ret = vuser_msg_resize(msg, sizeof(version) + (size_t)len + 1);
	if (ret != 0)
		return ret;
	memcpy(msg->data, &version, sizeof(version));
	memcpy(msg->data + sizeof(version), text, (size_t)len + 1);
	return 0;
}

/* Read an optional number; *value is unchanged when the number is absent. */
static int
get_number(json_t *caps, const char *name, uint64_t *value)
{
	json_t *number = json_object_get(caps, name);

	if (number == NULL)
		return 0;
	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return -EINVAL;
	*value = (uint64_t)json_integer_value(number);
	return 0;
}

static int
get_limits(json_t *root, struct vuser_limits *limits)
{
	uint64_t max_fds = limits->max_fds, max_data = limits->max_data;
	json_t *caps;
	int ret;

	if (!json_is_object(root))
		return -EINVAL;
	caps = json_object_get(root, "capabilities");
	if (caps == NULL)
		return 0;
	if (!json_is_object(caps))
		return -EINVAL;
	ret = get_number(caps, "max_msg_fds", &max_fds);
	if (ret != 0)
		return ret;
	ret = get_number(caps, "max_data_xfer_size", &max_data);
	if (ret != 0)
		return ret;
	if (max_data == 0)
		return -EINVAL;
	limits->max_fds = max_fds < VUSER_MAX_FDS ? (unsigned int)max_fds : VUSER_MAX_FDS;
	limits->max_data = max_data < VUSER_MAX_DATA ? (uint32_t)max_data : VUSER_MAX_DATA;
	return 0;
}

int
vuser_version_limits(const uint8_t *text, size_t len, struct vuser_limits *limits)
{
	json_t *root;
	int ret;

	limits->max_fds = DEFAULT_MAX_FDS;
	limits->max_data = VUSER_MAX_DATA;
	if (len == 0)
		return 0;
	if (len > MAX_TEXT || text[len - 1] != '\0')
		return -EINVAL;
	root = json_loads((const char *)text, JSON_REJECT_DUPLICATES, NULL);
	if (root == NULL)
		return -EINVAL;
	ret = get_limits(root, limits);
	json_decref(root);
	return ret;
}
