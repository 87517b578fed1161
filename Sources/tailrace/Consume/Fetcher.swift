import TailraceClient
import TailraceWire

/// Fetches over a connection, and over another one when the first was lost.
actor Fetcher {
  private(set) var connection: Connection
  private let reconnect: @Sendable () async throws -> Connection
  private var isStopped = false

  init(connection: Connection, reconnect: @escaping @Sendable () async throws -> Connection) {
    self.connection = connection
    self.reconnect = reconnect
  }

  /// One fetch. A lost connection is made anew once: the broker closes those that were idle, as behind a pager.
  func fetch(_ request: FetchRequest) async throws -> FetchResponse {
    do throws(RPCError) {
      return try await fetch(request, over: connection)
    } catch {
      guard error.code == .unavailable, error.error == .unspecified, !isStopped else { throw error }
    }
    connection = try await reconnect()
    return try await fetch(request, over: connection)
  }

  /// Ends the fetch under way: it fails.
  func stop() async {
    isStopped = true
    await connection.close()
  }

  private func fetch(_ request: FetchRequest, over connection: Connection) async throws(RPCError) -> FetchResponse {
    try await LogServiceClient(caller: connection).fetch(request, options: ClientOptions.callOptions)
  }
}
