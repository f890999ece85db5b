#include "rows.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "formats/formats.h"

namespace ticklake::engine {
namespace {

TEST(Rows, ColumnsAreTakenByName) {
  auto batch =
      formats::from_json_lines(R"({"a":1,"b":2,"c":3})", *parse_ddl("a INT, b INT, c INT"));
  ASSERT_TRUE(batch) << batch.error().message;
  auto some = with_columns(*batch, {"c", "a"});
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ((*some)->schema()->field_names(), (std::vector<std::string>{"c", "a"}));
  EXPECT_EQ(with_columns(*batch, {"d"}).error().message, "column d is missing in the rows read");
}

}  // namespace
}  // namespace ticklake::engine
