import Foundation
import TailraceWire
import Testing

@testable import tailrace

@Suite struct RPCCommandTests {
  @Test func `methods are listed with their messages, of all services or one`() throws {
    let all = try runTool(["rpc", "list"])
    #expect(all.status == 0)
    #expect(all.lines.count == 1 + RPCMethod.allCases.count)
    let log = try runTool(["rpc", "list", "LogService"])
    #expect(log.lines.first?.split(separator: " ") == ["METHOD", "REQUEST", "RESPONSE"])
    #expect(log.lines.contains("LogService/Fetch          FetchRequest          FetchResponse"), "\(log.text)")
    #expect(log.lines.last?.hasSuffix("stream SubscribeResponse") == true)
    #expect(
      try runTool(["rpc", "list", "tailrace.v1.LogService", "-o", "json"]).lines.last
        == #"{"method":"tailrace.v1.LogService/Subscribe","request":"tailrace.v1.SubscribeRequest","#
        + #""response":"tailrace.v1.SubscribeResponse","server_streaming":true}"#)
  }

  @Test func `a method is described with its messages and all that they refer to`() throws {
    let text = try runTool(["rpc", "describe", "LogService/ListOffsets"]).text
    #expect(
      text.hasPrefix(
        """
        // tailrace.v1.LogService/ListOffsets

        // Looks up offsets: the earliest, the latest, the first at or after a time.
        rpc ListOffsets(ListOffsetsRequest) returns (ListOffsetsResponse);

        // Request of ListOffsets.
        message ListOffsetsRequest {
          // At least one.
          repeated OffsetQuery queries = 1;
        }


        """), "\(text)")
    for type in ["message OffsetResult {", "message PartitionError {", "enum OffsetPosition {", "enum ErrorCode {"] {
      #expect(text.contains(type))
    }
    #expect(try runTool(["rpc", "describe", "listoffsets", "--shallow"]).lines.count == 4)
  }

  /// protoc knows whether what is printed is a schema.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/protoc")))
  func `what is described is a schema that encodes to the same bytes`() throws {
    let directory = try TemporaryDirectory()
    var schema = "syntax = \"proto3\"; package tailrace.v1;\n"
    for type in DescriptorPool.tailrace.messages.map(\.fullName) + DescriptorPool.tailrace.enums.map(\.fullName) {
      schema += try runTool(["rpc", "describe", type, "--shallow"]).text
    }
    _ = try directory.file("all.proto", schema.utf8)
    let protoc = Process()
    protoc.executableURL = URL(fileURLWithPath: "/usr/bin/protoc")
    protoc.arguments = ["-I", directory.path, "--descriptor_set_out=\(directory.path)/set", "all.proto"]
    try Spawning.inTurn { try protoc.run() }
    protoc.waitUntilExit()
    #expect(protoc.terminationStatus == 0)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.path + "/set"))
    let pool = try bytes.withUnsafeBytes { bytes in
      try Result { () throws(DescriptorError) in try DescriptorPool(serialized: bytes) }.get()
    }
    #expect(pool.messages.count == DescriptorPool.tailrace.messages.count)
    for message in DescriptorPool.tailrace.messages {
      let other = try #require(pool.message(named: message.fullName))
      #expect(other.fields.map(\.number) == message.fields.map(\.number), "\(message.fullName)")
      #expect(other.fields.map(\.jsonName) == message.fields.map(\.jsonName), "\(message.fullName)")
      #expect(other.fields.map(\.hasPresence) == message.fields.map(\.hasPresence), "\(message.fullName)")
      #expect(other.fields.map(\.isPacked) == message.fields.map(\.isPacked), "\(message.fullName)")
      #expect(other.fields.map(\.kind.wireName) == message.fields.map(\.kind.wireName), "\(message.fullName)")
    }
  }

  @Test func `messages, enums and services are described as JSON, too`() throws {
    #expect(
      try runTool(["rpc", "describe", "PingRequest", "-o", "json"]).lines == [
        #"{"kind":"message","name":"tailrace.v1.PingRequest","documentation":"Request of Ping.","fields":["#
          + #"{"name":"payload","json_name":"payload","number":1,"type":"bytes","repeated":false,"optional":false,"#
          + #""oneof":null,"documentation":"Anything, at most 65,536 bytes."}]}"#
      ])
    let values = try runTool(["rpc", "describe", "tailrace.v1.ConfigSource", "-o", "json"]).text
    #expect(
      values.contains(#"{"name":"CONFIG_SOURCE_BROKER","number":2,"documentation":"The broker's own configuration."}"#))
    #expect(try runTool(["rpc", "describe", "GroupService", "-o", "json"]).text.contains("GroupService/Heartbeat"))
    #expect(try runTool(["rpc", "describe", "GroupService"]).text.contains("  rpc Heartbeat(HeartbeatRequest)"))
    let method = try runTool(["rpc", "describe", "Ping", "-o", "json"]).lines
    #expect(method.first?.hasPrefix(#"{"kind":"method","name":"tailrace.v1.AdminService/Ping""#) == true)
    #expect(method.count == 3)
  }

  @Test func `a name that is none is told with one that may be meant`() throws {
    let outcome = try runTool(["rpc", "describe", "FetchRequset"])
    #expect(
      outcome.errorLines == [
        "tailrace: there is no method, message, enum or service 'FetchRequset'; did you mean FetchRequest?"
      ])
  }

  @Test func `messages are converted to base64 lines and back, or as they are`() throws {
    let json = "{\"payload\":\"aGk=\"}\n{\"payload\":\"/w==\"}\n{}\n"
    let encoded = try runTool(["rpc", "encode", "PingRequest"], input: Array(json.utf8))
    #expect(encoded.text == "CgJoaQ==\nCgH/\n\n")
    #expect(try runTool(["rpc", "decode", "PingRequest"], input: encoded.output).text == json)
    let bytes = try runTool(["rpc", "encode", "PingRequest", #"{"payload":"aGk="}"#, "--binary"]).output
    #expect(bytes == [0x0A, 2, 0x68, 0x69])
    let decoded = try runTool(["rpc", "decode", "ListTopicsRequest", "--binary", "--defaults", "--proto-names"])
    #expect(
      decoded.text == #"{"include_internal":false,"prefix":"","page_size":0,"page_token":""}"# + "\n",
      "\(decoded.errors)")
    #expect(
      try runTool(["rpc", "encode", "PingRequest", #"{"x":1}"#, "--allow-unknown-fields"]).text == "\n")
    let wrong = try runTool(["rpc", "encode", "PingRequest"], input: Array("{}\n{\"payload\":1}".utf8))
    #expect(wrong.errors.hasPrefix("tailrace: standard input, message 2 (line 2): payload: "), "\(wrong.errors)")
  }
}

extension FieldKind {
  /// Without the place in a pool, which differs.
  fileprivate var wireName: String { name }
}
