import NIOCore
import TailraceWire
import Testing

@testable import tailrace

@Suite struct InputReaderTests {
  /// What `bytes` holds: records, and the numbers and reasons of what is none.
  private func read(
    _ bytes: [UInt8], _ format: InputFormat, maxBatchBytes: Int = 1_000, chunk: Int = 3
  ) throws -> (records: [InputRecord], faults: [String]) {
    var reader = InputReader(format, maxBatchBytes: maxBatchBytes)
    var records: [InputRecord] = []
    var faults: [String] = []
    func take(_ step: () throws -> InputRecord?) -> Bool {
      do {
        guard let record = try step() else { return false }
        records.append(record)
      } catch {
        faults.append("\(reader.number): \(error)")
      }
      return true
    }
    for start in stride(from: 0, to: bytes.count, by: chunk) {
      _ = try reader.fill { buffer in buffer.writeBytes(bytes[start..<min(start + chunk, bytes.count)]) }
      while take({ try reader.next() }) {}
    }
    _ = take { try reader.finish() }
    return (records, faults)
  }

  private func text(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

  private func frame(_ text: String?) -> [UInt8] {
    text.map { [0, 0, 0, UInt8($0.utf8.count)] + Array($0.utf8) } ?? [0xFF, 0xFF, 0xFF, 0xFF]
  }

  private let keyed = InputFormat(framing: .lengths(isKeyed: true))

  @Test func `with keys, each value has one before it, absent or not`() throws {
    let bytes = frame("k") + frame("v") + frame(nil) + frame("w") + frame("") + frame(nil)
    let (records, faults) = try read(bytes, keyed)
    #expect(
      records == [
        InputRecord(key: text("k"), value: text("v")), InputRecord(value: text("w")), InputRecord(key: text("")),
      ])
    #expect(faults.isEmpty)
  }

  @Test func `an input that ends behind a key is told`() throws {
    let (records, faults) = try read(frame("k") + frame("v") + frame("k"), keyed)
    #expect(records.count == 1)
    #expect(faults == ["2: the input ends between a key and its value"])
  }

  @Test func `a key or a value that is too long costs its record, and no other`() throws {
    let long = String(repeating: "x", count: 20)
    let bytes =
      frame(long) + frame("a") + frame("k") + frame(long) + frame("l") + frame("b") + frame(long) + frame(long)
      + frame("m") + frame("c")
    let (records, faults) = try read(bytes, keyed, maxBatchBytes: 10)
    #expect(records.map(\.key) == [text("l"), text("m")])
    #expect(records.map(\.value) == [text("b"), text("c")])
    #expect(faults.map { $0.prefix(2) } == ["1:", "2:", "4:"])
  }

  @Test func `all records get the headers, those without a key the key, and empty values are tombstones`() throws {
    let header = Header(key: "h", value: text("1"))
    let format = InputFormat(
      content: .bytes(.separator([0x3D])), key: text("all"), headers: [header], makesTombstones: true)
    let (records, _) = try read(Array("k=v\nw\nl=\n".utf8), format)
    #expect(
      records == [
        InputRecord(key: text("k"), value: text("v"), headers: [header]),
        InputRecord(key: text("all"), value: text("w"), headers: [header]),
        InputRecord(key: text("l"), headers: [header]),
      ])
  }

  @Test func `hexadecimal digits are bytes, and a dash is absent`() throws {
    let format = InputFormat(content: .hex(separator: [0x3A]))
    let (records, faults) = try read(Array("00fF\n-\n\n6b:-\n:61\n0\n0x\n".utf8), format)
    #expect(
      records == [
        InputRecord(value: ByteBuffer(bytes: [0, 0xFF])), InputRecord(), InputRecord(value: ByteBuffer()),
        InputRecord(key: text("k")), InputRecord(key: ByteBuffer(), value: text("a")),
      ])
    #expect(faults.map { $0.prefix(2) } == ["6:", "7:"])
  }

  @Test func `blank lines between JSON objects are counted and are no records`() throws {
    let (records, faults) = try read(Array("{}\n\n \n[]\n{}".utf8), InputFormat(content: .json))
    #expect(records == [InputRecord(), InputRecord()])
    #expect(faults.map { $0.prefix(2) } == ["4:"])
  }
}
