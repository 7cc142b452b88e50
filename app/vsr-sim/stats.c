/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * vsr-sim stats: the counters of a running simulator, as a table of 80 columns or as JSON.
 *
 * RX and TX are those of the driver: RX counts packets that the NIC wrote to buffers.
 */

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "ctl.h"
#include "virtio_spec/pci.h"
#include "virtio_spec/rules.h"

enum { OPT_DIR = CLI_OPT_DIR, OPT_JSON };

static const struct cli_opt opts[] = {
	CLI_OPT_DIR_ROW,
	{ "json", OPT_JSON, NULL, "print JSON" },
	{ 0 },
};

static json_int_t
value(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *
string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* Format a count in at most 8 characters. */
static const char *
short_count(json_int_t count, char out[24])
{
	static const char units[] = "MGTPE";
	double scaled = (double)count;
	int unit = -1;

	if (count < 0)
		count = 0;
	if (count < 10000000) {
		snprintf(out, 24, "%lld", (long long)count);
		return out;
	}
	for (scaled /= 1e6, unit = 0; scaled >= 1000 && unit < 4; unit++)
		scaled /= 1000;
	snprintf(out, 24, "%.2f%c", scaled, units[unit]);
	return out;
}

static const char *
per_thousand(json_int_t events, json_int_t packets, char out[24])
{
	if (packets == 0)
		return "-";
	snprintf(out, 24, "%.1f", 1000.0 * (double)events / (double)packets);
	return out;
}

/* State of the driver, from the bits of the device status. */
static const char *
driver_state(const json_t *fn)
{
	json_int_t status = value(fn, "status");

	if (status & (VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED))
		return "broken";
	if (!json_is_true(json_object_get(fn, "link")))
		return "nolink";
	return status & VIRTIO_STATUS_DRIVER_OK ? "up" : status != 0 ? "init" : "idle";
}

static void
print_functions(const json_t *answer)
{
	const json_t *functions = json_object_get(answer, "functions"), *fn;
	size_t i;

	printf("%-12s %-5s %-6s %8s %8s %9s %8s %8s %6s\n", "FUNCTION", "NAME", "STATE", "RX", "TX",
			"DOORBELLS", "PER 1000", "DROPS", "BROKEN");
	json_array_foreach(functions, i, fn)
	{
		json_int_t rx = value(fn, "rx_packets"), tx = value(fn, "tx_packets");
		json_int_t doorbells = value(fn, "doorbells");
		char b[6][24];

		printf("%-12s %-5s %-6s %8s %8s %9s %8s %8s %6s\n", string(fn, "function"),
				string(fn, "name"), driver_state(fn), short_count(rx, b[0]),
				short_count(tx, b[1]), short_count(doorbells, b[2]),
				per_thousand(doorbells, rx + tx, b[3]),
				short_count(value(fn, "drops"), b[4]),
				short_count(value(fn, "violations"), b[5]));
	}
}

/* Print the words of an array, wrapped. */
static void
print_words(const char *title, const json_t *words)
{
	const json_t *word;
	size_t i, column = 0;

	printf("%-12s", title);
	json_array_foreach(words, i, word)
	{
		const char *text = json_string_value(word);

		if (text == NULL)
			continue;
		if (column != 0 && column + 1 + strlen(text) > 66) {
			printf("\n%-12s", "");
			column = 0;
		}
		printf(" %s", text);
		column += 1 + strlen(text);
	}
	printf("\n");
}

static json_int_t
drops_of(const json_t *queue)
{
	json_int_t sum = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)queue, key, v)
	{
		if (strncmp(key, "drop_", 5) == 0)
			sum += json_integer_value(v);
	}
	return sum;
}

static void
print_queues(const json_t *queues)
{
	const json_t *q;
	size_t i;

	if (json_array_size(queues) == 0)
		return;
	printf("\n%-5s %-7s %8s %8s %8s %9s %8s %9s %8s\n", "QUEUE", "KIND", "PACKETS", "BYTES",
			"DESCS", "DOORBELLS", "SPURIOUS", "INTERRUPT", "DROPS");
	json_array_foreach(queues, i, q)
	{
		char b[7][24];

		printf("%-5lld %-7s %8s %8s %8s %9s %8s %9s %8s\n", (long long)value(q, "queue"),
				string(q, "kind"), short_count(value(q, "packets"), b[0]),
				short_count(value(q, "bytes"), b[1]),
				short_count(value(q, "descriptors"), b[2]),
				short_count(value(q, "doorbells"), b[3]),
				short_count(value(q, "doorbells_spurious"), b[4]),
				short_count(value(q, "interrupts"), b[5]),
				short_count(drops_of(q), b[6]));
	}
}

/* A sentence, wrapped to the screen. */
static void
print_wrapped(const char *text)
{
	const size_t width = 76;

	while (strlen(text) > width) {
		size_t n = width;

		while (n > 1 && text[n] != ' ')
			n--;
		printf("  %.*s\n", (int)n, text);
		text += n + 1;
	}
	printf("  %s\n", text);
}

/* Below a counter of violations: the section of the specification, and what its rule demands. */
static void
print_rule(const char *counter)
{
	static const struct {
		unsigned int number;
		const char *section, *text;
	} rules[] = {
#define RULE(name, number, section, title, text) { number, section, text },
		VIRTIO_RULES(RULE)
#undef RULE
	};
	unsigned int number;

	if (sscanf(counter, "violation_C%u", &number) != 1)
		return;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].number == number) {
			printf("  virtio 1.4 %s:\n", rules[i].section);
			print_wrapped(rules[i].text);
		}
}

static void
print_function(const json_t *fn)
{
	json_int_t packets = value(fn, "rx_packets") + value(fn, "tx_packets");
	const char *key;
	json_t *count;
	char b[24];

	printf("%s (%s): %s, link %s, device status 0x%02llx\n", string(fn, "function"),
			string(fn, "name"), driver_state(fn),
			json_is_true(json_object_get(fn, "link")) ? "up" : "down",
			(long long)value(fn, "status"));
	printf("%-12s %s\n", "mac", string(fn, "mac"));
	printf("%-12s %s\n", "wire", string(fn, "wire"));
	printf("%-12s %lld in use\n", "queue pairs", (long long)value(fn, "queue_pairs"));
	printf("%-12s %lld bytes mapped\n", "dma", (long long)value(fn, "dma_bytes"));
	printf("%-12s %s per 1000 packets\n", "doorbells",
			per_thousand(value(fn, "doorbells"), packets, b));
	print_words("offered", json_object_get(fn, "offered"));
	print_words("accepted", json_object_get(fn, "accepted"));
	print_queues(json_object_get(fn, "queues"));
	printf("\n");
	json_object_foreach(json_object_get(fn, "counters"), key, count)
	{
		if (json_integer_value(count) == 0)
			continue;
		printf("%-32s %lld\n", key, (long long)json_integer_value(count));
		print_rule(key);
	}
}

static void
print_header(const json_t *answer)
{
	const json_t *busy = json_object_get(answer, "workers_busy_permille"), *worker;
	size_t i;

	printf("%s: profile %s, %lld of %lld VFs, data plane busy", string(answer, "dir"),
			string(answer, "profile"), (long long)value(answer, "vfs"),
			(long long)value(answer, "total_vfs"));
	json_array_foreach(busy, i, worker)
			printf(" %.0f%%", (double)json_integer_value(worker) / 10);
	printf("\n");
}

static int
run(struct cli_args *args)
{
	const char *asked = NULL, *function = NULL;
	char dir[SIM_DIR_MAX];
	bool json = false;
	json_t *request, *answer;
	int opt;

	while ((opt = cli_next(args)) != CLI_END) {
		if (opt == CLI_BAD)
			return CLI_USAGE;
		if (opt == CLI_HELP)
			return CLI_OK;
		if (opt == OPT_DIR)
			asked = args->value;
		else if (opt == OPT_JSON)
			json = true;
		else if (function == NULL)
			function = args->value;
		else
			return cli_usage(args, "unexpected argument %s", args->value);
	}
	if (!sim_dir(asked, dir))
		return CLI_REFUSED;
	request = json_pack("{s:s}", "cmd", "stats");
	if (function != NULL)
		json_object_set_new(request, "function", json_string(function));
	answer = ctl_call(dir, request);
	if (answer == NULL)
		return CLI_REFUSED;
	if (json) {
		json_object_del(answer, "ok");
		json_dumpf(answer, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (function != NULL) {
		print_function(json_array_get(json_object_get(answer, "functions"), 0));
	} else {
		print_header(answer);
		print_functions(answer);
	}
	json_decref(answer);
	return CLI_OK;
}

const struct cli_cmd cmd_stats = {
	.name = "stats",
	.args = "[FUNCTION] [--json] [--dir DIR]",
	.help = "Show counters of a running simulator",
	.opts = opts,
	.notes = "Without FUNCTION, one row for each function. With FUNCTION (pf, vf1, ... or a\n"
		 "PCI address), its features, queues, drops by cause, and violations by rule.\n"
		 "RX and TX are the driver's. BROKEN counts violations of virtio by the driver.\n",
	.run = run,
};
