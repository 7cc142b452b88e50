/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Mode copy: the thread, and the guests that it copies for. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_pmd_vsr.h>
#include <rte_vhost.h>

#include "virtio_spec/features.h"

#include "daemon/log.h"

#include "copy.h"

#define LINGER_US 50 /* Without packets, before the thread sleeps: a wake-up takes about as long. */
#define SOON_MS 1 /* Between two looks where nobody wakes the thread. */
#define SEGS_MAX 40 /* Of a packet to send; net_vsr takes as many. */
#define MAX_EVENTS 16
#define TICK_NS (2 * 1000 * 1000) /* Longest write to the descriptor of a guest. */
#define STALE_ROUNDS (COPY_DESC / COPY_BURST) /* What the queues of a VF can have. */
#define NET_F_GSO 6 /* Of legacy devices, which rte_vhost offers. */

struct counters {
	atomic_ulong packets, bytes, drops;
};

struct pair {
	struct rte_mbuf *held[COPY_BURST]; /* From the guest; the VF had no room for them. */
	uint16_t nb_held;
	struct counters rx, tx; /* Of the rings of the guest. */
};

struct copy {
	struct copy *next_name; /* In the list of names. */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	/* Written by the thread of rte_vhost alone, by ring. */
	int *kicks; /* Our copies of the doorbells of TX rings, -1: none. */
	atomic_int *calls; /* The same of the interrupts of all rings. */
	atomic_bool *on; /* The ring runs. */
	atomic_bool *polled; /* The guest rings no doorbell. */
	atomic_bool blocked; /* The guest has made an interrupt wait, and is not served. */

	/* With the lock: */
	struct copy *next; /* In the list of the thread. */
	struct copy_port port;
	int vid; /* -1: no guest is attached. */
	bool started; /* The port is. */
	unsigned int stale; /* Rounds in which packets of the time before the guest may come. */
	struct pair *pairs;
	uint64_t offered; /* Features. */
	atomic_ulong nb_attached, nb_repaired;
	bool stopped; /* copy_stop() has run. */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static atomic_uint waiters; /* Threads that want the lock: the data thread lets them in. */
static struct copy *copies;

/* Never taken together with the lock, for a thread that calls copy_ring() has locks of rte_vhost,
 * which the data thread may wait for. */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct copy *names;

static int epoll_fd = -1, wake_fd = -1;
static atomic_bool look_again; /* rte_vhost has kept rings locked. */
static copy_event_fn on_event;
static timer_t ticks;
static volatile sig_atomic_t ticked;

static void
wake(void)
{
	eventfd_write(wake_fd, 1);
}

/* Take the lock. The data thread holds it nearly always, and so would let nobody in. */
static void
enter(void)
{
	atomic_fetch_add(&waiters, 1);
	wake();
	pthread_mutex_lock(&lock);
}

static void
leave(void)
{
	if (atomic_fetch_sub(&waiters, 1) == 1)
		pthread_cond_signal(&turn);
	pthread_mutex_unlock(&lock);
}

/* Each signal is one event, so nobody reads the descriptor: another owner of it could make a read
 * wait. */
static void
watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void
unwatch(int fd)
{
	if (fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---------------------------------------------------------------- from the VF to the guest */

static void
add(atomic_ulong *counter, unsigned long n)
{
	if (n != 0)
		atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned long
bytes_of(struct rte_mbuf *const *pkts, uint16_t nb)
{
	unsigned long bytes = 0;

	for (uint16_t i = 0; i < nb; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

/* RX rings that run, from the first on. */
static uint16_t
nb_running(const struct copy *copy)
{
	uint16_t nb = 0;

	while (nb < copy->port.pairs &&
			atomic_load_explicit(&copy->on[2 * nb], memory_order_relaxed))
		nb++;
	return nb;
}

/* A packet that finds no room is dropped, as on any full queue. One that never fits, because its
 * guest has small buffers, must not keep those behind it. */
static void
give(struct copy *copy, uint16_t pair, struct rte_mbuf **pkts, uint16_t nb)
{
	struct counters *count = &copy->pairs[pair].rx;
	uint16_t done = 0;

	while (done < nb) {
		const uint16_t n = rte_vhost_enqueue_burst(copy->vid, 2 * pair, &pkts[done],
				nb - done);

		add(&count->packets, n);
		add(&count->bytes, bytes_of(&pkts[done], n));
		done += n;
		if (done < nb) {
			add(&count->drops, 1);
			done++;
		}
	}
	rte_pktmbuf_free_bulk(pkts, nb);
}

/* A guest that has enabled fewer pairs than the VF has gets all packets in those. */
static bool
from_vf(struct copy *copy, uint16_t queue, uint16_t running)
{
	struct rte_mbuf *pkts[COPY_BURST];
	const uint16_t nb = rte_eth_rx_burst(copy->port.id, queue, pkts, COPY_BURST);

	if (nb == 0)
		return false;
	if (copy->stale != 0)
		rte_pktmbuf_free_bulk(pkts, nb);
	else
		give(copy, queue % running, pkts, nb);
	return true;
}

/* ---------------------------------------------------------------- from the guest to the VF */

/* Drop what no VF sends. @return packets that are left. */
static uint16_t
choose(const struct copy *copy, struct counters *count, struct rte_mbuf **pkts, uint16_t nb)
{
	uint16_t left = 0;

	for (uint16_t i = 0; i < nb; i++) {
		if (pkts[i]->pkt_len < RTE_ETHER_HDR_LEN || pkts[i]->pkt_len > copy->port.max_len ||
				pkts[i]->nb_segs > SEGS_MAX) {
			rte_pktmbuf_free(pkts[i]);
			add(&count->drops, 1);
		} else {
			pkts[left++] = pkts[i];
		}
	}
	return left;
}

/* @return whether anything has moved. */
static bool
from_guest(struct copy *copy, uint16_t queue)
{
	struct pair *pair = &copy->pairs[queue];
	struct rte_mbuf *pkts[COPY_BURST], **from = pair->held;
	uint16_t nb = pair->nb_held, sent;
	unsigned long bytes;

	if (nb == 0) {
		const uint16_t taken = rte_vhost_dequeue_burst(copy->vid, 2 * queue + 1,
				copy->port.tx_pool, pkts, COPY_BURST);

		if (taken == 0)
			return false;
		nb = choose(copy, &pair->tx, pkts, taken);
		from = pkts;
	}
	bytes = bytes_of(from, nb); /* a packet that was sent may be freed already */
	sent = rte_eth_tx_burst(copy->port.id, queue, from, nb);
	bytes -= bytes_of(&from[sent], nb - sent);
	add(&pair->tx.packets, sent);
	add(&pair->tx.bytes, bytes);
	memmove(pair->held, &from[sent], (nb - sent) * sizeof(pair->held[0]));
	pair->nb_held = nb - sent;
	/* Packets that wait are no reason to look all the time. */
	return sent != 0 || from == pkts;
}

static void
drop_held(struct copy *copy)
{
	for (uint16_t i = 0; i < copy->port.pairs; i++) {
		struct pair *pair = &copy->pairs[i];

		rte_pktmbuf_free_bulk(pair->held, pair->nb_held);
		add(&pair->tx.drops, pair->nb_held);
		pair->nb_held = 0;
	}
}

/* ---------------------------------------------------------------- the thread, with the lock */

/* One burst of each queue. @return whether anything has moved. */
static bool
serve(struct copy *copy)
{
	const uint16_t running = nb_running(copy);
	bool received = false, sent = false;

	for (uint16_t i = 0; i < copy->port.pairs; i++) {
		if (running != 0)
			received |= from_vf(copy, i, running);
		sent |= from_guest(copy, i);
	}
	if (running == 0)
		copy->stale = STALE_ROUNDS;
	else if (copy->stale != 0)
		copy->stale = received ? copy->stale - 1 : 0;
	return received || sent;
}

/* Served by the thread now. */
static bool
is_served(const struct copy *copy)
{
	return copy->vid >= 0 && copy->started && !atomic_load(&copy->blocked);
}

/* Interrupts are written to descriptors that front ends have too. A front end can make such a
 * descriptor wait, and fill it. A tick ends the write, and the guest is served no more. */
static void
check_calls(struct copy *copy)
{
	for (unsigned int i = 0; i < 2u * copy->port.pairs; i++) {
		struct pollfd call = { .fd = atomic_load(&copy->calls[i]), .events = POLLOUT };

		if (call.fd >= 0 && poll(&call, 1, 0) == 0)
			atomic_store(&copy->blocked, true);
	}
}

static bool
serve_all(void)
{
	bool moved = false;

	for (struct copy *copy = copies; copy != NULL; copy = copy->next) {
		if (!is_served(copy))
			continue;
		moved |= serve(copy);
		if (ticked) {
			ticked = 0;
			check_calls(copy);
		}
	}
	return moved;
}

/* Ask VF and guest for signals. @return whether to look again soon all the same. */
static bool
arm(struct copy *copy)
{
	const bool running = nb_running(copy) != 0;
	bool soon = false;

	for (uint16_t i = 0; i < copy->port.pairs; i++) {
		const unsigned int ring = 2 * i + 1;

		if (running)
			rte_eth_dev_rx_intr_enable(copy->port.id, i);
		soon |= copy->pairs[i].nb_held != 0 || atomic_load(&copy->polled[ring]);
		if (atomic_load(&copy->on[ring]) &&
				rte_vhost_enable_guest_notification(copy->vid, ring, 1) != 0)
			soon = true;
	}
	return soon;
}

static void
disarm(struct copy *copy)
{
	for (uint16_t i = 0; i < copy->port.pairs; i++) {
		rte_eth_dev_rx_intr_disable(copy->port.id, i);
		if (atomic_load(&copy->on[2 * i + 1]))
			rte_vhost_enable_guest_notification(copy->vid, 2 * i + 1, 0);
	}
}

static bool
arm_all(void)
{
	bool soon = atomic_exchange(&look_again, false);

	for (struct copy *copy = copies; copy != NULL; copy = copy->next)
		if (is_served(copy))
			soon |= arm(copy);
	/* A guest looks at its flags after it has made buffers available. */
	atomic_thread_fence(memory_order_seq_cst);
	return soon;
}

static void
disarm_all(void)
{
	for (struct copy *copy = copies; copy != NULL; copy = copy->next)
		if (is_served(copy))
			disarm(copy);
}

static void
let_others_in(void)
{
	while (atomic_load(&waiters) != 0)
		pthread_cond_wait(&turn, &lock);
}

static void
on_tick(int signal)
{
	ticked = 1; /* and the call of the system that waits, if there is one, ends */
}

/* Ticks come while the thread is awake. */
static void
run_ticks(bool on)
{
	const struct timespec period = { .tv_nsec = on ? TICK_NS : 0 };
	const struct itimerspec set = { .it_interval = period, .it_value = period };

	timer_settime(ticks, 0, &set, NULL);
}

static int
create_ticks(void)
{
	const struct sigaction action = { .sa_handler = on_tick };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
	sigset_t mine;

	event._sigev_un._tid = gettid();
	sigemptyset(&mine);
	sigaddset(&mine, SIGRTMIN);
	if (sigaction(SIGRTMIN, &action, NULL) != 0 ||
			timer_create(CLOCK_MONOTONIC, &event, &ticks) != 0)
		return -errno;
	return -pthread_sigmask(SIG_UNBLOCK, &mine, NULL);
}

/* Nothing is lost: whatever comes after the last look is an event. */
static void
sleep_until_event(void)
{
	const bool soon = arm_all();

	if (!serve_all()) {
		struct epoll_event events[MAX_EVENTS];

		pthread_mutex_unlock(&lock);
		run_ticks(false);
		epoll_wait(epoll_fd, events, MAX_EVENTS, soon ? SOON_MS : -1);
		run_ticks(true);
		pthread_mutex_lock(&lock);
		let_others_in();
	}
	disarm_all();
}

static void *
copy_main(void *arg)
{
	const uint64_t linger = rte_get_tsc_hz() / US_PER_S * LINGER_US;
	uint64_t last = 0;

	/* A thread that DPDK knows has mbufs at hand; another one is only slower. */
	rte_thread_register();
	if (create_ticks() != 0)
		log_error("no timer for the thread of mode copy: %s", strerror(errno));
	run_ticks(true);
	pthread_mutex_lock(&lock);
	for (;;) {
		const uint64_t now = rte_rdtsc();

		let_others_in();
		if (serve_all())
			last = now;
		else if (now - last > linger)
			sleep_until_event();
	}
	return arg;
}

static int
start_thread(void)
{
	sigset_t all, mine;
	pthread_t thread;
	int ret;

	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* a guest can take memory away */
	pthread_sigmask(SIG_SETMASK, &all, &mine);
	ret = -pthread_create(&thread, NULL, copy_main, NULL);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	if (ret == 0)
		pthread_detach(thread); /* sleeps without guests, and ends with the process */
	return ret;
}

int
copy_init(copy_event_fn event, struct err *err)
{
	int ret;

	on_event = event;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = epoll_fd < 0 || wake_fd < 0 ? -errno : 0;
	watch(wake_fd);
	if (ret == 0)
		ret = start_thread();
	return ret == 0 ? 0 :
			  err_set(err, ret, "cannot start the thread of mode copy: %s",
					  strerror(-ret));
}

/* ---------------------------------------------------------------- open, stop, repair */

static void
watch_port(const struct copy *copy, void (*fn)(int fd))
{
	for (uint16_t i = 0; i < copy->port.pairs; i++)
		fn(rte_eth_dev_rx_intr_ctl_q_get_fd(copy->port.id, i));
}

static struct copy *
create(const char *path, const char *bdf, unsigned int pairs, const char *mac)
{
	struct copy *copy = calloc(1, sizeof(*copy));

	if (copy == NULL)
		return NULL;
	copy->pairs = calloc(pairs, sizeof(*copy->pairs));
	copy->kicks = calloc(2 * pairs, sizeof(*copy->kicks));
	copy->on = calloc(2 * pairs, sizeof(*copy->on));
	copy->polled = calloc(2 * pairs, sizeof(*copy->polled));
	copy->calls = calloc(2 * pairs, sizeof(*copy->calls));
	if (copy->pairs == NULL || copy->kicks == NULL || copy->on == NULL ||
			copy->polled == NULL || copy->calls == NULL) {
		copy_free(copy);
		return NULL;
	}
	snprintf(copy->path, sizeof(copy->path), "%s", path);
	snprintf(copy->port.bdf, sizeof(copy->port.bdf), "%s", bdf);
	snprintf(copy->port.mac, sizeof(copy->port.mac), "%s", mac);
	copy->port.pairs = (uint16_t)pairs;
	copy->port.event = on_event;
	copy->vid = -1;
	for (unsigned int i = 0; i < 2 * pairs; i++) {
		copy->kicks[i] = -1;
		atomic_init(&copy->calls[i], -1);
	}
	return copy;
}

struct copy *
copy_open(const char *path, const char *bdf, unsigned int pairs, const char *mac, int *ret,
		struct err *err)
{
	struct copy *copy = create(path, bdf, pairs, mac);

	if (copy == NULL) {
		*ret = err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	*ret = copy_port_open(&copy->port, err);
	if (*ret != 0) {
		copy_free(copy);
		return NULL;
	}
	enter();
	copy->next = copies;
	copies = copy;
	leave();
	pthread_mutex_lock(&names_lock);
	copy->next_name = names;
	names = copy;
	pthread_mutex_unlock(&names_lock);
	return copy;
}

static void
resume_port(struct copy *copy)
{
	enter();
	copy->started = true;
	copy->stale = STALE_ROUNDS;
	watch_port(copy, watch);
	leave();
}

int
copy_start(struct copy *copy, struct err *err)
{
	const int ret = copy_port_start(&copy->port, err);

	if (ret == 0)
		resume_port(copy);
	return ret;
}

static void
forget_files(struct copy *copy, unsigned int ring)
{
	const int call = atomic_exchange(&copy->calls[ring], -1);

	if (call >= 0)
		close(call);
	if (copy->kicks[ring] < 0)
		return;
	/* The front end has the file open too, so to close it here is not enough for epoll. */
	unwatch(copy->kicks[ring]);
	close(copy->kicks[ring]);
	copy->kicks[ring] = -1;
}

/* The thread touches the VF and its guest no more. */
static void
pause_port(struct copy *copy)
{
	enter();
	if (copy->started) {
		watch_port(copy, unwatch);
		drop_held(copy);
	}
	copy->started = false;
	leave();
}

void
copy_stop(struct copy *copy)
{
	struct copy **at = &names;

	if (copy->stopped)
		return;
	copy->stopped = true;
	pthread_mutex_lock(&names_lock);
	while (*at != copy)
		at = &(*at)->next_name;
	*at = copy->next_name;
	pthread_mutex_unlock(&names_lock);
	for (unsigned int i = 0; i < 2u * copy->port.pairs; i++)
		forget_files(copy, i);
	pause_port(copy);
	enter();
	at = &copies;
	while (*at != copy)
		at = &(*at)->next;
	*at = copy->next;
	leave();
	copy_port_stop(&copy->port);
}

void
copy_free(struct copy *copy)
{
	copy_port_free(&copy->port);
	free(copy->pairs);
	free(copy->kicks);
	free(copy->on);
	free(copy->polled);
	free(copy->calls);
	free(copy);
}

int
copy_repair(struct copy *copy, struct err *err)
{
	int ret;

	pause_port(copy);
	ret = copy_port_restart(&copy->port, err);
	if (ret != 0)
		return ret;
	add(&copy->nb_repaired, 1);
	resume_port(copy);
	return 0;
}

/* ---------------------------------------------------------------- the thread of rte_vhost */

/* With names_lock. */
static struct copy *
find(const char *path)
{
	struct copy *copy = names;

	while (copy != NULL && strcmp(copy->path, path) != 0)
		copy = copy->next_name;
	return copy;
}

/* rte_vhost locks the rings of a guest while it handles a message, and a look at a locked ring
 * finds nothing. */
static enum rte_vhost_msg_result
on_message(int vid, void *msg)
{
	atomic_store(&look_again, true);
	wake();
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

/* A guest outlives the calls of this thread: copy_stop() follows when rte_vhost calls no more. */
static struct copy *
find_name(const char *path)
{
	struct copy *copy;

	pthread_mutex_lock(&names_lock);
	copy = find(path);
	pthread_mutex_unlock(&names_lock);
	return copy;
}

void
copy_came(const char *path, int vid)
{
	static const struct rte_vhost_user_extern_ops messages = { .post_msg_handle = on_message };
	struct copy *copy = find_name(path);
	uint64_t offered = 0;

	if (copy == NULL)
		return;
	rte_vhost_extern_callback_register(vid, &messages, NULL);
	rte_vhost_driver_get_features(path, &offered);
	add(&copy->nb_attached, 1);
	enter();
	copy->offered = offered;
	copy->vid = vid;
	copy->stale = STALE_ROUNDS;
	leave();
}

void
copy_stopped(const char *path)
{
	struct copy *copy = find_name(path);

	if (copy == NULL)
		return;
	enter();
	drop_held(copy);
	copy->vid = -1;
	leave();
}

static int
copy_of(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void
copy_ring(const char *path, int vid, unsigned int ring, bool on)
{
	struct copy *copy = find_name(path);
	struct rte_vhost_vring vring;

	if (copy == NULL || ring >= 2u * copy->port.pairs)
		return;
	forget_files(copy, ring);
	on = on && rte_vhost_get_vhost_vring(vid, (uint16_t)ring, &vring) == 0;
	if (on) {
		/* rte_vhost closes its descriptors whenever it wants. */
		atomic_store(&copy->calls[ring], copy_of(vring.callfd));
		if (vring.callfd >= 0)
			fcntl(vring.callfd, F_SETFL, O_NONBLOCK);
		if (ring % 2 != 0)
			copy->kicks[ring] = copy_of(vring.kickfd);
		watch(copy->kicks[ring]);
	}
	atomic_store(&copy->polled[ring], on && ring % 2 != 0 && copy->kicks[ring] < 0);
	atomic_store(&copy->on[ring], on);
	atomic_store(&copy->blocked, false);
	wake();
}

/* ---------------------------------------------------------------- for people */

uint64_t
copy_features_off(void)
{
	static const uint8_t bits[] = { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, NET_F_GSO,
		VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN,
		VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6,
		VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_UFO };
	uint64_t off = 0;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		off |= UINT64_C(1) << bits[i];
	return off;
}

static void
add_guest_info(const struct copy *copy, int vid, struct copy_info *info)
{
	rte_vhost_get_negotiated_features(vid, &info->features_guest);
	info->packed = (info->features_guest >> VIRTIO_F_RING_PACKED & 1) != 0;
	info->logging = (info->features_guest >> VHOST_F_LOG_ALL & 1) != 0;
	info->nb_pairs = nb_running(copy);
}

void
copy_info(struct copy *copy, struct copy_info *info)
{
	const uint16_t port = copy->port.id;
	struct rte_eth_link link = { .link_status = 0 };
	struct rte_ether_addr mac;
	int vid;

	memset(info, 0, sizeof(*info));
	info->speed = UINT32_MAX;
	info->max_pairs = copy->port.max_pairs;
	info->nb_attached = atomic_load(&copy->nb_attached);
	info->nb_repaired = atomic_load(&copy->nb_repaired);
	enter();
	info->features_offered = copy->offered;
	vid = copy->vid;
	if (copy->started) {
		rte_eth_link_get_nowait(port, &link);
		rte_eth_dev_get_mtu(port, &info->mtu);
		if (rte_eth_macaddr_get(port, &mac) == 0)
			memcpy(info->mac, mac.addr_bytes, sizeof(info->mac));
		rte_pmd_vsr_features_get(port, &info->features_device, &info->features_vf);
	}
	if (vid >= 0)
		add_guest_info(copy, vid, info);
	leave();
	info->attached = vid >= 0;
	info->blocked = info->attached && atomic_load(&copy->blocked);
	info->link_up = link.link_status == RTE_ETH_LINK_UP;
	if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN && link.link_speed != 0)
		info->speed = link.link_speed;
}

bool
copy_queue_info(const struct copy *copy, unsigned int queue, struct copy_queue_info *info)
{
	const struct counters *count;

	if (queue >= 2u * copy->port.pairs)
		return false;
	count = queue % 2 == 0 ? &copy->pairs[queue / 2].rx : &copy->pairs[queue / 2].tx;
	info->enabled = atomic_load(&copy->on[queue]);
	info->packets = atomic_load(&count->packets);
	info->bytes = atomic_load(&count->bytes);
	info->drops = atomic_load(&count->drops);
	return true;
}
