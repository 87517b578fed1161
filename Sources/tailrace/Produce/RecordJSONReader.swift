import NIOCore
import TailraceWire

/// Reads records from the form that `tailrace consume --format json` prints.
///
/// Members, all optional: `key` or `key_base64`, `value` or `value_base64` (null and absent: none), `headers` (an array
/// of objects of `key` and `value` or `value_base64`), `timestamp` (milliseconds since 1970, or RFC 3339), `partition`.
/// `topic` and `offset` may be there and count for nothing, so that what was consumed can be produced elsewhere.
enum RecordJSONReader {
  static let maxHeaders = 256
  private static let members: Set<String> = [
    "key", "key_base64", "value", "value_base64", "headers", "timestamp", "partition", "topic", "offset",
  ]

  /// The record of a line; nil where the line is blank. With an encoder `value` is any JSON, and what it makes of that
  /// is the record's.
  static func record(of line: ByteBuffer, encoder: PayloadEncoder? = nil) throws(InputError) -> InputRecord? {
    guard !line.isBlank else { return nil }
    let value: JSONValue
    do {
      let depth = 4 + (encoder == nil ? 0 : PayloadEncoder.maxJSONDepth)
      value = try JSONParser.parse(line, limits: JSONParser.Limits(maxDepth: depth))
    } catch {
      throw InputError("not a JSON text: \(error)")
    }
    let object = try members(of: value, allowed: members, what: "a record")
    return InputRecord(
      key: try bytes("key", of: object), value: try self.value(of: object, encoder), headers: try headers(of: object),
      timestampMs: try timestamp(of: object), partition: try partition(of: object))
  }

  /// The members that are not null.
  private static func members(
    of value: JSONValue, allowed: Set<String>, what: String
  ) throws(InputError) -> [String: JSONValue] {
    guard case .object(let members) = value else { throw InputError("\(what) is an object, not \(value.kindName)") }
    var result: [String: JSONValue] = [:]
    var seen: Set<String> = []
    for member in members {
      guard allowed.contains(member.name) else {
        throw InputError(
          "'\(member.name.prefix(64))' is no member of \(what); there are \(allowed.sorted().joined(separator: ", "))")
      }
      guard seen.insert(member.name).inserted else { throw InputError("'\(member.name)' is there twice") }
      if member.value != .null { result[member.name] = member.value }
    }
    return result
  }

  private static func bytes(_ name: String, of object: [String: JSONValue]) throws(InputError) -> ByteBuffer? {
    switch (object[name], object[name + "_base64"]) {
    case (nil, nil): return nil
    case (let text?, nil): return ByteBuffer(string: try string(text, name))
    case (nil, let encoded?):
      let text = try string(encoded, name + "_base64")
      guard text.utf8.count % 4 == 0, let bytes = Base64.decode(text) else {
        throw InputError("\(name)_base64 is not base64 (RFC 4648, with padding)")
      }
      return ByteBuffer(bytes: bytes)
    default: throw InputError("both \(name) and \(name)_base64 are there")
    }
  }

  private static func value(
    of object: [String: JSONValue], _ encoder: PayloadEncoder?
  ) throws(InputError) -> ByteBuffer? {
    guard let encoder, let value = object["value"], object["value_base64"] == nil else {
      return try bytes("value", of: object)
    }
    return try encoder.message(of: value)
  }

  private static func string(_ value: JSONValue, _ name: String) throws(InputError) -> String {
    guard case .string(let text) = value else { throw InputError("\(name) is a string or null, not \(value.kindName)") }
    return text
  }

  private static func headers(of object: [String: JSONValue]) throws(InputError) -> [Header] {
    guard let value = object["headers"] else { return [] }
    guard case .array(let elements) = value else { throw InputError("headers is an array, not \(value.kindName)") }
    guard elements.count <= maxHeaders else {
      throw InputError("\(elements.count) headers; a record has at most \(maxHeaders)")
    }
    var headers: [Header] = []
    for element in elements {
      let members = try members(of: element, allowed: ["key", "value", "value_base64"], what: "a header")
      guard let name = members["key"] else { throw InputError("a header has no key") }
      let key = try string(name, "a header's key")
      guard !key.utf8.contains(0) else { throw InputError("a header's key holds a NUL character") }
      headers.append(Header(key: key, value: try bytes("value", of: members)))
    }
    return headers
  }

  private static func timestamp(of object: [String: JSONValue]) throws(InputError) -> Int64? {
    switch object["timestamp"] {
    case nil: return nil
    case .number(let digits)?:
      if let ms = Int64(digits), ms >= 0 { return ms }
    case .string(let text)?:
      if let ms = Timestamp.parse(text) ?? Int64(text), ms >= 0 { return ms }
    default: break
    }
    throw InputError("timestamp is milliseconds since 1970, or like 2026-01-31T23:59:59.999Z")
  }

  private static func partition(of object: [String: JSONValue]) throws(InputError) -> UInt32? {
    guard let value = object["partition"] else { return nil }
    guard case .number(let digits) = value, let partition = UInt32(digits) else {
      throw InputError("partition is a whole number from 0 on")
    }
    return partition
  }
}

extension ByteBuffer {
  /// Whether nothing is in it but what stands between JSON texts.
  var isBlank: Bool { readableBytesView.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
}
