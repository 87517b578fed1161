#include "codec.h"

uint32_t crc32c(const uint8_t *bytes, size_t length) {
  uint32_t checksum = UINT32_MAX;
  for (size_t at = 0; at < length; at++) {
    checksum ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) checksum = checksum >> 1 ^ (checksum & 1 ? 0x82F63B78 : 0);
  }
  return ~checksum;
}

uint32_t murmur2(const uint8_t *key, size_t length) {
  const uint32_t mixer = 0x5BD1E995;
  uint32_t hash = 0x9747B28C ^ (uint32_t)length;
  size_t whole = length & ~(size_t)3;
  for (size_t at = 0; at < whole; at += 4) {
    uint32_t word = key[at] | (uint32_t)key[at + 1] << 8 | (uint32_t)key[at + 2] << 16 | (uint32_t)key[at + 3] << 24;
    word *= mixer;
    hash = hash * mixer ^ (word ^ word >> 24) * mixer;
  }
  for (size_t at = whole; at < length; at++) hash ^= (uint32_t)key[at] << 8 * (at - whole);
  if (whole < length) hash *= mixer;
  hash = (hash ^ hash >> 13) * mixer;
  return hash ^ hash >> 15;
}

uint32_t partition_of(const uint8_t *key, size_t length, uint32_t partition_count) {
  return (murmur2(key, length) & INT32_MAX) % partition_count;
}
