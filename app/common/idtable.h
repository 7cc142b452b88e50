/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_IDTABLE_H
#define VSR_COMMON_IDTABLE_H

/**
 * @file
 * Table of devices whose SR-IOV is forbidden, or permitted although they do not offer
 * VIRTIO_F_SR_IOV. The table is empty unless the user names a file.
 *
 * A device is given by all four of its PCI ids, because a rule is for one broken or old product,
 * not for a vendor. A line is "forbid 1af4:1041:8086:15fe" or "permit ...", in the order vendor,
 * device, subsystem vendor, subsystem device; "#" starts a comment. The last rule for a device
 * counts.
 */

#include <stddef.h>

#include "sysfs.h"
#include "daemon/err.h"

enum id_verdict {
	ID_UNNAMED, /**< No rule: the feature bit decides. */
	ID_FORBID, /**< No VFs, whatever the device offers. */
	ID_PERMIT, /**< VFs are allowed without the feature bit. */
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
 * @return 0, -EINVAL (an invalid line: the table is empty), or -errno of reading.
 */
int idtable_read(struct idtable *table, const char *file, struct err *err);
void idtable_free(struct idtable *table);

enum id_verdict idtable_verdict(const struct idtable *table, const struct sysfs_fn *fn);

#endif /* VSR_COMMON_IDTABLE_H */
