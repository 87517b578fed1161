import NIOCore
import TailraceTestSupport
import Testing

@testable import tailrace

@Suite struct JSONTextSplitterTests {
  /// The texts of `input` with their lines, however it is cut into pieces.
  private func split(_ input: String, pieceBytes: Int = .max, maxBytes: Int = 1_000) throws -> [String] {
    var splitter = JSONTextSplitter(maxBytes: maxBytes)
    var rest = ByteBuffer(string: input)
    var found: [JSONText] = []
    while var piece = rest.readSlice(length: min(pieceBytes, rest.readableBytes)), piece.readableBytes > 0 {
      while piece.readableBytes > 0, let text = try splitter.next(&piece) { found.append(text) }
    }
    if let text = splitter.end() { found.append(text) }
    #expect(found.map(\.number) == Array(1..<(found.count + 1)))
    return found.map { "\($0.line):\(String(buffer: $0.bytes))" }
  }

  @Test(
    arguments: [
      ("", []), (" \n\t ", []), ("{}", ["1:{}"]), ("{}{}", ["1:{}", "1:{}"]), ("\n{\n}\n [1] ", ["2:{\n}", "4:[1]"]),
      (#"{"a":"}\"{"}{"b":"\\"}"#, [#"1:{"a":"}\"{"}"#, #"1:{"b":"\\"}"#]), ("{\"a\":[{}]", [#"1:{"a":[{}]"#]),
      ("nonsense {}\nx", ["1:nonsense", "1:{}", "2:x"]), ("1 2\n3", ["1:1", "1:2", "2:3"]), ("}{}", ["1:}", "1:{}"]),
    ] as [(String, [String])])
  func `texts end at their last bracket, words at white space`(input: String, texts: [String]) throws {
    #expect(try split(input) == texts)
    for pieceBytes in 1...3 { #expect(try split(input, pieceBytes: pieceBytes) == texts) }
  }

  @Test func `what is found does not depend on how the input is cut`() throws {
    var generator = SeededGenerator(for: #function)
    let parts = ["{", "}", "[", "]", "\"", "\\", "a", " ", "\n", ",", ":", "é"]
    for _ in 0..<2_000 {
      let input = (0..<generator.below(30)).map { _ in parts[generator.below(parts.count)] }.joined()
      let whole = try split(input)
      try #require(try split(input, pieceBytes: 1 + generator.below(4)) == whole, "\(input)")
      let kept = whole.joined().filter { !$0.isWhitespace }.count
      try #require(kept >= input.filter { !$0.isWhitespace }.count, "nothing is lost of \(input)")
    }
  }

  @Test func `a text that is too long is refused, white space around it is not counted`() throws {
    #expect(try split(String(repeating: " ", count: 99) + "{}", maxBytes: 2) == ["1:{}"])
    #expect(throws: JSONTextSplitter.TooLong.self) { try split("{ }", maxBytes: 2) }
    #expect(throws: JSONTextSplitter.TooLong.self) {
      try split("{" + String(repeating: " ", count: 9), pieceBytes: 1, maxBytes: 2)
    }
  }
}
