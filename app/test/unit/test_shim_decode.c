/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The instruction decoder of the preload, compared with the output of an assembler. */

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vsr-sim/shim/shim_decode.h"
#include "test/fixture/vtest.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct sample {
	const char *text;
	const char *bytes; /* Hexadecimal. */
	uint8_t width;
	enum shim_op op;
	bool to_memory;
	uint8_t reg, reg_width;
	bool high, sign, immediate;
	uint64_t imm;
};

#define HIGH(text, bytes, to_memory, reg)                                          \
	{                                                                          \
		text, bytes, 1, SHIM_MOV, to_memory, reg, 1, true, false, false, 0 \
	}
#define TO(op, text, bytes, width, reg)                                          \
	{                                                                        \
		text, bytes, width, op, true, reg, width, false, false, false, 0 \
	}
#define FROM(op, text, bytes, width, reg)                                         \
	{                                                                         \
		text, bytes, width, op, false, reg, width, false, false, false, 0 \
	}
#define STORE(text, bytes, width, reg) TO(SHIM_MOV, text, bytes, width, reg)
#define LOAD(text, bytes, width, reg) FROM(SHIM_MOV, text, bytes, width, reg)
#define EXTEND(text, bytes, width, reg, reg_width, sign)                                   \
	{                                                                                  \
		text, bytes, width, SHIM_MOV, false, reg, reg_width, false, sign, false, 0 \
	}
#define NUMBER(op, text, bytes, width, imm)                                             \
	{                                                                               \
		text, bytes, width, op, true, 0, 0, false, false, true, (uint64_t)(imm) \
	}

static const struct sample samples[] = {
	STORE("mov byte [rdi],al", "8807", 1, RAX),
	STORE("mov byte [rdi+0x14],sil", "40887714", 1, RSI),
	HIGH("mov byte [rdi],ah", "8827", true, RAX),
	STORE("mov byte [r8+r9*4+0x1234],r15b", "4788bc8834120000", 1, R15),
	STORE("mov word [rdi+0x18],si", "66897718", 2, RSI),
	STORE("mov word [r12],r9w", "6645890c24", 2, R9),
	STORE("mov dword [rdi],esi", "8937", 4, RSI),
	STORE("mov dword [rip+0x10],ecx", "890d10000000", 4, RCX),
	STORE("mov dword [0x1000],ecx", "890c2500100000", 4, RCX),
	STORE("mov qword [rbp-8],r10", "4c8955f8", 8, R10),
	LOAD("mov al,[rbx]", "8a03", 1, RAX),
	HIGH("mov bh,[rbx+4]", "8a7b04", false, RBX),
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
	NUMBER(SHIM_MOV, "mov byte [rdi+0x14],0x0f", "c647140f", 1, 0x0f),
	NUMBER(SHIM_MOV, "mov word [rdi+0x16],0xffff", "66c74716ffff", 2, -1),
	NUMBER(SHIM_MOV, "mov dword [rdi],0x80000001", "c70701000080", 4, (int32_t)0x80000001),
	NUMBER(SHIM_MOV, "mov qword [rdi],-2", "48c707feffffff", 8, -2),
	NUMBER(SHIM_MOV, "mov byte [r13+0],1", "41c6450001", 1, 1),
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
	/* What clang makes of "if (*reg == 0)" and the like, and of "*reg |= 1". */
	NUMBER(SHIM_CMP, "cmp byte [rdi+0x14],0", "807f1400", 1, 0),
	NUMBER(SHIM_CMP, "cmp word [rdi],-1", "66833fff", 2, -1),
	NUMBER(SHIM_CMP, "cmp word [rdi],0x1234", "66813f3412", 2, 0x1234),
	NUMBER(SHIM_CMP, "cmp dword [rax+0x900],0", "83b80009000000", 4, 0),
	NUMBER(SHIM_CMP, "cmp dword [rdi],0x12345678", "813f78563412", 4, 0x12345678),
	NUMBER(SHIM_CMP, "cmp qword [rdi],-2", "48833ffe", 8, -2),
	NUMBER(SHIM_OR, "or byte [rdi],1", "800f01", 1, 1),
	NUMBER(SHIM_AND, "and dword [rdi],-2", "8327fe", 4, -2),
	NUMBER(SHIM_ADD, "add dword [rdi],1", "830701", 4, 1),
	NUMBER(SHIM_TEST, "test byte [rdi],8", "f60708", 1, 8),
	NUMBER(SHIM_TEST, "test word [rdi],0x100", "66f7070001", 2, 0x100),
	NUMBER(SHIM_TEST, "test dword [rdi],0x80000000", "f70700000080", 4, (int32_t)0x80000000),
	FROM(SHIM_CMP, "cmp eax,[rdi]", "3b07", 4, RAX),
	TO(SHIM_CMP, "cmp [rdi],r9w", "6644390f", 2, R9),
	TO(SHIM_TEST, "test [rdi],cl", "840f", 1, RCX),
	FROM(SHIM_AND, "and esi,[rdi]", "2337", 4, RSI),
	FROM(SHIM_OR, "or r8,[rdi]", "4c0b07", 8, R8),
	FROM(SHIM_ADD, "add al,[rdi]", "0207", 1, RAX),
	TO(SHIM_XOR, "xor [rdi],eax", "3107", 4, RAX),
};

/* Instructions other than mov with memory. */
static const char *const strangers[] = {
	"89c8", /* mov eax,ecx */
	"c6c001", /* mov al,1 in its long form */
	"c7c800000000", /* c7 with another operation */
	"8707", /* xchg [rdi],eax */
	"f30f6f07", /* movdqu xmm0,[rdi] */
	"83c001", /* add eax,1 */
	"f717", /* not dword [rdi] */
	"ff07", /* inc dword [rdi] */
	"0fba2703", /* bt dword [rdi],3 */
	"f0830f01", /* lock or dword [rdi],1 */
	"f3a4", /* rep movsb */
	"ffd0", /* call rax */
	"ff37", /* push [rdi] */
	"0fc307", /* movnti [rdi],eax */
	"0f0b", /* ud2 */
	"4866890f", /* a REX prefix that has no effect */
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
		const bool value_good = want->immediate ?
				insn.imm == want->imm :
				(insn.reg == want->reg && insn.reg_width == want->reg_width &&
						insn.high_byte == want->high &&
						insn.sign == want->sign);
		const bool good = known && insn.len == len && insn.width == want->width &&
				insn.op == want->op && insn.to_memory == want->to_memory &&
				insn.immediate == want->immediate && value_good;

		if (!good)
			printf("# %s: known %d len %u width %u op %u reg %u of %u imm %llx\n",
					want->text, known, insn.len, insn.width, insn.op, insn.reg,
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
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);

	VTEST(page != MAP_FAILED);
	VTEST_EQ(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		uint8_t code[32];
		const size_t len = from_hex(samples[i].bytes, code);
		struct shim_insn insn;

		memcpy(page + 4096 - len, code, len);
		VTEST(shim_decode(page + 4096 - len, SHIM_INSN_MAX, &insn));
		/* An incomplete instruction is refused. */
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
			VTEST(insn.width == 1 || insn.width == 2 || insn.width == 4 ||
					insn.width == 8);
		}
	}
}

/* The processor gives the same result: instructions on [rdi] with rax or a part of rax. */
static void
results_are_those_of_the_processor(void)
{
	static const char *const forms[] = {
		"8807",
		"8827",
		"668907",
		"8907",
		"488907",
		"8a07",
		"8a27",
		"668b07",
		"8b07",
		"488b07",
		"c60785",
		"66c7073412",
		"c70778563492",
		"48c707feffffff",
		"0fb607",
		"0fb707",
		"660fb607",
		"480fb607",
		"480fb707",
		"0fbe07",
		"0fbf07",
		"660fbe07",
		"480fbe07",
		"480fbf07",
		"486307",
		"6307",
		"8407",
		"8427",
		"668507",
		"8507",
		"488507",
		"f60781",
		"66f7073482",
		"f70778563492",
		"48f707785634f2",
	};
	/* mov rax,[rsi]; push [rdx]; popf; and behind: pushf; pop rcx; mov [rdx],rcx;
	 * mov [rsi],rax; ret */
	static const uint8_t before[] = { 0x48, 0x8b, 0x06, 0xff, 0x32, 0x9d };
	static const uint8_t after[] = { 0x9c, 0x59, 0x48, 0x89, 0x0a, 0x48, 0x89, 0x06, 0xc3 };
	static const uint64_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, INT64_MAX, 1ull << 63, UINT64_MAX, 0x1122334455667788 };
	const uint64_t compared = 0x8c5, adjust = 0x10;
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*native)(uint64_t *, uint64_t *, uint64_t *) = (void *)page;
	const unsigned int nb_edges = sizeof(edges) / sizeof(edges[0]);
	const unsigned int nb_forms = sizeof(forms) / sizeof(forms[0]);
	char arithmetic[16];

	VTEST(page != MAP_FAILED);
	/* And add..cmp in all forms: al,ax,eax,rax with memory, either way, and with numbers. */
	for (unsigned int f = 0; f < nb_forms + 8 * 17; f++) {
		static const char *const tails[] = { "%02x07", "66%02x07", "48%02x07", "%02x27",
			"%02x07" };
		static const char *const numbers[] = { "80%02x85", "6683%02xf0", "83%02xf0",
			"4883%02xf0", "6681%02x3482", "81%02x78563492", "4881%02x78563492" };
		const unsigned int op = (f - nb_forms) / 17, way = (f - nb_forms) % 17;
		const bool wide = way / 2 != 0 && way / 2 != 3;
		const char *form = f < nb_forms ? forms[f] : arithmetic;
		struct shim_insn insn;
		uint8_t code[16];
		size_t len;

		if (f >= nb_forms && way < 10)
			snprintf(arithmetic, sizeof(arithmetic), tails[way / 2],
					op << 3 | wide | way % 2 << 1);
		else if (f >= nb_forms)
			snprintf(arithmetic, sizeof(arithmetic), numbers[way - 10], op << 3 | 7);
		len = from_hex(form, code);
		memcpy(page, before, sizeof(before));
		memcpy(page + sizeof(before), code, len);
		memcpy(page + sizeof(before) + len, after, sizeof(after));
		VTEST(shim_decode(code, len, &insn) && insn.len == len);
		for (unsigned int n = 0; n < nb_edges * nb_edges * 2; n++) {
			uint64_t mem = edges[n % nb_edges], reg = edges[n / nb_edges % nb_edges];
			uint64_t flags = 0x202 | (n >= nb_edges * nb_edges);
			uint64_t my_mem = mem, my_reg = reg, my_flags = flags, mask = compared;

			native(&mem, &reg, &flags);
			if (shim_insn_stores(&insn) || shim_insn_loads(&insn)) {
				const uint64_t keep = my_mem;

				shim_insn_run(&insn, &my_reg, &my_flags, &my_mem);
				if (!shim_insn_stores(&insn))
					my_mem = keep;
				else if (insn.width < 8)
					my_mem |= keep & (UINT64_MAX << (8 * insn.width));
			}
			/* Logic leaves the adjust flag undefined. */
			if (insn.op != SHIM_OR && insn.op != SHIM_AND && insn.op != SHIM_XOR &&
					insn.op != SHIM_TEST)
				mask |= adjust;
			if (mem != my_mem || reg != my_reg || ((flags ^ my_flags) & mask) != 0)
				printf("# %s: memory %llx register %llx flags %llx\n", form,
						(unsigned long long)my_mem,
						(unsigned long long)my_reg,
						(unsigned long long)my_flags);
			VTEST(mem == my_mem && reg == my_reg && ((flags ^ my_flags) & mask) == 0);
		}
	}
	munmap(page, 4096);
}

static const struct vtest_case cases[] = {
	{ "every_mov_is_decoded", every_mov_is_decoded },
	{ "other_instructions_are_left_alone", other_instructions_are_left_alone },
	{ "no_byte_behind_the_instruction_is_read", no_byte_behind_the_instruction_is_read },
	{ "random_bytes_do_no_harm", random_bytes_do_no_harm },
	{ "results_are_those_of_the_processor", results_are_those_of_the_processor },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
