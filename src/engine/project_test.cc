#include <gtest/gtest.h>

#include "engine/engine.h"
#include "settings.h"
#include "spec.h"

namespace ticklake::engine {
namespace {

const char* const kSpec = R"(name: market
storage: data
libraries:
  - glob:
      include: transformations/**
)";

// A project in memory: spark-pipeline.yml and more files.
std::unique_ptr<io::MemoryFiles> project_files(const std::string& spec,
                                               const std::map<std::string, std::string>& more) {
  auto files = std::make_unique<io::MemoryFiles>();
  EXPECT_TRUE(files->put("/p/spark-pipeline.yml", spec));
  for (const auto& [path, text] : more) EXPECT_TRUE(files->put("/p/" + path, text));
  return files;
}

std::string refusal(const std::string& spec, const std::map<std::string, std::string>& more,
                    const LoadOptions& options = {}) {
  auto files = project_files(spec, more);
  auto project = load_project(*files, "/p", options);
  return project ? "" : project.error().message;
}

TEST(Project, IsReadWithItsDefaults) {
  auto files = project_files(
      std::string(kSpec) + "configuration:\n  topic: ticks\n  who: ${topic}_by_${env:USER}\n",
      {{"transformations/a.sql",
        "CREATE MATERIALIZED VIEW a AS SELECT '${topic}' AS t, '$.x' AS p;"},
       {"transformations/deep/b.sql", "CREATE MATERIALIZED VIEW b AS SELECT 1 AS one;"},
       {"sources/live.yml", "type: synthetic\ntopic: ${topic} # ${env:KEY}\n"}});
  LoadOptions options;
  options.environment = [](const std::string& name) {
    return name == "USER" ? std::optional<std::string>("me") : std::nullopt;
  };
  auto project = load_project(*files, "/p", options);
  ASSERT_TRUE(project) << project.error().message;
  EXPECT_EQ(project->name, "market");
  EXPECT_EQ(project->storage, "/p/data");
  EXPECT_EQ(project->topics, "/p/data/topics");
  EXPECT_EQ(project->canonical({"a"}), "ticklake.default.a");
  EXPECT_EQ(project->table_path("ticklake.default.a"), "/p/data/tables/ticklake/default/a");
  EXPECT_EQ(project->configuration.at("who"), "ticks_by_me");
  ASSERT_EQ(project->statements.size(), 2u);
  EXPECT_NE(project->statements[0].text.find("'ticks' AS t, '$.x' AS p"), std::string::npos);
  ASSERT_EQ(project->sources.size(), 1u);
  EXPECT_EQ(project->sources[0].path, "sources/live.yml");
  EXPECT_EQ(project->sources[0].text, "type: synthetic\ntopic: ticks # ${env:KEY}\n");
}

TEST(Project, OverridesAndTheFileSchemeAreTaken) {
  auto files = project_files(R"(name: m
storage: file:///elsewhere/s
catalog: main
schema: gold
libraries:
  - glob: {include: one.sql}
configuration: {pace: slow}
)",
                             {{"one.sql", "CREATE MATERIALIZED VIEW a AS SELECT '${pace}' AS p"}});
  LoadOptions options;
  options.overrides = {{"pace", "fast"}};
  auto project = load_project(*files, "/p", options);
  ASSERT_TRUE(project) << project.error().message;
  EXPECT_EQ(project->table_path(project->canonical({"a"})), "/elsewhere/s/tables/main/gold/a");
  EXPECT_NE(project->statements[0].text.find("'fast'"), std::string::npos);
}

TEST(Project, RefusalsNameFileAndLine) {
  std::map<std::string, std::string> sql = {
      {"transformations/a.sql", "CREATE MATERIALIZED VIEW a AS\nSELECT '${nme}' AS x"}};
  EXPECT_EQ(refusal(std::string(kSpec) + "librarys: []\n", {}),
            "spark-pipeline.yml:6:1: unknown key 'librarys'; did you mean 'libraries'?");
  EXPECT_EQ(refusal(std::string(kSpec) + "configuration: {name: x}\n", sql),
            "transformations/a.sql:2:9: '${nme}' has no value; did you mean 'name'?");
  EXPECT_EQ(refusal(kSpec, {{"transformations/t.py", ""}}),
            "transformations/t.py: ticklake runs SQL only; write this dataset as CREATE STREAMING "
            "TABLE or CREATE MATERIALIZED VIEW");
  EXPECT_EQ(refusal(kSpec, {}),
            "spark-pipeline.yml:5:16: library 'transformations/**' holds no files");
  EXPECT_NE(refusal("name: [", {}).find("spark-pipeline.yml:1:1: not valid YAML"),
            std::string::npos);
  EXPECT_EQ(refusal("storage: s\nlibraries: [{glob: {include: a}}]", {}),
            "spark-pipeline.yml:1:1: 'name' is missing");
  EXPECT_NE(
      refusal("name: a\nstorage: s3://b/c\nlibraries: [{glob: {include: x.sql}}]", {{"x.sql", ""}})
          .find("spark-pipeline.yml:2:10: 's3://b/c' is an object store"),
      std::string::npos);
}

TEST(Project, PlacesOfUnknownNamesAreOfTheirFile) {
  EXPECT_EQ(refusal("name: m\nstorage: 'data/${where}'\nlibraries: [{glob: {include: a.sql}}]",
                    {{"a.sql", ""}}),
            "spark-pipeline.yml:2:16: '${where}' has no value; add it to 'configuration' in "
            "spark-pipeline.yml or give --set where=VALUE");
}

TEST(Project, ValuesInsideQuotesMeanThemselves) {
  LoadOptions options;
  options.environment = [](const std::string&) {
    return std::optional<std::string>("it's \"a\" C:\\tmp; `b`");
  };
  EXPECT_EQ(refusal(kSpec,
                    {{"transformations/a.sql",
                      "-- it's\nCREATE MATERIALIZED VIEW a AS SELECT '${env:V}' AS x, \"${env:V}\" "
                      "AS y, 1 AS `${env:V}` /* it's /* nested */ \" */"}},
                    options),
            "");
}

TEST(Project, NoRefusalShowsASecret) {
  LoadOptions options;
  const std::string secret = "a'b\"c-and much more of it than any message shows of it";
  options.environment = [&](const std::string&) { return std::optional<std::string>(secret); };
  for (const std::string sql :
       {"CREATE MATERIALIZED VIEW a AS SELECT 1 FORM '${env:MY_TOKEN}'",
        "CREATE MATERIALIZED VIEW a AS SELECT 1 FROM '${env:MY_TOKEN}'",
        "CREATE MATERIALIZED VIEW a AS SELECT 1 FROM 'user=u password=${env:MY_TOKEN}'"}) {
    std::string message = refusal(kSpec, {{"transformations/a.sql", sql}}, options);
    EXPECT_NE(message.find("***"), std::string::npos) << message;
    EXPECT_EQ(message.find("a'b"), std::string::npos) << message;
  }
  std::string spec =
      "name: m\nstorage: 's3://b?token=${env:T}'\nlibraries: [{glob: {include: a.sql}}]";
  std::string message = refusal(spec, {}, options);
  EXPECT_NE(message.find("s3://b?token=***"), std::string::npos) << message;
}

TEST(Project, OverridesThatNothingReadsAreRefused) {
  auto files = project_files(
      std::string(kSpec) + "configuration: {pace: slow}\n",
      {{"transformations/a.sql", "CREATE MATERIALIZED VIEW a AS SELECT '${who}' AS w"}});
  auto refusal_of = [&](std::map<std::string, std::string> overrides) {
    LoadOptions options;
    options.overrides = std::move(overrides);
    auto project = load_project(*files, "/p", options);
    return project ? "" : project.error().message;
  };
  std::map<std::string, std::string> good = {
      {"who", "me"}, {"pace", "fast"}, {"kafka.bootstrap", "embedded"}, {"spark.sql.x", "1"}};
  EXPECT_EQ(refusal_of(good), "");
  EXPECT_EQ(refusal_of({{"who", "me"}, {"pase", "fast"}}),
            "--set pase: nothing in the project reads it; did you mean 'pace'?");
}

TEST(Project, TargetsComeFromTheBundle) {
  std::map<std::string, std::string> more = {
      {"transformations/a.sql", "CREATE MATERIALIZED VIEW a AS SELECT '${kafka.bootstrap}' AS b"},
      {"databricks.yml", R"(bundle: {name: market}
variables:
  brokers: {default: embedded}
resources:
  pipelines:
    market: {configuration: {kafka.bootstrap: "${var.brokers}"}}
targets:
  dev: {default: true}
  prod: {variables: {brokers: "kafka:9092"}}
)"}};
  auto text_of = [&](const std::string& target) {
    auto files = project_files(kSpec, more);
    LoadOptions options;
    options.target = target;
    auto project = load_project(*files, "/p", options);
    return project ? project->statements[0].text : project.error().message;
  };
  EXPECT_NE(text_of("").find("'embedded'"), std::string::npos);
  EXPECT_NE(text_of("dev").find("'embedded'"), std::string::npos);
  EXPECT_NE(text_of("prod").find("'kafka:9092'"), std::string::npos);
  EXPECT_EQ(text_of("prd"), "databricks.yml has no target 'prd'; did you mean 'prod'?");
}

TEST(Settings, AreReadAndChecked) {
  EXPECT_EQ(parse_duration("100 ms"), 100'000);
  EXPECT_EQ(parse_duration("2 minutes"), 120'000'000);
  EXPECT_EQ(parse_duration("1s"), 1'000'000);
  EXPECT_EQ(parse_duration("one s"), std::nullopt);
  auto settings = settings_of(
      {{"ticklake.pace", "2 s"}, {"spark.x", "y"}},
      {{"ticklake.pace", "500 ms"}, {"ticklake.quarantine", "undecodable, expectations"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->pace_us, 500'000);
  EXPECT_TRUE(settings->quarantine.undecodable);
  EXPECT_FALSE(settings->quarantine.errors);
  EXPECT_FALSE(settings_of({{"ticklake.pace", "10 ms"}}, {}));
  EXPECT_FALSE(settings_of({{"ticklake.parallelism", "0"}}, {}));
  EXPECT_FALSE(settings_of({}, {{"ticklake.parallelism", "2"}}));
  Project project;
  EXPECT_GE(parallelism(project), 1);
  project.configuration["ticklake.parallelism"] = "3";
  EXPECT_EQ(parallelism(project), 3);
  EXPECT_EQ(settings_of({}, {{"ticklake.pase", "1 s"}}).error().message,
            "unknown setting 'ticklake.pase'; did you mean 'ticklake.pace'?");
  EXPECT_EQ(check_configuration({{"spark.sql.session.timeZone", "Europe/Paris"}}).error().code,
            Code::Unsupported);
}

}  // namespace
}  // namespace ticklake::engine
