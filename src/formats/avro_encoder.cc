// Values of SQL types as Avro's bytes, and the schema that a type gets.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "formats/avro_schema.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

using Form = AvroNode::Form;
using Logical = AvroNode::Logical;
using Json = nlohmann::ordered_json;

// How values of a column are written with a node.
struct Writer {
  enum class Op : uint8_t {
    Null,
    Boolean,
    Number,
    Float,
    Double,
    Bytes,
    Fixed,
    Symbol,
    DecimalBytes,
    DecimalFixed,
    Array,
    Map,
    Record
  };
  Op op = Op::Null;
  std::string path = {};              // for messages
  int null_branch = -1, branch = -1;  // of a union; -1: none
  int64_t divisor = 1;                // Number: micros to what the schema has
  bool is_int = false;
  int64_t size = 0;
  int precision = 0;
  std::vector<std::string> symbols = {};
  std::vector<Writer> parts = {};
  std::vector<int> sources = {};  // Record: the struct's field, -1: the default's bytes
  std::vector<std::string> defaults = {};
};

Error mismatch(const std::string& path, const Type& type, const AvroNode& node) {
  std::string what = node.name.empty() ? std::string(to_string(node.form)) : node.name;
  return {Code::Invalid, fmt::format("{}a value of type {} cannot be written as Avro's {}",
                                     path.empty() ? "" : path + ": ", to_sql(type), what)};
}

bool is_time(Kind kind) { return kind == Kind::Timestamp || kind == Kind::TimestampNtz; }

Result<Writer> writer_of(const Type& type, const AvroNode& node, const std::string& path);

Result<Writer> into_union(const Type& type, const AvroNode& node, const std::string& path) {
  int null_branch = -1;
  for (size_t i = 0; i < node.parts.size(); ++i) {
    if (node.parts[i]->form == Form::Null) null_branch = static_cast<int>(i);
  }
  for (size_t i = 0; i < node.parts.size(); ++i) {
    bool is_null = node.parts[i]->form == Form::Null;
    if (is_null != (type.kind == Kind::Null)) continue;
    auto out = writer_of(type, *node.parts[i], path);
    if (!out) continue;
    out->branch = static_cast<int>(i);
    out->null_branch = null_branch;
    return out;
  }
  return mismatch(path, type, node);
}

Result<Writer> number(const Type& type, const AvroNode& node, Writer out) {
  out.op = Writer::Op::Number;
  out.is_int = node.form == Form::Int;
  bool whole = type.kind >= Kind::Byte && type.kind <= Kind::Long;
  bool narrow = type.kind >= Kind::Byte && type.kind <= Kind::Integer;
  bool millis = node.logical == Logical::TimestampMillis || node.logical == Logical::LocalMillis;
  if (millis && is_time(type.kind)) out.divisor = 1000;
  bool good = out.is_int ? narrow || type.kind == Kind::Date : whole || is_time(type.kind);
  if (!good) return mismatch(out.path, type, node);
  return out;
}

Result<Writer> record(const Type& type, const AvroNode& node, Writer out) {
  if (type.kind != Kind::Struct) return mismatch(out.path, type, node);
  out.op = Writer::Op::Record;
  for (const AvroField& field : node.fields) {
    std::string inner = out.path.empty() ? field.name : out.path + "." + field.name;
    int source = Schema{*type.children}.find(field.name);
    out.sources.push_back(source);
    out.defaults.push_back(field.default_bytes.value_or(""));
    if (source < 0) {
      if (!field.default_bytes) {
        return Error{Code::Invalid,
                     fmt::format("the schema's field {} has {} and no value", inner,
                                 field.no_default())};
      }
      out.parts.emplace_back();
      continue;
    }
    const Type& part = (*type.children)[static_cast<size_t>(source)].type;
    out.parts.push_back(TRY(writer_of(part, *field.node, inner)));
  }
  for (const Field& field : *type.children) {
    bool known = std::any_of(node.fields.begin(), node.fields.end(), [&](const AvroField& each) {
      return equal_ignoring_case(each.name, field.name);
    });
    if (!known) {
      return Error{Code::Invalid, fmt::format("the schema has no field for {}{}",
                                              out.path.empty() ? "" : out.path + ".", field.name)};
    }
  }
  return out;
}

Result<Writer> text(const Type& type, const AvroNode& node, Writer out) {
  if (node.logical == Logical::Decimal) {
    if (type.kind != Kind::Decimal || type.scale != node.scale || type.precision > node.precision) {
      return mismatch(out.path, type, node);
    }
    out.op = node.form == Form::Fixed ? Writer::Op::DecimalFixed : Writer::Op::DecimalBytes;
    return out;
  }
  bool good = type.kind == Kind::String ? node.form == Form::String || node.form == Form::Enum
                                        : type.kind == Kind::Binary && node.form != Form::Enum &&
                                              node.form != Form::String;
  if (!good) return mismatch(out.path, type, node);
  out.symbols = node.symbols;
  out.op = node.form == Form::Enum    ? Writer::Op::Symbol
           : node.form == Form::Fixed ? Writer::Op::Fixed
                                      : Writer::Op::Bytes;
  return out;
}

Result<Writer> writer_of(const Type& type, const AvroNode& node, const std::string& path) {
  if (node.form == Form::Union) return into_union(type, node, path);
  Writer out;
  out.path = path;
  out.size = node.size;
  switch (node.form) {
    case Form::Null:
      if (type.kind == Kind::Null) return out;
      break;
    case Form::Boolean:
      out.op = Writer::Op::Boolean;
      if (type.kind == Kind::Boolean) return out;
      break;
    case Form::Int:
    case Form::Long: return number(type, node, std::move(out));
    case Form::Float:
      out.op = Writer::Op::Float;
      if (type.kind == Kind::Float) return out;
      break;
    case Form::Double:
      out.op = Writer::Op::Double;
      if (type.kind == Kind::Double) return out;
      break;
    case Form::Bytes:
    case Form::String:
    case Form::Enum:
    case Form::Fixed: return text(type, node, std::move(out));
    case Form::Record: return record(type, node, std::move(out));
    case Form::Array:
      if (type.kind != Kind::Array) break;
      out.op = Writer::Op::Array;
      out.parts.push_back(TRY(writer_of((*type.children)[0].type, *node.parts[0], path + "[]")));
      return out;
    case Form::Map:
      if (type.kind != Kind::Map || (*type.children)[0].type.kind != Kind::String) break;
      out.op = Writer::Op::Map;
      out.parts.push_back(TRY(writer_of((*type.children)[1].type, *node.parts[0], path + "{}")));
      return out;
    case Form::Union: break;
  }
  return mismatch(path, type, node);
}

template <typename Array>
const Array& as(const arrow::Array& array) {
  return static_cast<const Array&>(array);
}

int64_t number_at(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::INT8: return as<arrow::Int8Array>(array).Value(row);
    case arrow::Type::INT16: return as<arrow::Int16Array>(array).Value(row);
    case arrow::Type::INT32: return as<arrow::Int32Array>(array).Value(row);
    case arrow::Type::DATE32: return as<arrow::Date32Array>(array).Value(row);
    case arrow::Type::TIMESTAMP: return as<arrow::TimestampArray>(array).Value(row);
    default: return as<arrow::Int64Array>(array).Value(row);
  }
}

int64_t divided(int64_t value, int64_t divisor) {  // towards the past
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

// Two's complement, the highest byte first; as few bytes as hold it, or `size` of them.
std::string decimal_bytes(const arrow::Array& array, int64_t row, int64_t size) {
  arrow::Decimal128 value(as<arrow::Decimal128Array>(array).GetValue(row));
  std::string out;
  auto high = static_cast<uint64_t>(value.high_bits());
  for (uint64_t word : {high, value.low_bits()}) {
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(word >> shift & 0xFF);
  }
  char fill = value.IsNegative() ? '\xFF' : '\0';
  if (size > 16) return std::string(static_cast<size_t>(size) - 16, fill) + out;
  auto repeats = [&] { return out[0] == fill && ((out[1] ^ fill) & 0x80) == 0; };
  while (out.size() > 1 && static_cast<int64_t>(out.size()) > size && repeats()) out.erase(0, 1);
  return out;
}

class Encoder final : public AvroEncoder {
 public:
  explicit Encoder(Writer writer) : writer_(std::move(writer)) {}

  Result<void> encode(const arrow::Array& values, int64_t row, std::string& out) override {
    return put(writer_, values, row, out);
  }

 private:
  static Error refused(const Writer& writer, std::string_view what) {
    return {Code::Invalid,
            fmt::format("{}{}", writer.path.empty() ? "" : writer.path + ": ", what)};
  }
  Result<void> put(const Writer& writer, const arrow::Array& values, int64_t row, std::string& out);
  Result<void> put_items(const Writer& writer, const arrow::Array& values, int64_t row,
                         std::string& out);

  Writer writer_;
};

Result<void> Encoder::put_items(const Writer& writer, const arrow::Array& values, int64_t row,
                                std::string& out) {
  const auto& list = as<arrow::ListArray>(values);  // a map is one too
  int64_t begin = list.value_offset(row), end = list.value_offset(row + 1);
  bool map = writer.op == Writer::Op::Map;
  const arrow::Array& keys = map ? *as<arrow::MapArray>(values).keys() : *list.values();
  const arrow::Array& items = map ? *as<arrow::MapArray>(values).items() : *list.values();
  if (end > begin) put_long(out, end - begin);
  for (int64_t i = begin; i < end; ++i) {
    if (map) put_bytes(out, as<arrow::BinaryArray>(keys).GetView(i));
    TRY(put(writer.parts[0], items, i, out));
  }
  put_long(out, 0);
  return {};
}

Result<void> Encoder::put(const Writer& writer, const arrow::Array& values, int64_t row,
                          std::string& out) {
  if (values.IsNull(row) && writer.op != Writer::Op::Null) {
    if (writer.null_branch < 0)
      return refused(writer, "it is NULL, which the schema does not allow");
    put_long(out, writer.null_branch);
    return {};
  }
  if (writer.branch >= 0) put_long(out, writer.branch);
  auto bytes = [&] { return as<arrow::BinaryArray>(values).GetView(row); };
  auto raw = [&](auto value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  switch (writer.op) {
    case Writer::Op::Null: break;
    case Writer::Op::Boolean:
      out += as<arrow::BooleanArray>(values).Value(row) ? '\1' : '\0';
      break;
    case Writer::Op::Number: put_long(out, divided(number_at(values, row), writer.divisor)); break;
    case Writer::Op::Float: raw(as<arrow::FloatArray>(values).Value(row)); break;
    case Writer::Op::Double: raw(as<arrow::DoubleArray>(values).Value(row)); break;
    case Writer::Op::Bytes: put_bytes(out, bytes()); break;
    case Writer::Op::Fixed:
      if (static_cast<int64_t>(bytes().size()) != writer.size) {
        return refused(writer, fmt::format("{} bytes where the schema's fixed has {}",
                                           bytes().size(), writer.size));
      }
      out += bytes();
      break;
    case Writer::Op::Symbol: {
      auto found = std::find(writer.symbols.begin(), writer.symbols.end(), bytes());
      if (found == writer.symbols.end()) {
        return refused(writer, fmt::format("'{}' is no symbol of the schema", printable(bytes())));
      }
      put_long(out, found - writer.symbols.begin());
      break;
    }
    case Writer::Op::DecimalBytes: put_bytes(out, decimal_bytes(values, row, 1)); break;
    case Writer::Op::DecimalFixed: {
      std::string fixed = decimal_bytes(values, row, writer.size);
      if (static_cast<int64_t>(fixed.size()) != writer.size) {
        return refused(writer, fmt::format("a decimal that takes more than {} bytes", writer.size));
      }
      out += fixed;
      break;
    }
    case Writer::Op::Array:
    case Writer::Op::Map: return put_items(writer, values, row, out);
    case Writer::Op::Record:
      for (size_t i = 0; i < writer.parts.size(); ++i) {
        if (writer.sources[i] < 0) {
          out += writer.defaults[i];
        } else {
          const auto& part = as<arrow::StructArray>(values).field(writer.sources[i]);
          TRY(put(writer.parts[i], *part, row, out));
        }
      }
      break;
  }
  return {};
}

// ---- schemas of types

int fixed_size_of(int precision) {
  // The fewest bytes whose two's complement holds so many nines.
  int size = 1;
  for (double most = 127; most < std::pow(10.0, precision) - 1; ++size) most = most * 256 + 255;
  return size;
}

Result<Json> json_of(const Type& type, bool nullable, const std::string& name,
                     const std::string& space) {
  Json out;
  std::string full = space.empty() ? name : space + "." + name;
  switch (type.kind) {
    case Kind::Null: return Json("null");
    case Kind::Boolean: out = "boolean"; break;
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer: out = "int"; break;
    case Kind::Long: out = "long"; break;
    case Kind::Float: out = "float"; break;
    case Kind::Double: out = "double"; break;
    case Kind::String: out = "string"; break;
    case Kind::Binary: out = "bytes"; break;
    case Kind::Date: out = {{"type", "int"}, {"logicalType", "date"}}; break;
    case Kind::Timestamp: out = {{"type", "long"}, {"logicalType", "timestamp-micros"}}; break;
    case Kind::TimestampNtz:
      out = {{"type", "long"}, {"logicalType", "local-timestamp-micros"}};
      break;
    case Kind::Decimal:
      out = {{"type", "fixed"},
             {"name", full + ".fixed"},
             {"size", fixed_size_of(type.precision)},
             {"logicalType", "decimal"},
             {"precision", type.precision},
             {"scale", type.scale}};
      break;
    case Kind::Array: {
      const Field& element = (*type.children)[0];
      out = {{"type", "array"},
             {"items", TRY(json_of(element.type, element.nullable, name, space))}};
      break;
    }
    case Kind::Map: {
      const auto& entry = *type.children;
      if (entry[0].type.kind != Kind::String) {
        return Error{
            Code::Unsupported,
            fmt::format("{}: the keys of a map in Avro are texts; cast them to STRING", name)};
      }
      out = {{"type", "map"},
             {"values", TRY(json_of(entry[1].type, entry[1].nullable, name, space))}};
      break;
    }
    case Kind::Struct: {
      Json fields = Json::array();
      for (const Field& field : *type.children) {
        Json one{{"name", field.name},
                 {"type", TRY(json_of(field.type, field.nullable, field.name, full))}};
        fields.push_back(std::move(one));
      }
      out = {{"type", "record"}, {"name", name}};
      if (!space.empty()) out["namespace"] = space;
      out["fields"] = std::move(fields);
      break;
    }
    default:
      return Error{Code::Unsupported,
                   fmt::format("{}: Avro has no type for {}", name, to_sql(type))};
  }
  if (nullable) return Json::array({out, "null"});
  return out;
}

}  // namespace

Result<std::string> avro_of(const Type& type, bool nullable, const std::string& name) {
  Json json = TRY(json_of(type, nullable, name, ""));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::unique_ptr<AvroEncoder>> AvroEncoder::make(const Type& type, const AvroSchema& schema) {
  Writer writer = TRY(writer_of(type, *schema.root, ""));
  return std::unique_ptr<AvroEncoder>(std::make_unique<Encoder>(std::move(writer)));
}

}  // namespace ticklake::formats
