import TailraceGroups
import Testing

@Suite struct MemberIDTests {
  @Test func `an id has 1 to 255 bytes of UTF-8`() {
    #expect(MemberID("") == nil)
    #expect(MemberID("a")?.text == "a")
    #expect(MemberID(String(repeating: "a", count: 255)) != nil)
    #expect(MemberID(String(repeating: "a", count: 254) + "é") == nil)
  }

  @Test func `an id has no control characters`() {
    #expect(MemberID("a\nb") == nil)
    #expect(MemberID("a\u{0}") == nil)
    #expect(MemberID("\u{7F}") == nil)
    #expect(MemberID("a\u{9F}") == nil)
    #expect(MemberID("~\u{A0}") != nil)
  }
}
