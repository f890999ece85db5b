// Invariant: the SQL of a statement names its inputs and functions by the statement's number, so
// DuckDB may bind it again at any time (it does when functions were added) and finds the same.
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "base/check.h"
#include "query/errors.h"
#include "query/functions.h"
#include "query/input.h"
#include "query/query.h"
#include "query/rewrite.h"

namespace ticklake::query {
namespace {

constexpr int64_t kBatchRowsMax = 64 << 10;
constexpr int64_t kBatchBytesMax = 256 << 20;
constexpr int64_t kSeriesShare = 4;  // a statement's series take up to a quarter as much as DuckDB

// Collects chunks into batches of a schema.
class AnswerWriter {
 public:
  explicit AnswerWriter(const Schema& schema) : schema_(to_arrow(schema)) {
    for (const auto& field : schema.fields) columns_.push_back(ColumnWriter::make(field.type));
  }

  Result<void> append(duckdb_data_chunk chunk) {
    auto count = static_cast<int64_t>(duckdb_data_chunk_get_size(chunk));
    if (rows_ + count > kBatchRowsMax) TRY(flush());
    int64_t bytes = 0;
    for (size_t i = 0; i < columns_.size(); ++i) {
      TRY_STATUS(columns_[i]->append(duckdb_data_chunk_get_vector(chunk, i), 0, count));
      bytes += columns_[i]->byte_size();
    }
    rows_ += count;
    open_bytes_ = bytes;
    if (bytes > kBatchBytesMax) TRY(flush());
    return {};
  }

  int64_t bytes() const { return flushed_bytes_ + open_bytes_; }

  Result<Batches> finish() {
    TRY(flush());
    return std::exchange(batches_, {});
  }

 private:
  Result<void> flush() {
    if (rows_ == 0) return {};
    flushed_bytes_ += std::exchange(open_bytes_, 0);
    std::vector<std::shared_ptr<arrow::ArrayData>> data;
    for (auto& column : columns_) data.push_back(TRY_ARROW(column->finish()));
    batches_.push_back(arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(data)));
    return {};
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::unique_ptr<ColumnWriter>> columns_;
  int64_t rows_ = 0;
  int64_t open_bytes_ = 0;     // of the rows that are not in a batch yet
  int64_t flushed_bytes_ = 0;  // of the batches
  Batches batches_;
};

class DuckPrepared final : public Prepared {
 public:
  static Result<std::unique_ptr<Prepared>> make(duckdb_database database, Registry& registry,
                                                int64_t series_bytes_max,
                                                const std::map<std::string, std::string>& functions,
                                                Request request) {
    auto prepared = std::make_unique<DuckPrepared>(registry, series_bytes_max);
    TRY(prepared->prepare(database, functions, std::move(request)));
    return std::unique_ptr<Prepared>(std::move(prepared));
  }

  DuckPrepared(Registry& registry, int64_t series_bytes_max)
      : registry_(registry),
        state_(std::make_shared<State>(series_bytes_max)),
        number_(registry.add(state_)) {}
  ~DuckPrepared() override { registry_.remove(number_); }

  Result<Answer> run(const Batches& batches) override {
    return run(batches, first_rows_of(batches));
  }

  Result<Answer> run(const Batches& batches, std::vector<int64_t> first_rows) override {
    CHECK(first_rows.size() == batches.size(), "each batch has its number");
    state_->batches = &batches;
    state_->first_rows = std::move(first_rows);
    auto answer = collect();
    state_->batches = nullptr;
    state_->series.clear();
    // Of a failed run nothing may be left for the next.
    auto cause = state_->take_error();
    auto decode_errors = state_->take_decode_errors();
    if (!answer) return cause ? std::move(*cause) : std::move(answer).error();
    return Answer{*std::move(answer), std::move(decode_errors)};
  }

  Result<std::optional<Failing>> first_failing(const Batches& batches) override {
    // Else a filter gathers rows, and an error comes after rows behind its own were shown.
    TRY(run_sql(connection_.get(), "SET enable_caching_operators = false"));
    state_->rows_at_once = 1;
    auto answer = run(batches);
    state_->rows_at_once = INT64_MAX;
    TRY(run_sql(connection_.get(), "SET enable_caching_operators = true"));
    if (answer) return std::optional<Failing>();
    if (answer.error().code != Code::Invalid) return answer.error();
    return std::optional(Failing{state_->shown - 1, std::move(answer).error()});
  }

 private:
  static std::vector<int64_t> first_rows_of(const Batches& batches) {
    std::vector<int64_t> out;
    int64_t rows = 0;
    for (const auto& batch : batches) {
      out.push_back(rows);
      rows += batch->num_rows();
    }
    return out;
  }

  Result<void> prepare(duckdb_database database,
                       const std::map<std::string, std::string>& functions, Request request) {
    CHECK(duckdb_connect(database, connection_.out()) == DuckDBSuccess, "a connection");
    for (auto& [name, input] : request.inputs) TRY(add_input(name, std::move(input), false));
    if (!request.batch_input.empty()) {
      Input batch{std::move(request.batch_schema), {}, request.batch_rows};
      TRY(add_input(request.batch_input, std::move(batch), true));
    }
    state_->keeps_undecodable = request.keeps_undecodable;
    answer_bytes_max_ = request.answer_bytes_max;
    schema_ = std::move(request.output);
    auto sql = rewritten(request.sql, number_, functions);
    bool done = duckdb_prepare(connection_.get(), sql.c_str(), statement_.out()) == DuckDBSuccess;
    if (auto cause = state_->take_error()) return std::move(*cause);
    if (!done) {
      auto* text = duckdb_prepare_error(statement_.get());
      return error_from(DUCKDB_ERROR_INVALID,
                        text == nullptr ? "the statement cannot be prepared" : text);
    }
    return check_output();
  }

  Result<void> add_input(const std::string& name, Input input, bool is_batch) {
    TableInput table{input.schema, {}, {}, is_batch};
    for (const auto& field : input.schema.fields) {
      table.columns.push_back(TRY(ColumnImport::make(connection_.get(), field.type)));
    }
    table.source = std::move(input);
    state_->inputs.emplace(name, std::move(table));
    return {};
  }

  Result<void> check_output() const {
    size_t count = duckdb_prepared_statement_column_count(statement_.get());
    if (count != schema_.fields.size()) {
      return Error{Code::Invalid,
                   fmt::format("the statement gives {} columns where {} were planned", count,
                               schema_.fields.size())};
    }
    for (size_t i = 0; i < count; ++i) {
      TypeHandle type(duckdb_prepared_statement_column_logical_type(statement_.get(), i));
      const auto& field = schema_.fields[i];
      if (auto problem = mismatch(type.get(), field.type)) {
        return Error{Code::Invalid, fmt::format("column '{}' comes as {} where {} was planned",
                                                field.name, *problem, to_sql(field.type))};
      }
    }
    return {};
  }

  Result<Batches> collect() {
    ResultHandle result;
    if (duckdb_execute_prepared(statement_.get(), result.get()) != DuckDBSuccess) {
      return error_from(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
    }
    AnswerWriter writer(schema_);
    while (true) {
      ChunkHandle chunk(duckdb_fetch_chunk(*result.get()));
      if (!chunk) break;
      TRY(writer.append(chunk.get()));
      if (answer_bytes_max_ > 0 && writer.bytes() > answer_bytes_max_) {
        return Error{Code::Unavailable, fmt::format("the rows take more than {} MiB of memory",
                                                    answer_bytes_max_ >> 20)};
      }
    }
    if (auto* text = duckdb_result_error(result.get())) {
      return error_from(duckdb_result_error_type(result.get()), text);
    }
    return writer.finish();
  }

  Registry& registry_;
  std::shared_ptr<State> state_;
  int64_t number_;
  Schema schema_;
  int64_t answer_bytes_max_ = 0;
  ConnectionHandle connection_;
  StatementHandle statement_;
};

class DuckDatabase final : public Database {
 public:
  Result<void> open_with(const Options& options) {
    series_bytes_max_ = options.memory_bytes_max / kSeriesShare;
    ConfigHandle config;
    CHECK(duckdb_create_config(config.out()) == DuckDBSuccess, "a configuration");
    for (const auto& [name, value] : settings(options)) {
      auto set = duckdb_set_config(config.get(), name.c_str(), value.c_str());
      CHECK(set == DuckDBSuccess, name + " = " + value);
    }
    char* text = nullptr;
    if (duckdb_open_ext(":memory:", database_.out(), config.get(), &text) != DuckDBSuccess) {
      Error error{Code::Unavailable,
                  fmt::format("the query engine cannot start: {}", text ? text : "")};
      duckdb_free(text);
      return error;
    }
    CHECK(duckdb_connect(database_.get(), connection_.out()) == DuckDBSuccess, "a connection");
    TRY(run_sql(connection_.get(), "SET GLOBAL TimeZone = 'UTC'"));
    register_input(connection_.get(), registry_);
    TRY(register_functions(connection_.get()));
    register_market_functions(connection_.get(), registry_);
    payloads_ = std::make_unique<PayloadFunctions>(connection_.get(), registry_);
    return {};
  }

  Result<std::unique_ptr<Prepared>> prepare(Request request) override {
    // Functions are made once for all statements.
    std::scoped_lock lock(mutex_);
    std::map<std::string, std::string> functions;
    for (const auto& function : request.payload_functions) {
      functions[function.id] = TRY(payloads_->make(function));
    }
    return DuckPrepared::make(database_.get(), registry_, series_bytes_max_, functions,
                              std::move(request));
  }

 private:
  // DuckDB is to read what we give it and nothing else: no files, no network, no extensions.
  static std::vector<std::pair<std::string, std::string>> settings(const Options& options) {
    return {
        {"temp_directory", options.spill_directory},  // must come before external access is off
        {"threads", std::to_string(options.threads)},
        {"memory_limit", fmt::format("{}KiB", options.memory_bytes_max >> 10)},
        {"preserve_insertion_order", "true"},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"enable_external_access", "false"},
    };
  }

  // In this order: what DuckDB calls must live longer than it.
  Registry registry_;
  std::unique_ptr<PayloadFunctions> payloads_;
  DatabaseHandle database_;
  ConnectionHandle connection_;
  std::mutex mutex_;
  int64_t series_bytes_max_ = 0;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  auto database = std::make_unique<DuckDatabase>();
  TRY(database->open_with(options));
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace ticklake::query
