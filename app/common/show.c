/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Functions as JSON. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_text.h"

#include "show.h"

const char *
show_kind(const struct sysfs_fn *fn)
{
	if (fn->pf[0] != '\0')
		return "vf";
	return fn->has_sriov ? "pf" : "function";
}

json_t *
show_text(const char *text)
{
	const size_t size = 4 * strlen(text) + 1; /* each byte as \xNN */
	char *clean = malloc(size);
	json_t *out = NULL;

	if (clean != NULL) {
		base_text_clean(clean, size, text);
		out = json_string(clean);
	}
	free(clean);
	return out;
}

static json_t *
text_or_null(const char *text)
{
	return text[0] != '\0' ? show_text(text) : json_null();
}

static json_t *
group_or_null(const struct sysfs_fn *fn)
{
	return fn->group >= 0 ? json_integer(fn->group) : json_null();
}

json_t *
show_fn(const struct sysfs_fn *fn)
{
	char vendor[8], device[8], subsys_vendor[8], subsys[8];
	json_t *out;

	snprintf(vendor, sizeof(vendor), "%04x", fn->vendor);
	snprintf(device, sizeof(device), "%04x", fn->device);
	snprintf(subsys_vendor, sizeof(subsys_vendor), "%04x", fn->subsys_vendor);
	snprintf(subsys, sizeof(subsys), "%04x", fn->subsys);
	out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "pci", fn->bdf, "kind",
			show_kind(fn), "vendor", vendor, "device", device, "subsystem_vendor",
			subsys_vendor, "subsystem_device", subsys, "driver",
			text_or_null(fn->driver), "iommu_group", group_or_null(fn));
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

static json_t *
users_of_group(const struct holders *holders, int group)
{
	json_t *users = json_array();

	for (const struct holder *h = holders_find(holders, group);
			h != NULL && h < holders->v + holders->nb && h->group == group; h++)
		json_array_append_new(users,
				json_pack("{s:i, s:s}", "pid", (int)h->pid, "name", h->name));
	return users;
}

json_t *
show_vfs(const struct pf_host *host, const struct sysfs_fn *pf)
{
	struct holders holders;
	json_t *vfs = json_array();

	holders_scan(&holders);
	for (unsigned int i = 1; i <= pf->num_vfs; i++) {
		char bdf[BASE_BDF_LEN];
		struct sysfs_fn vf;
		json_t *users;

		/* Skip a VF that disappeared meanwhile. */
		if (sysfs_vf_bdf(host->sysfs, pf->bdf, i, bdf) != 0 ||
				sysfs_fn_read(host->sysfs, bdf, &vf) != 0)
			continue;
		users = users_of_group(&holders, vf.group);
		json_array_append_new(vfs,
				json_pack("{s:i, s:s, s:o, s:o, s:b, s:o}", "vf", (int)i, "pci",
						bdf, "driver", text_or_null(vf.driver),
						"iommu_group", group_or_null(&vf), "assigned",
						json_array_size(users) != 0, "users", users));
	}
	holders_free(&holders);
	return vfs;
}

json_t *
show_users(const struct vf_user *users, size_t nb_users)
{
	json_t *list = json_array();

	for (size_t i = 0; i < nb_users; i++)
		json_array_append_new(list,
				json_pack("{s:i, s:s, s:o, s:o}", "vf", (int)users[i].vf, "pci",
						users[i].bdf, "pid",
						users[i].pid != 0 ? json_integer(users[i].pid) :
								    json_null(),
						"name", text_or_null(users[i].name)));
	return list;
}

json_t *
show_created(const struct pf_host *host, const struct sysfs_fn *pf, unsigned int count,
		const char *token)
{
	char option[64], file[PATH_MAX] = "";
	struct sysfs_fn now = *pf;

	now.num_vfs = count;
	snprintf(option, sizeof(option), "--vfio-vf-token=%s", token);
	token_path(host->run_dir, pf->bdf, file, sizeof(file));
	return json_pack("{s:s, s:i, s:s, s:o, s:s, s:o}", "pf", pf->bdf, "num_vfs", (int)count,
			"token", token, "token_file", show_text(file), "testpmd_option", option,
			"vfs", show_vfs(host, &now));
}
