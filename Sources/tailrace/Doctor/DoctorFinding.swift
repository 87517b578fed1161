import TailraceWire

/// What a check of `tailrace doctor` has found.
struct DoctorFinding: Hashable {
  enum State: String {
    case ok, warning, failure
  }

  let check: String
  let state: State
  /// What is so: "2.1 GiB available".
  let detail: String
  /// What to do about it; nil where there is nothing to do.
  let hint: String?
  /// What the tool exits with where this is the first failure.
  let exitCode: Int32

  static func ok(_ check: String, _ detail: String) -> DoctorFinding {
    DoctorFinding(check: check, state: .ok, detail: detail, hint: nil, exitCode: 0)
  }

  static func warning(_ check: String, _ detail: String, hint: String) -> DoctorFinding {
    DoctorFinding(check: check, state: .warning, detail: detail, hint: hint, exitCode: 0)
  }

  static func failure(_ check: String, _ detail: String, hint: String, _ status: StatusCode) -> DoctorFinding {
    DoctorFinding(check: check, state: .failure, detail: detail, hint: hint, exitCode: ExitStatus.code(of: status))
  }

  func lines(_ format: OutputFormat) -> [String] {
    switch format {
    case .text:
      let columns = [(state.rawValue, 9), (check, 12)].map { text, width in
        text + String(repeating: " ", count: max(1, width - text.count))
      }
      let line = columns.joined() + detail
      return ([line] + (hint.map { [String(repeating: " ", count: 9) + "hint: " + $0] } ?? [])).map(\.withoutControls)
    case .json:
      return [
        JSONWriter.object { json in
          json.member("check", check)
          json.member("state", state.rawValue)
          json.member("detail", detail)
          json.member("hint", hint)
        }
      ]
    }
  }
}
