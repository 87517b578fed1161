import Foundation
import TailraceClient

struct Job: Codable {
  var id: String
  var number: Int
}

struct JobResult: Codable {
  var id: String
  var worker: Int
  var divisors: Int
}

/// Three workers share the jobs of a topic, each job for one of them, and put their results into another topic.
///
/// A job counts as done when its result is stored. A worker that dies before that has others do the job again, so results
/// may come twice: whoever reads them knows them by the job's id.
///
/// Usage: WorkQueue. The broker is at TAILRACE_SERVER, or at 127.0.0.1:7171.
@main struct WorkQueue {
  static func main() async throws {
    let server = ProcessInfo.processInfo.environment["TAILRACE_SERVER"] ?? "127.0.0.1:7171"
    let client = try Client(ClientConfiguration(server: server))
    for topic in ["jobs", "job_results"] { try await create(topic, AdminClient(client)) }
    try await withProducer(client) { producer in
      let jobs = (1...300).map { Job(id: UUID().uuidString, number: $0 * 100) }
      for job in jobs {
        // Keys spread the jobs over the partitions, and so over the workers.
        try await producer.enqueue(ProducerRecord(key: job.id, as: .string, value: job, as: .json()), to: "jobs")
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 1...3 { group.addTask { try await work(worker, client, producer) } }
        let results = try await collect(Set(jobs.map(\.id)), client)
        for worker in 1...3 { print("worker \(worker) did \(results.count { $0.worker == worker }) jobs") }
        print("\(results.count) jobs are done")
        // The workers leave their group.
        group.cancelAll()
        while let outcome = await group.nextResult() {
          if case .failure(let error) = outcome, (error as? TailraceError)?.code != .cancelled { throw error }
        }
      }
    }
    await client.close()
  }

  static func create(_ topic: String, _ admin: AdminClient) async throws {
    do throws(TailraceError) {
      try await admin.createTopic(topic, partitions: 6)
    } catch {
      guard error.code == .topicExists else { throw error }
    }
  }

  static func work(_ worker: Int, _ client: Client, _ producer: Producer) async throws {
    try await withConsumer(client, ConsumerConfiguration(.group("workers", topics: ["jobs"]))) { consumer in
      for try await record in consumer.records {
        guard let job = try record.value(as: .json(Job.self)) else { continue }
        let divisors = (1...job.number).count { job.number.isMultiple(of: $0) }
        let result = JobResult(id: job.id, worker: worker, divisors: divisors)
        try await producer.send(ProducerRecord(value: result, as: .json()), to: "job_results")
      }
    }
  }

  /// Waits for a result of each job.
  static func collect(_ ids: Set<String>, _ client: Client) async throws -> [JobResult] {
    try await withConsumer(client, ConsumerConfiguration(.topics(["job_results"]))) { consumer in
      var results: [String: JobResult] = [:]
      for try await record in consumer.records {
        guard let result = try record.value(as: .json(JobResult.self)), ids.contains(result.id) else { continue }
        results[result.id] = result
        if results.count == ids.count { break }
      }
      return Array(results.values)
    }
  }
}
