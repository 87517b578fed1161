import Foundation
import TailraceClient

struct Customer: Codable, Equatable {
  var name: String
  var city: String
}

/// A table as a topic: each change of a row is a record with the row's key. Compaction keeps the latest record of each
/// key, so that whoever reads from the beginning has the whole table, and whoever reads on has each change.
///
/// Usage: ChangeFeed. The broker is at TAILRACE_SERVER, or at 127.0.0.1:7171.
@main struct ChangeFeed {
  static let codec = JSONCodec(Customer.self)
  static let partition = TopicPartition("customers", 0)

  static func main() async throws {
    let server = ProcessInfo.processInfo.environment["TAILRACE_SERVER"] ?? "127.0.0.1:7171"
    let client = try Client(ClientConfiguration(server: server))
    do throws(TailraceError) {
      try await AdminClient(client).createTopic("customers", config: ["cleanup_policy": "compact"])
    } catch {
      guard error.code == .topicExists else { throw error }
    }
    try await withProducer(client) { producer in
      try await set("ann", Customer(name: "Ann", city: "Ghent"), producer)
      try await set("bob", Customer(name: "Bob", city: "Turin"), producer)
      try await set("ann", Customer(name: "Ann", city: "Lyon"), producer)
      async let table = follow(client)
      try await set("cid", Customer(name: "Cid", city: "Cádiz"), producer)
      try await set("bob", nil, producer)
      for (key, customer) in try await table.sorted(by: { $0.key < $1.key }) {
        print("\(key): \(customer.name), \(customer.city)")
      }
    }
    await client.close()
  }

  /// Sets a row; nil removes it.
  static func set(_ key: String, _ customer: Customer?, _ producer: Producer) async throws {
    try await producer.send(ProducerRecord(key: key, as: .string, value: customer, as: codec), to: "customers")
  }

  /// Builds the table up, and follows it until Cid has come and Bob has gone.
  static func follow(_ client: Client) async throws -> [String: Customer] {
    try await withConsumer(client, ConsumerConfiguration(.partitions([partition]))) { consumer in
      var table: [String: Customer] = [:]
      for try await record in consumer.records {
        guard let key = try record.key(as: .string) else { continue }
        table[key] = try record.value(as: codec)
        // All that was there at the last fetch is read.
        guard consumer.lag[partition] == 0 else { continue }
        print("up to date at offset \(record.offset): \(table.count) customers")
        if table["cid"] != nil, table["bob"] == nil { break }
      }
      return table
    }
  }
}
