/* Plays a script into the core and the boot counter, and writes down everything that shows.
 *
 * The script, on standard input, is a row of operations, little-endian:
 *
 *     'I' u32 epoch, u8 cause            start the core
 *     'R' u16 n, n bytes                 bytes from the line
 *     'T' u32 ms, u8 estop, u16 battery  the time is now ms
 *     'X' u16 n, i16 left, i16 right     take up to n bytes for the line; these are on the pins
 *     'B' u8 n                           boot counter; power goes after n writes (255: never)
 *     'E' u8 address, u8 value           change a byte of its memory
 *     'W' u8 address                     that byte is worn out: it cannot be written (255: none)
 *
 * After each, one record goes to standard output:
 *
 *     i16 left, i16 right, u8 led, u8 state, u32 number, u16 n, n bytes for the line
 *
 * Exit code 2 is a broken script. It serves the differential tests, the sanitizers, the coverage
 * and the mutation run.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../boot_counter.h"
#include "../bytes.h"
#include "../core.h"

static uint8_t eeprom[PL_BOOT_MEMORY];
static unsigned writes_left;
static uint8_t worn_out = 255;
static jmp_buf power_cut;

static uint8_t read_eeprom(uint8_t address)
{
    if (address >= PL_BOOT_MEMORY)
        abort();
    return eeprom[address];
}

static void write_eeprom(uint8_t address, uint8_t value)
{
    if (address >= PL_BOOT_MEMORY)
        abort();
    if (writes_left == 0)
        longjmp(power_cut, 1);
    if (writes_left != 255)
        writes_left--;
    if (address != worn_out)
        eeprom[address] = value;
}

static uint32_t boot(uint8_t writes)
{
    static const pl_boot_memory memory = {read_eeprom, write_eeprom};
    writes_left = writes;
    return setjmp(power_cut) == 0 ? pl_count_boot(&memory) : 0;
}

static void take(uint8_t *buffer, size_t size)
{
    if (fread(buffer, 1, size, stdin) != size)
        exit(2);
}

static uint16_t take_u16(void)
{
    uint8_t bytes[2];
    take(bytes, sizeof bytes);
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t take_u32(void)
{
    uint8_t bytes[4];
    take(bytes, sizeof bytes);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint8_t take_u8(void)
{
    uint8_t byte;
    take(&byte, 1);
    return byte;
}

static void give_u16(uint16_t value)
{
    putchar(value & 0xFF);
    putchar(value >> 8);
}

static void record(const pl_core *core, uint32_t number, const uint8_t *sent, uint16_t length)
{
    give_u16((uint16_t)core->motors.left);
    give_u16((uint16_t)core->motors.right);
    putchar(core->led);
    putchar((int)core->state);
    give_u16((uint16_t)number);
    give_u16((uint16_t)(number >> 16));
    give_u16(length);
    fwrite(sent, 1, length, stdout);
}

static uint16_t transmit(pl_core *core, uint8_t *sent)
{
    uint16_t most = take_u16();
    pl_motors pins;
    pins.left = (int16_t)take_u16();
    pins.right = (int16_t)take_u16();
    uint16_t length = 0;
    while (length < most && pl_core_transmit(core, &pins, &sent[length]))
        length++;
    return length;
}

static void tick(pl_core *core)
{
    uint32_t now_ms = take_u32();
    pl_inputs inputs;
    inputs.estop = take_u8() != 0;
    inputs.battery_mv = take_u16();
    pl_core_tick(core, now_ms, &inputs);
}

int main(void)
{
    static uint8_t sent[65536];
    static pl_core core;
    memset(eeprom, 0xFF, sizeof eeprom);
    for (int operation = getchar(); operation != EOF; operation = getchar()) {
        uint32_t number = 0;
        uint16_t length = 0;
        if (operation == 'I') {
            uint32_t epoch = take_u32();
            /* Whatever was in memory before must not matter. */
            memset(&core, 0xA5, sizeof core);
            pl_core_init(&core, epoch, take_u8());
        } else if (operation == 'R') {
            for (uint16_t left = take_u16(); left > 0; left--)
                pl_core_receive(&core, take_u8());
        } else if (operation == 'T') {
            tick(&core);
        } else if (operation == 'X') {
            length = transmit(&core, sent);
        } else if (operation == 'B') {
            number = boot(take_u8());
        } else if (operation == 'E') {
            uint8_t address = take_u8();
            eeprom[address % PL_BOOT_MEMORY] = take_u8();
        } else if (operation == 'W') {
            worn_out = take_u8();
        } else {
            return 2;
        }
        record(&core, number, sent, length);
    }
    return 0;
}
