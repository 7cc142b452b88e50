/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: 2.1 "Instruction Format
 * for Protected Mode", 2.2.1 "REX Prefixes", and "MOV", "MOVZX", "MOVSX/MOVSXD".
 */
#include <string.h>

#include "shim_decode.h"

struct cursor {
	const uint8_t *code;
	size_t max, at;
	bool end; /* More bytes were needed than there are. */
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
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
			break;
		default:
			if ((byte & 0xf0) != 0x40)
				return byte;
			/* REX counts only right before the opcode. */
			p->rex = true;
			p->rex_bits = byte & 0xf;
			return next(c);
		}
		if (c->end)
			return 0;
	}
}

/* Skip ModRM, SIB and displacement. @return the ModRM byte, or -1 when the operand is a register. */
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
		displacement = 4; /* Relative to rip. */
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

/* movzx, movsx, movsxd: memory of one width into a register of another. */
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

/* 88..8b: between memory and a register. */
static bool
decode_mov(struct cursor *c, const struct prefixes *p, uint8_t opcode, struct shim_insn *insn)
{
	const int modrm = read_modrm(c);

	if (modrm < 0)
		return false;
	insn->width = (opcode & 1) != 0 ? operand_width(p) : 1;
	insn->write = (opcode & 2) == 0;
	set_reg(p, (modrm >> 3) & 7, insn->width, insn);
	return true;
}

/* c6, c7: a number into memory; one of 32 bits is sign extended to 64. */
static bool
decode_mov_number(struct cursor *c, const struct prefixes *p, uint8_t opcode,
		struct shim_insn *insn)
{
	const int modrm = read_modrm(c);

	if (modrm < 0 || ((modrm >> 3) & 7) != 0)
		return false;
	insn->width = (opcode & 1) != 0 ? operand_width(p) : 1;
	insn->write = insn->immediate = true;
	insn->imm = insn->width == 8 ? (uint64_t)(int64_t)(int32_t)read_number(c, 4) :
			read_number(c, insn->width);
	return true;
}

/* a0..a3: between the accumulator and an absolute address. */
static bool
decode_mov_absolute(struct cursor *c, const struct prefixes *p, uint8_t opcode,
		struct shim_insn *insn)
{
	insn->width = (opcode & 1) != 0 ? operand_width(p) : 1;
	insn->write = (opcode & 2) != 0;
	insn->reg_width = insn->width;
	read_number(c, p->address32 ? 4 : 8);
	return true;
}

bool
shim_decode(const uint8_t *code, size_t max, struct shim_insn *insn)
{
	struct cursor c = { .code = code, .max = max };
	struct prefixes p = { .operand16 = false };
	const uint8_t opcode = read_prefixes(&c, &p);
	bool known;

	memset(insn, 0, sizeof(*insn));
	switch (opcode) {
	case 0x0f:
		known = decode_two_bytes(&c, &p, insn);
		break;
	case 0x63:
		known = decode_extend(&c, &p, p.operand16 && operand_width(&p) == 2 ? 2 : 4, true,
				insn);
		break;
	case 0x88: case 0x89: case 0x8a: case 0x8b:
		known = decode_mov(&c, &p, opcode, insn);
		break;
	case 0xa0: case 0xa1: case 0xa2: case 0xa3:
		known = decode_mov_absolute(&c, &p, opcode, insn);
		break;
	case 0xc6: case 0xc7:
		known = decode_mov_number(&c, &p, opcode, insn);
		break;
	default:
		known = false;
		break;
	}
	insn->len = c.at;
	return known && !c.end;
}

static uint64_t
cut(uint64_t value, unsigned int width)
{
	return width == 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

uint64_t
shim_insn_value(const struct shim_insn *insn, uint64_t reg)
{
	if (insn->immediate)
		return cut(insn->imm, insn->width);
	return cut(insn->high_byte ? reg >> 8 : reg, insn->width);
}

uint64_t
shim_insn_result(const struct shim_insn *insn, uint64_t reg, uint64_t value)
{
	value = cut(value, insn->width);
	if (insn->sign && insn->width < 8 && ((value >> (8 * insn->width - 1)) & 1) != 0)
		value |= ~cut(UINT64_MAX, insn->width);
	value = cut(value, insn->reg_width);
	if (insn->high_byte)
		return (reg & ~UINT64_C(0xff00)) | value << 8;
	/* A write of 32 bits clears the upper half; of 8 or 16 keeps the rest. */
	if (insn->reg_width >= 4)
		return value;
	return (reg & ~cut(UINT64_MAX, insn->reg_width)) | value;
}
