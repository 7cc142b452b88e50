/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl list: the virtio-net functions of this host. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/show.h"

#include "ctl.h"

static int
print_json(const struct ctl *ctl, const struct sysfs_fn *fns, int nb_fns)
{
	json_t *list = json_array();

	for (int i = 0; i < nb_fns; i++)
		json_array_append_new(list, show_fn(&fns[i]));
	return ctl_print_json(ctl, json_pack("{s:o}", "functions", list));
}

static void
add_row(struct table *table, const struct sysfs_fn *fn)
{
	char name[32] = "-", group[16] = "-", vfs[32] = "-", subsys[16];

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
	snprintf(subsys, sizeof(subsys), "%04x:%04x", fn->subsys_vendor, fn->subsys);
	table_row(table, fn->bdf, name, fn->driver[0] != '\0' ? fn->driver : "-", group, subsys,
			vfs);
}

int
cmd_list(const struct ctl *ctl, char *const args[])
{
	struct sysfs_fn *fns;
	int nb_fns = sysfs_list(ctl->host.sysfs, &fns);
	int ret = CTL_OK;

	if (nb_fns < 0)
		return ctl_refuse(ctl, "cannot read the PCI functions in %s/bus/pci/devices: %s",
				ctl->host.sysfs, strerror(-nb_fns));
	if (ctl->json) {
		ret = print_json(ctl, fns, nb_fns);
	} else if (nb_fns == 0) {
		printf("no virtio-net function in %s/bus/pci/devices\n", ctl->host.sysfs);
	} else {
		struct table table;

		table_start(&table, "PCI", "KIND", "DRIVER", ">GROUP", "SUBSYSTEM", "VFS", NULL);
		for (int i = 0; i < nb_fns; i++)
			add_row(&table, &fns[i]);
		table_print(ctl, &table);
	}
	free(fns);
	return ret;
}
