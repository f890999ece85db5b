#include "sql/walk.h"

#include <algorithm>

namespace ticklake::sql {

namespace {

// Calls the visitor for the children of one node, whatever its kind.
class Walker {
 public:
  explicit Walker(const ChildVisitor& visit) : visit_(visit) {}

  void operator()(const Literal&) const {}
  void operator()(const IntervalLiteral&) const {}
  void operator()(const ColumnReference&) const {}
  void operator()(const Star&) const {}
  void operator()(const Unary& node) const { one(node.operand); }
  void operator()(const Binary& node) const { one(node.left), one(node.right); }
  void operator()(const IsTest& node) const { one(node.operand); }
  void operator()(const IsDistinct& node) const { one(node.left), one(node.right); }
  void operator()(const Between& node) const {
    one(node.operand), one(node.low), one(node.high);
  }
  void operator()(const InList& node) const { one(node.operand), all(node.list); }
  void operator()(const InSubquery& node) const { one(node.operand), visit_.query(*node.query); }
  void operator()(const Exists& node) const { visit_.query(*node.query); }
  void operator()(const ScalarSubquery& node) const { visit_.query(*node.query); }
  void operator()(const Like& node) const { one(node.operand), one(node.pattern); }
  void operator()(const Case& node) const {
    one(node.operand);
    for (const Case::When& when : node.whens) one(when.condition), one(when.result);
    one(node.otherwise);
  }
  void operator()(const Cast& node) const { one(node.operand); }
  void operator()(const Extract& node) const { one(node.operand); }
  void operator()(const Trim& node) const { one(node.characters), one(node.operand); }
  void operator()(const Call& node) const {
    for (const Argument& argument : node.arguments) one(argument.value);
    sorted(node.within);
    one(node.filter);
    if (node.over) spec(*node.over);
  }
  void operator()(const FieldAccess& node) const { one(node.operand); }
  void operator()(const Subscript& node) const { one(node.operand), one(node.index); }
  void operator()(const Lambda& node) const { one(node.body); }
  void operator()(const Alias& node) const { one(node.operand); }

  void operator()(const TableName& node) const { one(node.timestamp); }
  void operator()(const TableFunction& node) const {
    for (const Argument& argument : node.arguments) one(argument.value);
  }
  void operator()(const DerivedTable& node) const { visit_.query(*node.query); }
  void operator()(const Join& node) const {
    if (visit_.from) visit_.from(*node.left), visit_.from(*node.right);
    one(node.on);
  }

  void operator()(const Pivot& node) const {
    if (visit_.from) visit_.from(*node.input);
    for (const SelectItem& item : node.aggregates) one(item.expression);
    all(node.columns);
    for (const SelectItem& item : node.values) one(item.expression);
  }
  void operator()(const Unpivot& node) const {
    if (visit_.from) visit_.from(*node.input);
    for (const Unpivot::Group& group : node.groups) all(group.columns);
  }

  void operator()(const Select& node) const {
    for (const SelectItem& item : node.items) one(item.expression);
    for (const FromItemPtr& item : node.from) {
      if (visit_.from) visit_.from(*item);
    }
    for (const LateralView& view : node.views) one(view.call);
    one(node.where);
    all(node.group_by);
    one(node.having);
    one(node.qualify);
    for (const NamedWindow& window : node.windows) spec(window.spec);
  }
  void operator()(const SetOperation& node) const {
    visit_.query(*node.left), visit_.query(*node.right);
  }
  void operator()(const Values& node) const {
    for (const std::vector<ExpressionPtr>& row : node.rows) all(row);
  }

  void one(const ExpressionPtr& child) const {
    if (child) visit_.expression(*child);
  }
  void sorted(const std::vector<SortItem>& items) const {
    for (const SortItem& item : items) one(item.expression);
  }

 private:
  void all(const std::vector<ExpressionPtr>& children) const {
    for (const ExpressionPtr& child : children) one(child);
  }
  void spec(const WindowSpec& window) const {
    all(window.partition_by);
    sorted(window.order_by);
    if (window.frame) one(window.frame->start.offset), one(window.frame->end.offset);
  }

  const ChildVisitor& visit_;
};

template <typename Node>
int depth_by_children(const Node& node) {
  int deepest = 0;
  auto note = [&](const auto& child) { deepest = std::max(deepest, child.depth); };
  for_each_child(node, ChildVisitor{note, note, note});
  return deepest + 1;
}

}  // namespace

void for_each_child(const ExpressionNode& node, const ChildVisitor& visit) {
  std::visit(Walker(visit), node);
}

void for_each_child(const FromItem& item, const ChildVisitor& visit) {
  Walker walker(visit);
  std::visit(walker, item.node);
  if (item.watermark) walker.one(item.watermark->expression);
}

void for_each_child(const Query& query, const ChildVisitor& visit) {
  for (const CommonTable& table : query.ctes) visit.query(*table.query);
  Walker walker(visit);
  std::visit(walker, query.body);
  walker.sorted(query.order_by);
  walker.one(query.limit);
  walker.one(query.offset);
}

int depth_of(const ExpressionNode& node) { return depth_by_children(node); }
int depth_of(const FromItem& item) { return depth_by_children(item); }
int depth_of(const Query& query) { return depth_by_children(query); }

}  // namespace ticklake::sql
