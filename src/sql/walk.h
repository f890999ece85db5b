// The direct children of syntax tree nodes, for walks that treat most nodes alike.
#pragma once

#include <functional>

#include "sql/ast.h"

namespace ticklake::sql {

using ExpressionNode = decltype(Expression::node);

struct ChildVisitor {
  std::function<void(const Expression&)> expression;
  std::function<void(const Query&)> query;
  std::function<void(const FromItem&)> from = nullptr;  // only queries and joins have them
};

void for_each_child(const ExpressionNode& node, const ChildVisitor& visit);
void for_each_child(const FromItem& item, const ChildVisitor& visit);
void for_each_child(const Query& query, const ChildVisitor& visit);

// 1 and the depth of the deepest child.
int depth_of(const ExpressionNode& node);
int depth_of(const FromItem& item);
int depth_of(const Query& query);

}  // namespace ticklake::sql
