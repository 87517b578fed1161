#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import TailraceTesting
import TailraceTransport

/// A broker that serves gRPC's own test service beside its own, for clients in other languages. It prints its address,
/// "127.0.0.1:49152", and is there until its standard input ends: so it goes with whoever has started it.
@main
struct GRPCTestServer {
  static func main() async throws {
    var options = TestBroker.Options()
    options.server.additionalServices = GRPCTestService()
    try await withBroker(options) { broker in
      print(broker.address)
      fflush(nil)
      while readLine() != nil {}
    }
  }
}
