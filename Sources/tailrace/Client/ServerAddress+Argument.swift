import ArgumentParser
import TailraceClient

extension ServerAddress: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
}
