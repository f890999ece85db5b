#include "test_support.h"

namespace ticklake::engine {
namespace {

std::string refusal(const std::string& sql) {
  Box box(sql);
  auto project = load_project(box.files, box.directory);
  if (!project) return project.error().message;
  auto graph = build_graph(*project, 0);
  return graph ? "" : graph.error().message;
}

TEST(Graph, PutsDatasetsInTheOrderOfWhatTheyRead) {
  Box box(R"(
    CREATE MATERIALIZED VIEW c AS SELECT * FROM v;
    CREATE TEMPORARY VIEW v AS SELECT x FROM b WHERE x > 1;
    CREATE MATERIALIZED VIEW b AS SELECT x + 1 AS x FROM a;
    CREATE MATERIALIZED VIEW a AS SELECT 1 AS x;)");
  auto project = load_project(box.files, box.directory);
  ASSERT_TRUE(project) << project.error().message;
  auto graph = build_graph(*project, 0);
  ASSERT_TRUE(graph) << graph.error().message;
  ASSERT_EQ(graph->datasets.size(), 3u);
  EXPECT_EQ(graph->datasets[0].name, "ticklake.default.a");
  EXPECT_EQ(graph->datasets[2].name, "ticklake.default.c");
  EXPECT_EQ(graph->datasets[2].inputs, (std::vector<std::string>{"ticklake.default.b"}));
  ASSERT_NE(graph->find(*project, {"DEFAULT", "B"}), nullptr);
  EXPECT_EQ(to_string(graph->find(*project, {"b"})->kind), "MATERIALIZED_VIEW");
  EXPECT_EQ(graph->find(*project, {"v"}), nullptr);
}

TEST(Graph, RefusalsNameThePlace) {
  EXPECT_EQ(refusal("CREATE MATERIALIZED VIEW a AS SELECT x FROM b;\n"
                    "CREATE MATERIALIZED VIEW b AS SELECT x FROM a;"),
            "all.sql:2:45: these read each other in a circle: a -> b -> a; break it");
  EXPECT_EQ(refusal("CREATE MATERIALIZED VIEW trades AS SELECT 1 AS x;\n"
                    "CREATE MATERIALIZED VIEW b AS SELECT x FROM trade;"),
            "all.sql:2:45: table trade is not in this project; did you mean trades?");
  EXPECT_NE(refusal("CREATE MATERIALIZED VIEW a AS SELECT 1 AS x;\n"
                    "CREATE MATERIALIZED VIEW default.A AS SELECT 1 AS x;")
                .find("is made twice; first at all.sql:1:"),
            std::string::npos);
  EXPECT_NE(refusal("CREATE MATERIALIZED VIEW a AS SELECT 1 AS x;\n"
                    "CREATE STREAMING TABLE b AS SELECT x FROM STREAM a;")
                .find("is a materialized view"),
            std::string::npos);
  EXPECT_EQ(refusal("CREATE STREAMING TABLE a AS SELECT value FROM STREAM read_kafka(\n"
                    "bootstrapServers => 'embedded', subscribe => 't', startingOffsets => 'foo');"),
            "all.sql:1:47: read_kafka: startingOffsets is 'foo'; 'earliest', 'latest' or an offset "
            "a partition, {\"topic\":{\"0\":23,\"1\":-2}}, is expected");
}

}  // namespace
}  // namespace ticklake::engine
