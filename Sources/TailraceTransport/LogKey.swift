/// The metadata keys of this module's log lines.
enum LogKey {
  static let peer = "peer"
  static let address = "address"
  static let error = "error"
  static let connections = "connections"
  static let door = "door"
}
