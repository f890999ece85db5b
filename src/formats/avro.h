// Avro's binary encoding and its schemas: a part of formats.h.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/registered_schema.h"
#include "model/type.h"

namespace ticklake::formats {

struct AvroNode;  // formats/avro_schema.h

// A parsed Avro schema. A value that never changes; copies share it.
struct AvroSchema {
  std::shared_ptr<const AvroNode> root;
  Type type;  // of its values, as Spark's Avro source says: every field nullable
};

// `references`: texts of schemas whose names the text uses, each before those that use it. Invalid:
// no Avro schema, and what is wrong where. Unsupported: a schema that contains itself, or is too
// large.
Result<AvroSchema> parse_avro(std::string_view text,
                              const std::vector<std::string>& references = {});

// The schema that Spark's to_avro gives values of the type; `name` is the outermost record's.
// Unsupported: a type that Avro lacks.
Result<std::string> avro_of(const Type& type, bool nullable, const std::string& name);

// What precedes a payload in the wire format of a schema registry: a zero, the id of the writer's
// schema in four bytes, the highest first.
struct Frame {
  int32_t id = 0;
  std::string_view payload;
};
// Invalid: no frame.
Result<Frame> unframed(std::string_view bytes);
std::string framed(int32_t id, std::string_view payload);

// Values of one type from payloads. One thread at a time.
class PayloadDecoder {
 public:
  struct Failure {
    int64_t row;
    std::string reason;
  };
  struct Values {
    std::shared_ptr<arrow::Array> array;  // one value a payload; NULL where there is none
    std::vector<Failure> failures;        // in row order
  };
  virtual ~PayloadDecoder() = default;

  // valid[i] == false: payload i is NULL; `valid` may be empty: all are there. Errors are the
  // world's: no payload is to blame.
  virtual Result<Values> decode(std::span<const std::string_view> payloads,
                                const std::vector<bool>& valid) = 0;
};

// With `writers`: framed payloads, each read with the schema it was written with and resolved to
// this one by Avro's rules: missing fields get their defaults, unknown ones are passed by. Without:
// bare payloads written with this schema; what follows the value is not looked at, as in Spark.
std::unique_ptr<PayloadDecoder> make_avro_decoder(AvroSchema reader, SchemasById writers = {});

// JSON texts, read as JsonDecoder does, to values of a STRUCT; a blank text is NULL. With
// `writers` they are framed, and the frame must name a JSON Schema.
Result<std::unique_ptr<PayloadDecoder>> make_json_decoder(const Schema& schema,
                                                          SchemasById writers = {});

// The columns that a JSON Schema describes. Invalid: no JSON Schema of objects; Unsupported: parts
// that have no SQL type, by name.
Result<Schema> schema_from_json_schema(std::string_view text);
// A JSON Schema for objects of the columns; `title` names it.
std::string json_schema_of(const Schema& schema, const std::string& title);

// Values to Avro's bytes. One thread at a time.
class AvroEncoder {
 public:
  // Invalid: values of the type cannot be written with the schema, and which field is why.
  static Result<std::unique_ptr<AvroEncoder>> make(const Type& type, const AvroSchema& schema);
  virtual ~AvroEncoder() = default;
  // Appends the value. Invalid: it has no place in the schema (NULL where none is allowed, a text
  // that is no symbol).
  virtual Result<void> encode(const arrow::Array& values, int64_t row, std::string& out) = 0;
};

}  // namespace ticklake::formats
