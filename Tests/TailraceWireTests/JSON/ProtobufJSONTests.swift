import NIOCore
import Testing

@testable import TailraceWire

@Suite struct ProtobufJSONEncodingTests {
  private let all: MessageDescriptor

  init() throws {
    all = try AllKinds.descriptor()
  }

  private func json(
    options: ProtobufJSON.EncodingOptions = .init(), _ build: (inout WireBuilder) -> Void
  ) throws -> String {
    try ProtobufJSON.encode(wire(build), as: all, options: options)
  }

  @Test(
    "prints the extremes of every kind",
    arguments: [
      (1, .fixed64((0.1).bitPattern), #"{"fDouble":0.1}"#),
      (1, .fixed64((1e300).bitPattern), #"{"fDouble":1e+300}"#),
      (1, .fixed64(Double.infinity.bitPattern), #"{"fDouble":"Infinity"}"#),
      (1, .fixed64((-Double.infinity).bitPattern), #"{"fDouble":"-Infinity"}"#),
      (1, .fixed64(Double.nan.bitPattern), #"{"fDouble":"NaN"}"#),
      (1, .fixed64((-0.0).bitPattern), #"{"fDouble":-0.0}"#),
      (1, .fixed64(1), #"{"fDouble":5e-324}"#), (1, .fixed64((3.0).bitPattern), #"{"fDouble":3}"#),
      (2, .fixed32(Float(0.1).bitPattern), #"{"fFloat":0.1}"#),
      (2, .fixed32(Float.greatestFiniteMagnitude.bitPattern), #"{"fFloat":3.4028235e+38}"#),
      (3, .varint(1 << 63), #"{"fInt64":"-9223372036854775808"}"#),
      (4, .varint(.max), #"{"fUint64":"18446744073709551615"}"#),
      (5, .varint(.max), #"{"fInt32":-1}"#), (5, .varint(0x7fff_ffff), #"{"fInt32":2147483647}"#),
      (6, .fixed64(.max), #"{"fFixed64":"18446744073709551615"}"#),
      (7, .fixed32(.max), #"{"fFixed32":4294967295}"#),
      (8, .varint(2), #"{"fBool":true}"#),
      (9, .bytes(Array("\u{e9}\"".utf8)), "{\"fString\":\"\u{e9}\\\"\"}"),
      (11, .bytes([]), #"{"fMessage":{}}"#), (12, .bytes([0xfb, 0xff]), #"{"fBytes":"+/8="}"#),
      (13, .varint(0xffff_ffff), #"{"fUint32":4294967295}"#), (14, .varint(1), #"{"fEnum":"GREEN"}"#),
      (14, .varint(7), #"{"fEnum":7}"#), (14, .varint(UInt64(bitPattern: -5)), #"{"fEnum":"BLUE"}"#),
      (15, .fixed32(.max), #"{"fSfixed32":-1}"#), (16, .fixed64(.max), #"{"fSfixed64":"-1"}"#),
      (17, .varint(0xffff_ffff), #"{"fSint32":-2147483648}"#),
      (18, .varint(.max), #"{"fSint64":"-9223372036854775808"}"#),
      (18, .varint(1), #"{"fSint64":"-1"}"#),
      (5, .varint(0), "{}"),
      (9, .bytes([]), "{}"),
      (201, .varint(0), #"{"oInt32":0}"#),
      (211, .varint(0), #"{"cInt32":0}"#),
      (105, .bytes([1, 2]), #"{"rInt32":[1,2]}"#),
      (105, .varint(3), #"{"rInt32":[3]}"#),
      (13, .varint(1 << 63), "{}"),
      (105, .bytes([]), "{}"),
      (999, .varint(1), "{}"),
      (5, .fixed32(1), "{}"),
      (5, .bytes([1]), "{}"),
    ] as [(UInt32, TestValue, String)])
  func printsExtremes(_ number: UInt32, _ value: TestValue, _ expected: String) throws {
    #expect(try json { value.write(number, to: &$0) } == expected)
  }

  @Test func `fields come in the order of declaration, occurrences of one field together`() throws {
    let text = try json {
      $0.varint(13, 4)
      $0.varint(105, 1)
      $0.varint(5, 1)
      $0.bytes(105, [2, 3])
      $0.varint(5, 2)
      $0.varint(105, 4)
    }
    #expect(text == #"{"fInt32":2,"rInt32":[1,2,3,4],"fUint32":4}"#)
  }

  @Test func `occurrences of a singular message are merged`() throws {
    let text = try json {
      $0.message(11) {
        $0.varint(5, 1)
        $0.varint(105, 1)
      }
      $0.message(11) { _ in }
      $0.message(11) {
        $0.varint(13, 2)
        $0.varint(105, 2)
      }
      $0.message(11) { $0.varint(5, 3) }
    }
    #expect(text == #"{"fMessage":{"fInt32":3,"rInt32":[1,2],"fUint32":2}}"#)
  }

  @Test func `the last member of a oneof wins and clears the others`() throws {
    let text = try json {
      $0.message(213) { $0.varint(5, 1) }
      $0.string(212, "x")
      $0.message(213) { $0.varint(13, 2) }
    }
    #expect(text == #"{"cAll":{"fUint32":2}}"#)
    let both = try json {
      $0.string(212, "x")
      $0.varint(211, 5)
    }
    #expect(both == #"{"cInt32":5}"#)
  }

  @Test func `options print defaults, original names and lines`() throws {
    let request = try #require(DescriptorPool.tailrace.message(named: "tailrace.v1.CreateTopicRequest"))
    var options = ProtobufJSON.EncodingOptions(alwaysPrintsFieldsWithoutPresence: true, preservesProtoNames: true)
    let message = wire { $0.string(1, "clicks") }
    #expect(
      try ProtobufJSON.encode(message, as: request, options: options)
        == #"{"name":"clicks","partition_count":0,"config":[],"validate_only":false}"#)
    options = ProtobufJSON.EncodingOptions(isPretty: true)
    #expect(try ProtobufJSON.encode(message, as: request, options: options) == "{\n  \"name\": \"clicks\"\n}")
  }

  @Test func `refuses malformed messages, bad strings and deep nesting with a path`() throws {
    #expect { try json { $0.bytes(11, [0x28]) } } throws: { error in
      guard let error = error as? JSONMappingError, case .wire(let wire) = error.kind else { return false }
      return error.path == "fMessage" && wire.kind == .truncated && wire.offset == 3
    }
    #expect {
      try json {
        $0.message(111) { _ in }
        $0.message(111) { $0.bytes(9, [0xff]) }
      }
    } throws: { error in
      let error = error as? JSONMappingError
      return error?.kind == .invalidUTF8 && error?.path == "rMessage[1].fString"
    }
    func nested(_ levels: Int) -> ByteBuffer {
      var message = ByteBuffer()
      for _ in 0..<levels { message = wire { $0.bytes(11, message.readableBytesView) } }
      return message
    }
    _ = try ProtobufJSON.encode(nested(32), as: all)
    #expect { try ProtobufJSON.encode(nested(33), as: all) } throws: {
      ($0 as? JSONMappingError)?.kind == .tooDeep(maxDepth: 32)
    }
  }

  @Test func `stops where small messages become long texts`() throws {
    let options = ProtobufJSON.EncodingOptions(alwaysPrintsFieldsWithoutPresence: true, maxOutputBytes: 10_000)
    let message = wire { for _ in 0..<1_000 { $0.bytes(111, []) } }
    #expect { try ProtobufJSON.encode(message, as: all, options: options) } throws: {
      ($0 as? JSONMappingError)?.kind == .tooLarge
    }
  }
}

@Suite struct ProtobufJSONDecodingTests {
  private let all: MessageDescriptor

  init() throws {
    all = try AllKinds.descriptor()
  }

  @Test(
    "reads every form of a value",
    arguments: [
      (#"{"fDouble":1}"#, 1, .fixed64((1.0).bitPattern)),
      (#"{"fDouble":"-1.5e3"}"#, 1, .fixed64((-1500.0).bitPattern)),
      (#"{"fDouble":"Infinity"}"#, 1, .fixed64(Double.infinity.bitPattern)),
      (#"{"fDouble":-0.0}"#, 1, .fixed64(1 << 63)),
      (#"{"f_double":5e-324}"#, 1, .fixed64(1)),
      (#"{"fFloat":3.4028235e38}"#, 2, .fixed32(0x7f7f_ffff)),
      (#"{"fFloat":"NaN"}"#, 2, .fixed32(Float.nan.bitPattern)),
      (#"{"fInt64":"-9223372036854775808"}"#, 3, .varint(1 << 63)),
      (#"{"fInt64":9007199254740993}"#, 3, .varint(9_007_199_254_740_993)),
      (#"{"fUint64":18446744073709551615}"#, 4, .varint(.max)),
      (#"{"fUint64":"1844674407370955161.5e1"}"#, 4, .varint(.max)),
      (#"{"fInt32":1e3}"#, 5, .varint(1000)),
      (#"{"fInt32":1.0}"#, 5, .varint(1)),
      (#"{"fInt32":"1e3"}"#, 5, .varint(1000)),
      (#"{"fInt32":-1}"#, 5, .varint(.max)),
      (#"{"fInt32":100e-2}"#, 5, .varint(1)),
      (#"{"fInt32":-2147483648}"#, 5, .varint(0xffff_ffff_8000_0000)),
      (#"{"fFixed64":"7"}"#, 6, .fixed64(7)),
      (#"{"fFixed32":4294967295}"#, 7, .fixed32(.max)),
      (#"{"fBool":true}"#, 8, .varint(1)),
      (#"{"fString":"a\u00e9"}"#, 9, .bytes(Array("a\u{e9}".utf8))),
      (#"{"fMessage":{}}"#, 11, .bytes([])),
      (#"{"fBytes":"-_8"}"#, 12, .bytes([0xfb, 0xff])),
      (#"{"fEnum":"VERT"}"#, 14, .varint(1)),
      (#"{"fEnum":7}"#, 14, .varint(7)),
      (#"{"fEnum":"BLUE"}"#, 14, .varint(UInt64(bitPattern: -5))),
      (#"{"fSfixed32":-1}"#, 15, .fixed32(.max)),
      (#"{"fSfixed64":"-1"}"#, 16, .fixed64(.max)),
      (#"{"fSint32":-2147483648}"#, 17, .varint(0xffff_ffff)),
      (#"{"fSint64":"-9223372036854775808"}"#, 18, .varint(.max)),
      (#"{"oInt32":0}"#, 201, .varint(0)),
      (#"{"oString":""}"#, 202, .bytes([])),
      (#"{"cInt32":0,"cString":null}"#, 211, .varint(0)), (#"{"rInt32":[1,2]}"#, 105, .bytes([1, 2])),
      (#"{"rString":[""]}"#, 109, .bytes([])), (#"{"unpacked":[3]}"#, 221, .varint(3)),
    ] as [(String, UInt32, TestValue)])
  func readsForms(_ json: String, _ number: UInt32, _ value: TestValue) throws {
    #expect(try ProtobufJSON.decode(json, as: all) == wire { value.write(number, to: &$0) })
  }

  @Test(
    "leaves out nulls, empty lists and zeros of fields without presence",
    arguments: [
      "{}", #"{"fInt32":null,"rInt32":null,"fMessage":null,"oInt32":null,"cInt32":null}"#,
      #"{"rInt32":[],"rString":[]}"#,
      #"{"fInt32":0,"fString":"","fEnum":"RED","fDouble":0.0,"fBytes":"","fUint64":"-0","fBool":false}"#,
      #"{"fFloat":1e-999}"#,
    ])
  func leavesOut(_ json: String) throws {
    #expect(try ProtobufJSON.decode(json, as: all).readableBytes == 0)
  }

  @Test(
    "refuses with the place and the reason",
    arguments: [
      (#"{"rMessage":[{"fIntt32":1}]}"#, "rMessage[0].fIntt32: no such field in test.All; did you mean 'fInt32'?"),
      (#"{"completelyElse":1}"#, "completelyElse: no such field in test.All"),
      (#"{"fInt32":1,"f_int32":1}"#, "f_int32: the field is set twice"),
      (#"{"fInt32":1,"fInt32":null}"#, "fInt32: the field is set twice"),
      (#"{"cInt32":1,"cString":""}"#, "cString: 'cInt32' of the same oneof, 'choice', is set as well"),
      (#"{"fInt32":2147483648}"#, "fInt32: the number does not fit into int32"),
      (#"{"fInt32":1.5}"#, "fInt32: the number is not a whole one"),
      (#"{"fInt32":1e-1}"#, "fInt32: the number is not a whole one"),
      (#"{"fInt64":1e99999999999999999999}"#, "fInt64: the number does not fit into int64"),
      (#"{"fUint64":-1}"#, "fUint64: the number does not fit into uint64"),
      (#"{"fUint64":18446744073709551616}"#, "fUint64: the number does not fit into uint64"),
      (#"{"fUint32":4294967296}"#, "fUint32: the number does not fit into uint32"),
      (#"{"fInt32":" 1"}"#, "fInt32: expected a number, found a string"),
      (#"{"fInt32":""}"#, "fInt32: expected a number, found a string"),
      (#"{"fInt32":true}"#, "fInt32: expected a number, found a boolean"),
      (#"{"fDouble":1e999}"#, "fDouble: the number does not fit into double"),
      (#"{"fFloat":3.5e38}"#, "fFloat: the number does not fit into float"),
      (#"{"fDouble":"nan"}"#, "fDouble: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", found a string"),
      (#"{"fDouble":"0x1p3"}"#, "fDouble: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", found a string"),
      (#"{"fBool":"true"}"#, "fBool: expected true or false, found a string"),
      (#"{"fBool":1}"#, "fBool: expected true or false, found a number"),
      (#"{"fString":1}"#, "fString: expected a string, found a number"),
      (#"{"fBytes":"A"}"#, "fBytes: the string is not base64"),
      (#"{"fEnum":"GREEM"}"#, "fEnum: no value 'GREEM' in test.Color; did you mean 'GREEN'?"),
      (#"{"fEnum":2147483648}"#, "fEnum: the number does not fit into enum"),
      (#"{"rInt32":1}"#, "rInt32: expected an array, found a number"),
      (#"{"rInt32":[1,null]}"#, "rInt32[1]: expected a number, found null"),
      (#"{"rMessage":[null]}"#, "rMessage[0]: expected an object, found null"),
      (#"{"fMessage":[]}"#, "fMessage: expected an object, found an array"),
      ("[]", "test.All: expected an object, found an array"),
      ("{", "test.All: not a JSON text: the text ends too early (at byte 1)"),
      (#"{"fString":"\ud800"}"#, "test.All: not a JSON text: a surrogate in a string has no partner (at byte 12)"),
      (#"{"a\u0007":1}"#, "a?: no such field in test.All"),
    ])
  func refuses(_ json: String, _ message: String) {
    #expect { try ProtobufJSON.decode(json, as: all) } throws: { "\($0)" == message }
  }

  @Test func `unknown members can be ignored`() throws {
    let options = ProtobufJSON.DecodingOptions(ignoresUnknownFields: true)
    let message = try ProtobufJSON.decode(#"{"x":{"y":[1]},"x":2,"fInt32":1}"#, as: all, options: options)
    #expect(message == wire { $0.varint(5, 1) })
  }

  @Test func `nesting is bounded`() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: #"{"rMessage":["#, count: levels) + "{}" + String(repeating: "]}", count: levels)
    }
    _ = try ProtobufJSON.decode(nested(32), as: all)
    #expect { try ProtobufJSON.decode(nested(33), as: all) } throws: {
      ($0 as? JSONMappingError)?.kind == .tooDeep(maxDepth: 32)
    }
    #expect(throws: JSONMappingError.self) { try ProtobufJSON.decode(nested(10_000), as: all) }
  }
}

/// A value as a test table has it.
enum TestValue: Sendable {
  case varint(UInt64)
  case fixed64(UInt64)
  case fixed32(UInt32)
  case bytes([UInt8])

  func write(_ number: UInt32, to builder: inout WireBuilder) {
    switch self {
    case .varint(let value): builder.varint(number, value)
    case .fixed64(let value): builder.fixed64(number, value)
    case .fixed32(let value): builder.fixed32(number, value)
    case .bytes(let value): builder.bytes(number, value)
    }
  }
}
