import NIOCore
import Testing

@testable import TailraceWire

/// The schema of these tests, in package test:
///
///     message Holder {
///       map<string, Value> map = 1; Timestamp time = 2; Duration duration = 3; FieldMask mask = 4; Value value = 5;
///       Any any = 6; Int64Value wrapped = 7; NullValue null = 8; map<sint32, int32> numbers = 9;
///       map<bool, Holder> holders = 10; group Part = 11 { int32 n = 1; }; repeated group Part = 12;
///     }
@Suite struct WellKnownTypeTests {
  private let holder: MessageDescriptor

  init() throws { holder = try #require(try pool(Self.set).message(named: "test.Holder")) }

  private static let set = wire { set in
    set.message(1) { file in
      file.string(2, "google.protobuf")
      for name in ["Timestamp", "Duration", "Any"] {
        file.message(4) { message in
          message.string(1, name)
          AllKinds.field(&message, "a", number: 1, type: name == "Any" ? 9 : 3)
          AllKinds.field(&message, "b", number: 2, type: name == "Any" ? 12 : 5)
        }
      }
      for (name, type, label) in [("FieldMask", 9, 3), ("Int64Value", 3, 1)] as [(String, UInt64, UInt64)] {
        file.message(4) { message in
          message.string(1, name)
          AllKinds.field(&message, "value", number: 1, type: type, label: label)
        }
      }
      file.message(4) { message in
        message.string(1, "Value")
        for (number, type, name) in [
          (1, 14, ".google.protobuf.NullValue"), (2, 1, nil), (3, 9, nil), (4, 8, nil),
          (5, 11, ".google.protobuf.Struct"),
          (6, 11, ".google.protobuf.ListValue"),
        ] as [(UInt64, UInt64, String?)] {
          AllKinds.field(&message, "v\(number)", number: number, type: type, oneof: 0, typeName: name)
        }
        message.message(8) { $0.string(1, "kind") }
      }
      file.message(4) { message in
        message.string(1, "ListValue")
        AllKinds.field(&message, "values", number: 1, type: 11, label: 3, typeName: ".google.protobuf.Value")
      }
      file.message(4) { message in
        message.string(1, "Struct")
        map(
          &message, "fields", number: 1, key: 9, value: 11, of: ".google.protobuf.Value", in: ".google.protobuf.Struct")
      }
      file.message(5) { type in
        type.string(1, "NullValue")
        type.message(2) { $0.string(1, "NULL_VALUE") }
      }
    }
    set.message(1) { file in
      file.string(2, "test")
      file.string(12, "proto3")
      file.message(4) { message in
        message.string(1, "Holder")
        let holder = ".test.Holder", known = ".google.protobuf."
        map(&message, "map", number: 1, key: 9, value: 11, of: known + "Value", in: holder)
        for (number, name) in [
          (2, "Timestamp"), (3, "Duration"), (4, "FieldMask"), (5, "Value"), (6, "Any"), (7, "Int64Value"),
        ] {
          AllKinds.field(&message, "f\(number)", number: UInt64(number), type: 11, typeName: known + name)
        }
        AllKinds.field(&message, "null", number: 8, type: 14, typeName: known + "NullValue")
        map(&message, "numbers", number: 9, key: 17, value: 5, in: holder)
        map(&message, "holders", number: 10, key: 8, value: 11, of: holder, in: holder)
        AllKinds.field(&message, "part", number: 11, type: 10, typeName: holder + ".Part")
        AllKinds.field(&message, "parts", number: 12, type: 10, label: 3, typeName: holder + ".Part")
        message.message(3) { part in
          part.string(1, "Part")
          AllKinds.field(&part, "n", number: 1, type: 5)
        }
      }
    }
  }

  private static func map(
    _ message: inout WireBuilder, _ name: String, number: UInt64, key: UInt64, value: UInt64, of type: String? = nil,
    in scope: String
  ) {
    AllKinds.field(&message, name, number: number, type: 11, label: 3, typeName: "\(scope).Entry\(number)")
    message.message(3) { entry in
      entry.string(1, "Entry\(number)")
      AllKinds.field(&entry, "key", number: 1, type: key)
      AllKinds.field(&entry, "value", number: 2, type: value, typeName: type)
      entry.message(7) { $0.varint(7, 1) }
    }
  }

  private func json(_ build: (inout WireBuilder) -> Void) throws -> String {
    try ProtobufJSON.encode(wire(build), as: holder)
  }

  @Test(arguments: [
    #"{"f2":"1970-01-01T00:00:00.000000001Z"}"#, #"{"f2":"0001-01-01T00:00:00Z"}"#,
    #"{"f2":"9999-12-31T23:59:59.999Z"}"#,
    #"{"f3":"-0.500s"}"#, #"{"f3":"315576000000s"}"#, #"{"f3":"0s"}"#, #"{"f4":"aB.c,d"}"#, #"{"f4":""}"#,
    #"{"f5":null}"#,
    #"{"f5":[1.5,null,{"a":{"b":[]}},"x",true]}"#, #"{"f6":{}}"#, #"{"f6":{"@type":"x/test.Holder","null":null}}"#,
    #"{"f6":{"@type":"x/no.Such","value":"AP8="}}"#, #"{"f6":{"@type":"x/google.protobuf.Int64Value","value":"-1"}}"#,
    #"{"f6":{"@type":"x/google.protobuf.Any","value":{"@type":"x/google.protobuf.Duration","value":"1s"}}}"#,
    #"{"f7":"0"}"#,
    #"{"numbers":{"-2":1,"0":2,"3":0}}"#, #"{"holders":{"false":{},"true":{"f7":"5"}}}"#,
    #"{"map":{"":null,"a":1,"e\#u{301}":2,"\#u{e9}":3}}"#,
    #"{"part":{"n":1},"parts":[{},{"n":2}]}"#,
  ])
  func `what is written is read back`(_ text: String) throws {
    let message = try ProtobufJSON.decode(text, as: holder)
    // A NullValue without presence is absent.
    let expected = text.replacing(",\"null\":null", with: "")
    #expect(try ProtobufJSON.encode(message, as: holder) == expected)
  }

  @Test(arguments: [
    (#"{"f2":"10000-01-01T00:00:00Z"}"#, "f2: expected a time"), (#"{"f2":"0000-12-31T23:59:59Z"}"#, "years 1 to 9999"),
    (#"{"f2":1}"#, "found a number"), (#"{"f2":"2026-01-31t00:00:00Z"}"#, "f2: expected a time"),
    (#"{"f2":"2026-01-31T00:00:00.1234567890Z"}"#, "f2"), (#"{"f3":"315576000001s"}"#, "at most 315576000000s"),
    (#"{"f3":"1.s"}"#, "f3: expected a duration"), (#"{"f3":"- 1s"}"#, "f3"), (#"{"f3":"9999999999999999999s"}"#, "f3"),
    (#"{"f4":"a_b"}"#, "lowerCamelCase"), (#"{"f6":{"a":1}}"#, "there is no @type"),
    (#"{"f6":{"@type":"x/no.Such"}}"#, "in base64"),
    (#"{"f6":{"@type":"x/no.Such","value":"?"}}"#, "f6.value: the string is not base64"),
    (#"{"f6":{"@type":"x/test.Holder","nul":1}}"#, "f6.nul: no such field"),
    (#"{"f7":1.5}"#, "f7: the number is not a whole one"),
    (#"{"numbers":{"1":1,"1":2}}"#, #"numbers["1"]: the field is set twice"#),
    (#"{"numbers":{"1.5":1}}"#, "not a whole one"),
    (#"{"numbers":{"x":1}}"#, #"numbers["x"]: expected a number"#), (#"{"numbers":{"1":null}}"#, #"numbers["1"]"#),
    (#"{"holders":{"1":{}}}"#, "expected true or false"),
    (#"{"holders":[]}"#, "holders: expected an object, found an array"),
    (#"{"map":{"a":1e400}}"#, #"map["a"]"#), (#"{"parts":[{},{"x":1}]}"#, "parts[1].x: no such field"),
  ])
  func `what is no value of such a type is refused with its path`(_ text: String, _ words: String) {
    #expect { try ProtobufJSON.decode(text, as: holder) } throws: { "\($0)".contains(words) }
  }

  @Test func `of entries with one key the last counts, and what is missing is the default`() throws {
    let text = try json {
      $0.message(9) {
        $0.varint(1, 1)
        $0.varint(2, 5)
      }
      $0.message(9) { _ in }
      $0.message(9) { $0.varint(1, 1) }
      $0.message(1) { $0.string(1, "k") }
    }
    #expect(text == #"{"map":{"k":null},"numbers":{"-1":0,"0":0}}"#)
  }

  @Test func `keys are sorted as numbers or bytes, and canonical equivalents are different keys`() throws {
    let text = try json { message in
      for key in ["z", "\u{e9}", "e\u{301}", "a"] {
        message.message(1) {
          $0.string(1, key)
          $0.message(2) { $0.varint(4, 1) }
        }
      }
      for key in [4, 3, 1, 20] as [UInt64] { message.message(9) { $0.varint(1, key) } }
    }
    #expect(
      text
        == "{\"map\":{\"a\":true,\"e\u{301}\":true,\"z\":true,\"\u{e9}\":true},\"numbers\":{\"-2\":0,\"-1\":0,\"2\":0,\"10\":0}}"
    )
  }

  @Test(
    arguments: [
      ((2, [(1, 253_402_300_800)]), "f2: 253402300800 s"), ((2, [(2, 1_000_000_000)]), "f2"),
      ((2, [(2, UInt64.max)]), "f2"),
      ((3, [(1, 315_576_000_001)]), "f3"), ((3, [(1, 1), (2, UInt64.max)]), "f3"),
    ] as [((UInt32, [(UInt32, UInt64)]), String)])
  func `numbers out of range have no JSON form`(_ field: (UInt32, [(UInt32, UInt64)]), _ words: String) {
    #expect {
      try json { $0.message(field.0) { message in for (number, value) in field.1 { message.varint(number, value) } } }
    } throws: { "\($0)".contains(words) }
  }

  @Test func `other values without a JSON form are refused`() {
    #expect { try json { $0.message(4) { $0.string(1, "a__b") } } } throws: { "\($0)".contains("f4: the path 'a__b'") }
    #expect { try json { $0.message(5) { $0.fixed64(2, Double.nan.bitPattern) } } } throws: { "\($0)".contains("NaN") }
    #expect { try json { $0.message(1) { $0.bytes(1, [0xFF]) } } } throws: { "\($0)".contains("UTF-8") }
  }

  @Test func `the last member of a Value wins, and a message that comes twice is merged`() throws {
    let text = try json {
      $0.message(5) {
        $0.string(3, "x")
        $0.message(6) { $0.message(1) { $0.varint(4, 1) } }
        $0.message(6) { $0.message(1) { $0.varint(4, 0) } }
      }
    }
    #expect(text == #"{"f5":[true,false]}"#)
  }

  @Test func `nesting is bounded both ways`() {
    let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect { try ProtobufJSON.decode(#"{"f5":\#(deep)}"#, as: holder) } throws: { "\($0)".contains("nest") }
    var value = wire { $0.varint(1, 0) }
    for _ in 0..<40 { value = wire { [value] in $0.message(6) { $0.bytes(1, value.readableBytesView) } } }
    #expect { try json { [value] in $0.bytes(5, value.readableBytesView) } } throws: { "\($0)".contains("deep") }
  }
}
