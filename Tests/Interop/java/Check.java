/** What has to hold in a client that is also a test. */
final class Check {
  private Check() {}

  /** Throws AssertionError, with what was found, where it does not. */
  static void that(boolean holds, Object found) {
    if (!holds) throw new AssertionError(String.valueOf(found));
  }
}
