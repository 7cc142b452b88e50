/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The rules for vhost-user messages. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/base_eventfd.h"

#include "gate_check.h"

#define PAGE 4096u
#define MAX_RING 32768u /* virtio 1.4 2.7, 2.8 */
#define PACKED_INDEX 0x7fffu
#define RING_ALIGN 16u

/* Those that the gate understands, among those that a back end may offer. */
#define PROTOCOL_KNOWN                                                                           \
	(VHU_PROTOCOL_MQ | VHU_PROTOCOL_LOG_SHMFD | VHU_PROTOCOL_RARP | VHU_PROTOCOL_REPLY_ACK | \
			VHU_PROTOCOL_MTU | VHU_PROTOCOL_BACKEND_REQ | VHU_PROTOCOL_CONFIG |      \
			VHU_PROTOCOL_BACKEND_SEND_FD | VHU_PROTOCOL_HOST_NOTIFIER |              \
			VHU_PROTOCOL_STATUS)

typedef int (*check_fn)(struct gate_state *state, const struct gate_msg *msg, struct err *err);

int
gate_state_init(struct gate_state *state, unsigned int max_rings)
{
	memset(state, 0, sizeof(*state));
	state->rings = calloc(max_rings, sizeof(*state->rings));
	if (state->rings == NULL)
		return -ENOMEM;
	state->max_rings = max_rings;
	return 0;
}

void
gate_state_free(struct gate_state *state)
{
	struct err ignored;

	budget_share(&state->memory, 0, &ignored);
	free(state->rings);
	memset(state, 0, sizeof(*state));
}

/* ---------------------------------------------------------------- features */

static int
check_features(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const uint64_t changed = state->features ^ msg->payload.u64;
	const uint64_t more = msg->payload.u64 & ~state->offered;

	if (more != 0)
		return err_set(err, -EPROTO, "the bits 0x%" PRIx64 " were not offered", more);
	for (unsigned int i = 0; i < state->max_rings; i++)
		if (state->rings[i].started &&
				(changed & ~(VHU_F_LOG_ALL | VHU_F_PROTOCOL_FEATURES)) != 0)
			return err_set(err, -EPROTO,
					"the bits 0x%" PRIx64 " change while ring %u runs", changed,
					i);
	state->features = msg->payload.u64;
	return 0;
}

static int
check_protocol(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const uint64_t more = msg->payload.u64 & ~state->protocol_offered;

	if (more != 0)
		return err_set(err, -EPROTO, "the bits 0x%" PRIx64 " were not offered", more);
	state->protocol = msg->payload.u64;
	return 0;
}

static int
need_protocol(const struct gate_state *state, uint64_t bit, const char *name, struct err *err)
{
	return (state->protocol & bit) != 0 ?
			0 :
			err_set(err, -EPROTO, "the protocol feature %s was not agreed on", name);
}

/* ---------------------------------------------------------------- memory */

/* @return whether [at, at + len) is a range whose end is a number. */
static bool
is_range(uint64_t at, uint64_t len)
{
	return at + len > at;
}

static bool
overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a <= b + b_len - 1 && b <= a + a_len - 1;
}

/* A file of memory, whose pages stay where they are. On a disk or behind a network a page can take
 * any time to arrive. */
static int
check_file(int fd, uint64_t bytes, struct gate_file *file, struct err *err)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return err_set(err, -EPROTO, "the file cannot be examined");
	if (!S_ISREG(st.st_mode) || (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC))
		return err_set(err, -EPROTO,
				"the file is no memory: share a memfd, or a file of tmpfs or hugetlbfs");
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return err_set(err, -EPROTO, "the file is not open for reading and writing");
	if (st.st_size < 0 || (uint64_t)st.st_size < bytes)
		return err_set(err, -EPROTO,
				"the file has %" PRIu64 " bytes, the region ends at %" PRIu64,
				(uint64_t)st.st_size, bytes);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->page = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : PAGE;
	return 0;
}

static int
check_region(const struct vhu_region *region, unsigned int i, struct err *err)
{
	if (((region->gpa | region->size | region->uva | region->offset) & (PAGE - 1)) != 0)
		return err_set(err, -EPROTO, "region %u does not begin and end at pages", i);
	if (!is_range(region->gpa, region->size) || !is_range(region->uva, region->size) ||
			!is_range(region->offset, region->size))
		return err_set(err, -EPROTO, "region %u is empty or wraps around", i);
	return 0;
}

static const struct gate_region *
find_region(const struct gate_region *regions, unsigned int nb, uint64_t uva, uint64_t len)
{
	for (unsigned int i = 0; i < nb; i++) {
		const struct vhu_region *at = &regions[i].at;

		if (uva >= at->uva && uva - at->uva < at->size && len <= at->size - (uva - at->uva))
			return &regions[i];
	}
	return NULL;
}

/* Bytes of the three parts of a ring (virtio 1.4 2.7, 2.8). */
static void
ring_lengths(const struct gate_state *state, uint32_t num, uint64_t *desc, uint64_t *avail,
		uint64_t *used)
{
	const bool packed = (state->features & VHU_F_RING_PACKED) != 0;

	*desc = 16 * (uint64_t)num;
	*avail = packed ? 4 : 6 + 2 * (uint64_t)num;
	*used = packed ? 4 : 6 + 8 * (uint64_t)num;
}

static bool
ring_inside(const struct gate_state *state, const struct gate_ring *ring,
		const struct gate_region *regions, unsigned int nb)
{
	uint64_t desc, avail, used;

	ring_lengths(state, ring->num, &desc, &avail, &used);
	return find_region(regions, nb, ring->desc, desc) != NULL &&
			find_region(regions, nb, ring->avail, avail) != NULL &&
			find_region(regions, nb, ring->used, used) != NULL;
}

static int
check_mem_table(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_memory *memory = &msg->payload.memory;
	struct gate_region regions[VHU_MAX_REGIONS];
	uint64_t bytes = 0;
	int ret;

	if (memory->nb == 0 || memory->nb > VHU_MAX_REGIONS)
		return err_set(err, -EPROTO, "a table has 1 to %u regions, not %u", VHU_MAX_REGIONS,
				memory->nb);
	if (msg->header.size != 8 + memory->nb * sizeof(struct vhu_region))
		return err_set(err, -EPROTO, "%u bytes for %u regions", msg->header.size,
				memory->nb);
	if (msg->nb_fds != memory->nb)
		return err_set(err, -EPROTO, "%u descriptors for %u regions", msg->nb_fds,
				memory->nb);
	for (unsigned int i = 0; i < memory->nb; i++) {
		const struct vhu_region *at = &memory->regions[i];

		ret = check_region(at, i, err);
		if (ret != 0)
			return ret;
		for (unsigned int j = 0; j < i; j++) {
			const struct vhu_region *b = &memory->regions[j];

			if (overlap(at->gpa, at->size, b->gpa, b->size) ||
					overlap(at->uva, at->size, b->uva, b->size))
				return err_set(err, -EPROTO, "regions %u and %u overlap", j, i);
		}
		regions[i].at = *at;
		ret = check_file(msg->fds[i], at->offset + at->size, &regions[i].file, err);
		if (ret != 0)
			return ret;
		if (bytes + at->size < bytes)
			return err_set(err, -EPROTO, "the regions have too many bytes");
		bytes += at->size;
	}
	for (unsigned int i = 0; i < state->max_rings; i++)
		if (state->rings[i].started &&
				!ring_inside(state, &state->rings[i], regions, memory->nb))
			return err_set(err, -EPROTO, "ring %u runs and is outside of the regions",
					i);
	if (budget_share(&state->memory, bytes, err) != 0)
		return -EPROTO;
	memcpy(state->regions, regions, memory->nb * sizeof(regions[0]));
	state->nb_regions = memory->nb;
	return 0;
}

static int
check_log_base(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_log *log = &msg->payload.log;
	struct gate_file file;
	int ret = need_protocol(state, VHU_PROTOCOL_LOG_SHMFD, "LOG_SHMFD", err);

	if (ret != 0)
		return ret;
	if (!is_range(log->offset, log->size))
		return err_set(err, -EPROTO, "the log is empty or wraps around");
	ret = check_file(msg->fds[0], log->offset + log->size, &file, err);
	if (ret == 0)
		state->log = file;
	return ret;
}

/* ---------------------------------------------------------------- rings */

static struct gate_ring *
find_ring(struct gate_state *state, uint64_t index, struct err *err)
{
	if (index < state->max_rings)
		return &state->rings[index];
	err_set(err, 0, "there is no ring %" PRIu64 ": rings are 0 to %u", index,
			state->max_rings - 1);
	return NULL;
}

static int
check_vring_num(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_state *at = &msg->payload.state;
	struct gate_ring *ring = find_ring(state, at->index, err);
	const bool packed = (state->features & VHU_F_RING_PACKED) != 0;

	if (ring == NULL)
		return -EPROTO;
	if (ring->started)
		return err_set(err, -EPROTO, "ring %u runs", at->index);
	if (at->num == 0 || at->num > MAX_RING || (!packed && (at->num & (at->num - 1)) != 0))
		return err_set(err, -EPROTO, "%u is no size of a ring", at->num);
	ring->num = at->num;
	ring->desc = 0; /* the addresses were checked for another size */
	return 0;
}

static int
check_vring_base(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_state *at = &msg->payload.state;
	const struct gate_ring *ring = find_ring(state, at->index, err);

	if (ring == NULL)
		return -EPROTO;
	if (ring->started)
		return err_set(err, -EPROTO, "ring %u runs", at->index);
	if (ring->num == 0)
		return err_set(err, -EPROTO, "ring %u has no size yet", at->index);
	if ((state->features & VHU_F_RING_PACKED) == 0) {
		if (at->num > UINT16_MAX)
			return err_set(err, -EPROTO, "%u is no position in a ring", at->num);
	} else if ((at->num & PACKED_INDEX) >= ring->num ||
			(at->num >> 16 & PACKED_INDEX) >= ring->num) {
		return err_set(err, -EPROTO, "0x%x is no position in a ring of %u", at->num,
				ring->num);
	}
	return 0;
}

static int
check_vring_addr(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_addr *at = &msg->payload.addr;
	struct gate_ring *ring = find_ring(state, at->index, err);
	const bool packed = (state->features & VHU_F_RING_PACKED) != 0;
	const struct gate_ring moved = { .num = ring != NULL ? ring->num : 0,
		.desc = at->desc,
		.avail = at->avail,
		.used = at->used };
	uint64_t desc, avail, used;

	if (ring == NULL)
		return -EPROTO;
	if (ring->num == 0)
		return err_set(err, -EPROTO, "ring %u has no size yet", at->index);
	if ((at->flags & ~VHU_ADDR_LOG) != 0)
		return err_set(err, -EPROTO, "unknown flags 0x%x", at->flags);
	if (at->desc % RING_ALIGN != 0 || at->avail % (packed ? 4 : 2) != 0 || at->used % 4 != 0)
		return err_set(err, -EPROTO, "ring %u is not aligned", at->index);
	if (!ring_inside(state, &moved, state->regions, state->nb_regions))
		return err_set(err, -EPROTO, "ring %u is outside of the shared memory", at->index);
	ring_lengths(state, ring->num, &desc, &avail, &used);
	if (overlap(at->desc, desc, at->avail, avail) || overlap(at->desc, desc, at->used, used) ||
			overlap(at->avail, avail, at->used, used))
		return err_set(err, -EPROTO, "the parts of ring %u overlap", at->index);
	if (ring->started &&
			(ring->desc != at->desc || ring->avail != at->avail ||
					ring->used != at->used))
		return err_set(err, -EPROTO, "ring %u runs and cannot move", at->index);
	ring->desc = at->desc;
	ring->avail = at->avail;
	ring->used = at->used;
	return 0;
}

static int
check_vring_fd(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const uint64_t value = msg->payload.u64;
	const struct gate_ring *ring = find_ring(state, value & VHU_VRING_INDEX, err);
	const bool none = (value & VHU_VRING_NO_FD) != 0;

	if (ring == NULL)
		return -EPROTO;
	if ((value & ~(uint64_t)(VHU_VRING_INDEX | VHU_VRING_NO_FD)) != 0)
		return err_set(err, -EPROTO, "unknown bits in 0x%" PRIx64, value);
	if (msg->nb_fds != (none ? 0 : 1))
		return err_set(err, -EPROTO, "%u descriptors for ring %u", msg->nb_fds,
				(unsigned int)(value & VHU_VRING_INDEX));
	if (!none && !base_is_eventfd(msg->fds[0]))
		return err_set(err, -EPROTO, "the descriptor is no eventfd");
	return 0;
}

static int
check_kick(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	struct gate_ring *ring;
	int ret = check_vring_fd(state, msg, err);

	if (ret != 0)
		return ret;
	ring = &state->rings[msg->payload.u64 & VHU_VRING_INDEX];
	if (ring->desc == 0)
		return err_set(err, -EPROTO, "ring %u has no addresses yet",
				(unsigned int)(msg->payload.u64 & VHU_VRING_INDEX));
	ring->started = true;
	return 0;
}

static int
check_vring_enable(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_state *at = &msg->payload.state;

	if (find_ring(state, at->index, err) == NULL)
		return -EPROTO;
	return at->num <= 1 ? 0 : err_set(err, -EPROTO, "%u is neither 0 nor 1", at->num);
}

static int
check_vring_stop(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	struct gate_ring *ring = find_ring(state, msg->payload.state.index, err);

	if (ring == NULL)
		return -EPROTO;
	ring->started = false;
	return 0;
}

static int
check_reset_owner(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	for (unsigned int i = 0; i < state->max_rings; i++)
		state->rings[i].started = false;
	return 0;
}

/* ---------------------------------------------------------------- others */

static int
check_eventfd(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	return base_is_eventfd(msg->fds[0]) ? 0 :
					      err_set(err, -EPROTO, "the descriptor is no eventfd");
}

static int
check_back_channel(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	int domain = 0, type = 0, ret;
	socklen_t len = sizeof(int);

	ret = need_protocol(state, VHU_PROTOCOL_BACKEND_REQ, "BACKEND_REQ", err);
	if (ret != 0)
		return ret;
	if (getsockopt(msg->fds[0], SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
			getsockopt(msg->fds[0], SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
			domain != AF_UNIX || type != SOCK_STREAM)
		return err_set(err, -EPROTO, "the descriptor is no UNIX stream socket");
	return 0;
}

static int
check_mtu(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	int ret = need_protocol(state, VHU_PROTOCOL_MTU, "NET_MTU", err);

	if (ret == 0 && (msg->payload.u64 < 68 || msg->payload.u64 > UINT16_MAX))
		ret = err_set(err, -EPROTO, "%" PRIu64 " is no MTU", msg->payload.u64);
	return ret;
}

static int
check_rarp(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	return need_protocol(state, VHU_PROTOCOL_RARP, "RARP", err);
}

static int
check_config(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct vhu_config *config = &msg->payload.config;
	int ret = need_protocol(state, VHU_PROTOCOL_CONFIG, "CONFIG", err);

	if (ret != 0)
		return ret;
	if (config->size > VHU_MAX_CONFIG || config->offset > VHU_MAX_CONFIG - config->size ||
			msg->header.size != offsetof(struct vhu_config, data) + config->size)
		return err_set(err, -EPROTO, "%u bytes at %u are not in the configuration space",
				config->size, config->offset);
	return 0;
}

static int
check_status(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	int ret = need_protocol(state, VHU_PROTOCOL_STATUS, "STATUS", err);

	if (ret == 0 && msg->header.request == VHU_SET_STATUS && msg->payload.u64 > UINT8_MAX)
		ret = err_set(err, -EPROTO, "0x%" PRIx64 " is no device status", msg->payload.u64);
	return ret;
}

/* ---------------------------------------------------------------- the table */

#define ANY_FDS UINT8_MAX /* The function of the row counts them. */

#define ROW(name, ...) [VHU_##name] = { #name, __VA_ARGS__ }

/* A request: bytes of its payload, number of its descriptors, whether it has an answer of its own.
 * A request without a row, or whose row has no name, is not served. */
static const struct rule {
	const char *name;
	uint16_t min, max;
	uint8_t fds;
	bool replies;
	check_fn check; /* NULL: nothing more to check. */
} rules[VHU_NB_REQUESTS] = {
	/* clang-format off */
	ROW(GET_FEATURES,            0,   0, 0,       true,  NULL),
	ROW(SET_FEATURES,            8,   8, 0,       false, check_features),
	ROW(SET_OWNER,               0,   0, 0,       false, NULL),
	ROW(RESET_OWNER,             0,   0, 0,       false, check_reset_owner),
	ROW(SET_MEM_TABLE,          40, 264, ANY_FDS, false, check_mem_table),
	ROW(SET_LOG_BASE,           16,  16, 1,       true,  check_log_base),
	ROW(SET_LOG_FD,              0,   8, 1,       false, check_eventfd),
	ROW(SET_VRING_NUM,           8,   8, 0,       false, check_vring_num),
	ROW(SET_VRING_ADDR,         40,  40, 0,       false, check_vring_addr),
	ROW(SET_VRING_BASE,          8,   8, 0,       false, check_vring_base),
	ROW(GET_VRING_BASE,          8,   8, 0,       true,  check_vring_stop),
	ROW(SET_VRING_KICK,          8,   8, ANY_FDS, false, check_kick),
	ROW(SET_VRING_CALL,          8,   8, ANY_FDS, false, check_vring_fd),
	ROW(SET_VRING_ERR,           8,   8, ANY_FDS, false, check_vring_fd),
	ROW(GET_PROTOCOL_FEATURES,   0,   0, 0,       true,  NULL),
	ROW(SET_PROTOCOL_FEATURES,   8,   8, 0,       false, check_protocol),
	ROW(GET_QUEUE_NUM,           0,   0, 0,       true,  NULL),
	ROW(SET_VRING_ENABLE,        8,   8, 0,       false, check_vring_enable),
	ROW(SEND_RARP,               8,   8, 0,       false, check_rarp),
	ROW(NET_SET_MTU,             8,   8, 0,       false, check_mtu),
	ROW(SET_BACKEND_REQ_FD,      0,   8, 1,       false, check_back_channel),
	ROW(GET_CONFIG,             12, 268, 0,       true,  check_config),
	ROW(SET_CONFIG,             12, 268, 0,       false, check_config),
	ROW(SET_STATUS,              8,   8, 0,       false, check_status),
	ROW(GET_STATUS,              0,   8, 0,       true,  check_status),
	/* clang-format on */
};

static const struct rule *
find_rule(uint32_t request)
{
	return request < VHU_NB_REQUESTS && rules[request].name != NULL ? &rules[request] : NULL;
}

const char *
gate_request_name(uint32_t request, char buf[24])
{
	const struct rule *rule = find_rule(request);

	if (rule != NULL)
		return rule->name;
	snprintf(buf, 24, "request %u", request);
	return buf;
}

int
gate_check_header(const struct vhu_header *header, struct err *err)
{
	const struct rule *rule = find_rule(header->request);

	if (rule == NULL)
		return err_set(err, -EPROTO, "request %u is not served", header->request);
	if ((header->flags & ~(VHU_VERSION_MASK | VHU_NEED_REPLY)) != 0 ||
			(header->flags & VHU_VERSION_MASK) != VHU_VERSION)
		return err_set(err, -EPROTO, "%s: 0x%x are no flags of a request", rule->name,
				header->flags);
	if (header->size < rule->min || header->size > rule->max)
		return err_set(err, -EPROTO, "%s: a payload of %u bytes, not %u to %u", rule->name,
				header->size, rule->min, rule->max);
	return 0;
}

int
gate_check(struct gate_state *state, const struct gate_msg *msg, struct err *err)
{
	const struct rule *rule = find_rule(msg->header.request);
	struct err why;
	int ret = gate_check_header(&msg->header, err);

	if (ret != 0)
		return ret;
	if (rule->fds != ANY_FDS && rule->fds != msg->nb_fds)
		return err_set(err, -EPROTO, "%s: %u descriptors, not %u", rule->name, msg->nb_fds,
				rule->fds);
	ret = rule->check != NULL ? rule->check(state, msg, &why) : 0;
	return ret == 0 ? 0 : err_set(err, ret, "%s: %s", rule->name, why.text);
}

bool
gate_has_reply(const struct gate_state *state, uint32_t request)
{
	const struct rule *rule = find_rule(request);

	return rule != NULL && rule->replies;
}

void
gate_filter_reply(struct gate_state *state, uint32_t request, struct gate_msg *reply)
{
	uint64_t *value = &reply->payload.u64;

	if (reply->header.size != sizeof(*value))
		return;
	if (request == VHU_GET_FEATURES) {
		state->offered = *value;
	} else if (request == VHU_GET_PROTOCOL_FEATURES) {
		*value &= PROTOCOL_KNOWN;
		state->protocol_offered = *value;
	} else if (request == VHU_GET_QUEUE_NUM && *value > state->max_rings / 2) {
		*value = state->max_rings / 2;
	}
}

/* ---------------------------------------------------------------- the other direction */

int
gate_check_back_reply(const struct gate_msg *msg, struct err *err)
{
	if ((msg->header.flags & (VHU_VERSION_MASK | VHU_REPLY)) != (VHU_VERSION | VHU_REPLY) ||
			msg->header.size != sizeof(msg->payload.u64) || msg->nb_fds != 0)
		return err_set(err, -EPROTO, "a wrong answer on the channel of the back end");
	return 0;
}
