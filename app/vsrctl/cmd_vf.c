/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl vf: the VFs of a PF, through vsrd if it owns the PF, else by the same rules here. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/show.h"
#include "virtio_spec/features.h"

#include "ctl.h"

/* ---------------------------------------------------------------- without a daemon */

/* With the PF open: negotiate, store the token, create the VFs. */
static int
enable_vfs(const struct ctl *ctl, const struct sysfs_fn *pf, unsigned int count, const char *token,
		struct vio_transport *t, struct err *err)
{
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_SR_IOV);
	struct vio_dev dev;
	int ret;

	vio_dev_init(&dev, t);
	ret = pf_negotiate(pf, &dev, &wanted, err);
	if (ret == 0)
		ret = pf_sriov_allowed(&ctl->host, pf, &dev, err);
	return ret != 0 ? ret : pf_vfs_enable(&ctl->host, pf, count, token, err);
}

static json_t *
create_here(const struct ctl *ctl, const char *name, const char *number, const char *token)
{
	struct vio_vfio vfio;
	struct sysfs_fn pf;
	unsigned int count;
	struct err err;
	int ret;

	ret = pf_find(&ctl->host, name, &pf, &err);
	if (ret == 0)
		ret = pf_count_parse(&pf, number, &count, &err);
	if (ret == 0)
		ret = pf_has_no_vfs(&ctl->host, &pf, &err);
	/* Opening the PF sets its token; keep the PF open until the VFs exist. */
	if (ret == 0)
		ret = pf_open(&ctl->host, &pf, token, &vfio, &err);
	if (ret == 0) {
		ret = enable_vfs(ctl, &pf, count, token, &vfio.t, &err);
		vio_vfio_close(&vfio);
	}
	if (ret == 0)
		return show_created(&ctl->host, &pf, count, token);
	ctl_refuse(ctl, "%s", err.text);
	return NULL;
}

static json_t *
destroy_here(const struct ctl *ctl, const char *name)
{
	struct vf_user *users = calloc(PF_MAX_USERS, sizeof(*users));
	char file[4096], then[64];
	struct sysfs_fn pf = { 0 };
	struct err err;
	size_t nb;
	int ret;

	ret = users == NULL ? err_set(&err, -ENOMEM, "out of memory") :
			      pf_find(&ctl->host, name, &pf, &err);
	if (ret == 0 && pf.num_vfs == 0)
		ret = err_set(&err, -ENOENT, "%s has no VFs", pf.bdf);
	if (ret == 0) {
		snprintf(then, sizeof(then), "run vsrctl vf destroy %s again", pf.bdf);
		ret = pf_check_unused(&ctl->host, &pf, then, users, &nb, &err);
	}
	if (ret == 0)
		ret = pf_vfs_disable(&ctl->host, &pf, &err);
	free(users);
	if (ret != 0) {
		ctl_refuse(ctl, "%s", err.text);
		return NULL;
	}
	if (pf_token_file(&ctl->host, &pf, file, sizeof(file), &err) == 0)
		token_drop(file);
	return json_pack("{s:s, s:i, s:i}", "pf", pf.bdf, "num_vfs", 0, "destroyed",
			(int)pf.num_vfs);
}

/* ---------------------------------------------------------------- create */

static int
print_created(const struct ctl *ctl, json_t *created)
{
	const json_int_t count = ctl_int(created, "num_vfs");
	json_t *vf;
	size_t i;

	if (ctl->json)
		return ctl_print_json(ctl, created);
	printf("%s: %lld VF%s created\n", ctl_text(created, "pf"), (long long)count,
			count == 1 ? "" : "s");
	json_array_foreach(json_object_get(created, "vfs"), i,
			vf) printf("  VF %-3lld %s  %s, IOMMU group %lld\n",
			(long long)ctl_int(vf, "vf"), ctl_text(vf, "pci"), ctl_text(vf, "driver"),
			(long long)ctl_int(vf, "iommu_group"));
	printf("VF token, kept in %s; dpdk-testpmd needs:\n  %s\n", ctl_text(created, "token_file"),
			ctl_text(created, "testpmd_option"));
	json_decref(created);
	return CTL_OK;
}

int
cmd_vf_create(const struct ctl *ctl, char *const args[])
{
	char token[TOKEN_LEN];
	struct sysfs_fn pf;
	unsigned int count;
	json_t *created;
	struct err err;
	int code, ret;

	if (ctl->token != NULL && token_parse(ctl->token, token) != 0)
		return ctl_refuse(ctl,
				"\"%s\" is no UUID such as f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
				ctl->token);
	/* Check here first, so that refusals read the same with and without a daemon. */
	if (pf_find(&ctl->host, args[0], &pf, &err) != 0 ||
			pf_count_parse(&pf, args[1], &count, &err) != 0)
		return ctl_refuse(ctl, "%s", err.text);
	created = ctl_try(ctl, "vf.create",
			json_pack("{s:s, s:i, s:s*}", "pf", args[0], "count", (int)count, "token",
					ctl->token != NULL ? token : NULL),
			&code);
	if (created == NULL && code == CTL_NO_DAEMON) {
		ret = ctl->token == NULL ? token_make(token) : 0;
		if (ret != 0)
			return ctl_refuse(ctl, "cannot create a random token: %s", strerror(-ret));
		created = create_here(ctl, args[0], args[1], token);
		code = CTL_REFUSED;
	}
	return created != NULL ? print_created(ctl, created) : code;
}

/* ---------------------------------------------------------------- destroy, show */

int
cmd_vf_destroy(const struct ctl *ctl, char *const args[])
{
	json_t *done;
	int code;

	done = ctl_try(ctl, "vf.destroy", json_pack("{s:s}", "pf", args[0]), &code);
	if (done == NULL && code == CTL_NO_DAEMON) {
		done = destroy_here(ctl, args[0]);
		code = CTL_REFUSED;
	}
	if (done == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, done);
	printf("%s: %lld VF%s destroyed\n", ctl_text(done, "pf"),
			(long long)ctl_int(done, "destroyed"),
			ctl_int(done, "destroyed") == 1 ? "" : "s");
	json_decref(done);
	return CTL_OK;
}

static json_t *
show_here(const struct ctl *ctl, const char *name)
{
	struct sysfs_fn pf;
	struct err err;

	if (pf_find(&ctl->host, name, &pf, &err) == 0)
		return json_pack("{s:s, s:o}", "pf", pf.bdf, "vfs", show_vfs(&ctl->host, &pf));
	ctl_refuse(ctl, "%s", err.text);
	return NULL;
}

static void
add_vf(struct table *table, const json_t *vf)
{
	const json_t *users = json_object_get(vf, "users"), *first = json_array_get(users, 0);
	const json_t *group = json_object_get(vf, "iommu_group");
	char number[16], group_text[16] = "-", user[96] = "-";

	snprintf(number, sizeof(number), "%lld", (long long)ctl_int(vf, "vf"));
	if (json_is_integer(group))
		snprintf(group_text, sizeof(group_text), "%lld",
				(long long)json_integer_value(group));
	if (first != NULL)
		snprintf(user, sizeof(user), "%s (%lld)%s", ctl_text(first, "name"),
				(long long)ctl_int(first, "pid"),
				json_array_size(users) > 1 ? " and others" : "");
	table_row(table, number, ctl_text(vf, "pci"), ctl_text(vf, "driver"), group_text, user);
}

int
cmd_vf_show(const struct ctl *ctl, char *const args[])
{
	struct table table;
	json_t *shown, *vf;
	size_t i;
	int code;

	shown = ctl_try(ctl, "vf.show", json_pack("{s:s}", "pf", args[0]), &code);
	if (shown == NULL && code == CTL_NO_DAEMON) {
		shown = show_here(ctl, args[0]);
		code = CTL_REFUSED;
	}
	if (shown == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, shown);
	if (json_array_size(json_object_get(shown, "vfs")) == 0) {
		printf("%s has no VFs\n", args[0]);
	} else {
		table_start(&table, ">VF", "PCI", "DRIVER", ">GROUP", "USED BY", NULL);
		json_array_foreach(json_object_get(shown, "vfs"), i, vf) add_vf(&table, vf);
		table_print(ctl, &table);
	}
	json_decref(shown);
	return CTL_OK;
}
