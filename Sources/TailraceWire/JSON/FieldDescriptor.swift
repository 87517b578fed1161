/// What a field holds.
package enum FieldKind: Hashable, Sendable {
  case double, float
  case int32, int64, uint32, uint64, sint32, sint64
  case fixed32, fixed64, sfixed32, sfixed64
  case bool, string, bytes
  /// A message, by its place in the pool: `MessageDescriptor.messageType(of:)` resolves it.
  case message(index: Int)
  /// An enum, by its place in the pool: `MessageDescriptor.enumType(of:)` resolves it.
  case enumeration(index: Int)
  /// A group of proto2: a message between two tags, by its place in the pool.
  case group(index: Int)

  /// The name in a .proto file: "sint64"; "message", "enum" or "group" for those.
  package var name: String {
    switch self {
    case .message: "message"
    case .enumeration: "enum"
    case .group: "group"
    default: String(describing: self)
    }
  }

  /// The place in the pool of a message, group or not; nil of all else.
  var messageIndex: Int? {
    switch self {
    case .message(let index), .group(let index): index
    default: nil
    }
  }

  /// Whether repeated values can share one length-delimited field.
  var isPackable: Bool {
    switch self {
    case .string, .bytes, .message, .group: false
    default: true
    }
  }

  /// The wire type of one value: 0 varint, 1 fixed64, 2 length-delimited, 3 group, 5 fixed32.
  var wireType: UInt8 {
    switch self {
    case .double, .fixed64, .sfixed64: 1
    case .float, .fixed32, .sfixed32: 5
    case .string, .bytes, .message: 2
    case .group: 3
    default: 0
    }
  }
}

/// One field of a message. Immutable.
package final class FieldDescriptor: Sendable {
  /// The name in the .proto file: "topic_id".
  package let name: String
  /// The name in JSON: "topicId".
  package let jsonName: String
  /// 1 to 2^29 - 1.
  package let number: UInt32
  package let kind: FieldKind
  package let isRepeated: Bool
  /// Whether repeated values are written as one run. Readers take both forms.
  package let isPacked: Bool
  /// Whether an explicit default differs from an absent field: `optional`, messages, members of a oneof, and every
  /// singular field of proto2.
  package let hasPresence: Bool
  /// Name of the oneof that the field belongs to. Nil for the ones that `optional` implies.
  package let oneof: String?
  /// Place of that oneof among the message's.
  let oneofIndex: Int?
  /// `"topicId":` and `"topic_id":`, escaped, ready to be copied to the output.
  let jsonKey: [UInt8]
  let protoKey: [UInt8]

  init(
    name: String, jsonName: String, number: UInt32, kind: FieldKind, isRepeated: Bool, isPacked: Bool,
    hasPresence: Bool, oneof: String?, oneofIndex: Int?
  ) {
    self.name = name
    self.jsonName = jsonName
    self.number = number
    self.kind = kind
    self.isRepeated = isRepeated
    self.isPacked = isPacked
    self.hasPresence = hasPresence
    self.oneof = oneof
    self.oneofIndex = oneofIndex
    jsonKey = JSONWriter.encodedKey(jsonName)
    protoKey = JSONWriter.encodedKey(name)
  }
}
