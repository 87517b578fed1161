import TailraceWire

/// Finds methods by the names that people type.
enum MethodName {
  /// The method of "tailrace.v1.LogService/Fetch", "LogService/Fetch", "/tailrace.v1.LogService/Fetch" or
  /// "LogService.Fetch"; nil where there is none.
  static func find(_ text: String) -> RPCMethod? {
    let name = normalized(text)
    return RPCMethod.allCases.first { $0.fullName == name || shortName($0) == name }
  }

  /// "LogService/Fetch".
  static func shortName(_ method: RPCMethod) -> String {
    let service = method.serviceName.split(separator: ".").last.map(String.init) ?? method.serviceName
    return "\(service)/\(method.methodName)"
  }

  /// Methods that may be meant, the likeliest first: at most `count`.
  static func near(_ text: String, count: Int = 5) -> [String] {
    let parts = normalized(text).lowercased().split(separator: "/")
    let name = Array((parts.last ?? "").utf8.prefix(64))
    let service = parts.dropLast().last ?? ""
    let ranked = RPCMethod.allCases.map { method -> (method: RPCMethod, distance: Int) in
      let candidate = method.methodName.lowercased()
      var distance = NameSuggestion.distance(name, Array(candidate.utf8))
      if !name.isEmpty && candidate.contains(String(decoding: name, as: UTF8.self)) { distance = min(distance, 1) }
      // Of equal names the one of the service that was asked for comes first.
      if !service.isEmpty && !method.serviceName.lowercased().hasSuffix(service) { distance += 1 }
      return (method, distance)
    }
    let bound = max(3, name.count / 2)
    return ranked.filter { $0.distance <= bound }.sorted { $0.distance < $1.distance }.prefix(count)
      .map { shortName($0.method) }
  }

  /// Without a leading slash, and with a slash before the method.
  private static func normalized(_ text: String) -> String {
    let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
    guard !name.contains("/"), let dot = name.lastIndex(of: ".") else { return name }
    return name.replacingCharacter(at: dot, with: "/")
  }
}

extension String {
  fileprivate func replacingCharacter(at index: Index, with replacement: String) -> String {
    self[..<index] + replacement + self[self.index(after: index)...]
  }
}
