/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The files of a PCI function in the simulated /sys.
 *
 * Texts, permissions and errors are those of Linux' drivers/pci/pci-sysfs.c and iov.c.
 */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs_tree.h"
#include "virtio_spec/pci.h"

#define FILE_MODE(bits) (S_IFREG | (bits))
#define LINK_MODE (S_IFLNK | 0777)

/* Lines that Linux shows: 6 BARs, the expansion ROM and 6 BARs of SR-IOV. */
#define RESOURCE_LINES 13

/* The current state of the function of a node. 0 or -ENODEV. */
static int
fn_get(const struct tree *tree, const struct tree_node *node, struct host_fn_info *fn)
{
	return host_fn_info(tree->host, node->bdf, fn) == 0 ? 0 : -ENODEV;
}

/* A show function with a format and values of the function `fn`. */
#define SHOW(name, ...)                                                                          \
	static int show_##name(const struct tree *tree, const struct tree_node *node, char *buf, \
			size_t len)                                                              \
	{                                                                                        \
		struct host_fn_info fn;                                                          \
		int ret = fn_get(tree, node, &fn);                                               \
                                                                                                 \
		return ret != 0 ? ret : snprintf(buf, len, __VA_ARGS__);                         \
	}

SHOW(vendor, "0x%04x\n", fn.ids.vendor)
SHOW(device, "0x%04x\n", fn.ids.device)
SHOW(subsystem_vendor, "0x%04x\n", fn.ids.subsys_vendor)
SHOW(subsystem_device, "0x%04x\n", fn.ids.subsys)
SHOW(class, "0x%06x\n", fn.ids.class_code)
SHOW(revision, "0x%02x\n", fn.ids.revision)
SHOW(numa_node, "%d\n", tree->numa_node)
SHOW(irq, "0\n") /* There is no INTx interrupt. */
SHOW(driver_override, "%s\n", fn.driver_override[0] != '\0' ? fn.driver_override : "(null)")
SHOW(driver, "../../drivers/%s", host_driver_name(fn.driver))
SHOW(iommu_group, "../../../../kernel/iommu_groups/%d", fn.group)
SHOW(physfn, "../%s", fn.pf_bdf)
SHOW(subsystem, "../../../../bus/pci")
SHOW(sriov_totalvfs, "%u\n", fn.sriov_totalvfs)
SHOW(sriov_numvfs, "%u\n", fn.sriov_numvfs)
SHOW(sriov_offset, "%u\n", fn.sriov_offset)
SHOW(sriov_stride, "%u\n", fn.sriov_stride)
SHOW(sriov_vf_device, "%x\n", fn.sriov_vf_device)
SHOW(sriov_drivers_autoprobe, "%u\n", fn.sriov_autoprobe)

static int
modalias(const struct host_fn_info *fn, char *buf, size_t len)
{
	return snprintf(buf, len, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", fn->ids.vendor,
			fn->ids.device, fn->ids.subsys_vendor, fn->ids.subsys,
			(fn->ids.class_code >> 16) & 0xff, (fn->ids.class_code >> 8) & 0xff,
			fn->ids.class_code & 0xff);
}

static int
show_modalias(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	struct host_fn_info fn;
	int ret = fn_get(tree, node, &fn);

	return ret != 0 ? ret : modalias(&fn, buf, len);
}

static int
show_uevent(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	struct host_fn_info fn;
	const char *driver;
	char alias[96];
	int ret = fn_get(tree, node, &fn);

	if (ret != 0)
		return ret;
	driver = host_driver_name(fn.driver);
	modalias(&fn, alias, sizeof(alias));
	return snprintf(buf, len,
			"%s%s%sPCI_CLASS=%04X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n"
			"PCI_SLOT_NAME=%s\nMODALIAS=%s",
			driver != NULL ? "DRIVER=" : "", driver != NULL ? driver : "",
			driver != NULL ? "\n" : "", fn.ids.class_code, fn.ids.vendor, fn.ids.device,
			fn.ids.subsys_vendor, fn.ids.subsys, fn.bdf, alias);
}

static int
show_resource(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	struct host_fn_info fn;
	size_t at = 0;
	int ret = fn_get(tree, node, &fn);

	if (ret != 0)
		return ret;
	for (unsigned int i = 0; i < RESOURCE_LINES && at < len; i++) {
		uint64_t start = 0, end = 0, flags = 0;

		if (i < 6 && fn.bar_size[i] != 0) {
			start = fn.bar_start[i];
			end = start + fn.bar_size[i] - 1;
			flags = fn.bar_flags[i];
		}
		at += (size_t)snprintf(buf + at, len - at, "0x%016llx 0x%016llx 0x%016llx\n",
				(unsigned long long)start, (unsigned long long)end,
				(unsigned long long)flags);
	}
	return (int)at;
}

/* The simulated host runs on the processors of the machine: show the machine's own file,
 * as a list ("0-3") or as a mask ("f"). */
static int
show_cpus(const struct tree *tree, bool list, char *buf, size_t len)
{
	char path[96];
	FILE *file;
	size_t n;

	if (tree->numa_node >= 0)
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/%s", tree->numa_node,
				list ? "cpulist" : "cpumap");
	else if (list)
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/online");
	else
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:00.0/local_cpus");
	file = fopen(path, "re");
	if (file != NULL) {
		n = fread(buf, 1, len - 1, file);
		fclose(file);
		buf[n] = '\0';
		return (int)n;
	}
	if (list)
		return snprintf(buf, len, "0-%ld\n", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	return snprintf(buf, len, "%llx\n", (1ULL << (sysconf(_SC_NPROCESSORS_ONLN) & 63)) - 1);
}

static int
show_local_cpus(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return show_cpus(tree, false, buf, len);
}

static int
show_local_cpulist(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	return show_cpus(tree, true, buf, len);
}

/* Shows whether memory decoding is on, as after pci_enable_device(). */
static int
show_enable(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	uint8_t command = 0;
	int ret = host_config_read(tree->host, node->bdf, PCI_CFG_COMMAND, &command, 1);

	return ret != 0 ? ret : snprintf(buf, len, "%u\n", (command & PCI_COMMAND_MEM_SPACE) != 0);
}

/* ---------------------------------------------------------------- writes */

/* As kstrtoul(), with a maximum. */
static int
number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 0);
	if (*end != '\0')
		return -EINVAL;
	return errno != 0 || *out > max ? -ERANGE : 0;
}

static int
store_driver_override(const struct tree *tree, const struct tree_node *node, const char *text)
{
	return host_driver_override_set(tree->host, node->bdf, text);
}

static int
store_sriov_numvfs(const struct tree *tree, const struct tree_node *node, const char *text)
{
	unsigned long num;

	/* Every failure of kstrtou16() gives EINVAL here; ERANGE means more than TotalVFs. */
	if (number(text, UINT16_MAX, &num) != 0)
		return -EINVAL;
	return host_sriov_numvfs_set(tree->host, node->bdf, (uint16_t)num);
}

/* As kstrtobool(): "0", "1", "n", "y", ... @return 0, 1 or -EINVAL. */
static int
parse_bool(const char *text)
{
	if (strchr("1yYtT", text[0]) != NULL && text[0] != '\0')
		return 1;
	if (strchr("0nNfF", text[0]) != NULL && text[0] != '\0')
		return 0;
	if ((text[0] == 'o' || text[0] == 'O') && (text[1] == 'n' || text[1] == 'N'))
		return 1;
	if ((text[0] == 'o' || text[0] == 'O') && (text[1] == 'f' || text[1] == 'F'))
		return 0;
	return -EINVAL;
}

static int
store_sriov_autoprobe(const struct tree *tree, const struct tree_node *node, const char *text)
{
	int on = parse_bool(text);

	return on < 0 ? on : host_sriov_autoprobe_set(tree->host, node->bdf, on != 0);
}

static int
store_reset(const struct tree *tree, const struct tree_node *node, const char *text)
{
	unsigned long value;
	int ret = number(text, ULONG_MAX, &value);

	if (ret != 0)
		return ret;
	return value == 1 ? host_sysfs_reset(tree->host, node->bdf) : -EINVAL;
}

static int
store_remove(const struct tree *tree, const struct tree_node *node, const char *text)
{
	unsigned long value;

	if (number(text, ULONG_MAX, &value) != 0)
		return -EINVAL;
	return value != 0 ? host_fn_remove(tree->host, node->bdf) : 0;
}

static int
store_rescan(const struct tree *tree, const struct tree_node *node, const char *text)
{
	unsigned long value;

	if (number(text, ULONG_MAX, &value) != 0)
		return -EINVAL;
	return value != 0 ? tree->rescan(tree->rescan_arg) : 0;
}

static int
store_enable(const struct tree *tree, const struct tree_node *node, const char *text)
{
	struct host_fn_info fn;
	unsigned long value;
	uint8_t command;
	int ret = number(text, ULONG_MAX, &value);

	if (ret != 0)
		return ret;
	ret = fn_get(tree, node, &fn);
	if (ret != 0)
		return ret;
	if (fn.driver != HOST_DRIVER_NONE)
		return -EBUSY;
	ret = host_config_read(tree->host, node->bdf, PCI_CFG_COMMAND, &command, 1);
	if (ret != 0)
		return ret;
	if (value == 0 && !(command & PCI_COMMAND_MEM_SPACE))
		return -EIO;
	command = value != 0 ? command | PCI_COMMAND_MEM_SPACE : command & ~PCI_COMMAND_MEM_SPACE;
	return host_config_write(tree->host, node->bdf, PCI_CFG_COMMAND, &command, 1);
}

static int
store_numa_node(const struct tree *tree, const struct tree_node *node, const char *text)
{
	/* vsr-sim serve --numa sets the node. */
	return -EINVAL;
}

/* A kernel sends an event to udev. There is no udev of the simulated host: no effect. */
static int
store_uevent(const struct tree *tree, const struct tree_node *node, const char *text)
{
	static const char *const actions[] = {
		"add",
		"remove",
		"change",
		"move",
		"online",
		"offline",
		"bind",
		"unbind",
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strncmp(text, actions[i], strlen(actions[i])) == 0)
			return 0;
	}
	return -EINVAL;
}

static ssize_t
read_config(const struct tree *tree, const struct tree_node *node, char *buf, size_t len,
		off_t offset)
{
	int ret;

	if (offset >= PCI_CFG_EXT_SIZE)
		return 0;
	if (len > (size_t)(PCI_CFG_EXT_SIZE - offset))
		len = (size_t)(PCI_CFG_EXT_SIZE - offset);
	ret = host_config_read(tree->host, node->bdf, (uint64_t)offset, buf, len);
	return ret != 0 ? ret : (ssize_t)len;
}

static ssize_t
write_config(const struct tree *tree, const struct tree_node *node, const char *buf, size_t len,
		off_t offset)
{
	int ret;

	if (offset >= PCI_CFG_EXT_SIZE)
		return -EFBIG;
	if (len > (size_t)(PCI_CFG_EXT_SIZE - offset))
		len = (size_t)(PCI_CFG_EXT_SIZE - offset);
	ret = host_config_write(tree->host, node->bdf, (uint64_t)offset, buf, len);
	return ret != 0 ? ret : (ssize_t)len;
}

/* ---------------------------------------------------------------- attributes */

static bool
is_bound(const struct host_fn_info *fn)
{
	return fn->driver != HOST_DRIVER_NONE;
}

static bool
is_pf(const struct host_fn_info *fn)
{
	return fn->has_sriov;
}

static bool
is_vf(const struct host_fn_info *fn)
{
	return fn->pf_bdf[0] != '\0';
}

#define TEXT(n, bits) .name = #n, .mode = FILE_MODE(bits), .show = show_##n
#define LINK(n) .name = #n, .mode = LINK_MODE, .show = show_##n

const struct tree_attr tree_fn_attrs[] = {
	{ TEXT(class, 0444) },
	{ .name = "config",
			.mode = FILE_MODE(0644),
			.read = read_config,
			.write = write_config,
			.size = PCI_CFG_EXT_SIZE },
	{ TEXT(device, 0444) },
	{ LINK(driver), .shown = is_bound },
	{ TEXT(driver_override, 0644), .store = store_driver_override },
	{ TEXT(enable, 0644), .store = store_enable },
	{ LINK(iommu_group) },
	{ TEXT(irq, 0444) },
	{ TEXT(local_cpulist, 0444) },
	{ TEXT(local_cpus, 0444) },
	{ TEXT(modalias, 0444) },
	{ TEXT(numa_node, 0644), .store = store_numa_node },
	{ LINK(physfn), .shown = is_vf },
	{ .name = "remove", .mode = FILE_MODE(0220), .store = store_remove },
	{ .name = "rescan", .mode = FILE_MODE(0220), .store = store_rescan },
	{ .name = "reset", .mode = FILE_MODE(0200), .store = store_reset },
	{ TEXT(resource, 0444) },
	{ TEXT(revision, 0444) },
	{ TEXT(sriov_drivers_autoprobe, 0644), .shown = is_pf, .store = store_sriov_autoprobe },
	{ TEXT(sriov_numvfs, 0644), .shown = is_pf, .store = store_sriov_numvfs },
	{ TEXT(sriov_offset, 0444), .shown = is_pf },
	{ TEXT(sriov_stride, 0444), .shown = is_pf },
	{ TEXT(sriov_totalvfs, 0444), .shown = is_pf },
	{ TEXT(sriov_vf_device, 0444), .shown = is_pf },
	{ LINK(subsystem) },
	{ TEXT(subsystem_device, 0444) },
	{ TEXT(subsystem_vendor, 0444) },
	{ TEXT(uevent, 0644), .store = store_uevent },
	{ TEXT(vendor, 0444) },
	{ 0 },
};

/* ---------------------------------------------------------------- virtfnN */

static int
show_virtfn(const struct tree *tree, const struct tree_node *node, char *buf, size_t len)
{
	struct host_fn_info fn;
	char bdf[HOST_BDF_LEN];
	int ret = fn_get(tree, node, &fn);

	if (ret != 0)
		return ret;
	if (!host_vf_bdf(&fn, node->n + 1, bdf))
		return -ENOENT;
	return snprintf(buf, len, "../%s", bdf);
}

static const struct tree_attr virtfn_link = { .mode = LINK_MODE, .show = show_virtfn };

int
tree_virtfn_find(const struct tree *tree, struct tree_node *node, const char *name)
{
	struct host_fn_info fn;
	unsigned long n;

	if (strncmp(name, "virtfn", 6) != 0 || number(name + 6, UINT16_MAX, &n) != 0 ||
			fn_get(tree, node, &fn) != 0 || !is_pf(&fn) || n >= fn.sriov_numvfs)
		return -ENOENT;
	node->n = (unsigned int)n;
	node->attr = &virtfn_link;
	return 0;
}

void
tree_virtfn_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg)
{
	struct host_fn_info fn;
	char name[16];

	if (fn_get(tree, node, &fn) != 0 || !is_pf(&fn))
		return;
	for (unsigned int n = 0; n < fn.sriov_numvfs; n++) {
		snprintf(name, sizeof(name), "virtfn%u", n);
		emit(arg, name);
	}
}
