/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Parse the device arguments of a VF. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_uuid.h>

#include "../../../common_class.h"
#include "vdpa_args.h"
#include "vdpa_log.h"

#define VDPA_RESET_TIMEOUT_MS 10000
#define VDPA_RESET_TIMEOUT_MS_MAX 600000

static int
class_parse(const char *key, const char *value, void *arg)
{
	return 0; /* The driver was chosen by it. */
}

static int
token_parse(const char *key, const char *value, void *arg)
{
	struct vdpa_args *args = arg;
	rte_uuid_t uuid;

	/* VFIO takes all zeros for no token. */
	if (value == NULL || rte_uuid_parse(value, uuid) != 0 || rte_uuid_is_null(uuid))
		return -EINVAL;
	rte_uuid_unparse(uuid, args->vf_token, sizeof(args->vf_token));
	return 0;
}

static int
flag_parse(const char *key, const char *value, void *arg)
{
	bool *on = arg;

	if (value == NULL || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0))
		return -EINVAL;
	*on = value[0] == '1';
	return 0;
}

static int
mode_parse(const char *key, const char *value, void *arg)
{
	struct vdpa_args *args = arg;

	if (value == NULL || (strcmp(value, "direct") != 0 && strcmp(value, "relay") != 0))
		return -EINVAL;
	args->relay = value[0] == 'r';
	return 0;
}

static int
timeout_parse(const char *key, const char *value, void *arg)
{
	unsigned long asked;
	char *end;

	if (value == NULL || value[0] < '0' || value[0] > '9')
		return -EINVAL;
	errno = 0;
	asked = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || asked < 1 || asked > VDPA_RESET_TIMEOUT_MS_MAX)
		return -EINVAL;
	*(uint32_t *)arg = (uint32_t)asked;
	return 0;
}

static void
token_of_eal(struct vdpa_args *args)
{
	rte_uuid_t uuid;

	rte_eal_vfio_get_vf_token(uuid);
	if (!rte_uuid_is_null(uuid))
		rte_uuid_unparse(uuid, args->vf_token, sizeof(args->vf_token));
}

int
vdpa_args_parse(struct vdpa_args *args, const char *name, const char *text)
{
	static const char *const keys[] = { VSR_CLASS_KEY, "vf_token", "host_notifier", "mode",
		"reset_timeout_ms", NULL };
	const struct {
		arg_handler_t parse;
		void *to;
	} handlers[] = {
		{ class_parse, NULL },
		{ token_parse, args },
		{ flag_parse, &args->host_notifier },
		{ mode_parse, args },
		{ timeout_parse, &args->reset_timeout_ms },
	};
	struct rte_kvargs *kvlist;
	int ret = 0;

	memset(args, 0, sizeof(*args));
	args->reset_timeout_ms = VDPA_RESET_TIMEOUT_MS;
	token_of_eal(args);
	kvlist = rte_kvargs_parse(text, keys);
	if (kvlist == NULL) {
		VDPA_LOG(ERR, name,
				"the device arguments are not made of class=, vf_token=, "
				"host_notifier=, mode=, reset_timeout_ms=");
		return -EINVAL;
	}
	for (unsigned int i = 0; ret == 0 && keys[i] != NULL; i++) {
		ret = rte_kvargs_process(kvlist, keys[i], handlers[i].parse, handlers[i].to);
		if (ret != 0) {
			VDPA_LOG(ERR, name, "the device argument %s has a bad value", keys[i]);
			ret = -EINVAL;
		}
	}
	rte_kvargs_free(kvlist);
	return ret;
}
