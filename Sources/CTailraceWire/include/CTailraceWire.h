// The C side of the wire: protobuf-c's output and the shim around it.
#ifndef C_TAILRACE_WIRE_H
#define C_TAILRACE_WIRE_H

#include "trw_allocator.h"
#include "trw_arena.h"
#include "trw_crc32c.h"
#include "trw_generated.h"
#include "trw_prefetch.h"
#include "trw_ready_set.h"
#include "trw_scan.h"
#include "trw_thread.h"
#include "trw_unpack.h"

#endif
