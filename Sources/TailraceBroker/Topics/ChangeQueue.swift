internal import TailraceWire

/// Runs the changes of an actor one after the other: an actor alone lets others in at every `await`. Belongs to that
/// actor.
struct ChangeQueue {
  private var last: Task<Void, Never>?

  /// Begins `change` once all earlier ones have ended; its result, to be waited for.
  mutating func add<Owner: Actor, T: Sendable>(
    _ owner: Owner, _ change: @escaping @Sendable (isolated Owner) async throws(RPCError) -> T
  ) -> Task<Result<T, RPCError>, Never> {
    let previous = last
    let task = Task { () -> Result<T, RPCError> in
      await previous?.value
      do throws(RPCError) { return .success(try await change(owner)) } catch { return .failure(error) }
    }
    last = Task { _ = await task.value }
    return task
  }
}
