/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-bench driver: measures the cost of each row of the path tables of net_vsr, without a NIC.
 *
 * The driver and the simulated NIC take turns on one core: the NIC is stepped until it has nothing
 * to do, then one burst is received and one burst is sent, and both are timed. All memory is in the
 * cache of this core, so the figure is the work of the driver without transfers of cache lines
 * between cores. Nothing waits, so the figure varies little.
 *
 * A sample is the sum over the bursts of one ring, so that work which a driver does once in several
 * bursts (refill, clean) is in every sample. The smallest of many samples is the cost without
 * disturbances.
 */

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "test/fixture/rig.h"
#include "count.h"
#include "machine.h"

#define RING 256
#define BURST_MAX 128
#define NB_MBUFS 4096
#define COUNTED 1 /* Number of samples whose instructions are counted. */

struct opts {
	const char *path; /* Measure rows whose name contains this text. */
	const char *profile;
	unsigned int burst, size, samples;
	bool json, count;
	bool shuffled; /* The NIC completes buffers out of order. */
};

static struct opts opts = { .burst = 32, .size = 64, .samples = 20000, .count = true };
static struct rte_mempool *pool;
static struct rig rig;
static uint64_t clock_cost; /* Cycles between two consecutive readings of the clock. */
static bool small_pages;
static bool first_row = true;

/* ------------------------------------------------------------------ a port to measure */

/** A set-up of device and driver. */
struct setup {
	const char *profile;
	bool packed, mrg;
	const char *rx_path, *tx_path; /* One of them is NULL: the driver chooses. */
};

/** As dpdk-testpmd: enable MBUF_FAST_FREE if the driver offers it. */
static int
port_start(uint16_t port)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(port, &info);
	if (ret != 0)
		return ret;
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, RING, 0, NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, RING, 0, NULL);
	return ret != 0 ? ret : rte_eth_dev_start(port);
}

static void
shuffle(struct vsim_nic_conf *conf)
{
	conf->shuffled_completions = true;
}

/** @return false when the device lacks the features for the wanted row. */
static bool
port_open(const struct setup *s)
{
	char args[128], wire[32];
	const struct rig_conf conf = { .profile = s->profile,
		.wire = wire,
		.pairs = 1,
		.queue_size = RING,
		.mtu = 1500,
		.tune = opts.shuffled ? shuffle : NULL };
	int ret;

	/* With IN_ORDER there is no other order. */
	snprintf(args, sizeof(args), "packed=%d,mrg_rxbuf=%d,%s%s=%s", s->packed, s->mrg,
			opts.shuffled ? "in_order=0," : "",
			s->rx_path != NULL ? "rx_path" : "tx_path",
			s->rx_path != NULL ? s->rx_path : s->tx_path);
	snprintf(wire, sizeof(wire), "gen:size=%u", opts.size - 4);
	rig_open_nic(&rig, &conf);
	ret = rig_probe(&rig, 0, args, false);
	if (ret == 0)
		ret = port_start(rig.fns[0].port);
	if (ret == 0)
		return true;
	rig_close_broken(&rig);
	return false;
}

/* ------------------------------------------------------------------ measuring */

struct cost {
	uint64_t rx, tx;
};

/** Time or count the bursts of one ring. @return false when a burst was not full. */
static bool
sample(struct cost *c, bool count)
{
	const uint16_t port = rig.fns[0].port;
	struct rte_mbuf *pkts[BURST_MAX];
	uint64_t t0, t1, t2;
	uint16_t nb_rx, nb_tx;
	bool full = true;

	*c = (struct cost){ 0 };
	for (unsigned int done = 0; done < RING; done += opts.burst) {
		rig_step(&rig);
		if (count) {
			count_start();
			nb_rx = rte_eth_rx_burst(port, 0, pkts, opts.burst);
			count_stop();
			c->rx += count_read(1);
			count_start();
			nb_tx = rte_eth_tx_burst(port, 0, pkts, nb_rx);
			count_stop();
			c->tx += count_read(1);
		} else {
			t0 = rte_rdtsc_precise();
			nb_rx = rte_eth_rx_burst(port, 0, pkts, opts.burst);
			t1 = rte_rdtsc_precise();
			nb_tx = rte_eth_tx_burst(port, 0, pkts, nb_rx);
			t2 = rte_rdtsc_precise();
			c->rx += t1 - t0 - clock_cost;
			c->tx += t2 - t1 - clock_cost;
		}
		rte_pktmbuf_free_bulk(&pkts[nb_tx], nb_rx - nb_tx);
		full &= nb_tx == opts.burst;
	}
	return full;
}

static void
clock_calibrate(void)
{
	clock_cost = UINT64_MAX;
	for (int i = 0; i < 10000; i++) {
		const uint64_t t0 = rte_rdtsc_precise();
		const uint64_t t1 = rte_rdtsc_precise();

		clock_cost = RTE_MIN(clock_cost, t1 - t0);
	}
}

/** Figures per packet, of one direction of a row. */
struct figure {
	double min, median;
	double instructions; /* Negative: not counted. */
};

static struct figure
figure_of(double *samples, unsigned int nb, uint64_t counted)
{
	qsort(samples, nb, sizeof(*samples), machine_ascending);
	return (struct figure){ samples[0], samples[nb / 2],
		opts.count ? (double)counted / RING / COUNTED : -1 };
}

/** Measure both directions of the open port. @return false when a burst was not full. */
static bool
measure(struct figure *rx, struct figure *tx)
{
	double *rxs = calloc(opts.samples, sizeof(*rxs)), *txs = calloc(opts.samples, sizeof(*txs));
	struct cost c, counted = { 0 };
	unsigned int nb = 0;
	bool good = true;

	VTEST(rxs != NULL && txs != NULL);
	/* The first round fills the transmit ring and the caches. */
	for (int i = 0; i < 4; i++)
		sample(&c, false);
	for (unsigned int i = 0; i < opts.samples; i++)
		if (sample(&c, false)) {
			rxs[nb] = (double)c.rx / RING;
			txs[nb++] = (double)c.tx / RING;
		}
	for (int i = 0; opts.count && i < COUNTED; i++) {
		good &= sample(&c, true);
		counted.rx += c.rx;
		counted.tx += c.tx;
	}
	good &= nb > opts.samples / 2;
	if (good) {
		*rx = figure_of(rxs, nb, counted.rx);
		*tx = figure_of(txs, nb, counted.tx);
	}
	free(rxs);
	free(txs);
	return good;
}

/* ------------------------------------------------------------------ rows */

static const char *
accepted(void)
{
	const struct vsr_dev *dev = rte_eth_devices[rig.fns[0].port].data->dev_private;
	static char text[64];

	snprintf(text, sizeof(text), "%s%s%s",
			vsr_has(dev, VIRTIO_F_RING_PACKED) ? "packed" : "split",
			vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF) ? "+mrg" : "",
			vsr_has(dev, VIRTIO_F_IN_ORDER) ? "+in_order" : "");
	return text;
}

static void
row_print(const char *direction, const char *name, const char *profile, const struct figure *f)
{
	char instructions[16] = "n/a";

	if (f->instructions >= 0)
		snprintf(instructions, sizeof(instructions), "%.1f", f->instructions);
	if (!opts.json) {
		printf("%-3s %-20s %-10s %-20s %7.1f %7.1f %8s\n", direction, name, profile,
				accepted(), f->min, f->median, instructions);
		fflush(stdout);
		return;
	}
	printf("%s\n  {\"direction\": \"%s\", \"path\": \"%s\", \"profile\": \"%s\", "
	       "\"accepted\": \"%s\", \"cycles_min\": %.2f, \"cycles_median\": %.2f, "
	       "\"instructions\": %s}",
			first_row ? "" : ",", direction, name, profile, accepted(), f->min,
			f->median, f->instructions < 0 ? "null" : instructions);
	first_row = false;
}

/** Measure the row if the device has the features for it. @return whether it has. */
static bool
row_run(const struct setup *s)
{
	const char *name = s->rx_path != NULL ? s->rx_path : s->tx_path;
	struct figure rx, tx;

	if (!port_open(s))
		return false;
	if (!measure(&rx, &tx)) {
		fprintf(stderr,
				"vsr-bench driver: %s on %s received a burst that was not full, "
				"although the generator always has packets: no figure.\n",
				name, s->profile);
		rig_close_broken(&rig);
		return true;
	}
	row_print(s->rx_path != NULL ? "rx" : "tx", name, s->profile,
			s->rx_path != NULL ? &rx : &tx);
	rig_close(&rig);
	return true;
}

/** Measure a row with mergeable buffers, or without if the row does not support them. */
static unsigned int
row_find(const char *profile, bool is_rx, const char *name)
{
	struct setup s = { .profile = profile };
	unsigned int nb = 0;

	if (opts.path != NULL && strstr(name, opts.path) == NULL)
		return 0;
	*(is_rx ? &s.rx_path : &s.tx_path) = name;
	for (int packed = 1; packed >= 0; packed--) {
		s.packed = packed;
		s.mrg = true;
		if (!row_run(&s)) {
			s.mrg = false;
			if (!row_run(&s))
				continue;
		}
		nb++;
	}
	return nb;
}

static unsigned int
profile_run(const char *profile)
{
	unsigned int nb = 0;

	for (const struct vsr_rx_path *p = vsr_rx_paths; p->name != NULL; p++)
		nb += row_find(profile, true, p->name);
	for (const struct vsr_tx_path *p = vsr_tx_paths; p->name != NULL; p++)
		nb += row_find(profile, false, p->name);
	return nb;
}

static int
run(void)
{
	static const char *const profiles[] = { "full", "bluefield" };
	unsigned int nb = 0;

	if (opts.json)
		printf("{\"burst\": %u, \"size\": %u, \"completion\": \"%s\", "
		       "\"tsc_mhz\": %.0f, \"rows\": [",
				opts.burst, opts.size, opts.shuffled ? "shuffled" : "ordered",
				rte_get_tsc_hz() / 1e6);
	else
		printf("The driver alone, %u bytes, bursts of %u, completion %s, "
		       "cycles of a %.0f MHz clock%s\n"
		       "%-3s %-20s %-10s %-20s %7s %7s %8s\n",
				opts.size, opts.burst, opts.shuffled ? "shuffled" : "ordered",
				rte_get_tsc_hz() / 1e6, small_pages ? ", no hugepages" : "", "",
				"PATH", "PROFILE", "ACCEPTED", "MIN", "MEDIAN", "INSTR");
	for (size_t i = 0; i < RTE_DIM(profiles); i++)
		if (opts.profile == NULL || strcmp(opts.profile, profiles[i]) == 0)
			nb += profile_run(profiles[i]);
	if (opts.json)
		printf("\n]}\n");
	if (nb > 0)
		return 0;
	fprintf(stderr, "vsr-bench driver: no path for these options has \"%s\" in its name.\n",
			opts.path != NULL ? opts.path : "");
	return 1;
}

/* ------------------------------------------------------------------ command line */

static const char help[] =
		"Usage: vsr-bench driver [--path TEXT] [--profile NAME] [--burst N] [--size BYTES]\n"
		"                        [--completion ORDER] [--samples N] [--no-instructions] [--json]\n\n"
		"The driver alone: cycles and instructions per packet of each row of its path tables,\n"
		"separately for receive and transmit. Driver and simulated NIC take turns on one core,\n"
		"with all memory in its cache and without waits: a change of a few per cent is visible.\n\n"
		"  --path TEXT        rows whose name contains TEXT (default: all)\n"
		"  --profile NAME     full or bluefield (default: both)\n"
		"  --burst N          packets per burst, 1..128 and a power of two (default 32)\n"
		"  --size BYTES       size of a frame with its check sequence, 64..1518 (default 64)\n"
		"  --completion ORDER ordered (default), or shuffled: a NIC that completes buffers out of\n"
		"                     order, without IN_ORDER\n"
		"  --samples N        samples of 256 packets each, 10..1000000 (default 20000)\n"
		"  --no-instructions  cycles only: some seconds less\n"
		"  --json             one object for programs\n\n"
		"MIN is what to compare between two builds, INSTR is exact. ACCEPTED is what the device\n"
		"and the driver agreed on. For instance, while working on the receive path:\n\n"
		"  vsr-bench driver --path packed --profile bluefield --no-instructions\n";

static int
usage(const char *what, const char *value, const char *want)
{
	fprintf(stderr, "vsr-bench driver: %s %s is not %s (see vsr-bench driver --help)\n", what,
			value, want);
	return 2;
}

/** @return -1 to go on, else the exit code. */
static int
parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "path", required_argument, NULL, 'p' },
		{ "profile", required_argument, NULL, 'f' },
		{ "burst", required_argument, NULL, 'b' },
		{ "size", required_argument, NULL, 's' },
		{ "completion", required_argument, NULL, 'c' },
		{ "samples", required_argument, NULL, 'n' },
		{ "no-instructions", no_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			opts.path = optarg;
		else if (c == 'f')
			opts.profile = optarg;
		else if (c == 'i')
			opts.count = false;
		else if (c == 'j')
			opts.json = true;
		else if (c == 'b' &&
				(!machine_number(optarg, 1, BURST_MAX, &opts.burst) ||
						(opts.burst & (opts.burst - 1)) != 0))
			return usage("--burst", optarg, "a power of two from 1 to 128");
		else if (c == 's' && !machine_number(optarg, 64, 1518, &opts.size))
			return usage("--size", optarg, "a number from 64 to 1518");
		else if (c == 'n' && !machine_number(optarg, 10, 1000000, &opts.samples))
			return usage("--samples", optarg, "a number from 10 to 1000000");
		else if (c == 'c' && strcmp(optarg, "shuffled") == 0)
			opts.shuffled = true;
		else if (c == 'c' && strcmp(optarg, "ordered") != 0)
			return usage("--completion", optarg, "ordered or shuffled");
		else if (c == 'h') {
			fputs(help, stdout);
			return 0;
		} else if (c == '?')
			return 2;
	}
	if (optind < argc)
		return usage("argument", argv[optind], "an option");
	if (opts.profile != NULL && strcmp(opts.profile, "full") != 0 &&
			strcmp(opts.profile, "bluefield") != 0)
		return usage("--profile", opts.profile, "full or bluefield");
	return -1;
}

int
main(int argc, char **argv)
{
	int ret = parse(argc, argv);

	if (ret >= 0)
		return ret;
	if (machine_eal("vsr-bench driver", (unsigned int)sched_getcpu(), &small_pages) != 0)
		return 1;
	if (setjmp(vtest_leave) != 0) {
		fprintf(stderr, "vsr-bench driver: %s\n", vtest_why);
		return 1;
	}
	pool = rte_pktmbuf_pool_create("bench", NB_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	VTEST(pool != NULL);
	if (opts.count && !count_init()) {
		fprintf(stderr, "vsr-bench driver: this processor cannot count instructions.\n");
		opts.count = false;
	}
	clock_calibrate();
	ret = run();
	rte_eal_cleanup();
	return ret;
}
