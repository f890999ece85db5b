#include <arrow/array.h>
#include <fmt/format.h>

#include "formats/formats.h"
#include "query/by_row.h"
#include "query/errors.h"
#include "query/functions.h"

namespace ticklake::query {
class PayloadFunctions::Function {
 public:
  static Result<std::unique_ptr<Function>> make(duckdb_connection connection,
                                                const Registry& registry,
                                                const sql::PayloadFunction& what,
                                                std::string name) {
    auto function = std::make_unique<Function>();
    function->registry_ = &registry;
    function->what_ = what;
    function->name_ = std::move(name);
    if (what.type.kind == Kind::Struct) {
      for (const auto& field : *what.type.children) {
        function->columns_.push_back(TRY(ColumnImport::make(connection, field.type)));
      }
    } else {
      function->columns_.push_back(TRY(ColumnImport::make(connection, what.type)));
    }
    function->give_back(TRY(Worker::make(what)));
    TRY(function->register_at(connection));
    return function;
  }

  const sql::PayloadFunction& what() const { return what_; }
  const std::string& name() const { return name_; }

 private:
  // What one call needs; kept for the next one, since simdjson's buffers are dear.
  struct Worker {
    std::unique_ptr<formats::PayloadDecoder> decoder;
    std::vector<std::string_view> payloads;
    std::vector<bool> valid;

    static Result<std::unique_ptr<Worker>> make(const sql::PayloadFunction& what) {
      auto worker = std::make_unique<Worker>();
      if (what.form == sql::PayloadFunction::Form::FromJson) {
        worker->decoder =
            TRY(formats::make_json_decoder(Schema{*what.type.children}, what.writers));
      } else {
        auto schema = TRY(formats::parse_avro(what.schema.text, what.schema.references));
        worker->decoder = formats::make_avro_decoder(std::move(schema), what.writers);
      }
      return worker;
    }
  };

  Result<std::unique_ptr<Worker>> take() {
    {
      std::scoped_lock lock(mutex_);
      if (!workers_.empty()) {
        auto worker = std::move(workers_.back());
        workers_.pop_back();
        return worker;
      }
    }
    return Worker::make(what_);
  }

  void give_back(std::unique_ptr<Worker> worker) {
    std::scoped_lock lock(mutex_);
    workers_.push_back(std::move(worker));
  }

  Result<void> register_at(duckdb_connection connection) {
    ScalarFunctionHandle function(duckdb_create_scalar_function());
    auto number = logical_type(Kind::Long);
    bool is_text = what_.form == sql::PayloadFunction::Form::FromJson && !what_.writers;
    auto text = logical_type(is_text ? Kind::String : Kind::Binary);
    auto result = logical_type(what_.type);
    duckdb_scalar_function_set_name(function.get(), name_.c_str());
    duckdb_scalar_function_add_parameter(function.get(), number.get());
    duckdb_scalar_function_add_parameter(function.get(), text.get());
    duckdb_scalar_function_add_parameter(function.get(), number.get());
    duckdb_scalar_function_set_return_type(function.get(), result.get());
    duckdb_scalar_function_set_special_handling(function.get());
    // Else DuckDB computes it once below each filter on its fields.
    duckdb_scalar_function_set_volatile(function.get());
    duckdb_scalar_function_set_extra_info(function.get(), this, nullptr);
    duckdb_scalar_function_set_function(function.get(), &Function::call);
    if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess) {
      return Error{Code::Unsupported,
                   fmt::format("a payload cannot be of type {}", to_sql(what_.type))};
    }
    return {};
  }

  static void call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    auto& function = *static_cast<Function*>(duckdb_scalar_function_get_extra_info(info));
    if (duckdb_data_chunk_get_size(input) == 0) return;
    auto* numbers =
        static_cast<const int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0)));
    auto state = function.registry_->find(numbers[0]);
    if (!state)
      return duckdb_scalar_function_set_error(info, "a payload function outlived its statement");
    auto done = function.decode(*state, input, output);
    if (!done) {
      duckdb_scalar_function_set_error(info, marked(done.error().message).c_str());
      state->fail(std::move(done).error());
    }
  }

  Result<void> decode(State& state, duckdb_data_chunk input, duckdb_vector output) {
    auto worker = TRY(take());
    auto count = static_cast<int64_t>(duckdb_data_chunk_get_size(input));
    read_payloads(input, count, *worker);
    auto values = TRY(worker->decoder->decode(worker->payloads, worker->valid));
    if (what_.fail_fast && !values.failures.empty() && !state.keeps_undecodable) {
      return Error{Code::Invalid, fmt::format("a payload cannot be read: {}; map('mode', "
                                              "'PERMISSIVE') makes such values NULL, and "
                                              "TBLPROPERTIES('ticklake.quarantine' = "
                                              "'undecodable') keeps them aside",
                                              values.failures.front().reason)};
    }
    TRY(show(*values.array, values.array, count, output));
    if (!values.failures.empty()) state.add(errors_of(values.failures, *worker, input));
    give_back(std::move(worker));
    return {};
  }

  Result<void> show(const arrow::Array& array, const std::shared_ptr<arrow::Array>& shared,
                    int64_t count, duckdb_vector output) const {
    if (what_.type.kind != Kind::Struct) return columns_[0].show(shared, 0, count, output);
    const auto& parts = static_cast<const arrow::StructArray&>(array);
    for (size_t i = 0; i < columns_.size(); ++i) {
      auto* child = duckdb_struct_vector_get_child(output, i);
      TRY(columns_[i].show(parts.field(static_cast<int>(i)), 0, count, child));
    }
    if (array.null_count() == 0) return {};
    for (int64_t row = 0; row < count; ++row) {
      if (array.IsNull(row)) set_null(output, static_cast<idx_t>(row));
    }
    return {};
  }

  static void read_payloads(duckdb_data_chunk input, int64_t count, Worker& worker) {
    auto* vector = duckdb_data_chunk_get_vector(input, 1);
    auto* strings = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
    auto* mask = duckdb_vector_get_validity(vector);
    worker.payloads.clear();
    worker.valid.clear();
    if (mask != nullptr) worker.valid.assign(static_cast<size_t>(count), true);
    for (int64_t row = 0; row < count; ++row) {
      bool valid = duckdb_validity_row_is_valid(mask, static_cast<idx_t>(row));
      worker.payloads.push_back(valid ? view(strings[row]) : std::string_view());
      if (!valid) worker.valid[static_cast<size_t>(row)] = false;
    }
  }

  static std::vector<DecodeError> errors_of(std::vector<formats::PayloadDecoder::Failure>& failures,
                                            const Worker& worker, duckdb_data_chunk input) {
    auto* numbers =
        static_cast<const int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 2)));
    auto* numbered = duckdb_vector_get_validity(duckdb_data_chunk_get_vector(input, 2));
    std::vector<DecodeError> errors;
    for (auto& failure : failures) {
      auto at = static_cast<size_t>(failure.row);
      bool known = duckdb_validity_row_is_valid(numbered, at);
      errors.push_back(
          {known ? numbers[at] : -1, std::string(worker.payloads[at]), std::move(failure.reason)});
    }
    return errors;
  }

  const Registry* registry_ = nullptr;
  sql::PayloadFunction what_;
  std::string name_;
  std::vector<ColumnImport> columns_;  // of a struct's fields, or of the value
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

PayloadFunctions::PayloadFunctions(duckdb_connection connection, const Registry& registry)
    : connection_(connection), registry_(registry) {}
PayloadFunctions::~PayloadFunctions() = default;

Result<std::string> PayloadFunctions::make(const sql::PayloadFunction& what) {
  for (const auto& function : functions_) {
    if (sql::same(function->what(), what)) return function->name();
  }
  for (const auto& encoder : encoders_) {
    if (sql::same(encoder->what(), what)) return encoder->name();
  }
  auto name = fmt::format("ticklake_payload_s{}", functions_.size() + encoders_.size());
  if (what.form == sql::PayloadFunction::Form::ToAvro) {
    encoders_.push_back(EncodeFunction::make(connection_, registry_, what, name));
    return name;
  }
  functions_.push_back(TRY(Function::make(connection_, registry_, what, name)));
  return name;
}

}  // namespace ticklake::query
