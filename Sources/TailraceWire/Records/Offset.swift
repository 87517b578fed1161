/// A record's place in its partition: 0 for the first ever, never used twice.
package struct Offset: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: Int64

  package init(rawValue: Int64) { self.rawValue = rawValue }

  package init(_ value: Int64) { self.rawValue = value }

  package static let zero = Offset(0)

  package static func < (left: Offset, right: Offset) -> Bool { left.rawValue < right.rawValue }

  /// The offset `count` places on, or nil past the end of the number range.
  package func advanced(by count: Int64) -> Offset? {
    let (sum, overflow) = rawValue.addingReportingOverflow(count)
    return overflow ? nil : Offset(sum)
  }

  package var description: String { "\(rawValue)" }
}
