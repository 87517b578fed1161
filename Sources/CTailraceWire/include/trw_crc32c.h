// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), the checksum of iSCSI (RFC 3720) and of this log.
#ifndef TRW_CRC32C_H
#define TRW_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// The CRC-32C of `data`, going on from `crc` (0 at the start): crc32c(crc32c(0, a), b) is the checksum of a then b.
/// Uses carry-less multiplication (AVX-512 with VPCLMULQDQ) where the processor has it, or else the SSE4.2 or ARMv8 CRC
/// instructions, in three interleaved streams, or else a table. Thread-safe.
uint32_t trw_crc32c(uint32_t crc, const void *data, size_t length);

/// The form of the CRC instructions, for tests on processors that have more; the portable one where there are none.
uint32_t trw_crc32c_instructions(uint32_t crc, const void *data, size_t length);

/// The portable form, always available: what the fast ones are tested against.
uint32_t trw_crc32c_portable(uint32_t crc, const void *data, size_t length);

/// "vpclmulqdq", "sse4.2", "armv8" or "table": what `trw_crc32c` uses on this machine.
const char *trw_crc32c_implementation(void);

#endif
