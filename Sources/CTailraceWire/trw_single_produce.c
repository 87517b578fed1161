#include "trw_fields.h"
#include "trw_scan.h"
#include "trw_utf8.h"

#include <string.h>

static bool scan_batch(const uint8_t *data, size_t length, trw_single_produce *produce) {
  trw_fields f = trw_fields_of(data, length);
  while (trw_next_field(&f)) {
    static const uint8_t wires[18] = {
        9, TRW_WIRE_32BIT, TRW_WIRE_64BIT, TRW_WIRE_32BIT, TRW_WIRE_32BIT, TRW_WIRE_32BIT, TRW_WIRE_64BIT,
        TRW_WIRE_64BIT, TRW_WIRE_64BIT, TRW_WIRE_32BIT, TRW_WIRE_64BIT, TRW_WIRE_32BIT, TRW_WIRE_32BIT,
        TRW_WIRE_64BIT, TRW_WIRE_32BIT, TRW_WIRE_32BIT, TRW_WIRE_32BIT, TRW_WIRE_BYTES};
    if (f.number > 17 || f.wire != wires[f.number]) return false;
    switch (f.number) {
    case 1: produce->format_version = (uint32_t)f.value; break;
    case 3: produce->record_count = (uint32_t)f.value; break;
    case 4: produce->last_offset_delta = (uint32_t)f.value; break;
    case 6: produce->base_timestamp_ms = (int64_t)f.value; break;
    case 7: produce->max_timestamp_ms = (int64_t)f.value; break;
    case 9: produce->attributes = (uint32_t)f.value; break;
    case 10: produce->producer_id = (int64_t)f.value; break;
    case 11: produce->producer_epoch = (uint32_t)f.value; break;
    case 12: produce->base_sequence = (uint32_t)f.value; break;
    case 14: produce->records_length = (uint32_t)f.value; break;
    case 15: produce->records_crc32c = (uint32_t)f.value; break;
    case 17:
      produce->records = f.bytes;
      produce->records_byte_count = f.length;
      break;
    default: break;    // the broker's own fields: it does not look at what a producer says of them
    }
  }
  return f.at == f.end && produce->records != NULL;
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
