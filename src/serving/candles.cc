#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/datum.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "serving/serving.h"

namespace ticklake::serving {
namespace {

constexpr std::string_view kSetting = "ticklake.serve.candles";
constexpr std::string_view kForm = "table(symbol, start, open, high, low, close, volume)";
constexpr int64_t kUnknownIntervalUs = kMicrosPerMinute;

// The column of each role, by its usual names; an empty role was not found.
using Names = std::vector<std::string>;
const std::array<Names, 7>& usual_names() {
  static const std::array<Names, 7> names = {{
      {"symbol", "ticker", "instrument"},
      {"window_start", "start", "minute", "bar_start", "bucket", "ts", "time", "trade_date"},
      {"open"},
      {"high"},
      {"low"},
      {"close"},
      {"volume", "size"},
  }};
  return names;
}

bool is_time(const Type& type) {
  return type.kind == Kind::Timestamp || type.kind == Kind::TimestampNtz || type.kind == Kind::Date;
}

std::string column_of(const TableInfo& table, size_t role) {
  for (const auto& name : usual_names()[role]) {
    int index = table.schema.find(name);
    if (index < 0) continue;
    const auto& field = table.schema.fields[static_cast<size_t>(index)];
    bool fits = role == 0   ? field.type.kind == Kind::String
                : role == 1 ? is_time(field.type)
                            : field.type.is_numeric();
    if (fits) return field.name;
  }
  return "";
}

CandleTable candle_table(const TableInfo& table, const std::vector<std::string>& columns) {
  const auto& time = table.schema.fields[static_cast<size_t>(table.schema.find(columns[1]))];
  int64_t interval_us = time.type.kind == Kind::Date ? kMicrosPerDay : kUnknownIntervalUs;
  return {.name = table.name,
          .path = table.path,
          .interval_us = table.window_us.value_or(interval_us),
          .symbol = columns[0],
          .start = columns[1],
          .open = columns[2],
          .high = columns[3],
          .low = columns[4],
          .close = columns[5],
          .volume = columns.size() > 6 ? columns[6] : ""};
}

std::optional<CandleTable> recognised(const TableInfo& table) {
  std::vector<std::string> columns;
  for (size_t role = 0; role < usual_names().size(); ++role) {
    columns.push_back(column_of(table, role));
    if (columns.back().empty() && role < 6) return {};
  }
  return candle_table(table, columns);
}

Error does_not_fit(const std::string& declared, const std::string& why) {
  return {Code::Invalid, fmt::format("{} is '{}': {}", kSetting, printable(declared), why)};
}

const TableInfo* table_named(const std::vector<TableInfo>& tables, std::string_view name) {
  for (const auto& table : tables) {
    std::string_view last = table.name;
    last.remove_prefix(last.rfind('.') == std::string_view::npos ? 0 : last.rfind('.') + 1);
    if (equal_ignoring_case(name, table.name) || equal_ignoring_case(name, last)) return &table;
  }
  return nullptr;
}

Result<CandleTable> declared_table(const std::string& declared,
                                   const std::vector<TableInfo>& tables) {
  size_t open = declared.find('(');
  std::string_view name = trimmed(std::string_view(declared).substr(0, open));
  const TableInfo* table = table_named(tables, name);
  if (table == nullptr) {
    std::vector<std::string> names;
    for (const auto& one : tables) names.push_back(one.name.substr(one.name.rfind('.') + 1));
    std::string near = nearest(name, names);
    return does_not_fit(declared, near.empty() ? "the project makes no such table"
                                               : fmt::format("did you mean {}?", near));
  }
  if (open == std::string::npos) {
    if (auto found = recognised(*table)) return *found;
    return does_not_fit(declared, fmt::format("name its columns too, as in {}", kForm));
  }
  if (declared.back() != ')') return does_not_fit(declared, fmt::format("write it as {}", kForm));
  std::vector<std::string> columns;
  for (const auto& part : split(declared.substr(open + 1, declared.size() - open - 2), ',')) {
    int index = table->schema.find(trimmed(part));
    if (index < 0) {
      return does_not_fit(declared, fmt::format("{} has no column {}; it has {}", table->name,
                                                trimmed(part), to_ddl(table->schema)));
    }
    columns.push_back(table->schema.fields[static_cast<size_t>(index)].name);
  }
  if (columns.size() < 6 || columns.size() > 7) {
    return does_not_fit(declared, fmt::format("write it as {}; volume may be left out", kForm));
  }
  for (size_t role = 0; role < columns.size(); ++role) {
    const auto& type =
        table->schema.fields[static_cast<size_t>(table->schema.find(columns[role]))].type;
    bool fits = role == 0   ? type.kind == Kind::String
                : role == 1 ? is_time(type)
                            : type.is_numeric();
    if (fits) continue;
    return does_not_fit(declared,
                        fmt::format("{} is {}; {} is expected", columns[role], to_sql(type),
                                    role == 0   ? "STRING"
                                    : role == 1 ? "a time"
                                                : "a number"));
  }
  return candle_table(*table, columns);
}

Result<std::shared_ptr<arrow::Array>> column_as(const arrow::RecordBatch& batch,
                                                const std::string& name,
                                                const std::shared_ptr<arrow::DataType>& type) {
  auto column = batch.GetColumnByName(name);
  if (!column) return Error{Code::Invalid, "no column " + name + " in the rows of candles"};
  if (column->type()->Equals(type)) return column;
  arrow::Datum cast = TRY_ARROW(
      arrow::compute::Cast(arrow::Datum(column), arrow::compute::CastOptions::Unsafe(type)));
  return cast.make_array();
}

// Micros since 1970 of a time column; a table's timestamps are in micros, whatever their zone.
Result<std::shared_ptr<arrow::Array>> instants(const arrow::RecordBatch& batch,
                                               const std::string& name) {
  auto time = batch.GetColumnByName(name);
  bool micros = time && time->type_id() == arrow::Type::TIMESTAMP;
  if (!micros) time = TRY(column_as(batch, name, arrow::timestamp(arrow::TimeUnit::MICRO)));
  return TRY_ARROW(time->View(arrow::int64()));
}

}  // namespace

Result<CandleTable> find_candles(const std::string& declared,
                                 const std::vector<TableInfo>& tables) {
  if (!declared.empty()) return declared_table(declared, tables);
  std::optional<CandleTable> best;
  for (const auto& table : tables) {
    auto found = recognised(table);
    if (!found) continue;
    bool live = table.window_us.has_value();
    bool better = !best || (live && found->interval_us < best->interval_us);
    if (better) best = std::move(found);
  }
  if (best) return *best;
  return Error{Code::NotFound,
               fmt::format("no table has the columns symbol, window_start, open, high, low and "
                           "close; name yours in the configuration: {}: {}",
                           kSetting, kForm)};
}

Result<std::vector<SymbolBar>> bars_of(const CandleTable& table, const Batches& rows) {
  std::vector<SymbolBar> out;
  for (const auto& batch : rows) {
    auto symbol = TRY(column_as(*batch, table.symbol, arrow::utf8()));
    auto start = TRY(instants(*batch, table.start));
    std::vector<std::shared_ptr<arrow::Array>> numbers;
    for (const auto* name : {&table.open, &table.high, &table.low, &table.close, &table.volume}) {
      if (name->empty()) continue;
      numbers.push_back(TRY(column_as(*batch, *name, arrow::float64())));
    }
    const auto& symbols = static_cast<const arrow::StringArray&>(*symbol);
    const auto& starts = static_cast<const arrow::Int64Array&>(*start);
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      double values[5] = {0, 0, 0, 0, 0};
      bool whole = symbols.IsValid(row) && starts.IsValid(row);
      for (size_t i = 0; i < numbers.size(); ++i) {
        const auto& column = static_cast<const arrow::DoubleArray&>(*numbers[i]);
        if (column.IsValid(row) && std::isfinite(column.Value(row))) {
          values[i] = column.Value(row);
        } else if (i < 4) {
          whole = false;
        }
      }
      if (!whole) continue;
      out.push_back({symbols.GetString(row),
                     {starts.Value(row), values[0], values[1], values[2], values[3], values[4]}});
    }
  }
  return out;
}

}  // namespace ticklake::serving
