/* Record batches, with protobuf-c. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "tailrace/v1/record.pb-c.h"

/* Short names for what protoc-gen-c names after the package. */
#define TR(name) Tailrace__V1__##name

/* Ends the program where what has to hold does not. */
#define MUST(condition) \
  ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), exit(1)))

enum { SAMPLES = 6 };
/* Of all records that are sent here, so that every run and every language sends the same. */
#define BASE_MS INT64_C(1700000000000)

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
