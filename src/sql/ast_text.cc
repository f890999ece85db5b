// Spark's text of expressions, which names columns without an alias.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "sql/ast.h"
#include "sql/printer.h"

namespace ticklake::sql {

namespace {

constexpr std::array<std::string_view, 6> kUnitNames = {"YEAR", "MONTH",  "DAY",
                                                        "HOUR", "MINUTE", "SECOND"};

// "05" and "05.5"
std::string seconds_text(int64_t micros) {
  std::string text = fmt::format("{:02}", micros / kMicrosPerSecond);
  if (int64_t fraction = micros % kMicrosPerSecond) {
    text += fmt::format(".{:06}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

std::string day_time_text(int64_t micros, IntervalUnit first, IntervalUnit last) {
  constexpr std::array<int64_t, 6> kSizes = {
      0, 0, kMicrosPerDay, kMicrosPerHour, kMicrosPerMinute, kMicrosPerSecond};
  std::string out;
  for (auto field = static_cast<size_t>(first); field <= static_cast<size_t>(last); ++field) {
    bool leading = out.empty();
    auto unit = static_cast<IntervalUnit>(field);
    if (!leading) out += unit == IntervalUnit::Hour ? ' ' : ':';
    if (unit == IntervalUnit::Second) {
      out += seconds_text(micros);
    } else if (unit == IntervalUnit::Day) {
      out += fmt::format("{}", micros / kSizes[field]);
    } else {
      out += fmt::format("{:02}", micros / kSizes[field]);
    }
    micros %= kSizes[field];
  }
  return out;
}

std::string year_month_text(int64_t months, IntervalUnit first, IntervalUnit last) {
  if (first != last) return fmt::format("{}-{}", months / 12, months % 12);
  return fmt::format("{}", first == IntervalUnit::Year ? months / 12 : months);
}

// The shortest digits that read back as the value, in Java's layout: 1000.0, 1.0E7, 1.5E-4.
template <typename Number>
std::string java_number(Number value) {
  Number size = std::fabs(value);
  std::array<char, 64> buffer;
  bool plain = size == 0 || (size >= Number(1e-3) && size < Number(1e7));
  auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  std::string text(buffer.data(), end);
  size_t exponent = text.find('e');
  std::string mantissa = text.substr(0, exponent);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  if (exponent == std::string::npos) return mantissa;
  return fmt::format("{}E{}", mantissa, std::stoi(text.substr(exponent + 1)));
}

std::string_view symbol(Binary::Op op) {
  using Op = Binary::Op;
  switch (op) {
    case Op::Add: return "+";
    case Op::Subtract: return "-";
    case Op::Multiply: return "*";
    case Op::Divide: return "/";
    case Op::Modulo: return "%";
    case Op::IntegerDivide: return "div";
    case Op::Concat: return "||";
    case Op::BitAnd: return "&";
    case Op::BitOr: return "|";
    case Op::BitXor: return "^";
    case Op::ShiftLeft: return "<<";
    case Op::ShiftRight: return ">>";
    case Op::ShiftRightUnsigned: return ">>>";
    case Op::Equal:
    case Op::NotEqual: return "=";
    case Op::NullSafeEqual: return "<=>";
    case Op::Less: return "<";
    case Op::LessEqual: return "<=";
    case Op::Greater: return ">";
    case Op::GreaterEqual: return ">=";
    case Op::And: return "AND";
    case Op::Or: return "OR";
  }
  return "";
}

std::string negated_if(bool negated, std::string text) {
  return negated ? fmt::format("(NOT {})", text) : text;
}

struct Spelling {
  std::string_view name;
  size_t arguments;
  std::string_view text;
};

// Calls that Spark names otherwise: by another name, or with the arguments left out.
constexpr std::array kSpellings = {
    Spelling{"aggregate", 3,
             "aggregate({0}, {1}, {2}, lambdafunction(namedlambdavariable(), "
             "namedlambdavariable()))"},
    Spelling{"approx_percentile", 2, "approx_percentile({0}, {1}, 10000)"},
    // Spark's own order of elements, as a lambda
    Spelling{"array_sort", 1,
             "array_sort({0}, lambdafunction((IF(((namedlambdavariable() IS NULL) AND "
             "(namedlambdavariable() IS NULL)), 0, (IF((namedlambdavariable() IS NULL), 1, "
             "(IF((namedlambdavariable() IS NULL), -1, (IF((namedlambdavariable() < "
             "namedlambdavariable()), -1, (IF((namedlambdavariable() > namedlambdavariable()), 1, "
             "0)))))))))), namedlambdavariable(), namedlambdavariable()))"},
    Spelling{"assert_true", 1, "assert_true({0}, '{0}' is not true!)"},
    Spelling{"ceil", 2, "ceil({0}, {1})"},
    Spelling{"datepart", 2, "datepart({0} FROM {1})"},
    Spelling{"floor", 2, "floor({0}, {1})"},
    Spelling{"like", 2, "{0} LIKE {1}"},
    Spelling{"listagg", 1, "listagg({0}, NULL)"},
    Spelling{"months_between", 2, "months_between({0}, {1}, true)"},
    Spelling{"overlay", 3, "overlay({0}, {1}, {2}, -1)"},
    Spelling{"percentile", 2, "percentile({0}, {1}, 1)"},
    Spelling{"percentile_approx", 2, "percentile_approx({0}, {1}, 10000)"},
    Spelling{"positive", 1, "(+ {0})"},
    Spelling{"reduce", 3,
             "reduce({0}, {1}, {2}, lambdafunction(namedlambdavariable(), "
             "namedlambdavariable()))"},
    Spelling{"sort_array", 1, "sort_array({0}, true)"},
    Spelling{"str_to_map", 1, "str_to_map({0}, ,, :)"},
    Spelling{"str_to_map", 2, "str_to_map({0}, {1}, :)"},
    Spelling{"regexp_instr", 2, "regexp_instr({0}, {1}, 0)"},
    Spelling{"string_agg", 1, "listagg({0}, NULL)"},
    Spelling{"string_agg", 2, "listagg({0}, {1})"},
    Spelling{"array_agg", 1, "collect_list({0})"},
    Spelling{"bround", 1, "bround({0}, 0)"},
    Spelling{"curdate", 0, "current_date()"},
    Spelling{"date", 1, "{0}"},
    Spelling{"date_add", 3, "timestampadd({0}, {1}, {2})"},
    Spelling{"date_diff", 3, "timestampdiff({0}, {1}, {2})"},
    Spelling{"dateadd", 2, "date_add({0}, {1})"},
    Spelling{"dateadd", 3, "timestampadd({0}, {1}, {2})"},
    Spelling{"datediff", 3, "timestampdiff({0}, {1}, {2})"},
    Spelling{"from_json", 2, "from_json({0})"},
    Spelling{"from_unixtime", 1, "from_unixtime({0}, yyyy-MM-dd HH:mm:ss)"},
    Spelling{"if", 3, "(IF({0}, {1}, {2}))"},
    Spelling{"isnotnull", 1, "({0} IS NOT NULL)"},
    Spelling{"isnull", 1, "({0} IS NULL)"},
    Spelling{"locate", 2, "locate({0}, {1}, 1)"},
    Spelling{"log", 2, "LOG({0}, {1})"},
    Spelling{"log", 1, "LOG(E(), {0})"},
    Spelling{"ltrim", 2, "TRIM(LEADING {0} FROM {1})"},
    Spelling{"lpad", 2, "lpad({0}, {1},  )"},
    Spelling{"position", 2, "position({0}, {1}, 1)"},
    Spelling{"regexp_replace", 3, "regexp_replace({0}, {1}, {2}, 1)"},
    Spelling{"round", 1, "round({0}, 0)"},
    Spelling{"rpad", 2, "rpad({0}, {1},  )"},
    Spelling{"rtrim", 2, "TRIM(TRAILING {0} FROM {1})"},
    Spelling{"trim", 2, "TRIM(BOTH {0} FROM {1})"},
    Spelling{"split", 2, "split({0}, {1}, -1)"},
    Spelling{"substr", 2, "substr({0}, {1}, 2147483647)"},
    Spelling{"substring", 2, "substring({0}, {1}, 2147483647)"},
    Spelling{"timestamp", 1, "{0}"},
    Spelling{"to_unix_timestamp", 1, "to_unix_timestamp({0}, yyyy-MM-dd HH:mm:ss)"},
    Spelling{"session_window", 2, "session_window"},
    Spelling{"unix_timestamp", 1, "unix_timestamp({0}, yyyy-MM-dd HH:mm:ss)"},
    Spelling{"window", 2, "window"},
    Spelling{"window", 3, "window"},
    Spelling{"window", 4, "window"},
};

// Names that Spark writes in upper case.
constexpr std::array<std::string_view, 38> kUpper = {
    "acos",  "acosh",   "asin",       "asinh",       "atan",  "atan2",        "atanh", "cbrt",
    "ceil",  "cos",     "cosh",       "cot",         "csc",   "degrees",      "e",     "exp",
    "expm1", "floor",   "hypot",      "log10",       "log1p", "log2",         "pi",    "power",
    "rank",  "radians", "dense_rank", "regexp_like", "rlike", "percent_rank", "sec",   "regexp",
    "sin",   "sinh",    "signum",     "sqrt",        "tan",   "tanh"};

std::string spelling(std::string_view name, size_t arguments) {
  auto found = std::find_if(kSpellings.begin(), kSpellings.end(), [&](const Spelling& one) {
    return one.name == name && one.arguments == arguments;
  });
  return found == kSpellings.end() ? "" : std::string(found->text);
}

bool ranks(std::string_view function) {
  constexpr std::array<std::string_view, 5> kRanking = {"row_number", "rank", "dense_rank",
                                                        "percent_rank", "ntile"};
  return std::any_of(kRanking.begin(), kRanking.end(), [&](std::string_view name) {
    return equal_ignoring_case(function, name);
  });
}

// One overload a kind of node.
class Printer {
 public:
  explicit Printer(const Texts& known) : known_(known) {}

  std::string text(const Expression& expression) const {
    auto window = known_.windows.find(&expression);
    if (window != known_.windows.end()) {
      return call_text(std::get<Call>(expression.node), window->second);
    }
    auto known = known_.patterns.find(&expression);
    if (known == known_.patterns.end()) return std::visit(*this, expression.node);
    if (const auto* binary = std::get_if<Binary>(&expression.node)) {
      return filled(known->second, {text(*binary->left), text(*binary->right)});
    }
    if (const auto* field = std::get_if<Subscript>(&expression.node)) {
      return filled(known->second, {text(*field->operand), text(*field->index)});
    }
    if (const auto* in = std::get_if<InSubquery>(&expression.node)) {
      return filled(known->second, {text(*in->operand)});
    }
    return known->second;
  }

  std::string operator()(const Literal& node) const {
    switch (node.type.kind) {
      case Kind::Double: return java_number(std::strtod(node.text.c_str(), nullptr));
      case Kind::Float: return java_number(std::strtof(node.text.c_str(), nullptr));
      case Kind::Date: return fmt::format("DATE '{}'", node.text);
      case Kind::Timestamp: return fmt::format("TIMESTAMP '{}'", node.text);
      case Kind::TimestampNtz: return fmt::format("TIMESTAMP_NTZ '{}'", node.text);
      case Kind::Binary: {
        std::string hex;
        for (char c : node.text) hex += fmt::format("{:02X}", static_cast<unsigned char>(c));
        return fmt::format("X'{}'", hex);
      }
      default: return node.text;
    }
  }
  std::string operator()(const IntervalLiteral& node) const { return to_text(node); }
  std::string operator()(const ColumnReference& node) const {
    for (const std::string& name : variables_) {
      if (!equal_ignoring_case(name, node.parts[0])) continue;
      std::vector<std::string> parts = node.parts;
      parts[0] = kVariable;
      return joined(parts, ".");
    }
    return joined(node.parts, ".");
  }
  std::string operator()(const Star& node) const {
    return node.qualifier.empty() ? "*" : joined(node.qualifier, ".") + ".*";
  }
  std::string operator()(const Unary& node) const {
    std::string operand = text(*node.operand);
    switch (node.op) {
      case Unary::Op::Minus: return fmt::format("(- {})", operand);
      case Unary::Op::Plus: return fmt::format("(+ {})", operand);
      case Unary::Op::BitNot: return fmt::format("~{}", operand);
      case Unary::Op::Not: return fmt::format("(NOT {})", operand);
    }
    return operand;
  }
  std::string operator()(const Binary& node) const {
    std::string left = text(*node.left), right = text(*node.right);
    if (node.op == Binary::Op::Concat) return fmt::format("concat({}, {})", left, right);
    return negated_if(node.op == Binary::Op::NotEqual,
                      fmt::format("({} {} {})", left, symbol(node.op), right));
  }
  std::string operator()(const IsTest& node) const {
    std::string operand = text(*node.operand);
    bool null_test = node.what == IsTest::What::Null || node.what == IsTest::What::Unknown;
    if (null_test) return fmt::format("({} IS {}NULL)", operand, node.negated ? "NOT " : "");
    std::string_view truth = node.what == IsTest::What::True ? "true" : "false";
    return negated_if(node.negated, fmt::format("({} <=> {})", operand, truth));
  }
  std::string operator()(const IsDistinct& node) const {
    return negated_if(!node.negated,
                      fmt::format("({} <=> {})", text(*node.left), text(*node.right)));
  }
  std::string operator()(const Between& node) const {
    return negated_if(node.negated,
                      fmt::format("between({}, {}, {})", text(*node.operand),
                                  text(*node.low), text(*node.high)));
  }
  std::string operator()(const InList& node) const {
    return negated_if(node.negated,
                      fmt::format("({} IN ({}))", text(*node.operand), texts(node.list)));
  }
  std::string operator()(const InSubquery& node) const {
    return negated_if(node.negated, fmt::format("({} IN (listquery()))", text(*node.operand)));
  }
  std::string operator()(const Exists&) const { return "exists()"; }
  std::string operator()(const ScalarSubquery&) const { return "scalarsubquery()"; }
  std::string operator()(const Like& node) const {
    std::string operand = text(*node.operand), pattern = text(*node.pattern);
    std::string escape = node.escape == "\\" ? "" : fmt::format(" ESCAPE '{}'", node.escape);
    switch (node.op) {
      case Like::Op::Like:
        return negated_if(node.negated, fmt::format("{} LIKE {}{}", operand, pattern, escape));
      case Like::Op::ILike:
        return negated_if(node.negated, fmt::format("ilike({}, {})", operand, pattern));
      case Like::Op::RLike: break;
    }
    return negated_if(node.negated, fmt::format("RLIKE({}, {})", operand, pattern));
  }
  std::string operator()(const Case& node) const {
    std::string out = "CASE";
    for (const Case::When& when : node.whens) {
      std::string condition = text(*when.condition);
      if (node.operand) condition = fmt::format("({} = {})", text(*node.operand), condition);
      out += fmt::format(" WHEN {} THEN {}", condition, text(*when.result));
    }
    if (node.otherwise) out += fmt::format(" ELSE {}", text(*node.otherwise));
    return out + " END";
  }
  std::string operator()(const Cast& node) const {
    return fmt::format("{}({} AS {})", node.is_try ? "TRY_CAST" : "CAST", text(*node.operand),
                       to_sql(node.type));
  }
  std::string operator()(const Extract& node) const {
    return fmt::format("extract({} FROM {})", node.written, text(*node.operand));
  }
  std::string operator()(const Trim& node) const {
    constexpr std::array<std::string_view, 3> kSides = {"BOTH", "LEADING", "TRAILING"};
    constexpr std::array<std::string_view, 3> kPlain = {"trim", "ltrim", "rtrim"};
    auto side = static_cast<size_t>(node.side);
    if (!node.characters) return fmt::format("{}({})", kPlain[side], text(*node.operand));
    return fmt::format("TRIM({} {} FROM {})", kSides[side], text(*node.characters),
                       text(*node.operand));
  }
  std::string operator()(const Call& node) const {
    return call_text(node, node.over ? &*node.over : nullptr);
  }
  std::string operator()(const FieldAccess& node) const {
    return fmt::format("{}.{}", text(*node.operand), node.field);
  }
  std::string operator()(const Subscript& node) const {
    return fmt::format("{}[{}]", text(*node.operand), text(*node.index));
  }
  std::string operator()(const Lambda& node) const {
    Printer inner(*this);
    std::string parameters;
    for (const std::string& name : node.parameters) {
      inner.variables_.push_back(name);
      parameters += std::string(", ") + kVariable;
    }
    return fmt::format("lambdafunction({}{})", inner.text(*node.body), parameters);
  }
  std::string operator()(const Alias& node) const {
    return fmt::format("{} AS {}", text(*node.operand), node.name);
  }

 private:
  std::string row_text(const Call& row) const {
    std::string out;
    for (const Argument& cell : row.arguments) {
      const auto* alias = std::get_if<Alias>(&cell.value->node);
      std::string name = alias != nullptr ? alias->name : field_name(*cell.value, row, cell);
      out += fmt::format("{}{}, {}", out.empty() ? "" : ", ", name, text(*cell.value));
    }
    return fmt::format("named_struct({})", out);
  }

  static std::string field_name(const Expression& value, const Call& row, const Argument& cell) {
    bool named = std::holds_alternative<ColumnReference>(value.node) ||
                 std::holds_alternative<FieldAccess>(value.node);
    if (named) return default_name(value);
    return fmt::format("col{}", &cell - row.arguments.data() + 1);
  }

  std::string call_text(const Call& node, const WindowSpec* over) const {
    if (node.row) return row_text(node);
    std::vector<std::string> arguments;
    for (const Argument& argument : node.arguments) arguments.push_back(argument_text(argument));
    std::string name = lowered(node.name);
    bool offset = over != nullptr && (name == "lag" || name == "lead");
    if (offset && arguments.size() < 2) arguments.emplace_back("1");
    if (offset && arguments.size() < 3) arguments.emplace_back("NULL");
    std::string pattern = spelling(name, arguments.size());
    if (node.distinct && !pattern.empty()) pattern.insert(pattern.find('(') + 1, "DISTINCT ");
    if (std::find(kUpper.begin(), kUpper.end(), name) != kUpper.end()) name = uppered(name);
    std::string out = pattern.empty()
                          ? fmt::format("{}({}{})", name, node.distinct ? "DISTINCT " : "",
                                        joined(arguments, ", "))
                          : filled(pattern, arguments);
    if (!node.within.empty()) out += within_text(name, node.within);
    if (node.filter) out += fmt::format(" FILTER (WHERE {})", text(*node.filter));
    if (node.nulls == Call::Nulls::Ignore && name == "nth_value") out += " ignore nulls";
    if (over != nullptr) out += " OVER " + window_text(*over, node);
    return out;
  }

  std::string texts(const std::vector<ExpressionPtr>& expressions) const {
    std::string out;
    for (const ExpressionPtr& expression : expressions) {
      if (!out.empty()) out += ", ";
      out += text(*expression);
    }
    return out;
  }

  std::string bound_text(const FrameBound& bound) const {
    using BoundKind = FrameBound::Kind;
    switch (bound.kind) {
      case BoundKind::UnboundedPreceding: return "UNBOUNDED PRECEDING";
      case BoundKind::UnboundedFollowing: return "UNBOUNDED FOLLOWING";
      case BoundKind::CurrentRow: return "CURRENT ROW";
      case BoundKind::Preceding: return text(*bound.offset) + " PRECEDING";
      case BoundKind::Following: return text(*bound.offset) + " FOLLOWING";
    }
    return "";
  }

  // The frame as written, or the one that Spark takes without one.
  std::string frame_text(const WindowSpec& spec, const Call& call) const {
    if (spec.frame) {
      std::string_view unit = spec.frame->unit == WindowFrame::Unit::Rows ? "ROWS" : "RANGE";
      return fmt::format("{} BETWEEN {} AND {}", unit, bound_text(spec.frame->start),
                         bound_text(spec.frame->end));
    }
    bool lag = equal_ignoring_case(call.name, "lag");
    if (lag || equal_ignoring_case(call.name, "lead")) {
      std::string rows = call.arguments.size() > 1 ? text(*call.arguments[1].value) : "1";
      if (lag) rows = rows.starts_with('-') ? rows.substr(1) : "-" + rows;
      return fmt::format("ROWS BETWEEN {} FOLLOWING AND {} FOLLOWING", rows, rows);
    }
    if (ranks(call.name)) return "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
    if (spec.order_by.empty()) return "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";
    return "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
  }

  std::string sorted(const std::vector<SortItem>& items) const {
    std::string out;
    for (const SortItem& item : items) {
      out += fmt::format("{}{} {} NULLS {}", out.empty() ? "" : ", ", text(*item.expression),
                         item.descending ? "DESC" : "ASC", item.nulls_first ? "FIRST" : "LAST");
    }
    return out;
  }

  std::string within_text(std::string_view function, const std::vector<SortItem>& items) const {
    bool plain = function.starts_with("percentile");
    std::string order =
        plain ? text(*items[0].expression) + (items[0].descending ? " DESC" : "") : sorted(items);
    return fmt::format(" WITHIN GROUP (ORDER BY {})", order);
  }

  std::string window_text(const WindowSpec& spec, const Call& call) const {
    if (!spec.name.empty()) return spec.name;
    std::string out;
    if (!spec.partition_by.empty()) out = fmt::format("PARTITION BY {} ", texts(spec.partition_by));
    if (!spec.order_by.empty()) out += fmt::format("ORDER BY {} ", sorted(spec.order_by));
    return fmt::format("({}{})", out, frame_text(spec, call));
  }

  std::string argument_text(const Argument& argument) const {
    bool star = std::holds_alternative<Star>(argument.value->node);
    std::string value = star ? "1" : text(*argument.value);
    return argument.name.empty() ? value : fmt::format("{} => {}", argument.name, value);
  }

  static constexpr const char* kVariable = "namedlambdavariable()";

  const Texts& known_;
  std::vector<std::string> variables_;  // of the lambdas around
};

}  // namespace

std::string to_text(const Expression& expression, const Texts& texts) {
  return Printer(texts).text(expression);
}

std::string default_name(const Expression& expression, const Texts& texts) {
  if (const auto* reference = std::get_if<ColumnReference>(&expression.node)) {
    return reference->parts.back();
  }
  if (const auto* cast = std::get_if<Cast>(&expression.node)) {
    if (std::holds_alternative<ColumnReference>(cast->operand->node)) {
      // the column itself, but not a field in it
      std::string name = to_text(*cast->operand, texts);
      std::string last = default_name(*cast->operand, texts);
      bool known = texts.patterns.contains(cast->operand.get());
      if (!known || name == last) return last;
    }
  }
  return to_text(expression, texts);
}

std::string to_text(const IntervalLiteral& interval) {
  bool months = interval.first <= IntervalUnit::Month;
  bool negative = months ? interval.months < 0 : interval.micros < 0;
  // As the magnitude of the smallest number does not fit, it is cut by one micro.
  int64_t micros = interval.micros == INT64_MIN ? INT64_MAX : std::abs(interval.micros);
  std::string body = months ? year_month_text(std::abs(int64_t{interval.months}), interval.first,
                                              interval.last)
                            : day_time_text(micros, interval.first, interval.last);
  std::string_view first = kUnitNames[static_cast<size_t>(interval.first)];
  std::string_view last = kUnitNames[static_cast<size_t>(interval.last)];
  std::string unit(first);
  if (first != last) unit += fmt::format(" TO {}", last);
  return fmt::format("INTERVAL '{}{}' {}", negative ? "-" : "", body, unit);
}

}  // namespace ticklake::sql
