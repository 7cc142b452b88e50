/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The engine of administration commands: admin queues, lists of commands, sending, retries and
 * deadlines. virtio 1.4 2.12.1, 2.13.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "vio_admin.h"
#include "vio_admin_text.h"
#include "vio_cmdq.h"
#include "vio_err.h"

#define QUEUE_SIZE (2 * VIO_ADMIN_DEPTH)
/* Delay before another try after EAGAIN: it doubles from the first to the second value. */
#define AGAIN_MIN_US 50
#define AGAIN_MAX_US 50000
/* VFs may take 100 ms to appear (PCI Express 9.3.3.3.1), and with them their group. */
#define LATE_US 100000
#define LATE_STEP_US 1000

#define BIT(opcode) (UINT64_C(1) << (opcode))

struct queue {
	struct vio_cmdq cmdq;
	uint16_t index;
	bool dead_reported; /**< on_dead was called since the last reset. */
};

/** A group: the commands of its lists, and the number of outstanding ones. */
struct group {
	uint64_t offered, in_use; /**< Bits by opcode. */
	unsigned int outstanding;
	bool changing; /**< A list command is outstanding: no other command may be. */
};

struct vio_admin {
	struct vio_dev *dev;
	vio_admin_dead_fn on_dead;
	void *on_dead_arg;
	const atomic_bool *stop;
	uint32_t timeout_us;
	uint64_t silence_ns;
	unsigned int nb_queues;
	rte_spinlock_t lock; /**< Of groups, stats, dead_reported; before that of a cmdq. */
	struct group groups[VIO_NB_GROUPS];
	struct vio_admin_op_stats stats[VIRTIO_ADMIN_NB_OPCODES];
	uint64_t vf_commands[VIO_ADMIN_VFS_MAX + 1]; /**< Ended commands, by VF number. */
	struct queue queues[VIO_ADMIN_QUEUES_MAX];
};

/* ------------------------------------------------------------------ create, enable, free */

static int
queue_create(struct vio_admin *admin, const struct vio_admin_conf *conf, unsigned int i)
{
	struct queue *q = &admin->queues[i];
	char name[RTE_MEMZONE_NAMESIZE];
	struct vio_virtq_conf vq_conf = { .name = name, .socket = conf->socket };
	uint16_t max;
	int ret;

	q->index = vq_conf.index = (uint16_t)(admin->dev->admin_index + i);
	max = vio_dev_queue_max(admin->dev, q->index);
	if (max < 2)
		return vio_fail(-EPROTO, "admin queue %u has %u descriptors", q->index, max);
	vq_conf.size = RTE_MIN(max, (uint16_t)QUEUE_SIZE);
	snprintf(name, sizeof(name), "%s%ua", conf->name, i);
	ret = vio_cmdq_create(&q->cmdq, admin->dev, &vq_conf, VIO_ADMIN_DEPTH, VIO_ADMIN_BYTES);
	if (ret != 0)
		return vio_fail(ret, "cannot allocate admin queue %u of %u descriptors: %s",
				q->index, vq_conf.size, strerror(-ret));
	return 0;
}

struct vio_admin *
vio_admin_create(struct vio_dev *dev, const struct vio_admin_conf *conf)
{
	unsigned int nb = RTE_MIN(dev->num_admin, (unsigned int)VIO_ADMIN_QUEUES_MAX);
	struct vio_admin *admin;
	int ret;

	if (nb == 0) {
		vio_fail(-ENOTSUP, "%s",
				vio_dev_has(dev, VIRTIO_F_ADMIN_VQ) ?
						"the device has no admin queue, or an impossible number of them" :
						"admin queues were not negotiated");
		rte_errno = ENOTSUP;
		return NULL;
	}
	admin = calloc(1, sizeof(*admin));
	if (admin == NULL) {
		vio_fail(-ENOMEM, "out of memory for the admin queues");
		rte_errno = ENOMEM;
		return NULL;
	}
	admin->dev = dev;
	admin->on_dead = conf->on_dead;
	admin->on_dead_arg = conf->on_dead_arg;
	admin->stop = conf->stop;
	admin->timeout_us = conf->timeout_us != 0 ? conf->timeout_us : VIO_ADMIN_TIMEOUT_US;
	admin->silence_ns = UINT64_C(1000) *
			(conf->silence_us != 0 ? conf->silence_us : VIO_ADMIN_SILENCE_US);
	rte_spinlock_init(&admin->lock);
	if (conf->max_queues != 0)
		nb = RTE_MIN(nb, conf->max_queues);
	while (admin->nb_queues < nb) {
		ret = queue_create(admin, conf, admin->nb_queues);
		if (ret != 0) {
			vio_admin_free(admin);
			rte_errno = -ret;
			return NULL;
		}
		admin->nb_queues++;
	}
	return admin;
}

int
vio_admin_enable(struct vio_admin *admin)
{
	int ret = 0;

	if (admin->dev->num_admin < admin->nb_queues)
		return vio_fail(-EPROTO, "the device has %u admin queues now, and had %u",
				admin->dev->num_admin, admin->nb_queues);
	/* A reset cancels all lists (virtio 1.4 2.12.1.5). */
	memset(admin->groups, 0, sizeof(admin->groups));
	admin->groups[VIO_SELF].in_use = VIRTIO_ADMIN_LIST_BASIC;
	admin->groups[VIO_SRIOV].in_use = VIRTIO_ADMIN_LIST_BASIC;
	for (unsigned int i = 0; ret == 0 && i < admin->nb_queues; i++) {
		struct queue *q = &admin->queues[i];

		q->index = q->cmdq.vq->index = (uint16_t)(admin->dev->admin_index + i);
		q->dead_reported = false;
		vio_cmdq_init(&q->cmdq, admin->dev);
		ret = vio_virtq_enable(q->cmdq.vq, admin->dev, VIRTIO_MSI_NO_VECTOR);
	}
	return ret;
}

void
vio_admin_free(struct vio_admin *admin)
{
	if (admin == NULL)
		return;
	for (unsigned int i = 0; i < admin->nb_queues; i++)
		vio_cmdq_free(&admin->queues[i].cmdq);
	free(admin);
}

/* ------------------------------------------------------------------ one try */

/* Data and results are padded to a multiple of 8 bytes (virtio 1.4 2.13.2), except that a legacy
 * access has exactly the bytes of its register. */
static size_t
pad_of(size_t len, bool exact)
{
	return exact ? 0 : RTE_ALIGN_CEIL(len, 8) - len;
}

static bool
exact_data(uint16_t opcode)
{
	return opcode == VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE ||
			opcode == VIRTIO_ADMIN_LEGACY_DEV_CFG_WRITE;
}

static bool
exact_result(uint16_t opcode)
{
	return opcode == VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ ||
			opcode == VIRTIO_ADMIN_LEGACY_DEV_CFG_READ;
}

static size_t
data_len(const struct vio_admin_cmd *cmd)
{
	size_t len = 0;

	for (unsigned int i = 0; i < cmd->nb_data; i++)
		len += cmd->data[i].iov_len;
	return len;
}

/* Buffers for the answer; the same for posting and for taking it. */
static unsigned int
answer_parts(const struct vio_admin_cmd *cmd, struct virtio_admin_cmd_answer *answer,
		uint8_t pad[8], struct iovec parts[3])
{
	/* No defined status has all bits set. */
	memset(answer, 0xff, sizeof(*answer));
	memset(pad, 0, 8);
	parts[0] = (struct iovec){ answer, sizeof(*answer) };
	parts[1] = (struct iovec){ cmd->result, cmd->result_len };
	parts[2] = (struct iovec){ pad, pad_of(cmd->result_len, exact_result(cmd->opcode)) };
	return 3;
}

/* Post the command. @return 0, -ENOBUFS, -EINVAL, or -EIO. */
static int
try_post(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	static const uint8_t zeros[8];
	struct virtio_admin_cmd_hdr hdr = {
		.opcode = rte_cpu_to_le_16(cmd->opcode),
		.group_type = rte_cpu_to_le_16(cmd->group),
		.group_member_id = rte_cpu_to_le_64(cmd->member),
	};
	struct iovec out[2 + RTE_DIM(cmd->data)] = { { &hdr, sizeof(hdr) } }, in[3];
	struct virtio_admin_cmd_answer answer;
	unsigned int nb_out = 1, nb_in;
	uint8_t pad[8];
	int slot;

	for (unsigned int i = 0; i < cmd->nb_data; i++)
		out[nb_out++] = cmd->data[i];
	out[nb_out++] = (struct iovec){ (void *)(uintptr_t)zeros,
		pad_of(data_len(cmd), exact_data(cmd->opcode)) };
	if (cmd->result_len != 0)
		memset(cmd->result, 0, cmd->result_len);
	nb_in = answer_parts(cmd, &answer, pad, in);
	slot = vio_cmdq_post(&admin->queues[cmd->own.queue].cmdq, out, nb_out, in, nb_in);
	if (slot < 0)
		return slot;
	cmd->own.slot = slot;
	cmd->own.deadline_ns = vio_now_ns() + (uint64_t)admin->timeout_us * 1000;
	return 0;
}

/* The device refused the command: set the error text from its answer. @return its -errno. */
static int
refused(const struct vio_admin_cmd *cmd)
{
	const char *opcode = vio_admin_opcode_name(cmd->opcode);
	const char *status = vio_admin_status_name(cmd->status);
	const char *text = vio_admin_qualifier_text(cmd->qualifier);
	char unknown[32], number[16];

	snprintf(unknown, sizeof(unknown), "undefined status %u", cmd->status);
	snprintf(number, sizeof(number), "opcode 0x%x", cmd->opcode);
	/* virtio 1.4 2.12.1.6: an undefined qualifier means INVALID_COMMAND. */
	return vio_fail(vio_admin_status_errno(cmd->status),
			"the device answers %s of %s %llu with %s: %s",
			opcode != NULL ? opcode : number, cmd->group == VIO_SRIOV ? "VF" : "member",
			(unsigned long long)cmd->member, status != NULL ? status : unknown,
			text != NULL ? text :
				       vio_admin_qualifier_text(
						       VIRTIO_ADMIN_QUALIFIER_INVALID_COMMAND));
}

/* Take the answer. @return 0, or the status of the device as -errno. */
static int
try_take(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	struct virtio_admin_cmd_answer answer;
	struct iovec in[3];
	uint8_t pad[8];
	unsigned int nb_in = answer_parts(cmd, &answer, pad, in);
	size_t len;

	len = (size_t)vio_cmdq_take(&admin->queues[cmd->own.queue].cmdq, cmd->own.slot, in, nb_in);
	cmd->own.slot = -1;
	if (len < offsetof(struct virtio_admin_cmd_answer, reserved))
		return vio_fail(-EPROTO, "the device answers with %zu bytes", len);
	cmd->answered = true;
	cmd->status = rte_le_to_cpu_16(answer.status);
	cmd->qualifier = rte_le_to_cpu_16(answer.status_qualifier);
	len -= RTE_MIN(len, sizeof(answer));
	cmd->result_used = RTE_MIN(len, cmd->result_len);
	if (cmd->result_len > cmd->result_used)
		memset((uint8_t *)cmd->result + cmd->result_used, 0,
				cmd->result_len - cmd->result_used);
	return cmd->status == VIRTIO_ADMIN_STATUS_OK ? 0 : refused(cmd);
}

/* ------------------------------------------------------------------ the end of a command */

static void
stats_add(struct vio_admin_op_stats *s, const struct vio_admin_cmd *cmd, int ret)
{
	const uint64_t ns = vio_now_ns() - cmd->own.started_ns;
	unsigned int bucket = 0;

	for (uint64_t us = ns / 1000; us != 0 && bucket < VIO_ADMIN_BUCKETS - 1; us >>= 1)
		bucket++;
	s->commands++;
	s->errors += ret != 0;
	s->retries += cmd->own.tries;
	s->timeouts += ret == -ETIMEDOUT;
	s->total_ns += ns;
	s->max_ns = RTE_MAX(s->max_ns, ns);
	s->buckets[bucket]++;
}

/* Whether to report now that the queue is dead. With the lock held. */
static bool
report_due(struct queue *q)
{
	const bool report = (q->cmdq.dead || q->cmdq.vq->broken) && !q->dead_reported;

	q->dead_reported = q->dead_reported || report;
	return report;
}

unsigned int
vio_admin_check(struct vio_admin *admin)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < admin->nb_queues; i++) {
		struct queue *q = &admin->queues[i];
		bool report;

		left += vio_cmdq_left(&q->cmdq, admin->silence_ns);
		rte_spinlock_lock(&admin->lock);
		report = report_due(q);
		rte_spinlock_unlock(&admin->lock);
		if (!report || admin->on_dead == NULL)
			continue;
		vio_fail(-EIO, "the device has not answered a command for too long");
		admin->on_dead(admin->on_dead_arg, q->index, vio_err());
	}
	return left;
}

static int
end(struct vio_admin *admin, struct vio_admin_cmd *cmd, int ret)
{
	struct queue *q = &admin->queues[cmd->own.queue];
	bool report;

	rte_spinlock_lock(&admin->lock);
	admin->groups[cmd->group].outstanding--;
	stats_add(&admin->stats[cmd->opcode], cmd, ret);
	if (cmd->group == VIO_SRIOV && cmd->member <= VIO_ADMIN_VFS_MAX)
		admin->vf_commands[cmd->member]++;
	report = report_due(q);
	rte_spinlock_unlock(&admin->lock);
	cmd->own.outstanding = false;
	cmd->own.ret = ret;
	if (report && admin->on_dead != NULL) {
		/* A command that succeeded has set no error text. */
		if (ret == 0)
			vio_fail(-EIO, "admin queue %u is dead", q->index);
		admin->on_dead(admin->on_dead_arg, q->index, vio_err());
	}
	return ret;
}

static int
end_dead(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	vio_fail(-EIO, "admin queue %u is dead, %s was not answered",
			admin->queues[cmd->own.queue].index, vio_admin_opcode_name(cmd->opcode));
	return end(admin, cmd, -EIO);
}

static bool
is_stopped(const struct vio_admin *admin)
{
	return admin->stop != NULL && *admin->stop;
}

static int
end_canceled(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	vio_fail(-ECANCELED, "%s is not sent again: the program ends",
			vio_admin_opcode_name(cmd->opcode));
	return end(admin, cmd, -ECANCELED);
}

static bool
time_is_up(const struct vio_admin *admin, const struct vio_admin_cmd *cmd, uint64_t now)
{
	return now - cmd->own.started_ns >= (uint64_t)admin->timeout_us * 1000;
}

/* The device answered EAGAIN, so the command had no effect: send it again later (virtio 1.4
 * 2.13.1). */
static int
again(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	const uint64_t now = vio_now_ns();
	uint64_t us = (uint64_t)AGAIN_MIN_US << RTE_MIN(cmd->own.tries, 16u);

	if (time_is_up(admin, cmd, now))
		return end(admin, cmd, -EAGAIN);
	us = RTE_MIN(us, (uint64_t)AGAIN_MAX_US);
	cmd->own.tries++;
	cmd->own.again_ns = now + us * 1000;
	return -EINPROGRESS;
}

static int
try_again(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	const uint64_t now = vio_now_ns();
	int ret;

	if (is_stopped(admin))
		return end_canceled(admin, cmd);
	if (time_is_up(admin, cmd, now))
		return end(admin, cmd, -EAGAIN);
	if (now < cmd->own.again_ns)
		return -EINPROGRESS;
	ret = try_post(admin, cmd);
	return ret == -EIO ? end_dead(admin, cmd) : -EINPROGRESS;
}

int
vio_admin_poll(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	struct queue *q = &admin->queues[cmd->own.queue];
	int ret;

	if (!cmd->own.outstanding)
		return cmd->own.ret;
	if (cmd->own.slot < 0)
		return try_again(admin, cmd);
	ret = vio_cmdq_poll(&q->cmdq, cmd->own.slot);
	if (ret < 0)
		return end_dead(admin, cmd);
	if (ret == 0 && vio_now_ns() < cmd->own.deadline_ns)
		return -EINPROGRESS;
	if (ret == 0 && vio_cmdq_leave(&q->cmdq, cmd->own.slot, admin->silence_ns)) {
		vio_fail(-ETIMEDOUT, "the device does not answer %s on admin queue %u",
				vio_admin_opcode_name(cmd->opcode), q->index);
		return end(admin, cmd, -ETIMEDOUT);
	}
	ret = try_take(admin, cmd);
	return ret == -EAGAIN ? again(admin, cmd) : end(admin, cmd, ret);
}

int
vio_admin_wait(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	/* vio_admin_poll() checks the deadlines; vio_wait() only paces the loop. */
	struct vio_deadline pace = { .end_ns = UINT64_MAX };
	int ret;

	while ((ret = vio_admin_poll(admin, cmd)) == -EINPROGRESS)
		vio_wait(admin->dev->t, &pace);
	return ret;
}

/* ------------------------------------------------------------------ the start of a command */

static int
check(const struct vio_admin_cmd *cmd)
{
	if (cmd->group >= VIO_NB_GROUPS)
		return vio_fail(-EINVAL, "there is no group %u", cmd->group);
	if (cmd->nb_data > RTE_DIM(cmd->data) || data_len(cmd) > VIO_ADMIN_DATA_MAX ||
			cmd->result_len > VIO_ADMIN_DATA_MAX)
		return vio_fail(-EINVAL, "the command is longer than %u bytes", VIO_ADMIN_DATA_MAX);
	return 0;
}

/* Count the command as outstanding, unless it may not be sent now. list: it is a list command. */
static int
admit(struct vio_admin *admin, const struct vio_admin_cmd *cmd, bool list)
{
	struct group *g = &admin->groups[cmd->group];
	int ret = 0;

	rte_spinlock_lock(&admin->lock);
	if (!list && (cmd->opcode >= VIRTIO_ADMIN_NB_OPCODES || !(g->in_use & BIT(cmd->opcode))))
		ret = -EOPNOTSUPP;
	else if (!list && g->changing)
		ret = -EBUSY;
	else
		g->outstanding++;
	rte_spinlock_unlock(&admin->lock);
	if (ret == -EOPNOTSUPP)
		vio_fail(ret, "opcode 0x%x is not in the list in use for group %u", cmd->opcode,
				cmd->group);
	else if (ret == -EBUSY)
		vio_fail(ret, "the list of commands of group %u is being changed: try again",
				cmd->group);
	return ret;
}

static int
start(struct vio_admin *admin, struct vio_admin_cmd *cmd, bool list)
{
	int ret;

	memset(&cmd->own, 0, sizeof(cmd->own));
	cmd->answered = false;
	cmd->status = cmd->qualifier = 0;
	cmd->result_used = 0;
	ret = check(cmd);
	if (ret == 0 && is_stopped(admin))
		ret = vio_fail(-ECANCELED, "the command is not sent: the program ends");
	if (ret == 0)
		ret = admit(admin, cmd, list);
	if (ret != 0)
		return ret;
	cmd->own.queue = (uint16_t)(cmd->member % admin->nb_queues);
	cmd->own.started_ns = vio_now_ns();
	ret = try_post(admin, cmd);
	if (ret == 0) {
		cmd->own.outstanding = true;
		return 0;
	}
	rte_spinlock_lock(&admin->lock);
	admin->groups[cmd->group].outstanding--;
	rte_spinlock_unlock(&admin->lock);
	if (ret == -EIO)
		return vio_fail(ret, "admin queue %u is dead: the device needs a reset",
				admin->queues[cmd->own.queue].index);
	return vio_fail(ret, "admin queue %u is full", admin->queues[cmd->own.queue].index);
}

static bool
is_list(const struct vio_admin_cmd *cmd)
{
	return cmd->opcode == VIRTIO_ADMIN_LIST_QUERY || cmd->opcode == VIRTIO_ADMIN_LIST_USE;
}

int
vio_admin_submit(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	if (is_list(cmd))
		return vio_fail(-EINVAL,
				"LIST_QUERY and LIST_USE cannot be submitted: call vio_admin_agree()");
	return start(admin, cmd, false);
}

/* Send the command as soon as the queue has room, and wait for its end. */
static int
exec(struct vio_admin *admin, struct vio_admin_cmd *cmd, bool list)
{
	struct vio_deadline deadline = vio_deadline_in(admin->timeout_us);
	int ret;

	while ((ret = start(admin, cmd, list)) == -ENOBUFS || ret == -EBUSY)
		if (!vio_wait(admin->dev->t, &deadline))
			return ret;
	return ret != 0 ? ret : vio_admin_wait(admin, cmd);
}

/* ------------------------------------------------------------------ lists of commands */

/* Stop new commands of the group and wait for the outstanding ones. @return 0, or -EBUSY. */
static int
group_close(struct vio_admin *admin, enum vio_admin_group group)
{
	struct vio_deadline deadline = vio_deadline_in(admin->timeout_us);
	struct group *g = &admin->groups[group];
	bool mine = false, idle = false;

	do {
		rte_spinlock_lock(&admin->lock);
		if (!mine && !g->changing)
			mine = g->changing = true;
		idle = mine && g->outstanding == 0;
		rte_spinlock_unlock(&admin->lock);
		idle = idle && vio_admin_check(admin) == 0;
	} while (!idle && vio_wait(admin->dev->t, &deadline));
	if (idle)
		return 0;
	if (mine) {
		rte_spinlock_lock(&admin->lock);
		g->changing = false;
		rte_spinlock_unlock(&admin->lock);
	}
	return vio_fail(-EBUSY, "commands of group %u are still pending", group);
}

static int
list_query(struct vio_admin *admin, enum vio_admin_group group, uint64_t *offered)
{
	virtio_le64 bitmap = 0;
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_LIST_QUERY,
		.group = group,
		.result = &bitmap,
		.result_len = sizeof(bitmap),
	};
	int ret = exec(admin, &cmd, true);

	*offered = rte_le_to_cpu_64(bitmap);
	return ret;
}

static int
list_use(struct vio_admin *admin, enum vio_admin_group group, uint64_t use)
{
	virtio_le64 bitmap = rte_cpu_to_le_64(use);
	struct vio_admin_cmd cmd = {
		.opcode = VIRTIO_ADMIN_LIST_USE,
		.group = group,
		.data = { { &bitmap, sizeof(bitmap) } },
		.nb_data = 1,
	};

	return exec(admin, &cmd, true);
}

/* Remove commands that lack a command they need: a device may refuse such a list (virtio 1.4
 * 2.12.1.5). */
static uint64_t
list_close(uint64_t list)
{
	static const struct {
		uint64_t all, needs;
	} rules[] = {
		{ VIRTIO_ADMIN_LIST_LEGACY, VIRTIO_ADMIN_LIST_LEGACY },
		{ VIRTIO_ADMIN_LIST_NOTIFY_INFO, VIRTIO_ADMIN_LIST_LEGACY },
		{ VIRTIO_ADMIN_LIST_CAPS, VIRTIO_ADMIN_LIST_CAPS },
		{ VIRTIO_ADMIN_LIST_OBJS, VIRTIO_ADMIN_LIST_OBJS },
		{ VIRTIO_ADMIN_LIST_PARTS, VIRTIO_ADMIN_LIST_PARTS | VIRTIO_ADMIN_LIST_OBJS },
	};

	list &= VIRTIO_ADMIN_LIST_ALL;
	for (size_t i = 0; i < RTE_DIM(rules); i++)
		if ((list & rules[i].needs) != rules[i].needs)
			list &= ~rules[i].all;
	return list | VIRTIO_ADMIN_LIST_BASIC;
}

/* The device refuses the group, perhaps because its VFs are not ready yet. */
static bool
refused_late(enum vio_admin_group group, int ret)
{
	return group == VIO_SRIOV && ret == -EINVAL;
}

int
vio_admin_agree(struct vio_admin *admin, enum vio_admin_group group, uint64_t wanted,
		uint64_t *in_use)
{
	struct vio_deadline late = vio_deadline_in(LATE_US);
	uint64_t offered = 0, use = 0;
	struct group *g;
	int ret;

	if (group >= VIO_NB_GROUPS)
		return vio_fail(-EINVAL, "there is no group %u", group);
	g = &admin->groups[group];
	ret = group_close(admin, group);
	if (ret != 0)
		goto out;
	while (refused_late(group, ret = list_query(admin, group, &offered)) &&
			vio_wait(admin->dev->t, &late))
		usleep(LATE_STEP_US);
	if (ret == 0) {
		use = list_close(offered & wanted);
		ret = list_use(admin, group, use);
	}
	rte_spinlock_lock(&admin->lock);
	g->changing = false;
	if (ret == 0) {
		g->offered = offered;
		g->in_use = use;
	}
	rte_spinlock_unlock(&admin->lock);
out:
	if (in_use != NULL)
		*in_use = vio_admin_in_use(admin, group);
	return ret;
}

static uint64_t
locked_read(struct vio_admin *admin, const uint64_t *value)
{
	uint64_t copy;

	rte_spinlock_lock(&admin->lock);
	copy = *value;
	rte_spinlock_unlock(&admin->lock);
	return copy;
}

uint64_t
vio_admin_offered(struct vio_admin *admin, enum vio_admin_group group)
{
	return group < VIO_NB_GROUPS ? locked_read(admin, &admin->groups[group].offered) : 0;
}

uint64_t
vio_admin_in_use(struct vio_admin *admin, enum vio_admin_group group)
{
	return group < VIO_NB_GROUPS ? locked_read(admin, &admin->groups[group].in_use) : 0;
}

void
vio_admin_forget(struct vio_admin *admin, enum vio_admin_group group)
{
	if (group >= VIO_NB_GROUPS)
		return;
	rte_spinlock_lock(&admin->lock);
	admin->groups[group].offered = 0;
	admin->groups[group].in_use = VIRTIO_ADMIN_LIST_BASIC;
	rte_spinlock_unlock(&admin->lock);
}

int
vio_admin_drain(struct vio_admin *admin, enum vio_admin_group group, uint32_t timeout_us)
{
	struct vio_deadline deadline = vio_deadline_in(timeout_us);
	unsigned int outstanding;

	if (group >= VIO_NB_GROUPS)
		return 0;
	for (;;) {
		rte_spinlock_lock(&admin->lock);
		outstanding = admin->groups[group].outstanding;
		rte_spinlock_unlock(&admin->lock);
		outstanding += vio_admin_check(admin);
		if (outstanding == 0)
			return 0;
		if (!vio_wait(admin->dev->t, &deadline))
			return vio_fail(-ETIMEDOUT, "%u commands of group %u are still pending",
					outstanding, group);
	}
}

int
vio_admin_exec(struct vio_admin *admin, struct vio_admin_cmd *cmd)
{
	/* LIST_USE must update the engine's copy of the list: vio_admin_agree() does. */
	if (cmd->opcode == VIRTIO_ADMIN_LIST_USE)
		return vio_fail(-EINVAL, "LIST_USE cannot be sent: call vio_admin_agree()");
	return exec(admin, cmd, false);
}

/* ------------------------------------------------------------------ statistics */

int
vio_admin_op_stats(struct vio_admin *admin, uint16_t opcode, struct vio_admin_op_stats *stats)
{
	if (opcode >= VIRTIO_ADMIN_NB_OPCODES)
		return -EINVAL;
	rte_spinlock_lock(&admin->lock);
	*stats = admin->stats[opcode];
	rte_spinlock_unlock(&admin->lock);
	return 0;
}

unsigned int
vio_admin_nb_queues(struct vio_admin *admin)
{
	return admin->nb_queues;
}

int
vio_admin_queue_info(struct vio_admin *admin, unsigned int i, struct vio_admin_queue_info *info)
{
	struct vio_cmdq *cmdq;

	if (i >= admin->nb_queues)
		return -EINVAL;
	cmdq = &admin->queues[i].cmdq;
	rte_spinlock_lock(&cmdq->lock);
	*info = (struct vio_admin_queue_info){
		.index = admin->queues[i].index,
		.size = cmdq->vq->size,
		.depth = cmdq->depth,
		.outstanding = cmdq->outstanding,
		.dead = cmdq->dead || cmdq->vq->broken,
		.commands = cmdq->nb_requests,
		.timeouts = cmdq->nb_timeouts,
	};
	rte_spinlock_unlock(&cmdq->lock);
	return 0;
}

uint64_t
vio_admin_vf_commands(struct vio_admin *admin, unsigned int vf)
{
	uint64_t nb;

	if (vf > VIO_ADMIN_VFS_MAX)
		return 0;
	rte_spinlock_lock(&admin->lock);
	nb = admin->vf_commands[vf];
	rte_spinlock_unlock(&admin->lock);
	return nb;
}
