/* The core as a shared library, for virtual time on this machine. */
#include <stdlib.h>

#include "../core.h"

pl_core *pl_host_new(uint32_t epoch, uint8_t reset_cause)
{
    pl_core *core = malloc(sizeof *core);
    if (core != NULL)
        pl_core_init(core, epoch, reset_cause);
    return core;
}

void pl_host_free(pl_core *core)
{
    free(core);
}

void pl_host_receive(pl_core *core, uint8_t byte)
{
    pl_core_receive(core, byte);
}

void pl_host_tick(pl_core *core, uint32_t now_ms, int estop, uint16_t battery_mv)
{
    pl_inputs inputs = {.estop = estop != 0, .battery_mv = battery_mv};
    pl_core_tick(core, now_ms, &inputs);
}

int pl_host_transmit(pl_core *core, int16_t left, int16_t right)
{
    pl_motors pins = {left, right};
    uint8_t byte;
    return pl_core_transmit(core, &pins, &byte) ? byte : -1;
}

int pl_host_left(const pl_core *core)
{
    return core->motors.left;
}

int pl_host_right(const pl_core *core)
{
    return core->motors.right;
}

int pl_host_led(const pl_core *core)
{
    return core->led;
}

int pl_host_state(const pl_core *core)
{
    return (int)core->state;
}
