// JSON Schema, as far as it describes columns.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepthMax = 32;
constexpr int kColumnsMax = 10'000;

Error refused(const std::string& where, std::string_view what, Code code = Code::Unsupported) {
  return {code, fmt::format("JSON Schema: {}: {}", where.empty() ? "it" : where, what)};
}

bool is_null_type(const Json& json) {
  return json.is_object() && json.contains("type") && json["type"] == "null";
}

std::string text_in(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

class Reader {
 public:
  explicit Reader(const Json& root) : root_(root) {}

  Result<Type> type_of(const Json& json, const std::string& where, int depth);

 private:
  Result<const Json*> referred(const std::string& reference, const std::string& where) const;
  Result<Type> chosen(const Json& branches, const std::string& where, int depth);
  Result<Type> object(const Json& json, const std::string& where, int depth);

  const Json& root_;
  int columns_ = 0;
};

Result<const Json*> Reader::referred(const std::string& reference, const std::string& where) const {
  if (reference.starts_with("#/")) {
    const Json* at = &root_;
    for (const std::string& part : split(reference.substr(2), '/')) {
      if (!at->is_object() || !at->contains(part)) return refused(where, "no " + reference);
      at = &(*at)[part];
    }
    return at;
  }
  return refused(where, fmt::format("it refers to {}, which is not in the schema itself",
                                    printable(reference, 60)));
}

// oneOf and the like: null and one other.
Result<Type> Reader::chosen(const Json& branches, const std::string& where, int depth) {
  const Json* one = nullptr;
  for (const Json& branch : branches) {
    if (is_null_type(branch)) continue;
    if (one != nullptr) return refused(where, "values of several types have no SQL type");
    one = &branch;
  }
  if (one == nullptr) return refused(where, "it has no type but null");
  return type_of(*one, where, depth + 1);
}

Result<Type> Reader::object(const Json& json, const std::string& where, int depth) {
  if (!json.contains("properties") || !json["properties"].is_object() ||
      json["properties"].empty()) {
    if (json.contains("additionalProperties") && json["additionalProperties"].is_object()) {
      Type value = TRY(type_of(json["additionalProperties"], where + "{}", depth + 1));
      return Type::map(Kind::String, std::move(value));
    }
    return refused(where, "an object without properties has no columns");
  }
  std::vector<Field> fields;
  std::map<std::string, std::string> names;  // by their lower case
  for (const auto& [name, property] : json["properties"].items()) {
    auto [known, fresh] = names.emplace(lowered(name), name);
    if (!fresh) {
      return refused(where, fmt::format("{} and {} differ in case only", known->second, name));
    }
    std::string inner = where.empty() ? name : where + "." + name;
    fields.push_back({name, TRY(type_of(property, printable(inner), depth + 1))});
  }
  return Type::structure(std::move(fields));
}

Type number_of(const std::string& type, const std::string& hint) {
  if (hint == "int8") return Kind::Byte;
  if (hint == "int16") return Kind::Short;
  if (hint == "int32") return Kind::Integer;
  if (hint == "float32") return Kind::Float;
  return type == "integer" || hint == "int64" ? Kind::Long : Kind::Double;
}

Type text_of(const Json& json) {
  std::string format = text_in(json, "format");
  if (format == "date-time") return Kind::Timestamp;
  if (format == "date") return Kind::Date;
  return text_in(json, "contentEncoding") == "base64" ? Kind::Binary : Kind::String;
}

Result<Type> Reader::type_of(const Json& json, const std::string& where, int depth) {
  if (depth > kDepthMax) return refused(where, "it contains itself, or is nested too deep");
  if (++columns_ > kColumnsMax) {
    return refused(where, fmt::format("it has more than {} columns", kColumnsMax));
  }
  if (!json.is_object()) return refused(where, "it is no schema", Code::Invalid);
  if (auto reference = text_in(json, "$ref"); !reference.empty()) {
    return type_of(*TRY(referred(reference, where)), where, depth + 1);
  }
  for (const char* key : {"oneOf", "anyOf"}) {
    if (json.contains(key) && json[key].is_array()) return chosen(json[key], where, depth);
  }
  std::string type = text_in(json, "type");
  if (json.contains("type") && json["type"].is_array()) {
    for (const Json& each : json["type"]) {
      if (!each.is_string() || each == "null") continue;
      if (!type.empty()) return refused(where, "values of several types have no SQL type");
      type = each.get<std::string>();
    }
  }
  if (type.empty() && json.contains("properties")) type = "object";
  if (type == "object") return object(json, where, depth);
  if (type == "boolean") return Type(Kind::Boolean);
  if (type == "integer" || type == "number") return number_of(type, text_in(json, "connect.type"));
  if (type == "string" || (type.empty() && json.contains("enum"))) return text_of(json);
  if (type == "array") {
    if (!json.contains("items")) return refused(where, "an array without items has no type");
    return Type::array(TRY(type_of(json["items"], where + "[]", depth + 1)));
  }
  return refused(where, "its type is not told");
}

Json described(const Type& type);

Json described_fields(const std::vector<Field>& fields) {
  Json properties = Json::object();
  for (const Field& field : fields) {
    Json property = described(field.type);
    property["type"] = Json::array({property["type"], "null"});
    properties[field.name] = std::move(property);
  }
  return properties;
}

Json described(const Type& type) {
  switch (type.kind) {
    case Kind::Boolean: return {{"type", "boolean"}};
    case Kind::Byte: return {{"type", "integer"}, {"connect.type", "int8"}};
    case Kind::Short: return {{"type", "integer"}, {"connect.type", "int16"}};
    case Kind::Integer: return {{"type", "integer"}, {"connect.type", "int32"}};
    case Kind::Long: return {{"type", "integer"}, {"connect.type", "int64"}};
    case Kind::Float: return {{"type", "number"}, {"connect.type", "float32"}};
    case Kind::Double:
    case Kind::Decimal: return {{"type", "number"}};
    case Kind::Date: return {{"type", "string"}, {"format", "date"}};
    case Kind::Timestamp: return {{"type", "string"}, {"format", "date-time"}};
    case Kind::Binary: return {{"type", "string"}, {"contentEncoding", "base64"}};
    case Kind::Struct:
      return {{"type", "object"}, {"properties", described_fields(*type.children)}};
    case Kind::Array: return {{"type", "array"}, {"items", described((*type.children)[0].type)}};
    case Kind::Map:
      return {{"type", "object"}, {"additionalProperties", described((*type.children)[1].type)}};
    default: return {{"type", "string"}};
  }
}

}  // namespace

Result<Schema> schema_from_json_schema(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return refused("", "it is no JSON object", Code::Invalid);
  Type type = TRY(Reader(json).type_of(json, "", 0));
  if (type.kind != Kind::Struct) return refused("", "it does not describe objects with properties");
  return Schema{*type.children};
}

std::string json_schema_of(const Schema& schema, const std::string& title) {
  Json json{{"$schema", "http://json-schema.org/draft-07/schema#"},
            {"title", title},
            {"type", "object"},
            {"properties", described_fields(schema.fields)}};
  return json.dump();
}

}  // namespace ticklake::formats
