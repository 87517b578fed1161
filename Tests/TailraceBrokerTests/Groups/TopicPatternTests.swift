import TailraceTestSupport
import TailraceWire
import Testing

@testable import TailraceBroker

@Suite struct TopicPatternTests {
  /// Nil where the pattern is refused.
  private func matches(_ pattern: String, _ topic: String) -> Bool? { (try? TopicPattern(pattern))?.matches(topic) }

  private func isRefused(_ pattern: String) -> Bool {
    do {
      _ = try TopicPattern(pattern)
      return false
    } catch { return error.code == .invalidArgument }
  }

  @Test func `a whole name has to match`() {
    #expect(matches("orders", "orders") == true)
    for name in ["orders2", "my-orders", "order", ""] { #expect(matches("orders", name) == false) }
    #expect(matches("orders.*", "orders-eu") == true)
    #expect(matches("^orders$", "orders") == true)
    #expect(matches("[[:digit:]]+", "2024") == true)
    #expect(matches("[[:digit:]]+", "20x4") == false)
  }

  @Test func `alternatives are anchored as a whole`() {
    for name in ["a", "b"] { #expect(matches("a|b", name) == true) }
    for name in ["ab", "xa", "ax", "xb", "bx"] { #expect(matches("a|b", name) == false) }
  }

  @Test(arguments: ["a)|(b", "a)|(b)", ")", "(", "a)", "(a", "a)(b", "[)]|x)", #"\(a)"#, "a)|(b|c", #"a\"#, #")\"#])
  func `parentheses without each other are refused`(_ pattern: String) { #expect(isRefused(pattern)) }

  @Test(arguments: [#"(a)\1"#, #"(a)(b)\2"#, #"a\9"#, #"\\\1"#])
  func `back references are refused`(_ pattern: String) { #expect(isRefused(pattern)) }

  @Test func `signs that are escaped or in brackets stand for themselves`() {
    #expect(matches(#"\(a\)"#, "(a)") == true)
    #expect(matches(#"a\{1001}"#, "a{1001}") == true)
    #expect(matches("[{]1001}", "{1001}") == true)
    #expect(matches("[(]a[)]", "(a)") == true)
    #expect(matches("[])(]*", "])(") == true)
    #expect(matches("[^])(]*", "abc") == true)
    #expect(matches("[^])(]*", "a)c") == false)
    #expect(matches(#"[\1]"#, "1") == true)
    #expect(matches(#"a\\"#, #"a\"#) == true)
    #expect(matches(#"\\1"#, #"\1"#) == true)
    #expect(matches("[a-]+", "a-a") == true)
  }

  @Test(arguments: [
    "a{502}", "a{1,502}", "a{502,}", "a{,502}", "a{99999999999999999999}", "a{1,1000}{1,1000}", "a{40}{40}",
    "((a{9}){9}){9}", "(a{1,9}b{1,9}){1,40}",
    String(repeating: "(", count: 10) + "a" + String(repeating: "+)", count: 10),
    String(repeating: "(", count: 300) + "a" + String(repeating: "+)", count: 300),
    "a" + String(repeating: "+", count: 10),
    "(" + String(repeating: "a", count: 300) + "){3}", #"[{](a{300}\{){3}"#, "(a|b{300}){2}",
  ])
  func `what repetitions would make too large is refused`(_ pattern: String) { #expect(isRefused(pattern)) }

  @Test(arguments: [
    "a{500}", "a{500,501}", "a{32,64}b{32,64}", "(a{9}){9}", "a+b+c+d+e+f+g+h+i+j+k+l+m+", "((a+)+)+", "(a?){100}",
    String(repeating: "a", count: 1_024),
  ])
  func `what repetitions leave small is taken`(_ pattern: String) { #expect(!isRefused(pattern)) }

  @Test func `a pattern has its bounds`() {
    #expect(isRefused(""))
    #expect(isRefused("a\0b"))
    #expect(isRefused(String(repeating: "a", count: 1_025)))
    // The system's matcher goes as deep as this one, and ends the process.
    #expect(isRefused(String(repeating: "(", count: 300_000) + "a" + String(repeating: ")", count: 300_000)))
    let deep = String(repeating: "(", count: 511) + "a" + String(repeating: ")", count: 511)
    #expect(matches(deep, "a") == true)
  }

  @Test(arguments: [
    "[", "[a", "[]", "[^]", "[[:digit:]", "[[:nonsense:]]", "[[:", "[[.a.]]", "[[=a=]]", "a{", "a{x}", "a{1", "a{2,1}",
    "a{1,2,3}", "*", "+a", "a|*", "(?:a)",
  ])
  func `what is no regular expression is refused`(_ pattern: String) { #expect(isRefused(pattern)) }

  @Test(arguments: [
    "(a*)*b", "(a+)+b", "(a|a)*b", "(a|aa)*b", "(.*a){100}b", "(a?){200}b", "((a*)*)*b", ".*.*.*.*.*.*b",
  ])
  func `names of 200 signs are soon looked through`(_ pattern: String) throws {
    let expression = try TopicPattern(pattern)
    let name = String(repeating: "a", count: 200)
    let clock = ContinuousClock()
    let time = clock.measure {
      for _ in 0..<10 { #expect(!expression.matches(name)) }
    }
    // Far from what anything exponential takes.
    #expect(time < .seconds(20))
  }

  @Test func `what is taken stands for itself, whatever is around it`() {
    var random = SeededGenerator(for: "what is taken stands for itself")
    let signs = Array("xxxyyy1()()||[[]]^-\\*+?{},:.=")
    let nameSigns = Array("xxxyy1()|[]{},\\")
    var takenCount = 0
    for _ in 0..<(isLongRun ? 2_000_000 : 20_000) {
      let pattern = String((0..<random.below(14)).map { _ in signs[random.below(signs.count)] })
      // An anchor in the middle of a pattern means something else there.
      guard !pattern.replacing("[^", with: "").contains("^"), let alone = try? TopicPattern(pattern) else { continue }
      guard let inside = try? TopicPattern("Z(\(pattern))Z") else {
        Issue.record("\(pattern) is taken alone, but not as a part, seed \(random.seed)")
        continue
      }
      takenCount += 1
      for _ in 0..<8 {
        let name = String((0..<random.below(5)).map { _ in nameSigns[random.below(nameSigns.count)] })
        let (isMatch, isMatchInside) = (alone.matches(name), inside.matches("Z\(name)Z"))
        #expect(isMatch == isMatchInside, "\(pattern) and \(name), seed \(random.seed)")
        let isLoose = inside.matches(name) || inside.matches("Z\(name)") || inside.matches("\(name)Z")
        #expect(!isLoose || pattern.contains("."), "\(pattern) and \(name), seed \(random.seed)")
      }
    }
    #expect(takenCount > 1_000)
  }

  @Test func `known patterns are looked up, and others match nothing`() {
    let patterns = TopicPatterns()
    for _ in 0..<2 {
      #expect(patterns.matches("a.*", "abc") && !patterns.matches("a.*", "b"))
      #expect(!patterns.matches("a)|(b", "a"))
    }
    for number in 0..<1_100 { #expect(patterns.matches("t\(number)", "t\(number)")) }
  }
}
