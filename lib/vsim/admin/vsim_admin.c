/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The admin queues. Commands start in the order of arrival, after checks of group, opcode and
 * member. A command for a member that is being reset waits for the end of the reset; commands for
 * other members continue and complete earlier, unless IN_ORDER was negotiated. virtio 1.4 2.12.1,
 * 2.13.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsim/admin/vsim_admin.h"
#include "vsim/admin/vsim_admin_call.h"
#include "vsim/admin/vsim_admin_legacy.h"
#include "vsim/admin/vsim_admin_objs.h"
#include "vsim/admin/vsim_admin_parts.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/core/vsim_event.h"
#include "vsim/ring/vsim_chain.h"

/* Commands taken in one round: bounds the time for which a driver can block all workers. */
#define ROUND 64

#define BIT(opcode) (UINT64_C(1) << (opcode))

/* ---------------------------------------------------------------- pending commands */

/* A segment of the driver's memory for the answer, by its bus address. */
struct room {
	uint64_t iova;
	uint32_t len;
};

struct vsim_admin_pending {
	struct vsim_admin_pending *next;
	uint16_t qi, id, nb_descs;
	uint64_t serial; /* Serial number of the queue of the command. */
	bool begun;
	/* The function whose reset the command started; the command completes with the reset. */
	struct vsim_fn *resets;
	uint64_t due; /* Earliest time of the answer. */
	struct virtio_admin_cmd_hdr hdr;
	struct virtio_admin_cmd_answer answer;
	uint8_t *result;
	size_t result_len;
	unsigned int nb_rooms;
	struct room *rooms;
	uint64_t room_len; /* Length of all rooms. */
	size_t data_len;
	uint8_t data[];
};

static void
pending_free(struct vsim_admin *admin, struct vsim_admin_pending **link)
{
	struct vsim_admin_pending *p = *link;

	*link = p->next;
	admin->nb_pending--;
	free(p->result);
	free(p->rooms);
	free(p);
}

/* The queue of the command was stopped, so the command has no answer. */
static bool
pending_stale(const struct vsim_fn *fn, const struct vsim_admin_pending *p)
{
	const struct vsim_queue *q = fn->queue[p->qi];

	return q == NULL || q->serial != p->serial;
}

static bool
any_stale(const struct vsim_fn *fn)
{
	for (const struct vsim_admin_pending *p = fn->admin->pending; p != NULL; p = p->next)
		if (pending_stale(fn, p))
			return true;
	return false;
}

static void
pending_drop_stale(struct vsim_fn *fn)
{
	struct vsim_admin_pending **link = &fn->admin->pending;

	while (*link != NULL) {
		if (pending_stale(fn, *link))
			pending_free(fn->admin, link);
		else
			link = &(*link)->next;
	}
}

/* Copy the command and the addresses of its answer: the command may have to wait. */
static struct vsim_admin_pending *
pending_make(const struct vsim_queue *q, const struct vsim_chain *chain)
{
	size_t hdr_len = sizeof(struct virtio_admin_cmd_hdr);
	size_t data_len = chain->readable_len > hdr_len ? chain->readable_len - hdr_len : 0;
	struct vsim_admin_pending *p;

	/* One byte more than the limit, to detect a command that is too long. */
	if (data_len > VSIM_ADMIN_BYTES + 1)
		data_len = VSIM_ADMIN_BYTES + 1;
	p = calloc(1, sizeof(*p) + data_len);
	if (p == NULL)
		return NULL;
	p->nb_rooms = chain->nb_segs - chain->nb_readable_segs;
	p->rooms = calloc(p->nb_rooms + 1, sizeof(*p->rooms));
	if (p->rooms == NULL) {
		free(p);
		return NULL;
	}
	for (unsigned int i = 0; i < p->nb_rooms; i++)
		p->rooms[i] = (struct room){ chain->iovas[chain->nb_readable_segs + i],
			chain->segs[chain->nb_readable_segs + i].len };
	p->qi = q->qi;
	p->serial = q->serial;
	p->id = chain->id;
	p->nb_descs = chain->nb_descs;
	p->room_len = chain->writable_len;
	p->data_len = data_len;
	vsim_chain_read(chain, 0, &p->hdr, hdr_len);
	vsim_chain_read(chain, hdr_len, p->data, data_len);
	return p;
}

/* ---------------------------------------------------------------- lists of commands */

static uint64_t
list_offered(const struct vsim_fn *owner, uint16_t group)
{
	uint64_t list = VIRTIO_ADMIN_LIST_BASIC;

	if (group == VIRTIO_ADMIN_GROUP_SELF)
		list |= VIRTIO_ADMIN_LIST_CAPS;
	else
		list |= VIRTIO_ADMIN_LIST_LEGACY | VIRTIO_ADMIN_LIST_NOTIFY_INFO |
				VIRTIO_ADMIN_LIST_OBJS | VIRTIO_ADMIN_LIST_PARTS;
	/* Linux looks for the capability commands in the list of the SR-IOV group. */
	if (owner->nic->conf.lenient.unlisted_caps)
		list |= VIRTIO_ADMIN_LIST_CAPS;
	return list & ~(owner->nic->conf.admin_off & ~VIRTIO_ADMIN_LIST_BASIC);
}

static uint16_t
list_query(struct vsim_admin_call *call)
{
	virtio_le64 list = htole64(list_offered(call->owner, call->group));

	/* A list that is cut has fewer commands. */
	vsim_admin_add(call, &list,
			call->result_room < sizeof(list) ? call->result_room : sizeof(list));
	return VIRTIO_ADMIN_STATUS_OK;
}

/* The driver may leave out any command, also one of those that the device supports only together
 * (virtio 1.4 2.12.1, 2.12.1.6). */
static uint16_t
list_use(struct vsim_admin_call *call)
{
	const uint64_t offered = list_offered(call->owner, call->group);
	uint64_t wanted = 0, more = 0;
	virtio_le64 word;

	for (size_t at = 0; at == 0 || at < call->data_len; at += sizeof(word)) {
		vsim_admin_data(call, at, &word, sizeof(word));
		*(at == 0 ? &wanted : &more) |= le64toh(word);
	}
	if ((wanted & ~offered) != 0 || more != 0) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_LIST_USE);
		return vsim_admin_bad_field(call);
	}
	call->owner->admin->in_use[call->group] = wanted;
	return VIRTIO_ADMIN_STATUS_OK;
}

static const vsim_admin_fn commands[VIRTIO_ADMIN_NB_OPCODES] = {
	[VIRTIO_ADMIN_LIST_QUERY] = list_query,
	[VIRTIO_ADMIN_LIST_USE] = list_use,
	[VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE] = vsim_admin_legacy_write,
	[VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ] = vsim_admin_legacy_read,
	[VIRTIO_ADMIN_LEGACY_DEV_CFG_WRITE] = vsim_admin_legacy_write,
	[VIRTIO_ADMIN_LEGACY_DEV_CFG_READ] = vsim_admin_legacy_read,
	[VIRTIO_ADMIN_LEGACY_NOTIFY_INFO] = vsim_admin_notify_info,
	[VIRTIO_ADMIN_CAP_ID_LIST_QUERY] = vsim_admin_cap_list,
	[VIRTIO_ADMIN_DEVICE_CAP_GET] = vsim_admin_cap_get,
	[VIRTIO_ADMIN_DRIVER_CAP_SET] = vsim_admin_cap_set,
	[VIRTIO_ADMIN_RESOURCE_OBJ_CREATE] = vsim_admin_obj_create,
	[VIRTIO_ADMIN_RESOURCE_OBJ_QUERY] = vsim_admin_obj_query,
	[VIRTIO_ADMIN_RESOURCE_OBJ_MODIFY] = vsim_admin_obj_modify,
	[VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY] = vsim_admin_obj_destroy,
	[VIRTIO_ADMIN_DEV_PARTS_METADATA_GET] = vsim_admin_metadata_get,
	[VIRTIO_ADMIN_DEV_PARTS_GET] = vsim_admin_parts_get,
	[VIRTIO_ADMIN_DEV_PARTS_SET] = vsim_admin_parts_set,
	[VIRTIO_ADMIN_DEV_MODE_SET] = vsim_admin_mode_set,
};

/* ---------------------------------------------------------------- checks */

static bool
is_list(uint16_t opcode)
{
	return opcode == VIRTIO_ADMIN_LIST_QUERY || opcode == VIRTIO_ADMIN_LIST_USE;
}

static bool
vf_enabled(const struct vsim_fn *owner)
{
	uint16_t sriov = owner->nic->layout[0].sriov;

	return owner->index == 0 && sriov != 0 &&
			(owner->config[sriov + offsetof(struct pci_sriov_cap, control)] &
					PCI_SRIOV_CTRL_VF_ENABLE);
}

/* The group exists: the SR-IOV group only while VF Enable is set (virtio 1.4 2.12.1.5). */
static bool
group_exists(const struct vsim_admin_call *call)
{
	const struct vsim_fn *owner = call->owner;

	if (call->group == VIRTIO_ADMIN_GROUP_SELF)
		return true;
	if (call->group != VIRTIO_ADMIN_GROUP_SRIOV)
		return false;
	if (vf_enabled(owner))
		return true;
	/* The list commands have no member, and existing drivers send them before VFs exist. */
	return owner->nic->conf.lenient.early_lists && owner->nic->conf.total_vfs > 0 &&
			is_list(call->opcode);
}

static bool
opcode_in_use(const struct vsim_admin_call *call)
{
	const struct vsim_fn *owner = call->owner;
	uint64_t list = owner->admin->in_use[call->group];

	if (owner->nic->conf.lenient.unlisted_caps && call->group == VIRTIO_ADMIN_GROUP_SELF)
		list |= list_offered(owner, call->group) & VIRTIO_ADMIN_LIST_CAPS;
	return call->opcode < VIRTIO_ADMIN_NB_OPCODES && (list & BIT(call->opcode)) != 0;
}

/* Capability commands are for the group SELF, whatever list has them (virtio 1.4 2.12.1.2.4). */
static bool
wrong_group(const struct vsim_admin_call *call)
{
	return call->group != VIRTIO_ADMIN_GROUP_SELF &&
			(VIRTIO_ADMIN_LIST_CAPS & BIT(call->opcode)) != 0;
}

/* Member of a group. @return NULL: no such member. */
static struct vsim_fn *
member_of(const struct vsim_fn *owner, uint16_t group, uint64_t id)
{
	if (group != VIRTIO_ADMIN_GROUP_SRIOV || id == 0 || id > owner->nic->num_vfs)
		return NULL;
	return owner->nic->fns[id];
}

/* Checks in the order of virtio 1.4 2.12.1.5. */
static uint16_t
call_check(struct vsim_admin_call *call)
{
	uint16_t qualifier = VIRTIO_ADMIN_QUALIFIER_OK;

	if (!group_exists(call)) {
		qualifier = VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP;
	} else if (!opcode_in_use(call)) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_LIST_USE_FIRST);
		qualifier = VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE;
	} else if (wrong_group(call)) {
		qualifier = VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP;
	} else if (!is_list(call->opcode)) {
		call->member = member_of(call->owner, call->group, call->member_id);
		if (call->group == VIRTIO_ADMIN_GROUP_SELF ? call->member_id != 0 :
							     call->member == NULL)
			qualifier = VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER;
	}
	if (qualifier == VIRTIO_ADMIN_QUALIFIER_OK)
		return VIRTIO_ADMIN_STATUS_OK;
	return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EINVAL, qualifier);
}

/* ---------------------------------------------------------------- execution */

/* Fault points. @return the status to answer with, or OK: execute the command. */
static uint16_t
fault_status(struct vsim_admin_call *call)
{
	struct vsim_faults *fault = &call->owner->nic->fault;

	if (fault->admin_opcodes != 0 &&
			(call->opcode >= VIRTIO_ADMIN_NB_OPCODES ||
					!(fault->admin_opcodes & BIT(call->opcode))))
		return VIRTIO_ADMIN_STATUS_OK;
	if (fault->admin_eagain > 0) {
		fault->admin_eagain--;
		return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EAGAIN,
				VIRTIO_ADMIN_QUALIFIER_TRYAGAIN);
	}
	return fault->admin_status;
}

static uint16_t
call_run(struct vsim_admin_call *call)
{
	struct vsim_fn *owner = call->owner;
	uint16_t opcode = call->opcode, status;

	status = fault_status(call);
	if (status == VIRTIO_ADMIN_STATUS_OK)
		status = call_check(call);
	if (status != VIRTIO_ADMIN_STATUS_OK)
		return status;
	/* Text and table of the specification differ about these two opcodes. */
	if (owner->nic->conf.lenient.swapped_objs &&
			(opcode == VIRTIO_ADMIN_RESOURCE_OBJ_QUERY ||
					opcode == VIRTIO_ADMIN_RESOURCE_OBJ_MODIFY))
		opcode = VIRTIO_ADMIN_RESOURCE_OBJ_QUERY + VIRTIO_ADMIN_RESOURCE_OBJ_MODIFY -
				opcode;
	return commands[opcode](call);
}

/* LIST_USE is sent alone: no other command of its group is pending (virtio 1.4 2.12.1.6). */
static void
list_use_check(struct vsim_fn *fn, const struct vsim_admin_pending *self)
{
	if (le16toh(self->hdr.opcode) != VIRTIO_ADMIN_LIST_USE)
		return;
	for (const struct vsim_admin_pending *p = fn->admin->pending; p != NULL; p = p->next)
		if (p != self && p->hdr.group_type == self->hdr.group_type) {
			vsim_fn_violation(fn, VIRTIO_RULE_LIST_USE);
			return;
		}
}

static void
group_reset(struct vsim_admin *admin, uint16_t group)
{
	admin->in_use[group] = VIRTIO_ADMIN_LIST_BASIC;
	if (group == VIRTIO_ADMIN_GROUP_SRIOV)
		vsim_admin_objs_drop(admin);
}

/* A reset of the owner ends all lists, capabilities and objects. */
static void
reset_follow(struct vsim_fn *fn)
{
	struct vsim_admin *admin = fn->admin;

	if (admin->generation == fn->generation)
		return;
	admin->generation = fn->generation;
	for (uint16_t group = 0; group < VIRTIO_ADMIN_NB_GROUPS; group++)
		group_reset(admin, group);
	memset(&admin->driver_parts, 0, sizeof(admin->driver_parts));
}

static void
count(struct vsim_fn *fn, uint16_t opcode, uint16_t status)
{
	vsim_fn_count(opcode < VIRTIO_ADMIN_NB_OPCODES ? &fn->counters->admin[opcode] :
							 &fn->counters->admin_unknown);
	if (status != VIRTIO_ADMIN_STATUS_OK)
		vsim_fn_count(&fn->counters->admin_errors);
}

static void
begin(struct vsim_fn *fn, struct vsim_admin_pending *p)
{
	struct vsim_admin *admin = fn->admin;
	struct vsim_admin_call call = {
		.owner = fn,
		.opcode = le16toh(p->hdr.opcode),
		.group = le16toh(p->hdr.group_type),
		.member_id = le64toh(p->hdr.group_member_id),
		.data = p->data,
		.data_len = p->data_len,
		.result = admin->result,
	};
	uint16_t status;
	size_t pad;

	if (p->room_len > sizeof(p->answer))
		call.result_room = p->room_len - sizeof(p->answer);
	if (call.result_room > VSIM_ADMIN_BYTES)
		call.result_room = VSIM_ADMIN_BYTES;
	memset(admin->result, 0, call.result_room);
	reset_follow(fn);
	list_use_check(fn, p);
	status = call_run(&call);
	/* virtio 1.4 2.13.1: the result is padded to a multiple of eight bytes, as far as the
	 * buffer has space. */
	pad = call.exact ? 0 : -call.result_len & 7;
	if (pad > call.result_room - call.result_len)
		pad = call.result_room - call.result_len;
	p->result_len = status == VIRTIO_ADMIN_STATUS_OK ? call.result_len + pad : 0;
	p->result = p->result_len > 0 ? malloc(p->result_len) : NULL;
	if (p->result != NULL)
		memcpy(p->result, admin->result, p->result_len);
	else
		p->result_len = 0;
	p->answer.status = htole16(status);
	p->answer.status_qualifier = htole16(call.qualifier);
	p->begun = true;
	p->due = vsim_clock() + fn->nic->fault.admin_delay_us * (vsim_clock_hz() / 1000000);
	if (call.member != NULL && vsim_fn_resetting(call.member))
		p->resets = call.member;
	count(fn, call.opcode, status);
}

/* ---------------------------------------------------------------- answering */

static void
answer(struct vsim_fn *fn, struct vsim_admin_pending *p)
{
	struct vsim_queue *q = fn->queue[p->qi];
	struct vsim_chain chain = {
		.id = p->id,
		.nb_descs = p->nb_descs,
		.nb_segs = p->nb_rooms,
		.writable_len = p->room_len,
	};
	uint32_t used, less = fn->nic->fault.admin_short;

	for (unsigned int i = 0; i < p->nb_rooms; i++) {
		chain.iovas[i] = p->rooms[i].iova;
		chain.segs[i].len = p->rooms[i].len;
	}
	if (vsim_chain_relocate(q, &chain) < 0)
		return;
	used = vsim_chain_write(&chain, 0, &p->answer, sizeof(p->answer));
	used += vsim_chain_write(&chain, sizeof(p->answer), p->result, p->result_len);
	vsim_chain_push(q, &chain, used > less ? used - less : 0);
}

/* A command for a member that is being reset has to wait. */
static bool
held(const struct vsim_fn *fn, const struct vsim_admin_pending *p)
{
	const struct vsim_fn *member = member_of(fn, le16toh(p->hdr.group_type),
			le64toh(p->hdr.group_member_id));

	return member != NULL && vsim_fn_resetting(member);
}

static bool
lost(struct vsim_fn *fn, const struct vsim_admin_pending *p)
{
	struct vsim_faults *fault = &fn->nic->fault;
	uint16_t opcode = le16toh(p->hdr.opcode);

	if (fault->admin_lose == 0 ||
			(fault->admin_opcodes != 0 &&
					(opcode >= VIRTIO_ADMIN_NB_OPCODES ||
							!(fault->admin_opcodes & BIT(opcode)))))
		return false;
	fault->admin_lose--;
	return true;
}

/* Time at which the command can start or complete. */
static uint64_t
due(const struct vsim_fn *fn, const struct vsim_admin_pending *p)
{
	const struct vsim_fn *member = p->begun ?
			p->resets :
			member_of(fn, le16toh(p->hdr.group_type), le64toh(p->hdr.group_member_id));
	uint64_t at = p->begun ? p->due : vsim_clock();

	if (member != NULL && vsim_fn_resetting(member) && (int64_t)(member->reset_end - at) > 0)
		at = member->reset_end;
	return at;
}

static unsigned int
pending_run(struct vsim_fn *fn)
{
	const bool in_order = vsim_features_has(&fn->accepted, VIRTIO_F_IN_ORDER);
	struct vsim_admin *admin = fn->admin;
	struct vsim_admin_pending **link = &admin->pending;
	uint64_t next = UINT64_MAX, now = vsim_clock();
	bool waits[VSIM_MAX_QUEUES] = { false };
	unsigned int work = 0;

	while (*link != NULL) {
		struct vsim_admin_pending *p = *link;
		uint64_t at;

		if (!p->begun && !held(fn, p)) {
			begin(fn, p);
			work++;
			if (lost(fn, p)) {
				pending_free(admin, link);
				continue;
			}
		}
		at = due(fn, p);
		if (p->begun && !waits[p->qi] && (int64_t)(now - at) >= 0) {
			answer(fn, p);
			pending_free(admin, link);
			work++;
			continue;
		}
		if (!waits[p->qi] && (next == UINT64_MAX || (int64_t)(next - at) > 0))
			next = at;
		waits[p->qi] = in_order;
		link = &p->next;
		now = vsim_clock();
	}
	admin->next_due = next;
	return work;
}

/* ---------------------------------------------------------------- the queues */

static void
queue_take(struct vsim_fn *fn, struct vsim_queue *q)
{
	struct vsim_admin_pending **link = &fn->admin->pending;
	struct vsim_chain chain;

	while (*link != NULL)
		link = &(*link)->next;
	for (unsigned int i = 0; i < ROUND && fn->admin->nb_pending < VSIM_ADMIN_PENDING; i++) {
		int ret = vsim_chain_pop(q, &chain);

		if (ret < 0)
			vsim_fn_broken(fn);
		if (ret <= 0)
			return;
		*link = pending_make(q, &chain);
		if (*link == NULL) {
			/* Without memory the command cannot be answered. */
			vsim_fn_broken(fn);
			return;
		}
		fn->admin->nb_pending++;
		link = &(*link)->next;
	}
}

bool
vsim_admin_due(const struct vsim_fn *fn, bool rung)
{
	const struct vsim_admin *admin = fn->admin;

	if (rung && (admin->nb_pending < VSIM_ADMIN_PENDING || any_stale(fn)))
		return true;
	return admin->pending != NULL && (int64_t)(vsim_clock() - admin->next_due) >= 0;
}

unsigned int
vsim_admin_run(struct vsim_fn *fn)
{
	pending_drop_stale(fn);
	for (uint16_t i = 0; i < vsim_fn_nb_admin_queues(fn); i++) {
		struct vsim_queue *q = fn->queue[vsim_fn_admin_index(fn) + i];

		if (q == NULL || q->dead || !q->active)
			continue;
		if (q->unmapped)
			vsim_queue_fault(q);
		else
			queue_take(fn, q);
	}
	return pending_run(fn);
}

/* ---------------------------------------------------------------- create, destroy, reset */

struct vsim_admin *
vsim_admin_create(void)
{
	return calloc(1, sizeof(struct vsim_admin));
}

void
vsim_admin_free(struct vsim_admin *admin)
{
	while (admin != NULL && admin->pending != NULL)
		pending_free(admin, &admin->pending);
	free(admin);
}

void
vsim_admin_vfs_changed(struct vsim_fn *fn)
{
	if (fn->admin == NULL)
		return;
	pending_drop_stale(fn);
	/* virtio 1.4 2.12.1.6: the driver does not change VF Enable while commands are pending. */
	for (const struct vsim_admin_pending *p = fn->admin->pending; p != NULL; p = p->next)
		if (le16toh(p->hdr.group_type) == VIRTIO_ADMIN_GROUP_SRIOV) {
			vsim_fn_violation(fn, VIRTIO_RULE_VF_ENABLE_PENDING);
			break;
		}
	for (struct vsim_admin_pending *p = fn->admin->pending; p != NULL; p = p->next)
		p->resets = NULL;
	/* With early_lists, lists that were set before VFs existed stay. */
	if (fn->nic->conf.lenient.early_lists)
		vsim_admin_objs_drop(fn->admin);
	else
		group_reset(fn->admin, VIRTIO_ADMIN_GROUP_SRIOV);
}
