/* The firmware's rules: which bytes move the motors, for how long, and what stops them.
 *
 * Portable C11 without a board: a board feeds it bytes, milliseconds and inputs, and carries its
 * outputs to the pins after every call. It never waits and never allocates.
 */
#ifndef PL_CORE_H
#define PL_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "protocol.h"

/* Ticks, not time: the first tick may come at once, so that 149 of them never last over 149 ms,
 * which leaves the board 1 ms to get a frame from the line to here. */
#define PL_SILENCE_MS 149
#define PL_ARMING_STOPS 3
#define PL_STATUS_PERIOD_MS 50
/* A status takes 4.1 ms on the line: 8 ms keep it half free, and let 90 per second through. */
#define PL_STATUS_GAP_MS 8
#define PL_BATTERY_LOW_MS 500

/* Limits of the motors, of 255; and by how much they may change in a tick. */
#ifndef PL_DUTY_FORWARD
#define PL_DUTY_FORWARD 160
#endif
#ifndef PL_DUTY_TURN
#define PL_DUTY_TURN 140
#endif
#ifndef PL_RAMP_PER_MS
#define PL_RAMP_PER_MS 8
#endif
/* Two lithium cells at 3.2 V each. */
#ifndef PL_BATTERY_STOP_MV
#define PL_BATTERY_STOP_MV 6400
#endif

/* A session is made of 20 bits of boots and 12 bits of trips. */
#define PL_TRIP_BITS 12
#define PL_MAX_EPOCH 0xFFFFFUL
#define PL_MAX_TRIPS 0xFFFu

typedef struct {
    int16_t left;
    int16_t right;
} pl_motors;

typedef struct {
    bool estop;          /* the e-stop circuit is open */
    uint16_t battery_mv; /* PL_NO_BATTERY where none is measured */
} pl_inputs;

typedef struct {
    /* Outputs, to be carried to the pins after every call. */
    pl_motors motors; /* -255..255 */
    bool led;
    enum pl_state state;

    pl_decoder decoder;

    uint32_t epoch;
    uint16_t trips;
    uint32_t session;
    uint32_t sequence;
    enum pl_trip trip;
    uint8_t reset_cause;
    uint8_t stops;

    uint8_t target; /* enum pl_command */
    uint8_t ttl_ticks;
    uint32_t obeyed_ms;
    uint32_t heard_ms;
    uint32_t now_ms;

    bool blocked; /* an input forbids arming */
    uint16_t battery_mv;
    uint16_t low_ticks;

    uint16_t counters[PL_COUNTERS];
    bool status_due;
    uint32_t status_ms;
    uint8_t tx[PL_STATUS_FRAME_SIZE];
    uint8_t tx_length;
    uint8_t tx_sent;
} pl_core;

/* Start, with the motors off.
 * epoch: number of this boot, from 1, never seen before; 0 if it is not known: then nothing is
 * ever obeyed. reset_cause: goes into the status. */
void pl_core_init(pl_core *core, uint32_t epoch, uint8_t reset_cause);

/* Take one byte from the line. */
void pl_core_receive(pl_core *core, uint8_t byte);

/* Time has passed; to be called each millisecond with the time since boot, which may wrap. */
void pl_core_tick(pl_core *core, uint32_t now_ms, const pl_inputs *inputs);

/* Give the next byte for the line, if there is one. pins: the motors as read back from the pins. */
bool pl_core_transmit(pl_core *core, const pl_motors *pins, uint8_t *byte);

#endif
