#include "boot_counter.h"

#include "bytes.h"

/* The number in a slot, 0 if it is torn or was never written. */
static uint32_t read_slot(const pl_boot_memory *memory, uint8_t slot)
{
    uint8_t bytes[PL_BOOT_SLOT_SIZE];
    for (uint8_t i = 0; i < PL_BOOT_SLOT_SIZE; i++)
        bytes[i] = memory->read((uint8_t)(slot * PL_BOOT_SLOT_SIZE + i));
    uint32_t number = pl_get_u32(bytes);
    return number == (uint32_t)~pl_get_u32(bytes + 4) ? number : 0;
}

uint32_t pl_count_boot(const pl_boot_memory *memory)
{
    uint32_t newest = 0;
    for (uint8_t slot = 0; slot < PL_BOOT_SLOTS; slot++) {
        uint32_t number = read_slot(memory, slot);
        if (number > newest)
            newest = number;
    }
    /* After the last number comes 0, which is never used: the car then stays where it is. */
    uint32_t next = newest + 1;
    uint8_t slot = (uint8_t)(next % PL_BOOT_SLOTS);
    uint8_t bytes[PL_BOOT_SLOT_SIZE];
    pl_put_u32(bytes, next);
    pl_put_u32(bytes + 4, ~next);
    for (uint8_t i = 0; i < PL_BOOT_SLOT_SIZE; i++)
        memory->write((uint8_t)(slot * PL_BOOT_SLOT_SIZE + i), bytes[i]);
    return read_slot(memory, slot) == next ? next : 0;
}
