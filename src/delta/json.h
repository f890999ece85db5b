// Reading members of a JSON object whose writer is not trusted: each says whether it has the type
// that was asked for.
#pragma once

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ticklake::delta {

using Json = nlohmann::json;

inline Error wrong_member(const char* name, const char* expected) {
  return Error{Code::Corrupt, fmt::format("\"{}\" is not {}", name, expected)};
}

// Nothing where the member is absent or null.
inline const Json* member(const Json& object, const char* name) {
  auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

inline Result<std::optional<int64_t>> optional_number(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (!value) return std::optional<int64_t>();
  if (!value->is_number_integer()) return wrong_member(name, "an integer");
  return std::optional<int64_t>(value->get<int64_t>());
}

inline Result<int64_t> number(const Json& object, const char* name) {
  std::optional<int64_t> value = TRY(optional_number(object, name));
  if (!value) return Error{Code::Corrupt, fmt::format("\"{}\" is missing", name)};
  return *value;
}

inline Result<std::optional<std::string>> optional_text(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (!value) return std::optional<std::string>();
  if (!value->is_string()) return wrong_member(name, "a string");
  return std::optional<std::string>(value->get<std::string>());
}

inline Result<std::string> text_or_empty(const Json& object, const char* name) {
  std::optional<std::string> value = TRY(optional_text(object, name));
  return std::move(value).value_or("");
}

inline Result<std::string> text(const Json& object, const char* name) {
  std::optional<std::string> value = TRY(optional_text(object, name));
  if (!value) return Error{Code::Corrupt, fmt::format("\"{}\" is missing", name)};
  return *std::move(value);
}

inline Result<bool> boolean_or(const Json& object, const char* name, bool otherwise) {
  const Json* value = member(object, name);
  if (!value) return otherwise;
  if (!value->is_boolean()) return wrong_member(name, "true or false");
  return value->get<bool>();
}

inline Result<std::vector<std::string>> texts(const Json& object, const char* name) {
  std::vector<std::string> out;
  const Json* value = member(object, name);
  if (!value) return out;
  if (!value->is_array()) return wrong_member(name, "an array");
  for (const Json& item : *value) {
    if (!item.is_string()) return wrong_member(name, "an array of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

// Values that are not strings are kept as their JSON text: some writers put numbers into
// operationMetrics.
inline Result<std::map<std::string, std::string>> text_map(const Json& object, const char* name) {
  std::map<std::string, std::string> out;
  const Json* value = member(object, name);
  if (!value) return out;
  if (!value->is_object()) return wrong_member(name, "an object");
  for (const auto& [key, item] : value->items()) {
    if (!item.is_null()) out[key] = item.is_string() ? item.get<std::string>() : item.dump();
  }
  return out;
}

// Text for the log: ill-formed UTF-8, which JSON cannot hold, becomes U+FFFD.
inline std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ticklake::delta
