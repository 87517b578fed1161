// The copy of a message without its payloads.
#ifndef TRW_SLICES_H
#define TRW_SLICES_H

#include "trw_guard.h"

/// Whether `path` leads, over message fields that are in no oneof with others, to a singular `bytes` field.
bool trw_is_sliceable(const ProtobufCMessageDescriptor *descriptor, trw_payload_path path);

/// Copies `data`, which the guard has accepted, to `copy` with all payloads empty, and notes where they lie.
/// `copy` holds length - census.bytes bytes, `items` census.count slices. Returns the bytes written.
size_t trw_copy_without_payloads(const uint8_t *data, size_t length, trw_payload_path path, uint8_t *copy,
                                 trw_slice *items);

#endif
