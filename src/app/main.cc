#include <malloc.h>

#include <cstdlib>

#include "app/app.h"

namespace {

// Each batch needs about what the one before it gave back. Given to the system in between, its
// pages are cleared and mapped again for every batch, a tenth of all CPU time: so freed memory is
// kept, up to a bound, in one heap for Arrow and all else. Before anything allocates through Arrow.
void keep_freed_memory() {
  constexpr int kKeptBytesMax = 256 << 20;
  constexpr int kOwnMappingBytes = 32 << 20;  // the largest that the heap takes
  constexpr int kGrowBytes = 16 << 20;
  mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
  mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes);
  mallopt(M_TOP_PAD, kGrowBytes);
  setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  return ticklake::app::run_command_line(argc, argv);
}
