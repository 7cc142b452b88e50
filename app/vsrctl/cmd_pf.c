/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl pf and token: PFs and their VF tokens. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/base_path.h"
#include "common/show.h"

#include "ctl.h"

/* ---------------------------------------------------------------- pf */

/* Show a PF without the daemon. */
static json_t *
show_here(const struct ctl *ctl, const char *name)
{
	struct sysfs_fn pf;
	struct err err;
	json_t *out;

	if (pf_find(&ctl->host, name, &pf, &err) != 0) {
		ctl_refuse(ctl, "%s", err.text);
		return NULL;
	}
	out = show_fn(&pf);
	json_object_set_new(out, "state", json_string("not owned by vsrd"));
	json_object_set_new(out, "vfs", show_vfs(&ctl->host, &pf));
	return out;
}

static void
line(const char *name, const char *text)
{
	printf("  %-14s %s\n", name, text);
}

static int
print_pf(const struct ctl *ctl, json_t *pf)
{
	const bool owned = json_object_get(pf, "features") != NULL;
	char text[256];

	if (ctl->json)
		return ctl_print_json(ctl, pf);
	printf("%s  PF %s:%s, subsystem %s:%s, driver %s\n", ctl_text(pf, "pci"),
			ctl_text(pf, "vendor"), ctl_text(pf, "device"),
			ctl_text(pf, "subsystem_vendor"), ctl_text(pf, "subsystem_device"),
			ctl_text(pf, "driver"));
	line("state", ctl_text(pf, "state"));
	if (json_is_string(json_object_get(pf, "why")))
		line("", ctl_text(pf, "why"));
	snprintf(text, sizeof(text), "%lld of %lld", (long long)ctl_int(pf, "num_vfs"),
			(long long)ctl_int(pf, "total_vfs"));
	line("VFs", text);
	if (owned) {
		line("features", ctl_text(pf, "features"));
		line("SR-IOV",
				json_is_true(json_object_get(pf, "sriov_allowed")) ?
						"allowed" :
						ctl_text(pf, "sriov_why"));
		snprintf(text, sizeof(text), "%lld", (long long)ctl_int(pf, "admin_queues"));
		line("admin queues",
				ctl_int(pf, "admin_queues") != 0 ? text :
								   ctl_text(pf, "admin_why"));
		line("descriptors",
				json_is_true(json_object_get(pf, "kept")) ?
						"kept when vsrd ends" :
						"not kept: when vsrd ends, VFs lose their state");
	}
	json_decref(pf);
	return CTL_OK;
}

int
cmd_pf_show(const struct ctl *ctl, char *const args[])
{
	json_t *pf;
	int code;

	pf = ctl_try(ctl, "pf.show", json_pack("{s:s}", "pf", args[0]), &code);
	if (pf == NULL && code == CTL_NO_DAEMON) {
		pf = show_here(ctl, args[0]);
		code = CTL_REFUSED;
	}
	return pf != NULL ? print_pf(ctl, pf) : code;
}

int
cmd_pf_attach(const struct ctl *ctl, char *const args[])
{
	int code;
	json_t *pf = ctl_call(ctl, "pf.attach", json_pack("{s:s}", "pf", args[0]), &code);

	return pf != NULL ? print_pf(ctl, pf) : code;
}

int
cmd_pf_reset(const struct ctl *ctl, char *const args[])
{
	int code;
	json_t *pf = ctl_call(ctl, "pf.reset", json_pack("{s:s}", "pf", args[0]), &code);

	return pf != NULL ? print_pf(ctl, pf) : code;
}

int
cmd_pf_release(const struct ctl *ctl, char *const args[])
{
	int code;
	json_t *done = ctl_call(ctl, "pf.release", json_pack("{s:s}", "pf", args[0]), &code);

	if (done == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, done);
	printf("%s is released\n", args[0]);
	json_decref(done);
	return CTL_OK;
}

/* ---------------------------------------------------------------- token */

static json_t *
token_here(const struct ctl *ctl, const char *name)
{
	char token[TOKEN_LEN], file[PATH_MAX], option[64];
	struct sysfs_fn pf;
	struct err err;
	int ret = pf_find(&ctl->host, name, &pf, &err);

	if (ret == 0)
		ret = pf_token_file(&ctl->host, &pf, file, sizeof(file), &err);
	if (ret == 0 && (ret = token_load(file, token)) != 0)
		err_set(&err, ret,
				ret == -ENOENT ?
						"%s has no token: vsrctl vf create %s N creates one" :
						"cannot read the token file of %s (%s): create another token with "
						"vsrctl vf create %s N",
				pf.bdf, ret == -ENOENT ? pf.bdf : base_path_error(ret), pf.bdf);
	if (ret != 0) {
		ctl_refuse(ctl, "%s", err.text);
		return NULL;
	}
	snprintf(option, sizeof(option), "--vfio-vf-token=%s", token);
	return json_pack("{s:s, s:s, s:o, s:s}", "pf", pf.bdf, "token", token, "token_file",
			show_text(file), "testpmd_option", option);
}

int
cmd_token(const struct ctl *ctl, char *const args[])
{
	json_t *token;
	int code;

	if (ctl->rotate || ctl->token != NULL) {
		token = ctl_call(ctl, "token.rotate",
				json_pack("{s:s, s:s*}", "pf", args[0], "token", ctl->token),
				&code);
	} else {
		token = ctl_try(ctl, "token.show", json_pack("{s:s}", "pf", args[0]), &code);
		if (token == NULL && code == CTL_NO_DAEMON) {
			token = token_here(ctl, args[0]);
			code = CTL_REFUSED;
		}
	}
	if (token == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, token);
	printf("%s\n", ctl_text(token, "token"));
	json_decref(token);
	return CTL_OK;
}
