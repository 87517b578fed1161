import Foundation
import TailraceClient

struct PageView: Codable {
  var visitor: String
  var page: String
}

/// Visitors' page views go to a topic while a group counts them, page by page.
///
/// Usage: ActivityTracking. The broker is at TAILRACE_SERVER, or at 127.0.0.1:7171.
@main struct ActivityTracking {
  static let pages = ["/", "/", "/", "/prices", "/prices", "/about"]
  static let viewCount = 12_000
  static let codec = JSONCodec(PageView.self)

  static func main() async throws {
    let server = ProcessInfo.processInfo.environment["TAILRACE_SERVER"] ?? "127.0.0.1:7171"
    let client = try Client(ClientConfiguration(server: server))
    try await createTopic(AdminClient(client))
    async let producing: Void = produce(client)
    let counts = try await count(client)
    try await producing
    for (page, count) in counts.sorted(by: { $0.value > $1.value }) { print("\(count) views of \(page)") }
    await client.close()
  }

  static func createTopic(_ admin: AdminClient) async throws {
    do throws(TailraceError) {
      try await admin.createTopic("page_views", partitions: 4)
    } catch {
      guard error.code == .topicExists else { throw error }
    }
  }

  /// The views of one visitor stay in order: they have the same key.
  static func produce(_ client: Client) async throws {
    try await withProducer(client) { producer in
      for number in 0..<viewCount {
        let view = PageView(visitor: "visitor-\(number % 97)", page: pages[number % pages.count])
        let record = try ProducerRecord(key: view.visitor, as: .string, value: view, as: codec)
        try await producer.enqueue(record, to: "page_views")
      }
    }
  }

  /// Start it several times, and each counts its share of the partitions.
  static func count(_ client: Client) async throws -> [String: Int] {
    try await withConsumer(client, ConsumerConfiguration(.group("page_counts", topics: ["page_views"]))) { consumer in
      var counts: [String: Int] = [:]
      var total = 0
      for try await record in consumer.records {
        guard let view = try record.value(as: codec) else { continue }
        counts[view.page, default: 0] += 1
        total += 1
        if total == viewCount { break }
      }
      return counts
    }
  }
}
