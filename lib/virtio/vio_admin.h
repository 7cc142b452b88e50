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
 * Order of calls: vio_dev_negotiate() with VIRTIO_F_ADMIN_VQ; vio_admin_create() once;
 * vio_admin_enable() after each negotiation and before vio_dev_driver_ok(); then, per group,
 * vio_admin_agree(); then commands. For VIO_SRIOV call vio_admin_agree() again each time VF Enable
 * was set. Before VF Enable is cleared call vio_admin_drain(), afterwards vio_admin_forget().
 *
 * A command blocks its caller until the device answers or the timeout expires. Many threads may
 * call at once; their commands are outstanding together. One thread can have several
 * outstanding with vio_admin_submit(). The commands of one member go to one admin queue, so the
 * device sees them in the order of the calls (virtio 1.4 2.13.1). No order is kept between
 * members, nor for a command that is sent again after EAGAIN.
 *
 * If the device does not answer a command in time, its caller gets -ETIMEDOUT, and the memory of
 * the command stays with the device until it answers: other commands go on. If the device answers
 * nothing on an admin queue for conf.silence_us, or not this command, the queue is dead until the
 * device was reset and vio_admin_enable() called. Commands of the members that use this queue fail
 * with -EIO; others go on.
 *
 * Values from the device are checked before use. A result is zero after the bytes that the device
 * reports as written (virtio 1.4 2.13.1).
 */

#include <stdatomic.h>
#include <sys/uio.h>

#include "virtio_spec/admin.h"
#include "vio_dev.h"

#define VIO_ADMIN_QUEUES_MAX 16 /**< Further admin queues of a device are not used. */
/** Bytes of a command and its answer together, including headers. */
#define VIO_ADMIN_BYTES 16384
#define VIO_ADMIN_DATA_MAX (VIO_ADMIN_BYTES / 2 - 64) /**< Bytes of the data, or of the result. */
#define VIO_ADMIN_DEPTH 64 /**< Commands outstanding per admin queue, at most. */
#define VIO_ADMIN_TIMEOUT_US 5000000 /**< Default; a command may reset a VF, which takes time. */

#define VIO_ADMIN_SILENCE_US 20000000 /**< Default; the reset of a VF may take that long. */

/** All admin queues of one device. */
struct vio_admin;

enum vio_admin_group {
	VIO_SELF = VIRTIO_ADMIN_GROUP_SELF,
	VIO_SRIOV = VIRTIO_ADMIN_GROUP_SRIOV,
	VIO_NB_GROUPS,
};

/**
 * An admin queue is dead. Called once per reset, in the thread that noticed, with no lock held. The
 * usual reaction is a reset of the device.
 */
typedef void (*vio_admin_dead_fn)(void *arg, unsigned int queue, const char *err);

struct vio_admin_conf {
	const char *name; /**< Prefix of memory names; unique in the process, up to 20 bytes. */
	int socket; /**< NUMA node of the memory. */
	uint16_t max_queues; /**< Queues to use at most; 0: all. */
	uint32_t timeout_us; /**< Per command, retries included; 0: VIO_ADMIN_TIMEOUT_US. */
	/** Time without an answer after which an admin queue is dead; 0: VIO_ADMIN_SILENCE_US. */
	uint32_t silence_us;
	vio_admin_dead_fn on_dead; /**< May be NULL. */
	void *on_dead_arg;
	/** Becomes true when the caller ends: nothing is sent any more, and commands that the
	 * device does not have end with -ECANCELED. NULL: never. */
	const atomic_bool *stop;
};

/* ------------------------------------------------------------------ create, enable, free */

/**
 * Allocate the admin queues of the device.
 *
 * @param dev   Negotiated with VIRTIO_F_ADMIN_VQ; must outlive the result.
 * @return the admin queues, or NULL with rte_errno
 *         ENOTSUP  ADMIN_VQ was not negotiated, or the device has no admin queue,
 *         EPROTO   its admin queues have impossible numbers or sizes,
 *         ENOMEM;  vio_err() explains why.
 */
struct vio_admin *vio_admin_create(struct vio_dev *dev, const struct vio_admin_conf *conf);

/**
 * Empty the queues and set them up in the device. Dead queues work again; of both groups only the
 * two list commands are in use. Call between FEATURES_OK and DRIVER_OK, during no other call.
 * @return 0, or as vio_dev_queue_setup(), or -EPROTO when the device now has fewer of them.
 */
int vio_admin_enable(struct vio_admin *admin);

/**
 * Look for answers to commands that timed out, and for dead queues. Call it from time to time.
 * @return number of commands that timed out and are not answered yet.
 */
unsigned int vio_admin_check(struct vio_admin *admin);

/** Free all memory; the device must have been reset, or be gone. Does nothing for NULL. */
void vio_admin_free(struct vio_admin *admin);

/* ------------------------------------------------------------------ lists of commands */

/**
 * Query the commands that the device offers for a group (LIST_QUERY), and use the wanted ones
 * (LIST_USE). Waits until no other command of the group is outstanding. If the device refuses the
 * group VIO_SRIOV, the query is repeated for 100 ms: VFs may take that long to appear.
 *
 * @param wanted  Bits by opcode, VIRTIO_ADMIN_LIST_*; the two list commands are always
 *                included. Commands that need others (legacy reads without writes, ...) are
 *                left out if one is missing.
 * @param in_use  Out: commands that can be used now, also on error; may be NULL.
 * @return 0, -EBUSY (other commands did not end in time), or as vio_admin_exec().
 */
int vio_admin_agree(struct vio_admin *admin, enum vio_admin_group group, uint64_t wanted,
		uint64_t *in_use);

/** Commands that the device offered at the last vio_admin_agree(); 0 before. */
uint64_t vio_admin_offered(struct vio_admin *admin, enum vio_admin_group group);
/** Commands in use, by the last vio_admin_agree(). */
uint64_t vio_admin_in_use(struct vio_admin *admin, enum vio_admin_group group);
/** The group no longer exists (VF Enable was cleared): use none of its commands. */
void vio_admin_forget(struct vio_admin *admin, enum vio_admin_group group);
/**
 * Wait until no command of a group is outstanding (virtio 1.4 2.12.1: VF Enable stays set while
 * there is one).
 * @return 0, or -ETIMEDOUT.
 */
int vio_admin_drain(struct vio_admin *admin, enum vio_admin_group group, uint32_t timeout_us);

/* ------------------------------------------------------------------ any command */

/** One command. The caller owns the structure and leaves it unchanged until the command ended. */
struct vio_admin_cmd {
	uint16_t opcode;
	uint16_t group; /**< enum vio_admin_group. */
	uint64_t member; /**< 0 for VIO_SELF and for the two list commands. */
	struct iovec data[3]; /**< Command specific data, nb_data parts, as on the wire. */
	unsigned int nb_data;
	void *result; /**< Out: result, zero after the bytes that the device wrote. */
	size_t result_len; /**< Bytes at result, 0..VIO_ADMIN_DATA_MAX. */

	/* out */
	uint16_t status, qualifier; /**< From the device; valid if answered. */
	bool answered; /**< The device answered. */
	size_t result_used; /**< Bytes of the result that the device wrote. */

	/* used by the engine while the command is outstanding */
	struct {
		uint64_t started_ns, deadline_ns, again_ns;
		uint32_t tries;
		int ret;
		uint16_t queue;
		int slot; /**< Slot of the queue; negative: waits to be sent again. */
		bool outstanding;
	} own;
};

/**
 * Send a command and wait for its end.
 *
 * If the device answers EAGAIN, the command is sent again after a growing delay until its timeout
 * expires.
 *
 * @return 0 (status OK), or
 *         -EINVAL      the device refuses it (cmd->qualifier says why), or it cannot be sent
 *                      (cmd->answered is false): too long, no such group,
 *         -EOPNOTSUPP  the opcode is not in the list in use: not sent,
 *         -ENXIO, -ENOMEM, -EBUSY, -EEXIST, -ENOSPC  status of the device,
 *         -EAGAIN      the device still answered EAGAIN when the timeout expired,
 *         -EPROTO      the answer is shorter than a status,
 *         -EIO         the admin queue is dead or broken: not sent, or no answer can come,
 *         -ETIMEDOUT   no answer in time; the command may still be carried out,
 *         -ECANCELED   conf.stop became true: not sent, or the device answered EAGAIN,
 *         -ENOBUFS     the queue had no room until the timeout expired: not sent.
 *         Any other status counts as EINVAL (virtio 1.4 2.12.1.6). vio_err() has the answer in
 *         words. LIST_USE is refused (-EINVAL): use vio_admin_agree().
 */
int vio_admin_exec(struct vio_admin *admin, struct vio_admin_cmd *cmd);

/**
 * Send a command without waiting. Call vio_admin_poll() or vio_admin_wait() until it ends, from one
 * thread at a time. The two list commands are refused: -EINVAL.
 * @return 0 (outstanding), -ENOBUFS (the queue is full: poll others first), -EBUSY (the list of
 *         the group is being changed), -EINVAL, -EOPNOTSUPP, -EIO as vio_admin_exec().
 */
int vio_admin_submit(struct vio_admin *admin, struct vio_admin_cmd *cmd);
/** Check for the end of a command. @return -EINPROGRESS, or its result as vio_admin_exec(). */
int vio_admin_poll(struct vio_admin *admin, struct vio_admin_cmd *cmd);
/** Wait for the end of a command. @return its result, as vio_admin_exec(). */
int vio_admin_wait(struct vio_admin *admin, struct vio_admin_cmd *cmd);

/* ------------------------------------------------------------------ for files of commands */

/** Part of the data of a command. The engine reads the memory only, whether it is const or not. */
static inline struct iovec
vio_admin_data(const void *data, size_t len)
{
	return (struct iovec){ (void *)(uintptr_t)data, len };
}

/* ------------------------------------------------------------------ statistics */

/** Bucket i counts commands that took less than 2^i microseconds, and not less than half. */
#define VIO_ADMIN_BUCKETS 24

/** Statistics of one opcode since vio_admin_create(). Times include retries. */
struct vio_admin_op_stats {
	uint64_t commands; /**< Commands that ended, with any result. */
	uint64_t errors; /**< Commands that ended with an error. */
	uint64_t retries; /**< Times that a command was sent again after EAGAIN. */
	uint64_t timeouts;
	uint64_t total_ns, max_ns;
	uint64_t buckets[VIO_ADMIN_BUCKETS]; /**< The last one has no upper limit. */
};

/** Statistics of an opcode. Any thread. @return 0, or -EINVAL: no such opcode. */
int vio_admin_op_stats(struct vio_admin *admin, uint16_t opcode, struct vio_admin_op_stats *stats);

#define VIO_ADMIN_VFS_MAX 256
/** Commands for a VF that ended since vio_admin_create(), with any result; 0 for a number above
 * VIO_ADMIN_VFS_MAX. Any thread. */
uint64_t vio_admin_vf_commands(struct vio_admin *admin, unsigned int vf);

/** One admin queue. */
struct vio_admin_queue_info {
	uint16_t index; /**< Number of the virtqueue. */
	uint16_t size; /**< Descriptors. */
	uint16_t depth; /**< Commands that can be outstanding at once. */
	uint16_t outstanding;
	bool dead;
	uint64_t commands, timeouts;
};

/** Number of admin queues. */
unsigned int vio_admin_nb_queues(struct vio_admin *admin);
/** State of queue i. Any thread. @return 0, or -EINVAL: no such queue. */
int vio_admin_queue_info(struct vio_admin *admin, unsigned int i,
		struct vio_admin_queue_info *info);

#endif /* VIO_ADMIN_H */
