import NIOCore
import TailraceClient
import TailraceTesting
import Testing

/// The code of `ErrorHandling.md`.
@Suite(.timeLimit(.minutes(15))) struct ErrorHandlingSamples {
  @Test func `codes tell what to do`() async throws {
    try await withBroker { broker in
      let admin = AdminClient(broker.client)
      for _ in 0..<2 {
        do throws(TailraceError) {
          try await admin.createTopic("orders", partitions: 3)
        } catch {
          // Another instance of this program may have been faster.
          guard error.code == .topicExists else { throw error }
        }
      }

      func describeWhenPossible(_ topic: String) async throws(TailraceError) -> TopicDescription? {
        do throws(TailraceError) {
          return try await admin.describeTopic(topic)
        } catch {
          guard error.isRetriable else { throw error }
          return nil
        }
      }
      #expect(try await describeWhenPossible("orders")?.partitions.count == 3)
      await expect(.unknownTopic) { try await describeWhenPossible("none") }

      let partitions = [TopicPartition("orders", 0), TopicPartition("orders", 99)]
      let results = try await admin.listOffsets(.latest, of: partitions)
      for (partition, result) in results {
        switch result {
        case .success(let end): print("\(partition) ends at \(end.offset)")
        case .failure(let error): print("\(partition): \(error.code)")
        }
      }
      #expect(results[TopicPartition("orders", 99)]?.code == .unknownPartition)

      let ends = try await admin.listOffsets(.latest, of: [TopicPartition("orders", 0)]).get()
      #expect(ends.mapValues(\.offset) == [TopicPartition("orders", 0): 0])
    }
  }

  @Test func `records that cannot be read are set aside`() throws {
    let record = ConsumerRecord(topic: "orders", partition: 0, offset: 7, value: ByteBuffer(string: "{"))
    do throws(TailraceError) {
      guard let order = try record.value(as: .json(Order.self)) else { return }
      print("order \(order.id)")
    } catch {
      print("set aside: \(error)")
    }
  }
}

/// What the samples send and read.
struct Order: Codable, Hashable {
  var id: Int
  var customer: String
}
