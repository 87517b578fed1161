package import TailraceWire

extension LogHandlers {
  /// Hands out a producer id and epoch. The older epoch of the same name is fenced when this is answered.
  package func initProducer(
    _ request: InitProducerRequest, _ call: CallContext
  ) async throws(RPCError) -> InitProducerResponse {
    var name: ProducerName?
    if let text = request.producerName { name = try ProducerName(text) }
    let producer = try await producers.initialize(name)
    return InitProducerResponse(producerID: producer.id, producerEpoch: producer.epoch)
  }
}
