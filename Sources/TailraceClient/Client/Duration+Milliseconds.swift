extension Duration {
  /// Whole milliseconds, rounded up, at most `Int64.max`; negative ones count as 0.
  package var ms: Int64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (ms, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
    guard !overflow else { return .max }
    let (sum, sumOverflow) = ms.addingReportingOverflow((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    return sumOverflow ? .max : sum
  }
}
