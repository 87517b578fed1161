import SwiftProtobuf
import TailraceWire
import Testing

@Suite("Methods and the embedded schemas")
struct RPCMethodTests {
  private func lookUp(_ name: String) -> RPCMethod? {
    var name = name
    return name.withUTF8 { RPCMethod(nameBytes: UnsafeRawBufferPointer($0)) }
  }

  @Test(arguments: RPCMethod.allCases)
  func `A method is found by its full name`(method: RPCMethod) {
    #expect(lookUp(method.fullName) == method)
    #expect(method.fullName == "\(method.serviceName)/\(method.methodName)")
  }

  @Test(arguments: RPCMethod.allCases)
  func `A name with one byte changed, missing or added is no method`(method: RPCMethod) {
    let name = Array(method.fullName.utf8)
    for index in name.indices {
      var changed = name
      changed[index] ^= 0x20
      #expect(changed.withUnsafeBytes { RPCMethod(nameBytes: $0) } == nil)
      var shorter = name
      shorter.remove(at: index)
      #expect(shorter.withUnsafeBytes { RPCMethod(nameBytes: $0) } == nil)
    }
    #expect(lookUp(method.fullName + "s") == nil)
    #expect(lookUp("/" + method.fullName) == nil)
  }

  @Test func `The empty name is no method`() {
    #expect(lookUp("") == nil)
    #expect(RPCMethod(nameBytes: UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
  }

  @Test func `The embedded descriptors list the same methods`() throws {
    let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: Array(DescriptorSet.bytes)).file
    let described = files.flatMap { file in
      file.service.flatMap { service in
        service.method.map { method in
          MethodRow(
            name: "\(file.package).\(service.name)/\(method.name)", request: String(method.inputType.dropFirst()),
            response: String(method.outputType.dropFirst()), streaming: method.serverStreaming)
        }
      }
    }
    let ours = RPCMethod.allCases.map {
      MethodRow(name: $0.fullName, request: $0.requestName, response: $0.responseName, streaming: $0.isServerStreaming)
    }
    #expect(Set(described) == Set(ours))
    #expect(described.count == ours.count)
  }

  @Test
  func
    `The embedded descriptors hold every message, each file after its imports, and comments alone of what is about the source`()
    throws
  {
    let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: Array(DescriptorSet.bytes)).file
    let messages = files.flatMap { file in file.messageType.map { "\(file.package).\($0.name)" } }
    #expect(messages.sorted() == allMessages.map { $0.fullName }.sorted())
    var seen: Set<String> = []
    for file in files {
      #expect(seen.isSuperset(of: file.dependency))
      let locations = file.sourceCodeInfo.location
      #expect(!locations.isEmpty)
      #expect(
        locations.allSatisfy { !$0.leadingComments.isEmpty && $0.span == [0, 0, 0] && $0.trailingComments.isEmpty })
      seen.insert(file.name)
    }
  }

  @Test func `Enums know their names`() {
    #expect(ErrorCode.unknownTopicID.name == "ERROR_CODE_UNKNOWN_TOPIC_ID")
    #expect("\(Acks.durable)" == "ACKS_DURABLE")
    #expect(ErrorCode(rawValue: 999).name == "999")
    #expect(Set(ErrorCode.allKnown.map(\.rawValue)).count == ErrorCode.allKnown.count)
    #expect(ErrorCode.allKnown.first == .unspecified)
  }

  private struct MethodRow: Hashable {
    let name: String
    let request: String
    let response: String
    let streaming: Bool
  }
}
