public import NIOCore

/// A name and a value that travel with a record.
public struct RecordHeader: Hashable, Sendable {
  /// Any text without NUL; names may repeat.
  public var name: String
  /// Absent and empty differ.
  public var value: ByteBuffer?

  /// A header of these.
  public init(_ name: String, _ value: ByteBuffer?) {
    self.name = name
    self.value = value
  }

  /// A header with text.
  public init(_ name: String, _ value: String) { self.init(name, ByteBuffer(string: value)) }
}
