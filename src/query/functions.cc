#include "query/functions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "query/errors.h"
#include "query/utf8.h"

namespace ticklake::query {
namespace {

std::string_view view(const duckdb_string_t& text) {
  const auto& value = text.value;
  bool inlined = value.inlined.length <= sizeof(value.inlined.inlined);
  return {inlined ? value.inlined.inlined : value.pointer.ptr, value.inlined.length};
}

// The one text or binary argument of a call; NULL rows give NULL before our functions see them only
// where DuckDB's default handling says so, which the vector's mask tells.
struct Texts {
  explicit Texts(duckdb_data_chunk chunk)
      : count(static_cast<int64_t>(duckdb_data_chunk_get_size(chunk))),
        values(static_cast<const duckdb_string_t*>(
            duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)))),
        mask(duckdb_vector_get_validity(duckdb_data_chunk_get_vector(chunk, 0))) {}

  bool valid(int64_t row) const {
    return mask == nullptr || ((mask[row >> 6] >> (row & 63)) & 1) != 0;
  }
  std::string_view operator[](int64_t row) const { return view(values[row]); }

  int64_t count;
  const duckdb_string_t* values;
  const uint64_t* mask;
};

void set_null(duckdb_vector vector, int64_t row) {
  duckdb_vector_ensure_validity_writable(vector);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), static_cast<idx_t>(row));
}

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
  for (int64_t row = 0; row < texts.count; ++row) {
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
  for (int64_t row = 0; row < texts.count; ++row) {
    if (texts.valid(row)) {
      return duckdb_scalar_function_set_error(info, marked(texts[row]).c_str());
    }
    set_null(output, row);
  }
}

// Bytes to bytes that are text. Rows that need no repair are not copied, so all of a vector is
// looked at first.
void to_text_bytes(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  Texts texts(input);
  int64_t good = 0;
  while (good < texts.count && (!texts.valid(good) || is_text(texts[good]))) ++good;
  if (good == texts.count) {
    duckdb_vector_reference_vector(output, duckdb_data_chunk_get_vector(input, 0));
    return;
  }
  for (int64_t row = 0; row < texts.count; ++row) {
    if (!texts.valid(row)) {
      set_null(output, row);
      continue;
    }
    auto text = repaired(texts[row]);
    duckdb_unsafe_vector_assign_string_element_len(output, static_cast<idx_t>(row), text.data(),
                                                   text.size());
  }
}

bool is_trimmed(std::string_view text) {
  return text.empty() || (text.front() != ' ' && text.back() != ' ');
}

// Without the blanks (U+0020 only, as Spark's trim) at both ends.
void trim(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  Texts texts(input);
  int64_t good = 0;
  while (good < texts.count && (!texts.valid(good) || is_trimmed(texts[good]))) ++good;
  if (good == texts.count) {
    duckdb_vector_reference_vector(output, duckdb_data_chunk_get_vector(input, 0));
    return;
  }
  for (int64_t row = 0; row < texts.count; ++row) {
    if (!texts.valid(row)) {
      set_null(output, row);
      continue;
    }
    auto text = texts[row];
    auto begin = std::min(text.find_first_not_of(' '), text.size());
    text = text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
    duckdb_unsafe_vector_assign_string_element_len(output, static_cast<idx_t>(row), text.data(),
                                                   text.size());
  }
}

struct Native {
  const char* name;
  Kind argument;
  Kind result;
  duckdb_scalar_function_t call;
  // DuckDB takes a function of ours for one that cannot fail, and may call it on rows that a filter
  // dropped, or once while planning; of a volatile one it does neither.
  bool raises;
};

Result<void> register_native(duckdb_connection connection, const Native& native) {
  ScalarFunctionHandle function(duckdb_create_scalar_function());
  auto argument = logical_type(native.argument);
  auto result = logical_type(native.result);
  duckdb_scalar_function_set_name(function.get(), native.name);
  duckdb_scalar_function_add_parameter(function.get(), argument.get());
  duckdb_scalar_function_set_return_type(function.get(), result.get());
  duckdb_scalar_function_set_special_handling(function.get());
  if (native.raises) duckdb_scalar_function_set_volatile(function.get());
  duckdb_scalar_function_set_function(function.get(), native.call);
  if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess) {
    return Error{Code::Unsupported, fmt::format("DuckDB refuses the function {}", native.name)};
  }
  return {};
}

}  // namespace

Result<void> register_functions(duckdb_connection connection) {
  using K = Kind;
  const Native natives[] = {
      {"ticklake_micros", K::String, K::Long, cast<int64_t, timestamp_of, false>, true},
      {"ticklake_try_timestamp", K::String, K::TimestampNtz, cast<int64_t, timestamp_of, true>,
       false},
      {"ticklake_days", K::String, K::Integer, cast<int32_t, parse_date, false>, true},
      {"ticklake_try_date", K::String, K::Date, cast<int32_t, parse_date, true>, false},
      {"ticklake_raise", K::String, K::String, raise, true},
      {"ticklake_text_bytes", K::Binary, K::Binary, to_text_bytes, false},
      {"ticklake_trim", K::String, K::String, trim, false},
  };
  for (const auto& native : natives) TRY(register_native(connection, native));
  // DuckDB takes a function of ours for one that cannot fail, and so would call it before the
  // conditions that guard it. What these macros put around it can fail, and is kept in its place.
  for (const char* sql : {
           "CREATE MACRO ticklake_timestamp(value) AS make_timestamp(ticklake_micros(value))",
           "CREATE MACRO ticklake_date(value) AS make_date(ticklake_days(value))",
           "CREATE MACRO ticklake_error(message) AS CAST(ticklake_raise(message) AS BOOLEAN)",
           // decode() turns bytes into text without a copy, but fails on bytes that are not text.
           "CREATE MACRO ticklake_utf8(bytes) AS decode(ticklake_text_bytes(bytes))",
       }) {
    TRY(run_sql(connection, sql));
  }
  return {};
}

}  // namespace ticklake::query
