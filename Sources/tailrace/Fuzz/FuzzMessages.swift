import CTailraceWire
import NIOCore
import TailraceWire

/// A message type of the schemas with its descriptor, as the fuzzer goes through them.
struct FuzzType {
  let type: any WireMessage.Type
  let descriptor: MessageDescriptor
}

/// Every message type.
enum FuzzTypes {
  /// All types, in the order of the schemas. Throws where the list below does not name each of them.
  static func all() throws(FuzzFailure) -> [FuzzType] {
    var types: [FuzzType] = []
    var listed: [String: any WireMessage.Type] = [:]
    for type in list { listed[type.fullName] = type }
    for descriptor in DescriptorPool.tailrace.messages {
      guard let type = listed[descriptor.fullName] else {
        throw FuzzFailure("FuzzTypes.list in FuzzMessages.swift does not name \(descriptor.fullName)")
      }
      types.append(FuzzType(type: type, descriptor: descriptor))
    }
    return types
  }

  private static let list: [any WireMessage.Type] = [
    ConfigEntry.self, TopicSummary.self, CreateTopicRequest.self, CreateTopicResponse.self, DeleteTopicRequest.self,
    DeleteTopicResponse.self, ListTopicsRequest.self, ListTopicsResponse.self, DescribeTopicRequest.self,
    PartitionDescription.self, DescribeTopicResponse.self, CreatePartitionsRequest.self,
    CreatePartitionsResponse.self, ConfigValue.self, DescribeConfigRequest.self, DescribeConfigResponse.self,
    AlterConfigRequest.self, AlterConfigResponse.self, DescribeClusterRequest.self, Limits.self,
    MethodDescription.self, DiskSpace.self, DescribeClusterResponse.self, PingRequest.self, PingResponse.self,
    PartitionError.self,
    Metadata.self, RequestHeader.self, StatusDetail.self, Status.self, ResponseHeader.self, TopicPartitions.self,
    JoinGroupRequest.self, JoinGroupResponse.self, HeartbeatRequest.self, HeartbeatResponse.self,
    LeaveGroupRequest.self, LeaveGroupResponse.self, OffsetCommit.self, CommitOffsetRequest.self,
    OffsetCommitResult.self, CommitOffsetResponse.self, FetchOffsetsRequest.self, CommittedOffset.self,
    FetchOffsetsResponse.self, ListGroupsRequest.self, GroupSummary.self, ListGroupsResponse.self,
    DescribeGroupRequest.self, MemberDescription.self, PartitionLag.self, DescribeGroupResponse.self,
    DeleteGroupRequest.self, DeleteGroupResponse.self, ResetOffsetsRequest.self, ResetOffsetsResult.self,
    ResetOffsetsResponse.self, ProduceRecord.self, ProduceTarget.self, ProduceRequest.self, BatchResult.self,
    RecordResult.self, ProduceResult.self, ProduceResponse.self, FetchTarget.self, FetchRequest.self,
    FetchedRecord.self, FetchedPartition.self, FetchResponse.self, OffsetQuery.self, OffsetResult.self,
    ListOffsetsRequest.self, ListOffsetsResponse.self, InitProducerRequest.self, InitProducerResponse.self,
    DeleteRecordsTarget.self, DeleteRecordsRequest.self, DeleteRecordsResult.self, DeleteRecordsResponse.self,
    SubscribeRequest.self, SubscribeResponse.self, Header.self, Record.self, RecordSet.self, RecordBatch.self,
    Segment.self, PartitionState.self, EpochStart.self, CompactionMark.self, ProducerSnapshot.self,
    ProducerEntry.self, ProducerBatch.self, DataFormat.self, TopicRecord.self, ProducerIDBlock.self,
    ProducerRecord.self, GroupRecord.self, GroupMemberRecord.self,
    GroupAssignmentRecord.self, OwnedPartitions.self, TargetPartitions.self, CommittedOffsetRecord.self,
  ]
}

/// Writes well-formed messages of any type, with values from anywhere in their ranges.
struct FuzzMessageWriter {
  /// What is made wrong on the way.
  enum Fault: CaseIterable {
    case none, invalidUTF8, nulInString, wrongWireType, overlongVarint, unknownField
  }

  var generator: FuzzGenerator
  var fault = Fault.none
  /// What strings are taken from, half of the time.
  var names = ["", "a", "topic", "durability", "\u{1F980}"]
  private var roomBytes = 0

  init(generator: FuzzGenerator) { self.generator = generator }

  /// A message of about `maxBytes` at most.
  mutating func message(_ descriptor: MessageDescriptor, maxBytes: Int = 2_000) -> ByteBuffer {
    roomBytes = maxBytes
    return body(descriptor, depth: 0)
  }

  private mutating func body(_ descriptor: MessageDescriptor, depth: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    var usedOneofs: Set<String> = []
    for field in descriptor.fields where !generator.oneIn(4) {
      if let oneof = field.oneof, !usedOneofs.insert(oneof).inserted { continue }
      let count = field.isRepeated ? generator.below(4) : 1
      if field.isRepeated && field.isPacked && generator.oneIn(2) {
        writePacked(field, count: count, to: &buffer)
      } else {
        for _ in 0..<count where roomBytes > 0 { write(field, of: descriptor, depth: depth, to: &buffer) }
      }
    }
    if fault == .unknownField { writeUnknown(to: &buffer) }
    return buffer
  }

  private mutating func write(
    _ field: FieldDescriptor, of descriptor: MessageDescriptor, depth: Int, to buffer: inout ByteBuffer
  ) {
    let wireType = field.kind.fuzzWireType
    roomBytes -= 8
    guard fault != .wrongWireType || !generator.oneIn(8) else {
      buffer.writeVarint(UInt64(field.number) << 3 | UInt64(generator.below(8)))
      buffer.writeBytes(generator.bytes(generator.below(12)))
      return
    }
    buffer.writeVarint(UInt64(field.number) << 3 | wireType)
    switch field.kind {
    case .string: writeLengthDelimited(string(), to: &buffer)
    case .bytes: writeLengthDelimited(ByteBuffer(bytes: generator.bytes(byteCount())), to: &buffer)
    case .message:
      let inner = descriptor.messageType(of: field).map { body($0, depth: depth + 1) }
      writeLengthDelimited(inner ?? ByteBuffer(), to: &buffer)
    default: writeScalar(field.kind, to: &buffer)
    }
  }

  private mutating func writePacked(_ field: FieldDescriptor, count: Int, to buffer: inout ByteBuffer) {
    var values = ByteBuffer()
    for _ in 0..<count { writeScalar(field.kind, to: &values) }
    buffer.writeVarint(UInt64(field.number) << 3 | 2)
    writeLengthDelimited(values, to: &buffer)
  }

  private mutating func writeScalar(_ kind: FieldKind, to buffer: inout ByteBuffer) {
    switch kind.fuzzWireType {
    case 1: buffer.writeInteger(generator.number(), endianness: .little)
    case 5: buffer.writeInteger(UInt32(truncatingIfNeeded: generator.number()), endianness: .little)
    default:
      if fault == .overlongVarint && generator.oneIn(4) {
        buffer.writeBytes([UInt8](repeating: 0x80, count: 9 + generator.below(4)) + [generator.byte()])
      } else {
        buffer.writeVarint(generator.number())
      }
    }
  }

  private mutating func writeUnknown(to buffer: inout ByteBuffer) {
    buffer.writeVarint(UInt64(1_000 + generator.below(1 << 28)) << 3 | 2)
    writeLengthDelimited(ByteBuffer(bytes: generator.bytes(generator.below(20))), to: &buffer)
  }

  private mutating func writeLengthDelimited(_ content: ByteBuffer, to buffer: inout ByteBuffer) {
    buffer.writeVarint(UInt64(content.readableBytes))
    buffer.writeImmutableBuffer(content)
    roomBytes -= content.readableBytes
  }

  private mutating func byteCount() -> Int {
    let count = generator.oneIn(10) ? generator.below(600) : generator.below(40)
    return min(count, max(0, roomBytes))
  }

  private mutating func string() -> ByteBuffer {
    var buffer = ByteBuffer(string: generator.pick(names))
    if generator.oneIn(2) {
      buffer.writeBytes((0..<byteCount()).map { _ in 0x21 + UInt8(generator.below(90)) })
    }
    switch fault {
    case .invalidUTF8 where generator.oneIn(2):
      buffer.writeBytes(
        generator.pick([[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]]))
    case .nulInString where generator.oneIn(2): buffer.writeBytes([0, 0x61])
    default: break
    }
    return buffer
  }
}

extension FieldKind {
  /// As in the protobuf encoding: 0 varint, 1 of 64 bits, 2 length-delimited, 5 of 32 bits.
  fileprivate var fuzzWireType: UInt64 {
    switch self {
    case .double, .fixed64, .sfixed64: 1
    case .float, .fixed32, .sfixed32: 5
    case .string, .bytes, .message: 2
    default: 0
    }
  }
}
