#include <arrow/array.h>
#include <arrow/scalar.h>

#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;

const char* const kWidening = "delta.enableTypeWidening";

struct Evolution : ::testing::Test, TestTable {
  Result<Snapshot> becomes(const Snapshot& snapshot, const std::string& columns) {
    Transaction transaction{.operation = "CHANGE COLUMN"};
    transaction.metadata = TRY(with_columns(snapshot, ddl(columns).fields));
    return commit(files, clock, snapshot, std::move(transaction));
  }
};

TEST_F(Evolution, TypesThatWiden) {
  auto check = [](const std::string& from, const std::string& to) {
    return widens(ddl("a " + from).fields[0].type, ddl("a " + to).fields[0].type);
  };
  for (auto [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"TINYINT", "SMALLINT"},
           {"SMALLINT", "INT"},
           {"INT", "BIGINT"},
           {"TINYINT", "BIGINT"},
           {"FLOAT", "DOUBLE"},
           {"INT", "DOUBLE"},
           {"DECIMAL(5,2)", "DECIMAL(8,4)"},
           {"INT", "DECIMAL(10,0)"},
           {"TINYINT", "DECIMAL(12,2)"},
           {"BIGINT", "DECIMAL(20,0)"},
           {"DATE", "TIMESTAMP_NTZ"}}) {
    EXPECT_TRUE(check(from, to)) << from << " to " << to;
    EXPECT_FALSE(check(to, from)) << to << " to " << from;
  }
  for (auto [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"INT", "INT"},
           {"BIGINT", "DOUBLE"},
           {"INT", "FLOAT"},
           {"DECIMAL(5,2)", "DECIMAL(6,4)"},
           {"DECIMAL(5,2)", "DECIMAL(5,3)"},
           {"INT", "DECIMAL(9,0)"},
           {"BIGINT", "DECIMAL(19,0)"},
           {"DATE", "TIMESTAMP"},
           {"INT", "STRING"}}) {
    EXPECT_FALSE(check(from, to)) << from << " to " << to;
  }
}

TEST_F(Evolution, WideningIsToldInTheSchemaAndInTheProtocol) {
  Schema narrow = ddl("id INT, v STRING");
  Snapshot snapshot = ok(make(narrow, {}, {{kWidening, "true"}}));
  EXPECT_EQ(snapshot.protocol().reader_features, std::vector<std::string>{"typeWidening"});
  snapshot = ok(insert(snapshot, {rows(narrow, R"([[1,"a"],[2147483647,"b"]])")}));
  snapshot = ok(becomes(snapshot, "id BIGINT, v STRING"));
  snapshot = ok(becomes(snapshot, "id DECIMAL(22,2), v STRING, w DATE"));
  EXPECT_EQ(snapshot.schema().fields[0].metadata,
            R"({"delta.typeChanges":[{"fromType":"integer","toType":"long"},)"
            R"_({"fromType":"long","toType":"decimal(22,2)"}]})_");
  EXPECT_EQ(snapshot.schema().fields[1].metadata, "");
  Snapshot again = ok(open(files, snapshot.root()));
  EXPECT_EQ(to_delta_json(again.schema()), to_delta_json(snapshot.schema()));
  auto reader = ok(read(files, again, again.files()[0]));
  auto batch = reader->Next().ValueOrDie();
  EXPECT_EQ(batch->column(0)->GetScalar(1).ValueOrDie()->ToString(), "2147483647.00");
  EXPECT_EQ(batch->column(2)->null_count(), 2);
  std::vector<Condition> above = {{"id", Condition::Op::Greater, "2147483647.5"}};
  EXPECT_FALSE(may_match(again, again.files()[0], above));
}

TEST_F(Evolution, WhatCannotBeReadIsRefused) {
  Snapshot snapshot = ok(make(ddl("id INT, v STRING")));
  EXPECT_EQ(becomes(snapshot, "id BIGINT, v STRING").error().code, Code::Unsupported) << "off";
  EXPECT_EQ(becomes(snapshot, "id SMALLINT, v STRING").error().code, Code::Invalid);
  EXPECT_ERROR(becomes(snapshot, "id INT"), Code::Invalid,
               "column v cannot be taken away; make the table anew to be without it");
}

}  // namespace
}  // namespace ticklake::delta
