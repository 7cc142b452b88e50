/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_IDTABLE_H
#define VSR_COMMON_IDTABLE_H

/**
 * @file
 * Parts whose SR-IOV is forbidden, or permitted although they lack VIRTIO_F_SR_IOV.
 *
 * A part is named by its four PCI ids, all of them: the table is for one broken or one old
 * product, not for a vendor. There is no table unless a file is named.
 *
 * A line of the file: "forbid 1af4:1041:8086:15fe" or "permit ...", in the order vendor, device,
 * subsystem vendor, subsystem device; "#" starts a comment. The last line that names a part counts.
 */

#include <stddef.h>

#include "sysfs.h"
#include "why.h"

enum id_verdict {
	ID_UNNAMED, /**< The feature bit decides. */
	ID_FORBID, /**< No VFs of this part, whatever it offers. */
	ID_PERMIT, /**< VFs even without the feature bit. */
};

struct id_rule {
	enum id_verdict verdict;
	uint16_t ids[4];
};

struct idtable {
	struct id_rule *rules;
	size_t nb;
	char file[256];
};

/**
 * Read a file; NULL or "" gives an empty table.
 * @return 0, -EINVAL (a line that makes no sense: nothing of the file counts), or -errno.
 */
int idtable_read(struct idtable *table, const char *file, struct why *why);
void idtable_free(struct idtable *table);

enum id_verdict idtable_verdict(const struct idtable *table, const struct sysfs_fn *fn);

#endif /* VSR_COMMON_IDTABLE_H */
