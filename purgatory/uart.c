/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial lines, as the kernel that died set them up, unless a rate was asked for. Registers: National Semiconductor
 * PC16550D data sheet; PL011: ARM DDI 0183.
 */
#include "purgatory/console.h"

/*
 * How often a status register is read before a device counts as stuck: about a second where a read takes a
 * microsecond (port space), and never less than a full FIFO needs at 9600 baud. A stuck console is dropped,
 * so this is waited once.
 */
#define WAIT_READS 1000000u

#define UART_DATA 0        /* 16550: transmit holding register */
#define UART_IER 1         /* interrupt enable; with DLAB the divisor's upper byte, UART_DATA its lower */
#define UART_LCR 3         /* line control */
#define UART_LCR_8N1 0x03
#define UART_LCR_DLAB 0x80
#define UART_MCR 4         /* modem control */
#define UART_MCR_DTR_RTS 0x03
#define UART_BAUD_MAX 115200u /* 1.8432 MHz / 16 */
#define UART_LSR 5         /* line status */
#define UART_LSR_THRE 0x20 /* transmit holding register empty */
#define UART_REGS 8

#define PL011_DR 0x00
#define PL011_FR 0x18
#define PL011_FR_TXFF 0x20 /* transmit FIFO full */
#define PL011_LEN 0x1000

static uintptr_t uart_at(const struct purg_console *dev, unsigned int reg)
{
	return dev->base + ((uint64_t)reg << dev->reg_shift);
}

static uint8_t uart_read(const struct purg_console *dev, unsigned int reg)
{
	switch (dev->type) {
	case PURG_CONSOLE_8250_PORT:
		return arch_in8(dev->base + reg);
	case PURG_CONSOLE_8250_MMIO32:
		return *(volatile uint32_t *)uart_at(dev, reg);
	default:
		return *(volatile uint8_t *)uart_at(dev, reg);
	}
}

static void uart_write(const struct purg_console *dev, unsigned int reg, uint8_t value)
{
	switch (dev->type) {
	case PURG_CONSOLE_8250_PORT:
		arch_out8(dev->base + reg, value);
		break;
	case PURG_CONSOLE_8250_MMIO32:
		*(volatile uint32_t *)uart_at(dev, reg) = value;
		break;
	default:
		*(volatile uint8_t *)uart_at(dev, reg) = value;
		break;
	}
}

static bool uart_reach(const struct purg_console *dev)
{
	if (dev->type == PURG_CONSOLE_8250_PORT)
		return dev->base <= UINT16_MAX - UART_REGS;
	return dev->reg_shift <= 4 && arch_map_io(dev->base, (uint64_t)UART_REGS << dev->reg_shift);
}

static bool uart_open(struct console *con)
{
	const struct purg_console *dev = &con->dev;
	uint32_t divisor = dev->baud ? UART_BAUD_MAX / dev->baud : 0;

	if (!uart_reach(dev))
		return false;
	if (divisor && divisor <= UINT16_MAX) {
		uart_write(dev, UART_IER, 0);
		uart_write(dev, UART_LCR, UART_LCR_8N1 | UART_LCR_DLAB);
		uart_write(dev, UART_DATA, divisor);
		uart_write(dev, UART_IER, divisor >> 8);
		uart_write(dev, UART_LCR, UART_LCR_8N1);
		uart_write(dev, UART_MCR, UART_MCR_DTR_RTS);
	}
	return true;
}

static bool uart_put(struct console *con, char c)
{
	for (unsigned int i = 0; i < WAIT_READS; i++) {
		if (uart_read(&con->dev, UART_LSR) & UART_LSR_THRE) {
			uart_write(&con->dev, UART_DATA, c);
			return true;
		}
	}
	return false;
}

static bool pl011_open(struct console *con)
{
	return arch_map_io(con->dev.base, PL011_LEN);
}

/* 32-bit accesses: the only width that the SBSA subset of the device promises. */
static bool pl011_put(struct console *con, char c)
{
	volatile uint32_t *fr = (volatile uint32_t *)(uintptr_t)(con->dev.base + PL011_FR);
	volatile uint32_t *dr = (volatile uint32_t *)(uintptr_t)(con->dev.base + PL011_DR);

	for (unsigned int i = 0; i < WAIT_READS; i++) {
		if (!(*fr & PL011_FR_TXFF)) {
			*dr = (uint8_t)c;
			return true;
		}
	}
	return false;
}

const struct driver uart_driver = { uart_open, uart_put };
const struct driver pl011_driver = { pl011_open, pl011_put };
