internal import NIOCore
internal import TailraceStorage
package import TailraceWire

extension AdminHandlers {
  /// The methods that this release answers.
  package static let implementedMethods = Set(RPCMethod.allCases)

  package func describeCluster(
    _ request: DescribeClusterRequest, _ call: CallContext
  ) async throws(RPCError) -> DescribeClusterResponse {
    let space = await store.space()
    let uptime = NIODeadline.now() - info.startedAt
    return DescribeClusterResponse(
      serverVersion: info.version, clusterID: info.clusterID, limits: info.limits,
      methods: RPCMethod.allCases.map { method in
        MethodDescription(
          name: method.fullName, implemented: Self.implementedMethods.contains(method),
          serverStreaming: method.isServerStreaming)
      },
      features: ["compression.gzip", "compression.lz4", "compression.zstd", "grpc-door", "native-door"],
      uptimeMs: UInt64(clamping: uptime.nanoseconds / 1_000_000),
      topicCount: UInt32(clamping: registry.table.all.lazy.filter { !$0.name.isInternal }.count), nowMs: clock.nowMs(),
      disk: space.map { space in
        DiskSpace(
          availableBytes: UInt64(clamping: space.availableBytes), reserveBytes: UInt64(clamping: space.reserveBytes))
      })
  }
}
