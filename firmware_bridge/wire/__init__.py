"""The language of the serial line, without a device or a clock: commands, frames, sessions.

Everything may import it; it imports only `firmware_bridge.errors`. One more message on the wire:
its bytes in ``firmware/protocol.h``, encoder and decoder in `protocol`, examples in `vectors`.
"""
