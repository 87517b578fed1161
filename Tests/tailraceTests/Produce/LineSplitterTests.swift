import NIOCore
import Testing

@testable import tailrace

@Suite struct LineSplitterTests {
  /// The lines of `bytes`, which arrive in pieces of `chunk` bytes.
  private func lines(_ bytes: [UInt8], chunk: Int, maxLineBytes: Int = 1_000) throws -> [[UInt8]] {
    var splitter = LineSplitter(maxLineBytes: maxLineBytes)
    var result: [[UInt8]] = []
    for start in stride(from: 0, to: bytes.count, by: chunk) {
      _ = try splitter.fill { buffer in buffer.writeBytes(bytes[start..<min(start + chunk, bytes.count)]) }
      while let line = try splitter.next() { result.append(Array(line.readableBytesView)) }
    }
    if let last = splitter.finish() { result.append(Array(last.readableBytesView)) }
    return result
  }

  @Test(arguments: [1, 2, 3, 7, 1_000])
  func `lines are the same however the bytes arrive`(chunk: Int) throws {
    let bytes = Array("one\n\ntwo\r\n".utf8) + [0, 0xFF, 0x0A] + Array("last".utf8)
    #expect(
      try lines(bytes, chunk: chunk) == [
        Array("one".utf8), [], Array("two\r".utf8), [0, 0xFF], Array("last".utf8),
      ])
  }

  @Test func `a line feed at the end begins no further line`() throws {
    #expect(try lines(Array("a\n".utf8), chunk: 10) == [Array("a".utf8)])
    #expect(try lines(Array("\n".utf8), chunk: 10) == [[]])
    #expect(try lines([], chunk: 10) == [])
  }

  @Test(arguments: [1, 5, 100])
  func `a line that is too long is refused, one of just the bound is not`(chunk: Int) throws {
    #expect(try lines(Array("12345\n12345".utf8), chunk: chunk, maxLineBytes: 5).count == 2)
    #expect(throws: LineTooLong(maxBytes: 5)) {
      try lines(Array("123456\n".utf8), chunk: chunk, maxLineBytes: 5)
    }
    #expect(throws: LineTooLong(maxBytes: 5)) {
      try lines(Array("1234567890".utf8), chunk: chunk, maxLineBytes: 5)
    }
  }
}
