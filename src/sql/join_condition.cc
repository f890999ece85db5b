#include "sql/join_condition.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace ticklake::sql {
namespace {

using Op = Binary::Op;

void split_by(Op op, const Expression& expression, std::vector<const Expression*>& out) {
  const auto* binary = std::get_if<Binary>(&expression.node);
  if (binary == nullptr || binary->op != op) {
    out.push_back(&expression);
    return;
  }
  split_by(op, *binary->left, out);
  split_by(op, *binary->right, out);
}

// value < end, or <=
struct Below {
  const Expression* value;
  const Expression* end;
  bool may_equal;
};

std::optional<Below> below(const Expression& expression) {
  const auto* binary = std::get_if<Binary>(&expression.node);
  if (binary == nullptr) return {};
  const Expression* left = binary->left.get();
  const Expression* right = binary->right.get();
  switch (binary->op) {
    case Op::Less: return Below{left, right, false};
    case Op::LessEqual: return Below{left, right, true};
    case Op::Greater: return Below{right, left, false};
    case Op::GreaterEqual: return Below{right, left, true};
    default: return {};
  }
}

const Expression* tested_for_null(const Expression& expression) {
  const auto* test = std::get_if<IsTest>(&expression.node);
  bool is_null = test != nullptr && test->what == IsTest::What::Null && !test->negated;
  return is_null ? test->operand.get() : nullptr;
}

// Of `end IS NULL OR value < end`, in either order.
std::optional<Below> open_ended(const Expression& part) {
  std::vector<const Expression*> either;
  split_by(Op::Or, part, either);
  if (either.size() != 2) return {};
  if (tested_for_null(*either[0]) == nullptr) std::swap(either[0], either[1]);
  const Expression* tested = tested_for_null(*either[0]);
  auto found = below(*either[1]);
  if (tested == nullptr || !found || to_text(*tested) != to_text(*found->end)) return {};
  return found;
}

// Whether the part is not true where the value is NULL.
bool rules_out_null(const Expression& part, const std::string& value) {
  auto found = below(part);
  return found && (to_text(*found->value) == value || to_text(*found->end) == value);
}

// As text: an open end lies beyond all values. Nothing: not of this type.
Result<std::optional<std::string>> compared(const Below& below, const OnParts& parts) {
  Typed both[] = {TRY(parts.value(*below.value)), TRY(parts.value(*below.end))};
  auto type = common_type(both);
  if (!type || both[0].may_fail || both[1].may_fail) return std::optional<std::string>();
  std::string stored, beyond;
  if (type->kind == Kind::Timestamp || type->kind == Kind::TimestampNtz) {
    stored = "TIMESTAMP";
    beyond = "CAST('infinity' AS TIMESTAMP)";
  } else if (type->kind == Kind::Date) {
    stored = "DATE";
    beyond = "CAST('infinity' AS DATE)";
  } else if (type->is_integral()) {
    stored = "HUGEINT";
    beyond = "100000000000000000000";  // more than any BIGINT
  } else {
    return std::optional<std::string>();
  }
  Typed value = TRY(cast(both[0], *type));
  Typed end = TRY(cast(both[1], *type));
  return std::optional("CAST(" + value.sql + " AS " + stored + ")" +
                       (below.may_equal ? " <= " : " < ") + "COALESCE(CAST(" + end.sql + " AS " +
                       stored + "), " + beyond + ")");
}

}  // namespace

Result<std::string> join_condition(const Expression& on, const OnParts& parts) {
  std::vector<const Expression*> all;
  split_by(Op::And, on, all);
  std::vector<std::optional<std::string>> texts(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    auto open = open_ended(*all[i]);
    if (!open) continue;
    std::string value = to_text(*open->value);
    bool ruled_out = std::ranges::any_of(
        all, [&](const Expression* other) { return rules_out_null(*other, value); });
    if (ruled_out) texts[i] = TRY(compared(*open, parts));
  }
  bool any = std::ranges::any_of(texts, [](const auto& text) { return text.has_value(); });
  if (!any) {
    Typed whole = TRY(parts.condition(on));
    return std::move(whole.sql);
  }
  std::string out;
  for (size_t i = 0; i < all.size(); ++i) {
    std::string text = texts[i].value_or("");
    if (!texts[i]) {
      Typed condition = TRY(parts.condition(*all[i]));
      text = condition.sql;
      // What an earlier part rules out must not raise an error in a later one.
      if (condition.may_fail && !out.empty())
        text = "CASE WHEN " + out + " THEN " + text + " ELSE FALSE END";
    }
    out += (out.empty() ? "(" : " AND (") + text + ")";
  }
  return out;
}

}  // namespace ticklake::sql
