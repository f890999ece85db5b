#include <arrow/array.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/fixture.h"

namespace ticklake::query {
namespace {

struct Values {
  const char* type;
  std::vector<std::string> texts;  // as JSON
};

const Values kWholeNumbers[] = {
    {"TINYINT", {"null", "-128", "-1", "0", "127"}},
    {"SMALLINT", {"null", "-32768", "-1", "0", "32767"}},
    {"INT", {"null", "-2147483648", "-1", "0", "2147483647"}},
    {"BIGINT",
     {"null", "-9223372036854775808", "-9223372036854775807", "-1", "0", "9223372036854775806",
      "9223372036854775807"}},
};
const std::vector<std::string> kTimes = {"null", "-9223372022400000000", "-1", "0",
                                         "1767623400500000", "9223372036854775806",
                                         // as others may write them: times without end
                                         "9223372036854775807", "-9223372036854775807"};
const Values kTimestamps = {"TIMESTAMP", kTimes};
const Values kLocalTimestamps = {"TIMESTAMP_NTZ", kTimes};
const Values kDoubles = {"DOUBLE", {"null", "-1.5", "-0.0", "0.0", "2.0"}};
const Values kDates = {"DATE", {"null", "-719162", "-1", "0", "2932896"}};

// Each two keys of (a, b) are a group of two rows, one in each batch.
Batches every_pair(const Schema& schema, const Values& a, const Values& b) {
  std::vector<std::string> columns[2];
  size_t keys = a.texts.size() * b.texts.size();
  for (size_t side = 0; side < 2; ++side) {
    columns[side].assign(5, "[");
    for (size_t group = 0; group < keys * keys; ++group) {
      size_t key = side == 0 ? group % keys : group / keys;
      const char* comma = group == 0 ? "" : ",";
      columns[side][0] += fmt::format("{}1767623400000000", comma);
      columns[side][1] += fmt::format("{}{}", comma, group);
      columns[side][2] += comma + a.texts[key % a.texts.size()];
      columns[side][3] += comma + b.texts[key / a.texts.size()];
      columns[side][4] += fmt::format("{}{}", comma, side);
    }
    for (std::string& column : columns[side]) column += "]";
  }
  return {batch_of(schema, columns[0]), batch_of(schema, columns[1])};
}

class ExtremesTest : public QueryFixture {
 protected:
  Batches run(const std::string& sql, const Schema& output, const std::string& id,
              const Schema& input, const Batches& rows) {
    return answer({.sql = sql,
                   .output = output,
                   .payload_functions = {},
                   .batch_input = id,
                   .batch_schema = input},
                  rows)
        .batches;
  }

  // The answers of a windowed statement whose input came in parts.
  Batches windowed(const std::string& select, const Schema& schema, const Batches& parts) {
    sql::Catalog catalog;
    catalog.find = [&](const auto&) { return sql::Relation{"c.d.t", schema, nullptr}; };
    std::string text = "CREATE STREAMING TABLE x AS SELECT " + select +
                       " FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS "
                       "GROUP BY window(ts, '1 minute'), g";
    auto statements = sql::parse(text, "x.sql");
    EXPECT_TRUE(statements) << statements.error().message;
    auto plan = sql::analyze(statements->front(), catalog, {.file = "x.sql"});
    EXPECT_TRUE(plan) << plan.error().message;
    if (!plan) return {};
    const auto& statement = *plan->windowed;
    Batches partial;
    for (const BatchPtr& part : parts) {
      Batches more = run(statement.partial_sql, statement.partial_schema, plan->inputs[0].id,
                         schema, {part});
      partial.insert(partial.end(), more.begin(), more.end());
    }
    for (int merges = 0; merges < 2; ++merges) {
      partial = run(statement.merge_sql, statement.partial_schema, "partial",
                    statement.partial_schema, partial);
    }
    return run(statement.final_sql, plan->output, "partial", statement.partial_schema, partial);
  }

  void compare(const Values& a, const Values& b) {
    std::string types = std::string("a ") + a.type + ", b " + b.type;
    SCOPED_TRACE(types);
    Schema schema = schema_of(("ts TIMESTAMP, g BIGINT, " + types + ", v BIGINT").c_str());
    auto rows = every_pair(schema, a, b);
    Batches got = windowed(
        "g, max_by(v, struct(a, b)) AS most, max_by(v, struct(a, b, 0)) AS most_of_three, "
        "min_by(v, struct(a, b)) AS least, min_by(v, struct(a, b, 0)) AS least_of_three",
        schema, rows);
    int64_t groups = 0;
    for (const BatchPtr& batch : got) {
      groups += batch->num_rows();
      for (int column : {1, 3})
        EXPECT_TRUE(batch->column(column)->Equals(batch->column(column + 1))) << column;
    }
    EXPECT_EQ(groups, rows[0]->num_rows());
  }
};

// A key of two is packed into one number where it can be; one of three never is.
TEST_F(ExtremesTest, KeysOfTwoAreOrderedAsKeysOfThree) {
  std::vector<Values> all(std::begin(kWholeNumbers), std::end(kWholeNumbers));
  all.insert(all.end(), {kTimestamps, kLocalTimestamps, kDoubles, kDates});
  for (const Values& a : all) {
    for (const Values& b : all) compare(a, b);
  }
}

TEST_F(ExtremesTest, NaNIsGreatest) {
  Schema schema = schema_of("ts TIMESTAMP, g BIGINT, a TIMESTAMP, b DOUBLE, v BIGINT");
  auto rows = batch_of(schema, {"[0, 0, 0]", "[1, 1, 1]", "[5, 5, 5]", "[1.0, NaN, null]",
                                "[10, 20, 30]"});
  auto got = windowed("max_by(v, struct(a, b)) AS most, min_by(v, struct(a, b)) AS least", schema,
                      {rows});
  EXPECT_EQ(text_of(got),
            text_of({batch_of(schema_of("most BIGINT, least BIGINT"), {"[20]", "[30]"})}));
}

}  // namespace
}  // namespace ticklake::query
