#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "delta/parquet_file.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

Error invalid(std::string message) { return Error{Code::Invalid, std::move(message)}; }

Result<void> check_type(const std::string& path, const Type& type) {
  if (type.kind == Kind::Null || type.kind == Kind::Interval) {
    return Error{Code::Unsupported,
                 fmt::format("column `{}` is of type {}, which a Delta table cannot hold; cast it",
                             path, to_sql(type))};
  }
  if (!type.children) return {};
  if (type.kind == Kind::Struct && type.children->empty()) {
    return Error{Code::Unsupported, fmt::format("column `{}` is a STRUCT without fields", path)};
  }
  std::set<std::string> names;
  for (const Field& field : *type.children) {
    std::string nested = path.empty() ? field.name : path + "." + field.name;
    if (field.name.empty()) return invalid(fmt::format("a column in `{}` has no name", path));
    if (field.name.find_first_of(" ,;{}()\n\t=") != std::string::npos) {
      return invalid(fmt::format(
          "column `{}`: Delta refuses blanks and any of ,;{{}}()= in names; rename it", nested));
    }
    if (!names.insert(lowered(field.name)).second) {
      return invalid(fmt::format("column `{}` is there twice (names ignore case)", nested));
    }
    TRY(check_type(nested, field.type));
  }
  return {};
}

Result<void> check_partition_columns(const Metadata& metadata) {
  std::set<std::string> seen;
  for (const std::string& name : metadata.partition_columns) {
    const auto& fields = metadata.schema.fields;
    auto found = std::find_if(fields.begin(), fields.end(),
                              [&](const Field& field) { return field.name == name; });
    if (found == fields.end()) {
      std::vector<std::string> names;
      for (const Field& field : fields) names.push_back(field.name);
      return invalid(
          fmt::format("the partition column `{}` is not a column of the table; it has "
                      "{}",
                      name, joined(names, ", ")));
    }
    if (found->type.is_nested() || found->type.kind == Kind::Binary) {
      return invalid(fmt::format("column `{}` is {}, by which a table cannot be partitioned", name,
                                 to_sql(found->type)));
    }
    if (!seen.insert(name).second) {
      return invalid(fmt::format("the partition column `{}` is named twice", name));
    }
  }
  if (seen.size() == metadata.schema.fields.size()) {
    return invalid("all columns are partition columns: at least one must not be");
  }
  return {};
}

bool is_flag(const std::string& value) {
  return equal_ignoring_case(value, "true") || equal_ignoring_case(value, "false");
}

enum class Property : uint8_t {
  Flag,
  Positive,
  Columns,
  Interval,
  Bytes,
  Codec,
  ParquetVersion,
  Text,
  Off
};

struct KnownProperty {
  std::string_view name;
  Property form;
};

// Off: a flag that ticklake takes only as false.
constexpr std::array kProperties = {
    KnownProperty{"delta.appendOnly", Property::Flag},
    KnownProperty{"delta.checkpointInterval", Property::Positive},
    KnownProperty{"delta.dataSkippingNumIndexedCols", Property::Columns},
    KnownProperty{"delta.deletedFileRetentionDuration", Property::Interval},
    KnownProperty{"delta.logRetentionDuration", Property::Interval},
    KnownProperty{"delta.enableExpiredLogCleanup", Property::Flag},
    KnownProperty{"delta.enableChangeDataFeed", Property::Flag},
    KnownProperty{"delta.enableInCommitTimestamps", Property::Flag},
    KnownProperty{"delta.inCommitTimestampEnablementVersion", Property::Text},
    KnownProperty{"delta.inCommitTimestampEnablementTimestamp", Property::Text},
    KnownProperty{"delta.isolationLevel", Property::Text},
    KnownProperty{"delta.targetFileSize", Property::Bytes},
    KnownProperty{"delta.tuneFileSizesForRewrites", Property::Flag},
    KnownProperty{"delta.autoOptimize.autoCompact", Property::Text},
    KnownProperty{"delta.autoOptimize.optimizeWrite", Property::Text},
    KnownProperty{kParquetCodec, Property::Codec},
    KnownProperty{kParquetVersion, Property::ParquetVersion},
    KnownProperty{"delta.checkpoint.writeStatsAsJson", Property::Flag},
    KnownProperty{"delta.checkpoint.writeStatsAsStruct", Property::Flag},
    KnownProperty{"delta.enableDeletionVectors", Property::Flag},
    KnownProperty{"delta.enableTypeWidening", Property::Flag},
    KnownProperty{"delta.enableRowTracking", Property::Off},
};

Result<void> check_form(const Metadata& metadata, const KnownProperty& known,
                        const std::string& value) {
  auto wrong = [&](std::string_view expected) {
    return invalid(
        fmt::format("table property {} = '{}': expected {}", known.name, value, expected));
  };
  std::string name(known.name);
  switch (known.form) {
    case Property::Flag:
      if (!is_flag(value)) return wrong("true or false");
      break;
    case Property::Positive:
      if (config_count(metadata, name, 0) < 1) return wrong("a number above 0");
      break;
    case Property::Columns:
      if (config_count(metadata, name, -2) < -1) return wrong("a number of columns, or -1 for all");
      break;
    case Property::Interval:
      if (!interval_ms(value)) return wrong("an interval such as 'interval 1 week'");
      break;
    case Property::Bytes:
      if (!byte_count(value)) return wrong("a size such as '128mb'");
      break;
    case Property::Codec:
      if (!codec_of(value)) return wrong("zstd, snappy, gzip or uncompressed");
      break;
    case Property::ParquetVersion:
      if (value != kParquetVersion1 && value != kParquetVersion2) {
        return wrong(fmt::format("{} or {}", kParquetVersion1, kParquetVersion2));
      }
      break;
    case Property::Off:
      if (!equal_ignoring_case(value, "false")) {
        return Error{Code::Unsupported, fmt::format("table property {} = '{}': ticklake does not "
                                                    "write this yet",
                                                    known.name, value)};
      }
      break;
    case Property::Text: break;
  }
  return {};
}

Result<void> check_property(const Metadata& metadata, const std::string& name,
                            const std::string& value) {
  if (!lowered(name).starts_with("delta.") || name.starts_with("delta.constraints.")) return {};
  if (equal_ignoring_case(name, "delta.setTransactionRetentionDuration")) {
    return Error{Code::Unsupported,
                 "table property delta.setTransactionRetentionDuration: refused, because it would "
                 "let other writers drop the progress of flows; remove it"};
  }
  if (name == "delta.columnMapping.mode") {
    if (equal_ignoring_case(value, "none")) return {};
    return Error{Code::Unsupported, fmt::format("table property {} = '{}': ticklake does not "
                                                "write this yet",
                                                name, value)};
  }
  std::vector<std::string> names;
  for (const KnownProperty& known : kProperties) {
    if (known.name == name) return check_form(metadata, known, value);
    names.emplace_back(known.name);
  }
  std::string near = nearest(name, names);
  return Error{Code::Unsupported,
               fmt::format("table property {}: ticklake does not know it{}", name,
                           near.empty() ? "" : "; did you mean " + near + "?")};
}

}  // namespace

std::optional<int64_t> interval_ms(std::string_view text) {
  constexpr std::array units = {
      std::pair("week", int64_t{604'800'000}), std::pair("day", int64_t{86'400'000}),
      std::pair("hour", int64_t{3'600'000}),   std::pair("minute", int64_t{60'000}),
      std::pair("second", int64_t{1'000}),     std::pair("millisecond", int64_t{1})};
  std::vector<std::string> words;
  for (const std::string& word : split(lowered(trimmed(text)), ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (!words.empty() && words[0] == "interval") words.erase(words.begin());
  if (words.empty() || words.size() % 2 != 0) return std::nullopt;
  int64_t total = 0;
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string& count = words[i];
    int64_t value = 0;
    auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), value);
    if (error != std::errc() || end != count.data() + count.size() || value < 0) return {};
    auto unit = std::find_if(units.begin(), units.end(), [&](const auto& known) {
      return words[i + 1] == known.first || words[i + 1] == std::string(known.first) + "s";
    });
    if (unit == units.end() || value > (int64_t{1} << 53) / unit->second) return std::nullopt;
    total += value * unit->second;
  }
  return total;
}

std::optional<int64_t> byte_count(std::string_view text) {
  std::string word = lowered(trimmed(text));
  int64_t value = 0;
  const char* last = word.data() + word.size();
  auto [end, error] = std::from_chars(word.data(), last, value);
  if (error != std::errc() || value < 1) return std::nullopt;
  std::string unit(trimmed(std::string_view(end, static_cast<size_t>(last - end))));
  constexpr std::array units = {
      std::pair("", int64_t{1}),        std::pair("b", int64_t{1}),
      std::pair("k", int64_t{1} << 10), std::pair("kb", int64_t{1} << 10),
      std::pair("m", int64_t{1} << 20), std::pair("mb", int64_t{1} << 20),
      std::pair("g", int64_t{1} << 30), std::pair("gb", int64_t{1} << 30)};
  auto found = std::find_if(units.begin(), units.end(),
                            [&](const auto& known) { return unit == known.first; });
  if (found == units.end() || value > (int64_t{1} << 50) / found->second) return std::nullopt;
  return value * found->second;
}

Result<void> check_metadata(const Metadata& metadata) {
  if (metadata.schema.fields.empty()) return invalid("a table needs at least one column");
  TRY(check_type("", Type::structure(metadata.schema.fields)));
  TRY(check_partition_columns(metadata));
  for (const auto& [name, value] : metadata.configuration) {
    TRY(check_property(metadata, name, value));
  }
  return {};
}

}  // namespace ticklake::delta
