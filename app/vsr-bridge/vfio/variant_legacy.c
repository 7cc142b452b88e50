/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The variant legacy: a transitional function. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpci/vpci_legacy.h"

#include "owner_link.h"
#include "variant_legacy.h"

struct shown {
	struct owner_link link;
	struct vpci_legacy *legacy;
};

static int
create(const struct variant_vf *vf, const struct vpci_backend *backend, const char *path,
		struct shown **out, struct err *err)
{
	struct shown *shown;
	struct vpci_legacy_conf conf = { .ops = &owner_link_ops,
		.vf = (uint16_t)vf->number,
		.stop = vf->stop };
	char text[256] = "";
	int ret;

	if (vf->refusal[0] != '\0')
		return err_set(err, -EOPNOTSUPP, "%s", vf->refusal);
	shown = calloc(1, sizeof(*shown));
	if (shown == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	shown->link = (struct owner_link){ .path = vf->vsrd, .stop = vf->stop };
	strcpy(shown->link.pf, vf->pf);
	conf.owner = &shown->link;
	ret = vpci_legacy_create(backend, &conf, path, &shown->legacy, text, sizeof(text));
	if (ret != 0) {
		free(shown);
		return err_set(err, ret, "%s: %s", vf->pf, text);
	}
	*out = shown;
	return 0;
}

static void
destroy(struct shown *shown)
{
	vpci_legacy_destroy(shown->legacy);
	free(shown);
}

static struct vpci_fn *
fn(struct shown *shown)
{
	return vpci_legacy_fn(shown->legacy);
}

static void
begin(struct shown *shown)
{
	vpci_legacy_doorbell_find(shown->legacy);
}

static const char *const counters[] = { "reads", "writes", "doorbells", "commands", "failures",
	"refused", NULL };

static void
count(struct shown *shown, uint64_t values[VARIANT_COUNTERS])
{
	const struct vpci_legacy_stats *stats = vpci_legacy_stats(shown->legacy);
	const uint64_t now[VARIANT_COUNTERS] = { stats->reads, stats->writes, stats->doorbells,
		stats->commands, stats->failures, stats->refused };

	memcpy(values, now, sizeof(now));
}

static bool
doorbell(struct shown *shown)
{
	return vpci_legacy_has_doorbell(shown->legacy);
}

const struct variant variant_legacy = {
	.name = "legacy",
	.create = create,
	.destroy = destroy,
	.fn = fn,
	.begin = begin,
	.counters = counters,
	.count = count,
	.doorbell = doorbell,
};
