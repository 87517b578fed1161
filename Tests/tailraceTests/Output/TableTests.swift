import Testing

@testable import tailrace

@Suite struct TableTests {
  @Test func `text is aligned left, numbers are aligned right`() {
    var table = Table(["NAME", "N"])
    table.add(["a", "1"])
    table.add(["longer", "100"])
    #expect(table.lines == ["NAME      N", "a         1", "longer  100"])
  }
}
