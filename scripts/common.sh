# Shared by the scripts beside it; sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Overlapping accesses are looked for in the debug build, which all tests run in.
release_flags=(-c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked --product tailrace)

# Ends the script: $1 = why.
die() {
  echo "$(basename "$0"): $1" >&2
  exit 1
}

# Builds the release binary. Quickstart, tests and CI share it, so the flags must stay the same everywhere.
build_release() {
  bounded 1500 swift build --package-path "$root" "${release_flags[@]}"
}

# Prints where the release binary is.
release_binary() {
  echo "$(swift build --package-path "$root" -c release --show-bin-path)/tailrace"
}

# Runs a command for at most $1 seconds. In the background, so that a signal to the script is acted on at once.
bounded() {
  local seconds=$1 status=0
  shift
  timeout --foreground --kill-after=5 "$seconds" "$@" <&0 &
  bounded_pid=$!
  wait "$bounded_pid" || status=$?
  bounded_pid=
  ((status != 124)) || echo "$(basename "$0"): not done after $seconds s: $*" >&2
  return "$status"
}

# Prints those of the packages that are not installed.
missing_packages() {
  local package
  for package; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null) == installed ]] ||
      echo "$package"
  done
}

# Runs a command as root, through sudo where this is not root.
as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Installs Debian or Ubuntu packages.
install_packages() {
  if ((EUID != 0)); then
    command -v sudo > /dev/null ||
      die "these packages are missing, and this is neither root nor is there sudo. As root, run:
  apt-get update && apt-get install -y --no-install-recommends $*"
  fi
  echo "Installing $*"
  # A stale package list is worth a try: what it names may still be there.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q < /dev/null ||
    echo "$(basename "$0"): apt-get update failed; trying with the package list as it is" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" < /dev/null ||
    die "apt-get could not install: $*"
}

# Makes a Python environment: $1 = its directory, $2 = the requirements. It is made anew where its interpreter is gone,
# and completed where the requirements have changed.
make_python_environment() {
  local venv=$1 requirements=$2
  if ! "$venv/bin/python3" -c '' 2> /dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" || die "python3 -m venv failed: is python3-venv there?"
  fi
  if ! cmp --quiet "$requirements" "$venv/installed.txt"; then
    "$venv/bin/python3" -m pip install --quiet --requirement "$requirements" ||
      die "pip could not install what $requirements names"
    cp "$requirements" "$venv/installed.txt"
  fi
}

# Where `swift test` says what became of each test. CI counts there.
test_results=$root/.build/test-results.xml

# Prints "N passed, N failed" from $test_results, skipped ones left out. Fails where no test was run.
count_tests() {
  python3 - "$test_results" <<'PYTHON'
import sys
import xml.etree.ElementTree as xml

cases = list(xml.parse(sys.argv[1]).getroot().iter("testcase"))
run = [case for case in cases if case.find("skipped") is None]
failed = sum(case.find("failure") is not None or case.find("error") is not None for case in run)
print(f"{len(run) - failed} passed, {failed} failed")
sys.exit(0 if run else "no test was run")
PYTHON
}

end_bounded() {
  kill -TERM "$bounded_pid" 2> /dev/null || true
  wait "$bounded_pid" 2> /dev/null || true
  bounded_pid=
}

bounded_pid=
broker_pid=
broker_address=
broker_log=

# Starts a broker on a free port: $1 = binary, $2 = data directory, $3 = its log, the rest: flags. Sets
# broker_pid and broker_address.
start_broker() {
  local deadline=$((SECONDS + 30))
  broker_log=$3
  broker_address=
  : > "$broker_log"
  "$1" serve --data-dir "$2" --listen 127.0.0.1:0 "${@:4}" < /dev/null > /dev/null 2> "$broker_log" &
  broker_pid=$!
  while [[ -z $broker_address ]]; do
    if ! kill -0 "$broker_pid" 2> /dev/null || ((SECONDS > deadline)); then
      cat "$broker_log" >&2
      die "the broker did not start; its output is above"
    fi
    sleep 0.05
    broker_address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9][0-9]*\).*/\1/p' "$broker_log" | head -n 1)
  done
}

# Ends a process of ours in order, and kills it where it is not gone within $2 seconds: $1 = its pid. Returns its status.
end_process() {
  local deadline=$((SECONDS + $2)) status=0
  kill -TERM "$1" 2> /dev/null || true
  while kill -0 "$1" 2> /dev/null && ((SECONDS < deadline)); do sleep 0.05; done
  kill -KILL "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || status=$?
  return "$status"
}

# Stops the broker in order. Fails where it ends badly, or has to be killed because it does not end within 45 s.
stop_broker() {
  local pid=$broker_pid status=0
  [[ -n $pid ]] || return 0
  broker_pid=
  end_process "$pid" 45 || status=$?
  ((status == 0)) || echo "$(basename "$0"): the broker ended with status $status after SIGTERM" >&2
  return "$status"
}

# Kills the broker as a crash would: it gets no chance to finish anything.
crash_broker() {
  kill -KILL "$broker_pid"
  wait "$broker_pid" 2> /dev/null || true
  broker_pid=
}

# For a trap on EXIT: ends what is running, removes $1, a temporary directory, and exits with $2.
clean_up() {
  trap '' INT TERM HUP
  if [[ -n $bounded_pid ]]; then end_bounded; fi
  stop_broker || true
  rm -rf "$1"
  exit "$2"
}

# Makes INT, TERM and HUP end the script through its EXIT trap, with the customary status.
exit_on_signals() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}
