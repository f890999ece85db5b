// DuckDB's scalar functions made of plain C++ functions over one row's values. Private to this
// folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "query/handles.h"
#include "query/vectors.h"

namespace ticklake::query {

inline std::string_view view(const duckdb_string_t& text) {
  const auto& value = text.value;
  bool inlined = value.inlined.length <= sizeof(value.inlined.inlined);
  return {inlined ? value.inlined.inlined : value.pointer.ptr, value.inlined.length};
}

inline void set_null(duckdb_vector vector, idx_t row) {
  duckdb_vector_ensure_validity_writable(vector);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
}

struct Bytes {  // a BINARY argument
  std::string_view bytes;
};
struct Blob {  // a BINARY result
  std::string bytes;
};

// How a C++ type lies in a vector.
template <typename T, Kind of>
struct PlainColumn {
  static constexpr Kind kind = of;
  static T get(duckdb_vector vector, idx_t row) {
    return static_cast<const T*>(duckdb_vector_get_data(vector))[row];
  }
  static void put(duckdb_vector vector, idx_t row, T value) {
    static_cast<T*>(duckdb_vector_get_data(vector))[row] = value;
  }
};

template <typename T, Kind of>
struct TextColumn {
  static constexpr Kind kind = of;
  static T get(duckdb_vector vector, idx_t row) {
    return T{view(static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector))[row])};
  }
  static void put(duckdb_vector vector, idx_t row, std::string_view value) {
    duckdb_unsafe_vector_assign_string_element_len(vector, row, value.data(), value.size());
  }
};

template <typename T>
struct Column;
template <>
struct Column<bool> : PlainColumn<bool, Kind::Boolean> {};
template <>
struct Column<int32_t> : PlainColumn<int32_t, Kind::Integer> {};
template <>
struct Column<int64_t> : PlainColumn<int64_t, Kind::Long> {};
template <>
struct Column<float> : PlainColumn<float, Kind::Float> {};
template <>
struct Column<double> : PlainColumn<double, Kind::Double> {};
template <>
struct Column<std::string_view> : TextColumn<std::string_view, Kind::String> {};
template <>
struct Column<std::string> : TextColumn<std::string_view, Kind::String> {};
template <>
struct Column<Bytes> : TextColumn<Bytes, Kind::Binary> {};
template <>
struct Column<Blob> : TextColumn<Bytes, Kind::Binary> {
  static void put(duckdb_vector vector, idx_t row, const Blob& value) {
    TextColumn::put(vector, row, value.bytes);
  }
};

struct Native {
  const char* name;
  std::vector<Kind> arguments;
  Kind result;
  duckdb_scalar_function_t call;
  // DuckDB takes a function of ours for one that cannot fail, and may call it on rows that a filter
  // dropped, or once while planning; of a volatile one it does neither.
  bool raises = false;
};

// A function, or a lambda without captures, of one row's values that cannot fail; nothing: NULL.
// With NULL among its arguments it is not called, and the row is NULL.
template <auto function>
struct ByRow {
  template <typename R>
  struct Value {
    using type = R;
  };
  template <typename R>
  struct Value<std::optional<R>> {
    using type = R;
  };

  template <typename R, typename... A, size_t... i>
  static void run(R (*)(A...), std::index_sequence<i...>, duckdb_data_chunk input,
                  duckdb_vector output) {
    const duckdb_vector vectors[] = {duckdb_data_chunk_get_vector(input, i)...};
    uint64_t* const masks[] = {duckdb_vector_get_validity(vectors[i])...};
    idx_t count = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < count; ++row) {
      bool valid = (duckdb_validity_row_is_valid(masks[i], row) && ...);
      std::optional<typename Value<R>::type> value;
      if (valid) value = function(Column<A>::get(vectors[i], row)...);
      if (value) {
        Column<typename Value<R>::type>::put(output, row, *value);
      } else {
        set_null(output, row);
      }
    }
  }

  template <typename R, typename... A>
  static void call_as(R (*typed)(A...), duckdb_data_chunk input, duckdb_vector output) {
    run(typed, std::index_sequence_for<A...>(), input, output);
  }

  static void call(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
    call_as(+function, input, output);
  }

  template <typename R, typename... A>
  static Native native_as(R (*)(A...), const char* name) {
    return {name, {Column<A>::kind...}, Column<typename Value<R>::type>::kind, call};
  }
};

template <auto function>
Native by_row(const char* name) {
  return ByRow<function>::native_as(+function, name);
}

// Texts (or BINARY) of which most stay as they are: a vector of such rows only is passed on
// without a copy.
template <Kind kind, auto stays, auto changed>
Native mending(const char* name) {
  auto call = [](duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
    auto* vector = duckdb_data_chunk_get_vector(input, 0);
    auto* mask = duckdb_vector_get_validity(vector);
    idx_t count = duckdb_data_chunk_get_size(input);
    auto text = [&](idx_t row) { return TextColumn<std::string_view, kind>::get(vector, row); };
    auto fine = [&](idx_t row) {
      return !duckdb_validity_row_is_valid(mask, row) || stays(text(row));
    };
    idx_t good = 0;
    while (good < count && fine(good)) ++good;
    if (good == count) return duckdb_vector_reference_vector(output, vector);
    for (idx_t row = 0; row < count; ++row) {
      if (duckdb_validity_row_is_valid(mask, row)) {
        TextColumn<std::string_view, kind>::put(output, row, changed(text(row)));
      } else {
        set_null(output, row);
      }
    }
  };
  return {name, {kind}, kind, call};
}

std::vector<Native> text_natives();
std::vector<Native> hash_natives();
std::vector<Native> math_natives();
std::vector<Native> time_natives();
std::vector<Native> json_natives();
std::vector<Native> market_natives();

}  // namespace ticklake::query
