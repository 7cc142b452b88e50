/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_PROFILE_H
#define VSIM_PROFILE_H

/**
 * @file
 * Kinds of NIC, and rules among features. Nothing here changes anything.
 */

#include "vsim/core/vsim_fn.h"

/** Features that the model implements; a PF with VFs has SR_IOV on top. */
extern const struct vsim_features vsim_implemented;
/** The first feature of the set that lacks a prerequisite; *needed gets one that would do.
 * @return its bit, or -1. Pure. */
int vsim_features_unmet(const struct vsim_features *set, unsigned int *needed);
/** What VFs and PF offer with this configuration. @return 0, or -EINVAL with a sentence. Pure. */
int vsim_features_resolve(const struct vsim_nic_conf *conf, struct vsim_features *vf,
		struct vsim_features *pf, char *err, size_t err_len);

/**
 * Check a set of accepted features.
 * @return the rule that the set breaks, or VIRTIO_RULE_NONE.
 */
enum virtio_rule vsim_features_broken_rule(const struct vsim_features *accepted,
		const struct vsim_features *offered);

#endif /* VSIM_PROFILE_H */
