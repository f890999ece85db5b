// JSON texts: parts of one, and values as one.
#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Typed text_of(std::string sql) { return {.sql = std::move(sql), .type = Kind::String}; }

Error bad_path(const std::string& path) {
  return Error{Code::Unsupported,
               "the path '" + path +
                   "' of get_json_object() is not supported; it is '$' and steps "
                   "such as .name, ['name'] and [0], without *"};
}

// Steps for ticklake_json_object: '.' and a name or '[' and an index, each ended by a zero byte.
Result<std::string> steps_of(const std::string& path) {
  std::string out;
  for (size_t at = 1; at < path.size();) {
    bool quoted = path.compare(at, 2, "['") == 0;
    bool index = !quoted && path[at] == '[';
    if (!quoted && !index && path[at] != '.') return bad_path(path);
    size_t begin = at + (quoted ? 2 : 1);
    size_t end = quoted  ? path.find("']", begin)
                 : index ? path.find(']', begin)
                         : std::min(path.find_first_of(".[", begin), path.size());
    if (end == std::string::npos || end == begin) return bad_path(path);
    std::string step = path.substr(begin, end - begin);
    bool digits = step.find_first_not_of("0123456789") == std::string::npos && step.size() < 10;
    if ((index && !digits) || step.find('*') != std::string::npos) return bad_path(path);
    out += (index ? "[" : ".") + step;
    out += '\0';
    at = end + (quoted ? 2 : index ? 1 : 0);
  }
  return out;
}

Result<Typed> build_get_json_object(const CallContext&, const Arguments& arguments) {
  if (!arguments[1].literal || arguments[1].type.kind != Kind::String) {
    return Error{Code::Unsupported, "the path of get_json_object() must be a string literal"};
  }
  const std::string& path = arguments[1].literal->text;
  if (!path.starts_with('$')) return text_of(typed_null(Kind::String));
  std::string steps = TRY(steps_of(path));
  return text_of("ticklake_json_object(" + arguments[0].sql + ", " + quoted_text(steps) + ")");
}

Result<std::string> json_of(const std::string& value, const Type& type, int depth);

// Fields that are NULL are left out.
Result<std::string> json_of_struct(const std::string& value, const Type& type, int depth) {
  std::vector<std::string> fields;
  for (const Field& field : *type.children) {
    std::string one = "struct_extract(" + value + ", " + quoted_text(field.name) + ")";
    std::string text = TRY(json_of(one, field.type, depth));
    fields.push_back("ticklake_json_text(" + quoted_text(field.name) + ") || ':' || " + text);
  }
  return "'{' || array_to_string(list_filter([" + listed(fields) +
         "], lambda f_: f_ IS NOT NULL), ',') || '}'";
}

Result<std::string> json_of_many(const std::string& value, const Type& type, int depth) {
  std::string x = "j" + std::to_string(depth) + "_";
  if (type.kind == Kind::Array) {
    std::string text = TRY(json_of(x, type.children->front().type, depth + 1));
    return "'[' || array_to_string(list_transform(" + value + ", lambda " + x + ": COALESCE(" +
           text + ", 'null')), ',') || ']'";
  }
  Typed key = {.sql = "struct_extract(" + x + ", 'key')", .type = type.children->front().type};
  Typed name = TRY(cast(key, Kind::String));
  std::string text =
      TRY(json_of("struct_extract(" + x + ", 'value')", type.children->back().type, depth + 1));
  return "'{' || array_to_string(list_transform(map_entries(" + value + "), lambda " + x +
         ": ticklake_json_text(" + name.sql + ") || ':' || COALESCE(" + text +
         ", 'null')), ',') || '}'";
}

// The JSON of a value; NULL of NULL.
Result<std::string> json_of(const std::string& value, const Type& type, int depth) {
  std::string text;
  switch (type.kind) {
    case Kind::Struct: text = TRY(json_of_struct(value, type, depth)); break;
    case Kind::Array:
    case Kind::Map: text = TRY(json_of_many(value, type, depth)); break;
    case Kind::String: return "ticklake_json_text(" + value + ")";
    case Kind::Binary: return "ticklake_json_text(base64(" + value + "))";
    case Kind::Timestamp: return "strftime(" + value + ", '\"%Y-%m-%dT%H:%M:%S.%gZ\"')";
    case Kind::TimestampNtz: return "strftime(" + value + ", '\"%Y-%m-%dT%H:%M:%S.%g\"')";
    case Kind::Date: return "('\"' || CAST(" + value + " AS VARCHAR) || '\"')";
    case Kind::Interval:
      return Error{Code::Unsupported, "to_json() of an INTERVAL is not supported"};
    case Kind::Float:
    case Kind::Double: {
      Typed printed = TRY(cast({.sql = value, .type = type}, Kind::String));
      return filled("CASE WHEN isfinite({0}) THEN {1} ELSE '\"' || {1} || '\"' END",
                    {value, printed.sql});
    }
    default: {
      Typed printed = TRY(cast({.sql = value, .type = type}, Kind::String));
      return printed.sql;
    }
  }
  return "CASE WHEN " + value + " IS NOT NULL THEN " + text + " END";
}

Result<Typed> build_to_json(const CallContext& context, const Arguments& arguments) {
  if (!arguments[0].type.is_nested()) {
    return Error{Code::Invalid, std::string(context.name) +
                                    "() expects a STRUCT, ARRAY or MAP but "
                                    "got " +
                                    to_sql(arguments[0].type)};
  }
  std::string text = TRY(json_of("j_", arguments[0].type, 0));
  return text_of(bound(arguments[0].sql, "j_", text));
}

constexpr ScalarFunction kJson[] = {
    {"get_json_object", "ss", "s", "", build_get_json_object},
    {"json_array_length", "s", "i", "ticklake_json_array_length({0})"},
    {"to_json", "x", "s", "", build_to_json},
};

}  // namespace

std::span<const ScalarFunction> json_functions() { return kJson; }

}  // namespace ticklake::sql
