import CTailraceWire
import Testing

@Suite("Unpack with payload slices")
struct SlicedUnpackTests {
  /// Unpacks with the path to the batches' records. Slices as (offset, length), an absent one as nil.
  func withSliced(
    _ bytes: [UInt8], path: [UInt32] = [2, 5, 17], arena: Arena? = nil,
    _ body: (Tailrace__V1__ProduceRequest, [Range<Int>?], Bool) throws -> Void
  ) throws {
    let arena = try arena ?? Arena()
    var error = trw_unpack_error()
    var limits = trw_unpack_limits.generous
    var slices = trw_slices()
    let descriptor = trw_descriptor_of_tailrace__v1__produce_request()
    let message = trw_unpack_sliced(
      descriptor, arena.pointer, bytes, bytes.count, &limits, path, path.count, &slices, &error)
    let raw = UnsafeMutableRawPointer(try #require(message, "\(Refusal(error))"))
    let ranges: [Range<Int>?] = UnsafeBufferPointer(start: slices.items, count: slices.count).map {
      $0.offset == -1 ? nil : $0.offset..<($0.offset + $0.length)  // SIZE_MAX comes to Swift as -1
    }
    try body(raw.assumingMemoryBound(to: Tailrace__V1__ProduceRequest.self).pointee, ranges, slices.copied)
    withExtendedLifetime(arena) {}
  }

  @Test("payloads come back as slices of the input, in its order, one per batch")
  func slices() throws {
    let long = Array(repeating: UInt8(0xAB), count: 40_000)
    let bytes = Produce.request(
      Produce.target("a", Produce.batch(1, [1, 2]), Produce.batch(2, nil)),
      Produce.target("b"),
      Produce.target("c", Produce.batch(3, long) + Proto.fixed64(2, 9), Produce.batch(4, [])))
    let arena = try Arena(limit: 4_096)
    try withSliced(bytes, arena: arena) { request, slices, copied in
      #expect(!copied)
      #expect(slices.map { $0.map { Array(bytes[$0]) } } == [[1, 2], nil, long, []])
      #expect(request.n_targets == 3)
      let last = try #require(request.targets[2]).pointee
      #expect(String(cString: last.topic) == "c")
      let batch = try #require(last.batches[0]).pointee
      #expect(batch.producer_id == 3 && batch.base_offset == 9)
      #expect(batch.records.len == 0 && batch.records.data == nil)
    }
  }

  @Test("padded lengths are understood", arguments: 1...5)
  func paddedLengths(width: Int) throws {
    let batch = Proto.fixed64(10, 5) + Proto.bytes(17, [7, 8, 9], lengthWidth: width)
    let target = Proto.string(1, "t") + Proto.bytes(5, batch, lengthWidth: width)
    let bytes = Proto.bytes(2, target, lengthWidth: width)
    try withSliced(bytes) { request, slices, _ in
      #expect(slices.map { $0.map { Array(bytes[$0]) } } == [[7, 8, 9]])
      let unpacked = try #require(request.targets[0]).pointee
      let unpackedBatch = try #require(unpacked.batches[0]).pointee
      #expect(unpackedBatch.producer_id == 5)
    }
  }

  @Test("a payload that occurs twice in one batch is unpacked by copy")
  func fallsBackForRepeated() throws {
    let bytes = Produce.request(Produce.target("a", Produce.batch(1, [1]) + Proto.bytes(17, [2, 3])))
    try withSliced(bytes) { request, slices, copied in
      #expect(copied && slices.isEmpty)
      let target = try #require(request.targets[0]).pointee
      let batch = try #require(target.batches[0]).pointee
      #expect(Array(UnsafeBufferPointer(start: batch.records.data, count: batch.records.len)) == [2, 3])
    }
  }

  static let otherPaths: [[UInt32]] = [[], [1], [2, 1], [2, 5], [2, 99], [2, 5, 17, 1]]

  @Test("a path to no singular bytes field is unpacked by copy", arguments: otherPaths)
  func fallsBackForOtherPaths(path: [UInt32]) throws {
    let bytes = Produce.request(Produce.target("a", Produce.batch(1, [1])))
    try withSliced(bytes, path: path) { _, slices, copied in #expect(copied && slices.isEmpty) }
  }

  @Test("a request without batches has no slice")
  func noBatches() throws {
    try withSliced([]) { _, slices, copied in #expect(slices.isEmpty && !copied) }
  }

  @Test("what the plain unpack refuses is refused here with the same path")
  func refusesAlike() throws {
    let arena = try Arena()
    var error = trw_unpack_error()
    var limits = trw_unpack_limits.generous
    var slices = trw_slices()
    let path: [UInt32] = [2, 5, 17]
    let bytes = Produce.request(Produce.target("a", Produce.batch(1, [1]), Proto.bytes(17, [1]) + [0x88, 0x01, 0x01]))
    let descriptor = trw_descriptor_of_tailrace__v1__produce_request()
    let message = trw_unpack_sliced(
      descriptor, arena.pointer, bytes, bytes.count, &limits, path, path.count, &slices, &error)
    #expect(message == nil)
    #expect(Refusal(error) == Refusal(TRW_MALFORMED, bytes.count - 3, "targets[0].batches[1].records"))
    #expect(slices.items == nil && slices.count == 0)
  }
}
