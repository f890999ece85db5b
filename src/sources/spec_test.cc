#include <gtest/gtest.h>

#include "sources/outbox.h"
#include "sources/sources.h"

namespace ticklake::sources {
namespace {

Result<SourceSpec> parse(const std::string& yaml) {
  return parse_spec(yaml, "sources/x.yml",
                    [](const std::string& name) -> std::optional<std::string> {
                      if (name == "topic") return "replaced";
                      return {};
                    });
}

std::string refusal(const std::string& yaml) {
  auto spec = parse(yaml);
  return spec ? "none" : spec.error().message;
}

TEST(Spec, ReadsAllOfASyntheticSource) {
  auto spec = parse(R"(
type: synthetic
topic: ${topic}
partitions: 2
symbols: [AAPL, IBM]
seed: 7
rate: 2.5
backfill: 30 minutes
backfill_rate: 20
disorder:
  lateness: 500 ms
  share: 0.25
bad_share: 0.01
volatility: 0.4
session: {open: "14:30", close: "21:00", zone: UTC, days: "Mon-Fri"}
)");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->name, "x");
  EXPECT_EQ(spec->topic, "replaced");
  EXPECT_EQ(spec->partitions, 2);
  const auto& form = std::get<SyntheticSpec>(spec->form);
  EXPECT_EQ(form.symbols, (std::vector<std::string>{"AAPL", "IBM"}));
  EXPECT_EQ(form.seed, 7u);
  EXPECT_EQ(form.rate, 2.5);
  EXPECT_EQ(form.backfill_us, 1'800'000'000);
  EXPECT_EQ(form.backfill_rate, 20);
  EXPECT_EQ(form.lateness_us_max, 500'000);
  EXPECT_EQ(form.late_share, 0.25);
  EXPECT_EQ(form.bad_share, 0.01);
  EXPECT_EQ(form.session, (Session{52'200'000'000, 75'600'000'000, 0b1'1111}));
}

TEST(Spec, ReadsAllOfACsvSource) {
  auto spec = parse(R"(
type: csv
topic: bars
directory: data/bars
pattern: "*.txt"
header: false
separator: "\t"
schema: "ticker STRING, `Adj Close` DOUBLE"
key: TICKER
settle: 10 s
)");
  ASSERT_TRUE(spec) << spec.error().message;
  const auto& form = std::get<CsvSpec>(spec->form);
  EXPECT_EQ(form.directory, "data/bars");
  EXPECT_EQ(form.pattern, "*.txt");
  EXPECT_FALSE(form.header);
  EXPECT_EQ(form.separator, '\t');
  EXPECT_EQ(form.schema.fields[1].name, "Adj Close");
  EXPECT_EQ(form.key, "ticker");
  EXPECT_EQ(form.settle_us, 10'000'000);
}

TEST(Spec, RefusesWithFileLineAndAHint) {
  EXPECT_EQ(refusal(""),
            "sources/x.yml:1:1: a source is described by keys and values, beginning "
            "with \"type\"");
  EXPECT_EQ(refusal("topic: t"), "sources/x.yml:1:1: a source needs a \"type\": synthetic, csv, "
            "alpha_vantage");
  EXPECT_EQ(refusal("type: sintetic"),
            "sources/x.yml:1:7: unknown source type \"sintetic\"; did you mean synthetic?");
  EXPECT_EQ(refusal("type: synthetic"), "sources/x.yml:1:1: a source needs a \"topic\"");
  EXPECT_EQ(refusal("type: synthetic\ntopic: t\nsymbls: 5"),
            "sources/x.yml:3:1: unknown key \"symbls\"; did you mean \"symbols\"?");
  EXPECT_EQ(refusal("type: synthetic\ntopic: a b"),
            "sources/x.yml:2:8: \"a b\" is no name for a topic: letters, digits, '.', '_' and '-' "
            "only, at most 200");
  EXPECT_EQ(refusal("type: synthetic\ntopic: ${nowhere}"),
            "sources/x.yml:2:8: ${nowhere} is not known here");
  EXPECT_EQ(refusal("type: synthetic\ntopic: t\nrate: fast"),
            "sources/x.yml:3:7: \"rate\" must be a number from 0.001 to 10000000, not \"fast\"");
  EXPECT_EQ(refusal("type: synthetic\ntopic: t\nbackfill: 30"),
            "sources/x.yml:3:11: \"backfill\" must be a duration such as \"30 minutes\" (ms, "
            "seconds, minutes, hours, days; at most 366 days), not \"30\"");
  EXPECT_EQ(refusal("type: synthetic\ntopic: t\nsession: {open: \"21:00\", close: \"14:30\"}"),
            "sources/x.yml:3:10: the session's close must be after its open, on one UTC day");
  EXPECT_EQ(refusal("type: synthetic\ntopic: t\ncount: 5"),
            "sources/x.yml:1:1: \"start\" and \"count\" go together: a fixed start needs the "
            "number of ticks, and a number of ticks a fixed start");
  EXPECT_EQ(refusal("type: csv\ntopic: t\ndirectory: d"),
            "sources/x.yml:1:1: a csv source needs \"schema\"");
  EXPECT_EQ(refusal("type: csv\ntopic: t\ndirectory: d\nschema: \"a ARRAY<INT>\""),
            "sources/x.yml:4:9: the column a cannot be ARRAY<INT>: a CSV file has single values as "
            "text");
  EXPECT_EQ(refusal("type: csv\ntopic: t\ndirectory: d\nschema: a INT\nkey: b"),
            "sources/x.yml:5:6: \"key\": the schema has no column b");
  EXPECT_EQ(refusal("type: csv\ntype: csv"), "sources/x.yml:2:1: \"type\" is given twice");
  EXPECT_NE(refusal("type: [").find(": not YAML: "), std::string::npos);
}

TEST(Spec, TypesOfLaterVersionsAreUnsupported) {
  for (const char* type : {"postgres", "singer", "airbyte"}) {
    auto spec = parse(std::string("topic: t\ntype: ") + type);
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, Code::Unsupported);
    EXPECT_EQ(spec.error().message, std::string("sources/x.yml:2:7: the source type \"") + type +
                                        "\" is not available in this version; it has: synthetic, "
                                        "csv, alpha_vantage");
  }
}

TEST(Outbox, StatesSurviveAsText) {
  ResumeState state = {{"file", "a b%20=c.csv"}, {"line", "7"}};
  EXPECT_EQ(to_state(to_text(state)), state);
}

}  // namespace
}  // namespace ticklake::sources
