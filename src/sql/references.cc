#include <algorithm>
#include <set>

#include "base/text.h"
#include "sql/walk.h"

namespace ticklake::sql {

namespace {

// Names of WITH hide tables for the rest of their WITH and in the query behind it.
class Collector {
 public:
  void query(const Query& query) {
    std::set<std::string> outer = hidden_;
    for (const CommonTable& table : query.ctes) {
      this->query(*table.query);
      hidden_.insert(lowered(table.name));
    }
    Query without_ctes = query;
    without_ctes.ctes.clear();
    for_each_child(without_ctes, visitor());
    hidden_ = std::move(outer);
  }

  void expression(const Expression& expression) { for_each_child(expression.node, visitor()); }

  void changes(const AutoCdc& cdc) {
    item(*cdc.source);
    for (const auto& part : {cdc.delete_when, cdc.truncate_when, cdc.sequence}) {
      if (part) expression(*part);
    }
  }

  std::vector<Reference> take() { return std::move(found_); }

 private:
  ChildVisitor visitor() {
    return {[this](const Expression& child) { expression(child); },
            [this](const Query& child) { query(child); },
            [this](const FromItem& child) { item(child); }};
  }

  void item(const FromItem& item) {
    if (const auto* table = std::get_if<TableName>(&item.node)) {
      bool hidden = table->parts.size() == 1 && hidden_.contains(lowered(table->parts[0]));
      if (!hidden) found_.push_back({table->parts, item.streaming, item.position});
    } else if (const auto* function = std::get_if<TableFunction>(&item.node)) {
      if (equal_ignoring_case(function->name, "read_kafka") ||
          equal_ignoring_case(function->name, "read_files")) {
        found_.push_back({{}, item.streaming, item.position});
      }
    }
    for_each_child(item, visitor());
  }

  std::set<std::string> hidden_;
  std::vector<Reference> found_;
};

}  // namespace

std::vector<Reference> references(const Statement& statement) {
  Collector collector;
  if (statement.query) collector.query(*statement.query);
  if (statement.cdc) collector.changes(*statement.cdc);
  for (const Expectation& expectation : statement.expectations) {
    collector.expression(*expectation.condition);
  }
  return collector.take();
}

}  // namespace ticklake::sql
