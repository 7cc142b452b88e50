/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Measures the doorbell of a VF with a legacy driver, in each way that reaches the device, for
 * vsr-bench notify.
 *
 * All ways ring the doorbell of the same queue, in turn. The queue is empty, so the device does the
 * same work for each. A sample has two times: until the device's thread, on the other processor,
 * has counted the doorbell; and until the writer can go on.
 *
 * The guest accesses all registers by messages to the thread that shows the VF (lib/vpci over
 * vfio-user), on the guest's processor. For comparison, it also has the doorbell page mapped, as a
 * guest that has its VF by VFIO. The owner of the PF is this process. Its accesses to registers
 * that are not mapped are function calls into the NIC.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_io.h>
#include <rte_pause.h>

#include "virtio/vio_admin_legacy.h"
#include "test/fixture/vsim_backend.h"
#include "vpci/vpci_legacy.h"
#include "test/fixture/admin_owner.h"
#include "vsim/regs/vsim_regs.h"

#include "machine.h"
#include "owner.h"

#define PROGRAM "vsr-bench-notify"
#define VF 1
#define QUEUE 1 /* The first TX queue. */
#define QUEUE_SIZE 256
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define LEGACY(field) offsetof(struct virtio_legacy_hdr, field)
#define GUEST_IOVA UINT64_C(0x100000)
#define GUEST_LEN (64 * 1024)
#define SOCKET_MS 5000
#define SEEN_US 1000000 /* Deadline for the device to see a doorbell. */
#define CLOCK_BATCH 100
#define PAUSE_CYCLES 4095 /* Longest pause before a sample; a bit mask. */

/* Register pair of lib/vsim: write two bytes of the legacy header. */
#define PAIR_WRITE (0x10000u | 2u << 8)
#define PAIR_DONE 0x80000000u

/** A guest: the function that a thread shows to it, and its client. */
struct guest {
	char path[64]; /**< Path of the socket; empty: the guest's own thread shows the VF. */
	struct vpci_legacy *legacy;
	struct vuser_client *client;
};

static struct owner owner;
static struct vsim_fn *vf;
static struct guest guest; /* Doorbells are written to the VF by the thread. */
static struct guest guest_cmd; /* Doorbells are commands by the thread. */
static struct guest guest_near; /* Without messages: a direct call. */
static pthread_t show_thread;
static int show_stop = -1;
static char dir[32];
static volatile uint16_t *vf_word, *pf_word; /* Doorbells as in LEGACY_NOTIFY_INFO. */
static uint64_t vf_offset; /* Of vf_word in the BAR. */

/* ------------------------------------------------------------------ ways */

static void
doorbell_store(volatile uint16_t *word)
{
	rte_io_wmb();
	*word = rte_cpu_to_le_16(QUEUE);
}

static int
doorbell_memory(void)
{
	doorbell_store(vf_word);
	return 0;
}

static int
doorbell_memory_pf(void)
{
	doorbell_store(pf_word);
	return 0;
}

static int
doorbell_window(void)
{
	const virtio_le16 queue = rte_cpu_to_le_16(QUEUE);

	return vsim_fn_write(vf, VSIM_BAR, VSIM_REG_LEGACY_WINDOW + LEGACY(queue_notify), &queue,
			sizeof(queue));
}

static int
doorbell_pair(void)
{
	const virtio_le32 data = rte_cpu_to_le_32(QUEUE);
	const virtio_le32 address = rte_cpu_to_le_32(PAIR_WRITE | LEGACY(queue_notify));
	struct vio_deadline deadline = vio_deadline_in(SEEN_US);
	virtio_le32 done = 0;
	int ret;

	ret = vsim_fn_write(vf, VSIM_BAR, VSIM_REG_LEGACY_PAIR + 4, &data, sizeof(data));
	if (ret == 0)
		ret = vsim_fn_write(vf, VSIM_BAR, VSIM_REG_LEGACY_PAIR, &address, sizeof(address));
	while (ret == 0 && !(rte_le_to_cpu_32(done) & PAIR_DONE)) {
		ret = vsim_fn_read(vf, VSIM_BAR, VSIM_REG_LEGACY_PAIR, &done, sizeof(done));
		if (vio_now_ns() > deadline.end_ns)
			return -ETIMEDOUT;
	}
	return ret;
}

static int
doorbell_admin(void)
{
	const virtio_le16 queue = rte_cpu_to_le_16(QUEUE);

	return vio_admin_legacy_write(owner.admin, VF, VIO_LEGACY_COMMON, LEGACY(queue_notify),
			&queue, sizeof(queue));
}

static int
guest_doorbell(const struct guest *g)
{
	const virtio_le16 queue = rte_cpu_to_le_16(QUEUE);

	return vuser_client_region_write(g->client, BAR0, LEGACY(queue_notify), &queue,
			sizeof(queue));
}

static int
doorbell_io(void)
{
	return guest_doorbell(&guest);
}

static int
doorbell_io_admin(void)
{
	return guest_doorbell(&guest_cmd);
}

static int
doorbell_io_near(void)
{
	return guest_doorbell(&guest_near);
}

static int
doorbell_bar(void)
{
	const virtio_le16 queue = rte_cpu_to_le_16(QUEUE);

	return vuser_client_region_write(guest.client, VSIM_BAR, vf_offset, &queue, sizeof(queue));
}

static const struct way {
	const char *name;
	int (*doorbell_ring)(void);
} ways[] = {
	{ "memory", doorbell_memory },
	{ "memory_pf", doorbell_memory_pf },
	{ "window", doorbell_window },
	{ "pair", doorbell_pair },
	{ "admin", doorbell_admin },
	{ "io_near", doorbell_io_near },
	{ "bar", doorbell_bar },
	{ "io", doorbell_io },
	{ "io_admin", doorbell_io_admin },
};
#define NB_WAYS RTE_DIM(ways)

/* ------------------------------------------------------------------ the guest */

static void *
show_main(void *arg)
{
	struct pollfd fds[3] = {
		{ .fd = vuser_server_fd(vpci_server(vpci_legacy_fn(guest.legacy))),
				.events = POLLIN },
		{ .fd = vuser_server_fd(vpci_server(vpci_legacy_fn(guest_cmd.legacy))),
				.events = POLLIN },
		{ .fd = show_stop, .events = POLLIN },
	};

	while (poll(fds, RTE_DIM(fds), -1) > 0 && fds[2].revents == 0) {
		if (fds[0].revents != 0)
			vuser_server_process(vpci_server(vpci_legacy_fn(guest.legacy)));
		if (fds[1].revents != 0)
			vuser_server_process(vpci_server(vpci_legacy_fn(guest_cmd.legacy)));
	}
	return NULL;
}

/* Show the VF with the commands in list negotiated. name: name of the socket, or NULL. */
static void
guest_show(struct guest *g, uint64_t list, const char *name)
{
	const struct vpci_backend backend = backend_of(vf);
	const struct vpci_legacy_conf conf = { .ops = &admin_owner_ops,
		.owner = owner.admin,
		.vf = VF };
	char err[128] = "";

	if (name != NULL)
		snprintf(g->path, sizeof(g->path), "%s/%s", dir, name);
	VTEST_EQ(vio_admin_agree(owner.admin, VIO_SRIOV, list, NULL), 0);
	if (vpci_legacy_create(&backend, &conf, name != NULL ? g->path : NULL, &g->legacy, err,
			    sizeof(err)) != 0)
		fprintf(stderr, "%s: %s.\n", PROGRAM, err);
	VTEST(g->legacy != NULL);
	vpci_legacy_doorbell_find(g->legacy);
}

/* Connect, and enable MSI-X as drivers do. */
static void
guest_connect(struct guest *g)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	const virtio_le16 command = rte_cpu_to_le_16(
			PCI_COMMAND_IO_SPACE | PCI_COMMAND_MEM_SPACE | PCI_COMMAND_BUS_MASTER);

	if (g->path[0] != '\0')
		g->client = vuser_client_connect(g->path, SOCKET_MS);
	else
		g->client = vuser_client_attach(vpci_server(vpci_legacy_fn(g->legacy)));
	VTEST(g->client != NULL);
	VTEST_EQ(vuser_client_region_write(g->client, VFIO_PCI_CONFIG_REGION_INDEX, PCI_CFG_COMMAND,
				 &command, sizeof(command)),
			0);
	VTEST_EQ(vuser_client_irq_set_fds(g->client, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &fd), 0);
	close(fd);
}

static void
guest_put(uint64_t offset, uint32_t value, size_t len)
{
	const virtio_le32 raw = rte_cpu_to_le_32(value);

	VTEST_EQ(vuser_client_region_write(guest.client, BAR0, offset, &raw, len), 0);
}

/* Bring up the VF as a legacy driver does, with one queue pair, by I/O BAR 0. */
static void
guest_driver(void)
{
	static const uint8_t steps[] = { 0, VIRTIO_STATUS_ACKNOWLEDGE,
		VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER };
	int fd = memfd_create("guest", MFD_CLOEXEC);

	VTEST(fd >= 0 && ftruncate(fd, GUEST_LEN) == 0);
	VTEST_EQ(vuser_client_dma_map(guest.client, GUEST_IOVA, GUEST_LEN, PROT_READ | PROT_WRITE,
				 fd, 0),
			0);
	close(fd);
	for (size_t i = 0; i < RTE_DIM(steps); i++)
		guest_put(LEGACY(device_status), steps[i], 1);
	guest_put(LEGACY(driver_features), 0, 4);
	for (uint16_t qi = 0; qi < 2; qi++) {
		const uint64_t at = GUEST_IOVA + qi * VIRTIO_LEGACY_RING_BYTES(QUEUE_SIZE);

		guest_put(LEGACY(queue_select), qi, 2);
		guest_put(LEGACY(queue_address), (uint32_t)(at >> VIRTIO_LEGACY_PAGE_SHIFT), 4);
	}
	guest_put(LEGACY(device_status),
			VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK,
			1);
	VTEST(vf->queue[QUEUE] != NULL);
}

/* Map the doorbell pages of a function. @return the doorbell that LEGACY_NOTIFY_INFO names. */
static volatile uint16_t *
word_map(struct vsim_fn *fn, bool member, uint64_t *offset)
{
	uint64_t bar_len[VIO_PCI_BARS] = { 0 }, none[VIO_PCI_BARS] = { 0 }, size;
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	int fd = vsim_fn_mem_fd(fn, &size);
	uint8_t *page;

	bar_len[VSIM_BAR] = VSIM_BAR_DOORBELLS + size;
	VTEST_EQ(vio_admin_legacy_notify_info(owner.admin, VF, member ? none : bar_len,
				 member ? bar_len : none, doorbells),
			1);
	VTEST(doorbells[0].member == member && doorbells[0].offset >= VSIM_BAR_DOORBELLS);
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			(off_t)(VSIM_REGION_OFFSET(VSIM_BAR) + VSIM_BAR_DOORBELLS));
	VTEST(page != MAP_FAILED);
	*offset = doorbells[0].offset;
	return (volatile uint16_t *)(void *)(page + doorbells[0].offset - VSIM_BAR_DOORBELLS);
}

/* Called as soon as all guests are connected, so that an abort leaves no socket. */
static void
sockets_remove(void)
{
	if (dir[0] == '\0')
		return;
	unlink(guest.path);
	unlink(guest_cmd.path);
	rmdir(dir);
	dir[0] = '\0';
}

static void
tune(struct vsim_nic_conf *conf)
{
	conf->legacy_alt.window = true;
	conf->legacy_alt.pair = true;
}

static int
all_open(void)
{
	uint64_t pf_offset;

	if (owner_open(&owner, PROGRAM, VF, tune) != 0)
		return -1;
	vf = vsim_nic_fn(owner.rig.nic, VF);
	show_stop = eventfd(0, EFD_CLOEXEC);
	snprintf(dir, sizeof(dir), "/tmp/vsr-bench-XXXXXX");
	VTEST(show_stop >= 0 && mkdtemp(dir) != NULL);
	/* guest_cmd must be created before the command LEGACY_NOTIFY_INFO is negotiated. */
	guest_show(&guest_cmd, VIRTIO_ADMIN_LIST_LEGACY, "command");
	guest_show(&guest, UINT64_MAX, "store");
	guest_show(&guest_near, UINT64_MAX, NULL);
	VTEST(vpci_legacy_has_doorbell(guest.legacy));
	VTEST(!vpci_legacy_has_doorbell(guest_cmd.legacy));
	VTEST_EQ(pthread_create(&show_thread, NULL, show_main, NULL), 0);
	guest_connect(&guest);
	guest_connect(&guest_cmd);
	guest_connect(&guest_near);
	sockets_remove();
	guest_driver();
	vf_word = word_map(vf, true, &vf_offset);
	pf_word = word_map(owner.rig.fns[0].fn, false, &pf_offset);
	atomic_store(&owner.device.doorbells, &vf->counters->queue[QUEUE].doorbells);
	return 0;
}

static void
all_close(void)
{
	VTEST_EQ(eventfd_write(show_stop, 1), 0);
	pthread_join(show_thread, NULL);
	atomic_store(&owner.device.doorbells, NULL);
	vuser_client_close(guest.client);
	vuser_client_close(guest_cmd.client);
	vuser_client_close(guest_near.client);
	vpci_legacy_destroy(guest.legacy);
	vpci_legacy_destroy(guest_cmd.legacy);
	vpci_legacy_destroy(guest_near.legacy);
	owner_close(&owner);
}

/* ------------------------------------------------------------------ measuring */

/** Samples of one way, ns. */
struct figures {
	double *seen, *held;
};

static double ns_per_cycle;
static uint64_t clock_cost; /* Cycles between two consecutive readings of the clock. */

/* Pause at random, so that samples are not synchronous with the polls of the device. */
static void
pause_some(void)
{
	static uint32_t state = 1;
	const uint64_t start = rte_rdtsc();

	state = state * 1664525 + 1013904223;
	while (rte_rdtsc() - start < (state >> 16 & PAUSE_CYCLES))
		rte_pause();
}

static void
sample(const struct way *way, struct figures *f, unsigned int i)
{
	struct owner_seen *seen = &owner.device.seen;
	const uint64_t before = atomic_load_explicit(&seen->count, memory_order_acquire);
	struct vio_deadline deadline;
	uint64_t start, back, end;

	pause_some();
	start = rte_rdtsc_precise();
	VTEST_EQ(way->doorbell_ring(), 0);
	back = rte_rdtsc();
	deadline = vio_deadline_in(SEEN_US);
	while (atomic_load_explicit(&seen->count, memory_order_acquire) == before) {
		rte_pause();
		VTEST(vio_now_ns() < deadline.end_ns);
	}
	end = rte_rdtsc_precise();
	/* There was one doorbell, and its time is between the two times of the writer. Otherwise
	 * the clocks of the processors differ, and nothing can be measured. */
	VTEST_EQ(atomic_load(&seen->count), before + 1);
	VTEST(seen->tsc > start && seen->tsc < end);
	f->seen[i] = (double)(seen->tsc - start) * ns_per_cycle;
	f->held[i] = (double)(back - start - RTE_MIN(clock_cost, back - start)) * ns_per_cycle;
}

/* A step of the clock may be longer than a reading: take the mean of many readings. */
static void
clock_calibrate(void)
{
	ns_per_cycle = 1e9 / (double)rte_get_tsc_hz();
	clock_cost = UINT64_MAX;
	for (int batch = 0; batch < 100; batch++) {
		uint64_t sum = 0;

		for (int i = 0; i < CLOCK_BATCH; i++) {
			const uint64_t start = rte_rdtsc_precise();

			sum += rte_rdtsc() - start;
		}
		clock_cost = RTE_MIN(clock_cost, sum / CLOCK_BATCH);
	}
}

/* Check with the counters of the device that each doorbell took the intended way. */
static void
ways_check(uint64_t nb, uint64_t commands)
{
	const struct vsim_counters *c = vf->counters;

	VTEST_EQ(c->legacy_doorbells, 4 * nb); /* memory, io_near, bar, io */
	VTEST_EQ(c->legacy_owner_doorbells, nb);
	VTEST_EQ(c->legacy_window, nb);
	VTEST(c->legacy_pair >= 3 * nb);
	VTEST_EQ(commands, 2 * nb); /* admin, io_admin */
}

static void
measure(struct figures figures[NB_WAYS], unsigned int samples)
{
	const uint64_t *commands =
			&owner.rig.fns[0].fn->counters->admin[VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE];
	const uint64_t before = *commands;
	const unsigned int warm = samples / 10;

	/* The first samples fill the caches, and are overwritten. */
	for (unsigned int i = 0; i < warm + samples; i++)
		for (size_t w = 0; w < NB_WAYS; w++)
			sample(&ways[w], &figures[w], i < warm ? 0 : i - warm);
	ways_check(warm + samples, *commands - before);
}

static void
report(struct figures figures[NB_WAYS], unsigned int samples)
{
	const struct owner_device *d = &owner.device;

	printf("{\"disturbed\": %.4f, \"round_ns\": %.1f, \"ways\": {", d->disturbed,
			(double)d->ns / (double)d->rounds);
	for (size_t w = 0; w < NB_WAYS; w++) {
		const struct figures *f = &figures[w];

		qsort(f->seen, samples, sizeof(double), machine_ascending);
		qsort(f->held, samples, sizeof(double), machine_ascending);
		printf("%s\n  \"%s\": {\"p50_ns\": %.1f, \"p99_ns\": %.1f, \"held_p50_ns\": %.1f, "
		       "\"held_p99_ns\": %.1f}",
				w == 0 ? "" : ",", ways[w].name,
				owner_percentile(f->seen, samples, 50),
				owner_percentile(f->seen, samples, 99),
				owner_percentile(f->held, samples, 50),
				owner_percentile(f->held, samples, 99));
	}
	printf("\n}}\n");
}

int
main(int argc, char **argv)
{
	static struct figures figures[NB_WAYS];
	unsigned int samples;

	if (argc != 2 || !machine_number(argv[1], 10, 1000000, &samples)) {
		fprintf(stderr,
				"%s: the argument is a number of samples from 10 to 1000000: "
				"run vsr-bench notify.\n",
				PROGRAM);
		return 2;
	}
	if (setjmp(vtest_leave) != 0) {
		fprintf(stderr, "%s: %s.\n", PROGRAM, vtest_why);
		sockets_remove();
		return 1;
	}
	for (size_t w = 0; w < NB_WAYS; w++) {
		figures[w].seen = calloc(samples, sizeof(double));
		figures[w].held = calloc(samples, sizeof(double));
		VTEST(figures[w].seen != NULL && figures[w].held != NULL);
	}
	if (all_open() != 0)
		return 1;
	clock_calibrate();
	measure(figures, samples);
	all_close();
	report(figures, samples);
	rte_eal_cleanup();
	return 0;
}
