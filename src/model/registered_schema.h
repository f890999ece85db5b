// A schema as a registry keeps it, under an id that means it for ever.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ticklake {

struct RegisteredSchema {
  enum class Form : uint8_t { Avro, Json, Other };
  Form form = Form::Avro;
  std::string text = {};
  std::vector<std::string> references = {};  // texts; each before those that use it

  bool operator==(const RegisteredSchema& other) const = default;
};

// NotFound: there is no schema with this id, which is the fault of who sent it; any other error is
// the world's. Any thread.
using SchemasById = std::function<Result<RegisteredSchema>(int32_t id)>;

}  // namespace ticklake
