// Where a string stops to be one.
#ifndef TRW_UTF8_H
#define TRW_UTF8_H

#include "trw_unpack.h"

/// TRW_OK, or TRW_INVALID_UTF8 or TRW_NUL_IN_STRING with `position` at the first byte that is at fault.
trw_status trw_check_string(const uint8_t *data, size_t length, size_t *position);

#endif
