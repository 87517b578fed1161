/* What a client in C or C++ does itself, whatever the door and the protobuf library: hash, checksum, compression. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NONE, GZIP, LZ4, ZSTD, CODECS };
enum { MAX_BATCH_BYTES = 64 << 20 };

typedef struct {
  size_t length;
  uint8_t *data;
} Bytes;

/* CRC-32C (Castagnoli). */
uint32_t crc32c(const uint8_t *bytes, size_t length);
/* Murmur2 with the seed and the finish of Kafka's Java client. */
uint32_t murmur2(const uint8_t *key, size_t length);
/* Where a record with this key goes; an empty key is a key. */
uint32_t partition_of(const uint8_t *key, size_t length, uint32_t partition_count);

/* Both return memory for the caller to free; without data where memory is short, and `decompress_bytes` also for what is
   not well-formed or over MAX_BATCH_BYTES: a small batch from elsewhere must not fill the memory. */
Bytes compress_bytes(int codec, Bytes plain);
Bytes decompress_bytes(int codec, Bytes stored);

#ifdef __cplusplus
}
#endif
