package import TailraceWire

extension AdminHandlers {
  private static let defaultPageSize = 1_000
  private static let maxPageSize = 10_000

  package func listTopics(
    _ request: ListTopicsRequest, _ call: CallContext
  ) async throws(RPCError) -> ListTopicsResponse {
    guard request.pageSize <= Self.maxPageSize else {
      throw RPCError(.invalidArgument, "page_size is \(request.pageSize); at most \(Self.maxPageSize) is allowed")
    }
    let size = request.pageSize == 0 ? Self.defaultPageSize : Int(request.pageSize)
    let rest = registry.table.all.lazy.filter { topic in
      (request.includeInternal || !topic.name.isInternal) && topic.name.text.hasPrefix(request.prefix)
        && topic.name.text > request.pageToken
    }
    let page = Array(rest.prefix(size + 1))
    return ListTopicsResponse(
      topics: page.prefix(size).map(\.summary),
      nextPageToken: page.count > size ? page[size - 1].name.text : "")
  }
}
