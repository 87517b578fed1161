#include "trw_fields.h"
#include "trw_scan.h"
#include "trw_utf8.h"

static bool take_u32(const trw_fields *f, uint32_t *value) {
  if (f->wire != TRW_WIRE_VARINT || f->value > UINT32_MAX) return false;
  *value = (uint32_t)f->value;
  return true;
}

static bool scan_target(const uint8_t *data, size_t length, trw_single_fetch *fetch) {
  trw_fields f = trw_fields_of(data, length);
  size_t fault;
  while (trw_next_field(&f)) {
    switch (f.number) {
    case 1:
      if (f.wire != TRW_WIRE_BYTES || trw_check_string(f.bytes, f.length, &fault) != TRW_OK) return false;
      fetch->topic = f.bytes;
      fetch->topic_length = f.length;
      break;
    case 2:
      if (f.wire != TRW_WIRE_BYTES) return false;
      fetch->topic_id = f.bytes;
      fetch->topic_id_length = f.length;
      break;
    case 3:
      if (!take_u32(&f, &fetch->partition)) return false;
      break;
    case 4:
      if (f.wire != TRW_WIRE_VARINT) return false;
      fetch->offset = (int64_t)f.value;
      break;
    case 5:
      if (!take_u32(&f, &fetch->partition_max_bytes)) return false;
      break;
    case 6:
      if (!take_u32(&f, &fetch->last_epoch)) return false;
      fetch->has_last_epoch = true;
      break;
    default: return false;
    }
  }
  return f.at == f.end && fetch->topic != NULL;
}

bool trw_scan_single_fetch(const uint8_t *data, size_t length, trw_single_fetch *fetch) {
  memset(fetch, 0, sizeof *fetch);
  if (length == 0) return false;
  trw_fields f = trw_fields_of(data, length);
  while (trw_next_field(&f)) {
    switch (f.number) {
    case 1:
      if (f.wire != TRW_WIRE_BYTES || !scan_target(f.bytes, f.length, fetch)) return false;
      break;
    case 2:
      if (!take_u32(&f, &fetch->min_bytes)) return false;
      break;
    case 3:
      if (!take_u32(&f, &fetch->max_bytes)) return false;
      break;
    case 4:
      if (!take_u32(&f, &fetch->max_wait_ms)) return false;
      break;
    default: return false;    // with `decode`, records are taken out of their batches
    }
  }
  return f.at == f.end && (f.seen & 1u << 1) != 0;
}
