/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The control thread. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "virtio/vio_err.h"
#include "run/vdpa_memory.h"
#include "run/vdpa_run.h"
#include "run/vdpa_shadow.h"
#include "vdpa_control.h"
#include "vdpa_notify.h"

#define POLL_NS UINT64_C(1000000) /* Between looks at something that has no interrupt. */
#define EVENTS 64
#define AGAIN_NS UINT64_C(1000000000) /* Repairs that come sooner are put off. */
/* For a guest to take back what its ring shows as used, so that the ring is clear. */
#define FIND_NS UINT64_C(2000000000)

static struct {
	pthread_mutex_t lock;
	pthread_t thread;
	bool started;
	int epoll, wake;
} control = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

/* Recursive: the callback may set another one. */
static pthread_mutex_t event_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static rte_pmd_vdpa_vsr_event_fn event_fn;
static void *event_arg;

/* ------------------------------------------------------------------ events */

void
vdpa_control_events(rte_pmd_vdpa_vsr_event_fn fn, void *arg)
{
	pthread_mutex_lock(&event_lock);
	event_fn = fn;
	event_arg = arg;
	pthread_mutex_unlock(&event_lock);
}

/* Without the lock of the device: the callback may ask for its state. */
static void
events_report(const struct vdpa_dev *dev, unsigned int events)
{
	pthread_mutex_lock(&event_lock);
	for (unsigned int i = 0; events >> i != 0; i++)
		if ((events >> i & 1) != 0 && event_fn != NULL)
			event_fn(dev->name, (enum rte_pmd_vdpa_vsr_event)i, event_arg);
	pthread_mutex_unlock(&event_lock);
}

/* True if the event descriptor was signalled since the last call. */
static bool
signalled(int fd)
{
	uint64_t value;

	return read(fd, &value, sizeof(value)) == sizeof(value);
}

/* ------------------------------------------------------------------ steps of a device */

static uint64_t
failed(struct vdpa_dev *dev, const char *err)
{
	VDPA_LOG(ERR, dev->name, "%s", err);
	vdpa_memory_unmap(dev);
	dev->state = VDPA_FAILED;
	snprintf(dev->reason, sizeof(dev->reason), "%s", err);
	vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_MODE);
	return UINT64_MAX;
}

/* The reset of the VF goes on. The kernel ends one that does not end: by closing the VF. */
static uint64_t
reset_step(struct vdpa_dev *dev)
{
	const int ret = vio_dev_reset_check(&dev->vio);

	if (ret == 0)
		return 0;
	if (ret == -EAGAIN && vio_now_ns() < dev->reset_end_ns)
		return vio_now_ns() + POLL_NS;
	VDPA_LOG(NOTICE, dev->name, "the VF does not finish its reset, and is opened again");
	dev->nb_slow_resets++;
	dev->gone = vdpa_dev_reopen(dev) != 0;
	if (dev->gone)
		VDPA_LOG(ERR, dev->name, "%s", vio_err());
	return 0;
}

static uint64_t
waiting_step(struct vdpa_dev *dev)
{
	if (vio_now_ns() < dev->due_ns)
		return dev->due_ns;
	if (dev->gone && vdpa_dev_reopen(dev) != 0)
		return failed(dev, vio_err());
	dev->gone = false;
	dev->state = VDPA_MAPPING;
	return 0;
}

/* Why the running mode is not the wanted one. */
static void
reason_set(struct vdpa_dev *dev)
{
	const char *reason = "";

	if (!vdpa_run_is_relayed(dev) || dev->args.relay)
		reason = "";
	else if (dev->logging)
		reason = "the guest is being migrated";
	else if (!vdpa_shadow_can_end(dev))
		reason = "the rings are not at their start, and the VF cannot reset single queues";
	else
		reason = "each queue is relayed until its ring comes to its start";
	snprintf(dev->reason, sizeof(dev->reason), "%s", reason);
}

static uint64_t
mapping_step(struct vdpa_dev *dev)
{
	const uint64_t now = vio_now_ns();
	int ret = vdpa_memory_map_step(dev);

	if (ret == -EAGAIN)
		return 0;
	if (dev->find_end_ns == 0)
		dev->find_end_ns = now + FIND_NS;
	if (ret == 0)
		ret = vdpa_run_start(dev, now >= dev->find_end_ns);
	if (ret == -EAGAIN)
		return now + POLL_NS;
	dev->find_end_ns = 0;
	if (ret != 0)
		return failed(dev, vio_err());
	dev->state = VDPA_RUNNING;
	reason_set(dev);
	dev->nb_attached++;
	vdpa_notify_update(dev);
	vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_MODE);
	if (dev->repairing)
		vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_REPAIRED);
	dev->repairing = false;
	VDPA_LOG(INFO, dev->name, "the VF runs the queues of its guest");
	return 0;
}

/* The guest stays, and the VF begins again with its rings. While the memory is changing, the rings
 * are not read. */
static void
begin_again(struct vdpa_dev *dev)
{
	vdpa_run_stop(dev, true);
	dev->state = VDPA_WAITING;
	dev->due_ns = 0;
}

static void
repair(struct vdpa_dev *dev)
{
	VDPA_LOG(NOTICE, dev->name, "the VF needs a reset");
	const uint64_t now = vio_now_ns();

	begin_again(dev);
	/* A guest can break its VF again and again. */
	dev->due_ns = now - dev->repaired_ns < AGAIN_NS ? now + AGAIN_NS / 4 : 0;
	dev->repaired_ns = now;
	dev->nb_repaired++;
	dev->repairing = true;
}

/* What the relays have found, and what is wanted of them. */
static void
relays_step(struct vdpa_dev *dev)
{
	int ret = dev->mode_changed ? vdpa_run_mode(dev) : 0;

	if (ret == -EAGAIN) {
		begin_again(dev);
		return;
	}
	if (ret == 0)
		ret = vdpa_run_relays(dev);
	if (ret == -EPROTO) {
		vdpa_run_stop(dev, true);
		failed(dev, vio_err());
		return;
	}
	if (ret < 0) {
		repair(dev);
		return;
	}
	reason_set(dev);
	if (ret == 1) {
		VDPA_LOG(INFO, dev->name, "the VF works on the rings of its guest");
		vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_MODE);
		vdpa_notify_update(dev);
	}
}

static void
config_changed(struct vdpa_dev *dev)
{
	const struct vdpa_config before = dev->config;

	if ((vio_dev_status(&dev->vio) & VIRTIO_STATUS_NEEDS_RESET) != 0) {
		repair(dev);
		return;
	}
	if (vdpa_dev_config_read(dev) == 0 &&
			memcmp(before.raw, dev->config.raw, sizeof(before.raw)) != 0)
		vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_CONFIG);
}

/* @return when the next step is due, as vio_now_ns(); 0: soon; UINT64_MAX: with the next event. */
static uint64_t
step(struct vdpa_dev *dev)
{
	const bool changed = signalled(dev->config_fd);

	if (signalled(dev->request_fd))
		vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_REMOVE);
	if (dev->vio.resetting)
		return reset_step(dev);
	switch (dev->state) {
	case VDPA_WAITING:
		return waiting_step(dev);
	case VDPA_MAPPING:
		return mapping_step(dev);
	case VDPA_RUNNING:
		if (changed)
			config_changed(dev);
		if (dev->state == VDPA_RUNNING && !dev->log_changing)
			relays_step(dev);
		if (dev->state == VDPA_RUNNING)
			return vdpa_run_commands(dev);
		return dev->state == VDPA_WAITING ? 0 : UINT64_MAX;
	case VDPA_PAUSED:
		/* A repair reads the rings: later. */
		return vdpa_run_commands(dev);
	default:
		return UINT64_MAX;
	}
}

/* One step of each device. @return as step(), the earliest. */
static uint64_t
round_of_steps(void)
{
	uint64_t next = UINT64_MAX;

	for (struct vdpa_dev *dev = vdpa_dev_get_next(NULL); dev != NULL;
			dev = vdpa_dev_get_next(dev)) {
		unsigned int events;
		uint64_t due;

		pthread_mutex_lock(&dev->lock);
		due = step(dev);
		events = dev->events;
		dev->events = 0;
		pthread_mutex_unlock(&dev->lock);
		if (events != 0)
			events_report(dev, events);
		next = RTE_MIN(next, due);
	}
	return next;
}

/* ------------------------------------------------------------------ the thread */

static void *
control_main(void *arg)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		const uint64_t next = round_of_steps(), now = vio_now_ns();
		int timeout_ms = -1;

		if (next == 0)
			timeout_ms = 0;
		else if (next != UINT64_MAX)
			timeout_ms = next <= now ?
					0 :
					(int)RTE_MIN((next - now + 999999) / 1000000, 1000u);
		epoll_wait(control.epoll, events, EVENTS, timeout_ms);
		signalled(control.wake);
	}
	return arg;
}

/* With the lock held. */
static int
start(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ret;

	if (control.started)
		return 0;
	control.epoll = epoll_create1(EPOLL_CLOEXEC);
	control.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control.epoll < 0 || control.wake < 0 ||
			epoll_ctl(control.epoll, EPOLL_CTL_ADD, control.wake, &event) != 0)
		ret = -errno;
	else
		ret = rte_ctrl_thread_create(&control.thread, "vsr-vdpa-ctrl", NULL, control_main,
				NULL);
	if (ret == 0) {
		control.started = true;
		return 0;
	}
	if (control.epoll >= 0)
		close(control.epoll);
	if (control.wake >= 0)
		close(control.wake);
	return ret;
}

int
vdpa_control_add(struct vdpa_dev *dev)
{
	/* Edge-triggered: a step reads them, but not each step. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ret;

	pthread_mutex_lock(&control.lock);
	ret = start();
	pthread_mutex_unlock(&control.lock);
	if (ret == 0 &&
			(epoll_ctl(control.epoll, EPOLL_CTL_ADD, dev->config_fd, &event) != 0 ||
					epoll_ctl(control.epoll, EPOLL_CTL_ADD, dev->request_fd,
							&event) != 0))
		ret = -errno;
	if (ret != 0)
		return vio_fail(ret, "cannot start the control thread: %s", strerror(-ret));
	return 0;
}

void
vdpa_control_del(struct vdpa_dev *dev)
{
	struct epoll_event unused;

	epoll_ctl(control.epoll, EPOLL_CTL_DEL, dev->config_fd, &unused);
	epoll_ctl(control.epoll, EPOLL_CTL_DEL, dev->request_fd, &unused);
}

void
vdpa_control_wake(void)
{
	const uint64_t one = 1;

	if (write(control.wake, &one, sizeof(one)) < 0)
		return; /* The counter is full: it is awake. */
}
