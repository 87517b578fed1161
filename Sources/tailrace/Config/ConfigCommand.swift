import ArgumentParser
import TailraceBroker
import TailraceWire

/// `tailrace config`: the settings of topics.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Show and change the settings of topics.",
    discussion: """
      Changes are in force at once, all of those of a command or none. 'tailrace serve --topic-default' has the \
      broker's own values.

      \(ExitStatus.help)
      """, subcommands: [ConfigGet.self, ConfigSet.self, ConfigUnset.self])
}

/// A setting given as NAME=VALUE, where the value may have a unit.
struct ConfigArgument: ExpressibleByArgument, Hashable {
  let name: String
  let value: String

  init?(argument: String) {
    guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
    name = String(argument[..<sign])
    value = SettingUnits.value(String(argument[argument.index(after: sign)...]), of: name)
  }

  var entry: ConfigEntry { ConfigEntry(name: name, value: value) }
}

/// Settings with their values, for printing.
enum ConfigValues {
  static let help = """
    With --output json there is an object per line, which also tells what the setting means and may be: name, value, \
    source (topic, broker, default), documentation.
    """

  static func lines(_ values: [ConfigValue], _ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      var table = Table(["NAME", "VALUE", "SOURCE"])
      for value in values { table.add([value.name, value.value, word(value.source)].map(\.withoutControls)) }
      return table.lines
    case .json:
      return values.map { value in
        JSONWriter.object { json in
          json.member("name", value.name)
          json.member("value", value.value)
          json.member("source", word(value.source))
          json.member("documentation", value.documentation)
        }
      }
    }
  }

  /// "topic", "broker", "default".
  private static func word(_ source: ConfigSource) -> String {
    switch source {
    case .topic: "topic"
    case .broker: "broker"
    case .default: "default"
    default: "-"
    }
  }
}

extension CompletionKind {
  /// Names of settings as this release has them, before a value.
  static var settingNames: CompletionKind { .list(TopicSetting.all.map { $0.name + "=" }) }

  /// Names of settings, asked of the broker: those of the topic that stands before. `suffix` follows each.
  static func settings(suffix: String = "") -> CompletionKind {
    .custom { (words: [String], index: Int, prefix: String) async -> [String] in
      // "config set TOPIC", "topic alter TOPIC".
      let before = words.prefix(max(0, index)).drop(while: { $0 != "config" && $0 != "topic" })
      guard let topic = before.dropFirst(2).first else { return [] }
      let names = await LiveCompletions.ask(words) { connection, options in
        let request = DescribeConfigRequest(topic: LiveCompletions.unquoted(topic))
        return try await AdminServiceClient(caller: connection).describeConfig(request, options: options).values
          .map(\.name)
      }
      return names.filter { $0.hasPrefix(prefix) }.map { $0 + suffix }
    }
  }
}
