/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * The instruction decoder of the preload, against what an assembler makes.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "../vsr-sim/shim/shim_decode.h"
#include "vtest.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct sample {
	const char *text;
	const char *bytes; /* Hexadecimal. */
	uint8_t width;
	bool write;
	uint8_t reg, reg_width;
	bool high, sign, immediate;
	uint64_t imm;
};

#define STORE(text, bytes, width, reg) { text, bytes, width, true, reg, width, false, false, false, 0 }
#define LOAD(text, bytes, width, reg) { text, bytes, width, false, reg, width, false, false, false, 0 }
#define EXTEND(text, bytes, width, reg, reg_width, sign)                                          \
	{ text, bytes, width, false, reg, reg_width, false, sign, false, 0 }
#define NUMBER(text, bytes, width, imm) { text, bytes, width, true, 0, 0, false, false, true, imm }

static const struct sample samples[] = {
	STORE("mov byte [rdi],al", "8807", 1, RAX),
	STORE("mov byte [rdi+0x14],sil", "40887714", 1, RSI),
	{ "mov byte [rdi],ah", "8827", 1, true, RAX, 1, true, false, false, 0 },
	STORE("mov byte [r8+r9*4+0x1234],r15b", "4788bc8834120000", 1, R15),
	STORE("mov word [rdi+0x18],si", "66897718", 2, RSI),
	STORE("mov word [r12],r9w", "6645890c24", 2, R9),
	STORE("mov dword [rdi],esi", "8937", 4, RSI),
	STORE("mov dword [rip+0x10],ecx", "890d10000000", 4, RCX),
	STORE("mov dword [0x1000],ecx", "890c2500100000", 4, RCX),
	STORE("mov qword [rbp-8],r10", "4c8955f8", 8, R10),
	LOAD("mov al,[rbx]", "8a03", 1, RAX),
	{ "mov bh,[rbx+4]", "8a7b04", 1, false, RBX, 1, true, false, false, 0 },
	LOAD("mov r11b,[rbx]", "448a1b", 1, R11),
	LOAD("mov dx,[rsp+8]", "668b542408", 2, RDX),
	LOAD("mov eax,[rcx+rdx*2]", "8b0451", 4, RAX),
	LOAD("mov r13d,[r13+0]", "458b6d00", 4, R13),
	LOAD("mov rax,[rdi+0x1000]", "488b8700100000", 8, RAX),
	LOAD("movabs al,[..]", "a08877665544332211", 1, RAX),
	LOAD("movabs eax,[..]", "a18877665544332211", 4, RAX),
	STORE("movabs [..],eax", "a38877665544332211", 4, RAX),
	STORE("movabs [..],rax", "48a38877665544332211", 8, RAX),
	LOAD("addr32 mov eax,[..]", "67a144332211", 4, RAX),
	NUMBER("mov byte [rdi+0x14],0x0f", "c647140f", 1, 0x0f),
	NUMBER("mov word [rdi+0x16],0xffff", "66c74716ffff", 2, 0xffff),
	NUMBER("mov dword [rdi],0x80000001", "c70701000080", 4, 0x80000001),
	NUMBER("mov qword [rdi],-2", "48c707feffffff", 8, (uint64_t)-2),
	NUMBER("mov byte [r13+0],1", "41c6450001", 1, 1),
	EXTEND("movzx eax,byte [rdi+0x14]", "0fb64714", 1, RAX, 4, false),
	EXTEND("movzx ecx,word [rdi+0x12]", "0fb74f12", 2, RCX, 4, false),
	EXTEND("movzx r9d,byte [r10]", "450fb60a", 1, R9, 4, false),
	EXTEND("movzx ax,byte [rdi]", "660fb607", 1, RAX, 2, false),
	EXTEND("movzx rax,word [rdi]", "480fb707", 2, RAX, 8, false),
	EXTEND("movsx eax,byte [rdi]", "0fbe07", 1, RAX, 4, true),
	EXTEND("movsx rdx,word [rdi]", "480fbf17", 2, RDX, 8, true),
	EXTEND("movsx ax,byte [rdi]", "660fbe07", 1, RAX, 2, true),
	EXTEND("movsxd rax,dword [rdi]", "486307", 4, RAX, 8, true),
	LOAD("mov eax,fs:[rdi]", "648b07", 4, RAX),
	LOAD("mov eax,[edi]", "678b07", 4, RAX),
};

/* No mov, or not of memory. */
static const char *const strangers[] = {
	"89c8", /* mov eax,ecx */
	"c6c001", /* mov al,1 in its long form */
	"c7c800000000", /* c7 with another operation */
	"830701", /* add dword [rdi],1 */
	"8707", /* xchg [rdi],eax */
	"f30f6f07", /* movdqu xmm0,[rdi] */
	"803f00", /* cmp byte [rdi],0 */
	"f0830f01", /* lock or dword [rdi],1 */
	"f3a4", /* rep movsb */
	"ffd0", /* call rax */
	"ff37", /* push [rdi] */
	"0fc307", /* movnti [rdi],eax */
	"0f0b", /* ud2 */
	"4866890f", /* a REX that does not count */
	"66666666666666666666666666668907", /* longer than an instruction can be */
	"f38907", /* a prefix that mov does not take */
};

static size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[0] != '\0'; hex += 2) {
		unsigned int byte;

		sscanf(hex, "%2x", &byte);
		out[n++] = byte;
	}
	return n;
}

static void
every_mov_is_decoded(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *want = &samples[i];
		uint8_t code[32];
		const size_t len = from_hex(want->bytes, code);
		struct shim_insn insn;
		const bool known = shim_decode(code, sizeof(code), &insn);
		const bool good = known && insn.len == len && insn.width == want->width &&
				insn.write == want->write && insn.immediate == want->immediate &&
				(want->immediate ? insn.imm == want->imm :
						insn.reg == want->reg &&
						insn.reg_width == want->reg_width &&
						insn.high_byte == want->high &&
						insn.sign == want->sign);

		if (!good)
			printf("# %s: known %d len %u width %u write %d reg %u of %u imm %llx\n",
					want->text, known, insn.len, insn.width, insn.write, insn.reg,
					insn.reg_width, (unsigned long long)insn.imm);
		VTEST(good);
	}
}

static void
other_instructions_are_left_alone(void)
{
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		uint8_t code[32] = { 0 };
		struct shim_insn insn;

		from_hex(strangers[i], code);
		if (shim_decode(code, sizeof(code), &insn))
			printf("# %s\n", strangers[i]);
		VTEST(!shim_decode(code, sizeof(code), &insn));
	}
}

static void
no_byte_behind_the_instruction_is_read(void)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	VTEST(page != MAP_FAILED);
	VTEST_EQ(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		uint8_t code[32];
		const size_t len = from_hex(samples[i].bytes, code);
		struct shim_insn insn;

		memcpy(page + 4096 - len, code, len);
		VTEST(shim_decode(page + 4096 - len, SHIM_INSN_MAX, &insn));
		/* One that is cut off is none. */
		for (size_t cut = 0; cut < len; cut++)
			VTEST(!shim_decode(code, cut, &insn));
	}
	munmap(page, 8192);
}

static void
random_bytes_do_no_harm(void)
{
	uint8_t code[SHIM_INSN_MAX];
	struct shim_insn insn;
	uint64_t seed = 1;

	for (unsigned int n = 0; n < 1000000; n++) {
		for (unsigned int i = 0; i < sizeof(code); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			code[i] = seed >> 56;
		}
		if (shim_decode(code, sizeof(code), &insn)) {
			VTEST(insn.len >= 2 && insn.len <= sizeof(code));
			VTEST(insn.reg < 16);
			VTEST(insn.width == 1 || insn.width == 2 || insn.width == 4 || insn.width == 8);
		}
	}
}

static void
results_are_merged_as_a_processor_does(void)
{
	static const struct {
		const char *bytes;
		uint64_t reg, value, want;
	} cases[] = {
		{ "8a03", 0x1122334455667788, 0xffab, 0x11223344556677ab }, /* al */
		{ "8a23", 0x1122334455667788, 0xab, 0x112233445566ab88 }, /* ah */
		{ "668b03", 0x1122334455667788, 0xabcd, 0x112233445566abcd }, /* ax */
		{ "8b03", 0x1122334455667788, 0xabcdef01, 0x00000000abcdef01 }, /* eax */
		{ "488b03", 0x1122334455667788, 0x99, 0x99 }, /* rax */
		{ "0fb603", 0x1122334455667788, 0x80, 0x80 }, /* movzx eax,byte */
		{ "0fbe03", 0x1122334455667788, 0x80, 0xffffff80 }, /* movsx eax,byte */
		{ "480fbe03", 0x1122334455667788, 0x80, 0xffffffffffffff80 },
		{ "660fbe03", 0x1122334455667788, 0x80, 0x112233445566ff80 },
		{ "486303", 0, 0x80000000, 0xffffffff80000000 }, /* movsxd */
	};
	struct shim_insn insn;
	uint8_t code[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t len = from_hex(cases[i].bytes, code);

		VTEST(shim_decode(code, len, &insn));
		VTEST_EQ(shim_insn_result(&insn, cases[i].reg, cases[i].value), cases[i].want);
	}
	VTEST(shim_decode(code, from_hex("8827", code), &insn)); /* mov [rdi],ah */
	VTEST_EQ(shim_insn_value(&insn, 0x1122334455667788), 0x77);
	VTEST(shim_decode(code, from_hex("668937", code), &insn)); /* mov [rdi],si */
	VTEST_EQ(shim_insn_value(&insn, 0x1122334455667788), 0x7788);
}

static const struct vtest_case cases[] = {
	{ "every_mov_is_decoded", every_mov_is_decoded },
	{ "other_instructions_are_left_alone", other_instructions_are_left_alone },
	{ "no_byte_behind_the_instruction_is_read", no_byte_behind_the_instruction_is_read },
	{ "random_bytes_do_no_harm", random_bytes_do_no_harm },
	{ "results_are_merged_as_a_processor_does", results_are_merged_as_a_processor_does },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
