import TailraceTestSupport

/// What a random run does next.
enum RandomOperation: CaseIterable {
  /// One to four requests in one call, each of one to four batches.
  case append
  /// From a random offset, of a random size.
  case read
  /// Of several partitions in one call, some of them out of range.
  case readMany
  case lookUp
  /// The clock moves past the age at which segments are rolled, then there is a round of maintenance.
  case roll
  /// The clock moves on, then there is a round of maintenance.
  case retain
  case trim
  case compact
  case configure
  case admit
  case stop
  case kill
  /// A topic goes, and one of the same name is made.
  case recreate

  /// How often it is drawn, compared with the others.
  private var weight: Int {
    switch self {
    case .append: 45
    case .read: 12
    case .lookUp: 8
    case .compact: 7
    case .trim: 5
    case .readMany, .roll, .retain, .configure: 4
    case .kill: 3
    case .stop, .admit: 2
    case .recreate: 1
    }
  }

  static func random(using generator: inout SeededGenerator) -> RandomOperation {
    var left = generator.below(allCases.reduce(0) { $0 + $1.weight })
    for operation in allCases {
      left -= operation.weight
      if left < 0 { return operation }
    }
    return .append
  }
}
