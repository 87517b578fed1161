/// The environment variables that the tool reads.
enum EnvironmentVariable {
  /// The broker's address.
  static let server = "TAILRACE_SERVER"
  /// The name of a context.
  static let context = "TAILRACE_CONTEXT"
  /// text or json.
  static let output = "TAILRACE_OUTPUT"
}
