/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_H
#define VIO_ADMIN_H

/**
 * @file
 * The admin queues of a device: the engine under all administration commands.
 *
 * virtio 1.4 2.12 "Device groups", 2.13 "Administration Virtqueues". Two groups: VIO_SELF, the
 * device itself, and VIO_SRIOV, the VFs of a PF, whose members are numbered 1..NumVFs.
 *
 * Life: vio_dev_negotiate() with VIRTIO_F_ADMIN_VQ; vio_admin_create() once; vio_admin_enable()
 * after each negotiation and before vio_dev_driver_ok(); then, per group, vio_admin_agree(); then
 * commands. For VIO_SRIOV agree anew after each VF Enable (the group ceases with VF Enable), and
 * call vio_admin_forget() when it is cleared, after vio_admin_drain().
 *
 * Commands block their caller until the device has answered or the time is up; many threads may
 * call at once, and their commands are outstanding together. One thread can have several
 * outstanding with vio_admin_submit(). The commands of one member go to one admin queue, so the
 * device sees them in the order in which they were made (virtio 1.4 2.13.1); no order is kept
 * between members, nor with a command that was sent again after EAGAIN.
 *
 * A command that the device never answers leaves memory with it, so that admin queue is dead from
 * then on, until the device was reset and vio_admin_enable() called; commands of members that are
 * served by it fail with -EIO, others go on.
 *
 * What the device says is bounded before it is used. Results are cut to what it says it wrote and
 * zero behind that (virtio 1.4 2.13.1).
 */

#include <sys/uio.h>

#include "virtio_spec/admin.h"
#include "vio_dev.h"

#define VIO_ADMIN_QUEUES_MAX 16 /**< More that a device has are left alone. */
/** Command and answer together, headers included: limit of the data and results below. */
#define VIO_ADMIN_BYTES 16384
#define VIO_ADMIN_DATA_MAX (VIO_ADMIN_BYTES / 2 - 64) /**< Data, or result, of one command. */
#define VIO_ADMIN_DEPTH 64 /**< Commands outstanding per admin queue, at most. */
#define VIO_ADMIN_TIMEOUT_US 5000000 /**< Default: resets are commands too, and take time. */

/** All admin queues of one device. */
struct vio_admin;

enum vio_admin_group {
	VIO_SELF = VIRTIO_ADMIN_GROUP_SELF,
	VIO_SRIOV = VIRTIO_ADMIN_GROUP_SRIOV,
	VIO_NB_GROUPS,
};

/**
 * An admin queue died; told once, in the thread that found it, with no lock held. The owner
 * decides what to do: a reset of the device, mostly.
 */
typedef void (*vio_admin_dead_fn)(void *arg, unsigned int queue, const char *why);

struct vio_admin_conf {
	const char *name; /**< Prefix of memory names; unique in the process, up to 20 bytes. */
	int socket; /**< NUMA node of the memory. */
	uint16_t max_queues; /**< 0: all that there are. */
	uint32_t timeout_us; /**< Per command, retries included; 0: VIO_ADMIN_TIMEOUT_US. */
	vio_admin_dead_fn on_dead; /**< May be NULL. */
	void *on_dead_arg;
};

/* ------------------------------------------------------------------ life */

/**
 * Make the admin queues that the device has.
 *
 * @param dev   Negotiated with VIRTIO_F_ADMIN_VQ; outlives the result.
 * @return them, or NULL with rte_errno
 *         ENOTSUP  ADMIN_VQ was not negotiated, or the device has no admin queue,
 *         EPROTO   its admin queues have impossible numbers or sizes,
 *         ENOMEM;  vio_err() explains why.
 */
struct vio_admin *vio_admin_create(struct vio_dev *dev, const struct vio_admin_conf *conf);

/**
 * Empty the queues and set them up in the device; both groups are back to the two list commands,
 * dead queues live again. Between FEATURES_OK and DRIVER_OK, with no other call going on.
 * @return 0, or as vio_dev_queue_setup(), or -EPROTO when the device now has fewer of them.
 */
int vio_admin_enable(struct vio_admin *admin);

/** Free all; the device was reset, or is gone. NULL is fine. */
void vio_admin_free(struct vio_admin *admin);

/* ------------------------------------------------------------------ lists of commands */

/**
 * Ask which commands the device has for a group (LIST_QUERY), and use those of them that are
 * wanted (LIST_USE). Waits until no other command of the group is outstanding. A device that
 * refuses the group VIO_SRIOV is asked again for a tenth of a second: VFs may take that long to
 * appear.
 *
 * @param wanted  Bits by opcode, VIRTIO_ADMIN_LIST_*; the two list commands always are. What
 *                cannot be used alone (legacy reads without writes, ...) is left out.
 * @param in_use  Out: what can be used now, also on error; may be NULL.
 * @return 0, -EBUSY (other commands did not end in time), or as vio_admin_exec().
 */
int vio_admin_agree(struct vio_admin *admin, enum vio_admin_group group, uint64_t wanted,
		uint64_t *in_use);

/** What the device has, as of the last vio_admin_agree(); 0 before. */
uint64_t vio_admin_offered(struct vio_admin *admin, enum vio_admin_group group);
/** What was agreed upon. */
uint64_t vio_admin_in_use(struct vio_admin *admin, enum vio_admin_group group);
/** The group ceased to be (VF Enable was cleared): nothing of it can be used. */
void vio_admin_forget(struct vio_admin *admin, enum vio_admin_group group);
/**
 * Wait until no command of a group is outstanding (virtio 1.4 2.12.1: VF Enable stays set while
 * there is one).
 * @return 0, or -ETIMEDOUT.
 */
int vio_admin_drain(struct vio_admin *admin, enum vio_admin_group group, uint32_t timeout_us);

/* ------------------------------------------------------------------ any command */

/** One command; the caller's, and kept as it is until it has ended. */
struct vio_admin_cmd {
	uint16_t opcode;
	uint16_t group; /**< enum vio_admin_group. */
	uint64_t member; /**< 0 for VIO_SELF and for the two list commands. */
	struct iovec data[3]; /**< Command specific data, nb_data parts, as on the wire. */
	unsigned int nb_data;
	void *result; /**< Gets the command specific result; zeroed behind what there is. */
	size_t result_len; /**< Room for it, 0..VIO_ADMIN_DATA_MAX. */

	/* out */
	uint16_t status, qualifier; /**< As the device said; valid when it answered. */
	bool answered;
	size_t result_used; /**< Bytes of the result that the device wrote. */

	/* the engine's own while it is outstanding */
	struct {
		uint64_t started_ns, deadline_ns, again_ns;
		uint32_t tries;
		int ret;
		uint16_t queue;
		int slot; /**< Of the queue; negative: waiting for another try. */
		bool outstanding;
	} own;
};

/**
 * Send a command and wait for its end.
 *
 * EAGAIN of the device is answered by sending it again, later and later, until the command's time
 * is up.
 *
 * @return 0 (status OK), or
 *         -EINVAL      the device refuses it (its qualifier says why: cmd), or it cannot be sent
 *                      (answered is false): too long, no such group,
 *         -EOPNOTSUPP  the opcode is not in the list agreed upon: not sent,
 *         -ENXIO, -ENOMEM, -EBUSY, -EEXIST, -ENOSPC  the device says so,
 *         -EAGAIN      the device still said so when the time was up,
 *         -EPROTO      the answer is shorter than a status,
 *         -EIO         the admin queue is dead or broken: not sent, or no answer can come,
 *         -ETIMEDOUT   no answer; the admin queue is dead from now on,
 *         -ENOBUFS     no room in the queue until the time was up: not sent.
 *         Any other status counts as EINVAL (virtio 1.4 2.12.1.1). vio_err() has the answer in
 *         words. LIST_USE cannot be sent so (-EINVAL): that is what vio_admin_agree() is for.
 */
int vio_admin_exec(struct vio_admin *admin, struct vio_admin_cmd *cmd);

/**
 * Send a command and go on. Each must be ended by vio_admin_poll() or vio_admin_wait(), by one
 * thread at a time. The two list commands cannot be sent so: -EINVAL.
 * @return 0 (outstanding), -ENOBUFS (the queue is full: poll others first), -EBUSY (the list of
 *         the group is just being changed), -EINVAL, -EOPNOTSUPP, -EIO as vio_admin_exec().
 */
int vio_admin_submit(struct vio_admin *admin, struct vio_admin_cmd *cmd);
/** See how it stands. @return -EINPROGRESS, or its end as vio_admin_exec(). */
int vio_admin_poll(struct vio_admin *admin, struct vio_admin_cmd *cmd);
/** Wait for its end. @return it, as vio_admin_exec(). */
int vio_admin_wait(struct vio_admin *admin, struct vio_admin_cmd *cmd);

/* ------------------------------------------------------------------ for files of commands */

/** Part of the data of a command. The engine reads the memory only, whether it is const or not. */
static inline struct iovec
vio_admin_data(const void *data, size_t len)
{
	return (struct iovec){ (void *)(uintptr_t)data, len };
}

/* ------------------------------------------------------------------ what happened */

/** Bucket i counts commands that took less than 2^i microseconds, and not less than half. */
#define VIO_ADMIN_BUCKETS 24

/** Of one opcode; since vio_admin_create(). Time runs from sending to the end, retries included. */
struct vio_admin_op_stats {
	uint64_t commands; /**< That ended, whichever way. */
	uint64_t errors; /**< Of these, not with status OK. */
	uint64_t retries; /**< Sent again after EAGAIN. */
	uint64_t timeouts;
	uint64_t total_ns, max_ns;
	uint64_t buckets[VIO_ADMIN_BUCKETS]; /**< The last counts all that took longer, too. */
};

/** Of one opcode, below VIRTIO_ADMIN_NB_OPCODES; -EINVAL otherwise. Any thread. */
int vio_admin_op_stats(struct vio_admin *admin, uint16_t opcode, struct vio_admin_op_stats *stats);

#define VIO_ADMIN_VFS_MAX 256
/** Commands for that VF that have ended, in any way, since vio_admin_create(); 0 for numbers above
 * VIO_ADMIN_VFS_MAX. From any thread. */
uint64_t vio_admin_vf_commands(struct vio_admin *admin, unsigned int vf);

/** One admin queue. */
struct vio_admin_queue_info {
	uint16_t index; /**< Of the virtqueue. */
	uint16_t size; /**< Descriptors. */
	uint16_t depth; /**< Commands that can be outstanding. */
	uint16_t outstanding;
	bool dead;
	uint64_t commands, timeouts;
};

unsigned int vio_admin_nb_queues(struct vio_admin *admin);
/** Queue i, below vio_admin_nb_queues(); -EINVAL otherwise. Any thread. */
int vio_admin_queue_info(struct vio_admin *admin, unsigned int i,
		struct vio_admin_queue_info *info);

#endif /* VIO_ADMIN_H */
