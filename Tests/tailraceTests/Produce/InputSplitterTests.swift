import NIOCore
import Testing

@testable import tailrace

@Suite struct InputSplitterTests {
  private typealias Failure = InputSplitter.Failure

  /// The pieces of `bytes`, which arrive `chunk` bytes at a time; nil for one that is absent.
  private func pieces(
    _ bytes: [UInt8], _ framing: InputSplitter.Framing = .delimiter(0x0A), chunk: Int, maxBytes: Int = 1_000,
    skipping: Bool = false
  ) throws -> [[UInt8]?] {
    var splitter = InputSplitter(framing, maxBytes: maxBytes)
    var result: [[UInt8]?] = []
    for start in stride(from: 0, to: bytes.count, by: chunk) {
      _ = try splitter.fill { buffer in buffer.writeBytes(bytes[start..<min(start + chunk, bytes.count)]) }
      while true {
        do {
          guard let piece = try splitter.next() else { break }
          result.append(piece.bytes.map { Array($0.readableBytesView) })
        } catch {
          guard skipping else { throw error }
          result.append(Array("too long".utf8))
        }
      }
    }
    if let last = try splitter.finish() { result.append(last.bytes.map { Array($0.readableBytesView) }) }
    return result
  }

  @Test(arguments: [1, 2, 3, 7, 1_000])
  func `lines are the same however the bytes arrive`(chunk: Int) throws {
    let bytes = Array("one\n\ntwo\r\n".utf8) + [0, 0xFF, 0x0A] + Array("last".utf8)
    #expect(
      try pieces(bytes, chunk: chunk) == [
        Array("one".utf8), [], Array("two\r".utf8), [0, 0xFF], Array("last".utf8),
      ])
  }

  @Test func `a line feed at the end begins no further line`() throws {
    #expect(try pieces(Array("a\n".utf8), chunk: 10) == [Array("a".utf8)])
    #expect(try pieces(Array("\n".utf8), chunk: 10) == [[]])
    #expect(try pieces([], chunk: 10) == [])
  }

  @Test(arguments: [1, 5, 100])
  func `a line that is too long is refused, one of just the bound is not`(chunk: Int) throws {
    #expect(try pieces(Array("12345\n12345".utf8), chunk: chunk, maxBytes: 5).count == 2)
    #expect(throws: Failure.tooLong(maxBytes: 5)) {
      try pieces(Array("123456\n".utf8), chunk: chunk, maxBytes: 5)
    }
    #expect(throws: Failure.tooLong(maxBytes: 5)) {
      try pieces(Array("1234567890".utf8), chunk: chunk, maxBytes: 5)
    }
  }

  @Test(arguments: [1, 4, 100])
  func `behind a line that is too long comes the next one, told once`(chunk: Int) throws {
    let long = Array("too long".utf8)
    let found = try pieces(Array("a\n1234567890123\nb\n99999999".utf8), chunk: chunk, maxBytes: 5, skipping: true)
    #expect(found == [Array("a".utf8), long, Array("b".utf8), long])
  }

  @Test(arguments: [1, 3, 100])
  func `a NUL ends a piece, in which line feeds are bytes as others`(chunk: Int) throws {
    #expect(try pieces([0x61, 0x0A, 0, 0, 0xFF], .delimiter(0), chunk: chunk) == [[0x61, 0x0A], [], [0xFF]])
  }

  @Test(arguments: [1, 2, 5, 100])
  func `pieces of a length are absent, empty, or any bytes`(chunk: Int) throws {
    let bytes: [UInt8] = [0, 0, 0, 2, 0x0A, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 7]
    #expect(try pieces(bytes, .lengths, chunk: chunk) == [[0x0A, 0], [], nil, [7]])
  }

  @Test(arguments: [1, 2, 100])
  func `a length beyond the bound is skipped without being held`(chunk: Int) throws {
    let bytes: [UInt8] = [0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0, 5, 1, 2, 3, 4, 5]
    let found = try pieces(bytes, .lengths, chunk: chunk, maxBytes: 5, skipping: true)
    #expect(found == [Array("too long".utf8), [1, 2, 3, 4, 5]])
  }

  @Test(arguments: [[0], [0, 0, 0], [0, 0, 0, 2, 1], [0xFF, 0xFF, 0xFF, 0xFE, 1]] as [[UInt8]])
  func `an end within a piece or its length is an error`(bytes: [UInt8]) {
    #expect(throws: Failure.self) { try pieces(bytes, .lengths, chunk: 100) }
  }

  @Test(arguments: [1, 100])
  func `without frames all is one piece, even where there is nothing`(chunk: Int) throws {
    #expect(try pieces([1, 0x0A, 0], .end, chunk: chunk) == [[1, 0x0A, 0]])
    #expect(try pieces([], .end, chunk: chunk) == [[]])
    #expect(throws: Failure.tooLong(maxBytes: 2)) { try pieces([1, 2, 3], .end, chunk: chunk, maxBytes: 2) }
  }
}
