internal import TailraceGroups
internal import TailraceWire

/// GroupService. The coordinator comes with a later release: every method answers UNIMPLEMENTED.
package struct GroupHandlers: GroupServiceHandler {
  package init() {}
}
