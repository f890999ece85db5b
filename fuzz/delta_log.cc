// A table whose log holds any bytes opens or is refused. Input: entries of the log, separated by a
// zero byte.
#include <fmt/format.h>

#include "base/text.h"
#include "delta/delta.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ticklake;
  io::MemoryFiles files;
  int64_t version = 0;
  for (const std::string& entry : split({reinterpret_cast<const char*>(data), size}, '\0')) {
    (void)files.put(fmt::format("t/_delta_log/{:020}.json", version++), entry);
  }
  (void)files.put("t/_delta_log/_last_checkpoint",
                  std::string_view(reinterpret_cast<const char*>(data), size));
  if (auto snapshot = delta::open(files, "t")) {
    for (const auto& file : snapshot->files()) {
      (void)file.records();
      (void)delta::may_match(*snapshot, file, {{"a", delta::Condition::Op::Less, "5"}});
    }
  }
  (void)delta::history(files, "t", 10);
  return 0;
}
