// A type's text that is read can be written and read again, to the same type.
#include "base/check.h"
#include "model/type.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ticklake;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto schema = parse_ddl(text)) {
    auto again = parse_ddl(to_ddl(*schema));
    CHECK(again.has_value(), "a written schema can be read");
  }
  (void)schema_from_delta_json(text);
  return 0;
}
