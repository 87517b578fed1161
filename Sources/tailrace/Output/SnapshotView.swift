#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Shows one state of something after the other on standard output.
struct SnapshotView {
  enum Style {
    /// In place, on a terminal's second screen.
    case screen
    /// One below the other, with an empty line between two.
    case paragraphs
    /// One below the other.
    case lines
  }

  private let style: Style
  private var isEmpty = true

  init(_ style: Style) { self.style = style }

  /// Shows the lines of one state.
  mutating func show(_ lines: [String]) throws(CommandFailure) {
    var output = StandardOutput()
    switch style {
    case .screen:
      if isEmpty { output.append(ScreenFrame.enter.utf8) }
      output.append(ScreenFrame.text(lines, size: .ofStandardOutput).utf8)
    case .paragraphs:
      if !isEmpty { output.append("\n".utf8) }
      output.append((lines.joined(separator: "\n") + "\n").utf8)
    case .lines: output.append((lines.joined(separator: "\n") + "\n").utf8)
    }
    isEmpty = false
    try output.flush()
  }

  /// Gives a terminal back as it was.
  mutating func end() throws(CommandFailure) {
    guard style == .screen, !isEmpty else { return }
    isEmpty = true
    var output = StandardOutput()
    output.append(ScreenFrame.leave.utf8)
    try output.flush()
  }
}

/// What is sent to a terminal to draw a whole screen over the last one, without clearing it before.
///
/// Source: ECMA-48 (CUP, EL, ED), and xterm's private modes 7 (wrapping), 25 (cursor) and 1049 (second screen).
enum ScreenFrame {
  struct Size: Equatable {
    /// In characters.
    var columns: Int
    var rows: Int
  }

  static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
  static let leave = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

  /// From the top left corner on: each line cut to the width, with what stood behind it cleared, and all below cleared.
  /// Where there are more lines than rows, the last row tells how many.
  static func text(_ lines: [String], size: Size) -> String {
    let rows = max(1, size.rows)
    var shown = lines
    if lines.count > rows {
      shown = lines.prefix(rows - 1) + ["... and \(lines.count - rows + 1) more lines"]
    }
    let cut = shown.map { $0.prefix(max(1, size.columns)) + "\u{1B}[K" }
    return "\u{1B}[H" + cut.joined(separator: "\r\n") + "\u{1B}[J"
  }
}

extension ScreenFrame.Size {
  /// The terminal's at standard output; 80 by 24 where it does not tell.
  static var ofStandardOutput: ScreenFrame.Size { of(.standardOutput) }

  /// The terminal's at a descriptor; 80 by 24 where it does not tell.
  static func of(_ descriptor: Descriptor) -> ScreenFrame.Size {
    var size = winsize()
    guard ioctl(descriptor.number, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else { return ScreenFrame.Size(columns: 80, rows: 24) }
    return ScreenFrame.Size(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }
}
