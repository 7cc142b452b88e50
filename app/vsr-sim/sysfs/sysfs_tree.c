/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The folders of the simulated /sys:
 *
 *   bus/pci/devices/BDF/         see sysfs_fn.c
 *   bus/pci/drivers/DRIVER/      bind, unbind, new_id, remove_id, links to bound functions
 *   bus/pci/drivers_probe, rescan
 *   kernel/iommu_groups/N/       type, devices/
 *   module/vfio, module/vfio_pci, module/virtio_pci
 *
 * The folder of a function is in bus/pci/devices itself, where Linux has a link to the folder.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sysfs_tree.h"

/* Longest text of a file. The largest file, resource, has 13 lines of 57 bytes. */
#define TEXT_MAX 4096

/* ---------------------------------------------------------------- helpers */

static bool
fn_exists(const struct tree *tree, const char *name, struct host_fn_info *info)
{
	return strlen(name) < HOST_BDF_LEN && host_fn_info(tree->host, name, info) == 0;
}

/* Call visit for each function on the bus. */
static void
each_fn(const struct tree *tree, void (*visit)(const struct host_fn_info *fn, void *arg), void *arg)
{
	char(*names)[HOST_BDF_LEN] = calloc(HOST_MAX_FNS, HOST_BDF_LEN);
	struct host_fn_info info;
	size_t n;

	if (names == NULL)
		return;
	n = host_fn_list(tree->host, names, HOST_MAX_FNS);
	for (size_t i = 0; i < n && i < HOST_MAX_FNS; i++) {
		if (host_fn_info(tree->host, names[i], &info) == 0)
			visit(&info, arg);
	}
	free(names);
}

/* Argument of list functions for each_fn(). */
struct listing {
	tree_emit emit;
	void *arg;
	const struct tree_node *node;
};

static int
show_text(char *buf, size_t len, const char *text)
{
	return snprintf(buf, len, "%s", text);
}

/* ---------------------------------------------------------------- bus/pci/devices */

static const struct tree_dir fn_dir = {
	.attrs = tree_fn_attrs,
	.find = tree_virtfn_find,
	.list = tree_virtfn_list,
};

static int
devices_find(const struct tree *tree, struct tree_node *node, const char *name)
{
	struct host_fn_info info;

	if (!fn_exists(tree, name, &info))
		return -ENOENT;
	memcpy(node->bdf, info.bdf, sizeof(node->bdf));
	node->dir = &fn_dir;
	return 0;
}

static void
devices_list_one(const struct host_fn_info *fn, void *arg)
{
	struct listing *listing = arg;

	listing->emit(listing->arg, fn->bdf);
}

static void
devices_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	struct listing listing = { emit, arg, node };

	each_fn(tree, devices_list_one, &listing);
}

/* ---------------------------------------------------------------- bus/pci/drivers/X */

/* bind and unbind take the address of a function; any other text gives ENODEV. */
static int
store_bind(const struct tree *tree, const struct tree_node *node, const char *text)
{
	struct host_fn_info info;

	if (!fn_exists(tree, text, &info))
		return -ENODEV;
	return host_driver_bind(tree->host, text, node->driver);
}

static int
store_unbind(const struct tree *tree, const struct tree_node *node, const char *text)
{
	struct host_fn_info info;

	if (!fn_exists(tree, text, &info) || info.driver != node->driver)
		return -ENODEV;
	return host_driver_unbind(tree->host, text, node->driver);
}

/* "vendor device [...]" in hexadecimal. */
static int
store_new_id(const struct tree *tree, const struct tree_node *node, const char *text)
{
	unsigned int vendor, device;

	if (sscanf(text, "%x %x", &vendor, &device) != 2 || vendor > UINT16_MAX ||
			device > UINT16_MAX)
		return -EINVAL;
	return host_driver_new_id(tree->host, node->driver, (uint16_t)vendor, (uint16_t)device);
}

static int
store_remove_id(const struct tree *tree, const struct tree_node *node, const char *text)
{
	unsigned int vendor, device;

	if (sscanf(text, "%x %x", &vendor, &device) != 2 || vendor > UINT16_MAX ||
			device > UINT16_MAX)
		return -EINVAL;
	return host_driver_remove_id(tree->host, node->driver, (uint16_t)vendor, (uint16_t)device);
}

static int
show_driver_module(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	const char *name = host_driver_name(node->driver);
	int ret = snprintf(buf, len, "../../../../module/%s", name);

	for (char *c = buf; c < buf + ret && *c != '\0'; c++) {
		if (*c == '-')
			*c = '_';
	}
	return ret;
}

static const struct tree_attr driver_attrs[] = {
	{ .name = "bind", .mode = S_IFREG | 0200, .store = store_bind },
	{ .name = "unbind", .mode = S_IFREG | 0200, .store = store_unbind },
	{ .name = "new_id", .mode = S_IFREG | 0200, .store = store_new_id },
	{ .name = "remove_id", .mode = S_IFREG | 0200, .store = store_remove_id },
	{ .name = "module", .mode = S_IFLNK | 0777, .show = show_driver_module },
	{ 0 },
};

static int
show_driver_fn(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return snprintf(buf, len, "../../devices/%s", node->bdf);
}

static const struct tree_attr driver_fn_link = {
	.mode = S_IFLNK | 0777,
	.show = show_driver_fn,
};

static int
driver_find(const struct tree *tree, struct tree_node *node, const char *name)
{
	struct host_fn_info info;

	if (!fn_exists(tree, name, &info) || info.driver != node->driver)
		return -ENOENT;
	memcpy(node->bdf, info.bdf, sizeof(node->bdf));
	node->attr = &driver_fn_link;
	return 0;
}

static void
driver_list_one(const struct host_fn_info *fn, void *arg)
{
	struct listing *listing = arg;

	if (fn->driver == listing->node->driver)
		listing->emit(listing->arg, fn->bdf);
}

static void
driver_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	struct listing listing = { emit, arg, node };

	each_fn(tree, driver_list_one, &listing);
}

static const struct tree_dir driver_dir = {
	.attrs = driver_attrs,
	.find = driver_find,
	.list = driver_list,
};

static int
drivers_find(const struct tree *tree, struct tree_node *node, const char *name)
{
	int driver = host_driver_find(name);

	if (driver <= HOST_DRIVER_NONE)
		return -ENOENT;
	node->driver = (enum host_driver)driver;
	node->dir = &driver_dir;
	return 0;
}

static void
drivers_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	for (int d = HOST_DRIVER_NONE + 1; d <= HOST_DRIVER_VIRTIO_PCI; d++)
		emit(arg, host_driver_name((enum host_driver)d));
}

/* ---------------------------------------------------------------- bus/pci */

static int
store_drivers_probe(const struct tree *tree, const struct tree_node *node, const char *text)
{
	struct host_fn_info info;

	return fn_exists(tree, text, &info) ? host_drivers_probe(tree->host, text) : -ENODEV;
}

static int
store_rescan(const struct tree *tree, const struct tree_node *node, const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (end == text || *end != '\0')
		return -EINVAL;
	return value != 0 ? tree->rescan(tree->rescan_arg) : 0;
}

static const struct tree_attr pci_attrs[] = {
	{ .name = "drivers_probe", .mode = S_IFREG | 0200, .store = store_drivers_probe },
	{ .name = "rescan", .mode = S_IFREG | 0200, .store = store_rescan },
	{ 0 },
};

static const struct tree_dir pci_dirs[] = {
	{ .name = "devices", .find = devices_find, .list = devices_list },
	{ .name = "drivers", .find = drivers_find, .list = drivers_list },
	{ 0 },
};

static const struct tree_dir bus_dirs[] = {
	{ .name = "pci", .attrs = pci_attrs, .dirs = pci_dirs },
	{ 0 },
};

/* ---------------------------------------------------------------- kernel/iommu_groups */

static int
show_group_fn(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../../bus/pci/devices/%s", node->bdf);
}

static const struct tree_attr group_fn_link = {
	.mode = S_IFLNK | 0777,
	.show = show_group_fn,
};

static int
group_devices_find(const struct tree *tree, struct tree_node *node, const char *name)
{
	struct host_fn_info info;

	if (!fn_exists(tree, name, &info) || info.group != node->group)
		return -ENOENT;
	memcpy(node->bdf, info.bdf, sizeof(node->bdf));
	node->attr = &group_fn_link;
	return 0;
}

static void
group_devices_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	char bdf[HOST_BDF_LEN];

	if (host_group_fn(tree->host, node->group, bdf) == 0)
		emit(arg, bdf);
}

static int
show_group_type(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return show_text(buf, len, "DMA\n");
}

static const struct tree_attr group_attrs[] = {
	{ .name = "type", .mode = S_IFREG | 0444, .show = show_group_type },
	{ 0 },
};

static const struct tree_dir group_dirs[] = {
	{ .name = "devices", .find = group_devices_find, .list = group_devices_list },
	{ 0 },
};

static const struct tree_dir group_dir = { .attrs = group_attrs, .dirs = group_dirs };

static int
groups_find(const struct tree *tree, struct tree_node *node, const char *name)
{
	char canonical[16], bdf[HOST_BDF_LEN];
	int group = atoi(name);

	snprintf(canonical, sizeof(canonical), "%d", group);
	if (strcmp(canonical, name) != 0 || host_group_fn(tree->host, group, bdf) != 0)
		return -ENOENT;
	node->group = group;
	node->dir = &group_dir;
	return 0;
}

/* Every function has a group of its own, so no number is listed twice. */
static void
groups_list_one(const struct host_fn_info *fn, void *arg)
{
	struct listing *listing = arg;
	char name[16];

	snprintf(name, sizeof(name), "%d", fn->group);
	listing->emit(listing->arg, name);
}

static void
groups_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	struct listing listing = { emit, arg, node };

	each_fn(tree, groups_list_one, &listing);
}

static const struct tree_dir kernel_dirs[] = {
	{ .name = "iommu_groups", .find = groups_find, .list = groups_list },
	{ 0 },
};

/* ---------------------------------------------------------------- module */

static int
show_no(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return show_text(buf, len, "N\n");
}

static int
show_yes(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return show_text(buf, len, "Y\n");
}

static const struct tree_attr vfio_parameters[] = {
	{ .name = "enable_unsafe_noiommu_mode", .mode = S_IFREG | 0444, .show = show_no },
	{ 0 },
};

static const struct tree_attr vfio_pci_parameters[] = {
	{ .name = "enable_sriov", .mode = S_IFREG | 0444, .show = show_yes },
	{ .name = "disable_denylist", .mode = S_IFREG | 0444, .show = show_no },
	{ 0 },
};

static const struct tree_dir vfio_dirs[] = {
	{ .name = "parameters", .attrs = vfio_parameters },
	{ 0 },
};

static const struct tree_dir vfio_pci_dirs[] = {
	{ .name = "parameters", .attrs = vfio_pci_parameters },
	{ 0 },
};

static const struct tree_dir module_dirs[] = {
	{ .name = "vfio", .dirs = vfio_dirs },
	{ .name = "vfio_pci", .dirs = vfio_pci_dirs },
	{ .name = "virtio_pci" },
	{ 0 },
};

static const struct tree_dir root_dirs[] = {
	{ .name = "bus", .dirs = bus_dirs },
	{ .name = "kernel", .dirs = kernel_dirs },
	{ .name = "module", .dirs = module_dirs },
	{ 0 },
};

static const struct tree_dir root = { .dirs = root_dirs };

/* ---------------------------------------------------------------- operations */

static int
find_in(const struct tree *tree, struct tree_node *node, const char *name)
{
	const struct tree_dir *dir = node->dir;
	struct host_fn_info info;

	if (dir == NULL)
		return -ENOTDIR;
	for (const struct tree_attr *attr = dir->attrs; attr != NULL && attr->name != NULL;
			attr++) {
		if (strcmp(attr->name, name) != 0)
			continue;
		if (attr->shown != NULL &&
				(host_fn_info(tree->host, node->bdf, &info) != 0 ||
						!attr->shown(&info)))
			return -ENOENT;
		node->attr = attr;
		node->dir = NULL;
		return 0;
	}
	for (const struct tree_dir *sub = dir->dirs; sub != NULL && sub->name != NULL; sub++) {
		if (strcmp(sub->name, name) == 0) {
			node->dir = sub;
			return 0;
		}
	}
	if (dir->find == NULL || dir->find(tree, node, name) != 0)
		return -ENOENT;
	if (node->attr != NULL)
		node->dir = NULL;
	return 0;
}

int
tree_find(const struct tree *tree, const char *path, struct tree_node *out)
{
	char name[64];
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->dir = &root;
	while (ret == 0) {
		size_t len;

		path += strspn(path, "/");
		if (*path == '\0')
			return 0;
		len = strcspn(path, "/");
		if (len >= sizeof(name))
			return -ENOENT;
		memcpy(name, path, len);
		name[len] = '\0';
		ret = find_in(tree, out, name);
		path += len;
	}
	return ret;
}

mode_t
tree_mode(const struct tree_node *node)
{
	return node->dir != NULL ? S_IFDIR | 0755 : node->attr->mode;
}

off_t
tree_size(const struct tree_node *node)
{
	if (node->dir != NULL || S_ISLNK(node->attr->mode))
		return 0;
	return node->attr->size != 0 ? node->attr->size : TEXT_MAX;
}

int
tree_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	const struct tree_dir *dir = node->dir;
	struct host_fn_info info;

	if (dir == NULL)
		return -ENOTDIR;
	for (const struct tree_attr *attr = dir->attrs; attr != NULL && attr->name != NULL;
			attr++) {
		if (attr->shown == NULL ||
				(host_fn_info(tree->host, node->bdf, &info) == 0 &&
						attr->shown(&info)))
			emit(arg, attr->name);
	}
	for (const struct tree_dir *sub = dir->dirs; sub != NULL && sub->name != NULL; sub++)
		emit(arg, sub->name);
	if (dir->list != NULL)
		dir->list(tree, node, emit, arg);
	return 0;
}

ssize_t
tree_read(const struct tree *tree, const struct tree_node *node, char *buf, size_t len,
		off_t offset)
{
	char text[TEXT_MAX];
	int n;

	if (node->attr == NULL)
		return -EISDIR;
	if (node->attr->read != NULL)
		return node->attr->read(tree, node, buf, len, offset);
	if (node->attr->show == NULL)
		return -EIO; /* As sysfs does without a show function. */
	n = node->attr->show(tree, node, text, sizeof(text));
	if (n < 0)
		return n;
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (offset >= n)
		return 0;
	if (len > (size_t)(n - offset))
		len = (size_t)(n - offset);
	memcpy(buf, text + offset, len);
	return (ssize_t)len;
}

ssize_t
tree_write(struct tree *tree, const struct tree_node *node, const char *buf, size_t len,
		off_t offset)
{
	char text[256];
	size_t end = len;
	ssize_t ret;

	if (node->attr == NULL)
		return -EISDIR;
	if (node->attr->write == NULL && node->attr->store == NULL)
		return -EIO;
	if (len == 0)
		return 0;
	pthread_mutex_lock(&tree->store_lock);
	if (node->attr->write != NULL) {
		ret = node->attr->write(tree, node, buf, len, offset);
	} else {
		while (end > 0 &&
				(buf[end - 1] == '\n' || buf[end - 1] == ' ' ||
						buf[end - 1] == '\0'))
			end--;
		if (end >= sizeof(text)) {
			ret = -EINVAL;
		} else {
			memcpy(text, buf, end);
			text[end] = '\0';
			ret = node->attr->store(tree, node, text);
			if (ret == 0)
				ret = (ssize_t)len;
		}
	}
	pthread_mutex_unlock(&tree->store_lock);
	return ret;
}

int
tree_readlink(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	int n;

	if (node->attr == NULL || !S_ISLNK(node->attr->mode))
		return -EINVAL;
	n = node->attr->show(tree, node, buf, len);
	if (n < 0)
		return n;
	return n < (int)len ? 0 : -ENAMETOOLONG;
}
