// Statements parsed for tests of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sql/sql.h"

namespace ticklake::sql {

inline std::string refusal(const std::string& sql) {
  Result<std::vector<Statement>> result = parse(sql, "f.sql");
  return result ? "accepted" : result.error().message;
}

inline Statement one(const std::string& sql) {
  Result<std::vector<Statement>> result = parse(sql, "f.sql");
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  if (!result || result->size() != 1) return Statement{};
  return std::move((*result)[0]);
}

}  // namespace ticklake::sql
