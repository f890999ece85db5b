// Any bytes are a row: of values, or of NULLs with a reason.
#include "base/check.h"
#include "formats/formats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ticklake;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto schema = parse_ddl(
      "symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, exact DECIMAL(18,4), day DATE, ok "
      "BOOLEAN, "
      "nested STRUCT<a: INT, b: ARRAY<STRING>>, tags MAP<STRING, FLOAT>, raw BINARY");
  auto decoder = formats::JsonDecoder::make(*schema);
  CHECK(decoder.has_value(), "every type of the schema can be decoded");
  std::string_view texts[] = {text, "{\"symbol\":\"after\"}"};
  auto rows = (*decoder)->decode(texts, {});
  CHECK(rows.has_value() && rows->batch->num_rows() == 2, "one row a text");
  CHECK(rows->batch->ValidateFull().ok(), "a batch that Arrow accepts");
  CHECK(formats::to_json_lines(*rows->batch, *schema).has_value(), "what was read can be written");
  (void)formats::from_json_lines(text, *schema);
  return 0;
}
