/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --reset-vga: the VGA's registers, palette and characters for 80x25 colour text, whatever the dead kernel had made of
 * them. Register values of mode 3: IBM VGA technical reference.
 */
#include "purgatory/console.h"

#define ATTRIBUTES 0x3c0       /* index and data in turn, beginning with an index once STATUS was read */
#define ATTRIBUTES_SHOW 0x20   /* the screen is on */
#define MISC 0x3c2
#define SEQUENCER 0x3c4
#define DAC_MASK 0x3c6
#define DAC_WRITE 0x3c8
#define DAC_DATA 0x3c9
#define GRAPHICS 0x3ce
#define CRTC 0x3d4
#define STATUS 0x3da

#define SEQUENCER_RESET 0
#define SEQUENCER_PLANES 2
#define SEQUENCER_MODE 4
#define GRAPHICS_READ_PLANE 4
#define GRAPHICS_MODE 5
#define GRAPHICS_WINDOW 6
#define CRTC_PROTECT 0x11      /* bit 7: registers 0 to 7 cannot be written */

#define MISC_TEXT 0x67
#define PLANE_PADDR 0xa0000
#define PLANE_BYTES 0x10000
#define GLYPH_BYTES 32
#define DAC_COLOURS 64

static const uint8_t sequencer[] = { 0x01, 0x00, 0x03, 0x00, 0x02 };
static const uint8_t crtc[] = {
	0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
	0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
};
static const uint8_t graphics[] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff };
static const uint8_t attributes[] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
	0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
};

static void set(uint16_t port, uint8_t index, uint8_t value)
{
	arch_out8(port, index);
	arch_out8(port + 1, value);
}

static void set_all(uint16_t port, const uint8_t *values, uint8_t nr)
{
	for (uint8_t i = 0; i < nr; i++)
		set(port, i, values[i]);
}

static void set_registers(void)
{
	arch_out8(MISC, MISC_TEXT);
	set_all(SEQUENCER, sequencer, sizeof(sequencer));
	set(SEQUENCER, SEQUENCER_RESET, 3);     /* runs again */
	set(CRTC, CRTC_PROTECT, 0);
	set_all(CRTC, crtc, sizeof(crtc));
	set_all(GRAPHICS, graphics, sizeof(graphics));
	arch_in8(STATUS);
	for (uint8_t i = 0; i < sizeof(attributes); i++) {
		arch_out8(ATTRIBUTES, i);
		arch_out8(ATTRIBUTES, attributes[i]);
	}
	arch_out8(ATTRIBUTES, ATTRIBUTES_SHOW);
}

/* Bits of a colour: 0 to 2 blue, green, red of two thirds, 3 to 5 of one third. */
static void set_palette(void)
{
	arch_out8(DAC_MASK, 0xff);
	arch_out8(DAC_WRITE, 0);
	for (unsigned int colour = 0; colour < DAC_COLOURS; colour++)
		for (int bit = 2; bit >= 0; bit--)
			arch_out8(DAC_DATA, (colour >> bit & 1) * 42 + (colour >> (bit + 3) & 1) * 21);
}

/* Characters are 16 rows of 8 pixels in plane 2: ours doubled in height. */
static void load_font(void)
{
	volatile uint8_t *plane = (volatile uint8_t *)(uintptr_t)PLANE_PADDR;

	set(SEQUENCER, SEQUENCER_PLANES, 1 << 2);
	set(SEQUENCER, SEQUENCER_MODE, 0x06);   /* one address after the other */
	set(GRAPHICS, GRAPHICS_READ_PLANE, 2);
	set(GRAPHICS, GRAPHICS_MODE, 0);
	set(GRAPHICS, GRAPHICS_WINDOW, 0x04);   /* 64 KiB from PLANE_PADDR on */
	for (unsigned int i = 0; i < FONT_GLYPHS; i++)
		for (unsigned int row = 0; row < GLYPH_BYTES; row++)
			plane[(FONT_FIRST + i) * GLYPH_BYTES + row] = row < 2 * FONT_ROWS ? font[i][row / 2] << 2 : 0;
	set(SEQUENCER, SEQUENCER_PLANES, sequencer[SEQUENCER_PLANES]);
	set(SEQUENCER, SEQUENCER_MODE, sequencer[SEQUENCER_MODE]);
	set(GRAPHICS, GRAPHICS_READ_PLANE, graphics[GRAPHICS_READ_PLANE]);
	set(GRAPHICS, GRAPHICS_MODE, graphics[GRAPHICS_MODE]);
	set(GRAPHICS, GRAPHICS_WINDOW, graphics[GRAPHICS_WINDOW]);
}

static void reset(void *ctx)
{
	volatile uint16_t *screen = (volatile uint16_t *)(uintptr_t)VGA_TEXT_PADDR;

	(void)ctx;
	if (!arch_map_io(PLANE_PADDR, PLANE_BYTES) || !arch_map_io(VGA_TEXT_PADDR, 2 * VGA_CELLS))
		return;
	set_registers();
	set_palette();
	load_font();
	for (unsigned int i = 0; i < VGA_CELLS; i++)
		screen[i] = VGA_ATTR | ' ';
}

void vga_reset(void)
{
	arch_try(reset, NULL);
}
