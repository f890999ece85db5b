// Values of records that a schema registry frames, for people: as JSON.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/commands.h"
#include "broker/broker.h"
#include "formats/formats.h"

namespace ticklake::app {

// Shows framed values as JSON, each by its own schema. One thread.
class FramedValues {
 public:
  explicit FramedValues(std::shared_ptr<broker::SchemaRegistry> registry)
      : registry_(std::move(registry)) {}

  // Invalid: it is not framed, or not by a schema that the registry knows.
  Result<std::string> to_json(std::string_view value);

 private:
  struct Known {
    Schema schema;  // one column, the value; none: it is JSON
    std::unique_ptr<formats::PayloadDecoder> decoder;
  };
  Result<Known*> known(int32_t id);

  std::shared_ptr<broker::SchemaRegistry> registry_;
  std::map<int32_t, Known> known_;
};

// Makes framed values from JSON texts, by a subject's newest schema. One thread.
class FramedTexts {
 public:
  // `avro`: the schema is to be one of Avro, else a JSON Schema.
  static Result<FramedTexts> open(broker::SchemaRegistry& registry, const std::string& subject,
                                  bool avro);
  // Invalid: the text does not fit the schema, and why.
  Result<std::string> from_json(std::string_view text);

 private:
  int32_t id_ = 0;
  std::unique_ptr<formats::PayloadDecoder> decoder_;
  std::unique_ptr<formats::AvroEncoder> encoder_;  // null: JSON
};

}  // namespace ticklake::app
