package import NIOCore

/// The JSON form of protobuf messages, by descriptor: for any message of any descriptor set.
///
/// Maps are objects, their keys sorted: as numbers, or as bytes of UTF-8. Extensions count as unknown fields. An Any whose
/// type is not in the pool has its bytes as base64: `{"@type": "example.com/shop.v1.Event", "value": "CgFh"}`.
/// Source: https://protobuf.dev/programming-guides/json/
package enum ProtobufJSON {
  package struct EncodingOptions: Hashable, Sendable {
    /// Whether fields that cannot be absent are printed where they have their default, too.
    package var alwaysPrintsFieldsWithoutPresence: Bool
    /// Whether members get the names of the .proto file, "topic_id", in place of "topicId".
    package var preservesProtoNames: Bool
    /// Whether `encode` returns one member per line. A writer that is passed in has its own setting.
    package var isPretty: Bool
    /// Levels of nested messages below the top one, inclusive.
    package var maxDepth: Int
    /// Most bytes that a message may become, inclusive: an empty sub-message of two bytes can print hundreds.
    package var maxOutputBytes: Int

    package init(
      alwaysPrintsFieldsWithoutPresence: Bool = false, preservesProtoNames: Bool = false, isPretty: Bool = false,
      maxDepth: Int = 32, maxOutputBytes: Int = 256 << 20
    ) {
      self.alwaysPrintsFieldsWithoutPresence = alwaysPrintsFieldsWithoutPresence
      self.preservesProtoNames = preservesProtoNames
      self.isPretty = isPretty
      self.maxDepth = maxDepth
      self.maxOutputBytes = maxOutputBytes
    }
  }

  package struct DecodingOptions: Hashable, Sendable {
    /// Whether members that name no field are skipped instead of refused.
    package var ignoresUnknownFields: Bool
    /// Levels of nested messages below the top one, inclusive. A JSON text may have at most 128.
    package var maxDepth: Int

    package init(ignoresUnknownFields: Bool = false, maxDepth: Int = 32) {
      self.ignoresUnknownFields = ignoresUnknownFields
      self.maxDepth = maxDepth
    }
  }

  /// The JSON form of the readable bytes of `message`.
  ///
  /// Fields come in the order of their declaration; unknown ones are dropped.
  package static func encode(
    _ message: ByteBuffer, as type: MessageDescriptor, options: EncodingOptions = EncodingOptions()
  ) throws(JSONMappingError) -> String {
    var writer = JSONWriter(isPretty: options.isPretty)
    try encode(message, as: type, options: options, into: &writer)
    return writer.text
  }

  /// Appends the JSON form of the readable bytes of `message` as one value. After an error the writer holds a part
  /// of it.
  package static func encode(
    _ message: ByteBuffer, as type: MessageDescriptor, options: EncodingOptions = EncodingOptions(),
    into writer: inout JSONWriter
  ) throws(JSONMappingError) {
    try message.withUnsafeReadableBytes { bytes in
      Result { () throws(JSONMappingError) in try encode(bytes, as: type, options: options, into: &writer) }
    }.get()
  }

  /// Appends the JSON form of `message` as one value. After an error the writer holds a part of it.
  package static func encode(
    _ message: UnsafeRawBufferPointer, as type: MessageDescriptor, options: EncodingOptions = EncodingOptions(),
    into writer: inout JSONWriter
  ) throws(JSONMappingError) {
    // Moved, not copied: two owners of the array would make each of its first changes copy it.
    var encoder = JSONMessageEncoder(pool: type.pool, options: options, writer: consume writer)
    let result = Result { () throws(JSONMappingError) in try encoder.encode(message, as: type.layout) }
    writer = encoder.writer
    try result.get()
  }

  /// The serialised message that a JSON text stands for, its fields in the order of their numbers.
  ///
  /// - Parameter json: UTF-8. Callers bound its length.
  package static func decode(
    _ json: UnsafeRawBufferPointer, as type: MessageDescriptor, options: DecodingOptions = DecodingOptions()
  ) throws(JSONMappingError) -> ByteBuffer {
    // Each level of messages can be an array and an object.
    let depth = min(max(0, options.maxDepth), 128)
    let value: JSONValue
    do {
      value = try JSONParser.parse(json, limits: JSONParser.Limits(maxDepth: 2 * depth + 4))
    } catch {
      throw JSONMappingError(.syntax(error), in: type.fullName)
    }
    return try decode(value, as: type, options: options)
  }

  /// The serialised message that the readable bytes of `json` stand for.
  package static func decode(
    _ json: ByteBuffer, as type: MessageDescriptor, options: DecodingOptions = DecodingOptions()
  ) throws(JSONMappingError) -> ByteBuffer {
    try json.withUnsafeReadableBytes { bytes in
      Result { () throws(JSONMappingError) in try decode(bytes, as: type, options: options) }
    }.get()
  }

  /// The serialised message that `json` stands for.
  package static func decode(
    _ json: String, as type: MessageDescriptor, options: DecodingOptions = DecodingOptions()
  ) throws(JSONMappingError) -> ByteBuffer {
    try decode(ByteBuffer(string: json), as: type, options: options)
  }

  /// The serialised message that a parsed JSON text stands for.
  package static func decode(
    _ json: JSONValue, as type: MessageDescriptor, options: DecodingOptions = DecodingOptions()
  ) throws(JSONMappingError) -> ByteBuffer {
    var output = ByteBuffer()
    try JSONMessageDecoder(pool: type.pool, options: options)
      .append(json, as: type.layout, depth: 0, to: &output)
    return output
  }
}
