// The schema as Delta writes it down: PROTOCOL.md, "Schema Serialization Format".
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "model/type.h"

namespace ticklake {
namespace {

using Json = nlohmann::ordered_json;

const std::map<std::string, Kind>& primitive_names() {
  static const std::map<std::string, Kind> kNames = {{"void", Kind::Null},
                                                     {"boolean", Kind::Boolean},
                                                     {"byte", Kind::Byte},
                                                     {"short", Kind::Short},
                                                     {"integer", Kind::Integer},
                                                     {"long", Kind::Long},
                                                     {"float", Kind::Float},
                                                     {"double", Kind::Double},
                                                     {"string", Kind::String},
                                                     {"binary", Kind::Binary},
                                                     {"date", Kind::Date},
                                                     {"timestamp", Kind::Timestamp},
                                                     {"timestamp_ntz", Kind::TimestampNtz}};
  return kNames;
}

Json to_json(const Type& type);

Json fields_to_json(const std::vector<Field>& fields) {
  Json out = Json::array();
  for (const Field& field : fields) {
    Json metadata =
        field.metadata.empty() ? Json::object() : Json::parse(field.metadata, nullptr, false);
    if (metadata.is_discarded()) metadata = Json::object();
    if (!field.comment.empty()) metadata["comment"] = field.comment;
    out.push_back({{"name", field.name},
                   {"type", to_json(field.type)},
                   {"nullable", field.nullable},
                   {"metadata", metadata}});
  }
  return out;
}

Json to_json(const Type& type) {
  switch (type.kind) {
    case Kind::Decimal: return fmt::format("decimal({},{})", type.precision, type.scale);
    case Kind::Struct: return {{"type", "struct"}, {"fields", fields_to_json(*type.children)}};
    case Kind::Array:
      return {{"type", "array"},
              {"elementType", to_json(type.children->at(0).type)},
              {"containsNull", type.children->at(0).nullable}};
    case Kind::Map:
      return {{"type", "map"},
              {"keyType", to_json(type.children->at(0).type)},
              {"valueType", to_json(type.children->at(1).type)},
              {"valueContainsNull", type.children->at(1).nullable}};
    default: break;
  }
  for (const auto& [name, kind] : primitive_names()) {
    if (kind == type.kind) return name;
  }
  CHECK(false, "a type that no table can hold");
}

Error wrong(const std::string& what) { return {Code::Corrupt, "the table's schema " + what}; }

Result<Type> type_from_json(const Json& json);

Result<Type> primitive_from_json(const std::string& name) {
  if (auto found = primitive_names().find(name); found != primitive_names().end())
    return Type(found->second);
  if (name.starts_with("decimal")) {
    auto parsed = parse_type(name);
    if (parsed) return parsed;
  }
  return Error{
      Code::Unsupported,
      fmt::format("the table has a column of type \"{}\", which ticklake does not know", name)};
}

Result<std::vector<Field>> fields_from_json(const Json& json) {
  std::vector<Field> out;
  if (!json.contains("fields") || !json["fields"].is_array())
    return wrong("has a struct without fields");
  for (const Json& item : json["fields"]) {
    if (!item.is_object() || !item.contains("name") || !item["name"].is_string() ||
        !item.contains("type")) {
      return wrong("has a field without name and type");
    }
    Field field;
    field.name = item["name"].get<std::string>();
    field.type = TRY(type_from_json(item["type"]));
    field.nullable = !item.contains("nullable") || !item["nullable"].is_boolean() ||
                     item["nullable"].get<bool>();
    Json metadata = item.contains("metadata") && item["metadata"].is_object() ? item["metadata"]
                                                                              : Json::object();
    if (metadata.contains("comment") && metadata["comment"].is_string()) {
      field.comment = metadata["comment"].get<std::string>();
      metadata.erase("comment");
    }
    if (!metadata.empty()) field.metadata = metadata.dump();
    out.push_back(std::move(field));
  }
  return out;
}

bool flag(const Json& json, const char* name) {
  return !json.contains(name) || !json[name].is_boolean() || json[name].get<bool>();
}

Result<Type> type_from_json(const Json& json) {
  if (json.is_string()) return primitive_from_json(json.get<std::string>());
  if (!json.is_object() || !json.contains("type") || !json["type"].is_string())
    return wrong("has an unreadable type");
  std::string kind = json["type"].get<std::string>();
  if (kind == "struct") return Type::structure(TRY(fields_from_json(json)));
  if (kind == "array" && json.contains("elementType")) {
    return Type::array(TRY(type_from_json(json["elementType"])), flag(json, "containsNull"));
  }
  if (kind == "map" && json.contains("keyType") && json.contains("valueType")) {
    Type key = TRY(type_from_json(json["keyType"]));
    return Type::map(std::move(key), TRY(type_from_json(json["valueType"])),
                     flag(json, "valueContainsNull"));
  }
  return wrong(fmt::format("has a type \"{}\" that ticklake does not know", kind));
}

}  // namespace

std::string to_delta_json(const Schema& schema) {
  return Json({{"type", "struct"}, {"fields", fields_to_json(schema.fields)}}).dump();
}

Result<Schema> schema_from_delta_json(std::string_view json) {
  Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return wrong("is not a JSON object");
  Schema out;
  out.fields = TRY(fields_from_json(parsed));
  return out;
}

}  // namespace ticklake
