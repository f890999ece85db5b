// Any bytes are a value or a NULL with a reason; any text is a schema or is refused. The first byte
// says how many bytes of the rest are the schema.
#include <arrow/array.h>

#include "base/check.h"
#include "formats/formats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ticklake;
  using namespace ticklake::formats;
  static const char* const kReader = R"({"type":"record","name":"R","fields":[
      {"name":"a","type":["null","int"],"default":null},{"name":"b","type":{"type":"array","items":
      {"type":"record","name":"I","fields":[{"name":"x","type":["null","string","long"]}]}}},
      {"name":"c","type":{"type":"map","values":"double"},"default":{}},
      {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}},
      {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}},
      {"name":"f","type":{"type":"fixed","name":"F","size":3}},{"name":"g","type":"null"},
      {"name":"h","type":{"type":"long","logicalType":"timestamp-millis"}}]})";
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t cut = text.empty() ? 0 : std::min(text.size() - 1, size_t{8} * data[0]);
  std::string_view schema = text.empty() ? text : text.substr(1, cut);
  std::string_view payload = text.empty() ? text : text.substr(1 + cut);
  auto reader = parse_avro(kReader);
  CHECK(reader.has_value(), "the reader's schema is one");
  (void)schema_from_json_schema(schema);
  auto writers = [&](int32_t) -> Result<RegisteredSchema> {
    return RegisteredSchema{.text = schema.empty() ? kReader : std::string(schema)};
  };
  std::string frame = framed(1, payload);
  std::string_view payloads[] = {payload, frame};
  auto check = [&](PayloadDecoder& decoder) {
    auto values = decoder.decode(payloads, {});
    CHECK(values.has_value() && values->array->length() == 2, "one value a payload");
    CHECK(values->array->ValidateFull().ok(), "an array that Arrow accepts");
  };
  check(*make_avro_decoder(*reader));
  check(*make_avro_decoder(*reader, writers));
  if (auto own = parse_avro(schema)) {
    check(*make_avro_decoder(*own));
    (void)AvroEncoder::make(own->type, *own);
  }
  return 0;
}
