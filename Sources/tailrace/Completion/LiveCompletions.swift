import ArgumentParser
import Foundation
import NIOCore
import TailraceClient
import TailraceWire

/// Words for a shell to complete with. What is asked of a broker is there within a second, or not at all: who presses TAB
/// must not wait for a broker that is away, and gets no words then.
extension CompletionKind {
  /// Names of contexts.
  static var contexts: CompletionKind {
    .custom { (_: [String], _: Int, prefix: String) -> [String] in
      guard let store = ContextStore(environment: ProcessInfo.processInfo.environment) else { return [] }
      return ((try? store.load())?.all ?? []).map(\.name).filter { $0.hasPrefix(prefix) }
    }
  }

  /// Files behind an @.
  static var inputPaths: CompletionKind {
    .custom { (_: [String], _: Int, prefix: String) -> [String] in
      let typed = LiveCompletions.unquoted(prefix)
      guard typed.hasPrefix("@") else { return [] }
      let path = typed.dropFirst()
      let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.isEmpty ? "." : directory)) ?? []
      return names.map { "@" + directory + $0 }.filter { $0.hasPrefix(typed) }.sorted()
    }
  }

  /// Names of topics, asked of the broker.
  static var topics: CompletionKind {
    live { connection, prefix, options in
      let request = ListTopicsRequest(prefix: prefix, pageSize: LiveCompletions.maxCount)
      return try await AdminServiceClient(caller: connection).listTopics(request, options: options).topics.map(\.name)
    }
  }

  /// Names of groups, asked of the broker.
  static var groups: CompletionKind {
    live { connection, prefix, options in
      let request = ListGroupsRequest(prefix: prefix, pageSize: LiveCompletions.maxCount)
      return try await GroupServiceClient(caller: connection).listGroups(request, options: options).groups.map(\.group)
    }
  }

  private static func live(
    _ names: @escaping @Sendable (Connection, String, CallOptions) async throws -> [String]
  ) -> CompletionKind {
    .custom { (words: [String], _: Int, prefix: String) async -> [String] in
      let prefix = LiveCompletions.unquoted(prefix)
      let found = await LiveCompletions.ask(words) { connection, options in
        try await names(connection, prefix, options)
      }
      // A name that would be more than a word, or an order to the terminal, is none to offer.
      return found.filter { name in
        name.hasPrefix(prefix) && name.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7F }
      }
    }
  }
}

/// Asks a broker on behalf of a shell.
enum LiveCompletions {
  /// Most names that are asked for.
  static let maxCount: UInt32 = 1_000
  /// For the connection, and for the call, each.
  private static let timeoutMs: Int64 = 400

  /// What `names` returns; nothing where anything fails. `words`: the command line, of which --server and --context count.
  static func ask(
    _ words: [String], _ names: (Connection, CallOptions) async throws -> [String]
  ) async -> [String] {
    do {
      let options = ClientOptions.lenient(words)
      let connection = try await options.connect(
        configuration: ConnectionConfiguration(connectTimeout: .milliseconds(timeoutMs), timeoutSlack: .zero))
      return try await names(connection, CallOptions(timeout: .milliseconds(timeoutMs)))
    } catch {
      return []
    }
  }

  /// A word of a shell without a quote before it and backslashes in it: enough for the names that there are.
  static func unquoted(_ word: String) -> String {
    word.filter { $0 != "\"" && $0 != "'" && $0 != "\\" }
  }
}

extension ClientOptions {
  /// The options that stand in a command line that may be unfinished: the last of each that makes sense.
  static func lenient(_ words: [String]) -> ClientOptions {
    var options = ClientOptions()
    (options.server, options.context) = (nil, nil)
    if let server = value(of: "--server", in: words).flatMap({ ServerAddress($0) }) {
      options.server = server
    } else {
      options.context = value(of: "--context", in: words)
    }
    return options
  }

  private static func value(of name: String, in words: [String]) -> String? {
    var found: String?
    for (index, word) in words.enumerated() {
      if word == name, index + 1 < words.count { found = words[index + 1] }
      if word.hasPrefix(name + "=") { found = String(word.dropFirst(name.utf8.count + 1)) }
    }
    return found.map(LiveCompletions.unquoted).flatMap { $0.isEmpty ? nil : $0 }
  }
}
