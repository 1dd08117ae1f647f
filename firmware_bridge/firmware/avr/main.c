/* The firmware on an ATmega328P: carries bytes, milliseconds and pins to and from the core. */
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <stdlib.h>

#include "../boot_counter.h"
#include "../core.h"
#include "board.h"

#define RX_SIZE 64 /* 5 ms of the line; a power of two */

static uint8_t reset_cause __attribute__((section(".noinit")));
static volatile uint8_t rx[RX_SIZE];
static volatile uint8_t rx_head;
static volatile uint32_t clock_ms;
static pl_core core;

/* Before memory is set up and before main, whatever the cause of the reset: motors off. */
void at_reset(void) __attribute__((naked, used, section(".init3")));
void at_reset(void)
{
    TCCR1A = 0;
    PORTB = 0;
    PORTD = 0;
    DDRB = _BV(LEFT_PWM) | _BV(RIGHT_PWM) | _BV(RIGHT_BACK) | _BV(LED);
    DDRD = _BV(LEFT_AHEAD) | _BV(LEFT_BACK) | _BV(RIGHT_AHEAD);
    /* Optiboot clears MCUSR and hands its value over in r2. */
    uint8_t handed_over;
    __asm__ volatile("mov %0, r2" : "=r"(handed_over));
    reset_cause = MCUSR != 0 ? MCUSR : handed_over;
    MCUSR = 0;
    /* A watchdog that has bitten stays on with its shortest time: give the boot 120 ms. */
    wdt_enable(WDTO_120MS);
}

ISR(TIMER0_COMPA_vect)
{
    clock_ms++;
}

ISR(USART_RX_vect)
{
    /* A full ring is overwritten: the CRC throws the wreck away, and the newest gets in. */
    uint8_t head = rx_head;
    rx[head] = UDR0;
    rx_head = (uint8_t)((head + 1) % RX_SIZE);
}

ISR(USART_UDRE_vect)
{
    /* Wakes the loop, which sends; see sleep_until_needed. */
    UCSR0B &= (uint8_t)~_BV(UDRIE0);
}

static uint32_t read_clock(void)
{
    uint8_t flags = SREG;
    cli();
    uint32_t now_ms = clock_ms;
    SREG = flags;
    return now_ms;
}

static void start_peripherals(void)
{
    /* Timer 0: a tick each millisecond. 16 MHz / 64 / 250. */
    TCCR0A = _BV(WGM01);
    OCR0A = (uint8_t)(F_CPU / 64 / 1000 - 1);
    TIMSK0 = _BV(OCIE0A);
    TCCR0B = _BV(CS01) | _BV(CS00);
    /* Timer 1: fast 8 bit PWM at 7.8 kHz, not connected to its pins yet. */
    TCCR1A = _BV(WGM10);
    TCCR1B = _BV(WGM12) | _BV(CS11);
    /* 115200 baud as near as 16 MHz gets: 117647, 2.1 % off, as on every Uno. */
    UCSR0A = _BV(U2X0);
    UBRR0 = (uint16_t)((F_CPU + 4 * PL_BAUD) / (8 * PL_BAUD) - 1);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    PORTD |= _BV(ESTOP); /* pull-up */
#if PL_BATTERY_DIVIDER
    ADMUX = _BV(REFS0); /* channel 0 against the board's 5 V */
    ADCSRA = _BV(ADEN) | _BV(ADSC) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
#endif
}

static void set_bit(volatile uint8_t *port, uint8_t bit, bool on)
{
    if (on)
        *port = (uint8_t)(*port | _BV(bit));
    else
        *port = (uint8_t)(*port & ~_BV(bit));
}

/* Off means: the timer taken off the pin, and the pin low, at once and not at the next period. */
static void drive_left(int16_t duty)
{
    if (PL_LEFT_REVERSED)
        duty = (int16_t)-duty;
    if (duty == 0)
        TCCR1A &= (uint8_t)~_BV(COM1A1);
    set_bit(&PORTD, LEFT_AHEAD, duty > 0);
    set_bit(&PORTD, LEFT_BACK, duty < 0);
    OCR1A = (uint16_t)abs(duty);
    if (duty != 0)
        TCCR1A |= _BV(COM1A1);
}

static void drive_right(int16_t duty)
{
    if (PL_RIGHT_REVERSED)
        duty = (int16_t)-duty;
    if (duty == 0)
        TCCR1A &= (uint8_t)~_BV(COM1B1);
    set_bit(&PORTD, RIGHT_AHEAD, duty > 0);
    set_bit(&PORTB, RIGHT_BACK, duty < 0);
    OCR1B = (uint16_t)abs(duty);
    if (duty != 0)
        TCCR1A |= _BV(COM1B1);
}

static int16_t duty_on_pins(uint8_t connected, uint16_t compare, bool ahead, bool back)
{
    if (!connected || ahead == back)
        return 0;
    return ahead ? (int16_t)compare : (int16_t)-(int16_t)compare;
}

/* What the pins say, from the registers and pins themselves, not from what they were told. */
static pl_motors read_pins(void)
{
    pl_motors pins;
    pins.left = duty_on_pins(TCCR1A & _BV(COM1A1), OCR1A, PIND & _BV(LEFT_AHEAD),
                             PIND & _BV(LEFT_BACK));
    pins.right = duty_on_pins(TCCR1A & _BV(COM1B1), OCR1B, PIND & _BV(RIGHT_AHEAD),
                              PINB & _BV(RIGHT_BACK));
    if (PL_LEFT_REVERSED)
        pins.left = (int16_t)-pins.left;
    if (PL_RIGHT_REVERSED)
        pins.right = (int16_t)-pins.right;
    return pins;
}

static void carry_outputs(void)
{
    static pl_motors shown;
    if (shown.left != core.motors.left)
        drive_left(core.motors.left);
    if (shown.right != core.motors.right)
        drive_right(core.motors.right);
    shown = core.motors;
    set_bit(&PORTB, LED, core.led);
    /* For a debugger or a simulator to see; nothing in here reads them. */
    GPIOR0 = (uint8_t)core.state;
    GPIOR1 = (uint8_t)core.counters[PL_ACCEPTED];
}

static uint16_t read_battery_mv(void)
{
    static uint16_t battery_mv = PL_NO_BATTERY;
#if PL_BATTERY_DIVIDER
    if (!(ADCSRA & _BV(ADSC))) {
        /* 5000 mV over 1024 steps, times the divider's hundredths. */
        battery_mv = (uint16_t)((uint32_t)ADC * (50UL * PL_BATTERY_DIVIDER) / 1024);
        ADCSRA |= _BV(ADSC);
    }
#endif
    return battery_mv;
}

static void tick(uint32_t now_ms)
{
    pl_inputs inputs;
    inputs.estop = PL_ESTOP_FITTED && (PIND & _BV(ESTOP));
    inputs.battery_mv = read_battery_mv();
    pl_core_tick(&core, now_ms, &inputs);
    /* Fed only here, so it bites when the loop hangs and also when the clock stands still. */
    wdt_reset();
}

static uint8_t read_eeprom(uint8_t address)
{
    return eeprom_read_byte((const uint8_t *)(uint16_t)address);
}

static void write_eeprom(uint8_t address, uint8_t value)
{
    wdt_reset();
    eeprom_write_byte((uint8_t *)(uint16_t)address, value);
}

/* The loop rests between bytes and milliseconds. Looking and falling asleep are one step: sei lets
 * one more instruction through before any interrupt. */
static void sleep_until_needed(uint8_t rx_tail, uint32_t last_ms)
{
    bool sending = core.tx_sent != core.tx_length;
    cli();
    if (rx_tail == rx_head && clock_ms == last_ms) {
        if (sending)
            UCSR0B |= _BV(UDRIE0);
        sleep_enable();
        sei();
        sleep_cpu();
        sleep_disable();
    }
    sei();
}

int main(void)
{
    static const pl_boot_memory memory = {read_eeprom, write_eeprom};
    pl_core_init(&core, pl_count_boot(&memory), reset_cause);
    start_peripherals();
    wdt_enable(WDTO_60MS);
    sei();
    uint8_t rx_tail = 0;
    uint32_t last_ms = 0;
    for (;;) {
        if (rx_tail != rx_head) {
            pl_core_receive(&core, rx[rx_tail]);
            rx_tail = (uint8_t)((rx_tail + 1) % RX_SIZE);
            carry_outputs();
        }
        uint32_t now_ms = read_clock();
        if (now_ms != last_ms) {
            last_ms = now_ms;
            tick(now_ms);
            carry_outputs();
        }
        if (UCSR0A & _BV(UDRE0)) {
            pl_motors pins = read_pins();
            uint8_t byte;
            if (pl_core_transmit(&core, &pins, &byte))
                UDR0 = byte;
        }
        sleep_until_needed(rx_tail, last_ms);
    }
}
