/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

#include "vsr_dev.h"

const struct vsr_rx_path vsr_rx_paths[] = {
	/* name             burst               packed mergeable */
	{ "packed",         vsr_rx_packed,      true,  false },
	{ "packed_mrg",     vsr_rx_packed_mrg,  true,  true },
	{ "split",          vsr_rx_split,       false, false },
	{ "split_mrg",      vsr_rx_split_mrg,   false, true },
	{ NULL, NULL, false, false },
};

const struct vsr_tx_path vsr_tx_paths[] = {
	/* name             burst               packed */
	{ "packed",         vsr_tx_packed,      true },
	{ "split",          vsr_tx_split,       false },
	{ NULL, NULL, false },
};

/* A row must do what was negotiated: the ring has that layout, the packets come that way. */
static bool
rx_fits(const struct vsr_dev *dev, const struct vsr_rx_path *path)
{
	return path->packed == vsr_has(dev, VIRTIO_F_RING_PACKED) &&
			path->mergeable == vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF);
}

static bool
tx_fits(const struct vsr_dev *dev, const struct vsr_tx_path *path)
{
	return path->packed == vsr_has(dev, VIRTIO_F_RING_PACKED);
}

static bool
named(const char *wanted, const char *name)
{
	return wanted[0] == '\0' || strcmp(wanted, name) == 0;
}

int
vsr_path_choose(struct vsr_dev *dev)
{
	const struct vsr_rx_path *rx = vsr_rx_paths;
	const struct vsr_tx_path *tx = vsr_tx_paths;

	while (rx->name != NULL && !(named(dev->args.rx_path, rx->name) && rx_fits(dev, rx)))
		rx++;
	while (tx->name != NULL && !(named(dev->args.tx_path, tx->name) && tx_fits(dev, tx)))
		tx++;
	if (rx->name == NULL || tx->name == NULL) {
		VSR_LOG(ERR, dev, "%s=%s does not fit what was negotiated with the device "
				"(%s rings, mergeable buffers %s)",
				rx->name == NULL ? "rx_path" : "tx_path",
				rx->name == NULL ? dev->args.rx_path : dev->args.tx_path,
				vsr_has(dev, VIRTIO_F_RING_PACKED) ? "packed" : "split",
				vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF) ? "on" : "off");
		return -EINVAL;
	}
	dev->rx_path = rx;
	dev->tx_path = tx;
	return 0;
}

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
	static const char *const keys[] = {
		"packed", "mrg_rxbuf", "in_order", "rx_path", "tx_path", NULL
	};
	const struct {
		arg_handler_t parse;
		void *to;
	} handlers[] = {
		{ flag_off_parse, &dev->args.no_packed },
		{ flag_off_parse, &dev->args.no_mrg_rxbuf },
		{ flag_off_parse, &dev->args.no_in_order },
		{ rx_path_parse, &dev->args },
		{ tx_path_parse, &dev->args },
	};
	struct rte_kvargs *kvlist;
	int ret = 0;

	if (args == NULL || args[0] == '\0')
		return 0;
	kvlist = rte_kvargs_parse(args, keys);
	if (kvlist == NULL) {
		VSR_LOG(ERR, dev, "device arguments \"%s\" are not made of "
				"packed=, mrg_rxbuf=, in_order= (0 or 1), rx_path=, tx_path=",
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
