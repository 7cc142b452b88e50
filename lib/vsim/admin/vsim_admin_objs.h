/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_ADMIN_OBJS_H
#define VSIM_ADMIN_OBJS_H

/**
 * @file
 * Capabilities and resource objects.
 */

#include "vsim/admin/vsim_admin_call.h"

uint16_t vsim_admin_cap_list(struct vsim_admin_call *call);
uint16_t vsim_admin_cap_get(struct vsim_admin_call *call);
uint16_t vsim_admin_cap_set(struct vsim_admin_call *call);
uint16_t vsim_admin_obj_create(struct vsim_admin_call *call);
uint16_t vsim_admin_obj_query(struct vsim_admin_call *call);
uint16_t vsim_admin_obj_modify(struct vsim_admin_call *call);
uint16_t vsim_admin_obj_destroy(struct vsim_admin_call *call);
/** @return the object with this type, id and member, or NULL. */
struct vsim_admin_obj *vsim_admin_obj_find(const struct vsim_fn *owner, uint16_t type, uint32_t id,
		uint64_t member);
/** Destroy all objects. */
void vsim_admin_objs_drop(struct vsim_admin *admin);

#endif /* VSIM_ADMIN_OBJS_H */
