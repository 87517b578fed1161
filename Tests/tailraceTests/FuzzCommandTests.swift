import TailraceTestSupport
import Testing

@Suite("The hidden fuzz commands")
struct FuzzCommandTests {
  private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let outcome = try runTool(arguments)
    return (outcome.status, outcome.text + outcome.errors)
  }

  @Test func `Decoders take a few thousand inputs, and every kind is among them`() throws {
    let seed = SeededGenerator(for: "fuzz decode").seed
    let (status, output) = try run(["fuzz", "decode", "--iterations", "3000", "--seed", "\(seed)"])
    #expect(status == 0, "\(output)")
    #expect(output.contains("fuzz decode: --seed \(seed) --first 0 --iterations 3000"))
    #expect(output.contains("iterations: 3000 in "))
    for kind in ["valid", "nestingBomb", "damagedBatch"] {
      #expect(output.contains("\n  \(kind): ") && !output.contains("\n  \(kind): 0 inputs"), "\(output)")
    }
  }

  @Test func `The same seed and number give the same counts`() throws {
    let arguments = ["fuzz", "decode", "--iterations", "200", "--first", "12345", "--seed", "7"]
    let first = try run(arguments).output.split(separator: "\n").filter { $0.contains(" inputs, ") }
    let second = try run(arguments).output.split(separator: "\n").filter { $0.contains(" inputs, ") }
    #expect(first == second && !first.isEmpty)
  }

  @Test func `A broken bound is a failure that says how to see it again`() throws {
    // No broker fits into a mebibyte.
    let (status, output) = try run([
      "fuzz", "server", "--iterations", "20", "--seed", "3", "--max-resident-mib", "1",
    ])
    #expect(status == 1)
    #expect(output.contains("FAILED: the broker took too much memory"))
    #expect(output.contains("rerun: tailrace fuzz server --seed 3 --first 0 --iterations 20"))
  }

  @Test func `A broker outlives its strangers`() throws {
    let seed = SeededGenerator(for: "fuzz server").seed
    let (status, output) = try run([
      "fuzz", "server", "--iterations", "150", "--seed", "\(seed)", "--max-latency-ms", "30000",
    ])
    #expect(status == 0, "\(output)")
    #expect(output.contains("stopped cleanly\n") && output.contains("started anew: all "))
  }

  @Test func `A broker that is killed under load loses nothing and stores nothing twice`() throws {
    let seed = SeededGenerator(for: "fuzz kill").seed
    let (status, output) = try run(["fuzz", "kill", "--kills", "2", "--seed", "\(seed)", "--timeout", "50"])
    #expect(status == 0, "\(output)")
    #expect(output.contains("fuzz kill --kills 2 --producers 3 --partitions 2 --seed \(seed)\n"))
    #expect(output.contains("none lost, none twice\n") && output.contains("no errors"), "\(output)")
  }

  @Test func `Kills that are not done in time are a failure, and leave files but no broker`() throws {
    let directory = try TemporaryDirectory()
    let arguments = ["fuzz", "kill", "--kills", "1000", "--seed", "5", "--data-dir", directory.path]
    let (status, output) = try run(arguments + ["--timeout", "3"])
    #expect(status == 1)
    #expect(output.contains("FAILED: not done within 3 s\n"), "\(output)")
    // 17: a broker is at work.
    #expect(try run(["log", "verify", directory.path]).status == 0)
    #expect(try run(arguments).status == 64)
  }

  @Test func `Fuzzing is not shown in the help`() throws {
    #expect(try !run(["--help"]).output.contains("fuzz"))
    #expect(try run(["fuzz", "decode", "--iterations", "0"]).status == 64)
  }
}
