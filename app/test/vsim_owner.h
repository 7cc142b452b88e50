/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_OWNER_H
#define VSIM_OWNER_H

/**
 * @file
 * An owner with one admin queue, for tests of the device side: it sends any bytes at all.
 */

#include "vsim/vsim_data.h"
#include "vsim_driver.h"

#define OWNER_BUF 16384 /**< Bytes of a command and its answer, each. */

struct owner {
	struct fixture f;
	struct ring ring;
	unsigned int turn; /**< Places for commands are taken in turn. */
	uint8_t *answer; /**< Of the last one. */
	uint32_t used; /**< Used length of the last one. */
};

static inline uint8_t *
owner_place(const struct owner *o, unsigned int turn, uint64_t *iova)
{
	size_t at = BUF_OFFSET + (size_t)(turn % 4) * 2 * OWNER_BUF;

	*iova = FIXTURE_IOVA + at;
	return o->f.mem + at;
}

/** Bring the PF up with one admin queue of 64 descriptors. */
static inline void
owner_start(struct owner *o, const struct vsim_features *more)
{
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_SR_IOV,
			VIRTIO_F_ADMIN_VQ);
	uint16_t qi;

	features.w[0] |= more != NULL ? more->w[0] : 0;
	memset(o->f.mem, 0, BUF_OFFSET);
	VTEST(driver_negotiate(o->f.pf, &features));
	qi = reg_read(o->f.pf, "admin_queue_index");
	driver_queue(o->f.pf, qi, 64);
	ring_init(&o->ring, o->f.pf, qi, 64, o->f.mem + (size_t)qi * FIXTURE_QUEUE_LEN);
	driver_ok(o->f.pf);
}

static inline struct owner
owner_make(const struct vsim_nic_conf *conf)
{
	struct owner o = { 0 };

	o.f = fixture_from(conf);
	owner_start(&o, NULL);
	return o;
}

static inline void
owner_free(struct owner *o)
{
	fixture_free(&o->f);
}

/** Send out bytes with room for in bytes of answer, split into pieces of at most cut bytes.
 * @return the id. */
static inline uint16_t
owner_post(struct owner *o, const void *out, uint32_t out_len, uint32_t in_len, uint32_t cut)
{
	struct ring_seg segs[RING_SEGS];
	unsigned int nb_out = 0, nb = 0;
	uint64_t iova;
	uint8_t *place = owner_place(o, o->turn++, &iova);
	uint16_t id;

	memcpy(place, out, out_len);
	memset(place + OWNER_BUF, 0xee, OWNER_BUF);
	for (uint32_t at = 0; at < out_len && nb < RING_SEGS; at += segs[nb++].len)
		segs[nb] = (struct ring_seg){ iova + at, out_len - at < cut ? out_len - at : cut };
	nb_out = nb;
	for (uint32_t at = 0; at < in_len && nb < RING_SEGS; at += segs[nb++].len)
		segs[nb] = (struct ring_seg){ iova + OWNER_BUF + at,
			in_len - at < cut ? in_len - at : cut };
	id = ring_post(&o->ring, segs, nb_out, nb - nb_out, 0, NULL);
	ring_publish(&o->ring);
	ring_kick(&o->ring);
	o->answer = place + OWNER_BUF;
	return id;
}

/** Run the device until the next answer is there. @return false: none came. */
static inline bool
owner_reap(struct owner *o, uint16_t *id)
{
	const uint64_t end = vsim_clock() + 5 * vsim_clock_hz();

	while ((int64_t)(vsim_clock() - end) < 0) {
		if (ring_reap(&o->ring, id, &o->used))
			return true;
		vsim_worker_poll(o->f.nic, 0);
	}
	return false;
}

/** Any command: header, data; room for result_len bytes of result. @return status. */
static inline int
owner_send(struct owner *o, uint16_t opcode, uint16_t group, uint64_t member, const void *data,
		uint32_t data_len, uint32_t result_len)
{
	uint8_t out[OWNER_BUF] = { 0 };
	const struct virtio_admin_cmd_hdr hdr = {
		.opcode = htole16(opcode),
		.group_type = htole16(group),
		.group_member_id = htole64(member),
	};
	struct virtio_admin_cmd_answer answer;
	uint16_t id, want;

	memcpy(out, &hdr, sizeof(hdr));
	if (data_len > 0)
		memcpy(out + sizeof(hdr), data, data_len);
	want = owner_post(o, out, sizeof(hdr) + data_len, sizeof(answer) + result_len, OWNER_BUF);
	if (!owner_reap(o, &id) || id != want)
		return -1;
	memcpy(&answer, o->answer, sizeof(answer));
	return le16toh(answer.status);
}

static inline int
owner_qualifier(const struct owner *o)
{
	struct virtio_admin_cmd_answer answer;

	memcpy(&answer, o->answer, sizeof(answer));
	return le16toh(answer.status_qualifier);
}

static inline const uint8_t *
owner_result(const struct owner *o)
{
	return o->answer + sizeof(struct virtio_admin_cmd_answer);
}

/** Use all that the device has for a group. */
static inline void
owner_agree(struct owner *o, uint16_t group)
{
	virtio_le64 list;

	VTEST_EQ(owner_send(o, VIRTIO_ADMIN_LIST_QUERY, group, 0, NULL, 0, 8), 0);
	memcpy(&list, owner_result(o), sizeof(list));
	VTEST_EQ(owner_send(o, VIRTIO_ADMIN_LIST_USE, group, 0, &list, sizeof(list), 0), 0);
}

/** Read a legacy register of a VF. @return its value, or minus the status. */
static inline int64_t
legacy_get(struct owner *o, uint64_t vf, bool device, uint8_t offset, uint32_t len)
{
	virtio_le64 value = 0;
	int status = owner_send(o,
			device ? VIRTIO_ADMIN_LEGACY_DEV_CFG_READ :
				 VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ,
			VIRTIO_ADMIN_GROUP_SRIOV, vf, &offset, 1, len);

	if (status != 0)
		return -status;
	memcpy(&value, owner_result(o), len < 8 ? len : 8);
	return le64toh(value);
}

/** Write one. @return status. */
static inline int
legacy_put(struct owner *o, uint64_t vf, bool device, uint8_t offset, const void *data,
		uint32_t len)
{
	uint8_t wr[8 + 64] = { offset };

	if (len > 0)
		memcpy(&wr[8], data, len);
	return owner_send(o,
			device ? VIRTIO_ADMIN_LEGACY_DEV_CFG_WRITE :
				 VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE,
			VIRTIO_ADMIN_GROUP_SRIOV, vf, wr, 8 + len, 0);
}

static inline int
legacy_put_value(struct owner *o, uint64_t vf, uint8_t offset, uint32_t value, uint32_t len)
{
	virtio_le32 raw = htole32(value);

	return legacy_put(o, vf, false, offset, &raw, len);
}

#define LEGACY(field) offsetof(struct virtio_legacy_hdr, field)

#endif /* VSIM_OWNER_H */
