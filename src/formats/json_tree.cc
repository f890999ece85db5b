#include "formats/json_tree.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "formats/scalar.h"

namespace ticklake::formats {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using S = Scalar::Kind;

constexpr int kDepthMax = 1000;

// The first error of simdjson leaves the function, as TRY does with ours.
#define TRY_JSON(expression)                                       \
  do {                                                             \
    if (error_code try_error = (expression)) return try_error;     \
  } while (false)

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view without_blanks_after(std::string_view token) {
  while (!token.empty() && is_blank(token.back())) token.remove_suffix(1);
  return token;
}

// A scalar that is not a string. Missing: none. NaN and the infinities are numbers, as Spark reads
// them.
Scalar literal(std::string_view token) {
  if (token == "null") return {S::Null, token};
  if (token == "true") return {S::True, token};
  if (token == "false") return {S::False, token};
  if (token == "NaN" || token == "Infinity" || token == "-Infinity") return {S::Real, token};
  bool real;
  const char* end = token.data() + token.size();
  if (scan_number(token.data(), end, real) != end) return {};
  return {real ? S::Real : S::Integer, token};
}

class Tree final : public TreeReader {
 public:
  Tree(Strictness strictness, TreeOptions options)
      : strict_(strictness == Strictness::Strict), options_(options) {}

  std::string read(std::string_view text, Column& root) override;
  const std::vector<Leftover>& leftovers() const override { return leftovers_; }

 private:
  struct Failure {
    error_code error = simdjson::SUCCESS;
    size_t at = 0;
  };

  Failure read_object(std::string_view text, Column& root);
  error_code object_into(ondemand::object object, Column& column);
  error_code field_into(std::string_view name, ondemand::value value, Column& column,
                        int64_t row, size_t& next);
  error_code value_into(ondemand::value value, Column& column, bool& matched);
  error_code array_into(ondemand::array array, Column& column, bool& matched);
  error_code map_into(ondemand::object object, Column& column, bool& matched);
  error_code nested_into(ondemand::value value, Column& column, bool& matched);
  error_code scalar_of(ondemand::value value, Scalar& scalar);
  error_code skip(ondemand::value value);
  error_code compact(ondemand::value value, std::string* out);
  error_code compact_parts(ondemand::value value, std::string* out);
  error_code exact_parts(ondemand::value value, std::string_view& out);
  void report(std::string_view reason);
  void leave(std::string json, bool unknown);
  // Leftovers within a list have no place of their own: the list is left whole instead.
  void leave_list(size_t before, std::string_view json);
  bool append_value(Column& column, const Scalar& scalar) const;
  size_t place(ondemand::document& document) const;

  const bool strict_;
  const TreeOptions options_;
  std::vector<Leftover> leftovers_;
  ondemand::parser parser_;
  std::vector<char> scratch_;  // the text, with room for simdjson to read beyond it
  size_t text_size_ = 0;
  std::vector<std::string_view> path_;
  std::string reason_;
  const char* bad_token_ = nullptr;
  int depth_ = 0;
};

void Tree::report(std::string_view reason) {
  if (!reason_.empty()) return;
  for (std::string_view name : path_) {
    if (!reason_.empty()) reason_ += '.';
    reason_ += name;
  }
  if (!path_.empty()) reason_ += ": ";
  reason_ += reason;
}

void Tree::leave(std::string json, bool unknown) {
  leftovers_.push_back({{path_.begin(), path_.end()}, std::move(json), unknown});
}

void Tree::leave_list(size_t before, std::string_view json) {
  if (leftovers_.size() == before) return;
  bool unknown = std::any_of(leftovers_.begin() + static_cast<ptrdiff_t>(before), leftovers_.end(),
                             [](const Leftover& one) { return one.unknown; });
  leftovers_.resize(before);
  leave(std::string(without_blanks_after(json)), unknown);
}

bool Tree::append_value(Column& column, const Scalar& scalar) const {
  Kind kind = column.type().kind;
  bool time = kind == Kind::Date || kind == Kind::Timestamp || kind == Kind::TimestampNtz;
  bool number = scalar.kind == S::Integer || scalar.kind == S::Real;
  if (options_.exact_text && kind == Kind::String && number) {
    column.append_bytes(scalar.text);
    return true;
  }
  if (options_.patterns == nullptr || !time || scalar.kind != S::String) {
    return append_scalar(column, scalar);
  }
  bool own = kind == Kind::Date ? options_.patterns->date_pattern.has_value()
                                : options_.patterns->timestamp_pattern.has_value();
  return own ? append_csv_value(column, scalar.text, *options_.patterns)
             : append_scalar(column, scalar);
}

error_code Tree::scalar_of(ondemand::value value, Scalar& scalar) {
  std::string_view token = value.raw_json_token();
  if (token[0] == '"') {
    scalar.kind = S::String;
    return value.get_string(true).get(scalar.text);
  }
  bad_token_ = token.data();
  scalar = literal(without_blanks_after(token));
  if (scalar.kind == S::Missing) return simdjson::TAPE_ERROR;
  // What simdjson does not know as a value it steps over by itself.
  if (token[0] != 'N' && token[0] != 'I') {
    std::string_view consumed;
    TRY_JSON(value.raw_json().get(consumed));
  }
  bad_token_ = nullptr;
  return simdjson::SUCCESS;
}

// Checks all that it passes by, unlike simdjson's own skipping.
error_code Tree::skip(ondemand::value value) { return compact(value, nullptr); }

// The value as text without blanks, numbers as Spark writes them. Nothing is written where `out` is
// null.
error_code Tree::compact(ondemand::value value, std::string* out) {
  char first = value.raw_json_token()[0];
  if (first == '{' || first == '[') {
    if (++depth_ > kDepthMax) return simdjson::DEPTH_ERROR;
    TRY_JSON(compact_parts(value, out));
    --depth_;
    return simdjson::SUCCESS;
  }
  Scalar scalar;
  TRY_JSON(scalar_of(value, scalar));
  if (!out) return simdjson::SUCCESS;
  if (scalar.kind == S::String) {
    append_json_string(*out, scalar.text);
  } else if (scalar.kind == S::Real) {
    bool named = scalar.text.find_first_of("NI") != std::string_view::npos;
    double number = named ? 0 : to_double(scalar.text);
    std::string text = named ? std::string(scalar.text) : java_double(number);
    *out += named || std::isinf(number) ? '"' + text + '"' : text;
  } else {
    *out += scalar.text == "-0" ? "0" : scalar.text;
  }
  return simdjson::SUCCESS;
}

error_code Tree::compact_parts(ondemand::value value, std::string* out) {
  auto write = [&](std::string_view text) {
    if (out) *out += text;
  };
  bool first = true;
  if (value.raw_json_token()[0] == '[') {
    ondemand::array array;
    TRY_JSON(value.get_array().get(array));
    write("[");
    for (auto element : array) {
      ondemand::value part;
      TRY_JSON(std::move(element).get(part));
      if (!std::exchange(first, false)) write(",");
      TRY_JSON(compact(part, out));
    }
    write("]");
    return simdjson::SUCCESS;
  }
  ondemand::object object;
  TRY_JSON(value.get_object().get(object));
  write("{");
  for (auto field : object) {
    std::string_view name;
    TRY_JSON(field.unescaped_key(true).get(name));
    if (!std::exchange(first, false)) write(",");
    if (out) append_json_string(*out, name);
    write(":");
    ondemand::value part;
    TRY_JSON(field.value().get(part));
    TRY_JSON(compact(part, out));
  }
  write("}");
  return simdjson::SUCCESS;
}

// An object or a list as it is written.
error_code Tree::exact_parts(ondemand::value value, std::string_view& out) {
  if (value.raw_json_token()[0] == '[') {
    ondemand::array array;
    TRY_JSON(value.get_array().get(array));
    TRY_JSON(array.raw_json().get(out));
    TRY_JSON(array.reset().error());
    for (auto element : array) {
      ondemand::value part;
      TRY_JSON(std::move(element).get(part));
      TRY_JSON(skip(part));
    }
  } else {
    ondemand::object object;
    TRY_JSON(value.get_object().get(object));
    TRY_JSON(object.raw_json().get(out));
    TRY_JSON(object.reset().error());
    for (auto field : object) {
      ondemand::value part;
      TRY_JSON(field.value().get(part));
      TRY_JSON(skip(part));
    }
  }
  out = without_blanks_after(out);
  return simdjson::SUCCESS;
}

error_code Tree::object_into(ondemand::object object, Column& column) {
  const std::vector<Field>& fields = *column.type().children;
  int64_t row = column.size();
  size_t next = 0;
  for (auto field : object) {
    std::string_view name;
    TRY_JSON(field.unescaped_key(true).get(name));
    ondemand::value value;
    TRY_JSON(field.value().get(value));
    TRY_JSON(field_into(name, value, column, row, next));
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    if (column.children()[i].size() == row) column.children()[i].append_null();
  }
  column.append_parent();
  return simdjson::SUCCESS;
}

// `next` is the field that would follow in the schema's order: a hint.
error_code Tree::field_into(std::string_view name, ondemand::value value, Column& column,
                            int64_t row, size_t& next) {
  const std::vector<Field>& fields = *column.type().children;
  if (next >= fields.size() || fields[next].name != name) {
    next = 0;
    while (next < fields.size() && fields[next].name != name) ++next;
  }
  if (next == fields.size() && !options_.case_sensitive) {
    next = 0;
    while (next < fields.size() && !equal_ignoring_case(fields[next].name, name)) ++next;
  }
  if (next == fields.size()) {
    if (strict_) report(fmt::format("there is no column \"{}\"", printable(name)));
    if (!options_.keep_leftovers) return skip(value);
    std::string json;
    std::string kept_name(name);
    TRY_JSON(compact(value, &json));
    path_.push_back(kept_name);
    leave(std::move(json), true);
    path_.pop_back();
    return simdjson::SUCCESS;
  }
  Column& child = column.children()[next];
  path_.push_back(fields[next++].name);
  bool matched = true;
  TRY_JSON(value_into(value, child, matched));
  path_.pop_back();
  // The last of equal keys that has a value of the type counts.
  if (matched && child.size() > row + 1) {
    child.erase(row, row + 1);
    if (strict_) report(fmt::format("the key \"{}\" is given twice", name));
  }
  return simdjson::SUCCESS;
}

// Where it does not match, the value is passed by and nothing is appended.
error_code Tree::value_into(ondemand::value value, Column& column, bool& matched) {
  char first = value.raw_json_token()[0];
  if (first == '{' || first == '[') {
    if (++depth_ > kDepthMax) return simdjson::DEPTH_ERROR;
    TRY_JSON(nested_into(value, column, matched));
    --depth_;
    return simdjson::SUCCESS;
  }
  Scalar scalar;
  TRY_JSON(scalar_of(value, scalar));
  bool refused = strict_ && column.type().kind == Kind::String && scalar.kind != S::String &&
                 scalar.kind != S::Null;
  matched = !refused && append_value(column, scalar);
  if (matched) return simdjson::SUCCESS;
  report(mismatch(column.type(), scalar));
  if (!options_.keep_leftovers) return simdjson::SUCCESS;
  std::string json;
  if (scalar.kind == S::String) append_json_string(json, scalar.text);
  else json = scalar.text;
  leave(std::move(json), false);
  return simdjson::SUCCESS;
}

error_code Tree::nested_into(ondemand::value value, Column& column, bool& matched) {
  bool is_object = value.raw_json_token()[0] == '{';
  Kind kind = column.type().kind;
  if (is_object && (kind == Kind::Struct || kind == Kind::Map)) {
    ondemand::object object;
    TRY_JSON(value.get_object().get(object));
    return kind == Kind::Map ? map_into(object, column, matched) : object_into(object, column);
  }
  if (!is_object && kind == Kind::Array) {
    ondemand::array array;
    TRY_JSON(value.get_array().get(array));
    return array_into(array, column, matched);
  }
  if (kind == Kind::String && options_.exact_text) {
    std::string_view exact;
    TRY_JSON(exact_parts(value, exact));
    column.append_bytes(exact);
    return simdjson::SUCCESS;
  }
  if (kind == Kind::String && !strict_) {
    std::string text;
    TRY_JSON(compact_parts(value, &text));
    column.append_bytes(text);
    return simdjson::SUCCESS;
  }
  matched = false;
  std::string json;
  TRY_JSON(compact_parts(value, options_.keep_leftovers ? &json : nullptr));
  if (options_.keep_leftovers) leave(std::move(json), false);
  report(mismatch(column.type(), {S::Nested, is_object ? "an object" : "an array"}));
  return simdjson::SUCCESS;
}

error_code Tree::array_into(ondemand::array array, Column& column, bool& matched) {
  Column& elements = column.children()[0];
  int64_t before = elements.size();
  size_t leftovers = leftovers_.size();
  std::string_view json;
  if (options_.keep_leftovers) {
    TRY_JSON(array.raw_json().get(json));
    TRY_JSON(array.reset().error());
  }
  for (auto element : array) {
    ondemand::value value;
    TRY_JSON(std::move(element).get(value));
    TRY_JSON(matched ? value_into(value, elements, matched) : skip(value));
  }
  if (options_.keep_leftovers) leave_list(leftovers, json);
  if (matched) {
    column.append_parent();
  } else {
    elements.truncate(before);
  }
  return simdjson::SUCCESS;
}

error_code Tree::map_into(ondemand::object object, Column& column, bool& matched) {
  Column& keys = column.children()[0];
  Column& values = column.children()[1];
  int64_t before = keys.size();
  size_t leftovers = leftovers_.size();
  std::string_view json;
  if (options_.keep_leftovers) {
    TRY_JSON(object.raw_json().get(json));
    TRY_JSON(object.reset().error());
  }
  for (auto field : object) {
    std::string_view name;
    TRY_JSON(field.unescaped_key(true).get(name));
    if (matched) keys.append_bytes(name);
    ondemand::value value;
    TRY_JSON(field.value().get(value));
    TRY_JSON(matched ? value_into(value, values, matched) : skip(value));
  }
  if (options_.keep_leftovers) leave_list(leftovers, json);
  if (matched) {
    column.append_parent();
  } else {
    keys.truncate(before);
    values.truncate(before);
  }
  return simdjson::SUCCESS;
}

size_t Tree::place(ondemand::document& document) const {
  const char* at = bad_token_;
  if (!at && document.current_location().get(at) != simdjson::SUCCESS) return text_size_;
  return std::min(static_cast<size_t>(at - scratch_.data()), text_size_);
}

Tree::Failure Tree::read_object(std::string_view text, Column& root) {
  text_size_ = text.size();
  scratch_.resize(text.size() + simdjson::SIMDJSON_PADDING);
  std::copy(text.begin(), text.end(), scratch_.begin());
  std::fill(scratch_.begin() + static_cast<ptrdiff_t>(text.size()), scratch_.end(), ' ');
  path_.clear();
  leftovers_.clear();
  reason_.clear();
  bad_token_ = nullptr;
  depth_ = 1;
  ondemand::document document;
  if (auto error = parser_.iterate(scratch_.data(), text.size(), scratch_.size()).get(document)) {
    return {error, text.size()};
  }
  ondemand::object object;
  error_code error = document.get_object().get(object);
  if (!error) error = object_into(object, root);
  if (error) return {error, place(document)};
  if (!document.at_end()) return {simdjson::TRAILING_CONTENT, place(document)};
  return {};
}

// Where the object that the text begins with ends; its size where it does not end.
size_t object_end(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth <= 0) return i + 1;
  }
  return text.size();
}

size_t bad_utf8_at(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    auto c = static_cast<unsigned char>(text[at]);
    size_t size = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (!is_utf8(text.substr(at, size))) break;
    at += size;
  }
  return at;
}

size_t control_byte_at(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') ++i;
    else if (text[i] == '"') quoted = !quoted;
    else if (quoted && static_cast<unsigned char>(text[i]) < 0x20) return i;
  }
  return text.size();
}

std::string malformed(std::string_view text, error_code error, size_t at) {
  std::string_view why = "unexpected character";
  switch (error) {
    case simdjson::UTF8_ERROR:
      at = bad_utf8_at(text);
      why = "invalid UTF-8";
      break;
    case simdjson::UNESCAPED_CHARS:
      at = control_byte_at(text);
      why = "a control character inside a string";
      break;
    case simdjson::UNCLOSED_STRING: why = "a string is not closed"; break;
    case simdjson::STRING_ERROR: why = "a bad escape in a string"; break;
    case simdjson::DEPTH_ERROR: why = "nested deeper than 1000 levels"; break;
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      at = text.size();
      why = "the object is not closed";
      break;
    case simdjson::TRAILING_CONTENT: why = "text after the object"; break;
    default:
      if (at >= text.size()) why = "the object is not closed";
  }
  return fmt::format("malformed JSON at byte {}: {}", at, why);
}

std::string Tree::read(std::string_view text, Column& root) {
  int64_t row = root.size();
  leftovers_.clear();
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  size_t begin = 0;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  if (begin == text.size()) {
    root.append_null();
    return "the text is empty";
  }
  if (text[begin] != '{') {
    root.append_null();
    return is_utf8(text) ? "the text is not a JSON object"
                         : malformed(text, simdjson::UTF8_ERROR, 0);
  }
  Failure failure = read_object(text, root);
  if (failure.error == simdjson::SUCCESS) return reason_;
  root.truncate(row);
  // What follows a whole object does not spoil it, but it is told.
  if (size_t end = object_end(text); end < text.size()) {
    if (read_object(text.substr(0, end), root).error == simdjson::SUCCESS) {
      size_t after = end;
      while (is_blank(text[after])) ++after;
      return malformed(text, simdjson::TRAILING_CONTENT, after);
    }
    root.truncate(row);
  }
  root.append_null();
  return malformed(text, failure.error, failure.at);
}

}  // namespace

std::unique_ptr<TreeReader> make_tree_reader(Strictness strictness, TreeOptions options) {
  return std::make_unique<Tree>(strictness, options);
}

}  // namespace ticklake::formats
