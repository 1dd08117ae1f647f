/* Frames in and out of bytes: COBS and CRC-32 as drawn in protocol.h. */
#ifndef PL_FRAME_H
#define PL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

/* A frame as it comes in; all zero at first. */
typedef struct {
    uint8_t payload[PL_MAX_PAYLOAD];
    uint8_t length;     /* bytes of payload so far */
    uint8_t block_left; /* bytes until the next COBS code */
    bool started;       /* something came since the last delimiter */
    bool overlong;      /* more than payload can hold */
} pl_decoder;

enum pl_decoded { PL_NOTHING, PL_FRAME, PL_BAD_LENGTH, PL_BAD_CRC };

/* Take one byte. After PL_FRAME, payload and length (CRC included) stand until the next call. */
enum pl_decoded pl_decode(pl_decoder *decoder, uint8_t byte);

/* CRC-32 of IEEE 802.3. */
uint32_t pl_crc32(const uint8_t *data, uint8_t length);

/* Add the CRC to the length bytes at payload (which must have room for it), stuff and delimit into
 * frame. Returns the frame's length, at most length + PL_CRC_SIZE + 3. */
uint8_t pl_encode(uint8_t *payload, uint8_t length, uint8_t *frame);

#endif
