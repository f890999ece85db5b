#include "formats/avro_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

using Json = nlohmann::ordered_json;
using Form = AvroNode::Form;
using Logical = AvroNode::Logical;

constexpr int kDepthMax = 64;
constexpr int kColumnsMax = 10'000;
constexpr int64_t kFixedBytesMax = 1 << 20;
constexpr size_t kDefaultBytesMax = 1 << 20;
constexpr std::string_view kForms[] = {"null",   "boolean", "int",    "long",   "float",
                                       "double", "bytes",   "string", "record", "enum",
                                       "array",  "map",     "fixed",  "union"};

Error bad(std::string what) { return {Code::Invalid, "Avro schema: " + std::move(what)}; }

bool is_named(Form form) {
  return form == Form::Record || form == Form::Enum || form == Form::Fixed;
}

std::optional<Form> form_of(std::string_view name) {
  auto* found = std::ranges::find(kForms, name);
  if (found == std::end(kForms) - 1 || found == std::end(kForms)) return std::nullopt;
  return static_cast<Form>(found - kForms);
}

bool is_name(std::string_view text) {
  auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  if (text.empty() || !letter(text[0])) return false;
  return std::ranges::all_of(
      text, [&](char c) { return letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

bool is_full_name(std::string_view text) { return std::ranges::all_of(split(text, '.'), is_name); }

class Parser {
 public:
  Result<AvroNodePtr> parse(std::string_view text) {
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) {
      // A schema may be no more than a type's name, written without quotes too.
      if (!form_of(text) && !named_.contains(std::string(text))) {
        return bad(fmt::format("'{}' is not JSON", printable(text, 60)));
      }
      json = std::string(text);
    }
    return node(json, "", 0);
  }

 private:
  Result<AvroNodePtr> node(const Json& json, const std::string& space, int depth);
  Result<AvroNodePtr> by_name(const std::string& name, const std::string& space) const;
  Result<AvroNodePtr> unite(const Json& json, const std::string& space, int depth);
  Result<void> fill_record(AvroNode& out, const Json& json, const std::string& space, int depth);
  Result<AvroField> field(const Json& json, const std::string& space, int depth);
  static Result<void> fill_enum(AvroNode& out, const Json& json);
  static void fill_logical(AvroNode& out, const Json& json);

  std::map<std::string, AvroNodePtr> named_;
  std::set<std::string> open_;  // records whose fields are being read
};

std::string text_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<AvroNodePtr> Parser::by_name(const std::string& name, const std::string& space) const {
  if (auto form = form_of(name); form && *form <= Form::String) {
    AvroNode out;
    out.form = *form;
    return std::make_shared<const AvroNode>(std::move(out));
  }
  bool plain = name.find('.') == std::string::npos;
  std::string full = plain && !space.empty() ? space + "." + name : name;
  for (const std::string& candidate : {full, name}) {
    if (open_.contains(candidate)) {
      return Error{Code::Unsupported,
                   fmt::format("Avro schema: the record {} contains itself, which no SQL type can",
                               candidate)};
    }
    if (auto found = named_.find(candidate); found != named_.end()) return found->second;
  }
  return bad(fmt::format("there is no type {}", printable(name, 60)));
}

Result<AvroNodePtr> Parser::unite(const Json& json, const std::string& space, int depth) {
  AvroNode out;
  out.form = Form::Union;
  std::set<std::string> seen;
  for (const Json& branch : json) {
    out.parts.push_back(TRY(node(branch, space, depth + 1)));
    const AvroNode& part = *out.parts.back();
    if (part.form == Form::Union) return bad("a union stands directly in a union");
    std::string key = is_named(part.form) ? part.name : std::string(to_string(part.form));
    if (!seen.insert(key).second) return bad(fmt::format("a union has {} twice", key));
  }
  if (out.parts.empty()) return bad("a union has no branches");
  return std::make_shared<const AvroNode>(std::move(out));
}

void Parser::fill_logical(AvroNode& out, const Json& json) {
  std::string name = text_of(json, "logicalType");
  if (out.form == Form::Int && name == "date") out.logical = Logical::Date;
  if (out.form == Form::Long) {
    if (name == "timestamp-millis") out.logical = Logical::TimestampMillis;
    if (name == "timestamp-micros") out.logical = Logical::TimestampMicros;
    if (name == "local-timestamp-millis") out.logical = Logical::LocalMillis;
    if (name == "local-timestamp-micros") out.logical = Logical::LocalMicros;
  }
  if (name != "decimal" || (out.form != Form::Bytes && out.form != Form::Fixed)) return;
  int precision = json.contains("precision") && json["precision"].is_number_integer()
                      ? json["precision"].get<int>()
                      : 0;
  int scale =
      json.contains("scale") && json["scale"].is_number_integer() ? json["scale"].get<int>() : 0;
  if (precision < 1 || scale < 0 || scale > precision) return;  // as Avro: what is wrong is ignored
  out.logical = Logical::Decimal;
  out.precision = precision;
  out.scale = scale;
}

Result<void> Parser::fill_enum(AvroNode& out, const Json& json) {
  auto symbols = json.find("symbols");
  if (symbols == json.end() || !symbols->is_array()) {
    return bad(fmt::format("the enum {} has no symbols", out.name));
  }
  for (const Json& symbol : *symbols) {
    if (!symbol.is_string()) return bad(fmt::format("a symbol of {} is no text", out.name));
    out.symbols.push_back(symbol.get<std::string>());
  }
  if (json.contains("default") && json["default"].is_string()) {
    out.symbol_default = json["default"].get<std::string>();
  }
  return {};
}

std::optional<std::string> encoded_default(const AvroNode& node, const Json& value);

Result<AvroField> Parser::field(const Json& json, const std::string& space, int depth) {
  AvroField out;
  out.name = json.is_object() ? text_of(json, "name") : "";
  if (!is_name(out.name)) {
    return bad(fmt::format("'{}' is no name of a field", printable(out.name, 60)));
  }
  if (!json.contains("type")) return bad(fmt::format("the field {} has no type", out.name));
  out.node = TRY(node(json["type"], space, depth + 1));
  if (json.contains("aliases") && json["aliases"].is_array()) {
    for (const Json& alias : json["aliases"]) {
      if (alias.is_string()) out.aliases.push_back(alias.get<std::string>());
    }
  }
  if (json.contains("default")) {
    out.default_bytes = encoded_default(*out.node, json["default"]);
    out.bad_default = !out.default_bytes;
  }
  return out;
}

Result<void> Parser::fill_record(AvroNode& out, const Json& json, const std::string& space,
                                 int depth) {
  auto fields = json.find("fields");
  if (fields == json.end() || !fields->is_array()) {
    return bad(fmt::format("the record {} has no fields", out.name));
  }
  open_.insert(out.name);
  std::set<std::string> seen;
  for (const Json& item : *fields) {
    AvroField next = TRY(field(item, space, depth));
    if (!seen.insert(lowered(next.name)).second) {
      return bad(fmt::format("the record {} has the field {} twice; case does not count", out.name,
                             next.name));
    }
    out.fields.push_back(std::move(next));
  }
  open_.erase(out.name);
  return {};
}

Result<AvroNodePtr> Parser::node(const Json& json, const std::string& space, int depth) {
  if (depth > kDepthMax) return bad(fmt::format("it is nested more than {} deep", kDepthMax));
  if (json.is_string()) return by_name(json.get<std::string>(), space);
  if (json.is_array()) return unite(json, space, depth);
  if (!json.is_object() || !json.contains("type")) {
    return bad(fmt::format("{} {} is no type", json.is_object() ? "an" : "a", json.type_name()));
  }
  const Json& type = json["type"];
  auto form = type.is_string() ? form_of(type.get<std::string>()) : std::nullopt;
  if (!form) return node(type, space, depth + 1);
  AvroNode out;
  out.form = *form;
  std::string inner = space;
  if (is_named(out.form)) {
    std::string name = text_of(json, "name");
    if (json.contains("namespace") && json["namespace"].is_string()) {
      inner = json["namespace"].get<std::string>();
    }
    if (auto dot = name.rfind('.'); dot != std::string::npos) {
      inner = name.substr(0, dot);
    } else if (!inner.empty()) {
      name.insert(0, inner + ".");
    }
    if (!is_full_name(name)) {
      return bad(fmt::format("'{}' is no name of a type", printable(name, 60)));
    }
    if (named_.contains(name)) return bad(fmt::format("{} is defined twice", name));
    out.name = std::move(name);
    if (json.contains("aliases") && json["aliases"].is_array()) {
      for (const Json& alias : json["aliases"]) {
        if (alias.is_string()) out.aliases.push_back(alias.get<std::string>());
      }
    }
  }
  if (out.form == Form::Record) TRY(fill_record(out, json, inner, depth));
  if (out.form == Form::Enum) TRY(fill_enum(out, json));
  if (out.form == Form::Fixed) {
    auto size = json.find("size");
    if (size == json.end() || !size->is_number_unsigned() ||
        size->get<uint64_t>() > kFixedBytesMax) {
      return bad(fmt::format("the size of {} is not one from 0 to {}", out.name, kFixedBytesMax));
    }
    out.size = size->get<int64_t>();
  }
  if (out.form == Form::Array || out.form == Form::Map) {
    const char* key = out.form == Form::Array ? "items" : "values";
    if (!json.contains(key)) return bad(fmt::format("{} without {}", to_string(out.form), key));
    out.parts.push_back(TRY(node(json[key], space, depth + 1)));
  }
  fill_logical(out, json);
  auto shared = std::make_shared<const AvroNode>(std::move(out));
  if (is_named(shared->form)) named_[shared->name] = shared;
  return AvroNodePtr(shared);
}

// ---- default values

// A text whose characters up to U+00FF are the bytes.
std::optional<std::string> bytes_of(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      out += text[i];
    } else if ((c == 0xC2 || c == 0xC3) && i + 1 < text.size()) {
      out += static_cast<char>(((c & 3) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3F));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<std::string> encoded_number(const AvroNode& node, const Json& value) {
  std::string out;
  if (node.form == Form::Int || node.form == Form::Long) {
    if (!value.is_number_integer()) return std::nullopt;
    auto number = value.get<int64_t>();
    bool fits = node.form == Form::Long || (number >= INT32_MIN && number <= INT32_MAX);
    if (!fits) return std::nullopt;
    put_long(out, number);
    return out;
  }
  double number = 0;
  std::string text = value.is_string() ? value.get<std::string>() : "";
  if (text == "NaN") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "Infinity" || text == "-Infinity") {
    number = std::numeric_limits<double>::infinity() * (text[0] == '-' ? -1 : 1);
  } else if (value.is_number()) {
    number = value.get<double>();
  } else {
    return std::nullopt;
  }
  if (node.form == Form::Float) {
    auto narrow = static_cast<float>(number);
    out.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
  } else {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return out;
}

std::optional<std::string> encoded_parts(const AvroNode& node, const Json& value) {
  std::string out;
  if (node.form == Form::Record) {
    if (!value.is_object()) return std::nullopt;
    for (const AvroField& field : node.fields) {
      auto found = value.find(field.name);
      auto part = found != value.end() ? encoded_default(*field.node, *found) : field.default_bytes;
      if (!part || out.size() + part->size() > kDefaultBytesMax) return std::nullopt;
      out += *part;
    }
    return out;
  }
  if (node.form == Form::Array ? !value.is_array() : !value.is_object()) return std::nullopt;
  if (!value.empty()) put_long(out, static_cast<int64_t>(value.size()));
  for (const auto& [key, item] : value.items()) {
    if (node.form == Form::Map) put_bytes(out, key);
    auto part = encoded_default(*node.parts[0], item);
    if (!part || out.size() + part->size() > kDefaultBytesMax) return std::nullopt;
    out += *part;
  }
  put_long(out, 0);
  return out;
}

std::optional<std::string> encoded_text(const AvroNode& node, const Json& value) {
  if (!value.is_string()) return std::nullopt;
  auto text = value.get<std::string>();
  std::string out;
  if (node.form == Form::String) {
    put_bytes(out, text);
    return out;
  }
  if (node.form == Form::Enum) {
    auto found = std::ranges::find(node.symbols, text);
    if (found == node.symbols.end()) return std::nullopt;
    put_long(out, found - node.symbols.begin());
    return out;
  }
  auto bytes = bytes_of(text);
  if (!bytes) return std::nullopt;
  if (node.form == Form::Fixed) {
    if (static_cast<int64_t>(bytes->size()) != node.size) return std::nullopt;
    return bytes;
  }
  put_bytes(out, *bytes);
  return out;
}

std::optional<std::string> encoded_default(const AvroNode& node, const Json& value) {
  switch (node.form) {
    case Form::Null: return value.is_null() ? std::optional<std::string>("") : std::nullopt;
    case Form::Boolean:
      if (!value.is_boolean()) return std::nullopt;
      return std::string(1, value.get<bool>() ? '\1' : '\0');
    case Form::Int:
    case Form::Long:
    case Form::Float:
    case Form::Double: return encoded_number(node, value);
    case Form::Bytes:
    case Form::String:
    case Form::Enum:
    case Form::Fixed: return encoded_text(node, value);
    case Form::Record:
    case Form::Array:
    case Form::Map: return encoded_parts(node, value);
    case Form::Union: break;
  }
  for (size_t i = 0; i < node.parts.size(); ++i) {
    auto part = encoded_default(*node.parts[i], value);
    if (!part) continue;
    std::string out;
    put_long(out, static_cast<int64_t>(i));
    return out + *part;
  }
  return std::nullopt;
}

// ---- SQL types

class Types {
 public:
  Result<Type> of(const AvroNode& node) {
    if (depth_ == kDepthMax) {
      return Error{Code::Unsupported,
                   fmt::format("Avro schema: its types are nested more than {} deep", kDepthMax)};
    }
    ++depth_;
    auto type = deeper(node);
    --depth_;
    return type;
  }

 private:
  Result<Type> deeper(const AvroNode& node) {
    if (++columns_ > kColumnsMax) {
      return Error{Code::Unsupported,
                   fmt::format("Avro schema: it has more than {} fields, those of "
                               "its named types counted wherever they are used",
                               kColumnsMax)};
    }
    switch (node.form) {
      case Form::Null: return Type(Kind::Null);
      case Form::Boolean: return Type(Kind::Boolean);
      case Form::Int: return Type(node.logical == Logical::Date ? Kind::Date : Kind::Integer);
      case Form::Long: return of_long(node.logical);
      case Form::Float: return Type(Kind::Float);
      case Form::Double: return Type(Kind::Double);
      case Form::Bytes:
      case Form::Fixed:
        return node.logical == Logical::Decimal ? decimal(node) : Type(Kind::Binary);
      case Form::String:
      case Form::Enum: return Type(Kind::String);
      case Form::Record: return record(node);
      case Form::Array: return Type::array(TRY(of(*node.parts[0])));
      case Form::Map: return Type::map(Kind::String, TRY(of(*node.parts[0])));
      case Form::Union: return united(node);
    }
    return Type(Kind::Null);
  }

 private:
  static Type of_long(Logical logical) {
    switch (logical) {
      case Logical::TimestampMillis:
      case Logical::TimestampMicros: return Kind::Timestamp;
      case Logical::LocalMillis:
      case Logical::LocalMicros: return Kind::TimestampNtz;
      default: return Kind::Long;
    }
  }

  static Result<Type> decimal(const AvroNode& node) {
    if (node.precision > 38) {
      return Error{Code::Unsupported,
                   fmt::format("Avro schema: a decimal of {} digits; DECIMAL has at most 38",
                               node.precision)};
    }
    return Type::decimal(node.precision, node.scale);
  }

  Result<Type> record(const AvroNode& node) {
    if (node.fields.empty()) {
      return Error{Code::Unsupported, fmt::format("Avro schema: the record {} has no fields, and a "
                                                  "STRUCT has at least one",
                                                  node.name)};
    }
    std::vector<Field> fields;
    for (const AvroField& field : node.fields) {
      fields.push_back({field.name, TRY(of(*field.node))});
    }
    return Type::structure(std::move(fields));
  }

  Result<Type> united(const AvroNode& node) {
    UnionShape shape = shape_of(node);
    if (shape.branches.empty()) return Type(Kind::Null);
    if (shape.kind == UnionShape::Kind::One) return of(*node.parts[shape.branches[0]]);
    if (shape.kind == UnionShape::Kind::Long) return Type(Kind::Long);
    if (shape.kind == UnionShape::Kind::Double) return Type(Kind::Double);
    std::vector<Field> fields;
    for (size_t i = 0; i < shape.branches.size(); ++i) {
      fields.push_back({fmt::format("member{}", i), TRY(of(*node.parts[shape.branches[i]]))});
    }
    return Type::structure(std::move(fields));
  }

  int columns_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string_view to_string(Form form) { return kForms[static_cast<size_t>(form)]; }

UnionShape shape_of(const AvroNode& node) {
  UnionShape out;
  std::set<Form> forms;
  for (size_t i = 0; i < node.parts.size(); ++i) {
    if (node.parts[i]->form == Form::Null) continue;
    out.branches.push_back(i);
    forms.insert(node.parts[i]->form);
  }
  if (out.branches.size() <= 1) return out;
  out.kind = UnionShape::Kind::Members;
  if (forms == std::set{Form::Int, Form::Long}) out.kind = UnionShape::Kind::Long;
  if (forms == std::set{Form::Float, Form::Double}) out.kind = UnionShape::Kind::Double;
  return out;
}

Result<Type> type_of_avro(const AvroNode& node) { return Types().of(node); }

void put_long(std::string& out, int64_t value) {
  auto rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) out += static_cast<char>(rest | 0x80);
  out += static_cast<char>(rest);
}

void put_bytes(std::string& out, std::string_view bytes) {
  put_long(out, static_cast<int64_t>(bytes.size()));
  out += bytes;
}

Result<AvroSchema> parse_avro(std::string_view text, const std::vector<std::string>& references) {
  Parser parser;
  for (const std::string& reference : references) TRY(parser.parse(reference));
  AvroNodePtr root = TRY(parser.parse(text));
  Type type = TRY(type_of_avro(*root));
  return AvroSchema{std::move(root), std::move(type)};
}

}  // namespace ticklake::formats
