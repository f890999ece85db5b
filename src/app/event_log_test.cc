#include "app/event_log.h"

#include <arrow/array.h>
#include <arrow/scalar.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "query/query.h"

namespace ticklake::app {

namespace {

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() {
    project_.name = "p";
    project_.storage = "/p";
    environment_.secrets.add("S3CRET\"S3CRET");
    environment_.secrets.add("level");
  }

  // A run without flows of its own.
  EventLog log() { return {environment_, project_, {}, {}}; }

  static engine::FlowStatus flow(int64_t rows_out) {
    return {.name = "c.d.t",
            .table = "c.d.t",
            .state = engine::FlowStatus::State::Running,
            .rows_out = rows_out,
            .commits = 1,
            .expectations = {{.name = "e", .passed = rows_out - 1, .failed = rows_out}}};
  }

  // One line of text a column and row of the query over the table.
  std::vector<std::string> asked(const std::string& select) {
    auto snapshot = delta::open(files_, "/p/event_log");
    EXPECT_TRUE(snapshot) << snapshot.error().message;
    auto statements = sql::parse(select + " FROM l", "q");
    sql::Catalog catalog{.find = [](const auto&) {
      return sql::Relation{"l", event_log_schema(), nullptr};
    }};
    auto plan = sql::analyze(statements->front(), catalog, {.file = "q"});
    EXPECT_TRUE(plan) << plan.error().message;
    query::Request request{.sql = plan->duckdb_sql, .output = plan->output};
    request.inputs.emplace(plan->inputs[0].id, query::snapshot_input(files_, *snapshot, {}));
    auto database = query::Database::open({});
    auto prepared = (*database)->prepare(std::move(request));
    auto answer = (*prepared)->run({});
    EXPECT_TRUE(answer) << answer.error().message;
    std::vector<std::string> out;
    for (const auto& batch : answer->batches) {
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        out.push_back(batch->column(0)->GetScalar(row).ValueOrDie()->ToString());
      }
    }
    return out;
  }

  bool full_ = false;
  io::MemoryFiles files_{[this](std::string_view, const io::Path&) {
    using Fault = io::MemoryFiles::Fault;
    return full_ ? std::optional<Fault>({{Code::Unavailable, "the disk is full"}}) : std::nullopt;
  }};
  io::ManualClock clock_{1'767'623'400'000'000};
  io::MemoryHttp http_{[](const auto&) { return Error{Code::Unavailable, "no network"}; }};
  Environment environment_{files_, clock_, http_, stdout, stderr};
  engine::Project project_;
};

TEST_F(EventLogTest, NumbersOfEventsAddUpToTheWhole) {
  EventLog log = this->log();
  log.look({flow(5)});
  clock_.advance_us(10'000'000);
  log.look({flow(12)});
  log.look({flow(20)});  // not due yet
  ASSERT_TRUE(log.end({flow(21)}, EventLog::Ending::Completed, ""));
  EXPECT_EQ(asked("SELECT sum(CAST(get_json_object(details, "
                  "'$.flow_progress.metrics.num_output_rows') AS BIGINT))"),
            std::vector<std::string>{"21"});
  EXPECT_EQ(asked("SELECT CAST(get_json_object(details, "
                  "'$.flow_progress.data_quality.expectations[0].failed_records') AS BIGINT) AS n")
                .size(),
            6U);  // begin, RUNNING, three of the flow, COMPLETED
  EXPECT_EQ(asked("SELECT max(CAST(get_json_object(sequence, '$.seq_no') AS INT))"),
            std::vector<std::string>{"5"});
}

TEST_F(EventLogTest, AFailureIsAnErrorWithoutSecrets) {
  EventLog log = this->log();
  auto failed = flow(1);
  failed.state = engine::FlowStatus::State::Failed;
  failed.problem = "no login with S3CRET\"S3CRET";
  log.look({failed});
  ASSERT_TRUE(log.end({failed}, EventLog::Ending::Failed, failed.problem));
  EXPECT_EQ(asked("SELECT array_join(sort_array(collect_list(level)), ',')"),
            std::vector<std::string>{"ERROR,ERROR,INFO,INFO"});
  EXPECT_EQ(asked("SELECT count(*) FILTER (WHERE concat(error, message, details) LIKE '%S3CRET%')"),
            std::vector<std::string>{"0"});
}

TEST_F(EventLogTest, WhatCannotBeWrittenWaits) {
  full_ = true;
  EventLog log = this->log();
  clock_.advance_us(10'000'000);
  log.look({flow(5)});
  full_ = false;
  clock_.advance_us(10'000'000);
  log.look({flow(7)});
  EXPECT_EQ(asked("SELECT count(*)"), std::vector<std::string>{"4"});
  EXPECT_EQ(asked("SELECT sum(CAST(get_json_object(details, "
                  "'$.flow_progress.metrics.num_output_rows') AS BIGINT))"),
            std::vector<std::string>{"7"});
}

}  // namespace

}  // namespace ticklake::app
