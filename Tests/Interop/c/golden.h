#pragma once

/* Checks that this client's bytes are those of the files in a directory, proto/testdata. Ends the program otherwise. */
void check_golden_files(const char *directory);
