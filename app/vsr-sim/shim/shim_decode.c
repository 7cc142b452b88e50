/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Decoder and execution of the instructions that access registers of a device.
 *
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: 2.1 "Instruction Format
 * for Protected Mode", 2.2.1 "REX Prefixes", and the pages of the instructions.
 */

#include <string.h>

#include "shim_decode.h"

struct cursor {
	const uint8_t *code;
	size_t max, at;
	bool end; /* The instruction needs more bytes than max. */
};

static uint8_t
next(struct cursor *c)
{
	if (c->at >= c->max || c->at >= SHIM_INSN_MAX) {
		c->end = true;
		return 0;
	}
	return c->code[c->at++];
}

struct prefixes {
	bool operand16, address32, rex;
	uint8_t rex_bits;
};

#define REX_W 8
#define REX_R 4

/* @return the first opcode byte. */
static uint8_t
read_prefixes(struct cursor *c, struct prefixes *p)
{
	for (;;) {
		const uint8_t byte = next(c);

		switch (byte) {
		case 0x66:
			p->operand16 = true;
			break;
		case 0x67:
			p->address32 = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		default:
			if ((byte & 0xf0) != 0x40)
				return byte;
			/* A REX prefix is valid right before the opcode only. */
			p->rex = true;
			p->rex_bits = byte & 0xf;
			return next(c);
		}
		if (c->end)
			return 0;
	}
}

/* Skip ModRM, SIB and displacement. @return the ModRM byte, or -1: the operand is a register. */
static int
read_modrm(struct cursor *c)
{
	const uint8_t modrm = next(c);
	const uint8_t mod = modrm >> 6, rm = modrm & 7;
	unsigned int displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (mod == 3)
		return -1;
	if (rm == 4) {
		const uint8_t sib = next(c);

		if (mod == 0 && (sib & 7) == 5)
			displacement = 4;
	} else if (mod == 0 && rm == 5) {
		displacement = 4; /* relative to rip */
	}
	while (displacement-- > 0)
		next(c);
	return modrm;
}

static uint64_t
read_number(struct cursor *c, unsigned int width)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (uint64_t)next(c) << (8 * i);
	return value;
}

static unsigned int
operand_width(const struct prefixes *p)
{
	if (p->rex && (p->rex_bits & REX_W) != 0)
		return 8;
	return p->operand16 ? 2 : 4;
}

static void
set_reg(const struct prefixes *p, unsigned int number, unsigned int width, struct shim_insn *insn)
{
	/* Without REX, byte registers 4..7 are ah, ch, dh, bh. */
	if (width == 1 && !p->rex && number >= 4) {
		insn->high_byte = true;
		number -= 4;
	} else if (p->rex && (p->rex_bits & REX_R) != 0) {
		number += 8;
	}
	insn->reg = number;
	insn->reg_width = width;
}

/* movzx, movsx, movsxd: load into a register of another width. */
static bool
decode_extend(struct cursor *c, const struct prefixes *p, unsigned int width, bool sign,
		struct shim_insn *insn)
{
	const int modrm = read_modrm(c);

	if (modrm < 0)
		return false;
	insn->width = width;
	insn->sign = sign;
	set_reg(p, (modrm >> 3) & 7, operand_width(p), insn);
	return true;
}

static bool
decode_two_bytes(struct cursor *c, const struct prefixes *p, struct shim_insn *insn)
{
	switch (next(c)) {
	case 0xb6:
		return decode_extend(c, p, 1, false, insn);
	case 0xb7:
		return decode_extend(c, p, 2, false, insn);
	case 0xbe:
		return decode_extend(c, p, 1, true, insn);
	case 0xbf:
		return decode_extend(c, p, 2, true, insn);
	default:
		return false;
	}
}

/* Memory and a register: bit 0 of the opcode is the width, bit 1 the direction. */
static bool
decode_with_reg(struct cursor *c, const struct prefixes *p, uint8_t opcode, enum shim_op op,
		struct shim_insn *insn)
{
	const int modrm = read_modrm(c);

	if (modrm < 0)
		return false;
	insn->op = op;
	insn->width = (opcode & 1) != 0 ? operand_width(p) : 1;
	insn->to_memory = (opcode & 2) == 0;
	set_reg(p, (modrm >> 3) & 7, insn->width, insn);
	return true;
}

/*
 * Memory and an immediate number (of one byte with short_number), which is sign extended to the
 * width of the memory. SHIM_ADD as op means: the extension in ModRM names the operation.
 */
static bool
decode_with_number(struct cursor *c, const struct prefixes *p, uint8_t opcode, enum shim_op op,
		bool short_number, struct shim_insn *insn)
{
	const int modrm = read_modrm(c);
	const uint8_t extension = (modrm >> 3) & 7;
	unsigned int number;

	if (modrm < 0)
		return false;
	if (op == SHIM_ADD)
		op = extension;
	else if (extension != 0 && !(op == SHIM_TEST && extension == 1))
		return false;
	insn->op = op;
	insn->width = (opcode & 1) != 0 ? operand_width(p) : 1;
	insn->to_memory = insn->immediate = true;
	number = short_number ? 1 : insn->width == 8 ? 4 : insn->width;
	insn->imm = read_number(c, number);
	if (number < 8 && ((insn->imm >> (8 * number - 1)) & 1) != 0)
		insn->imm |= UINT64_MAX << (8 * number);
	return true;
}

/* a0..a3: accumulator and an absolute address. */
static bool
decode_mov_absolute(struct cursor *c, const struct prefixes *p, uint8_t opcode,
		struct shim_insn *insn)
{
	insn->width = (opcode & 1) != 0 ? operand_width(p) : 1;
	insn->to_memory = (opcode & 2) != 0;
	insn->reg_width = insn->width;
	read_number(c, p->address32 ? 4 : 8);
	return true;
}

static bool
decode_opcode(struct cursor *c, const struct prefixes *p, uint8_t opcode, struct shim_insn *insn)
{
	/* 00..3b: add, or, adc, sbb, and, sub, xor, cmp, each with four forms of operands. */
	if (opcode < 0x40 && (opcode & 4) == 0)
		return decode_with_reg(c, p, opcode, opcode >> 3, insn);
	switch (opcode) {
	case 0x0f:
		return decode_two_bytes(c, p, insn);
	case 0x63:
		return decode_extend(c, p, operand_width(p) == 2 ? 2 : 4, true, insn);
	case 0x80:
	case 0x81:
	case 0x83:
		return decode_with_number(c, p, opcode, SHIM_ADD, opcode == 0x83, insn);
	case 0x84:
	case 0x85:
		return decode_with_reg(c, p, opcode & 1, SHIM_TEST, insn);
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b:
		return decode_with_reg(c, p, opcode, SHIM_MOV, insn);
	case 0xa0:
	case 0xa1:
	case 0xa2:
	case 0xa3:
		return decode_mov_absolute(c, p, opcode, insn);
	case 0xc6:
	case 0xc7:
		return decode_with_number(c, p, opcode, SHIM_MOV, false, insn);
	case 0xf6:
	case 0xf7:
		return decode_with_number(c, p, opcode, SHIM_TEST, false, insn);
	default:
		return false;
	}
}

bool
shim_decode(const uint8_t *code, size_t max, struct shim_insn *insn)
{
	struct cursor c = { .code = code, .max = max };
	struct prefixes p = { .operand16 = false };
	const uint8_t opcode = read_prefixes(&c, &p);
	bool known;

	memset(insn, 0, sizeof(*insn));
	insn->op = SHIM_MOV;
	known = decode_opcode(&c, &p, opcode, insn);
	insn->len = c.at;
	return known && !c.end;
}

/* ---------------------------------------------------------------- execution */

#define FLAG_CARRY UINT64_C(0x001)
#define FLAG_PARITY UINT64_C(0x004)
#define FLAG_ADJUST UINT64_C(0x010)
#define FLAG_ZERO UINT64_C(0x040)
#define FLAG_SIGN UINT64_C(0x080)
#define FLAG_OVERFLOW UINT64_C(0x800)
#define FLAGS (FLAG_CARRY | FLAG_PARITY | FLAG_ADJUST | FLAG_ZERO | FLAG_SIGN | FLAG_OVERFLOW)

bool
shim_insn_loads(const struct shim_insn *insn)
{
	return insn->op != SHIM_MOV || !insn->to_memory;
}

bool
shim_insn_stores(const struct shim_insn *insn)
{
	return insn->to_memory && insn->op != SHIM_CMP && insn->op != SHIM_TEST;
}

static uint64_t
cut(uint64_t value, unsigned int width)
{
	return width == 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

static uint64_t
calculate(enum shim_op op, unsigned int width, uint64_t a, uint64_t b, uint64_t *flags)
{
	const uint64_t top = UINT64_C(1) << (8 * width - 1);
	const uint64_t carry = (op == SHIM_ADC || op == SHIM_SBB) ? *flags & FLAG_CARRY : 0;
	uint64_t r, carries = 0, overflow = 0;

	a = cut(a, width);
	b = cut(b, width);
	switch (op) {
	case SHIM_ADD:
	case SHIM_ADC:
		r = cut(a + b + carry, width);
		carries = (a & b) | ((a | b) & ~r);
		overflow = (a ^ r) & (b ^ r);
		break;
	case SHIM_SUB:
	case SHIM_SBB:
	case SHIM_CMP:
		r = cut(a - b - carry, width);
		carries = (~a & b) | ((~a | b) & r);
		overflow = (a ^ b) & (a ^ r);
		break;
	case SHIM_OR:
		r = a | b;
		break;
	case SHIM_AND:
	case SHIM_TEST:
		r = a & b;
		break;
	case SHIM_XOR:
		r = a ^ b;
		break;
	default:
		return b; /* mov does not change the flags. */
	}
	*flags &= ~FLAGS;
	*flags |= (carries & top) != 0 ? FLAG_CARRY : 0;
	*flags |= (overflow & top) != 0 ? FLAG_OVERFLOW : 0;
	*flags |= (carries & 8) != 0 ? FLAG_ADJUST : 0;
	*flags |= r == 0 ? FLAG_ZERO : 0;
	*flags |= (r & top) != 0 ? FLAG_SIGN : 0;
	*flags |= __builtin_parity(r & 0xff) == 0 ? FLAG_PARITY : 0;
	return r;
}

static void
put_reg(const struct shim_insn *insn, uint64_t *reg, uint64_t value)
{
	value = cut(value, insn->reg_width);
	if (insn->high_byte)
		*reg = (*reg & ~UINT64_C(0xff00)) | value << 8;
	/* A write of 32 bits clears the upper half of the register; 8 or 16 bits keep the rest. */
	else if (insn->reg_width >= 4)
		*reg = value;
	else
		*reg = (*reg & ~cut(UINT64_MAX, insn->reg_width)) | value;
}

void
shim_insn_run(const struct shim_insn *insn, uint64_t *reg, uint64_t *flags, uint64_t *memory)
{
	const uint64_t other = insn->immediate ? insn->imm : insn->high_byte ? *reg >> 8 : *reg;
	uint64_t loaded = cut(*memory, insn->width), result;

	if (insn->sign && ((loaded >> (8 * insn->width - 1)) & 1) != 0)
		loaded |= ~cut(UINT64_MAX, insn->width);
	if (insn->to_memory) {
		result = calculate(insn->op, insn->width, loaded, other, flags);
		if (shim_insn_stores(insn))
			*memory = cut(result, insn->width);
		return;
	}
	result = calculate(insn->op, insn->reg_width, other, loaded, flags);
	if (insn->op != SHIM_CMP)
		put_reg(insn, reg, result);
}
