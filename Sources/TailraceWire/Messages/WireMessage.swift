package import CTailraceWire

/// A message of package tailrace.v1: a value type that protobuf-c serialises.
///
/// Generated types conform. Equality is field by field; absent and default differ where the schema says `optional`.
/// Encode and decode with the methods of `MessageEncoding.swift` and `MessageDecoding.swift`; the requirements below
/// `init()` are for those.
package protocol WireMessage: Sendable, Hashable {
  /// protobuf-c's struct for this message.
  associatedtype CMessage

  /// "tailrace.v1.FetchTarget".
  static var fullName: String { get }

  /// A message with every field absent or at its default.
  init()

  /// Field numbers from this message to the payload field, whose value is a slice of the decoded buffer; empty where
  /// there is no such field below this message, or more than one.
  static var payloadPath: [UInt32] { get }

  /// protobuf-c's descriptor, for the life of the process.
  static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> { get }

  /// Makes uninitialised memory an empty message.
  static func initialize(_ c: UnsafeMutablePointer<CMessage>)

  /// Copies an unpacked message; nothing refers to `c` afterwards.
  init(reading c: UnsafePointer<CMessage>, _ reader: inout MessageReader)

  /// Fills an initialised struct. It refers to `self` and to the writer's arena: both must outlive its use.
  func write(to c: UnsafeMutablePointer<CMessage>, _ writer: inout MessageWriter) throws(EncodeError)
}

extension WireMessage {
  package static var payloadPath: [UInt32] { [] }
}

/// An enum of package tailrace.v1. Open: a value that this release does not know is kept, and sent on as it came.
package protocol WireEnum: RawRepresentable, Hashable, Sendable, CustomStringConvertible where RawValue == Int32 {
  /// The value of this number, known or not.
  init(rawValue: Int32)

  /// Every value that this release knows.
  static var allKnown: [Self] { get }

  /// The value's name in the schema, or its number where this release does not know it.
  var name: String { get }
}

extension WireEnum {
  package var description: String { name }
}
