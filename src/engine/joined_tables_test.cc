// Streams that are joined with tables: which version rows meet, when, and after what failures.
#include "joined_tables.h"

#include <fmt/format.h>

#include "test_support.h"

namespace ticklake::engine {
namespace {

std::string topic(const std::string& name) {
  return fmt::format(
      "STREAM read_kafka(bootstrapServers => 'embedded', subscribe => '{}', startingOffsets => "
      "'earliest')",
      name);
}

// Records are "symbol,number"; of each symbol the newest lot counts.
std::string pipeline(const std::string& joined) {
  auto rows = [](const std::string& name, const std::string& from) {
    return fmt::format(
        "CREATE STREAMING TABLE {} AS SELECT offset AS id, split(CAST(value AS STRING), ',')[0] AS "
        "symbol, CAST(split(CAST(value AS STRING), ',')[1] AS INT) AS number FROM {};",
        name, topic(from));
  };
  return rows("lots", "l") + rows("orders", "o") +
         "CREATE MATERIALIZED VIEW lot AS SELECT symbol, max_by(number, id) AS lot FROM lots GROUP "
         "BY symbol;" +
         joined;
}

const std::string kSized =
    "CREATE STREAMING TABLE sized TBLPROPERTIES ('ticklake.quarantine' = 'errors') AS SELECT id, "
    "CAST(number / lot AS INT) AS n FROM STREAM orders JOIN lot USING (symbol);";

struct Market : Box {
  explicit Market(const std::string& joined, const std::string& configuration = "")
      : Box(pipeline(joined), configuration) {
    create_topic("l", 1);
    create_topic("o", 1);
  }
};

using Rows = std::vector<std::string>;

TEST(JoinedTables, RowsMeetTheNewestVersionAndTheCommitNamesIt) {
  Market box(kSized);
  box.produce("l", 0, {"IBM,10", "GE,5"});
  box.produce("o", 0, {"IBM,100", "GE,100", "X,1"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  Rows first = {R"({"id":0,"n":10})", R"({"id":1,"n":20})"};
  EXPECT_EQ(box.rows("sized"), first);
  int64_t joined = box.version("lot");
  box.produce("l", 0, {"IBM,1"});
  box.produce("o", 0, {"IBM,100"});
  box.run_once(true);
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("sized"), (Rows{first[0], first[1], R"({"id":3,"n":100})"}));
  auto history = delta::history(box.files, box.path("sized"), 10);
  ASSERT_TRUE(history);
  std::vector<std::string> versions;
  for (const auto& commit : *history) {
    auto found = commit.parameters.find("joinedVersions");
    if (found != commit.parameters.end()) versions.push_back(found->second);
  }
  auto named = [](int64_t version) {
    return fmt::format(R"({{"ticklake.default.lot":{}}})", version);
  };
  EXPECT_EQ(versions, (Rows{named(box.version("lot")), named(joined)}));
}

// Killed between the two commits, and the table changed meanwhile: a row that was bad stays so, one
// that was good is not lost though it would be bad now.
TEST(JoinedTables, ABatchWhoseBadRowsAreStoredMeetsTheSameVersionAgain) {
  Market box(kSized);
  box.produce("l", 0, {"IBM,0", "GE,10"});
  box.produce("o", 0, {"IBM,100", "GE,100"});
  box.fault = [&](std::string_view operation,
                  const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    bool commit =
        operation == "put_if_absent" && path.find("/sized/_delta_log/") != std::string::npos &&
        !path.ends_with("00000.json") && !path.ends_with("00001.json");
    if (!commit) return {};
    return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
  };
  box.run_once();
  EXPECT_NE(box.problem.find("the disk is away"), std::string::npos) << box.problem;
  EXPECT_EQ(box.rows("sized__quarantine").size(), 1u);
  box.fault = {};
  box.produce("l", 0, {"IBM,10", "GE,0"});
  box.produce("o", 0, {"IBM,50"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("sized").size() + box.rows("sized__quarantine").size(), 3u);
  EXPECT_EQ(box.rows("sized")[0], R"({"id":1,"n":10})");
  EXPECT_NE(box.rows("sized__quarantine")[0].find("DIVIDE_BY_ZERO"), std::string::npos);
}

TEST(JoinedTables, EachBadRowAmongManyIsFound) {
  Market box(kSized, "ticklake.maxRowsPerStep: '1000'");
  box.produce("l", 0, {"IBM,0", "GE,10"});
  std::vector<std::string> orders;
  for (int i = 0; i < 1'500; ++i) orders.push_back(i % 113 == 7 ? "IBM,10" : "GE,10");
  box.produce("o", 0, orders);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto bad = std::ranges::count(orders, "IBM,10");
  EXPECT_EQ(std::ssize(box.rows("sized__quarantine")), bad);
  EXPECT_EQ(std::ssize(box.rows("sized")), std::ssize(orders) - bad);
}

TEST(JoinedTables, TheFirstBadRowIsNamedWhereTheFlowStops) {
  Market box("CREATE STREAMING TABLE sized AS SELECT id, number / lot AS n FROM STREAM orders JOIN "
             "lot USING (symbol);");
  box.produce("l", 0, {"IBM,0", "GE,10"});
  box.produce("o", 0, {"GE,1", "GE,2", "IBM,3", "GE,4", "IBM,5"});
  box.run_once();
  EXPECT_NE(box.problem.find("DIVIDE_BY_ZERO"), std::string::npos) << box.problem;
  EXPECT_NE(box.problem.find("orders"), std::string::npos) << box.problem;
}

TEST(JoinedTables, AnErrorOfTheTablesOwnRowsIsNotBlamedOnTheStreams) {
  Market box(
      "CREATE STREAMING TABLE sized TBLPROPERTIES ('ticklake.quarantine' = 'errors') AS SELECT id "
      "FROM STREAM orders JOIN lot ON orders.number = CAST(lot.symbol AS INT);");
  box.produce("l", 0, {"1,10", "GE,5"});
  box.produce("o", 0, {"IBM,1", "GE,2", "GE,3"});
  box.run_once();
  EXPECT_NE(box.problem.find("a table that the stream is joined with"), std::string::npos)
      << box.problem;
  EXPECT_NE(box.problem.find("'GE'"), std::string::npos) << box.problem;
  EXPECT_EQ(box.rows("sized__quarantine"), Rows());
  box.set_sql(pipeline(
      "CREATE STREAMING TABLE sized TBLPROPERTIES ('ticklake.quarantine' = 'errors') AS SELECT id "
      "FROM STREAM orders JOIN lot ON orders.number = try_cast(lot.symbol AS INT);"));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("sized"), Rows{R"({"id":0})"});
}

TEST(JoinedTables, ATableOutsideThatCannotBeReadForAWhileStopsNothing) {
  // current_date() makes the plan anew at each batch.
  Box box("");
  box.set_sql(
      "CREATE STREAMING TABLE s AS SELECT t.offset AS id, o.x + year(current_date()) AS x FROM " +
      topic("t") + " AS t JOIN delta.`" + box.directory + "/outside` AS o ON o.x > 0;");
  box.create_topic("t", 1);
  delta::Metadata metadata{.name = "outside", .schema = {{{"x", Kind::Integer}}}};
  auto made = delta::create(box.files, box.clock, box.directory + "/outside", metadata);
  ASSERT_TRUE(made) << made.error().message;
  auto rows = formats::from_json_lines("{\"x\":1}", metadata.schema);
  ASSERT_TRUE(rows);
  delta::Transaction transaction{.operation = "WRITE"};
  auto added = delta::write(box.files, box.clock, *made, {*rows});
  ASSERT_TRUE(added);
  transaction.adds = *added;
  ASSERT_TRUE(delta::commit(box.files, box.clock, *made, transaction));

  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  size_t sent = 0;
  auto comes = [&] {
    box.produce("t", 0, {"r"});
    ++sent;
    for (int i = 0; i < 200 && box.rows("s").size() < sent; ++i) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
      box.clock.advance_us(1'000'000);
    }
    ASSERT_EQ(box.rows("s").size(), sent) << (*pipeline)->status()[0].problem;
  };
  comes();
  bool failed = true;
  for (int at = 0; failed; ++at) {
    failed = false;
    int left = at;
    box.fault = [&](std::string_view, const io::Path& path) {
      bool hit = !failed && path.find("/outside") != std::string::npos && left-- <= 0;
      failed = failed || hit;
      using Fault = io::MemoryFiles::Fault;
      return hit ? std::optional(Fault{{Code::Unavailable, "away"}}) : std::nullopt;
    };
    comes();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT((*pipeline)->status()[0].retries, 0);
}

TEST(JoinedTables, WithOnceNoRowIsJoinedWithATableThatFailed) {
  Market box("CREATE STREAMING TABLE names (CONSTRAINT good EXPECT (number > 0) ON VIOLATION FAIL "
             "UPDATE) AS SELECT symbol, number FROM STREAM lots; CREATE STREAMING TABLE named AS "
             "SELECT o.id FROM STREAM orders o JOIN names n USING (symbol);");
  box.produce("l", 0, {"IBM,0"});
  box.produce("o", 0, {"IBM,1"});
  box.run_once();
  EXPECT_NE(box.problem.find("good"), std::string::npos) << box.problem;
  EXPECT_TRUE(box.rows("named").empty());
  box.set_sql(pipeline(
      "CREATE STREAMING TABLE names AS SELECT symbol, number FROM STREAM lots; CREATE STREAMING "
      "TABLE named AS SELECT o.id FROM STREAM orders o JOIN names n USING (symbol);"));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("named"), (Rows{R"({"id":0})"}));
}

TEST(JoinedTables, AVersionThatTheQueryNamesStays) {
  Market box("");
  box.produce("l", 0, {"IBM,10"});
  box.run_once();
  int64_t version = box.version("lots");
  box.produce("l", 0, {"IBM,20"});
  box.produce("o", 0, {"IBM,1"});
  box.set_sql(pipeline(fmt::format(
      "CREATE STREAMING TABLE old AS SELECT o.id, l.number FROM STREAM orders o JOIN lots VERSION "
      "AS OF {} l USING (symbol);",
      version)));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("old"), (Rows{R"({"id":0,"number":10})"}));
}

// While running, too: the newest version, and the time of the batch in what is worked out once.
TEST(JoinedTables, ChangeWhileThePipelineRuns) {
  Market box(
      "CREATE STREAMING TABLE x AS SELECT o.id, l.number, s.t FROM STREAM orders o JOIN lots l "
      "USING (symbol) JOIN (SELECT DISTINCT symbol, current_timestamp() AS t FROM lots) s USING "
      "(symbol);");
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  auto settle = [&] {
    for (int i = 0; i < 30; ++i) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
      box.clock.advance_us(500'000);
    }
  };
  box.produce("l", 0, {"IBM,1"});
  settle();
  box.produce("o", 0, {"IBM,1"});
  settle();
  ASSERT_EQ(box.rows("x").size(), 1u);
  box.produce("l", 0, {"IBM,2"});
  settle();
  EXPECT_EQ(box.rows("x").size(), 1u) << "a row is joined once";
  box.produce("o", 0, {"IBM,1"});
  settle();
  auto rows = box.rows("x");
  ASSERT_EQ(rows.size(), 3u);
  auto time_of = [](const std::string& row) { return row.substr(row.find("\"t\"")); };
  EXPECT_NE(time_of(rows[0]), time_of(rows[1]));
  EXPECT_EQ(time_of(rows[1]), time_of(rows[2]));
}

// Rows in memory and rows of files give the same; a subquery is worked out once a version.
TEST(JoinedTables, KeepRowsWhileTheirVersionStays) {
  Market box(
      "CREATE STREAMING TABLE x AS SELECT o.id, l.number, s.n FROM STREAM orders o JOIN lots l "
      "USING (symbol) JOIN (SELECT symbol, count(*) AS n FROM lots GROUP BY symbol) s USING "
      "(symbol);");
  box.produce("l", 0, {"IBM,10", "GE,20", "IBM,30"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto project = load_project(box.files, box.directory);
  ASSERT_TRUE(project);
  auto graph = build_graph(*project, 0);
  ASSERT_TRUE(graph);
  Context context{.world = {.files = box.files, .clock = box.clock},
                  .project = *project,
                  .graph = *graph,
                  .options = {},
                  .hub = Hub(0),
                  .database = *query::Database::open({})};
  const auto& plan = context.graph.datasets.back().plan;
  ASSERT_EQ(plan.inputs.size(), 4u);
  auto rows_of = [](const query::Input& input) {
    int64_t rows = 0;
    auto parts = input.parts(std::vector{input.schema.fields[0].name});
    EXPECT_TRUE(parts);
    for (const auto& part : *parts) {
      auto reader = part();
      EXPECT_TRUE(reader);
      for (BatchPtr batch; (*reader)->ReadNext(&batch).ok() && batch;) rows += batch->num_rows();
    }
    return rows;
  };
  for (int64_t bytes_max : {int64_t{1} << 20, int64_t{64}}) {
    JoinedTables joined(context, bytes_max);
    auto changed = joined.pin(plan, {});
    if (!changed) {
      EXPECT_EQ(changed.error().code, Code::Unavailable);  // the subquery's rows have to fit
      EXPECT_EQ(bytes_max, 64);
      continue;
    }
    EXPECT_TRUE(*changed);
    std::vector<int64_t> counts;
    for (const auto& entry : joined.inputs()) counts.push_back(rows_of(entry.second));
    std::ranges::sort(counts);
    EXPECT_EQ(counts, (std::vector<int64_t>{2, 3}));
    auto again = joined.pin(plan, {});
    ASSERT_TRUE(again);
    EXPECT_FALSE(*again);
    // Nobody announces what maintenance commits.
    auto table = delta::open(box.files, box.path("lots"));
    ASSERT_TRUE(table);
    context.hub.announce("ticklake.default.lots", table->version());
    ASSERT_TRUE(delta::commit(box.files, box.clock, *table, {.operation = "OPTIMIZE"}));
    bool told = false;
    auto after = joined.pin(plan, {}, [&] { told = true; });
    ASSERT_TRUE(after && *after);
    EXPECT_TRUE(told);
    EXPECT_EQ(joined.versions().at("ticklake.default.lots").version, table->version() + 1);
  }
}

}  // namespace
}  // namespace ticklake::engine
