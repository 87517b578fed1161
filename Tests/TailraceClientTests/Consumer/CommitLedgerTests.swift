import NIOCore
import TailraceClient
import TailraceWire
import Testing

@Suite struct CommitLedgerTests {
  private let first = TopicPartition(topic: "t", partition: 0)
  private let second = TopicPartition(topic: "t", partition: 1)

  private func ledger(stored: Bool = true) -> CommitLedger {
    var ledger = CommitLedger()
    for partition in [first, second] {
      ledger.begin(
        partition, topicID: ByteBuffer(), at: ReadPosition(offset: 5, epoch: nil), isStored: stored)
    }
    return ledger
  }

  @Test func `only what was written is committed, and only once`() throws {
    var ledger = ledger()
    #expect(!ledger.hasUncommitted)
    ledger.wrote(second, ReadPosition(offset: 8, epoch: 3))
    let commits = ledger.commits()
    #expect(commits == [OffsetCommit(topic: "t", partition: 1, offset: 8, lastEpoch: 3)])
    #expect(ledger.isUncommitted(second) && !ledger.isUncommitted(first))
    ledger.committed(try #require(commits.first))
    #expect(!ledger.hasUncommitted)
    #expect(ledger.commits().isEmpty)
  }

  @Test func `what is written while a commit is under way is left for the next`() throws {
    var ledger = ledger()
    ledger.wrote(first, ReadPosition(offset: 6, epoch: 0))
    let commit = try #require(ledger.commits().first)
    ledger.wrote(first, ReadPosition(offset: 9, epoch: 0))
    ledger.committed(commit)
    #expect(ledger.commits().map(\.offset) == [9])
  }

  @Test func `where no offset is stored the place to begin at is committed`() {
    #expect(ledger(stored: false).commits().map(\.offset) == [5, 5])
  }

  @Test func `a partition that was let go is not committed any more, whatever is still written or answered`() throws {
    var ledger = ledger()
    ledger.wrote(first, ReadPosition(offset: 6, epoch: 0))
    let commit = try #require(ledger.commits().first)
    ledger.forget(first)
    ledger.wrote(first, ReadPosition(offset: 7, epoch: 0))
    ledger.committed(commit)
    #expect(!ledger.hasUncommitted)
  }

  @Test func `a commit for a topic's predecessor says nothing of the topic`() throws {
    var ledger = ledger()
    ledger.wrote(first, ReadPosition(offset: 6, epoch: 0))
    var commit = try #require(ledger.commits().first)
    commit.topicID = ByteBuffer(repeating: 9, count: 16)
    ledger.committed(commit)
    #expect(ledger.isUncommitted(first))
  }

  @Test func `a request takes a bounded number of them, and the rest follows`() {
    var ledger = CommitLedger()
    for partition in 0..<UInt32(CommitLedger.maxCommits + 10) {
      ledger.begin(
        TopicPartition(topic: "t", partition: partition), topicID: ByteBuffer(),
        at: ReadPosition(offset: 0, epoch: nil), isStored: false)
    }
    let commits = ledger.commits()
    #expect(commits.count == CommitLedger.maxCommits)
    for commit in commits { ledger.committed(commit) }
    #expect(ledger.commits().count == 10)
  }
}
