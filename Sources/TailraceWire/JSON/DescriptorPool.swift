/// The types and services of a FileDescriptorSet: what generic conversion, reflection and descriptions of calls read.
///
/// Immutable and thread-safe. Types may refer to each other in cycles. Extensions are not kept.
package final class DescriptorPool: Sendable {
  /// Bounds on a set from outside.
  package struct Limits: Hashable, Sendable {
    /// Longest serialised set, in bytes, inclusive.
    package var maxBytes: Int
    /// Messages, enums and services of a set, inclusive.
    package var maxTypes: Int
    /// Fields and oneofs of messages, values of enums and methods of services of a set, inclusive.
    package var maxMembers: Int
    /// Longest full name, in bytes, inclusive.
    package var maxNameBytes: Int
    /// Levels of messages declared in messages, inclusive.
    package var maxNesting: Int

    package init(
      maxBytes: Int = 16 << 20, maxTypes: Int = 65_536, maxMembers: Int = 262_144, maxNameBytes: Int = 512,
      maxNesting: Int = 32
    ) {
      self.maxBytes = maxBytes
      self.maxTypes = maxTypes
      self.maxMembers = maxMembers
      self.maxNameBytes = maxNameBytes
      self.maxNesting = maxNesting
    }

    /// 16 MiB, 65,536 types, 262,144 members, names of 512 bytes, 32 levels.
    package static let `default` = Limits()
  }

  let messageLayouts: [MessageLayout]
  /// In the order of declaration.
  package let enums: [EnumDescriptor]
  private let messageIndices: [String: Int]
  private let enumIndices: [String: Int]
  private let serviceLayouts: [ServiceLayout]

  /// The schemas of this package.
  package static let tailrace: DescriptorPool = {
    do {
      return try DescriptorPool(serialized: DescriptorSet.bytes)
    } catch {
      preconditionFailure("the embedded schemas cannot be read: \(error)")
    }
  }()

  /// Reads a serialised google.protobuf.FileDescriptorSet that holds every file that its files import. Nothing of
  /// `bytes` is kept.
  package init(serialized bytes: UnsafeRawBufferPointer, limits: Limits = .default) throws(DescriptorError) {
    var parser = DescriptorParser(limits: limits)
    try parser.parse(bytes)
    let linked = try DescriptorLinker(parser).link()
    messageLayouts = linked.messages
    enums = linked.enums
    serviceLayouts = linked.services
    messageIndices = parser.messageIndices
    enumIndices = parser.enumIndices
  }

  /// All messages, with nested ones, in the order of declaration.
  package var messages: [MessageDescriptor] {
    messageLayouts.map { MessageDescriptor(pool: self, layout: $0) }
  }

  /// All services, in the order of declaration.
  package var services: [ServiceDescriptor] {
    serviceLayouts.map { service in
      ServiceDescriptor(
        fullName: service.fullName, methods: service.methods.map { descriptor(of: $0, in: service.fullName) })
    }
  }

  /// The message of that full name, without a leading dot.
  package func message(named fullName: String) -> MessageDescriptor? {
    messageIndices[fullName].map { MessageDescriptor(pool: self, layout: messageLayouts[$0]) }
  }

  /// The enum of that full name, without a leading dot.
  package func enumeration(named fullName: String) -> EnumDescriptor? {
    enumIndices[fullName].map { enums[$0] }
  }

  /// The service of that full name, without a leading dot.
  package func service(named fullName: String) -> ServiceDescriptor? {
    services.first { $0.fullName == fullName }
  }

  private func descriptor(of method: MethodLayout, in service: String) -> MethodDescriptor {
    MethodDescriptor(
      name: method.name, fullName: "\(service).\(method.name)", path: "/\(service)/\(method.name)",
      input: MessageDescriptor(pool: self, layout: messageLayouts[method.inputIndex]),
      output: MessageDescriptor(pool: self, layout: messageLayouts[method.outputIndex]),
      clientStreaming: method.clientStreaming, serverStreaming: method.serverStreaming)
  }
}

/// A service without a reference to its pool, which holds it.
struct ServiceLayout: Sendable {
  let fullName: String
  let methods: [MethodLayout]
}

/// A method whose messages are places in the pool.
struct MethodLayout: Sendable {
  let name: String
  let inputIndex: Int
  let outputIndex: Int
  let clientStreaming: Bool
  let serverStreaming: Bool
}
