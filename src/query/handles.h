// DuckDB's C handles as values with one owner. Private to this folder.
#pragma once

#include <duckdb.h>

#include <utility>

namespace ticklake::query {

template <typename T, void (*Destroy)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_ != nullptr) Destroy(&value_);
  }

  T get() const { return value_; }
  T* out() { return &value_; }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  T value_ = nullptr;
};

using DatabaseHandle = Handle<duckdb_database, duckdb_close>;
using ConnectionHandle = Handle<duckdb_connection, duckdb_disconnect>;
using ConfigHandle = Handle<duckdb_config, duckdb_destroy_config>;
using StatementHandle = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using ChunkHandle = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using TypeHandle = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using ValueHandle = Handle<duckdb_value, duckdb_destroy_value>;
using ErrorHandle = Handle<duckdb_error_data, duckdb_destroy_error_data>;
using ArrowTypesHandle =
    Handle<duckdb_arrow_converted_schema, duckdb_destroy_arrow_converted_schema>;
using ScalarFunctionHandle = Handle<duckdb_scalar_function, duckdb_destroy_scalar_function>;
using AggregateFunctionHandle =
    Handle<duckdb_aggregate_function, duckdb_destroy_aggregate_function>;
using TableFunctionHandle = Handle<duckdb_table_function, duckdb_destroy_table_function>;

// A result is a struct of DuckDB's, not a pointer.
class ResultHandle {
 public:
  ResultHandle() = default;
  ResultHandle(const ResultHandle&) = delete;
  ResultHandle& operator=(const ResultHandle&) = delete;
  ~ResultHandle() { duckdb_destroy_result(&result_); }

  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_ = {};
};

}  // namespace ticklake::query
