#include "formats/infer_json.h"

#include <simdjson.h>

#include <algorithm>
#include <map>

#include "formats/csv_value.h"
#include "formats/scalar.h"

namespace ticklake::formats {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

constexpr int kDepthMax = 100;

#define TRY_JSON(expression)                                   \
  do {                                                         \
    if (error_code try_error = (expression)) return try_error; \
  } while (false)

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

int digits_of(const Type& type) {
  return type.kind == Kind::Long ? 20 : int{type.precision};
}

Type common_number(const Type& a, const Type& b) {
  if (a.kind == Kind::Double || b.kind == Kind::Double) return Kind::Double;
  int scale = std::max(int{a.scale}, int{b.scale});
  int whole = std::max(digits_of(a) - int{a.scale}, digits_of(b) - int{b.scale});
  return whole + scale > 38 ? Type(Kind::Double) : Type::decimal(whole + scale, scale);
}

Type common_struct(const Type& a, const Type& b) {
  std::vector<Field> out = *a.children;
  for (const Field& field : *b.children) {
    auto at = std::lower_bound(out.begin(), out.end(), field.name,
                               [](const Field& one, const std::string& n) { return one.name < n; });
    if (at != out.end() && at->name == field.name) {
      at->type = common_json_type(at->type, field.type);
    } else {
      out.insert(at, field);
    }
  }
  return Type::structure(std::move(out));
}

// NULL as STRING, and without objects that have no fields. Nothing where nothing is left.
std::optional<Type> canonical(const Type& type) {
  if (type.kind == Kind::Null) return Type(Kind::String);
  if (type.kind == Kind::Array) {
    auto element = canonical((*type.children)[0].type);
    return element ? std::optional(Type::array(*element)) : std::nullopt;
  }
  if (type.kind != Kind::Struct) return type;
  std::vector<Field> fields;
  for (const Field& field : *type.children) {
    auto inner = canonical(field.type);
    if (inner && !field.name.empty()) fields.push_back({field.name, *inner});
  }
  if (fields.empty()) return {};
  return Type::structure(std::move(fields));
}

class Shapes final : public JsonShapes {
 public:
  explicit Shapes(const FileFormat& format) : format_(format) {
    auto patterns = TimePatterns::make(format);
    if (patterns) patterns_ = *std::move(patterns);
  }

  void add(std::string_view text) override;
  Schema schema() const override;

 private:
  error_code type_of(ondemand::value value, int depth, Type& out);
  error_code document(std::string_view text, Type& out);
  Type scalar_type(std::string_view token) const;
  Type text_type(std::string_view text) const;

  FileFormat format_;
  TimePatterns patterns_;
  ondemand::parser parser_;
  std::vector<char> scratch_;
  Type seen_ = Type::structure({});
  bool malformed_ = false;
};

Type Shapes::text_type(std::string_view text) const {
  if (text.empty()) return Kind::Null;
  bool time = format_.infer_timestamp && !format_.primitives_as_string;
  if (time && patterns_.timestamp(text)) return Kind::Timestamp;
  return Kind::String;
}

// Null with no children: no JSON value.
Type Shapes::scalar_type(std::string_view token) const {
  if (format_.primitives_as_string || !format_.infer_types) return Kind::String;
  if (token == "true" || token == "false") return Kind::Boolean;
  bool real = false;
  const char* end = token.data() + token.size();
  if (scan_number(token.data(), end, real) != end) return Kind::Double;  // NaN and the infinities
  if (!real && to_int64(token)) return Kind::Long;
  std::string_view digits = token.starts_with('-') ? token.substr(1) : token;
  if (!real && digits.size() <= 38) return Type::decimal(static_cast<int>(digits.size()), 0);
  size_t point = digits.find('.');
  bool plain = point != std::string_view::npos &&
               digits.find_first_of("eE") == std::string_view::npos && digits.size() <= 39;
  if (!format_.prefers_decimal || !plain) return Kind::Double;
  auto scale = static_cast<int>(digits.size() - point - 1);
  int whole = point == 1 && digits[0] == '0' ? 0 : static_cast<int>(point);
  return Type::decimal(std::max(whole + scale, 1), scale);
}

error_code Shapes::type_of(ondemand::value value, int depth, Type& out) {
  if (depth > kDepthMax) return simdjson::DEPTH_ERROR;
  std::string_view token = value.raw_json_token();
  if (token[0] == '{') {
    ondemand::object object;
    TRY_JSON(value.get_object().get(object));
    std::map<std::string, Type> fields;
    for (auto field : object) {
      std::string_view name;
      TRY_JSON(field.unescaped_key(true).get(name));
      std::string key(name);
      ondemand::value part;
      TRY_JSON(field.value().get(part));
      Type type;
      TRY_JSON(type_of(part, depth + 1, type));
      auto [at, fresh] = fields.emplace(std::move(key), type);
      if (!fresh) at->second = common_json_type(at->second, type);
    }
    std::vector<Field> children;
    for (auto& [name, type] : fields) children.push_back({name, type});
    out = Type::structure(std::move(children));
    return simdjson::SUCCESS;
  }
  if (token[0] == '[') {
    ondemand::array array;
    TRY_JSON(value.get_array().get(array));
    Type all = Kind::Null;
    for (auto element : array) {
      ondemand::value part;
      TRY_JSON(std::move(element).get(part));
      Type type;
      TRY_JSON(type_of(part, depth + 1, type));
      all = common_json_type(all, type);
    }
    out = Type::array(all);
    return simdjson::SUCCESS;
  }
  if (token[0] == '"') {
    std::string_view text;
    TRY_JSON(value.get_string(true).get(text));
    out = text_type(text);
    return simdjson::SUCCESS;
  }
  while (!token.empty() && is_blank(token.back())) token.remove_suffix(1);
  if (token == "null") {
    out = Kind::Null;
  } else {
    bool real = false;
    bool number = scan_number(token.data(), token.data() + token.size(), real) ==
                  token.data() + token.size();
    bool named = token == "NaN" || token == "Infinity" || token == "-Infinity";
    if (!number && !named && token != "true" && token != "false") return simdjson::TAPE_ERROR;
    out = scalar_type(token);
    if (token[0] == 'N' || token[0] == 'I') return simdjson::SUCCESS;
  }
  std::string_view passed;
  return value.raw_json().get(passed);
}

error_code Shapes::document(std::string_view text, Type& out) {
  scratch_.resize(text.size() + simdjson::SIMDJSON_PADDING);
  std::copy(text.begin(), text.end(), scratch_.begin());
  std::fill(scratch_.begin() + static_cast<ptrdiff_t>(text.size()), scratch_.end(), ' ');
  ondemand::document document;
  TRY_JSON(parser_.iterate(scratch_.data(), text.size(), scratch_.size()).get(document));
  ondemand::value value;
  TRY_JSON(document.get_value().get(value));
  TRY_JSON(type_of(value, 1, out));
  return document.at_end() ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
}

void Shapes::add(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  if (text.empty()) return;
  Type type;
  bool nested = text[0] == '{' || text[0] == '[';
  bool good = nested && document(text, type) == simdjson::SUCCESS;
  if (good && type.kind == Kind::Array) type = (*type.children)[0].type;
  if (good && type.kind == Kind::Struct) seen_ = common_json_type(seen_, type);
  else malformed_ = true;
}

Schema Shapes::schema() const {
  Schema out;
  if (auto type = canonical(seen_)) out.fields = *type->children;
  if (malformed_ && format_.mode == FileFormat::Mode::Permissive && format_.rescued.empty()) {
    auto at = std::lower_bound(
        out.fields.begin(), out.fields.end(), format_.corrupt,
        [](const Field& field, const std::string& name) { return field.name < name; });
    out.fields.insert(at, {format_.corrupt, Kind::String});
  }
  return out;
}

}  // namespace

Type common_json_type(const Type& a, const Type& b) {
  if (a.kind == Kind::Null) return b;
  if (b.kind == Kind::Null || a == b) return a;
  auto number = [](Kind k) { return k == Kind::Long || k == Kind::Decimal || k == Kind::Double; };
  if (number(a.kind) && number(b.kind)) return common_number(a, b);
  if (a.kind == Kind::Struct && b.kind == Kind::Struct) return common_struct(a, b);
  if (a.kind == Kind::Array && b.kind == Kind::Array) {
    return Type::array(common_json_type((*a.children)[0].type, (*b.children)[0].type));
  }
  return Kind::String;
}

std::unique_ptr<JsonShapes> make_json_shapes(const FileFormat& format) {
  return std::make_unique<Shapes>(format);
}

}  // namespace ticklake::formats
