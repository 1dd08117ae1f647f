/* The serial line between the computer and the microcontroller. 115200 baud, 8N1.
 *
 * A frame on the line:
 *
 *     0x00 | COBS( payload | CRC-32 of payload ) | 0x00
 *
 *   - 0x00 is only ever a delimiter. Several in a row are one; the leading one ends garbage.
 *   - COBS: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999.
 *   - CRC-32: IEEE 802.3 (reflected, polynomial 0xEDB88320, all ones in, all ones out).
 *   - All integers are little-endian.
 *   - In every version, for ever: this framing, this CRC at the end, at most 64 bytes of payload
 *     and CRC together, and the type and the version as the first two bytes. So peers of
 *     different versions always recognise each other.
 *
 * COMMAND, computer to microcontroller, 12 bytes + CRC:
 *
 *     offset  size  field
 *          0     1  type       0x43 'C'
 *          1     1  version    1
 *          2     4  session    as in the newest status; anything else is thrown away
 *          6     4  sequence   greater than every one obeyed before in this session
 *         10     1  command    STOP 0x00, FORWARD 0x33, LEFT 0x55, RIGHT 0x66
 *         11     1  ttl_ms     1..150, time for which the command may be obeyed
 *         12     4  CRC-32
 *
 * STATUS, microcontroller to computer, 40 bytes + CRC:
 *
 *     offset  size  field
 *          0     1  type         0x53 'S'
 *          1     1  version      1
 *          2     4  session      new at every boot and after every trip; 0: never obeys again
 *          6     4  sequence     of the newest command accepted in this session, 0 for none
 *         10     1  state        0 disarmed, 1 armed, 2 driving
 *         11     1  trip         why it disarmed last: 1 reset, 2 silence, 3 ttl, 4 version,
 *                                5 e-stop, 6 battery
 *         12     1  applied      command whose motion the motor pins show
 *         13     2  left         signed, duty of the left motor as read back, -255..255
 *         15     2  right        signed, the same for the right motor
 *         17     2  battery_mv   0xFFFF where no divider is fitted
 *         19     4  uptime_ms    wraps
 *         23     1  reset_cause  MCUSR at boot
 *         24    16  counters     8 x 16 bits, wrap: accepted, and rejects by reason: crc, length,
 *                                version, session, sequence, command, disarmed
 *         40     4  CRC-32
 *
 * Rules of the microcontroller:
 *
 *   - A frame is judged in this order: length (of any frame at all), crc, version, type
 *     (counted as command), length (of a COMMAND), session, sequence, command and ttl_ms, state.
 *     The first that fails is counted, and nothing else happens; but a right CRC with a wrong
 *     version also trips.
 *   - DISARMED: three STOPs accepted, with no motion command between them, lead to ARMED.
 *     A motion command is counted as `disarmed`.
 *     Wrong version, e-stop open and battery low start the count again and set the trip, so that
 *     the computer is told why it does not arm; they make no new session here.
 *   - ARMED or DRIVING: a motion command is obeyed for ttl_ms; STOP is obeyed at once.
 *   - Trips, each to DISARMED with the motors off and a new session: ttl_ms ran out; 150 ms
 *     without an accepted command; wrong version; e-stop open; battery low.
 *   - A STATUS leaves after each accepted command and each trip, at most every 8 ms, and else
 *     every 50 ms.
 */
#ifndef PL_PROTOCOL_H
#define PL_PROTOCOL_H

#define PL_VERSION 1
#define PL_BAUD 115200UL

#define PL_TYPE_COMMAND 0x43
#define PL_TYPE_STATUS 0x53

#define PL_CRC_SIZE 4
#define PL_MAX_PAYLOAD 64 /* CRC included */
#define PL_MIN_PAYLOAD (2 + PL_CRC_SIZE)
#define PL_COMMAND_SIZE (12 + PL_CRC_SIZE)
#define PL_STATUS_SIZE (40 + PL_CRC_SIZE)
#define PL_STATUS_FRAME_SIZE (PL_STATUS_SIZE + 3) /* one COBS code, two delimiters */

#define PL_MAX_TTL_MS 150
#define PL_NO_BATTERY 0xFFFFu

/* Any two differ in four bits. */
enum pl_command { PL_STOP = 0x00, PL_FORWARD = 0x33, PL_LEFT = 0x55, PL_RIGHT = 0x66 };

enum pl_state { PL_DISARMED = 0, PL_ARMED = 1, PL_DRIVING = 2 };

enum pl_trip {
    PL_TRIP_RESET = 1,
    PL_TRIP_SILENCE = 2,
    PL_TRIP_TTL = 3,
    PL_TRIP_VERSION = 4,
    PL_TRIP_ESTOP = 5,
    PL_TRIP_BATTERY = 6
};

/* Order of the counters in a STATUS. */
enum pl_counter {
    PL_ACCEPTED,
    PL_REJECT_CRC,
    PL_REJECT_LENGTH,
    PL_REJECT_VERSION,
    PL_REJECT_SESSION,
    PL_REJECT_SEQUENCE,
    PL_REJECT_COMMAND,
    PL_REJECT_DISARMED,
    PL_COUNTERS
};

#endif
