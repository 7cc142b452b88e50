/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_PROFILE_H
#define VSIM_PROFILE_H

/**
 * @file
 * Profiles of NICs, and dependencies between features. No function has side effects.
 */

#include "vsim/core/vsim_fn.h"

/** Features that the simulator implements; a PF with VFs has SR_IOV in addition. */
extern const struct vsim_features vsim_implemented;
/** Find a feature of the set that lacks a prerequisite. Out: *needed, a feature that it needs.
 * @return the bit of the feature, or -1. */
int vsim_features_unmet(const struct vsim_features *set, unsigned int *needed);
/** Features that VFs and PF offer with this configuration. @return 0, or -EINVAL with a sentence
 * in err. */
int vsim_features_resolve(const struct vsim_nic_conf *conf, struct vsim_features *vf,
		struct vsim_features *pf, char *err, size_t err_len);

/**
 * Check a set of accepted features.
 * @return the rule that the set breaks, or VIRTIO_RULE_NONE.
 */
enum virtio_rule vsim_features_broken_rule(const struct vsim_features *accepted,
		const struct vsim_features *offered);

#endif /* VSIM_PROFILE_H */
