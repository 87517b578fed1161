/// Rows of text in columns that line up.
struct Table {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// The rows, one per line, columns two spaces apart; numbers are aligned at their right end.
  var lines: [String] {
    let widths = (rows.first ?? []).indices.map { column in
      rows.reduce(0) { max($0, column < $1.count ? $1[column].count : 0) }
    }
    let numeric = widths.indices.map { column in
      rows.dropFirst().allSatisfy { column < $0.count && Int64($0[column]) != nil }
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
        line += (line.isEmpty ? "" : "  ") + (numeric[column] ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
