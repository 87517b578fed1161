/// What histories had in them, so that it shows where a kind of event never comes.
struct SimulationCounters {
  var steps = 0
  var crashes = 0
  var replays = 0
  var commits = 0
  var refusedCommits = 0
  var takeOvers = 0
  var memberlessCommits = 0
  var resets = 0
  var deletions = 0
  var stuck = 0
  var delayedTargets = 0
  var mostMembers = 0
  var mostPartitions = 0
}

extension SimulationCounters {
  mutating func add(_ other: SimulationCounters) {
    steps += other.steps
    crashes += other.crashes
    replays += other.replays
    commits += other.commits
    refusedCommits += other.refusedCommits
    takeOvers += other.takeOvers
    memberlessCommits += other.memberlessCommits
    resets += other.resets
    deletions += other.deletions
    stuck += other.stuck
    delayedTargets += other.delayedTargets
    mostMembers = max(mostMembers, other.mostMembers)
    mostPartitions = max(mostPartitions, other.mostPartitions)
  }
}
