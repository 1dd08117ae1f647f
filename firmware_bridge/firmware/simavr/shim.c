/* The firmware's ATmega328P build in simavr, with a serial line, pins and a history of them.
 *
 * A library of our own between libsimavr and Python, so that the layout of simavr's structures is
 * the compiler's business. Time is the MCU's, in cycles since plsim_open; it runs on over resets.
 */
#include <simavr/avr_adc.h>
#include <simavr/avr_eeprom.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_cycle_timers.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_hex.h>
#include <simavr/sim_io.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CYCLES_PER_SECOND 16000000u
/* 10 bits at the baud rate that the firmware makes of 16 MHz: 8 cycles x 17 a bit. */
#define BYTE_CYCLES (10 * 8 * 17)
#define RX_SIZE (1u << 20)
#define TX_SIZE (1u << 20)
#define HISTORY_SIZE (1u << 16)

/* Data addresses of registers (ATmega48A/PA/88A/PA/168A/PA/328/P data sheet, 35). */
enum {
    R_PORTB = 0x25,
    R_DDRB = 0x24,
    R_PORTD = 0x2B,
    R_DDRD = 0x2A,
    R_GPIOR0 = 0x3E,
    R_GPIOR1 = 0x4A,
    R_MCUSR = 0x54,
    R_TCCR1A = 0x80,
    R_TCCR1B = 0x81,
    R_OCR1AL = 0x88,
    R_OCR1BL = 0x8A
};

typedef struct {
    uint64_t cycle;
    int16_t left;
    int16_t right;
    uint8_t led;
    uint8_t state;
    uint8_t accepted;
} plsim_pins;

typedef struct {
    avr_t *avr;
    avr_uart_t *uart;
    avr_irq_t *uart_input;
    uint64_t next_byte; /* cycle at which the next byte may start on the line */
    uint8_t *rx;
    uint32_t rx_head, rx_tail;
    uint8_t *tx;
    uint32_t tx_length;
    uint64_t key[2]; /* the registers behind the newest entry of the history */
    plsim_pins now;
    plsim_pins *history;
    uint32_t history_length;
    uint32_t history_lost;
} plsim;

static void quiet(avr_t *avr, const int level, const char *format, va_list arguments)
{
    (void)avr, (void)level, (void)format, (void)arguments;
}

/* simavr would sleep in real time while the MCU does. */
static void skip_sleep(avr_t *avr, avr_cycle_count_t cycles)
{
    (void)avr, (void)cycles;
}

/* A sleeping MCU skips to the next timer: this one stands where its sleep must be looked into. */
static avr_cycle_count_t wake(avr_t *avr, avr_cycle_count_t when, void *parameter)
{
    (void)avr, (void)when, (void)parameter;
    return 0;
}

static void take_output(avr_irq_t *irq, uint32_t value, void *parameter)
{
    plsim *sim = parameter;
    (void)irq;
    if (sim->tx_length < TX_SIZE)
        sim->tx[sim->tx_length++] = (uint8_t)value;
}

static int16_t duty(const uint8_t *data, uint8_t pwm, uint8_t connected, uint8_t compare, bool ahead,
                    bool back)
{
    if (!(data[R_DDRB] & 1u << pwm) || ahead == back)
        return 0;
    int16_t size = (data[R_PORTB] & 1u << pwm) ? 255 : 0;
    if ((data[R_TCCR1A] & 1u << connected) && (data[R_TCCR1B] & 7))
        size = data[compare];
    return ahead ? size : (int16_t)-size;
}

/* Looks at the pins after every instruction; a change goes into the history. */
static void observe(plsim *sim)
{
    const uint8_t *data = sim->avr->data;
    uint64_t key[2] = {0, 0};
    memcpy(&key[0], data + R_DDRB, 8);
    key[1] = (uint64_t)data[R_TCCR1A] | (uint64_t)data[R_TCCR1B] << 8 |
             (uint64_t)data[R_OCR1AL] << 16 | (uint64_t)data[R_OCR1BL] << 24 |
             (uint64_t)data[R_GPIOR0] << 32 | (uint64_t)data[R_GPIOR1] << 40;
    if (key[0] == sim->key[0] && key[1] == sim->key[1])
        return;
    memcpy(sim->key, key, sizeof key);
    uint8_t d = data[R_PORTD] & data[R_DDRD];
    uint8_t b = data[R_PORTB] & data[R_DDRB];
    plsim_pins now = {
        .cycle = sim->avr->cycle,
        .left = duty(data, 1, 7, R_OCR1AL, d >> 4 & 1, d >> 5 & 1),
        .right = duty(data, 2, 5, R_OCR1BL, d >> 7 & 1, b & 1),
        .led = b >> 5 & 1,
        .state = data[R_GPIOR0],
        .accepted = data[R_GPIOR1],
    };
    bool same = now.left == sim->now.left && now.right == sim->now.right &&
                now.led == sim->now.led && now.state == sim->now.state &&
                now.accepted == sim->now.accepted;
    if (same)
        return;
    sim->now = now;
    if (sim->history_length < HISTORY_SIZE)
        sim->history[sim->history_length++] = now;
    else
        sim->history_lost++;
}

void plsim_close(plsim *sim)
{
    if (sim == NULL)
        return;
    if (sim->avr != NULL)
        avr_terminate(sim->avr);
    free(sim->avr);
    free(sim->rx);
    free(sim->tx);
    free(sim->history);
    free(sim);
}

static avr_uart_t *find_uart(avr_t *avr)
{
    for (avr_io_t *io = avr->io_port; io != NULL; io = io->next)
        if (strcmp(io->kind, "uart") == 0)
            return (avr_uart_t *)io;
    return NULL;
}

/* Loads an ELF file; NULL when that fails. */
plsim *plsim_open(const char *elf_path)
{
    avr_global_logger_set(quiet);
    plsim *sim = calloc(1, sizeof *sim);
    elf_firmware_t elf = {0};
    if (sim == NULL || elf_read_firmware(elf_path, &elf) != 0) {
        free(sim);
        return NULL;
    }
    sim->avr = avr_make_mcu_by_name("atmega328p");
    sim->rx = malloc(RX_SIZE);
    sim->tx = malloc(TX_SIZE);
    sim->history = malloc(HISTORY_SIZE * sizeof *sim->history);
    if (sim->avr == NULL || sim->rx == NULL || sim->tx == NULL || sim->history == NULL ||
        avr_init(sim->avr) != 0) {
        plsim_close(sim);
        return NULL;
    }
    avr_t *avr = sim->avr;
    avr->frequency = CYCLES_PER_SECOND;
    avr_load_firmware(avr, &elf);
    avr->log = 0;
    avr->vcc = avr->avcc = avr->aref = 5000;
    avr->sleep = skip_sleep;
    sim->uart = find_uart(avr);
    if (sim->uart == NULL) {
        plsim_close(sim);
        return NULL;
    }
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    sim->uart_input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
                            take_output, sim);
    return sim;
}

/* Queues bytes on the line; returns how many fitted. */
uint32_t plsim_receive(plsim *sim, const uint8_t *data, uint32_t length)
{
    uint32_t taken = 0;
    for (; taken < length && sim->rx_head - sim->rx_tail < RX_SIZE; taken++)
        sim->rx[sim->rx_head++ % RX_SIZE] = data[taken];
    return taken;
}

/* Gives what was sent since the last call; buffer has room for plsim_pending bytes. */
uint32_t plsim_transmit(plsim *sim, uint8_t *buffer)
{
    uint32_t length = sim->tx_length;
    memcpy(buffer, sim->tx, length);
    sim->tx_length = 0;
    return length;
}

uint32_t plsim_pending(const plsim *sim)
{
    return sim->tx_length;
}

static bool byte_waits(const plsim *sim)
{
    return sim->rx_tail != sim->rx_head;
}

/* Puts the next byte on the line if its time has come, else sees to it that it will be. */
static void feed_line(plsim *sim)
{
    avr_t *avr = sim->avr;
    if (avr->cycle >= sim->next_byte) {
        avr_raise_irq(sim->uart_input, sim->rx[sim->rx_tail++ % RX_SIZE]);
        sim->next_byte = avr->cycle + BYTE_CYCLES;
    }
    if (byte_waits(sim) && avr_cycle_timer_status(avr, wake, &sim->next_byte) == 0)
        avr_cycle_timer_register(avr, sim->next_byte - avr->cycle, wake, &sim->next_byte);
}

/* Runs until the given cycle; 0, or -1 when the MCU has crashed or stopped. */
int plsim_run_until(plsim *sim, uint64_t cycle)
{
    avr_t *avr = sim->avr;
    while (avr->cycle < cycle) {
        /* simavr 1.6 counts a stop bit too many each time that the firmware sets the baud rate. */
        if (sim->uart->cycles_per_byte > BYTE_CYCLES)
            sim->uart->cycles_per_byte = BYTE_CYCLES;
        if (byte_waits(sim))
            feed_line(sim);
        bool sleeping = avr->state == cpu_Sleeping;
        if (sleeping && avr_cycle_timer_status(avr, wake, sim) == 0)
            avr_cycle_timer_register(avr, cycle - avr->cycle, wake, sim);
        /* One instruction at a time, so that pins are seen when they change. */
        avr->run_cycle_limit = sleeping ? CYCLES_PER_SECOND : 1;
        avr->run_cycle_count = 1;
        int state = avr_run(avr);
        if (state == cpu_Crashed || state == cpu_Done || state == cpu_Stopped)
            return -1;
        observe(sim);
    }
    avr_cycle_timer_cancel(avr, wake, sim);
    return 0;
}

uint64_t plsim_cycle(const plsim *sim)
{
    return sim->avr->cycle;
}

void plsim_pins_now(const plsim *sim, plsim_pins *pins)
{
    *pins = sim->now;
}

/* Moves the history into buffer, which has room for plsim_history_length entries. */
uint32_t plsim_take_history(plsim *sim, plsim_pins *buffer)
{
    uint32_t length = sim->history_length;
    memcpy(buffer, sim->history, length * sizeof *buffer);
    sim->history_length = 0;
    return length;
}

uint32_t plsim_history_length(const plsim *sim)
{
    return sim->history_length;
}

uint32_t plsim_history_lost(const plsim *sim)
{
    return sim->history_lost;
}

/* The reset button; the cause is left in MCUSR as the hardware does. */
void plsim_reset(plsim *sim)
{
    avr_reset(sim->avr);
    sim->avr->data[R_MCUSR] |= 2;
    observe(sim);
}

/* Level at the e-stop's pin. */
void plsim_set_estop_pin(plsim *sim, int level)
{
    /* Without this the pull-up would win over the switch. */
    avr_ioport_external_t external = {.name = 'D', .mask = 1u << 6, .value = level ? 1u << 6 : 0};
    avr_ioctl(sim->avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('D'), &external);
    avr_raise_irq(avr_io_getirq(sim->avr, AVR_IOCTL_IOPORT_GETIRQ('D'), 6), (uint32_t)level);
}

/* Voltage at A0 in mV. */
void plsim_set_adc_mv(plsim *sim, uint32_t millivolts)
{
    avr_raise_irq(avr_io_getirq(sim->avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0), millivolts);
}

/* Makes the firmware hang: the next instruction is a jump to itself, wherever it is. With
 * interrupts, the clock and the receiver still run; without, nothing does but the watchdog. */
void plsim_hang(plsim *sim, int interrupts)
{
    avr_t *avr = sim->avr;
    uint32_t end = avr->flashend - 1;
    avr->flash[end] = 0xFF; /* rjmp .-2 */
    avr->flash[end + 1] = 0xCF;
    avr->pc = end;
    avr->state = cpu_Running; /* it may have been asleep */
    avr->sreg[S_I] = interrupts != 0;
}

void plsim_set_eeprom(plsim *sim, const uint8_t *bytes, uint32_t size)
{
    avr_eeprom_desc_t all = {.ee = (uint8_t *)(uintptr_t)bytes, .offset = 0, .size = size};
    avr_ioctl(sim->avr, AVR_IOCTL_EEPROM_SET, &all);
}

void plsim_get_eeprom(plsim *sim, uint8_t *bytes, uint32_t size)
{
    avr_eeprom_desc_t all = {.ee = bytes, .offset = 0, .size = size};
    avr_ioctl(sim->avr, AVR_IOCTL_EEPROM_GET, &all);
}
