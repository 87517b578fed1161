internal import TailraceWire

/// What became of each partition that a call was about.
public typealias PartitionResults<Value> = [TopicPartition: Result<Value, TailraceError>]

extension Dictionary where Key == TopicPartition {
  /// The values, where all partitions succeeded; else the failure of the first, by topic and number, that did not.
  public func get<Success>() throws(TailraceError) -> [TopicPartition: Success]
  where Value == Result<Success, TailraceError> {
    var values: [TopicPartition: Success] = [:]
    for (partition, result) in sorted(by: { $0.key < $1.key }) { values[partition] = try result.get() }
    return values
  }
}

extension Result where Failure == TailraceError {
  /// The failure of a part, where the broker reports one, else `value`.
  init(_ error: PartitionError?, or value: @autoclosure () -> Success) {
    self = error.map { .failure(TailraceError($0)) } ?? .success(value())
  }
}
