#include "frame.h"

#include "bytes.h"

uint32_t pl_crc32(const uint8_t *data, uint8_t length)
{
    /* Four bits at a time: a sixteenth of the table of a byte-wise one, and fast enough. */
    static const uint32_t table[] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t crc = 0xFFFFFFFF;
    for (uint8_t i = 0; i < length; i++) {
        crc = table[(crc ^ data[i]) & 0x0F] ^ (crc >> 4);
        crc = table[(crc ^ (data[i] >> 4)) & 0x0F] ^ (crc >> 4);
    }
    return ~crc;
}

static enum pl_decoded close_frame(const pl_decoder *decoder)
{
    if (decoder->overlong || decoder->block_left != 0 || decoder->length < PL_MIN_PAYLOAD)
        return PL_BAD_LENGTH;
    uint8_t covered = (uint8_t)(decoder->length - PL_CRC_SIZE);
    if (pl_crc32(decoder->payload, covered) != pl_get_u32(decoder->payload + covered))
        return PL_BAD_CRC;
    return PL_FRAME;
}

static void append(pl_decoder *decoder, uint8_t byte)
{
    if (decoder->length < PL_MAX_PAYLOAD)
        decoder->payload[decoder->length++] = byte;
    else
        decoder->overlong = true;
}

enum pl_decoded pl_decode(pl_decoder *decoder, uint8_t byte)
{
    if (byte == 0) {
        enum pl_decoded result = decoder->started ? close_frame(decoder) : PL_NOTHING;
        decoder->started = false;
        return result;
    }
    if (!decoder->started) {
        decoder->started = true;
        decoder->overlong = false;
        decoder->length = 0;
        decoder->block_left = (uint8_t)(byte - 1);
    } else if (decoder->block_left == 0) {
        /* The code 0xFF, after which no zero follows, needs no rule: such a block is overlong. */
        append(decoder, 0);
        decoder->block_left = (uint8_t)(byte - 1);
    } else {
        append(decoder, byte);
        decoder->block_left--;
    }
    return PL_NOTHING;
}

uint8_t pl_encode(uint8_t *payload, uint8_t length, uint8_t *frame)
{
    pl_put_u32(payload + length, pl_crc32(payload, length));
    length = (uint8_t)(length + PL_CRC_SIZE);
    frame[0] = 0;
    uint8_t code_at = 1;
    uint8_t at = 2;
    for (uint8_t i = 0; i < length; i++) {
        if (payload[i] == 0) {
            frame[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        } else {
            frame[at++] = payload[i];
        }
    }
    frame[code_at] = (uint8_t)(at - code_at);
    frame[at++] = 0;
    return at;
}
