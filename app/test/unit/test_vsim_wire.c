/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Wires of the simulated NIC: frames pass, and lost frames are counted. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vsim/ring/vsim_walk.h"
#include "test/fixture/vsim_driver.h"
#include "vsim/core/vsim_clock.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define HDR VIRTIO_NET_HDR_LEN
#define SIZE 64
#define SLOT 2048
#define TX_AT(i) (BUF_OFFSET + (size_t)(i)*SLOT) /* 0..15 */
#define RX_AT(i) (BUF_OFFSET + (size_t)(16 + (i)) * SLOT) /* 0..31 */
#define PORTS 4

static struct fixture fx;
static struct driver d[PORTS];
static uint8_t *mem[PORTS];
static unsigned int rx_next[PORTS];

/* Create a NIC with so many VFs; functions first..last get a driver with one queue pair. */
static void
up(unsigned int workers)
{
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
			VIRTIO_F_RING_PACKED, VIRTIO_NET_F_MTU);
	struct vsim_nic_conf conf = fixture_conf("full");

	conf.workers = workers;
	conf.total_vfs = 8;
	fx = fixture_from(&conf);
	fixture_vfs(&fx, PORTS - 1);
	for (unsigned int i = 0; i < PORTS; i++) {
		struct vsim_fn *fn = vsim_nic_fn(fx.nic, i);

		mem[i] = i == 0 ? fx.mem :
				  mmap(NULL, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		VTEST(mem[i] != MAP_FAILED);
		if (i > 0)
			VTEST_EQ(vsim_fn_dma_map_ptr(fn, FIXTURE_IOVA, FIXTURE_MEM_LEN,
						 PROT_READ | PROT_WRITE, mem[i]),
					0);
		driver_run(&d[i], fn, mem[i], &f, 1, SIZE);
		rx_next[i] = 0;
	}
}

static void
down(void)
{
	fixture_free(&fx);
	for (unsigned int i = 1; i < PORTS; i++)
		munmap(mem[i], FIXTURE_MEM_LEN);
}

static void
wire(unsigned int index, const char *spec)
{
	char err[256] = "";

	if (vsim_nic_wire(fx.nic, index, spec, err, sizeof(err)) < 0) {
		vtest_fail("%s: %s", spec, err);
	}
}

static void
poll_all(void)
{
	for (unsigned int rounds = 0; rounds < 1000; rounds++) {
		unsigned int work = 0;

		for (unsigned int w = 0; w < fx.nic->conf.workers; w++)
			work += vsim_worker_poll(fx.nic, w);
		if (work == 0)
			return;
	}
}

static void
rx_fill(unsigned int port, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int slot = (rx_next[port] + i) % 32;
		const struct ring_seg seg = { FIXTURE_IOVA + RX_AT(slot), 1536 };

		ring_post(&d[port].rx[0], &seg, 0, 1, 0, NULL);
	}
	ring_publish(&d[port].rx[0]);
	ring_doorbell_ring(&d[port].rx[0]);
}

/* The next frame that the function received, or NULL. */
static const uint8_t *
rx_take(unsigned int port, uint32_t *len)
{
	uint16_t id;

	if (!ring_reap(&d[port].rx[0], &id, len))
		return NULL;
	*len -= HDR;
	return mem[port] + RX_AT(rx_next[port]++ % 32) + HDR;
}

static unsigned int
rx_count(unsigned int port)
{
	unsigned int n = 0;
	uint32_t len;

	while (rx_take(port, &len) != NULL)
		n++;
	return n;
}

static const uint8_t *
mac_of(unsigned int port)
{
	return vsim_nic_fn(fx.nic, port)->net_config.mac;
}

/* Send a frame between two MAC addresses; vlan 0: without VLAN tag. */
static void
send_frame(unsigned int port, const uint8_t *to, const uint8_t *from, uint16_t vlan, uint32_t len)
{
	unsigned int slot = d[port].tx[0].avail_i % 16;
	uint8_t *f = mem[port] + TX_AT(slot) + HDR;
	const struct ring_seg seg = { FIXTURE_IOVA + TX_AT(slot), HDR + len };
	uint32_t used;
	uint16_t id;

	memset(f - HDR, 0, HDR);
	memcpy(f, to, 6);
	memcpy(f + 6, from, 6);
	f[12] = 0x88;
	f[13] = 0xb5;
	for (uint32_t i = 14; i < len; i++)
		f[i] = i + port;
	if (vlan != 0) {
		f[12] = 0x81;
		f[13] = 0x00;
		f[14] = vlan >> 8;
		f[15] = vlan;
	}
	ring_post(&d[port].tx[0], &seg, 1, 0, 0, NULL);
	ring_publish(&d[port].tx[0]);
	ring_doorbell_ring(&d[port].tx[0]);
	poll_all();
	VTEST(ring_reap(&d[port].tx[0], &id, &used));
}

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

#define COUNTERS(port) (vsim_nic_fn(fx.nic, port)->counters)

/* ---------------------------------------------------------------- specifications */

static void
bad_specifications_are_explained(void)
{
	static const struct {
		unsigned int index;
		const char *spec;
		int want;
	} rows[] = {
		{ 0, "", -EINVAL },
		{ 0, "nul", -EINVAL },
		{ 0, "nullx", -EINVAL },
		{ 0, "null:1", -EINVAL },
		{ 9, "null", -EINVAL }, /* the NIC has 8 VFs */
		{ 0, "peer:", -EINVAL },
		{ 0, "peer:x", -EINVAL },
		{ 0, "peer:-1", -EINVAL },
		{ 0, "peer:9", -EINVAL },
		{ 0, "peer:1x", -EINVAL },
		{ 0, "switch:", -EINVAL },
		{ 0, "tap:", -EINVAL },
		{ 0, "tap:a-name-that-is-too-long", -EINVAL },
		{ 0, "pcap:", -EINVAL },
		{ 0, "pcap:/nonexistent/in,", -ENOENT },
		{ 0, "pcap:,/nonexistent/out", -ENOENT },
		{ 0, "pcap:/dev/null,", -EINVAL }, /* no capture */
		{ 0, "pcap:,,once", -EINVAL },
		{ 0, "gen:size=59", -EINVAL },
		{ 0, "gen:size=1515", -EINVAL },
		{ 0, "gen:size", -EINVAL },
		{ 0, "gen:flows=0", -EINVAL },
		{ 0, "gen:flows=4097", -EINVAL },
		{ 0, "gen:fill=all", -EINVAL },
		{ 0, "gen:rate=-1", -EINVAL },
		{ 0, "gen:check=2", -EINVAL },
		{ 0, "gen:trip=2", -EINVAL },
		{ 0, "gen:sizes=64", -EINVAL },
	};

	up(1);
	for (size_t i = 0; i < NB(rows); i++) {
		char err[256] = "";
		int ret = vsim_nic_wire(fx.nic, rows[i].index, rows[i].spec, err, sizeof(err));

		if (ret != rows[i].want || err[0] == '\0' || strchr(err, '\n') != NULL) {
			vtest_fail("\"%s\" gives %d and \"%s\"", rows[i].spec, ret, err);
		}
		VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 0), "null") == 0);
	}
	down();
}

static void
null_takes_all_and_gives_nothing(void)
{
	up(1);
	for (unsigned int i = 0; i < 2; i++) { /* without a wire, and with a null wire */
		rx_fill(0, 4);
		send_frame(0, broadcast, mac_of(0), 0, 60);
		VTEST_EQ(COUNTERS(0)->queue[1].packets, i + 1);
		VTEST_EQ(rx_count(0), 0);
		wire(0, "null");
	}
	down();
}

/* ---------------------------------------------------------------- peer */

static void
frames_pass_between_peers(void)
{
	const uint8_t *f;
	uint32_t len;

	for (unsigned int workers = 1; workers <= 3; workers += 2) {
		up(workers);
		wire(1, "peer:2");
		VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 2), "peer:1") == 0);
		VTEST_EQ(vsim_nic_fn(fx.nic, 1)->worker, vsim_nic_fn(fx.nic, 2)->worker);
		rx_fill(1, 4);
		rx_fill(2, 4);
		send_frame(1, mac_of(2), mac_of(1), 0, 1000);
		f = rx_take(2, &len);
		VTEST(f != NULL && len == 1000);
		VTEST(memcmp(f + 6, mac_of(1), 6) == 0 && f[100] == 101);
		send_frame(2, mac_of(1), mac_of(2), 0, 60);
		VTEST_EQ(rx_count(1), 1);
		VTEST_EQ(rx_count(2), 0);
		down();
	}
}

static void
a_peer_without_buffers_loses_frames(void)
{
	up(1);
	wire(1, "peer:2");
	send_frame(1, mac_of(2), mac_of(1), 0, 60);
	VTEST_EQ(COUNTERS(2)->queue[0].drop_no_buffer, 1);
	VTEST_EQ(COUNTERS(1)->queue[1].packets, 1);
	/* A peer that does not exist. */
	wire(1, "peer:7");
	send_frame(1, broadcast, mac_of(1), 0, 60);
	VTEST_EQ(COUNTERS(1)->queue[1].drop_wire, 1);
	VTEST_EQ(COUNTERS(1)->queue[1].packets, 1);
	/* A peer without a driver. */
	reg_write(vsim_nic_fn(fx.nic, 3), "device_status", 0);
	wire(1, "peer:3");
	send_frame(1, broadcast, mac_of(1), 0, 60);
	VTEST_EQ(COUNTERS(3)->drop_queue_off, 1);
	/* A peer whose link is down, and the own link down. */
	wire(1, "peer:2");
	vsim_fn_link_set(vsim_nic_fn(fx.nic, 2), false);
	send_frame(1, broadcast, mac_of(1), 0, 60);
	VTEST_EQ(COUNTERS(2)->drop_link_down, 1);
	vsim_fn_link_set(vsim_nic_fn(fx.nic, 1), false);
	send_frame(1, broadcast, mac_of(1), 0, 60);
	VTEST_EQ(COUNTERS(1)->drop_link_down, 1);
	down();
}

static void
plugging_a_peer_elsewhere_frees_the_other_end(void)
{
	up(1);
	wire(1, "peer:2");
	wire(3, "peer:2");
	VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 1), "null") == 0);
	VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 2), "peer:3") == 0);
	wire(2, "null");
	VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 3), "null") == 0);
	rx_fill(3, 4);
	send_frame(2, broadcast, mac_of(2), 0, 60);
	VTEST_EQ(rx_count(3), 0);
	/* Setting the same wire again changes nothing. */
	wire(1, "peer:2");
	wire(2, "peer:1");
	VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 1), "peer:2") == 0);
	VTEST(strcmp(vsim_nic_wire_spec(fx.nic, 2), "peer:1") == 0);
	down();
}

/* VFs that are created again have their wire. */
static void
wires_outlive_their_functions(void)
{
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
			VIRTIO_F_RING_PACKED);

	up(1);
	wire(0, "peer:1");
	fixture_vfs(&fx, 0);
	fixture_vfs(&fx, 2);
	vsim_fn_dma_unmap_all(vsim_nic_fn(fx.nic, 1));
	VTEST_EQ(vsim_fn_dma_map_ptr(vsim_nic_fn(fx.nic, 1), FIXTURE_IOVA, FIXTURE_MEM_LEN,
				 PROT_READ | PROT_WRITE, mem[1]),
			0);
	driver_run(&d[1], vsim_nic_fn(fx.nic, 1), mem[1], &f, 1, SIZE);
	rx_fill(1, 4);
	send_frame(0, broadcast, mac_of(0), 0, 60);
	VTEST_EQ(rx_count(1), 1);
	down();
}

/* ---------------------------------------------------------------- switch */

/* Number of frames that arrived by the wire, also those that a filter dropped. */
static uint64_t
heard(unsigned int port)
{
	return COUNTERS(port)->queue[0].packets + COUNTERS(port)->drop_filtered;
}

static void
a_switch_learns_floods_and_keeps_vlans_apart(void)
{
	/* A second worker must not serve some of the members. */
	up(2);
	for (unsigned int i = 0; i < 3; i++)
		wire(i, "switch:lan");
	wire(3, "switch:other");
	VTEST_EQ(vsim_nic_fn(fx.nic, 0)->worker, vsim_nic_fn(fx.nic, 1)->worker);
	VTEST_EQ(vsim_nic_fn(fx.nic, 0)->worker, vsim_nic_fn(fx.nic, 2)->worker);
	for (unsigned int i = 0; i < PORTS; i++)
		rx_fill(i, 16);

	/* Unknown destination: the switch sends to all other members. */
	send_frame(0, mac_of(1), mac_of(0), 0, 60);
	VTEST_EQ(rx_count(1), 1);
	VTEST_EQ(heard(2), 1);
	/* Known destination: the switch sends to one member. */
	send_frame(1, mac_of(0), mac_of(1), 0, 60);
	VTEST_EQ(rx_count(0), 1);
	VTEST_EQ(heard(2), 1);
	send_frame(0, mac_of(1), mac_of(0), 0, 60);
	VTEST_EQ(rx_count(1), 1);
	VTEST_EQ(heard(2), 1);
	/* In another VLAN the destination is unknown. */
	send_frame(0, mac_of(1), mac_of(0), 7, 60);
	VTEST_EQ(heard(2), 2);
	VTEST_EQ(rx_count(1), 1);
	/* Broadcast reaches all members except the sender. */
	send_frame(0, broadcast, mac_of(0), 0, 60);
	VTEST_EQ(rx_count(0), 0);
	VTEST_EQ(rx_count(1), 1);
	VTEST_EQ(heard(2), 3);
	VTEST_EQ(heard(3), 0);
	/* An address that moves is found at its new port. */
	send_frame(2, broadcast, mac_of(1), 0, 60);
	VTEST_EQ(rx_count(0) + rx_count(1), 2);
	send_frame(0, mac_of(1), mac_of(0), 0, 60);
	VTEST_EQ(rx_count(1), 0);
	/* The addresses of an unplugged member are removed. */
	wire(2, "null");
	send_frame(0, mac_of(1), mac_of(0), 0, 60);
	VTEST_EQ(rx_count(1), 1);
	down();
}

static void
a_flood_of_addresses_does_not_grow_the_table(void)
{
	uint8_t from[6] = { 0x02, 0, 0, 0, 0, 0 };

	up(1);
	wire(0, "switch:lan");
	wire(1, "switch:lan");
	rx_fill(1, 16);
	for (unsigned int i = 0; i < 20000; i++) {
		from[3] = i >> 16;
		from[4] = i >> 8;
		from[5] = i;
		send_frame(0, mac_of(1), from, 0, 60);
	}
	send_frame(1, from, mac_of(1), 0, 60); /* known at another port */
	VTEST_EQ(COUNTERS(0)->queue[1].packets, 20000);
	VTEST_EQ(COUNTERS(1)->queue[1].packets, 1);
	down();
}

/* ---------------------------------------------------------------- pcap */

static void
pcap_plays_and_records(void)
{
	char dir[] = "/tmp/test_vsim_wire.XXXXXX", in[64], out[64], spec[160];
	uint32_t head[6] = { 0xd4c3b2a1, 0x02000400, 0, 0, 0xffff0000, 0x01000000 }; /* swapped */
	uint8_t frame[2000];
	struct {
		uint32_t magic, version, zone, sigfigs, snaplen, linktype;
		struct {
			uint32_t sec, nsec, incl, orig;
			uint8_t frame[100];
		} rec[2];
	} got;
	const uint8_t *f;
	FILE *file;
	uint32_t len;

	VTEST(mkdtemp(dir) != NULL);
	snprintf(in, sizeof(in), "%s/in.pcap", dir);
	snprintf(out, sizeof(out), "%s/out.pcap", dir);
	file = fopen(in, "w");
	VTEST(file != NULL);
	fwrite(head, sizeof(head), 1, file);
	for (unsigned int i = 0; i < 40; i++) {
		uint32_t n = i == 39 ? 2000 : 60 + i; /* the last is too long */
		uint32_t rec[4] = { 0, 0, htobe32(n), htobe32(n) };

		memset(frame, i, sizeof(frame));
		memcpy(frame, broadcast, 6);
		fwrite(rec, sizeof(rec), 1, file);
		fwrite(frame, n, 1, file);
	}
	fwrite("tail", 4, 1, file); /* cut short */
	fclose(file);

	up(1);
	snprintf(spec, sizeof(spec), "pcap:%s,%s", in, out);
	wire(0, spec);
	poll_all();
	VTEST_EQ(COUNTERS(0)->queue[0].drop_no_buffer, 0); /* the wire waits for buffers */
	for (unsigned int i = 0; i < 39; i++) {
		if (i % 8 == 0) {
			rx_fill(0, 8);
			poll_all();
		}
		f = rx_take(0, &len);
		VTEST(f != NULL && len == 60 + i && f[20] == i && f[59] == i);
	}
	VTEST(rx_take(0, &len) == NULL);
	VTEST_EQ(COUNTERS(0)->queue[0].drop_too_big, 1);

	for (unsigned int i = 0; i < 2; i++)
		send_frame(0, broadcast, mac_of(0), 0, 100);
	file = fopen(out, "r");
	VTEST(file != NULL && fread(&got, sizeof(got), 1, file) == 1 && fgetc(file) == EOF);
	fclose(file);
	VTEST(got.magic == 0xa1b23c4d && got.linktype == 1);
	for (unsigned int i = 0; i < 2; i++) {
		VTEST_EQ(got.rec[i].incl, 100);
		VTEST(memcmp(got.rec[i].frame + 6, mac_of(0), 6) == 0 &&
				got.rec[i].frame[99] == 99);
	}

	/* Repeated playback, without a capture. */
	snprintf(spec, sizeof(spec), "pcap:%s,,loop", in);
	wire(0, spec);
	for (unsigned int i = 0; i < 100; i++) {
		rx_fill(0, 1);
		poll_all();
		VTEST(rx_take(0, &len) != NULL);
	}
	down();
	unlink(in);
	unlink(out);
	rmdir(dir);
}

/* ---------------------------------------------------------------- gen */

static uint16_t
checksum(const uint8_t *p, size_t len, uint32_t acc)
{
	for (size_t i = 0; i < len; i++)
		acc += i % 2 ? p[i] : p[i] << 8;
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return acc;
}

/* Whether a frame is IPv4/UDP with valid lengths and checksums. */
static bool
frame_valid(const uint8_t *f, uint32_t len)
{
	uint32_t udp_len = len - 34;

	return f[12] == 0x08 && f[13] == 0 && f[14] == 0x45 &&
			(f[16] << 8 | f[17]) == (int)len - 14 && f[23] == 17 &&
			checksum(f + 14, 20, 0) == 0xffff &&
			(uint32_t)(f[38] << 8 | f[39]) == udp_len &&
			checksum(f + 34, udp_len, 17 + udp_len + checksum(f + 26, 8, 0)) == 0xffff;
}

static void
gen_frames_are_valid(void)
{
	static const struct {
		const char *spec;
		uint32_t min, max;
	} rows[] = {
		{ "gen:", 64, 64 },
		{ "gen:size=60", 60, 60 },
		{ "gen:size=61,flows=5", 61, 61 },
		{ "gen:size=65,flows=3", 65, 65 },
		{ "gen:size=1514,flows=100", 1514, 1514 },
		{ "gen:imix,flows=3", 60, 1514 },
		{ "gen:size=imix", 60, 1514 },
		{ "gen:size=64,fill=headers", 64, 64 },
	};

	for (size_t i = 0; i < NB(rows); i++) {
		uint32_t least = UINT32_MAX, most = 0, len, bytes = 0;
		const uint8_t *f;

		up(1);
		wire(0, rows[i].spec);
		for (unsigned int n = 0; n < 240; n++) {
			rx_fill(0, 1);
			poll_all();
			f = rx_take(0, &len);
			VTEST(f != NULL);
			VTEST(memcmp(f, mac_of(0), 6) == 0);
			VTEST(frame_valid(f, len));
			least = len < least ? len : least;
			most = len > most ? len : most;
			bytes += len;
		}
		VTEST_EQ(least, rows[i].min);
		VTEST_EQ(most, rows[i].max);
		if (rows[i].min != rows[i].max)
			VTEST_EQ(bytes, 20 * (7 * 60 + 4 * 590 + 1514));
		VTEST_EQ(COUNTERS(0)->queue[0].drop_no_buffer, 0);
		down();
	}
}

static void
gen_headers_leave_the_rest_of_the_buffer(void)
{
	const uint8_t *f;
	uint32_t len;

	up(1);
	wire(0, "gen:size=1000,fill=headers");
	memset(mem[0] + RX_AT(0), 0x77, SLOT);
	rx_fill(0, 1);
	poll_all();
	f = rx_take(0, &len);
	VTEST(f != NULL && len == 1000);
	VTEST(f[63] != 0x77 && f[64] == 0x77 && f[999] == 0x77);
	down();
}

static void
gen_stops_after_count(void)
{
	up(1);
	wire(0, "gen:count=40");
	for (unsigned int i = 0; i < 3; i++) {
		rx_fill(0, 24);
		poll_all();
		VTEST_EQ(rx_count(0), i == 0 ? 24 : i == 1 ? 16 : 0);
	}
	down();
}

static uint64_t
stat_of(unsigned int index, const char *name)
{
	struct vsim_stat stats[512];
	size_t nb = vsim_fn_stats(vsim_nic_fn(fx.nic, index), stats, 512);

	for (size_t i = 0; i < nb && i < 512; i++)
		if (strcmp(stats[i].name, name) == 0)
			return stats[i].value;
	return 0;
}

/* Packets that a generator of 20000 a second made in some time, and how many it should make. */
static uint64_t
gen_measure(double *want)
{
	const struct timespec ms = { 0, 1000000 };
	uint64_t start, ticks, total;

	up(1);
	wire(0, "gen:rate=20000");
	vsim_worker_poll(fx.nic, 0); /* the clock of the generator starts here */
	start = vsim_clock();
	do {
		nanosleep(&ms, NULL);
		poll_all();
		ticks = vsim_clock() - start;
	} while (ticks < vsim_clock_hz() / 5);
	total = COUNTERS(0)->queue[0].drop_no_buffer;
	*want = 20000.0 * ticks / vsim_clock_hz();
	VTEST_EQ(COUNTERS(0)->queue[0].packets, 0);
	down();
	return total;
}

static void
gen_keeps_its_rate_and_counts_what_is_lost(void)
{
	uint64_t total;
	double want;

	/* Late wake-ups lose packets and never add any. A busy machine gets more attempts. */
	for (unsigned int i = 0; i < 20; i++) {
		total = gen_measure(&want);
		VTEST(total <= want + 1);
		if (total > want / 4)
			return;
	}
	VTEST(total > want / 4);
}

/* Each frame of the rate is delivered, dropped, or counted as late, and after a pause of the worker
 * at most 64 come at once. */
static void
gen_does_not_catch_up_after_a_pause(void)
{
	const struct timespec pause = { 0, 20000000 };
	uint64_t start, before, all;
	double want;

	up(1);
	wire(0, "gen:rate=1000000");
	start = vsim_clock();
	vsim_worker_poll(fx.nic, 0);
	for (unsigned int i = 0; i < 5; i++) {
		before = COUNTERS(0)->queue[0].drop_no_buffer;
		nanosleep(&pause, NULL);
		vsim_worker_poll(fx.nic, 0);
		vsim_worker_poll(fx.nic, 0);
		VTEST(COUNTERS(0)->queue[0].drop_no_buffer - before >= 32);
		VTEST(COUNTERS(0)->queue[0].drop_no_buffer - before <= 64);
	}
	want = 1e6 * (vsim_clock() - start) / vsim_clock_hz();
	all = COUNTERS(0)->queue[0].drop_no_buffer + COUNTERS(0)->wire_late;
	VTEST(all <= want + 1);
	VTEST(all > 5 * 20000 - 5 * 64);
	VTEST_EQ(COUNTERS(0)->queue[0].packets, 0);
	VTEST_EQ(stat_of(0, "wire_late"), COUNTERS(0)->wire_late);
	down();
	/* A generator that has not begun, or that has sent all of its frames, is not late. */
	up(1);
	wire(0, "gen:rate=1000000,count=10,delay=20000");
	start = vsim_clock();
	vsim_worker_poll(fx.nic, 0);
	while (COUNTERS(0)->queue[0].drop_no_buffer < 10)
		vsim_worker_poll(fx.nic, 0);
	VTEST(vsim_clock() - start >= vsim_clock_hz() / 50);
	before = COUNTERS(0)->wire_late;
	nanosleep(&pause, NULL);
	vsim_worker_poll(fx.nic, 0);
	vsim_worker_poll(fx.nic, 0);
	VTEST_EQ(COUNTERS(0)->wire_late, before);
	VTEST_EQ(COUNTERS(0)->queue[0].drop_no_buffer, 10);
	down();
}

static void
gen_checks_what_comes_back(void)
{
	uint8_t *at;
	uint32_t len;

	up(1);
	wire(0, "gen:check=1,flows=7,size=100");
	for (unsigned int i = 0; i < 20; i++) {
		struct ring_seg seg;
		uint16_t id;

		rx_fill(0, 1);
		poll_all();
		VTEST(ring_reap(&d[0].rx[0], &id, &len));
		at = mem[0] + RX_AT(rx_next[0]++ % 32);
		memset(at, 0, HDR);
		at[HDR + 6] = 0x06; /* addresses may change */
		if (i >= 18)
			at[HDR + 44 + i] ^= 1; /* other bytes may not */
		seg = (struct ring_seg){ FIXTURE_IOVA + (at - mem[0]), len };
		ring_post(&d[0].tx[0], &seg, 1, 0, 0, NULL);
		ring_doorbell_ring(&d[0].tx[0]);
		poll_all();
		VTEST(ring_reap(&d[0].tx[0], &id, &len));
	}
	VTEST_EQ(COUNTERS(0)->queue[1].packets, 20);
	VTEST_EQ(COUNTERS(0)->wire_bad, 2);
	down();
}

/* Receive a frame and send it back unchanged. */
static void
bounce(void)
{
	struct ring_seg seg;
	uint32_t len;
	uint16_t id;

	VTEST(ring_reap(&d[0].rx[0], &id, &len));
	seg = (struct ring_seg){ FIXTURE_IOVA + RX_AT(rx_next[0]++ % 32), len };
	memset(mem[0] + (seg.addr - FIXTURE_IOVA), 0, HDR);
	ring_post(&d[0].tx[0], &seg, 1, 0, 0, NULL);
	ring_doorbell_ring(&d[0].tx[0]);
	poll_all();
	VTEST(ring_reap(&d[0].tx[0], &id, &len));
}

static void
gen_times_one_frame_at_a_time(void)
{
	const struct timespec ms = { 0, 2000000 };
	uint64_t p50, p99;

	up(1);
	wire(0, "gen:trip=1");
	rx_fill(0, 24);
	for (unsigned int i = 0; i < 12; i++) {
		poll_all();
		VTEST_EQ(COUNTERS(0)->queue[0].packets, i + 1); /* one frame in flight at most */
		if (i >= 6)
			nanosleep(&ms, NULL);
		bounce();
	}
	/* Half of the frames were kept for two milliseconds. */
	p50 = stat_of(0, "round_trip_p50_ns");
	p99 = stat_of(0, "round_trip_p99_ns");
	VTEST_EQ(stat_of(0, "round_trips"), 12);
	VTEST(p50 > 0 && p50 < p99);
	VTEST(p99 >= 1900000);
	/* A frame that does not come back is given up and not counted. */
	VTEST_EQ(COUNTERS(0)->queue[0].packets, 13);
	for (unsigned int i = 0; i < 200 && COUNTERS(0)->queue[0].packets == 13; i++) {
		nanosleep(&ms, NULL);
		poll_all();
	}
	VTEST_EQ(COUNTERS(0)->queue[0].packets, 14);
	VTEST_EQ(stat_of(0, "round_trips"), 12);
	/* A new wire starts at zero. */
	wire(0, "gen:trip=1");
	poll_all();
	bounce();
	VTEST_EQ(stat_of(0, "round_trips"), 1);
	down();
}

static void
trip_buckets_hold_their_times(void)
{
	VTEST_EQ(vsim_trip_bucket(UINT64_MAX), VSIM_TRIP_BUCKETS - 1);
	for (uint64_t ns = 0; ns < 100000000; ns += 1 + ns / 300) {
		uint64_t low = vsim_trip_time(vsim_trip_bucket(ns));
		uint64_t next = vsim_trip_time(vsim_trip_bucket(ns) + 1);

		VTEST(low <= ns && ns < next);
		VTEST(next - low <= 1 + ns / VSIM_TRIP_FINE);
	}
}

/* ---------------------------------------------------------------- tap */

/* Set an interface of this network namespace up. */
static void
interface_up(const char *name)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_flags = 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	VTEST(s >= 0 && ioctl(s, SIOCGIFFLAGS, &ifr) == 0);
	ifr.ifr_flags |= IFF_UP;
	VTEST_EQ(ioctl(s, SIOCSIFFLAGS, &ifr), 0);
	close(s);
}

/* A raw socket on the interface of a tap. */
static int
packet_socket(const char *name)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x88b5) };
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(0x88b5));

	sll.sll_ifindex = if_nametoindex(name);
	VTEST(s >= 0 && bind(s, (struct sockaddr *)&sll, sizeof(sll)) == 0);
	return s;
}

static void
tap_carries_frames_both_ways(void)
{
	uint8_t buf[2048] = { 0 };
	const uint8_t *f = NULL;
	char err[256] = "";
	uint32_t len;
	int s, ret;

	if (unshare(CLONE_NEWNET) < 0)
		VTEST_SKIP("needs root for a network namespace of its own");
	up(1);
	ret = vsim_nic_wire(fx.nic, 0, "tap:vt0", err, sizeof(err));
	if (ret == -ENOENT || ret == -ENODEV) {
		down();
		VTEST_SKIP("no /dev/net/tun here");
	}
	VTEST_EQ(ret, 0);
	VTEST(strstr(vsim_nic_wire_spec(fx.nic, 0), "vt0") != NULL);
	/* The interface is in use: refused, and nothing changes. */
	VTEST_EQ(vsim_nic_wire(fx.nic, 1, "tap:vt0", err, sizeof(err)), -EBUSY);
	VTEST(strstr(err, "another process") != NULL);
	/* The interface is down: frames are lost. */
	send_frame(0, broadcast, mac_of(0), 0, 60);
	VTEST_EQ(COUNTERS(0)->queue[1].drop_wire, 1);

	interface_up("vt0");
	s = packet_socket("vt0");
	send_frame(0, broadcast, mac_of(0), 0, 600);
	VTEST_EQ(recv(s, buf, sizeof(buf), 0), 600);
	VTEST(memcmp(buf + 6, mac_of(0), 6) == 0 && buf[599] == (599 & 0xff));

	memcpy(buf, broadcast, 6);
	VTEST_EQ(send(s, buf, 700, 0), 700);
	poll_all();
	/* No buffers: the frame waits in the tap. */
	VTEST_EQ(COUNTERS(0)->queue[0].drop_no_buffer, 0);
	rx_fill(0, 8);
	for (unsigned int i = 0; i < 20 && f == NULL; i++) {
		poll_all();
		do {
			f = rx_take(0, &len); /* the kernel may send frames of its own */
		} while (f != NULL && !(f[12] == 0x88 && f[13] == 0xb5));
	}
	VTEST(f != NULL && len == 700);

	/* After a restart the driver receives no old frame. */
	VTEST_EQ(send(s, buf, 700, 0), 700);
	reg_write(fx.pf, "device_status", 0);
	driver_run(&d[0], fx.pf, mem[0],
			&(struct vsim_features){ { 1ull << VIRTIO_F_VERSION_1 |
					1ull << VIRTIO_F_ACCESS_PLATFORM |
					1ull << VIRTIO_F_RING_PACKED } },
			1, SIZE);
	rx_next[0] = 0;
	rx_fill(0, 8);
	poll_all();
	VTEST(rx_take(0, &len) == NULL);
	close(s);
	down();
}

/* ---------------------------------------------------------------- threads */

static void *
run_worker(void *arg)
{
	struct vsim_worker *w = arg;

	vsim_worker_run(w->nic, w == w->nic->workers[0] ? 0 : 1);
	return NULL;
}

/** Wires, resets and links change while two workers run; then both workers stop. */
static void
changes_under_running_workers_hang_nobody(void)
{
	pthread_t threads[2];
	unsigned int done = 0;

	up(2);
	for (unsigned int w = 0; w < 2; w++)
		VTEST_EQ(pthread_create(&threads[w], NULL, run_worker, fx.nic->workers[w]), 0);
	for (unsigned int i = 0; i < 300; i++) {
		static const char *const specs[] = { "gen:", "switch:a", "peer:2", "null",
			"switch:b", "gen:imix" };
		char err[256];

		for (unsigned int p = 0; p < PORTS; p++) {
			if (vsim_nic_wire(fx.nic, p, specs[(i + p) % NB(specs)], err,
					    sizeof(err)) == 0)
				done++;
			rx_fill(p, 1);
		}
		vsim_fn_link_set(vsim_nic_fn(fx.nic, i % PORTS), i % 3 != 0);
		/* Sometimes an invalid descriptor, so that workers also stop functions. */
		if (i % 50 == 49) {
			const struct ring_seg bad = { 0x10, 60 };

			ring_post(&d[i % PORTS].tx[0], &bad, 1, 0, 0, NULL);
			ring_doorbell_ring(&d[i % PORTS].tx[0]);
		}
		if (i == 150)
			vsim_fn_reset(vsim_nic_fn(fx.nic, 3));
		VTEST(vsim_worker_busy(fx.nic, 0) >= 0 && vsim_worker_busy(fx.nic, 1) <= 1000);
	}
	VTEST_EQ(vsim_worker_busy(fx.nic, 2), -1);
	vsim_worker_stop(fx.nic);
	for (unsigned int w = 0; w < 2; w++)
		pthread_join(threads[w], NULL);
	VTEST_EQ(done, 300 * PORTS);
	down();
}

static int64_t
ns_between(const struct timespec *a, const struct timespec *b)
{
	return (b->tv_sec - a->tv_sec) * INT64_C(1000000000) + b->tv_nsec - a->tv_nsec;
}

/* An idle worker sleeps, and still serves a doorbell soon. */
static void
an_idle_worker_sleeps_and_wakes(void)
{
	const struct timespec ms = { 0, 1000000 }, nap = { 0, 100000000 };
	struct timespec cpu0, cpu1, wall0, wall1;
	unsigned int waited = 0;
	pthread_t thread;
	clockid_t clock;

	up(1);
	VTEST_EQ(pthread_create(&thread, NULL, run_worker, fx.nic->workers[0]), 0);
	pthread_getcpuclockid(thread, &clock);
	nanosleep(&ms, NULL);
	clock_gettime(CLOCK_MONOTONIC, &wall0);
	clock_gettime(clock, &cpu0);
	nanosleep(&nap, NULL);
	clock_gettime(clock, &cpu1);
	clock_gettime(CLOCK_MONOTONIC, &wall1);
	wire(0, "gen:");
	rx_fill(0, 1);
	while (__atomic_load_n(&COUNTERS(0)->queue[0].packets, __ATOMIC_RELAXED) == 0 &&
			waited++ < 1000)
		nanosleep(&ms, NULL);
	vsim_worker_stop(fx.nic);
	pthread_join(thread, NULL);
	VTEST(waited < 500);
	/* An idle worker takes less than a fifth of the time that passes. */
	VTEST(ns_between(&cpu0, &cpu1) < ns_between(&wall0, &wall1) / 5);
	down();
}

/* A probe is a frame of another length. It is timed until it comes back, and passes the check. */
static void
gen_probes_the_latency_under_load(void)
{
	unsigned int probes = 0, others = 0;
	struct ring_seg seg;
	uint32_t len;
	uint16_t id;

	up(1);
	wire(0, "gen:size=60,probe=1,check=1,fill=headers");
	for (unsigned int round = 0; round < 200; round++) {
		rx_fill(0, 4);
		poll_all();
		while (ring_reap(&d[0].rx[0], &id, &len)) {
			VTEST(len == HDR + 60 || len == HDR + 64);
			if (len == HDR + 64)
				probes++;
			else
				others++;
			seg = (struct ring_seg){ FIXTURE_IOVA + RX_AT(rx_next[0]++ % 32), len };
			memset(mem[0] + (seg.addr - FIXTURE_IOVA), 0, HDR);
			ring_post(&d[0].tx[0], &seg, 1, 0, 0, NULL);
		}
		ring_doorbell_ring(&d[0].tx[0]);
		poll_all();
		while (ring_reap(&d[0].tx[0], &id, &len))
			;
	}
	VTEST_EQ(probes + others, 800);
	VTEST_EQ(probes, 4); /* Frames 1, 250 and so on, a probe at once and 250 frames apart. */
	VTEST_EQ(stat_of(0, "round_trips"), probes);
	VTEST(stat_of(0, "round_trip_p50_ns") > 0);
	VTEST_EQ(COUNTERS(0)->wire_bad, 0);
	down();
}

static const struct vtest_case cases[] = {
	{ "gen_probes_the_latency_under_load", gen_probes_the_latency_under_load },
	{ "bad_specifications_are_explained", bad_specifications_are_explained },
	{ "null_takes_all_and_gives_nothing", null_takes_all_and_gives_nothing },
	{ "frames_pass_between_peers", frames_pass_between_peers },
	{ "a_peer_without_buffers_loses_frames", a_peer_without_buffers_loses_frames },
	{ "plugging_a_peer_elsewhere_frees_the_other_end",
			plugging_a_peer_elsewhere_frees_the_other_end },
	{ "wires_outlive_their_functions", wires_outlive_their_functions },
	{ "a_switch_learns_floods_and_keeps_vlans_apart",
			a_switch_learns_floods_and_keeps_vlans_apart },
	{ "a_flood_of_addresses_does_not_grow_the_table",
			a_flood_of_addresses_does_not_grow_the_table },
	{ "pcap_plays_and_records", pcap_plays_and_records },
	{ "gen_frames_are_valid", gen_frames_are_valid },
	{ "gen_headers_leave_the_rest_of_the_buffer", gen_headers_leave_the_rest_of_the_buffer },
	{ "gen_stops_after_count", gen_stops_after_count },
	{ "gen_keeps_its_rate_and_counts_what_is_lost",
			gen_keeps_its_rate_and_counts_what_is_lost },
	{ "gen_does_not_catch_up_after_a_pause", gen_does_not_catch_up_after_a_pause },
	{ "gen_checks_what_comes_back", gen_checks_what_comes_back },
	{ "gen_times_one_frame_at_a_time", gen_times_one_frame_at_a_time },
	{ "trip_buckets_hold_their_times", trip_buckets_hold_their_times },
	{ "tap_carries_frames_both_ways", tap_carries_frames_both_ways },
	{ "changes_under_running_workers_hang_nobody", changes_under_running_workers_hang_nobody },
	{ "an_idle_worker_sleeps_and_wakes", an_idle_worker_sleeps_and_wakes },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
