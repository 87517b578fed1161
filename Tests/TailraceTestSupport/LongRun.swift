/// Whether tests are to take as long as they like (TAILRACE_LONG=1), and not just a few seconds.
package var isLongRun: Bool { environmentNumber("TAILRACE_LONG") == 1 }
