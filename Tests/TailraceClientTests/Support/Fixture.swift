import NIOCore
import TailraceClient
import TailraceTesting
import TailraceWire

/// A client of `broker`, or of whatever listens on `port`.
func client(
  of broker: TestBroker, port: Int? = nil, _ change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> Client {
  var configuration = ClientConfiguration(server: "127.0.0.1:\(port ?? broker.port)")
  configuration.initialBackoff = .milliseconds(5)
  configuration.maxBackoff = .milliseconds(100)
  // However busy the machine is.
  configuration.callTimeout = .seconds(300)
  change(&configuration)
  return try Client(configuration)
}

extension TestBroker {
  func createTopic(_ name: String, partitions: UInt32 = 1, config: [String: String] = [:]) async throws {
    _ = try await call(
      .adminServiceCreateTopic,
      CreateTopicRequest(
        name: name, partitionCount: partitions, config: config.map { ConfigEntry(name: $0.key, value: $0.value) }),
      as: CreateTopicResponse.self)
  }

  /// All records of a partition, in order.
  func records(_ topic: String, _ partition: UInt32 = 0) async throws -> [FetchedRecord] {
    var records: [FetchedRecord] = []
    var offset: Int64 = 0
    while true {
      let response = try await call(
        .logServiceFetch,
        FetchRequest(
          targets: [FetchTarget(topic: topic, partition: partition, offset: offset)], maxBytes: 4 << 20, decode: true),
        as: FetchResponse.self)
      guard let part = response.partitions.first, part.error == nil, part.nextOffset > offset else { return records }
      records += part.records
      offset = part.nextOffset
    }
  }

  func values(_ topic: String, _ partition: UInt32 = 0) async throws -> [String] {
    try await records(topic, partition).map { $0.value.map { String(buffer: $0) } ?? "-" }
  }
}

/// The error that `body` fails with; nil where it does not.
func failure(_ body: () async throws -> Void) async -> TailraceError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? TailraceError ?? TailraceError(.internalError, "\(error)")
  }
}
