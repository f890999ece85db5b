// Any text is statements or a refusal that names its place.
#include "sql/sql.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto parsed = ticklake::sql::parse(text, "f.sql");
  if (!parsed) {
    CHECK(parsed.error().message.starts_with("f.sql:"), parsed.error().message);
    return 0;
  }
  ticklake::sql::Catalog nothing{[](const auto&) { return std::nullopt; }, {}};
  for (const auto& statement : *parsed)
    (void)ticklake::sql::analyze(statement, nothing, {"f.sql", 0});
  return 0;
}
