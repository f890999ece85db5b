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
  // Every name is this table, so that most queries are analyzed to their end.
  static const auto schema = *ticklake::parse_ddl(
      "a INT, b STRING, d DATE, ts TIMESTAMP, x DOUBLE, n DECIMAL(18,4), l ARRAY<INT>, "
      "m MAP<STRING, INT>, s STRUCT<p: INT, q: STRING>, r ARRAY<STRUCT<p: INT, q: STRING>>");
  ticklake::sql::Catalog tables{
      [](const auto& name) {
        return std::optional<ticklake::sql::Relation>({name.back(), schema, nullptr});
      },
      {"t"}};
  for (const auto& statement : *parsed)
    (void)ticklake::sql::analyze(statement, tables, {"f.sql", 0});
  return 0;
}
