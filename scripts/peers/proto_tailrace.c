// Tailrace's native protocol: Produce of one encoded batch at a time, Fetch with a long poll. The schemas are in
// proto/tailrace/v1; the numbers below are their fields.
#include "client.h"
#include "trw_crc32c.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  MAX_FRAME_BYTES = 16 << 20, FETCH_BYTES = 1 << 20, FETCH_WAIT_MS = 30000, ACKS_WRITTEN = 2, ACKS_DURABLE = 3,
  // Call ids go round in this range, where each is a varint of two bytes.
  FIRST_CALL = 128, CALLS = 1 << 13,
  // Of a frame up to the call id: the lengths, the tag.
  CALL_ID_AT = 4 + 2 + 1,
};

typedef struct {
  uint32_t calls;                   // made on this connection
  uint32_t records_of_call[CALLS];  // by call id; 0: not in flight
  buffer frame;                     // a Produce with frame_records records, to be sent again
  uint32_t frame_records;
  uint64_t next_offset;             // to fetch
} state;

static state *state_of(const connection *c) { return c->state; }

// Registers a call; `records`: how many its answer acknowledges, 1 where it is no Produce.
static uint32_t new_call(connection *c, uint32_t records) {
  state *s = state_of(c);
  uint32_t slot = s->calls++ % CALLS;
  if (s->records_of_call[slot]) fail("tailrace: more than %d calls in flight", CALLS);
  s->records_of_call[slot] = records;
  return FIRST_CALL + slot;
}

static void put_big_endian(buffer *b, uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) put_bytes(b, &(uint8_t){(uint8_t)(value >> shift)}, 1);
}

// What stands before a message of `length` bytes.
static void put_frame_head(buffer *b, uint32_t call, const char *method, size_t length) {
  size_t header = 1 + varint_length(call) + field_length(1, strlen(method));
  put_big_endian(b, (uint32_t)(2 + header + length), 4);
  put_big_endian(b, (uint32_t)header, 2);
  put_number(b, 1, call);
  put_string(b, 2, method);
}

static void put_call(connection *c, const char *method, const buffer *message) {
  put_frame_head(&c->out, new_call(c, 1), method, buffer_length(message));
  put_bytes(&c->out, buffer_head(message), buffer_length(message));
}

static _Noreturn void fail_malformed(const char *what) { fail("tailrace: a malformed %s", what); }

// Ends the program with the message of a Status or a PartitionError.
static _Noreturn void fail_error(span error) {
  wire_field f;
  span text = {0};
  while (take_field(&error, &f))
    if (f.field == 2 && f.type == BYTES) text = f.bytes;
  fail("tailrace: %.*s", (int)span_length(text), (const char *)text.at);
}

// Reads a ResponseHeader; returns how many records the call was about.
static uint32_t end_call(connection *c, span header) {
  wire_field f;
  uint64_t call = 0;
  while (take_field(&header, &f)) {
    if (f.field == 1 && f.type == VARINT) call = f.number;
    if (f.field == 2 && f.type == BYTES) fail_error(f.bytes);
  }
  if (header.at != header.end || call < FIRST_CALL || call >= FIRST_CALL + CALLS) fail_malformed("response header");
  uint32_t *records = &state_of(c)->records_of_call[call - FIRST_CALL], count = *records;
  if (count == 0) fail("tailrace: an answer to no call");
  *records = 0;
  return count;
}

// Finds a whole answer in c->in, which stays there until take_answer. Sets how many records its call was about.
static bool find_answer(connection *c, span *message, uint32_t *records) {
  const uint8_t *p = buffer_head(&c->in);
  if (buffer_length(&c->in) < 6) return false;
  size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3], header = (size_t)p[4] << 8 | p[5];
  if (length < 2 || length > MAX_FRAME_BYTES || header > length - 2) fail_malformed("frame");
  if (buffer_length(&c->in) < 4 + length) return false;
  *message = (span){p + 6 + header, p + 4 + length};
  *records = end_call(c, (span){p + 6, p + 6 + header});
  return true;
}

static void take_answer(connection *c, span message) { c->in.start = (size_t)(message.end - c->in.bytes); }

static void greet(connection *c) {
  c->state = calloc(1, sizeof(state));
  if (!c->state) fail("no memory");
  put_bytes(&c->out, "TRPC\1\0\0\0", 8);
  send_all(c);
  while (buffer_length(&c->in) < 8) receive_some(c);
  if (memcmp(buffer_head(&c->in), "TRPC\1", 5)) fail("tailrace: not a broker that speaks version 1");
  c->in.start += 8;
}

static void create(connection *c) {
  buffer message = {0};
  const char *durability = settings.is_durable ? "durable" : "os";
  put_string(&message, 1, settings.stream);
  put_head(&message, 3, field_length(1, strlen("durability")) + field_length(1, strlen(durability)));
  put_string(&message, 1, "durability");
  put_string(&message, 2, durability);
  put_call(c, "tailrace.v1.AdminService/CreateTopic", &message);
  free(message.bytes);
  send_all(c);
  span answer;
  uint32_t records;
  while (!find_answer(c, &answer, &records)) receive_some(c);
  take_answer(c, answer);
}

// A RecordBatch's fields before its records, see record.proto.
static void put_batch_header(buffer *b, uint32_t count, uint32_t records_length) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  uint64_t timestamp_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
  put_fixed32(b, 1, 1);
  put_fixed32(b, 3, count);
  put_fixed32(b, 4, count - 1);
  put_fixed64(b, 6, timestamp_ms);
  put_fixed64(b, 7, timestamp_ms);
  put_fixed32(b, 14, records_length);
  put_fixed32(b, 15, 0);   // the checksum, filled in once the records are there
}

enum { BATCH_HEADER_BYTES = 5 * 5 + 2 * 9 };

// Appends a Produce frame with one batch.
static void put_produce(buffer *b, uint32_t call, uint32_t count, const uint64_t *due) {
  static const char method[] = "tailrace.v1.LogService/Produce";
  size_t value = field_length(1, settings.size), records = count * field_length(1, value);
  size_t batch = BATCH_HEADER_BYTES + field_length(2, records);
  size_t target = field_length(1, strlen(settings.stream)) + 2 + field_length(1, batch);
  buffer_need(b, 128 + target);
  put_frame_head(b, call, method, 2 + field_length(1, target));
  put_number(b, 1, settings.is_durable ? ACKS_DURABLE : ACKS_WRITTEN);
  put_head(b, 2, target);
  put_string(b, 1, settings.stream);
  put_number(b, 3, 0);   // the partition
  put_head(b, 5, batch);
  put_batch_header(b, count, (uint32_t)records);
  size_t checksum_at = b->end - 4;
  put_head(b, 17, records);
  for (uint32_t i = 0; i < count; i++) {
    put_head(b, 1, value);
    put_head(b, 2, settings.size);
    put_bytes(b, settings.payload, settings.size);
    if (due) memcpy(b->bytes + b->end - settings.size, &due[i], sizeof due[i]);
  }
  uint32_t checksum = htole32(trw_crc32c(0, b->bytes + b->end - records, records));
  memcpy(b->bytes + checksum_at, &checksum, sizeof checksum);
}

// Without due times all frames are the same but for their call ids, and are encoded once.
static void encode(connection *c, uint32_t count, const uint64_t *due) {
  state *s = state_of(c);
  uint32_t call = new_call(c, count);
  if (due) {
    put_produce(&c->out, call, count, due);
    return;
  }
  if (s->frame_records != count) {
    s->frame.start = s->frame.end = 0;
    put_produce(&s->frame, call, count, NULL);
    s->frame_records = count;
  }
  s->frame.bytes[CALL_ID_AT] = (uint8_t)(call | 0x80);
  s->frame.bytes[CALL_ID_AT + 1] = (uint8_t)(call >> 7);
  put_bytes(&c->out, buffer_head(&s->frame), buffer_length(&s->frame));
}

// A BatchResult: its error is field 4. A ProduceResult: its error is field 1, the result of its batch field 2.
static void check_produced(span response) {
  wire_field result, part, f;
  if (!take_field(&response, &result) || result.field != 1 || result.type != BYTES) fail_malformed("produce response");
  uint32_t stored = 0;
  while (take_field(&result.bytes, &part)) {
    if (part.type != BYTES) fail_malformed("produce result");
    if (part.field == 1) fail_error(part.bytes);
    stored += part.field == 2;
    while (part.field == 2 && take_field(&part.bytes, &f))
      if (f.field == 4 && f.type == BYTES) fail_error(f.bytes);
  }
  if (stored != 1) fail("tailrace: %u batches were answered in place of one", stored);
}

static uint64_t take_acks(connection *c) {
  uint64_t count = 0;
  uint32_t records;
  for (span message; find_answer(c, &message, &records); count += records) {
    check_produced(message);
    take_answer(c, message);
  }
  return count;
}

static void fetch(connection *c) {
  buffer message = {0};
  put_head(&message, 1, field_length(1, strlen(settings.stream)) + 1 + varint_length(state_of(c)->next_offset));
  put_string(&message, 1, settings.stream);
  put_number(&message, 4, state_of(c)->next_offset);
  put_number(&message, 2, 1);
  put_number(&message, 3, FETCH_BYTES);
  put_number(&message, 4, FETCH_WAIT_MS);
  put_call(c, "tailrace.v1.LogService/Fetch", &message);
  free(message.bytes);
}

static void subscribe(connection *c) { fetch(c); }

typedef struct {
  uint64_t base_offset, last_offset_delta, checksum, count;
  span records;
} record_batch;

static record_batch read_batch(span in) {
  record_batch batch = {0};
  wire_field f;
  while (take_field(&in, &f)) {
    if (f.field == 2 && f.type == FIXED64) batch.base_offset = f.number;
    if (f.field == 3 && f.type == FIXED32) batch.count = f.number;
    if (f.field == 4 && f.type == FIXED32) batch.last_offset_delta = f.number;
    if (f.field == 15 && f.type == FIXED32) batch.checksum = f.number;
    if (f.field == 17 && f.type == BYTES) batch.records = f.bytes;
  }
  if (in.at != in.end) fail_malformed("batch");
  return batch;
}

// Finds the one FetchedPartition of a FetchResponse.
static span fetched_partition(span response) {
  wire_field f;
  if (!take_field(&response, &f) || f.field != 1 || f.type != BYTES) fail_malformed("fetch response");
  return f.bytes;
}

static bool next_batch(span *partition, record_batch *batch) {
  wire_field f;
  while (take_field(partition, &f)) {
    if (f.field == 4 && f.type == BYTES) fail_error(f.bytes);
    if (f.field != 15 || f.type != BYTES) continue;
    *batch = read_batch(f.bytes);
    return true;
  }
  if (partition->at != partition->end) fail_malformed("partition");
  return false;
}

// Reads a RecordSet of records without gaps, and drops those before `offset`.
static void take_records(record_batch batch, uint64_t offset) {
  if (trw_crc32c(0, batch.records.at, span_length(batch.records)) != batch.checksum)
    fail("tailrace: wrong checksum at offset %llu", (unsigned long long)batch.base_offset);
  wire_field record, f;
  uint64_t at = batch.base_offset;
  for (; take_field(&batch.records, &record); at++) {
    while (take_field(&record.bytes, &f))
      if (f.field == 2 && f.type == BYTES && at >= offset) take_record(f.bytes.at, span_length(f.bytes));
  }
  if (at != batch.base_offset + batch.count) fail("tailrace: a batch has not as many records as it says");
}

// Asks for what comes next before it hands over what is there, so that the broker is at work meanwhile.
static void deliver(connection *c) {
  span message;
  uint32_t records;
  record_batch batch;
  while (find_answer(c, &message, &records)) {
    uint64_t offset = state_of(c)->next_offset;
    for (span partition = fetched_partition(message); next_batch(&partition, &batch);)
      state_of(c)->next_offset = batch.base_offset + batch.last_offset_delta + 1;
    fetch(c);
    flush_output(c);
    for (span partition = fetched_partition(message); next_batch(&partition, &batch);) take_records(batch, offset);
    take_answer(c, message);
  }
}

const protocol tailrace_protocol = {"tailrace", greet, create, encode, take_acks, subscribe, deliver};
