/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * vsrctl list: the virtio-net functions of this host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "sysfs.h"

static const char *
kind(const struct sysfs_fn *fn)
{
	if (fn->pf[0] != '\0')
		return "vf";
	return fn->has_sriov ? "pf" : "function";
}

static json_t *
to_json(const struct sysfs_fn *fn)
{
	char vendor[8], device[8], subsys_vendor[8], subsys[8];
	json_t *out;

	snprintf(vendor, sizeof(vendor), "%04x", fn->vendor);
	snprintf(device, sizeof(device), "%04x", fn->device);
	snprintf(subsys_vendor, sizeof(subsys_vendor), "%04x", fn->subsys_vendor);
	snprintf(subsys, sizeof(subsys), "%04x", fn->subsys);
	out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "pci", fn->bdf, "kind",
			kind(fn), "vendor", vendor, "device", device, "subsystem_vendor",
			subsys_vendor, "subsystem_device", subsys, "driver",
			fn->driver[0] != '\0' ? json_string(fn->driver) : json_null(),
			"iommu_group", fn->group >= 0 ? json_integer(fn->group) : json_null());
	if (out == NULL)
		return NULL;
	if (fn->pf[0] != '\0') {
		json_object_set_new(out, "pf", json_string(fn->pf));
		json_object_set_new(out, "vf", fn->vf != 0 ? json_integer(fn->vf) : json_null());
	}
	if (fn->has_sriov) {
		json_object_set_new(out, "num_vfs", json_integer(fn->num_vfs));
		json_object_set_new(out, "total_vfs", json_integer(fn->total_vfs));
	}
	return out;
}

static int
print_json(const struct ctl *ctl, const struct sysfs_fn *fns, int nb_fns)
{
	json_t *list = json_array();

	for (int i = 0; i < nb_fns; i++)
		json_array_append_new(list, to_json(&fns[i]));
	return ctl_print_json(ctl, json_pack("{s:o}", "functions", list));
}

static void
print_row(const struct sysfs_fn *fn)
{
	char name[32] = "-", group[16] = "-", vfs[32] = "-";

	if (fn->pf[0] != '\0' && fn->vf != 0)
		snprintf(name, sizeof(name), "VF %u", fn->vf);
	else if (fn->pf[0] != '\0')
		strcpy(name, "VF");
	else if (fn->has_sriov)
		strcpy(name, "PF");
	if (fn->group >= 0)
		snprintf(group, sizeof(group), "%d", fn->group);
	if (fn->has_sriov)
		snprintf(vfs, sizeof(vfs), "%u of %u", fn->num_vfs, fn->total_vfs);
	printf("%-14s %-7s %-12s %6s  %04x:%04x  %s\n", fn->bdf, name,
			fn->driver[0] != '\0' ? fn->driver : "-", group, fn->subsys_vendor,
			fn->subsys, vfs);
}

int
cmd_list(const struct ctl *ctl, char *const args[])
{
	struct sysfs_fn *fns;
	int nb_fns = sysfs_list(ctl->sysfs, &fns);
	int ret = CTL_OK;

	if (nb_fns < 0)
		return ctl_refuse(ctl, "cannot read the PCI functions in %s/bus/pci/devices: %s",
				ctl->sysfs, strerror(-nb_fns));
	if (ctl->json) {
		ret = print_json(ctl, fns, nb_fns);
	} else if (nb_fns == 0) {
		printf("no virtio-net function in %s/bus/pci/devices\n", ctl->sysfs);
	} else {
		printf("%-14s %-7s %-12s %6s  %-9s  %s\n", "PCI", "KIND", "DRIVER", "GROUP",
				"SUBSYSTEM", "VFS");
		for (int i = 0; i < nb_fns; i++)
			print_row(&fns[i]);
	}
	free(fns);
	return ret;
}
