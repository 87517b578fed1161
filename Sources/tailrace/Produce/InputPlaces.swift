/// Says in words where in the input records are. Lines are counted over all files, and told as of each file.
struct InputPlaces {
  /// What a record of the input is called in messages: "line".
  let unit: String
  /// The files that have a name, in order, and how many lines are before each.
  private var files: [(name: String, before: Int)] = []

  init(unit: String) { self.unit = unit }

  /// From here on lines are those of another file.
  mutating func begin(_ name: String, after before: Int) { files.append((name, before)) }

  /// "line 3", "lines 3-9 of 'b'", "lines 7 of 'a' to 2 of 'b'".
  func words(_ lines: ClosedRange<Int>) -> String {
    let first = place(of: lines.lowerBound)
    guard lines.count > 1 else { return "\(unit) \(first.number)\(first.file)" }
    let last = place(of: lines.upperBound)
    guard first.file != last.file else { return "\(unit)s \(first.number)-\(last.number)\(first.file)" }
    return "\(unit)s \(first.number)\(first.file) to \(last.number)\(last.file)"
  }

  private func place(of line: Int) -> (number: Int, file: String) {
    guard let file = files.last(where: { $0.before < line }) else { return (line, "") }
    return (line - file.before, " of '\(file.name)'")
  }
}
