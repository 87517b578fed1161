/* What a client does itself, whatever the door: hash, checksum, compression, record batches. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tailrace/v1/record.pb-c.h"

/* Short names for what protoc-gen-c names after the package. */
#define TR(name) Tailrace__V1__##name

/* Ends the program where what has to hold does not. */
#define MUST(condition) \
  ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), exit(1)))

enum { NONE, GZIP, LZ4, ZSTD, CODECS };
enum { SAMPLES = 6, MAX_BATCH_BYTES = 64 << 20 };
/* Of all records that are sent here, so that every run and every language sends the same. */
#define BASE_MS INT64_C(1700000000000)

/* CRC-32C (Castagnoli). */
uint32_t crc32c(const uint8_t *bytes, size_t length);
/* Murmur2 with the seed and the finish of Kafka's Java client. */
uint32_t murmur2(const uint8_t *key, size_t length);
/* Where a record with this key goes; an empty key is a key. */
uint32_t partition_of(const uint8_t *key, size_t length, uint32_t partition_count);

/* Both return memory for the caller to free; `decompress` NULL for what is not well-formed or over MAX_BATCH_BYTES. */
ProtobufCBinaryData compress_records(int codec, ProtobufCBinaryData plain);
ProtobufCBinaryData decompress_records(int codec, ProtobufCBinaryData stored);

/* The records of the golden files: all that may be absent, empty, negative or long. */
const TR(RecordSet) *sample_records(void);
/* A message's bytes, for the caller to free. */
ProtobufCBinaryData packed(const ProtobufCMessage *message);
/* Whether two runs of bytes are the same. */
int same(ProtobufCBinaryData one, ProtobufCBinaryData other);
/* The sample records in a batch as a producer without an id sends it; `records` is for the caller to free. */
TR(RecordBatch) encode_samples(int codec);
/* The records of a fetched batch, for tailrace__v1__record_set__free_unpacked; NULL for a damaged or newer one. */
TR(RecordSet) *decode_batch(const TR(RecordBatch) *batch);
