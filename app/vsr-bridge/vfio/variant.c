/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The ways to show a VF on a vfio-user socket. */

#include <errno.h>
#include <string.h>

#include "variant.h"
#include "variant_legacy.h"

static const struct variant *const variants[] = { &variant_legacy };
/* Names that are set aside. */
static const char *const later[] = { "auto", "plain", "migratable" };

#define NB_LATER (sizeof(later) / sizeof(later[0]))
#define NB_VARIANTS (sizeof(variants) / sizeof(variants[0]))

const struct variant *
variant_find(const char *name, struct err *err)
{
	for (size_t i = 0; i < NB_VARIANTS; i++)
		if (strcmp(variants[i]->name, name) == 0)
			return variants[i];
	for (size_t i = 0; i < NB_LATER; i++)
		if (strcmp(later[i], name) == 0) {
			err_set(err, -EINVAL,
					"the variant %s is not available yet: show the VF with "
					"--variant legacy",
					name);
			return NULL;
		}
	err_set(err, -EINVAL, "there is no variant \"%.32s\": show the VF with --variant legacy",
			name);
	return NULL;
}
