import Foundation
import Testing

@testable import tailrace

@Suite struct HelpTests {
  @Test func `no help and no page of the manual shows how a value looks in the program`() throws {
    let program = try #require(CommandModel.ofProgram())
    for command in program.all {
      let path = Array(command.path.dropFirst())
      for text in [try runTool(path + ["--help"]).text, try runTool(["man"] + path).text] {
        #expect(!text.contains(/tailrace\.[A-Z]|Optional\(|_ENUM|position\(/), "\(command.path)")
      }
    }
  }

  @Test(arguments: ["produce", "consume"])
  func `the table of formats fits a narrow terminal, each text under the one above`(command: String) throws {
    let help = try runTool([command, "--help"]).text
    let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("  text    ") })
    let table = lines[start...].prefix { $0.hasPrefix("  ") }
    #expect(table.count > 8)
    for line in table {
      #expect(line.count <= 80, "\(line)")
      #expect(line.prefix(10).last == " " && line.dropFirst(10).first != " ", "\(line)")
    }
    let page = try runTool(["man", command]).text
    #expect(page.contains("\n        0xFFFFFFFF where it is absent"), "hangs")
  }

  @Test func `what is indented in a help fits a narrow terminal, where it would be broken at any place`() throws {
    let program = try #require(CommandModel.ofProgram())
    for command in program.all {
      for line in command.discussion.split(separator: "\n") where line.hasPrefix("  ") {
        #expect(line.count <= 80, "\(command.path): \(line)")
      }
    }
  }

  @Test func `serve tells of the command that shows settings`() throws {
    let help = try runTool(["serve", "--help"]).text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(help.contains("'tailrace config get'"))
    #expect(!help.contains("tailrace topic config"))
  }
}
