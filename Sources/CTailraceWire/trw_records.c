// Strict on purpose: what the broker accepts has one reading, for every reader. Tags stand in their one-byte form,
// a field that is not repeated occurs at most once, and a field that the schema does not have is refused.
#include "trw_scan.h"

#include "trw_utf8.h"
#include "trw_varint.h"

enum {
  RECORD_TAG = 1 << 3 | TRW_WIRE_BYTES,            // RecordSet.records
  KEY_TAG = 1 << 3 | TRW_WIRE_BYTES,               // Record.key, Header.key
  VALUE_TAG = 2 << 3 | TRW_WIRE_BYTES,             // Record.value, Header.value
  HEADER_TAG = 3 << 3 | TRW_WIRE_BYTES,            // Record.headers
  TIMESTAMP_TAG = 4 << 3 | TRW_WIRE_VARINT,        // Record.timestamp_delta_ms
  OFFSET_TAG = 5 << 3 | TRW_WIRE_VARINT,           // Record.offset_delta
};

trw_record_cursor trw_record_cursor_make(const uint8_t *data, size_t length) {
  return (trw_record_cursor){.position = data, .end = length == 0 ? data : data + length};
}

/// Reads the fields of a Header. False where it is malformed.
static bool read_header(const uint8_t *at, const uint8_t *end, trw_header *header) {
  *header = (trw_header){.key = at};
  bool has_key = false;
  while (at < end) {
    uint8_t tag = *at++;
    size_t length;
    at = trw_read_length(at, end, &length);
    if (at == NULL) return false;
    if (tag == KEY_TAG && !has_key) {
      has_key = true;
      header->key = at;
      header->key_length = length;
    } else if (tag == VALUE_TAG && header->value == NULL) {
      header->value = at;
      header->value_length = length;
    } else {
      return false;
    }
    at += length;
  }
  return true;
}

static trw_record_status check_header(const uint8_t *at, size_t length) {
  trw_header header;
  size_t position;
  if (!read_header(at, at + length, &header)) return TRW_RECORD_MALFORMED;
  if (trw_check_string(header.key, header.key_length, &position) != TRW_OK) return TRW_RECORD_INVALID_HEADER_KEY;
  return TRW_RECORD_OK;
}

static int64_t unzigzag(uint64_t value) { return (int64_t)(value >> 1 ^ (0 - (value & 1))); }

/// Reads the fields of one Record up to `end`.
static trw_record_status read_record(const uint8_t *at, const uint8_t *end, uint32_t max_headers, trw_record *record) {
  bool has_timestamp = false;
  while (at < end) {
    const uint8_t *field = at;
    uint8_t tag = *at++;
    uint64_t number = 0;
    size_t length = 0;
    at = (tag & 7) == TRW_WIRE_BYTES ? trw_read_length(at, end, &length) : trw_read_varint(at, end, &number);
    if (at == NULL) return TRW_RECORD_MALFORMED;
    switch (tag) {
    case KEY_TAG:
      if (record->key != NULL) return TRW_RECORD_MALFORMED;
      record->key = at;
      record->key_length = length;
      break;
    case VALUE_TAG:
      if (record->value != NULL) return TRW_RECORD_MALFORMED;
      record->value = at;
      record->value_length = length;
      break;
    case HEADER_TAG: {
      if (record->header_count == max_headers) return TRW_RECORD_TOO_MANY_HEADERS;
      trw_record_status status = check_header(at, length);
      if (status != TRW_RECORD_OK) return status;
      if (record->header_count++ == 0) {
        record->headers = field;
        record->headers_length = (size_t)(end - field);
      }
      break;
    }
    case TIMESTAMP_TAG:
      if (has_timestamp) return TRW_RECORD_MALFORMED;
      has_timestamp = true;
      record->timestamp_delta_ms = unzigzag(number);
      break;
    case OFFSET_TAG:
      if (record->has_offset_delta || number > UINT32_MAX) return TRW_RECORD_MALFORMED;
      record->has_offset_delta = true;
      record->offset_delta = (uint32_t)number;
      break;
    default: return TRW_RECORD_MALFORMED;
    }
    at += length;
  }
  return TRW_RECORD_OK;
}

trw_record_status trw_next_record(trw_record_cursor *cursor, uint32_t max_headers, trw_record *record) {
  if (cursor->position == cursor->end) return TRW_RECORD_END;
  if (*cursor->position != RECORD_TAG) return TRW_RECORD_MALFORMED;
  size_t length;
  const uint8_t *at = trw_read_length(cursor->position + 1, cursor->end, &length);
  if (at == NULL) return TRW_RECORD_MALFORMED;
  *record = (trw_record){0};
  trw_record_status status = read_record(at, at + length, max_headers, record);
  if (status != TRW_RECORD_OK) return status;
  if (!record->has_offset_delta) {
    if (cursor->next_delta > UINT32_MAX) return TRW_RECORD_OFFSET_DELTA;
    record->offset_delta = (uint32_t)cursor->next_delta;
  } else if (record->offset_delta < cursor->next_delta) {
    return TRW_RECORD_OFFSET_DELTA;
  }
  cursor->next_delta = (uint64_t)record->offset_delta + 1;
  cursor->position = at + length;
  cursor->count++;
  return TRW_RECORD_OK;
}

bool trw_next_header(trw_record *record, trw_header *header) {
  if (record->headers == NULL) return false;
  const uint8_t *at = record->headers, *end = at + record->headers_length;
  while (at < end) {
    uint8_t tag = *at++;
    uint64_t number;
    size_t length = 0;
    at = (tag & 7) == TRW_WIRE_BYTES ? trw_read_length(at, end, &length) : trw_read_varint(at, end, &number);
    if (at == NULL) break;    // cannot be: trw_next_record has accepted this
    const uint8_t *content = at;
    at += length;
    if (tag != HEADER_TAG) continue;
    record->headers = at;
    record->headers_length = (size_t)(end - at);
    return read_header(content, at, header);
  }
  record->headers = NULL;
  record->headers_length = 0;
  return false;
}

trw_record_status trw_walk_records(const uint8_t *data, size_t length, uint32_t max_headers, uint64_t max_records,
                                   trw_record_summary *summary) {
  trw_record_cursor cursor = trw_record_cursor_make(data, length);
  trw_record_status status;
  trw_record record;
  *summary = (trw_record_summary){.every_delta_is_position = true, .every_record_has_key = true};
  while ((status = trw_next_record(&cursor, max_headers, &record)) == TRW_RECORD_OK) {
    int64_t delta = record.timestamp_delta_ms;
    bool is_first = cursor.count == 1;
    if (is_first || delta < summary->min_timestamp_delta_ms) summary->min_timestamp_delta_ms = delta;
    if (is_first || delta > summary->max_timestamp_delta_ms) summary->max_timestamp_delta_ms = delta;
    if (record.offset_delta != cursor.count - 1) summary->every_delta_is_position = false;
    if (record.key == NULL) summary->every_record_has_key = false;
    summary->last_offset_delta = record.offset_delta;
    if (cursor.count > max_records) {
      status = TRW_RECORD_END;
      break;
    }
  }
  summary->count = cursor.count;
  return status == TRW_RECORD_END ? TRW_RECORD_OK : status;
}
