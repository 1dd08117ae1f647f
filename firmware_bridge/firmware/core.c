#include "core.h"

#include <string.h>

#include "bytes.h"

static uint32_t make_session(uint32_t epoch, uint16_t trips)
{
    if (epoch == 0 || epoch > PL_MAX_EPOCH || trips > PL_MAX_TRIPS)
        return 0;
    /* An odd factor maps no two numbers to one (Knuth, TAOCP 3, 6.4, golden ratio). */
    return (epoch << PL_TRIP_BITS | trips) * 0x9E3779B1UL;
}

void pl_core_init(pl_core *core, uint32_t epoch, uint8_t reset_cause)
{
    memset(core, 0, sizeof *core);
    core->epoch = epoch;
    core->session = make_session(epoch, 0);
    core->trip = PL_TRIP_RESET;
    core->reset_cause = reset_cause;
    core->battery_mv = PL_NO_BATTERY;
    core->status_due = true;
    core->status_ms = (uint32_t)0 - PL_STATUS_GAP_MS;
}

static uint32_t since(const pl_core *core, uint32_t then_ms)
{
    return core->now_ms - then_ms;
}

static void motors_off(pl_core *core)
{
    core->target = PL_STOP;
    core->motors.left = 0;
    core->motors.right = 0;
}

static void disarm(pl_core *core, enum pl_trip trip)
{
    motors_off(core);
    core->trip = trip;
    core->stops = 0;
    if (core->state == PL_DISARMED)
        return;
    core->state = PL_DISARMED;
    core->trips++;
    core->session = make_session(core->epoch, core->trips);
    core->sequence = 0;
    core->status_due = true;
}

static void obey_stop(pl_core *core)
{
    motors_off(core);
    if (core->state == PL_DRIVING) {
        core->state = PL_ARMED;
    } else if (core->state == PL_DISARMED && !core->blocked) {
        core->stops++;
        if (core->stops == PL_ARMING_STOPS)
            core->state = PL_ARMED;
    }
}

static void obey_motion(pl_core *core, uint8_t command, uint8_t ttl_ms)
{
    core->state = PL_DRIVING;
    core->target = command;
    core->obeyed_ms = core->now_ms;
    /* A tick less, as the first may come at once; see PL_SILENCE_MS. */
    core->ttl_ticks = (uint8_t)(ttl_ms - 1);
}

static bool known_command(uint8_t command)
{
    return command == PL_STOP || command == PL_FORWARD || command == PL_LEFT ||
           command == PL_RIGHT;
}

/* Judge a COMMAND and obey it; says how it is counted. */
static enum pl_counter handle_command(pl_core *core, const uint8_t *payload)
{
    uint32_t session = pl_get_u32(payload + 2);
    uint32_t sequence = pl_get_u32(payload + 6);
    uint8_t command = payload[10];
    uint8_t ttl_ms = payload[11];
    if (session != core->session || session == 0)
        return PL_REJECT_SESSION;
    if (sequence <= core->sequence)
        return PL_REJECT_SEQUENCE;
    if (!known_command(command) || ttl_ms == 0 || ttl_ms > PL_MAX_TTL_MS)
        return PL_REJECT_COMMAND;
    if (core->state == PL_DISARMED && command != PL_STOP) {
        core->stops = 0;
        return PL_REJECT_DISARMED;
    }
    core->sequence = sequence;
    core->heard_ms = core->now_ms;
    core->status_due = true;
    if (command == PL_STOP)
        obey_stop(core);
    else
        obey_motion(core, command, ttl_ms);
    return PL_ACCEPTED;
}

static enum pl_counter handle_frame(pl_core *core)
{
    const uint8_t *payload = core->decoder.payload;
    if (payload[1] != PL_VERSION) {
        disarm(core, PL_TRIP_VERSION);
        return PL_REJECT_VERSION;
    }
    if (payload[0] != PL_TYPE_COMMAND)
        return PL_REJECT_COMMAND;
    if (core->decoder.length != PL_COMMAND_SIZE)
        return PL_REJECT_LENGTH;
    return handle_command(core, payload);
}

void pl_core_receive(pl_core *core, uint8_t byte)
{
    switch (pl_decode(&core->decoder, byte)) {
    case PL_FRAME:
        core->counters[handle_frame(core)]++;
        break;
    case PL_BAD_LENGTH:
        core->counters[PL_REJECT_LENGTH]++;
        break;
    case PL_BAD_CRC:
        core->counters[PL_REJECT_CRC]++;
        break;
    case PL_NOTHING:
        break;
    }
}

static void watch_inputs(pl_core *core, const pl_inputs *inputs)
{
    core->battery_mv = inputs->battery_mv;
    /* PL_NO_BATTERY is above every threshold. */
    if (inputs->battery_mv >= PL_BATTERY_STOP_MV)
        core->low_ticks = 0;
    else if (core->low_ticks < PL_BATTERY_LOW_MS)
        core->low_ticks++;
    bool low = core->low_ticks == PL_BATTERY_LOW_MS;
    core->blocked = inputs->estop || low;
    if (inputs->estop)
        disarm(core, PL_TRIP_ESTOP);
    else if (low)
        disarm(core, PL_TRIP_BATTERY);
}

static int16_t towards(int16_t duty, int16_t target)
{
    if (duty + PL_RAMP_PER_MS < target)
        return (int16_t)(duty + PL_RAMP_PER_MS);
    if (duty - PL_RAMP_PER_MS > target)
        return (int16_t)(duty - PL_RAMP_PER_MS);
    return target;
}

/* One step a tick: a board that is held up ramps more slowly, never in a leap. */
static void ramp(pl_core *core)
{
    int16_t left = core->target == PL_STOP      ? 0
                   : core->target == PL_FORWARD ? PL_DUTY_FORWARD
                   : core->target == PL_LEFT    ? -PL_DUTY_TURN
                                                : PL_DUTY_TURN;
    int16_t right = core->target == PL_FORWARD ? PL_DUTY_FORWARD : (int16_t)-left;
    core->motors.left = towards(core->motors.left, left);
    core->motors.right = towards(core->motors.right, right);
}

static bool led_pattern(const pl_core *core)
{
    uint16_t now_ms = (uint16_t)core->now_ms;
    if (core->session == 0)
        return true; /* steady: nothing will ever be obeyed */
    if (core->state == PL_DISARMED)
        return (now_ms >> 6 & 15) == 0; /* a flash a second */
    if (core->state == PL_ARMED)
        return (now_ms >> 8 & 1) == 0; /* a slow blink */
    return (now_ms >> 6 & 1) == 0;     /* a fast blink */
}

void pl_core_tick(pl_core *core, uint32_t now_ms, const pl_inputs *inputs)
{
    core->now_ms = now_ms;
    watch_inputs(core, inputs);
    if (core->state == PL_DRIVING && since(core, core->obeyed_ms) >= core->ttl_ticks)
        disarm(core, PL_TRIP_TTL);
    if (core->state != PL_DISARMED && since(core, core->heard_ms) >= PL_SILENCE_MS)
        disarm(core, PL_TRIP_SILENCE);
    ramp(core);
    core->led = led_pattern(core);
    if (since(core, core->status_ms) >= PL_STATUS_PERIOD_MS)
        core->status_due = true;
}

static uint8_t applied_command(const pl_motors *pins)
{
    if (pins->left == 0 && pins->right == 0)
        return PL_STOP;
    if (pins->left > 0 && pins->right > 0)
        return PL_FORWARD;
    return pins->left < pins->right ? PL_LEFT : PL_RIGHT;
}

static void make_status(pl_core *core, const pl_motors *pins)
{
    uint8_t payload[PL_STATUS_SIZE];
    payload[0] = PL_TYPE_STATUS;
    payload[1] = PL_VERSION;
    pl_put_u32(payload + 2, core->session);
    pl_put_u32(payload + 6, core->sequence);
    payload[10] = (uint8_t)core->state;
    payload[11] = (uint8_t)core->trip;
    payload[12] = applied_command(pins);
    pl_put_u16(payload + 13, (uint16_t)pins->left);
    pl_put_u16(payload + 15, (uint16_t)pins->right);
    pl_put_u16(payload + 17, core->battery_mv);
    pl_put_u32(payload + 19, core->now_ms);
    payload[23] = core->reset_cause;
    for (uint8_t i = 0; i < PL_COUNTERS; i++)
        pl_put_u16(payload + 24 + 2 * i, core->counters[i]);
    core->tx_length = pl_encode(payload, PL_STATUS_SIZE - PL_CRC_SIZE, core->tx);
    core->tx_sent = 0;
    core->status_ms = core->now_ms;
    core->status_due = false;
}

bool pl_core_transmit(pl_core *core, const pl_motors *pins, uint8_t *byte)
{
    if (core->tx_sent == core->tx_length) {
        /* Made only now, so that it says the newest; nothing is ever queued behind it. */
        if (!core->status_due || since(core, core->status_ms) < PL_STATUS_GAP_MS)
            return false;
        make_status(core, pins);
    }
    *byte = core->tx[core->tx_sent++];
    return true;
}
