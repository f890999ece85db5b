#include "delta/statistics.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "delta/json.h"
#include "delta/values.h"

namespace ticklake::delta {
namespace {

constexpr size_t kTextMax = 32;  // characters

template <typename Array>
bool any_nan(const arrow::Array& array) {
  const auto& numbers = static_cast<const Array&>(array);
  const auto* values = numbers.raw_values();
  bool found = false;
  for (int64_t i = 0; i < array.length(); ++i) found |= std::isnan(values[i]);
  return found;
}

void note_nans_in(const arrow::Array& array, int& leaf, std::set<int>& out) {
  switch (array.type_id()) {
    case arrow::Type::STRUCT: {
      const auto& rows = static_cast<const arrow::StructArray&>(array);
      for (int i = 0; i < rows.num_fields(); ++i) note_nans_in(*rows.field(i), leaf, out);
      return;
    }
    case arrow::Type::LIST:
      return note_nans_in(*static_cast<const arrow::ListArray&>(array).values(), leaf, out);
    case arrow::Type::MAP: {
      const auto& maps = static_cast<const arrow::MapArray&>(array);
      note_nans_in(*maps.keys(), leaf, out);
      return note_nans_in(*maps.items(), leaf, out);
    }
    case arrow::Type::FLOAT:
      if (any_nan<arrow::FloatArray>(array)) out.insert(leaf);
      break;
    case arrow::Type::DOUBLE:
      if (any_nan<arrow::DoubleArray>(array)) out.insert(leaf);
      break;
    default: break;
  }
  ++leaf;
}

// One leaf column over all row groups.
struct Bounds {
  std::shared_ptr<parquet::Statistics> all;
  int64_t nulls = 0;
  bool nulls_known = true;
  bool bounded = true;  // each row group has a minimum and a maximum, or only NULLs
};

Bounds bounds_of(const parquet::FileMetaData& file, int leaf) {
  Bounds out;
  for (int group = 0; group < file.num_row_groups(); ++group) {
    auto chunk = file.RowGroup(group)->ColumnChunk(leaf);
    auto encoded = chunk->encoded_statistics();
    if (!encoded || !encoded->has_null_count) {
      out.nulls_known = out.bounded = false;
      continue;
    }
    out.nulls += encoded->null_count;
    if (encoded->null_count == chunk->num_values()) continue;
    auto some = chunk->statistics();
    if (!some || !some->HasMinMax()) {
      out.bounded = false;
    } else if (!out.all) {
      out.all = some;
    } else if (some->physical_type() == parquet::Type::BYTE_ARRAY) {
      auto& whole = static_cast<parquet::ByteArrayStatistics&>(*out.all);
      whole.Merge(static_cast<const parquet::ByteArrayStatistics&>(*some));
    } else if (some->physical_type() == parquet::Type::INT64) {
      auto& whole = static_cast<parquet::Int64Statistics&>(*out.all);
      whole.Merge(static_cast<const parquet::Int64Statistics&>(*some));
    } else if (some->physical_type() == parquet::Type::INT32) {
      auto& whole = static_cast<parquet::Int32Statistics&>(*out.all);
      whole.Merge(static_cast<const parquet::Int32Statistics&>(*some));
    } else if (some->physical_type() == parquet::Type::DOUBLE) {
      auto& whole = static_cast<parquet::DoubleStatistics&>(*out.all);
      whole.Merge(static_cast<const parquet::DoubleStatistics&>(*some));
    } else if (some->physical_type() == parquet::Type::FLOAT) {
      auto& whole = static_cast<parquet::FloatStatistics&>(*out.all);
      whole.Merge(static_cast<const parquet::FloatStatistics&>(*some));
    } else if (some->physical_type() == parquet::Type::BOOLEAN) {
      auto& whole = static_cast<parquet::BoolStatistics&>(*out.all);
      whole.Merge(static_cast<const parquet::BoolStatistics&>(*some));
    } else if (some->physical_type() == parquet::Type::FIXED_LEN_BYTE_ARRAY) {
      auto& whole = static_cast<parquet::FLBAStatistics&>(*out.all);
      whole.Merge(static_cast<const parquet::FLBAStatistics&>(*some));
    } else {
      out.bounded = false;
    }
  }
  out.bounded = out.bounded && out.all;
  return out;
}

// A bound as JSON; "" for none.
struct Texts {
  std::string min;
  std::string max;
};

std::string float_json(double value, std::string text) {
  return std::isfinite(value) ? std::move(text) : "";
}

std::string instant_json(int64_t ms, bool zoned) {
  int64_t micros = ms * kMicrosPerMilli;
  int64_t seconds = floor_to(micros, kMicrosPerSecond);
  std::string text = format_wall_time(seconds);
  if (text.starts_with('+') || text.starts_with('-')) return "";
  int64_t fraction = (micros - seconds) / kMicrosPerMilli;
  return fmt::format("\"{}.{:03}{}\"", text, fraction, zoned ? "Z" : "");
}

Texts timestamp_texts(int64_t min, int64_t max, bool zoned) {
  int64_t below = floor_to(min, kMicrosPerMilli) / kMicrosPerMilli;
  int64_t above = floor_to(max, kMicrosPerMilli) / kMicrosPerMilli;
  if (above * kMicrosPerMilli < max) ++above;
  return {instant_json(below, zoned), instant_json(above, zoned)};
}

Texts string_texts(std::string_view min, std::string_view max) {
  if (!is_utf8(min) || !is_utf8(max)) return {};
  auto above = cut_above(max);
  return {Json(cut_below(min)).dump(), above ? Json(*above).dump() : ""};
}

std::string decimal_text(const arrow::Decimal128& value, int scale) {
  std::string text = value.ToString(scale);
  // Small numbers come in scientific form ("0E-9"), which loses the scale; write them out.
  if (text.find('E') == std::string::npos) return text;
  std::string digits = value.ToIntegerString();
  bool negative = digits.starts_with('-');
  if (negative) digits.erase(0, 1);
  auto places = static_cast<size_t>(scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  digits.insert(digits.size() - places, ".");
  return (negative ? "-" : "") + digits;
}

Texts decimal_texts(const parquet::Statistics& all, const Type& type) {
  auto text = [&](const arrow::Decimal128& value) { return decimal_text(value, type.scale); };
  if (all.physical_type() == parquet::Type::INT32) {
    const auto& s = static_cast<const parquet::Int32Statistics&>(all);
    return {text(arrow::Decimal128(s.min())), text(arrow::Decimal128(s.max()))};
  }
  if (all.physical_type() == parquet::Type::INT64) {
    const auto& s = static_cast<const parquet::Int64Statistics&>(all);
    return {text(arrow::Decimal128(s.min())), text(arrow::Decimal128(s.max()))};
  }
  const auto& s = static_cast<const parquet::FLBAStatistics&>(all);
  int width = all.descr()->type_length();
  auto min = arrow::Decimal128::FromBigEndian(s.min().ptr, width);
  auto max = arrow::Decimal128::FromBigEndian(s.max().ptr, width);
  if (!min.ok() || !max.ok()) return {};
  return {text(*min), text(*max)};
}

template <typename Statistics>
Texts number_texts(const parquet::Statistics& all) {
  const auto& s = static_cast<const Statistics&>(all);
  return {fmt::format("{}", s.min()), fmt::format("{}", s.max())};
}

Texts texts_of(const parquet::Statistics& all, const Type& type) {
  switch (type.kind) {
    case Kind::Boolean: return number_texts<parquet::BoolStatistics>(all);
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer: return number_texts<parquet::Int32Statistics>(all);
    case Kind::Long: return number_texts<parquet::Int64Statistics>(all);
    case Kind::Float: {
      const auto& s = static_cast<const parquet::FloatStatistics&>(all);
      return {float_json(s.min(), float_text(s.min())), float_json(s.max(), float_text(s.max()))};
    }
    case Kind::Double: {
      const auto& s = static_cast<const parquet::DoubleStatistics&>(all);
      return {float_json(s.min(), float_text(s.min())), float_json(s.max(), float_text(s.max()))};
    }
    case Kind::Decimal: return decimal_texts(all, type);
    case Kind::String: {
      const auto& s = static_cast<const parquet::ByteArrayStatistics&>(all);
      return string_texts(std::string_view(s.min()), std::string_view(s.max()));
    }
    case Kind::Date: {
      const auto& s = static_cast<const parquet::Int32Statistics&>(all);
      return {'"' + format_date(s.min()) + '"', '"' + format_date(s.max()) + '"'};
    }
    case Kind::Timestamp:
    case Kind::TimestampNtz: {
      const auto& s = static_cast<const parquet::Int64Statistics&>(all);
      return timestamp_texts(s.min(), s.max(), type.kind == Kind::Timestamp);
    }
    default: return {};  // Boolean and Binary have none
  }
}

struct Objects {
  std::string min;
  std::string max;
  std::string nulls;
};

void append_member(std::string& object, const std::string& name, const std::string& value) {
  if (value.empty()) return;
  if (!object.empty()) object += ',';
  object += dumped(Json(name)) + ':' + value;
}

std::string braced(const std::string& members) {
  return members.empty() ? "" : "{" + members + "}";
}

int leaf_count(const Type& type) {
  if (!type.children) return 1;
  int count = 0;
  for (const Field& child : *type.children) count += leaf_count(child.type);
  return count;
}

struct Walk {
  const parquet::FileMetaData& file;
  const std::set<int>& nans;
  int64_t left;  // columns still to be described; negative: no end
  int leaf = 0;
};

Objects described(const std::vector<Field>& fields, Walk& walk) {
  Objects out;
  for (const Field& field : fields) {
    if (walk.left == 0) break;
    if (field.type.kind == Kind::Struct) {
      Objects inner = described(*field.type.children, walk);
      append_member(out.min, field.name, braced(inner.min));
      append_member(out.max, field.name, braced(inner.max));
      append_member(out.nulls, field.name, braced(inner.nulls));
      continue;
    }
    int leaf = walk.leaf;
    walk.leaf += leaf_count(field.type);
    --walk.left;
    if (field.type.is_nested()) continue;
    Bounds bounds = bounds_of(walk.file, leaf);
    if (bounds.nulls_known) append_member(out.nulls, field.name, std::to_string(bounds.nulls));
    if (!bounds.bounded) continue;
    Texts texts = texts_of(*bounds.all, field.type);
    append_member(out.min, field.name, texts.min);
    if (!walk.nans.contains(leaf)) append_member(out.max, field.name, texts.max);
  }
  return out;
}

// The bytes of the first `count` characters of well-formed UTF-8.
size_t bytes_of(std::string_view text, size_t count) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    bool starts = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (starts && count-- == 0) break;
  }
  return at;
}

uint32_t code_point(std::string_view c) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(c[i])); };
  if (c.size() == 1) return byte(0);
  uint32_t value = byte(0) & (0xFFU >> (c.size() + 1));
  for (size_t i = 1; i < c.size(); ++i) value = (value << 6) | (byte(i) & 0x3F);
  return value;
}

std::string utf8_of(uint32_t c) {
  auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

}  // namespace

void note_nans(const arrow::RecordBatch& batch, std::set<int>& out) {
  int leaf = 0;
  for (const auto& column : batch.columns()) note_nans_in(*column, leaf, out);
}

std::string cut_below(std::string_view text) {
  return std::string(text.substr(0, bytes_of(text, kTextMax)));
}

std::optional<std::string> cut_above(std::string_view text) {
  std::string cut = cut_below(text);
  if (cut.size() == text.size()) return cut;
  while (!cut.empty()) {
    size_t last = cut.size() - 1;
    while ((static_cast<unsigned char>(cut[last]) & 0xC0) == 0x80) --last;
    uint32_t next = code_point(std::string_view(cut).substr(last)) + 1;
    if (next == 0xD800) next = 0xE000;  // surrogates are no characters
    cut.resize(last);
    if (next <= 0x10FFFF) return cut + utf8_of(next);
  }
  return std::nullopt;
}

std::string statistics_json(const Schema& schema, const parquet::FileMetaData& file,
                            const std::set<int>& columns_with_nan, int64_t columns_max) {
  Walk walk{file, columns_with_nan, columns_max};
  Objects objects = described(schema.fields, walk);
  return fmt::format(
      R"({{"numRecords":{},"minValues":{{{}}},"maxValues":{{{}}},"nullCount":{{{}}}}})",
      file.num_rows(), objects.min, objects.max, objects.nulls);
}

}  // namespace ticklake::delta
