#pragma once

#include "connection.h"

enum { PARTITIONS = 4 };

/* Two members share the partitions of a topic, read them, and commit all but the last record of each. */
void share(Connection *broker, char *topic);

/* What is there from the beginning of a partition, as records (`decode`) or batches; for `release`. */
TR(FetchResponse) *fetch(Connection *broker, char *topic, uint32_t partition, int decode);
