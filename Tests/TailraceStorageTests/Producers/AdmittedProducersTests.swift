import TailraceWire
import Testing

@testable import TailraceStorage

@Suite struct AdmittedProducersTests {
  private func refusal(_ producers: AdmittedProducers, _ producer: Int64, epoch: UInt32) throws -> StorageError.Kind? {
    producers.refusal(of: try batch(["x"], producer: producer, epoch: epoch, sequence: 0).header)?.kind
  }

  @Test func `a producer that was never admitted writes in epoch 0 only`() throws {
    let producers = AdmittedProducers()
    for _ in 0..<2 {
      #expect(try refusal(producers, 7, epoch: 0) == nil)
      #expect(try refusal(producers, 7, epoch: 1) == .unknownProducer)
      // Also while there are others.
      producers.admit(8, epoch: 3)
    }
  }

  @Test func `an admitted producer writes in its epoch only`() throws {
    let producers = AdmittedProducers()
    producers.admit(7, epoch: 0)
    #expect(try refusal(producers, 7, epoch: 0) == nil)
    producers.admit(7, epoch: 2)
    #expect(try refusal(producers, 7, epoch: 1) == .producerFenced)
    #expect(try refusal(producers, 7, epoch: 2) == nil)
    #expect(try refusal(producers, 7, epoch: 3) == .unknownProducer)
  }

  @Test func `a batch without a producer is everybody's`() throws {
    let producers = AdmittedProducers()
    producers.admit(7, epoch: 2)
    #expect(producers.refusal(of: try batch(["x"]).header) == nil)
  }
}
