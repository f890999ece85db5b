#include <cstdlib>

#include "app/app.h"

// jemalloc's settings, where it is linked in. Each batch needs about what the one before it gave
// back: given to the system in between, its pages are cleared and mapped again for every batch, a
// tenth of all CPU time. So freed pages are kept for half a minute.
extern "C" const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:30000";

int main(int argc, char** argv) {
  setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);  // one heap for Arrow and all else
  return ticklake::app::run_command_line(argc, argv);
}
