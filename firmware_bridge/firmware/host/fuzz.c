/* A line that corrupts frames, the real core behind it, and a judge that trusts neither.
 *
 * usage: fuzz FRAMES SEED
 *
 * The host sends right frames, which keep the core armed and driving, and between them FRAMES
 * corrupted ones: flipped bits at rates from 1e-5 to 1e-1 (at least one), dropped, doubled, inserted
 * and swapped bytes; dropped, doubled, swapped and repeated frames; frames of earlier sessions,
 * whole and corrupted; two frames cut together; frames with a right CRC and an impossible content;
 * plain noise.
 *
 * The judge has its own COBS and CRC code and its own idea of the rules. It keeps every byte that
 * arrived and every payload that was sent. Whenever the core has accepted something, the payload
 * on the line must be, byte for byte, one that the host sent in this very session, newer than all
 * accepted before, a STOP if the core was not armed by three of them; and the motors may only turn
 * as the newest accepted command says, for no longer than it may. All else is a wrong command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core.h"

#define PAYLOAD 12
#define FRAME 19
#define KEPT 4096     /* payloads of this session that the judge still knows */
#define RECORDED 1024 /* frames of any session that may be replayed */
#define LONGEST 300

typedef struct {
    uint8_t bytes[FRAME];
} wire_frame;

static pl_core core;
static uint32_t now_ms;
static uint64_t random_state;

/* The host. */
static uint32_t session;
static uint32_t sequence;
static uint8_t kept[KEPT][PAYLOAD];
static wire_frame recorded[RECORDED];
static unsigned recorded_count;

/* The judge. */
static uint8_t arrived[LONGEST];
static unsigned arrived_count;
static uint32_t newest_accepted;
static unsigned stops_in_a_row;
static bool armed;
static uint8_t moving; /* command code, 0 for none */
static uint32_t moving_until_ms;
static uint64_t accepted, wrong;
static uint64_t rejects[PL_COUNTERS];
static uint16_t counted[PL_COUNTERS];

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t next_random(void)
{
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)((next_random() >> 32) * limit >> 32);
}

static uint32_t crc_table[256];

static void make_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
        crc_table[i] = crc;
    }
}

static uint32_t crc_of(const uint8_t *data, unsigned size)
{
    uint32_t crc = 0xFFFFFFFFu;
    while (size-- > 0)
        crc = crc_table[(crc ^ *data++) & 0xFF] ^ crc >> 8;
    return crc ^ 0xFFFFFFFFu;
}

static void put_little(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++, value >>= 8)
        at[i] = (uint8_t)value;
}

/* Delimiter, COBS of payload and CRC, delimiter. Finds each zero by looking ahead. */
static wire_frame frame_of(const uint8_t *payload)
{
    uint8_t checked[PAYLOAD + 4];
    memcpy(checked, payload, PAYLOAD);
    put_little(checked + PAYLOAD, crc_of(payload, PAYLOAD));
    wire_frame frame;
    memset(&frame, 0, sizeof frame);
    uint8_t *out = frame.bytes + 1;
    for (unsigned at = 0; at <= sizeof checked;) {
        unsigned end = at;
        while (end < sizeof checked && checked[end] != 0)
            end++;
        *out++ = (uint8_t)(end - at + 1);
        memcpy(out, checked + at, end - at);
        out += end - at;
        at = end + 1;
    }
    return frame;
}

/* The judge's COBS: the payload of what arrived between two delimiters, or false. */
static bool payload_on_line(uint8_t *payload)
{
    uint8_t decoded[LONGEST];
    unsigned size = 0;
    for (unsigned at = 0; at < arrived_count;) {
        unsigned code = arrived[at];
        if (at + code > arrived_count)
            return false;
        memcpy(decoded + size, arrived + at + 1, code - 1);
        size += code - 1;
        at += code;
        if (at < arrived_count && code != 0xFF)
            decoded[size++] = 0;
    }
    if (size != PAYLOAD + 4)
        return false;
    memcpy(payload, decoded, PAYLOAD);
    return true;
}

static uint32_t little(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void forget_session(void)
{
    session = core.session;
    sequence = 0;
    newest_accepted = 0;
    stops_in_a_row = 0;
    armed = false;
    moving = 0;
}

/* The core has accepted what just arrived, in the session that was. */
static void judge(uint32_t session_before)
{
    uint8_t payload[PAYLOAD];
    accepted++;
    bool right = payload_on_line(payload) && little(payload + 2) == session_before;
    uint32_t number = right ? little(payload + 6) : 0;
    right = right && number > newest_accepted && number <= sequence && sequence - number < KEPT &&
            memcmp(payload, kept[number % KEPT], PAYLOAD) == 0;
    uint8_t command = right ? payload[10] : 0xFF;
    if (!right || (command != 0 && !armed)) {
        wrong++;
        return;
    }
    newest_accepted = number;
    moving = command;
    moving_until_ms = now_ms + payload[11];
    if (command == 0 && !armed && ++stops_in_a_row == 3)
        armed = true;
}

/* Whatever the motors do must follow from the newest command that was rightly accepted. */
static void judge_motors(void)
{
    if (core.motors.left == 0 && core.motors.right == 0)
        return;
    if (moving == 0 || now_ms >= moving_until_ms)
        wrong++;
}

static void arrive(const uint8_t *bytes, unsigned size)
{
    while (size-- > 0) {
        uint16_t accepted_before = core.counters[PL_ACCEPTED];
        uint16_t disarmed_before = core.counters[PL_REJECT_DISARMED];
        uint32_t session_before = core.session;
        uint8_t byte = *bytes++;
        pl_core_receive(&core, byte);
        if (byte != 0) {
            if (arrived_count < LONGEST)
                arrived[arrived_count++] = byte;
            if (core.counters[PL_ACCEPTED] != accepted_before)
                wrong++;
            continue;
        }
        if (core.counters[PL_ACCEPTED] != accepted_before)
            judge(session_before);
        if (core.counters[PL_REJECT_DISARMED] != disarmed_before)
            stops_in_a_row = 0;
        arrived_count = 0;
        if (core.session != session)
            forget_session();
        judge_motors();
    }
}

static void pass(uint32_t milliseconds)
{
    static const pl_inputs inputs = {.estop = false, .battery_mv = PL_NO_BATTERY};
    static const pl_motors pins;
    uint8_t byte;
    while (milliseconds-- > 0) {
        pl_core_tick(&core, ++now_ms, &inputs);
        if (core.session != session)
            forget_session();
        judge_motors();
        for (int i = 0; i < 12 && pl_core_transmit(&core, &pins, &byte); i++)
            ;
    }
}

/* What the host says next. */
static wire_frame next_frame(void)
{
    static const uint8_t codes[] = {0x00, 0x33, 0x55, 0x66};
    uint8_t *payload = kept[++sequence % KEPT];
    payload[0] = 0x43;
    payload[1] = 1;
    put_little(payload + 2, session);
    put_little(payload + 6, sequence);
    payload[10] = armed || below(50) == 0 ? codes[below(4)] : 0;
    payload[11] = (uint8_t)(1 + below(150));
    wire_frame frame = frame_of(payload);
    if (below(4) == 0) {
        recorded[recorded_count % RECORDED] = frame;
        recorded_count++;
    }
    return frame;
}

/* A frame with a right CRC that no host of this version would send, at the next sequence number. */
static wire_frame impossible_frame(void)
{
    uint8_t payload[PAYLOAD];
    (void)next_frame();
    memcpy(payload, kept[sequence % KEPT], PAYLOAD);
    switch (below(8)) {
    case 0:
        payload[1] = below(64) == 0 ? (uint8_t)(2 + below(254)) : 1; /* version: trips */
        payload[0] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        payload[0] = (uint8_t)(payload[0] + 1 + below(255));
        break;
    case 2:
        put_little(payload + 2, session + 1 + below(0xFFFFFFFF));
        break;
    case 3:
        put_little(payload + 6, newest_accepted - below(newest_accepted + 1));
        break;
    case 4:
        payload[11] = below(2) == 0 ? 0 : (uint8_t)(151 + below(105));
        break;
    default:
        payload[10] = (uint8_t)(payload[10] ^ (1u << below(8) | 1u << below(8)));
    }
    return frame_of(payload);
}

static wire_frame replayed_frame(void)
{
    return recorded[below(recorded_count < RECORDED ? recorded_count : RECORDED)];
}

static unsigned flip_bits(uint8_t *bytes, unsigned size)
{
    /* A rate in units of 2**-32; between flips there is nothing to do but to skip. */
    static const double rates[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
    uint32_t threshold = (uint32_t)(rates[below(5)] * 4294967296.0);
    unsigned flips = 0;
    if (threshold > 4000000u) {
        for (unsigned bit = 0; bit < 8 * size; bit++) {
            if ((uint32_t)next_random() < threshold) {
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                flips++;
            }
        }
    } else if ((uint32_t)next_random() < threshold * 152) {
        flips = 1; /* a second one, beside the one below */
        unsigned bit = below(8 * size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    if (flips == 0 || below(2) == 0) {
        unsigned bit = below(8 * size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    return size;
}

/* Spoil the bytes of one frame; buffer has room for LONGEST. Returns the new size. */
static unsigned corrupt(uint8_t *buffer, unsigned size)
{
    unsigned at = below(size);
    unsigned count = 1 + below(3);
    switch (below(8)) {
    case 0: /* dropped bytes */
        if (count > size - at)
            count = size - at;
        memmove(buffer + at, buffer + at + count, size - at - count);
        return size - count;
    case 1: /* a doubled byte */
        memmove(buffer + at + 1, buffer + at, size - at);
        return size + 1;
    case 2: /* inserted bytes */
        memmove(buffer + at + count, buffer + at, size - at);
        for (unsigned i = 0; i < count; i++)
            buffer[at + i] = (uint8_t)next_random();
        return size + count;
    case 3: { /* two bytes swapped */
        unsigned other = below(size);
        uint8_t byte = buffer[at];
        buffer[at] = buffer[other];
        buffer[other] = byte;
        return size;
    }
    default:
        return flip_bits(buffer, size);
    }
}

/* One corrupted frame. */
static void send_corrupted(void)
{
    uint8_t buffer[LONGEST];
    unsigned size = FRAME;
    wire_frame frame, other;
    switch (below(16)) {
    case 0: /* dropped */
        (void)next_frame();
        return;
    case 1: /* doubled */
        frame = next_frame();
        arrive(frame.bytes, FRAME);
        arrive(frame.bytes, FRAME);
        return;
    case 2: /* swapped */
        frame = next_frame();
        other = next_frame();
        arrive(other.bytes, FRAME);
        arrive(frame.bytes, FRAME);
        return;
    case 3: /* repeated, of this session or an earlier one */
        frame = replayed_frame();
        arrive(frame.bytes, FRAME);
        return;
    case 4: /* the same, corrupted */
        frame = replayed_frame();
        memcpy(buffer, frame.bytes, FRAME);
        size = corrupt(buffer, size);
        break;
    case 5: /* the head of one, the tail of another */
        frame = next_frame();
        other = replayed_frame();
        size = 1 + below(FRAME - 1);
        memcpy(buffer, frame.bytes, size);
        memcpy(buffer + size, other.bytes + size, FRAME - size);
        size = FRAME;
        break;
    case 6: /* noise */
        size = 1 + below(60);
        for (unsigned i = 0; i < size; i++)
            buffer[i] = (uint8_t)next_random();
        buffer[size++] = 0;
        break;
    case 7: /* impossible */
        frame = impossible_frame();
        arrive(frame.bytes, FRAME);
        return;
    case 8: /* corrupted in several ways */
        frame = next_frame();
        memcpy(buffer, frame.bytes, FRAME);
        for (unsigned times = 2 + below(3); times > 0 && size > 0; times--)
            size = corrupt(buffer, size);
        break;
    default:
        frame = next_frame();
        memcpy(buffer, frame.bytes, FRAME);
        size = corrupt(buffer, size);
        break;
    }
    arrive(buffer, size);
}

static void send_right(void)
{
    wire_frame frame = next_frame();
    arrive(frame.bytes, FRAME);
}

static void count_rejects(void)
{
    for (int i = 0; i < PL_COUNTERS; i++) {
        rejects[i] += (uint16_t)(core.counters[i] - counted[i]);
        counted[i] = core.counters[i];
    }
}

static void boot(uint32_t epoch)
{
    count_rejects();
    pl_core_init(&core, epoch, 1);
    memset(counted, 0, sizeof counted);
    now_ms = 0;
    arrived_count = 0;
    forget_session();
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    uint64_t frames = strtoull(arguments[1], NULL, 10);
    random_state = strtoull(arguments[2], NULL, 10);
    make_crc_table();
    uint32_t epoch = 1;
    boot(epoch);
    for (uint64_t frame = 0; frame < frames; frame++) {
        if (core.trips > 4000 || frame % 1000000 == 999999)
            boot(epoch++ % 1000000 + 1);
        if (!armed || frame % 4 == 0)
            send_right();
        send_corrupted();
        if (frame % 8 == 0)
            pass(1);
        if (frame % 4096 == 0) {
            pass(below(400));
            count_rejects();
        }
    }
    count_rejects();
    printf("frames %llu\nwrong_commands %llu\naccepted %llu\n", (unsigned long long)frames,
           (unsigned long long)wrong, (unsigned long long)accepted);
    static const char *const names[] = {"accepted", "crc",      "length",  "version",
                                        "session",  "sequence", "command", "disarmed"};
    for (int i = PL_REJECT_CRC; i < PL_COUNTERS; i++)
        printf("%s %llu\n", names[i], (unsigned long long)rejects[i]);
    return wrong != 0;
}
