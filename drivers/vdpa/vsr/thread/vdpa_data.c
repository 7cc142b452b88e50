/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The data thread. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "vdpa_data.h"

#define EVENTS 64 /* Taken at once, so that no guest waits long for its turn. */

/*
 * Under load, guests and VFs write many events for a few buffers each, and to wake up for an event
 * takes longer than to handle it. So after some rounds of many buffers, one soon after the other,
 * the thread pauses, and then handles what has come meanwhile at once. The first event after a
 * silence, and events of a guest that has few packets in flight, are handled at once. A pause is no
 * longer than what fills half of a ring, so that no ring runs full.
 */
#define PAUSE_NS 50000
#define LOAD_ROUNDS 4 /* of many buffers before the first pause */
#define LOAD_NS 250000 /* Two rounds of one load are not further apart. */

static struct {
	pthread_mutex_t lock; /* Never held while a function of a watch runs. */
	pthread_cond_t passed;
	pthread_t thread;
	bool started;
	int epoll, wake;
	uint64_t asked, done; /* Calls of vdpa_data_wait(). */
} data = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.passed = PTHREAD_COND_INITIALIZER,
};

/* Watches to be called again; data thread only. */
static struct vdpa_watch *queue_head, **queue_tail = &queue_head;

static uint16_t round_load; /* The highest of the watches that were called; data thread only. */

static void
queue_put(struct vdpa_watch *watch)
{
	if (watch->queued)
		return;
	watch->queued = true;
	watch->next_queued = NULL;
	*queue_tail = watch;
	queue_tail = &watch->next_queued;
}

static void
call(struct vdpa_watch *watch)
{
	if (atomic_load_explicit(&watch->gone, memory_order_acquire))
		return;
	watch->load = 0;
	if (watch->fn(watch))
		queue_put(watch);
	if (watch->load > round_load)
		round_load = watch->load;
}

/* Call each queued watch once. Those that want another turn are queued again. */
static void
queue_run(void)
{
	struct vdpa_watch *watch = queue_head;

	queue_head = NULL;
	queue_tail = &queue_head;
	while (watch != NULL) {
		struct vdpa_watch *next = watch->next_queued;

		watch->queued = false;
		call(watch);
		watch = next;
	}
}

/* Forget watches that were deleted, then tell those that wait. */
static void
waiters_pass(void)
{
	struct vdpa_watch *watch = queue_head;
	uint64_t asked, value;

	if (read(data.wake, &value, sizeof(value)) < 0 && errno != EAGAIN)
		return;
	pthread_mutex_lock(&data.lock);
	asked = data.asked;
	pthread_mutex_unlock(&data.lock);
	queue_head = NULL;
	queue_tail = &queue_head;
	while (watch != NULL) {
		struct vdpa_watch *next = watch->next_queued;

		watch->queued = false;
		if (!atomic_load_explicit(&watch->gone, memory_order_acquire))
			queue_put(watch);
		watch = next;
	}
	pthread_mutex_lock(&data.lock);
	data.done = asked;
	pthread_cond_broadcast(&data.passed);
	pthread_mutex_unlock(&data.lock);
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* After a round: pause under load. Those that wait in vdpa_data_wait() end the pause. */
static void
load_pause(void)
{
	static unsigned int rounds; /* of one load */
	static uint64_t last_ns; /* The end of the last one. */
	const uint64_t ns = round_load != 0 ? now_ns() : 0, since = ns - last_ns;
	struct pollfd wake = { .fd = data.wake, .events = POLLIN };
	struct timespec pause = { .tv_nsec = PAUSE_NS };

	if (round_load == 0) {
		rounds = 0;
		return;
	}
	rounds = since < LOAD_NS ? rounds + 1 : 0;
	if (rounds >= LOAD_ROUNDS) {
		const uint64_t half = since * (VDPA_LOAD_FULL / 2) / round_load;

		if (half < PAUSE_NS)
			pause.tv_nsec = (long)half;
		ppoll(&wake, 1, &pause, NULL);
	}
	round_load = 0;
	last_ns = ns;
}

static void *
data_main(void *arg)
{
	struct epoll_event events[EVENTS];

	/* The pause is to be no longer than it says. */
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	for (;;) {
		const int nb = epoll_wait(data.epoll, events, EVENTS, queue_head == NULL ? -1 : 0);
		bool woken = false;

		for (int i = 0; i < nb; i++) {
			if (events[i].data.ptr == NULL)
				woken = true;
			else
				call(events[i].data.ptr);
		}
		queue_run();
		/* Last: all events of this round have been handled. */
		if (woken)
			waiters_pass();
		load_pause();
	}
	return arg;
}

/* With the lock held. */
static int
start(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ret;

	if (data.started)
		return 0;
	data.epoll = epoll_create1(EPOLL_CLOEXEC);
	data.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (data.epoll < 0 || data.wake < 0 ||
			epoll_ctl(data.epoll, EPOLL_CTL_ADD, data.wake, &event) != 0)
		ret = -errno;
	else
		ret = rte_ctrl_thread_create(&data.thread, "vsr-vdpa-data", NULL, data_main, NULL);
	if (ret == 0) {
		data.started = true;
		return 0;
	}
	if (data.epoll >= 0)
		close(data.epoll);
	if (data.wake >= 0)
		close(data.wake);
	return ret;
}

int
vdpa_data_add(struct vdpa_watch *watch, int fd)
{
	/* Edge-triggered: each write to the descriptor is an event, and nobody has to read it. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = watch };
	int ret;

	pthread_mutex_lock(&data.lock);
	ret = start();
	pthread_mutex_unlock(&data.lock);
	if (ret != 0)
		return ret;
	watch->fd = fd;
	watch->queued = false;
	atomic_store_explicit(&watch->gone, false, memory_order_release);
	if (epoll_ctl(data.epoll, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	ret = -errno;
	watch->fd = -1;
	return ret;
}

void
vdpa_data_del(struct vdpa_watch *watch)
{
	struct epoll_event unused;

	if (watch->fd < 0)
		return;
	atomic_store_explicit(&watch->gone, true, memory_order_release);
	epoll_ctl(data.epoll, EPOLL_CTL_DEL, watch->fd, &unused);
	watch->fd = -1;
}

void
vdpa_data_wait(void)
{
	const uint64_t one = 1;
	uint64_t mine;

	pthread_mutex_lock(&data.lock);
	if (data.started) {
		mine = ++data.asked;
		if (write(data.wake, &one, sizeof(one)) == sizeof(one))
			while (data.done < mine)
				pthread_cond_wait(&data.passed, &data.lock);
	}
	pthread_mutex_unlock(&data.lock);
}
