/// The colours of records on a terminal. Source: ECMA-48, SGR.
struct Palette: Hashable, Sendable {
  struct Colour: Hashable, Sendable {
    /// What switches it on.
    let begin: [UInt8]

    init(_ code: String) { begin = Array("\u{1B}[\(code)m".utf8) }
  }

  static let end = Array("\u{1B}[0m".utf8)

  let key = Colour("36")
  let header = Colour("33")
  let place = Colour("35")
  let time = Colour("2")
  private let name = Colour("34;1")
  private let string = Colour("32")
  private let word = Colour("2")

  /// Adds a JSON text with its members' names, strings and words in colours.
  func paint(_ json: [UInt8], to output: inout StandardOutput) {
    var position = 0
    while position < json.count {
      let end = Self.endOfToken(json, position)
      let token = json[position..<end]
      if let colour = colour(of: token, isName: end < json.count && json[end] == UInt8(ascii: ":")) {
        output.append(colour.begin)
        output.append(token)
        output.append(Self.end)
      } else {
        output.append(token)
      }
      position = end
    }
  }

  private func colour(of token: ArraySlice<UInt8>, isName: Bool) -> Colour? {
    switch token.first {
    case UInt8(ascii: "\""): isName ? name : string
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): word
    default: nil
    }
  }

  /// A string, a word, or all up to the next of these.
  private static func endOfToken(_ json: [UInt8], _ start: Int) -> Int {
    var end = start + 1
    switch json[start] {
    case UInt8(ascii: "\""):
      while end < json.count, json[end] != UInt8(ascii: "\"") { end += json[end] == UInt8(ascii: "\\") ? 2 : 1 }
      return min(end + 1, json.count)
    case UInt8(ascii: "a")...UInt8(ascii: "z"):
      while end < json.count, isLetter(json[end]) { end += 1 }
    default:
      while end < json.count, json[end] != UInt8(ascii: "\""), !isLetter(json[end]) { end += 1 }
    }
    return end
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
}
