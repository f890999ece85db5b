// The command line. See design.md's exact forms; every command answers --help with examples.
#pragma once

namespace ticklake::app {

// Runs one command. Rows go to standard output, errors and progress to standard error.
// 0: done. 1: failed, with the reason. 2: the command line itself is wrong.
int run_command_line(int argc, char** argv);

}  // namespace ticklake::app
