/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Parse the device arguments of a port. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_kvargs.h>

#include "../../../common_class.h"
#include "../rxtx/vsr_path.h"
#include "vsr_args.h"

/* A device that restarts its firmware needs about a minute. */
#define VSR_RESET_TIMEOUT_MS 60000
#define VSR_RESET_TIMEOUT_MS_MAX 600000

static int
flag_off_parse(const char *key, const char *value, void *arg)
{
	bool *off = arg;

	if (value == NULL || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0))
		return -EINVAL;
	*off = value[0] == '0';
	return 0;
}

static int
number_parse(const char *value, uint32_t min, uint32_t max, uint32_t *number)
{
	unsigned long asked;
	char *end;

	if (value == NULL || value[0] < '0' || value[0] > '9')
		return -EINVAL;
	errno = 0;
	asked = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || asked < min || asked > max)
		return -EINVAL;
	*number = (uint32_t)asked;
	return 0;
}

/* Microseconds, up to one second. */
static int
delay_parse(const char *key, const char *value, void *arg)
{
	return number_parse(value, 0, US_PER_S, arg);
}

static int
timeout_parse(const char *key, const char *value, void *arg)
{
	return number_parse(value, 1, VSR_RESET_TIMEOUT_MS_MAX, arg);
}

static int
rx_path_parse(const char *key, const char *value, void *arg)
{
	struct vsr_args *args = arg;

	for (const struct vsr_rx_path *p = vsr_rx_paths; value != NULL && p->name != NULL; p++)
		if (strcmp(p->name, value) == 0) {
			snprintf(args->rx_path, sizeof(args->rx_path), "%s", value);
			return 0;
		}
	return -EINVAL;
}

static int
tx_path_parse(const char *key, const char *value, void *arg)
{
	struct vsr_args *args = arg;

	for (const struct vsr_tx_path *p = vsr_tx_paths; value != NULL && p->name != NULL; p++)
		if (strcmp(p->name, value) == 0) {
			snprintf(args->tx_path, sizeof(args->tx_path), "%s", value);
			return 0;
		}
	return -EINVAL;
}

int
vsr_args_parse(struct vsr_dev *dev, const char *args)
{
	static const char *const keys[] = { VSR_CLASS_KEY, "packed", "mrg_rxbuf", "in_order",
		"rx_path", "tx_path", "tx_db_delay_us", "reset_timeout_ms", NULL };
	const struct {
		arg_handler_t parse;
		void *to;
	} handlers[] = {
		{ vsr_class_net_parse, NULL },
		{ flag_off_parse, &dev->args.no_packed },
		{ flag_off_parse, &dev->args.no_mrg_rxbuf },
		{ flag_off_parse, &dev->args.no_in_order },
		{ rx_path_parse, &dev->args },
		{ tx_path_parse, &dev->args },
		{ delay_parse, &dev->args.tx_db_delay_us },
		{ timeout_parse, &dev->args.reset_timeout_ms },
	};
	struct rte_kvargs *kvlist;
	int ret = 0;

	dev->args.reset_timeout_ms = VSR_RESET_TIMEOUT_MS;
	if (args == NULL || args[0] == '\0')
		return 0;
	kvlist = rte_kvargs_parse(args, keys);
	if (kvlist == NULL) {
		VSR_LOG(ERR, dev,
				"device arguments \"%s\" are not made of "
				"class=, packed=, mrg_rxbuf=, in_order= (0 or 1), rx_path=, tx_path=, "
				"tx_db_delay_us=, reset_timeout_ms=",
				args);
		return -EINVAL;
	}
	for (unsigned int i = 0; ret == 0 && keys[i] != NULL; i++) {
		ret = rte_kvargs_process(kvlist, keys[i], handlers[i].parse, handlers[i].to);
		if (ret != 0) {
			VSR_LOG(ERR, dev, "device argument %s has a bad value in \"%s\"", keys[i],
					args);
			ret = -EINVAL;
		}
	}
	rte_kvargs_free(kvlist);
	return ret;
}
