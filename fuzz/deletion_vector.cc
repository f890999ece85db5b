// Any bytes are a deletion vector of rows below the limit, or are refused; as text of the log, too.
#include "delta/deletion_vector.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ticklake;
  constexpr int64_t kRows = 1 << 20;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (auto rows = delta::rows_from_bytes(bytes, kRows)) {
    CHECK(rows->size() <= kRows, "no row above the limit");
    auto again = delta::rows_from_bytes(delta::to_bytes(*rows), kRows);
    CHECK(again && again->rows() == rows->rows(), "what is read can be written");
  }
  if (auto decoded = delta::from_base85(bytes)) {
    CHECK(delta::to_base85(*decoded) == bytes, "Base85 comes back");
  }
  (void)delta::vector_file({.storage = 'u', .place = std::string(bytes)});
  return 0;
}
