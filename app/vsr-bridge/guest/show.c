/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Guests as JSON. */

#include <inttypes.h>
#include <string.h>

#include <rte_pmd_vdpa_vsr.h>

#include "show.h"

static const char *const states[] = { "waiting", "starting", "running", "ending", "stuck" };
static const char *const signals[] = { "off", "mapped", "relayed" };

/* ---------------------------------------------------------------- for all kinds */

json_t *
show_common(const struct guest *guest)
{
	json_t *out = conf_json(&guest->conf);

	json_object_del(out, "uid");
	json_object_del(out, "access");
	json_object_set_new(out, "state", json_string(states[guest->state]));
	json_object_set_new(out, "reason", json_string(guest->why.text));
	return out;
}

void
show_shared_memory(json_t *options)
{
	static const char *const texts[] = { "-m 1G",
		"-object memory-backend-memfd,id=vsr-mem,size=1G,share=on",
		"-machine q35,memory-backend=vsr-mem" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_array_append_new(options, json_string(texts[i]));
}

/* ---------------------------------------------------------------- guests on vhost-user */

/* What a guest and its VF do, in whichever mode. */
struct view {
	bool has_vf; /* If not, all below is zero. */
	const char *mode; /* That runs. */
	char reason[RTE_PMD_VDPA_VSR_TEXT]; /* Why. */
	bool running, link_up, packed, logging;
	unsigned int max_pairs, nb_pairs;
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t speed;
	uint64_t features_device, features_offered, features_guest, features_vf;
	uint64_t nb_attached, nb_repaired, nb_slow_resets;
};

static void
view_vdpa(const struct guest *guest, struct view *view)
{
	static const char *const modes[] = { "none", "direct", "relay" };
	struct rte_pmd_vdpa_vsr_info info;

	if (rte_pmd_vdpa_vsr_info_get(guest->bdf, &info) != 0)
		return;
	*view = (struct view){
		.has_vf = true,
		.mode = modes[info.running],
		.running = info.nb_queues != 0,
		.link_up = info.link_up,
		.packed = info.packed,
		.logging = info.logging,
		.max_pairs = info.max_pairs,
		.nb_pairs = info.nb_pairs,
		.mtu = info.mtu,
		.speed = info.speed,
		.features_device = info.features_device,
		.features_offered = info.features_offered,
		.features_guest = info.features_guest,
		.features_vf = info.features_vf,
		.nb_attached = info.nb_attached,
		.nb_repaired = info.nb_repaired,
		.nb_slow_resets = info.nb_slow_resets,
	};
	memcpy(view->mac, info.mac, sizeof(view->mac));
	memcpy(view->reason, info.reason, sizeof(view->reason));
}

static void
view_copy(const struct guest *guest, struct view *view)
{
	struct copy_info info;

	copy_info(guest->copy, &info);
	*view = (struct view){
		.has_vf = true,
		.mode = info.attached && !info.blocked ? "copy" : "none",
		.running = info.attached && !info.blocked,
		.link_up = info.link_up,
		.packed = info.packed,
		.logging = info.logging,
		.max_pairs = info.max_pairs,
		.nb_pairs = info.nb_pairs,
		.mtu = info.mtu,
		.speed = info.speed,
		.features_device = info.features_device,
		.features_offered = info.features_offered,
		.features_guest = info.features_guest,
		.features_vf = info.features_vf,
		.nb_attached = info.nb_attached,
		.nb_repaired = info.nb_repaired,
	};
	memcpy(view->mac, info.mac, sizeof(view->mac));
	snprintf(view->reason, sizeof(view->reason), "%s",
			info.blocked ? "the front end has filled an interrupt descriptor" :
				       "as asked");
}

static json_t *
queue_vdpa(const struct guest *guest, unsigned int i)
{
	struct rte_pmd_vdpa_vsr_queue_info q;

	if (rte_pmd_vdpa_vsr_queue_info_get(guest->bdf, (uint16_t)i, &q) != 0)
		return NULL;
	return json_pack("{s:i, s:b, s:b, s:i, s:i, s:s, s:s, s:I, s:I, s:I}", "queue", (int)i,
			"running", q.running, "enabled", q.enabled, "size", (int)q.size, "position",
			(int)q.position, "doorbell", signals[q.doorbell], "interrupt",
			signals[q.interrupt], "doorbells", (json_int_t)q.nb_doorbells, "interrupts",
			(json_int_t)q.nb_interrupts, "relayed_buffers", (json_int_t)q.nb_buffers);
}

static json_t *
queue_copy(const struct guest *guest, unsigned int i)
{
	struct copy_queue_info q;

	if (!copy_queue_info(guest->copy, i, &q))
		return NULL;
	return json_pack("{s:i, s:b, s:b, s:I, s:I, s:I}", "queue", (int)i, "running", q.enabled,
			"enabled", q.enabled, "packets", (json_int_t)q.packets, "bytes",
			(json_int_t)q.bytes, "drops", (json_int_t)q.drops);
}

static const struct shown {
	void (*view)(const struct guest *guest, struct view *view);
	json_t *(*queue)(const struct guest *guest, unsigned int i); /* NULL: no such queue. */
} modes[GUEST_NB_MODES] = {
	[GUEST_DIRECT] = { view_vdpa, queue_vdpa },
	[GUEST_RELAY] = { view_vdpa, queue_vdpa },
	[GUEST_COPY] = { view_copy, queue_copy },
};

static void
get_view(const struct guest *guest, struct view *view)
{
	*view = (struct view){ .mode = "none" };
	if (guest->state == GUEST_RUNNING)
		modes[guest->conf.mode].view(guest, view);
}

static json_t *
show_front_end(const struct guest *guest)
{
	struct gate_port_info info = { .connected = false };

	if (guest->port != NULL)
		gate_port_info(guest->port, &info);
	return json_pack("{s:b, s:o, s:b, s:i, s:I, s:I, s:I, s:s}", "connected", info.connected,
			"pid", info.pid != 0 ? json_integer(info.pid) : json_null(),
			"another_waits", info.waiting, "regions", (int)info.regions, "memory",
			(json_int_t)info.bytes, "connections", (json_int_t)info.connections,
			"refused", (json_int_t)info.refused, "last_end", info.last);
}

/* Why the guest runs as it does, or does not run; empty: there is nothing to say. */
static const char *
reason(const struct guest *guest, const struct view *view)
{
	return guest->state != GUEST_RUNNING ? guest->why.text : view->reason;
}

json_t *
show_guest(const struct guest *guest)
{
	struct view view;
	json_t *out = show_common(guest);

	get_view(guest, &view);
	json_object_set(out, "wanted", json_object_get(out, "mode"));
	json_object_set_new(out, "mode", json_string(view.mode));
	json_object_set_new(out, "reason", json_string(reason(guest, &view)));
	json_object_set_new(out, "pci", view.has_vf ? json_string(guest->bdf) : json_null());
	json_object_set_new(out, "front_end", show_front_end(guest));
	json_object_set_new(out, "running", json_boolean(view.running));
	return out;
}

/* ---------------------------------------------------------------- in full */

static json_t *
show_mac(const uint8_t mac[6])
{
	static const uint8_t none[6];
	char text[CONF_MAC_LEN];

	if (memcmp(mac, none, sizeof(none)) == 0)
		return json_null();
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
	return json_string(text);
}

static json_t *
show_bits(uint64_t bits)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%016" PRIx64, bits);
	return json_string(text);
}

static json_t *
show_queues(const struct guest *guest)
{
	json_t *out = json_array();

	for (unsigned int i = 0; guest->state == GUEST_RUNNING && i < 2 * guest->conf.pairs; i++) {
		json_t *queue = modes[guest->conf.mode].queue(guest, i);

		if (queue != NULL)
			json_array_append_new(out, queue);
	}
	return out;
}

/* A path inside of an option: QEMU takes two commas for one. */
static const char *
option_path(const char *path, char out[2 * sizeof(((struct guest_conf *)0)->socket)])
{
	size_t len = 0;

	for (; *path != '\0'; path++) {
		if (*path == ',')
			out[len++] = ',';
		out[len++] = *path;
	}
	out[len] = '\0';
	return out;
}

/* An option as a shell takes it: in quotes if it has more than the usual characters. */
json_t *
show_shell_word(const char *option, json_t *value)
{
	static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+=:,./";
	const char *text = json_string_value(value);
	char word[1200];
	size_t len = 0;
	json_t *out;

	if (text[strspn(text, usual)] == '\0') {
		out = json_sprintf("%s %s", option, text);
		json_decref(value);
		return out;
	}
	for (; *text != '\0' && len < sizeof(word) - 5; text++) {
		if (*text == '\'') /* ends the quotes, stands alone, and begins them again */
			len += (size_t)snprintf(word + len, 5, "'\\''");
		else
			word[len++] = *text;
	}
	word[len] = '\0';
	out = json_sprintf("%s '%s'", option, word);
	json_decref(value);
	return out;
}

/* The options that make QEMU the front end, ready to paste. */
static json_t *
show_qemu(const struct guest *guest, const struct view *view)
{
	const struct guest_conf *conf = &guest->conf;
	json_t *mac = conf->mac[0] != '\0' ? json_string(conf->mac) : show_mac(view->mac);
	char many[64] = "", path[2 * sizeof(conf->socket)];
	json_t *out = json_array();

	if (conf->pairs > 1)
		snprintf(many, sizeof(many), ",mq=on,vectors=%u", 2 * conf->pairs + 2);
	show_shared_memory(out);
	json_array_append_new(out,
			show_shell_word("-chardev",
					json_sprintf("socket,id=vsr-vf%u,path=%s,%s", conf->vf,
							option_path(conf->socket, path),
							conf->server ? "reconnect-ms=500" :
								       "server=on,wait=off")));
	json_array_append_new(out,
			json_sprintf("-netdev vhost-user,id=vsr-net%u,chardev=vsr-vf%u,queues=%u",
					conf->vf, conf->vf, conf->pairs));
	json_array_append_new(out,
			json_sprintf("-device virtio-net-pci,netdev=vsr-net%u%s%s%s%s", conf->vf,
					json_is_string(mac) ? ",mac=" : "",
					json_is_string(mac) ? json_string_value(mac) : "", many,
					conf->doorbell_mapped ? ",page-per-vq=on" : ""));
	json_decref(mac);
	return out;
}

json_t *
show_guest_in_full(const struct guest *guest)
{
	struct view view;
	json_t *out = show_guest(guest);

	get_view(guest, &view);
	if (view.has_vf) {
		json_object_set_new(out, "vf_info",
				json_pack("{s:i, s:b, s:o, s:o, s:o}", "max_pairs",
						(int)view.max_pairs, "link_up", view.link_up, "mac",
						show_mac(view.mac), "mtu",
						view.mtu != 0 ? json_integer(view.mtu) :
								json_null(),
						"speed",
						view.speed != UINT32_MAX ?
								json_integer(view.speed) :
								json_null()));
		json_object_set_new(out, "features",
				json_pack("{s:o, s:o, s:o, s:o, s:b, s:b}", "device",
						show_bits(view.features_device), "offered",
						show_bits(view.features_offered), "guest",
						show_bits(view.features_guest), "vf",
						show_bits(view.features_vf), "packed", view.packed,
						"logging", view.logging));
		json_object_set_new(out, "pairs", json_integer(view.nb_pairs));
		json_object_set_new(out, "queue_list", show_queues(guest));
	}
	json_object_set_new(out, "qemu", show_qemu(guest, &view));
	return out;
}

/* ---------------------------------------------------------------- counters */

json_t *
show_guest_stats(const struct guest *guest)
{
	struct gate_port_info port = { .connected = false };
	struct view view;

	get_view(guest, &view);
	if (guest->port != NULL)
		gate_port_info(guest->port, &port);
	return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "pf",
			guest->conf.pf, "vf", (int)guest->conf.vf, "connections",
			(json_int_t)port.connections, "refused", (json_int_t)port.refused,
			"messages", (json_int_t)port.messages, "calls", (json_int_t)port.calls,
			"calls_unanswered", (json_int_t)port.calls_unanswered, "attached",
			(json_int_t)view.nb_attached, "repaired", (json_int_t)view.nb_repaired,
			"slow_resets", (json_int_t)view.nb_slow_resets, "queue_list",
			show_queues(guest));
}
