import Foundation

/// Where everything goes that is not a command's result.
enum StandardError {
  /// Writes `text` as it is; a line brings its own end. What cannot be written is lost: there is nowhere to say so.
  static func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
