/* Counts boots in memory that survives them, so that no session is ever used twice.
 *
 * Sixteen slots of eight bytes, written in turn: a 32-bit number and its complement. The newest
 * slot is never the one written, so a write cut short at any byte loses nothing: its slot reads
 * as torn, the slot before still holds the number before, and the number in the torn slot was
 * never given out. In turn also means that each cell wears a sixteenth as fast: an EEPROM good
 * for 100 000 writes lasts more boots than the session has room for.
 */
#ifndef PL_BOOT_COUNTER_H
#define PL_BOOT_COUNTER_H

#include <stdint.h>

#define PL_BOOT_SLOTS 16
#define PL_BOOT_SLOT_SIZE 8
#define PL_BOOT_MEMORY (PL_BOOT_SLOTS * PL_BOOT_SLOT_SIZE)

typedef struct {
    uint8_t (*read)(uint8_t address);
    void (*write)(uint8_t address, uint8_t value);
} pl_boot_memory;

/* Number of this boot, from 1; 0 when it could not be stored and must not be used. */
uint32_t pl_count_boot(const pl_boot_memory *memory);

#endif
