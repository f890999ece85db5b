// The nodes of an Avro schema. Private to the folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/avro.h"

namespace ticklake::formats {

struct AvroField {
  std::string name;
  std::vector<std::string> aliases;
  std::shared_ptr<const AvroNode> node;
  std::optional<std::string> default_bytes;  // its default value, encoded with `node`
  bool bad_default = false;  // it has one that is not of its type: wrong only where it is needed

  std::string_view no_default() const {
    return bad_default ? "a default that is not of its type" : "no default";
  }
};

struct AvroNode {
  enum class Form : uint8_t {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Record,
    Enum,
    Array,
    Map,
    Fixed,
    Union
  };
  enum class Logical : uint8_t {
    None,
    Decimal,
    Date,
    TimestampMillis,
    TimestampMicros,
    LocalMillis,
    LocalMicros
  };
  Form form = Form::Null;
  Logical logical = Logical::None;
  std::string name = {};                  // full name of records, enums and fixed
  std::vector<std::string> aliases = {};  // full names
  int precision = 0, scale = 0;
  int64_t size = 0;                       // Fixed
  std::vector<AvroField> fields = {};     // Record
  std::vector<std::string> symbols = {};  // Enum
  std::optional<std::string> symbol_default = {};
  std::vector<std::shared_ptr<const AvroNode>> parts = {};  // Array, Map: one; Union: its branches
};
using AvroNodePtr = std::shared_ptr<const AvroNode>;

std::string_view to_string(AvroNode::Form form);

// A union as a SQL value: its branches other than null, and what they are together.
struct UnionShape {
  enum class Kind : uint8_t { One, Long, Double, Members };
  Kind kind = Kind::One;
  std::vector<size_t> branches;  // without null's
};
UnionShape shape_of(const AvroNode& node);

// What the values of a node are in SQL, nullability left out. Unsupported: too large a type.
Result<Type> type_of_avro(const AvroNode& node);

// ---- Avro's binary encoding
void put_long(std::string& out, int64_t value);
void put_bytes(std::string& out, std::string_view bytes);

}  // namespace ticklake::formats
