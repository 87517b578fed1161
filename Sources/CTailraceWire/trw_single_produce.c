#include "trw_fields.h"
#include "trw_scan.h"
#include "trw_utf8.h"

#include <string.h>

/// Takes the field of that tag where it comes next, and there is all of it. Returns the byte after what was taken.
static inline const uint8_t *take_32(const uint8_t *at, const uint8_t *end, uint8_t tag, uint32_t *value) {
  if (end - at < 5 || at[0] != tag) return at;
  memcpy(value, at + 1, 4);
  return at + 5;
}

static inline const uint8_t *take_64(const uint8_t *at, const uint8_t *end, uint8_t tag, int64_t *value) {
  if (end - at < 9 || at[0] != tag) return at;
  memcpy(value, at + 1, 8);
  return at + 9;
}

/// The fields in the order of their numbers, in which encoders write them, each there or not; the records last.
static bool scan_batch(const uint8_t *at, size_t length, trw_single_produce *produce) {
  const uint8_t *end = at + length;
  // The broker's own fields: it does not look at what a producer says of them.
  uint32_t ignored_32;
  int64_t ignored_64;
  at = take_32(at, end, 1 << 3 | TRW_WIRE_32BIT, &produce->format_version);
  at = take_64(at, end, 2 << 3 | TRW_WIRE_64BIT, &ignored_64);
  at = take_32(at, end, 3 << 3 | TRW_WIRE_32BIT, &produce->record_count);
  at = take_32(at, end, 4 << 3 | TRW_WIRE_32BIT, &produce->last_offset_delta);
  at = take_32(at, end, 5 << 3 | TRW_WIRE_32BIT, &ignored_32);
  at = take_64(at, end, 6 << 3 | TRW_WIRE_64BIT, &produce->base_timestamp_ms);
  at = take_64(at, end, 7 << 3 | TRW_WIRE_64BIT, &produce->max_timestamp_ms);
  at = take_64(at, end, 8 << 3 | TRW_WIRE_64BIT, &ignored_64);
  at = take_32(at, end, 9 << 3 | TRW_WIRE_32BIT, &produce->attributes);
  at = take_64(at, end, 10 << 3 | TRW_WIRE_64BIT, &produce->producer_id);
  at = take_32(at, end, 11 << 3 | TRW_WIRE_32BIT, &produce->producer_epoch);
  at = take_32(at, end, 12 << 3 | TRW_WIRE_32BIT, &produce->base_sequence);
  at = take_64(at, end, 13 << 3 | TRW_WIRE_64BIT, &ignored_64);
  at = take_32(at, end, 14 << 3 | TRW_WIRE_32BIT, &produce->records_length);
  at = take_32(at, end, 15 << 3 | TRW_WIRE_32BIT, &produce->records_crc32c);
  // Tags of 16, whose value is the broker's, too, and of 17 take two bytes.
  if (end - at >= 6 && at[0] == 0x85 && at[1] == 1) at += 6;
  if (end - at < 3 || at[0] != 0x8A || at[1] != 1) return false;
  at = trw_read_length(at + 2, end, &produce->records_byte_count);
  produce->records = at;
  return at != NULL && at + produce->records_byte_count == end;
}

static bool scan_target(const uint8_t *data, size_t length, trw_single_produce *produce) {
  trw_fields f = trw_fields_of(data, length);
  const uint32_t needed = 1u << 1 | 1u << 3 | 1u << 5;
  size_t fault;
  while (trw_next_field(&f)) {
    switch (f.number) {
    case 1:
      if (f.wire != TRW_WIRE_BYTES || trw_check_string(f.bytes, f.length, &fault) != TRW_OK) return false;
      produce->topic = f.bytes;
      produce->topic_length = f.length;
      break;
    case 3:
      if (f.wire != TRW_WIRE_VARINT || f.value > UINT32_MAX) return false;
      produce->partition = (uint32_t)f.value;
      break;
    case 5:
      if (f.wire != TRW_WIRE_BYTES || !scan_batch(f.bytes, f.length, produce)) return false;
      break;
    default: return false;
    }
  }
  return f.at == f.end && f.seen == needed;
}

bool trw_scan_single_produce(const uint8_t *data, size_t length, trw_single_produce *produce) {
  memset(produce, 0, sizeof *produce);
  if (length == 0) return false;
  trw_fields f = trw_fields_of(data, length);
  while (trw_next_field(&f)) {
    switch (f.number) {
    case 1:
      if (f.wire != TRW_WIRE_VARINT || f.value > 3) return false;
      produce->acks = (uint32_t)f.value;
      break;
    case 2:
      if (f.wire != TRW_WIRE_BYTES || !scan_target(f.bytes, f.length, produce)) return false;
      break;
    default: return false;
    }
  }
  return f.at == f.end && (f.seen & 1u << 2) != 0;
}
