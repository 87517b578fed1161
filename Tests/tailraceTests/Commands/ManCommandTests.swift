import Foundation
import Testing

@testable import tailrace

@Suite struct ManCommandTests {
  @Test func `each command has a page, with all of its flags`() throws {
    let directory = try TemporaryDirectory()
    let outcome = try runTool(["man", "--directory", directory.path])
    #expect(outcome.status == 0)
    let program = try #require(CommandModel.ofProgram())
    #expect(outcome.lines == program.all.map { "\(directory.path)/\($0.path.joined(separator: "-")).1" })
    #expect(outcome.lines.contains("\(directory.path)/tailrace-group-reset-offsets.1"))
    for command in program.all {
      let page = try String(
        contentsOfFile: "\(directory.path)/\(command.path.joined(separator: "-")).1", encoding: .utf8)
      #expect(page == (try runTool(["man"] + command.path.dropFirst()).text))
      for name in command.arguments.flatMap(\.names) {
        #expect(page.contains("\\fB\(ManualPage.text(name))\\fR"), "\(command.path) \(name)")
      }
      #expect(command.abstract.hasSuffix("."), "\(command.path)")
    }
  }

  @Test(.enabled(if: Formatter.installed != nil))
  func `no page has what a formatter warns of`() throws {
    let formatter = try #require(Formatter.installed)
    let directory = try TemporaryDirectory()
    let pages = try runTool(["man", "--directory", directory.path]).lines
    let process = Process()
    process.executableURL = URL(fileURLWithPath: formatter.path)
    process.arguments = formatter.arguments + pages
    let warnings = try directory.file("warnings", "".utf8)
    process.standardOutput = FileHandle(forWritingAtPath: warnings)
    process.standardError = process.standardOutput
    try Spawning.inTurn { try process.run() }
    process.waitUntilExit()
    #expect(try String(contentsOfFile: warnings, encoding: .utf8) == "")
    #expect(process.terminationStatus == 0)
  }

  @Test func `what roff would take for a request or an escape stays text`() {
    #expect(ManualPage.text(#"a\b 'c' "d" --e"#) == #"a\(rsb \(aqc\(aq \(dqd\(dq \-\-e"#)
  }

  @Test func `a directory that is not there is told in one line`() throws {
    let outcome = try runTool(["man", "--directory", "/nonexistent/directory"])
    #expect(outcome.status == 10)
    #expect(outcome.errorLines.count == 1)
  }

  /// What checks pages, and how it is told to.
  private struct Formatter {
    let path: String
    let arguments: [String]

    static let installed = [
      Formatter(path: "/usr/bin/mandoc", arguments: ["-Tlint", "-Wwarning"]),
      Formatter(path: "/usr/bin/groff", arguments: ["-man", "-ww", "-z"]),
    ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }
}
