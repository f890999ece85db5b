#include "app/payloads.h"

#include <gtest/gtest.h>

namespace ticklake::app {
namespace {

// A registry that answers every question with the same schema.
std::shared_ptr<broker::SchemaRegistry> registry_of(const std::string& answer) {
  auto http = std::make_shared<io::MemoryHttp>(
      [answer](const io::HttpRequest&) -> Result<io::HttpResponse> {
        return io::HttpResponse{.status = 200, .body = answer};
      });
  return *broker::SchemaRegistry::make({.url = "http://registry.test"}, http);
}

std::string refusal(const std::string& answer, bool avro) {
  auto texts = FramedTexts::open(*registry_of(answer), "ticks-value", avro);
  return texts ? "" : texts.error().message;
}

TEST(FramedTexts, NeedASchemaOfTheirFormat) {
  const char* number = R"({"id":1,"version":1,"schema":"\"int\""})";
  EXPECT_EQ(refusal(number, false),
            "the newest schema of ticks-value is one of Avro; write --format avro");
  EXPECT_EQ(refusal(number, true),
            "the schema of ticks-value is no record, so no JSON object is one");
  EXPECT_EQ(refusal(R"({"id":1,"version":1,"schemaType":"JSON","schema":"{}"})", true),
            "the newest schema of ticks-value is a JSON Schema; write --format json_schema");
  EXPECT_EQ(refusal(R"({"id":1,"version":1,"schemaType":"PROTOBUF","schema":"x"})", true),
            "the newest schema of ticks-value is neither Avro nor JSON Schema");
}

TEST(FramedValues, NeedASchemaThatIsKnown) {
  FramedValues values(registry_of(R"({"schemaType":"PROTOBUF","schema":"x"})"));
  auto json = values.to_json(std::string("\0\0\0\0\7payload", 12));
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().message, "schema 7 is neither Avro nor JSON Schema");
}

}  // namespace
}  // namespace ticklake::app
