#include "query/functions.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "base/time.h"
#include "query/by_row.h"
#include "query/errors.h"

namespace ticklake::query {
namespace {

// The one text argument of a call.
struct Texts {
  explicit Texts(duckdb_data_chunk chunk)
      : count(duckdb_data_chunk_get_size(chunk)), vector(duckdb_data_chunk_get_vector(chunk, 0)) {}

  bool valid(idx_t row) const {
    return duckdb_validity_row_is_valid(duckdb_vector_get_validity(vector), row);
  }
  std::string_view operator[](idx_t row) const {
    return Column<std::string_view>::get(vector, row);
  }

  idx_t count;
  duckdb_vector vector;
};

std::optional<int64_t> timestamp_of(std::string_view text) {
  auto parsed = parse_timestamp(text);
  if (!parsed) return std::nullopt;
  return parsed->micros;
}

// A cast of text by `parse`; text that cannot be read is an error, or NULL where the cast is a
// trying one.
template <typename T, auto parse, bool trying>
void cast(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  Texts texts(input);
  auto* out = static_cast<T*>(duckdb_vector_get_data(output));
  for (idx_t row = 0; row < texts.count; ++row) {
    std::optional<T> value;
    if (texts.valid(row)) {
      value = parse(texts[row]);
      if (!value && !trying) {
        constexpr std::string_view type = sizeof(T) == sizeof(int64_t) ? "TIMESTAMP" : "DATE";
        auto message = fmt::format(
            "[CAST_INVALID_INPUT] the STRING '{}' cannot be cast to {}: it is malformed; "
            "try_cast gives NULL instead",
            printable(texts[row]), type);
        return duckdb_scalar_function_set_error(info, marked(message).c_str());
      }
    }
    out[row] = value.value_or(T{0});
    if (!value) set_null(output, row);
  }
}

void raise(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  Texts texts(input);
  for (idx_t row = 0; row < texts.count; ++row) {
    if (texts.valid(row)) {
      return duckdb_scalar_function_set_error(info, marked(texts[row]).c_str());
    }
    set_null(output, row);
  }
}

void register_native(duckdb_connection connection, const Native& native) {
  ScalarFunctionHandle function(duckdb_create_scalar_function());
  auto result = logical_type(native.result);
  duckdb_scalar_function_set_name(function.get(), native.name);
  for (Kind kind : native.arguments) {
    auto argument = logical_type(kind);
    duckdb_scalar_function_add_parameter(function.get(), argument.get());
  }
  duckdb_scalar_function_set_return_type(function.get(), result.get());
  duckdb_scalar_function_set_special_handling(function.get());
  if (native.raises) duckdb_scalar_function_set_volatile(function.get());
  duckdb_scalar_function_set_function(function.get(), native.call);
  auto done = duckdb_register_scalar_function(connection, function.get());
  CHECK(done == DuckDBSuccess, native.name);
}

}  // namespace

Result<void> register_functions(duckdb_connection connection) {
  using K = Kind;
  std::vector<Native> natives = {
      {"ticklake_micros", {K::String}, K::Long, cast<int64_t, timestamp_of, false>, true},
      {"ticklake_try_timestamp", {K::String}, K::TimestampNtz, cast<int64_t, timestamp_of, true>},
      {"ticklake_days", {K::String}, K::Integer, cast<int32_t, parse_date, false>, true},
      {"ticklake_try_date", {K::String}, K::Date, cast<int32_t, parse_date, true>},
      {"ticklake_raise", {K::String}, K::String, raise, true},
  };
  for (auto more : {text_natives(), hash_natives(), math_natives(), time_natives(), json_natives(),
                    market_natives()})
    natives.insert(natives.end(), more.begin(), more.end());
  for (const auto& native : natives) register_native(connection, native);
  // DuckDB takes a function of ours for one that cannot fail, and so would call it before the
  // conditions that guard it. What these macros put around it can fail, and is kept in its place.
  for (const char* sql : {
           "CREATE MACRO ticklake_timestamp(value) AS make_timestamp(ticklake_micros(value))",
           "CREATE MACRO ticklake_date(value) AS make_date(ticklake_days(value))",
           // decode() turns bytes into text without a copy, but fails on bytes that are not text.
           "CREATE MACRO ticklake_utf8(bytes) AS decode(ticklake_text_bytes(bytes))",
       }) {
    TRY(run_sql(connection, sql));
  }
  return {};
}

}  // namespace ticklake::query
