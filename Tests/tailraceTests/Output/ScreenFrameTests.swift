import Testing

@testable import tailrace

@Suite struct ScreenFrameTests {
  @Test func `a frame is drawn over the last one, and what was there is cleared line by line`() {
    #expect(
      ScreenFrame.text(["a", "bc"], size: ScreenFrame.Size(columns: 80, rows: 24))
        == "\u{1B}[Ha\u{1B}[K\r\nbc\u{1B}[K\u{1B}[J")
  }

  @Test func `lines are cut to the width`() {
    #expect(
      ScreenFrame.text(["0123456789"], size: ScreenFrame.Size(columns: 4, rows: 24))
        == "\u{1B}[H0123\u{1B}[K\u{1B}[J")
  }

  @Test func `the last row tells how many lines do not fit, so that nothing scrolls`() {
    let lines = (0..<10).map { "\($0)" }
    #expect(
      ScreenFrame.text(lines, size: ScreenFrame.Size(columns: 80, rows: 3))
        == "\u{1B}[H0\u{1B}[K\r\n1\u{1B}[K\r\n... and 8 more lines\u{1B}[K\u{1B}[J")
    #expect(
      ScreenFrame.text(lines, size: ScreenFrame.Size(columns: 80, rows: 10)).hasSuffix("9\u{1B}[K\u{1B}[J"))
  }

  @Test(arguments: [0, 1, -5])
  func `a terminal without room is no trap`(size: Int) {
    let text = ScreenFrame.text(["ab", "cd"], size: ScreenFrame.Size(columns: size, rows: size))
    #expect(text == "\u{1B}[H.\u{1B}[K\u{1B}[J")
  }

  @Test func `leaving undoes what entering did`() {
    for mode in ["1049", "25", "7"] {
      let turnsOn = ScreenFrame.enter.contains("[?\(mode)h")
      #expect(ScreenFrame.leave.contains("[?\(mode)\(turnsOn ? "l" : "h")"))
    }
  }
}
