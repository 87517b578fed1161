// Record batches, with protobuf's C++ library. Hash, checksum and compression are in ../c/codec.h.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "codec.h"
#include "tailrace/v1/record.pb.h"

namespace v1 = tailrace::v1;

// Ends the program where what has to hold does not. `found`: what was there in its place.
void must(bool holds, const std::string& found);

// Of all records that are sent here, so that every run and every language sends the same.
constexpr int64_t base_ms = 1'700'000'000'000;

uint32_t checksum(const std::string& content);

// The records of the golden files: all that may be absent, empty, negative or long.
v1::RecordSet sample_records();

// The sample records in a batch as a producer without an id sends it.
v1::RecordBatch encode_samples(int codec);

// The records of a fetched batch, with their offsets. Throws std::runtime_error for what is damaged or newer.
std::vector<std::pair<int64_t, v1::Record>> decode_batch(const v1::RecordBatch& batch);

// Checks that this client's bytes are those of the files in a directory, proto/testdata.
void check_golden_files(const std::string& directory);
